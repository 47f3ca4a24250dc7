from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import print_notes
from parascale.errors import InputError


def view(
    shot: Annotated[Path, typer.Argument(help="A shot file.")],
    reference: Annotated[
        Path | None, typer.Option(help="The solved clip, shown on the cameras; default: looked up next to the shot.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a PNG instead; does not need rerun.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write a rerun recording (.rrd); open no window.")] = None,
) -> None:
    """Show a shot in 3D in rerun, with P and depth over time, or draw it as a picture."""
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
        print_notes(["the clip is not next to the shot: give it with --reference to show its frames"])
    view_shot(shown, clip, save)
