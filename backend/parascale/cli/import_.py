from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.advice import sentence
from parascale.cli.common import JsonOption, print_notes, progress_bar
from parascale.cli.numbers import MOST_FPS, number, parse_size
from parascale.cli.output import SHOT_SUFFIX, Overwrite, check_outputs, output_of, save_shot, stem_of, unused_name
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.parallax.depth_source import DepthSource
    from parascale.parallax.shot import Shot


def import_(
    path: Annotated[Path, typer.Argument(help="A trajectory of another tool: file or folder.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The shot file to write; default: NAME.shot.json here.")
    ] = None,
    format: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option("--format", help="Input format, if not recognised; `parascale formats` lists them.")
    ] = None,
    depth: Annotated[float | None, number("Constant median depth, in the path's unit.")] = None,
    depth_map: Annotated[
        Path | None, typer.Option(help="Depth map seen by the first camera, .npy or .npz, in the path's unit.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="Picture size such as 832x480, if not in the file.")] = None,
    fps: Annotated[float | None, number("Frame rate, if not in the file.", most=MOST_FPS)] = None,
    fov: Annotated[
        float | None, number("Horizontal field of view in degrees, if not in the file.", above=0, below=180)
    ] = None,
    camera: Annotated[str | None, typer.Option(help="Camera name, if the file has several.")] = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Import a camera path of another tool as a shot.

    Example: parascale import poses.txt --format tum -o poses.shot.json
    """
    from parascale.cli.info import print_shot
    from parascale.files.fit import measure_parallax
    from parascale.files.raw_trajectory import UserOverrides
    from parascale.files.trajectory_file import read_trajectory

    if depth is not None and depth_map is not None:
        raise InputError("--depth and --depth-map exclude each other")
    output = output or unused_name(path.resolve().name if path.is_dir() else stem_of(path), SHOT_SUFFIX)
    check_outputs("import", output_of("shot", output), (path, depth_map), overwrite=overwrite)
    imported = read_trajectory(path, format, UserOverrides(parse_size(size), fps, fov, camera))
    shot = imported.shot
    if depth is not None or depth_map is not None:
        with progress_bar() as progress:
            shot = measure_parallax(shot, _depth_source(shot, depth, depth_map), progress)
    shot = save_shot(shot, output, "import")
    print_notes(imported.notices)
    warnings = [sentence(notice) for notice in imported.notices]
    print_shot(shot, json=json, output=output, format=imported.format, warnings=warnings)


def _depth_source(shot: "Shot", depth: float | None, depth_map: Path | None) -> "DepthSource":
    from parascale.camera import View
    from parascale.media.depth_file import read_depth_map
    from parascale.parallax.gauge import compare_depth
    from parascale.parallax.target import constant_target
    from parascale.projection.depth_map import DepthMapSource

    if depth_map is None:
        assert depth is not None
        return constant_target(depth, shot).depth
    file = read_depth_map(depth_map)
    print_notes((*file.warnings, *compare_depth(file.depth, shot)))
    path = shot.trajectory
    return DepthMapSource(file.depth, View(path.camera_to_world[0], path.intrinsics[0], *path.size))
