import sys
from pathlib import Path
from typing import Annotated

import typer

from parascale.errors import InputError


def view(
    shot: Annotated[Path, typer.Argument(help="A shot file.")],
    reference: Annotated[
        Path | None, typer.Option(help="The clip it was solved from, shown on the cameras; looked for beside the shot.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw it as this PNG instead; needs no rerun.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write rerun's recording, .rrd, and open no window.")] = None,
) -> None:
    """Show a shot in 3D, in rerun: cameras, points, frames, P and depth over time; or as a picture."""
    from parascale.files.shot_file import read_shot

    shown = read_shot(shot)
    if plot is not None:
        if save is not None or reference is not None:
            raise InputError("--plot draws the path and its graphs alone: leave out --save and --reference")
        from parascale.evaluation.shot_plot import draw_shot

        draw_shot(shown, plot)
        return
    from parascale.evaluation.viewer import source_of, view_shot

    clip = reference or source_of(shown, shot.parent)
    if clip is None:
        print("parascale: note: no frames on the cameras: give the clip with --reference", file=sys.stderr)
    view_shot(shown, clip, save)
