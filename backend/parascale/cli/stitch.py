from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, open_shot
from parascale.cli.info import print_shot
from parascale.cli.numbers import number
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot


def stitch(
    first: Annotated[Path, typer.Argument(help="A shot file.")],
    second: Annotated[Path, typer.Argument(help="The shot to append at its last camera.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The shot file to write.")],
    seconds: Annotated[float, number("Duration of the speed blend.", least=0, most=3600)] = 1.0,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Join two shots into one move with matched speed."""
    from parascale.retime import stitch as stitch_shots

    check_outputs("stitch", output_of("shot", output), (first, second), overwrite=overwrite)
    result = stitch_shots(open_shot(first), open_shot(second), seconds)
    print_shot(save_shot(result, output, "stitch"), json=json, output=output)
