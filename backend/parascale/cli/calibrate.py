from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import (
    DepthScale,
    JsonOption,
    foreign_output_on_stderr,
    open_shot,
    print_json,
    print_notes,
    progress_bar,
    require_blender,
)
from parascale.cli.numbers import MOST_FRAMES, number
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot
from parascale.errors import InputError


def calibrate(
    shot: Annotated[Path, typer.Argument(help="The reference shot.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The shot file to write.")],
    depth: Annotated[float | None, number("Median depth of the target, if nothing more is known.")] = None,
    depth_map: Annotated[Path | None, typer.Option(help="The target's depth map: EXR, 16-bit PNG, .npy, .npz.")] = None,
    depth_scale: DepthScale = None,
    fov: Annotated[
        float | None, number("Horizontal field of view of the depth map, degrees.", above=0, below=180)
    ] = None,
    scene: Annotated[Path | None, typer.Option(help="The target: a .blend file.")] = None,
    camera: Annotated[str | None, typer.Option(help="Camera to start from; default: the active camera.")] = None,
    method: Annotated[str, typer.Option(help="How the gain is found: {methods}.")] = "closed-loop",
    strength: Annotated[float, number("Multiplies the Parallax Number.", least=0, most=1e6)] = 1.0,
    smooth: Annotated[
        float, number("Sigma in frames of a Gaussian over the gain; 0 is off.", least=0, most=MOST_FRAMES)
    ] = 0.0,
    lens: Annotated[str, typer.Option(help="Lens of the realised camera: {lenses}.")] = "keep",
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Transfer a shot's motion to a target so that every frame keeps its Parallax Number."""
    from parascale.parallax.calibrate import Settings
    from parascale.parallax.calibrate import calibrate as calibrate_shot
    from parascale.parallax.gauge import compare_depth
    from parascale.parallax.target import constant_target

    if sum(target is not None for target in (depth, depth_map, scene)) != 1:
        raise InputError("give the target by exactly one of --depth, --depth-map and --scene")
    check_outputs("calibrate", output_of("shot", output), (shot, depth_map, scene), overwrite=overwrite)
    reference = open_shot(shot)
    file = None
    if depth is not None:
        target = constant_target(depth, reference)
    elif depth_map is not None:
        from parascale.media.depth_file import read_depth_map
        from parascale.projection.depth_map import depth_map_target

        file = read_depth_map(depth_map, depth_scale)
        print_notes(file.warnings)
        target = depth_map_target(file.depth, reference, fov)
    else:
        require_blender("--scene")
        from parascale.blender.scene_file import scene_target

        assert scene is not None
        with foreign_output_on_stderr():
            target = scene_target(scene, camera)
    settings = Settings(method=method, strength=strength, smooth=smooth, lens=lens)
    with progress_bar() as progress:
        result = calibrate_shot(
            reference,
            target.depth,
            target.anchor,
            settings,
            unit=target.unit,
            metres_per_unit=target.metres_per_unit,
            facts=target.facts,
            progress=progress,
        )
    if file is not None:
        print_notes(compare_depth(file.depth, result.shot))
    save_shot(result.shot, output, "calibrate")
    report = result.report.as_json() | {"output": str(output)}
    if json:
        print_json(report)
        return
    for key, value in report.items():
        print(f"{key:24} {format(value, '.4g') if isinstance(value, float) else value}")
