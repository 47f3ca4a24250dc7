from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, open_shot, parse_subjects, progress_bar
from parascale.cli.numbers import MOST_FPS, number
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot
from parascale.errors import InputError


def subject(
    shot: Annotated[Path, typer.Argument(help="A solved shot.")],
    box: Annotated[
        list[str],
        typer.Option(help="What the shot looks at, [NAME=]X,Y,W,H[@FRAME] or a point X,Y[@FRAME]; may be repeated."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The shot file to write, NAME.shot.json.")],
    reference: Annotated[
        Path | None, typer.Option(help="The solved clip; default: looked up next to the shot.")
    ] = None,
    fps: Annotated[float | None, number("Pictures a second, of pictures.", above=0, most=MOST_FPS)] = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Follow a subject through the clip of a solved shot; the shot is not solved again."""
    from parascale.cli.info import print_shot
    from parascale.evaluation.viewer import source_of
    from parascale.solve.subject.track import with_subjects

    check_outputs("subject", output_of("shot", output), (shot, reference), overwrite=overwrite)
    boxes, solved = parse_subjects(box), open_shot(shot)
    clip = reference or source_of(solved, shot.parent)
    if clip is None:
        raise InputError("the clip is not next to the shot: give it with --reference")
    with progress_bar() as progress:
        followed = with_subjects(solved, clip, boxes, fps=fps, progress=progress)
    followed = save_shot(followed, output, "subject")
    print_shot(followed, json=json, output=output)
