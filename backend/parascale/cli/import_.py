import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import Json, print_json, progress_bar
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.parallax.depth_source import DepthSource
    from parascale.parallax.shot import Shot


def import_(
    path: Annotated[Path, typer.Argument(help="A trajectory of another tool: file or folder.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The shot file to write, NAME.shot.json.")],
    format: Annotated[  # noqa: A002 - the option's name
        str | None, typer.Option("--format", help="Its format, where it is not recognised; see parascale formats.")
    ] = None,
    depth: Annotated[float | None, typer.Option(help="Median depth in the path's unit, the same all along.")] = None,
    depth_map: Annotated[
        Path | None, typer.Option(help="Depth map seen by the first camera, .npy or .npz, in the path's unit.")
    ] = None,
    size: Annotated[str | None, typer.Option(help="Picture size, as 832x480, where the file is silent.")] = None,
    fps: Annotated[float | None, typer.Option(help="Frames a second, where the file is silent.")] = None,
    fov: Annotated[float | None, typer.Option(help="Horizontal field of view in degrees, likewise.")] = None,
    camera: Annotated[str | None, typer.Option(help="Which camera, where there are several.")] = None,
    json: Json = False,
) -> None:
    """Make a shot of another tool's camera path."""
    from parascale.cli.info import describe, print_description
    from parascale.cli.size import parse_size
    from parascale.files.contents import given_by_user
    from parascale.files.fit import measured
    from parascale.files.registry import read_trajectory
    from parascale.files.shot_file import write_shot

    if depth is not None and depth_map is not None:
        raise InputError("say the depth by one of --depth or --depth-map")
    imported = read_trajectory(path, format, given_by_user(parse_size(size), fps, fov, camera))
    shot = imported.shot
    if depth is not None or depth_map is not None:
        with progress_bar() as progress:
            shot = measured(shot, _depth_source(shot, depth, depth_map), progress)
    write_shot(shot, output)
    for warning in imported.warnings:
        print(f"parascale: note: {warning}", file=sys.stderr)
    told = describe(shot) | {"format": imported.format, "warnings": imported.warnings, "output": str(output)}
    (print_json if json else print_description)(told)


def _depth_source(shot: "Shot", depth: float | None, depth_map: Path | None) -> "DepthSource":
    from parascale.camera import View
    from parascale.media.depth_file import read_depth_map
    from parascale.parallax.target import constant_target
    from parascale.projection.depth_map import DepthMapSource

    if depth_map is None:
        assert depth is not None
        return constant_target(depth, shot).depth
    path = shot.trajectory
    return DepthMapSource(
        read_depth_map(depth_map).depth, View(path.camera_to_world[0], path.intrinsics[0], *path.size)
    )
