from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, print_notes
from parascale.cli.jobs import Connect, KeysFolder
from parascale.cli.output import Overwrite, check_outputs, output_of, stem_of, unused_name
from parascale.cli.result import print_fetched
from parascale.cli.run import run_job
from parascale.errors import InputError
from parascale.files.disk import is_stream


def depth(
    image: Annotated[Path, typer.Argument(help="The picture.")],
    model: Annotated[str, typer.Option(help="Name of a depth model, or folder of its weights.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The depth map to write; default: NAME.depth.npy here.")
    ] = None,
    connect: Connect = None,
    keys: KeysFolder = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Estimate the depth of a picture; without --connect, starts a temporary backend.

    Example: parascale depth desk.png --model depth-pro -o desk.npy
    """
    from parascale.link.kinds.depth import DepthRequest
    from parascale.media.image_file import read_image

    output = output or unused_name(stem_of(image), ".depth.npy")
    if not is_stream(output) and output.suffix.lower() != ".npy":
        raise InputError(f"{output}: the output must end in .npy")
    check_outputs("depth", output_of("depth map", output), [image], overwrite=overwrite)
    picture = read_image(image)
    print_notes(picture.warnings)
    estimated = run_job(DepthRequest(picture.image, model), output, "depth", connect, keys, overwrite=overwrite)
    print_notes(_notes(estimated))
    print_fetched(estimated, json)
    if not json:
        for key in ("kind", "percentiles", "uncertainty"):
            print(f"{key:12} {estimated[key]}")


def _notes(estimated: dict[str, object]) -> list[str]:
    if estimated["kind"] != "relative":
        return []
    return ["the depth of this model has an unknown shift; docs/photo-target.md describes the effect"]
