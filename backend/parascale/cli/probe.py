from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import JsonOption, print_json, print_notes, progress_bar
from parascale.cli.generate import setting
from parascale.cli.jobs import Connect, KeysFolder
from parascale.cli.numbers import MOST_FRAMES, MOST_SEED, number
from parascale.cli.output import Overwrite, check_outputs, output_of
from parascale.cli.run import answered_by, client_of
from parascale.errors import InputError
from parascale.files.disk import is_stream

if TYPE_CHECKING:
    from parascale.evaluation.pictures import Picture
    from parascale.generators.profile import Profile


def probe(
    generator: Annotated[str, typer.Option("--generator", "-g", help="Generator.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The profile to write; its plot goes next to it.")],
    image: Annotated[list[Path] | None, typer.Option(help="A picture to start from; default: drawn rooms.")] = None,
    depth_map: Annotated[list[Path] | None, typer.Option(help="z-depth of each picture, in the same order.")] = None,
    fov: Annotated[float, number("Horizontal field of view of the pictures.", least=5, most=150)] = 60.0,
    frames: Annotated[int, number("Frames of each video, 4n+1.", least=9, most=MOST_FRAMES)] = 33,
    prompt: Annotated[str, typer.Option(help="Text prompt.")] = "",
    seed: Annotated[int, number("Seed of all videos.", least=0, most=MOST_SEED)] = 0,
    parameter: Annotated[list[str] | None, typer.Option("--set", help="Generator parameter, NAME=VALUE.")] = None,
    use: Annotated[bool, typer.Option("--use", help="Install the profile for backends on this machine.")] = False,
    connect: Connect = None,
    keys: KeysFolder = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Measure a generator's response to camera motion: known moves at five gains, generated, solved, fitted.

    A probe that was stopped goes on when it is started again.

    Example: parascale probe -g preview -o preview.json
    """
    from parascale.evaluation.pictures import drawn_rooms
    from parascale.evaluation.probe import Plan
    from parascale.evaluation.probe import probe as measure
    from parascale.evaluation.probe_journal import ProbeJournal
    from parascale.evaluation.response_plot import draw_response
    from parascale.files.disk import replace_files
    from parascale.generators import find_generator
    from parascale.generators.profile import own_profile, profile_to_json

    plot = output.with_name(f"{output.name.removesuffix('.json')}.png")
    outputs = output_of("profile", output) + ([] if is_stream(output) else output_of("picture", plot))
    check_outputs("probe", outputs, (*(image or ()), *(depth_map or ())), overwrite=overwrite)
    known = find_generator(generator)
    pictures = _read_pictures(image or [], depth_map or [], fov) if image else drawn_rooms()
    parameters = dict(setting(text) for text in parameter or ())
    plan = Plan(pictures, frames, prompt=prompt, seed=seed, parameters=parameters)
    journal = None if is_stream(output) else ProbeJournal(_journal_of(output), generator, plan)
    measured = journal.read() if journal else ()
    if measured:
        print_notes([f"{len(measured)} videos were measured before this probe was stopped: it goes on after them"])
    with client_of(connect, keys) as client, progress_bar() as progress:
        make = answered_by(client)
        profile = measure(known, plan, make, progress, measured, journal.write if journal else None)
    text = f"{profile_to_json(profile)}\n".encode()
    replace_files({output: text})
    if journal:
        journal.remove()
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


def _journal_of(output: Path) -> Path:
    """Return the file that holds what a probe has measured until its profile is written."""
    return output.with_name(f"{output.name.removesuffix('.json')}.unfinished.json")


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
