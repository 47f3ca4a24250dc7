from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, open_shot, print_notes
from parascale.cli.info import print_shot
from parascale.cli.numbers import number
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot, stem_of, unused_name


def stitch(
    first: Annotated[Path, typer.Argument(help="A shot file.")],
    second: Annotated[Path, typer.Argument(help="The shot to append at its last camera.")],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The shot file to write; default: NAME.stitched.shot.json."),
    ] = None,
    seconds: Annotated[float, number("Duration of the speed blend.", least=0, most=3600)] = 1.0,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Join two shots into one move with matched speed.

    Example: parascale stitch walk.shot.json orbit.shot.json -o both.shot.json
    """
    from parascale.retime import stitch as stitch_shots

    output = output or unused_name(stem_of(first), ".stitched.shot.json")
    check_outputs("stitch", output_of("shot", output), (first, second), overwrite=overwrite)
    result = stitch_shots(open_shot(first), open_shot(second), seconds)
    print_notes(result.notices)
    print_shot(save_shot(result, output, "stitch"), json=json, output=output)
