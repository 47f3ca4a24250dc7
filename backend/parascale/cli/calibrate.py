from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from parascale.parallax.calibrate import Calibration, Settings
    from parascale.parallax.shot import Shot
    from parascale.parallax.target import Target


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
    preset: Annotated[str, typer.Option(help="What is kept: {presets}; the options below change it.")] = "shot",
    method: Annotated[str | None, typer.Option(help="How the gain is found: {methods}.")] = None,
    strength: Annotated[float, number("Multiplies the Parallax Number.", least=0, most=1e6)] = 1.0,
    smooth: Annotated[
        float, number("Sigma in frames of a Gaussian over the gain; 0 is off.", least=0, most=MOST_FRAMES)
    ] = 0.0,
    lens: Annotated[str | None, typer.Option(help="Lens of the realised camera: {lenses}.")] = None,
    framing: Annotated[
        float | None, number("How far the camera turns to hold the subject: 0, not at all, to 1.", least=0, most=1)
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Object of the .blend file to hold; default: what stands at the subject's place.")
    ] = None,
    horizon: Annotated[str | None, typer.Option(help="The horizon: {horizons}.")] = None,
    clearance: Annotated[
        float | None, number("Distance to keep from surfaces, in the target's unit; 0 is off.", least=0)
    ] = None,
    anchor_frame: Annotated[
        int, typer.Option(help="Frame of the reference that the camera stands for; -1 is the last.")
    ] = 0,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Transfer a shot's motion to a target so that every frame keeps its Parallax Number."""
    from parascale.parallax.calibrate import Settings
    from parascale.parallax.fitting import fits
    from parascale.parallax.gauge import compare_depth

    if sum(target is not None for target in (depth, depth_map, scene)) != 1:
        raise InputError("give the target by exactly one of --depth, --depth-map and --scene")
    if subject is not None and scene is None:
        raise InputError("--subject names an object of a .blend file: give that by --scene")
    chosen = {"method": method, "lens": lens, "framing": framing, "horizon": horizon, "clearance": clearance}
    given = {name: value for name, value in chosen.items() if value is not None}
    settings = Settings.preset(preset, strength=strength, smooth=smooth, anchor_frame=anchor_frame, **given)
    check_outputs("calibrate", output_of("shot", output), (shot, depth_map, scene), overwrite=overwrite)
    reference = open_shot(shot)
    file = None
    if depth_map is not None:
        from parascale.media.depth_file import read_depth_map
        from parascale.projection.depth_map import depth_map_target

        file = read_depth_map(depth_map, depth_scale)
        print_notes(file.warnings)
        target = depth_map_target(file.depth, reference, fov)
    elif scene is not None:
        require_blender("--scene")
        from parascale.blender.scene_file import scene_target

        with foreign_output_on_stderr():
            target = scene_target(scene, camera, subject)
    else:
        from parascale.parallax.target import constant_target

        assert depth is not None
        target = constant_target(depth, reference)
    with progress_bar() as progress:
        result = _carry(reference, target, settings, progress)
    if file is not None:
        print_notes(compare_depth(file.depth, result.shot))
    save_shot(result.shot, output, "calibrate")
    if not fits(result.report):
        _offer_strength(reference, target, settings)
    _print_report(result, output, json=json)


def _carry(
    reference: "Shot", target: "Target", settings: "Settings", progress: Callable[[float, str], None] | None
) -> "Calibration":
    from parascale.parallax.calibrate import calibrate as calibrate_shot

    return calibrate_shot(
        reference,
        target.depth,
        target.anchor,
        settings,
        unit=target.unit,
        metres_per_unit=target.metres_per_unit,
        facts=target.facts,
        progress=progress,
    )


def _offer_strength(reference: "Shot", target: "Target", settings: "Settings") -> None:
    """Look for the largest strength at which no surface is in the way, and say it."""
    from dataclasses import replace

    from parascale.parallax.fitting import find_largest_strength

    own = settings.strength
    with progress_bar() as progress:
        share = find_largest_strength(
            lambda share: _carry(reference, target, replace(settings, strength=own * share), progress).report
        )
    if share is None:
        print_notes(["a surface is in the way at any strength: start elsewhere, or turn the camera"])
    else:
        print_notes([f"a surface is in the way: the move fits with --strength {share * float(own):.3g}"])


def _show(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(map(_show, value)) if isinstance(value, list) else str(value)


def _print_report(result: "Calibration", output: Path, *, json: bool) -> None:
    report = result.report.as_json() | {"output": str(output)}
    if json:
        print_json(report)
        return
    print_notes(result.report.warnings)
    for key, value in report.items():
        if key not in ("warnings", "verdict"):
            print(f"{key:24} {_show(value)}")
    for severity, told in result.report.verdict:
        print(f"{severity:8} {told}")
