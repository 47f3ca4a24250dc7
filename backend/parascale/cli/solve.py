from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import Json, print_json, progress_bar


def solve(
    reference: Annotated[Path, typer.Argument(help="A video file or a folder of images.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The shot file to write, NAME.shot.json.")],
    focal: Annotated[float | None, typer.Option(help="Focal length in pixels of the clip, where known.")] = None,
    fov: Annotated[float | None, typer.Option(help="Horizontal field of view in degrees, where known.")] = None,
    start: Annotated[int, typer.Option(help="First frame, counting from 0.")] = 0,
    end: Annotated[int | None, typer.Option(help="The frame after the last.")] = None,
    shot: Annotated[int | None, typer.Option(help="Which shot, from 1, where these frames hold several.")] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder or video of masks, one a frame, white where things move.")
    ] = None,
    depth_model: Annotated[
        str | None, typer.Option(help="Depth by this model, aligned to the solved points, instead of by the tracks.")
    ] = None,
    threads: Annotated[int | None, typer.Option(help="Threads; 1 gives the same bytes every time.")] = None,
    json: Json = False,
) -> None:
    """Find the camera path of a clip, and how deep it looks, from its pixels."""
    from parascale.cli.info import describe, print_description
    from parascale.files.shot_file import write_shot
    from parascale.solve import solve_in_child

    estimator = None
    if depth_model is not None:
        from parascale.depth.registry import load_estimator

        # Before the work: a missing weight is no reason to solve first.
        estimator = load_estimator(depth_model)
    with progress_bar() as progress:
        solved = solve_in_child(
            reference,
            focal=focal,
            fov=fov,
            start=start,
            end=end,
            shot=shot,
            masks=masks,
            threads=threads,
            progress=progress,
        )
        if estimator is not None:
            from parascale.depth.reference_depth import with_model_depth

            solved = with_model_depth(solved, reference, estimator, progress)
    write_shot(solved, output)
    (print_json if json else print_description)(describe(solved) | {"output": str(output)})
