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
    shots: Annotated[list[Path], typer.Argument(metavar="SHOT...", help="Shot files, shown in one viewer.")],
    reference: Annotated[
        Path | None, typer.Option(help="The solved clip, shown on the cameras; default: looked up next to the shot.")
    ] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw a PNG instead; does not need rerun.")] = None,
    save: Annotated[Path | None, typer.Option(help="Write a rerun recording (.rrd); open no window.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Show shots in 3D in rerun, with P and depth over time, or draw one as a picture.

    Example: parascale view walk.shot.json --plot walk.png
    """
    if plot is not None and (save is not None or reference is not None):
        raise InputError("--plot draws the path and its graphs alone: leave out --save and --reference")
    if len(shots) > 1 and any((plot, save, reference)):
        raise InputError("--plot, --save and --reference are for one shot: give them with each")
    outputs = output_of("picture", plot) + output_of("recording", save)
    check_outputs("view", outputs, (*shots, reference), overwrite=overwrite)
    shown = [open_shot(shot) for shot in shots]
    if plot is not None:
        from parascale.evaluation.shot_plot import draw_shot

        draw_shot(shown[0], plot)
        return
    from parascale.evaluation import viewer

    if save is None and is_installed("rerun") and not has_display():
        raise InputError("no display to open a window on: write a recording with --save, or a picture with --plot")
    clips = [reference or viewer.source_of(shot, file.parent) for shot, file in zip(shown, shots, strict=True)]
    missing = [shot.name for shot, clip in zip(shown, clips, strict=True) if clip is None]
    if missing:
        print_notes([_advise(missing, is_alone=len(shots) == 1)])
    if save is not None:
        viewer.write_recording(shown[0], shots[0], clips[0], save)
        return
    viewer.view_shots(list(zip(shown, shots, clips, strict=True)))


def _advise(missing: list[str], *, is_alone: bool) -> str:
    """Say what shows the frames of the clips that were not found."""
    if is_alone:
        return "the clip is not next to the shot: give it with --reference to show its frames"
    if len(missing) == 1:
        return (
            f"the clip of {missing[0]} is not next to its shot: put it there, or view that shot alone with "
            "--reference, to show its frames"
        )
    return (
        f"the clips of {', '.join(missing)} are not next to their shots: put them there, or view each alone with "
        "--reference, to show their frames"
    )


def has_display() -> bool:
    """Say whether a window can be opened: on Linux a session of X or of Wayland is named in the environment."""
    return not sys.platform.startswith("linux") or any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))
