from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import Json, print_notes
from parascale.cli.jobs import Connect, KeysFolder
from parascale.cli.result import print_fetched
from parascale.cli.run import run_job
from parascale.errors import InputError


def depth(
    image: Annotated[Path, typer.Argument(help="The picture.")],
    model: Annotated[str, typer.Option(help="Name of a depth model, or folder of its weights.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The depth map to write, NAME.npy.")],
    connect: Connect = None,
    keys: KeysFolder = None,
    json: Json = False,
) -> None:
    """Estimate the depth of a picture; without --connect, starts a temporary backend."""
    from parascale.link.kinds.depth import DepthRequest
    from parascale.media.image_file import read_image

    if output.suffix.lower() != ".npy":
        raise InputError(f"{output}: the output must end in .npy")
    picture = read_image(image)
    print_notes(picture.warnings)
    estimated = run_job(DepthRequest(picture.image, model), output, connect, keys)
    print_notes(_notes(estimated))
    print_fetched(estimated, json)
    if not json:
        for key in ("kind", "percentiles", "uncertainty"):
            print(f"{key:12} {estimated[key]}")


def _notes(estimated: dict[str, object]) -> list[str]:
    if estimated["kind"] != "relative":
        return []
    return ["the depth of this model has an unknown shift; docs/photo-target.md describes the effect"]
