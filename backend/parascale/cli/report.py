from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import open_shot
from parascale.cli.output import Overwrite, check_outputs, output_of
from parascale.cli.page import masks_of
from parascale.errors import InputError


def report(
    inputs: Annotated[
        list[Path],
        typer.Argument(
            metavar="REFERENCE [RESULT]...",
            help="Shot files, the reference first; a video belongs to the shot before it.",
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The HTML page.")] = Path("report.html"),
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    overwrite: Overwrite = False,
) -> None:
    """Write a report to hand on: pictures side by side, P, the paths in 3D, measures and warnings, in one HTML page.

    Example: parascale report walk.shot.json desk.shot.json desk.mp4 -o desk.html
    """
    from parascale.evaluation.page import Side, write_page
    from parascale.evaluation.viewer import source_of

    check_outputs("report", output_of("page", output), inputs, overwrite=overwrite)
    sides: list[Side] = []
    for path in inputs:
        if path.suffix.lower() == ".json":
            shot = open_shot(path)
            stem = path.name.removesuffix(".json").removesuffix(".shot")
            sides.append(Side(shot, source_of(shot, path.parent), stem))
        elif not sides:
            raise InputError(f"{path} comes before any shot: name the reference's shot file first")
        else:
            sides[-1] = replace(sides[-1], video=path)
    write_page([replace(side, masks=masks_of(side.video)) for side in sides], output)
    if show:
        typer.launch(str(output))
