from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.advice import sentence
from parascale.cli.common import JsonOption, print_notes, progress_bar
from parascale.cli.numbers import MOST_FPS, MOST_THREADS, number
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot
from parascale.errors import InputError


def solve(
    reference: Annotated[
        Path, typer.Argument(help="A video, a folder of pictures, one of numbered pictures, or NAME.####.exr.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The shot file to write, NAME.shot.json.")],
    focal: Annotated[float | None, number("Focal length in pixels of the clip, if known.", above=0, most=1e7)] = None,
    fov: Annotated[float | None, number("Horizontal field of view in degrees, if known.", above=0, below=180)] = None,
    start: Annotated[int, number("First frame, counting from 0.", least=0)] = 0,
    end: Annotated[int | None, number("The frame after the last.", least=1)] = None,
    every: Annotated[int, number("Take one frame in so many, as of a long clip.", least=1)] = 1,
    fps: Annotated[float | None, number("Pictures a second, of pictures.", above=0, most=MOST_FPS)] = None,
    shot: Annotated[int | None, number("Number of the shot, from 1, if the clip has several.", least=1)] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder or video of masks, one per frame, white on moving objects.")
    ] = None,
    subject: Annotated[
        list[str] | None,
        typer.Option(help="What the shot looks at, [NAME=]X,Y,W,H[@FRAME] or a point X,Y[@FRAME]; may be repeated."),
    ] = None,
    depth_model: Annotated[
        str | None,
        typer.Option(help="Take depth from this model, aligned to the solved points, not the tracks."),
    ] = None,
    threads: Annotated[int | None, number("Number of threads; 1 is deterministic.", least=1, most=MOST_THREADS)] = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Solve the camera path and median depth of a clip from its pixels."""
    from parascale.cli.child import run_in_child
    from parascale.cli.common import parse_subjects
    from parascale.cli.info import print_shot
    from parascale.solve import solve as solve_clip

    check_outputs("solve", output_of("shot", output), (reference, masks), overwrite=overwrite)
    if end is not None and end <= start:
        raise InputError(f"--end {end} is not beyond --start {start}: there is no frame between")
    estimator = None
    if depth_model is not None:
        from parascale.depth.models import load_estimator

        # Before the work: a missing weight is no reason to solve first.
        estimator = load_estimator(depth_model)
    with progress_bar() as progress:
        solved = run_in_child(
            solve_clip,
            reference,
            focal=focal,
            fov=fov,
            start=start,
            end=end,
            every=every,
            fps=fps,
            shot=shot,
            masks=masks,
            subjects=parse_subjects(subject or ()),
            threads=threads,
            progress=progress,
        )
        if estimator is not None:
            from parascale.depth.reference_depth import with_model_depth

            solved = with_model_depth(solved, reference, estimator, progress)
    solved = save_shot(solved, output, "solve")
    print_notes(solved.notices)
    print_shot(solved, json=json, output=output, warnings=[sentence(notice) for notice in solved.notices])
