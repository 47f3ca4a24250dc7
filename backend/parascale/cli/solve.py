from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.advice import sentence
from parascale.cli.common import Json, print_notes, progress_bar


def solve(
    reference: Annotated[
        Path, typer.Argument(help="A video, a folder of pictures, one of numbered pictures, or NAME.####.exr.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="The shot file to write, NAME.shot.json.")],
    focal: Annotated[float | None, typer.Option(help="Focal length in pixels of the clip, if known.")] = None,
    fov: Annotated[float | None, typer.Option(help="Horizontal field of view in degrees, if known.")] = None,
    start: Annotated[int, typer.Option(help="First frame, counting from 0.")] = 0,
    end: Annotated[int | None, typer.Option(help="The frame after the last.")] = None,
    fps: Annotated[float | None, typer.Option(help="Pictures a second, of pictures.")] = None,
    shot: Annotated[int | None, typer.Option(help="Number of the shot, from 1, if the clip has several.")] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder or video of masks, one per frame, white on moving objects.")
    ] = None,
    depth_model: Annotated[
        str | None,
        typer.Option(help="Take depth from this model, aligned to the solved points, not the tracks."),
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Number of threads; 1 is deterministic.")] = None,
    json: Json = False,
) -> None:
    """Solve the camera path and median depth of a clip from its pixels."""
    from parascale.cli.child import run_in_child
    from parascale.cli.info import print_shot
    from parascale.files.shot_file import write_shot
    from parascale.solve import solve as solve_clip

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
            fps=fps,
            shot=shot,
            masks=masks,
            threads=threads,
            progress=progress,
        )
        if estimator is not None:
            from parascale.depth.reference_depth import with_model_depth

            solved = with_model_depth(solved, reference, estimator, progress)
    write_shot(solved, output)
    print_notes(solved.notices)
    print_shot(solved, json=json, output=output, warnings=[sentence(notice) for notice in solved.notices])
