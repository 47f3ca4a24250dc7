from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import Json
from parascale.cli.info import print_shot


def stitch(
    first: Annotated[Path, typer.Argument(help="A shot file.")],
    second: Annotated[Path, typer.Argument(help="The shot to append at its last camera.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The shot file to write.")],
    seconds: Annotated[float, typer.Option(help="Duration of the speed blend.")] = 1.0,
    json: Json = False,
) -> None:
    """Join two shots into one move with matched speed."""
    from parascale.files.shot_file import read_shot, write_shot
    from parascale.retime import stitch as stitch_shots

    result = stitch_shots(read_shot(first), read_shot(second), seconds)
    write_shot(result, output)
    print_shot(result, json=json, output=output)
