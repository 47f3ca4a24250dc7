import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import open_shot, print_notes
from parascale.cli.output import Overwrite, check_outputs, output_of
from parascale.errors import InputError
from parascale.extras import is_installed


def view(
    shot: Annotated[Path, typer.Argument(help="A shot file.")],
    reference: Annotated[
        Path | None, typer.Option(help="The solved clip, shown on the cameras; default: looked up next to the shot.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a PNG instead; does not need rerun.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write a rerun recording (.rrd); open no window.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Show a shot in 3D in rerun, with P and depth over time, or draw it as a picture.

    Example: parascale view walk.shot.json --plot walk.png
    """
    if plot is not None and (save is not None or reference is not None):
        raise InputError("--plot draws the path and its graphs alone: leave out --save and --reference")
    outputs = output_of("picture", plot) + output_of("recording", save)
    check_outputs("view", outputs, (shot, reference), overwrite=overwrite)
    shown = open_shot(shot)
    if plot is not None:
        from parascale.evaluation.shot_plot import draw_shot

        draw_shot(shown, plot)
        return
    from parascale.evaluation.viewer import source_of, view_shot

    if save is None and is_installed("rerun") and not has_display():
        raise InputError("no display to open a window on: write a recording with --save, or a picture with --plot")
    clip = reference or source_of(shown, shot.parent)
    if clip is None:
        print_notes(["the clip is not next to the shot: give it with --reference to show its frames"])
    view_shot(shown, clip, save)


def has_display() -> bool:
    """Say whether a window can be opened: on Linux a session of X or of Wayland is named in the environment."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
