from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import Json, print_json, print_notes, progress_bar
from parascale.cli.generate import setting
from parascale.cli.jobs import Connect, KeysFolder
from parascale.cli.run import answered_by, client_of
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.evaluation.pictures import Picture
    from parascale.generators.profile import Profile


def probe(
    generator: Annotated[str, typer.Option("--generator", "-g", help="Generator.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The profile to write; its plot goes next to it.")],
    image: Annotated[list[Path] | None, typer.Option(help="A picture to start from; default: drawn rooms.")] = None,
    depth_map: Annotated[list[Path] | None, typer.Option(help="z-depth of each picture, in the same order.")] = None,
    fov: Annotated[float, typer.Option(min=5, max=150, help="Horizontal field of view of the pictures.")] = 60.0,
    frames: Annotated[int, typer.Option(min=9, help="Frames of each video, 4n+1.")] = 33,
    prompt: Annotated[str, typer.Option(help="Text prompt.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="Seed of all videos.")] = 0,
    parameter: Annotated[list[str] | None, typer.Option("--set", help="Generator parameter, NAME=VALUE.")] = None,
    use: Annotated[bool, typer.Option("--use", help="Install the profile for backends on this machine.")] = False,
    connect: Connect = None,
    keys: KeysFolder = None,
    json: Json = False,
) -> None:
    """Measure a generator's response to camera motion: known moves at five gains, generated, solved, fitted."""
    from parascale.evaluation.pictures import drawn_rooms
    from parascale.evaluation.probe import Plan
    from parascale.evaluation.probe import probe as measure
    from parascale.evaluation.response_plot import draw_response
    from parascale.files.disk import replace_files
    from parascale.generators import find_generator
    from parascale.generators.profile import own_profile, profile_to_json

    known = find_generator(generator)
    pictures = _read_pictures(image or [], depth_map or [], fov) if image else drawn_rooms()
    parameters = dict(setting(text) for text in parameter or ())
    plan = Plan(pictures, frames, prompt=prompt, seed=seed, parameters=parameters)
    with client_of(connect, keys) as client, progress_bar() as progress:
        profile = measure(known, plan, answered_by(client), progress)
    plot = output.with_suffix(".png")
    text = f"{profile_to_json(profile)}\n".encode()
    replace_files({output: text})
    draw_response(profile, plot)
    if use:
        own = own_profile(generator)
        own.parent.mkdir(parents=True, exist_ok=True)
        replace_files({own: text})
    if json:
        print_json(_summary(profile) | {"profile": str(output), "plot": str(plot)})
        return
    for name, value in _summary(profile).items():
        print(f"{name:16} {'-' if value is None else format(value, '.4g') if isinstance(value, float) else value}")


def _summary(profile: "Profile") -> dict[str, object]:
    names = ("generator", "scale_class", "units_per_depth", "spread", "slope", "saturates_at", "source")
    return {name: getattr(profile, name) for name in names}


def _read_pictures(images: list[Path], depth_maps: list[Path], fov: float) -> "tuple[Picture, ...]":
    from parascale.evaluation.pictures import Picture
    from parascale.media.depth_file import read_depth_map
    from parascale.media.image_file import read_image
    from parascale.parallax.gauge import unit_depth_map

    if depth_maps and len(depth_maps) != len(images):
        raise InputError(f"{len(images)} pictures but {len(depth_maps)} depth maps: give one for each picture")
    found = []
    for path, depth_path in zip_longest(images, depth_maps):
        picture = read_image(path)
        file = None if depth_path is None else read_depth_map(depth_path)
        print_notes((*picture.warnings, *(() if file is None else file.warnings)))
        depth = None if file is None else unit_depth_map(file.depth)
        found.append(Picture(path.stem, picture.image, depth, fov))
    return tuple(found)
