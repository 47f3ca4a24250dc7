from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, open_shot, parse_subjects, progress_bar
from parascale.cli.numbers import MOST_FPS, number
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot, stem_of, unused_name
from parascale.errors import InputError


def subject(
    shot: Annotated[Path, typer.Argument(help="A solved shot.")],
    box: Annotated[
        list[str],
        typer.Option(help="What the shot looks at, [NAME=]X,Y,W,H[@FRAME] or a point X,Y[@FRAME]; may be repeated."),
    ],
    output: Annotated[
        Path | None,
        typer.Option("-o", "--output", help="The shot file to write; default: NAME.subject.shot.json."),
    ] = None,
    reference: Annotated[
        Path | None, typer.Option(help="The solved clip; default: looked up next to the shot.")
    ] = None,
    fps: Annotated[float | None, number("Pictures a second, of pictures.", above=0, most=MOST_FPS)] = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Follow a subject through the clip of a solved shot; the shot is not solved again.

    Example: parascale subject walk.shot.json --box dog=200,120,80,60 -o dog.shot.json
    """
    from parascale.cli.info import print_shot
    from parascale.evaluation.viewer import source_of
    from parascale.solve.subject.track import with_subjects

    output = output or unused_name(stem_of(shot), ".subject.shot.json")
    check_outputs("subject", output_of("shot", output), (shot, reference), overwrite=overwrite)
    boxes, solved = parse_subjects(box), open_shot(shot)
    clip = reference or source_of(solved, shot.parent)
    if clip is None:
        raise InputError("the clip is not next to the shot: give it with --reference")
    with progress_bar() as progress:
        followed = with_subjects(solved, clip, boxes, fps=fps, progress=progress)
    followed = save_shot(followed, output, "subject")
    print_shot(followed, json=json, output=output)
