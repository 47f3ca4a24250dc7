"""A round trip in one picture: Parallax Number over time, the path from above, frames side by side.

Run as a module with the three shot files, the two videos, the PNG to write and its title.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.files.shot_file import read_shot
from parascale.media.frames import read_frames
from parascale.parallax.shot import Shot

REFERENCE_COLOUR, ASKED_COLOUR, REALISED_COLOUR = "#4c566a", "#d08770", "#2e7d5b"


def draw_report(
    path: Path, *, reference: Shot, asked: Shot, realised: Shot, reference_video: Path, result_video: Path, title: str
) -> None:
    """Draw a round trip and write it as PNG.

    Parameters
    ----------
    path : Path
        The PNG to write.
    reference, asked, realised : Shot
        The reference as solved, the calibrated shot as submitted, and the result video as solved again.
    reference_video, result_video : Path
        Where the frames shown come from.
    title : str
        The sentence above it all.

    Raises
    ------
    InputError
        Where a video cannot be read.
    """
    matplotlib.use("Agg")
    figure = Figure(figsize=(13, 9.2), layout="constrained", facecolor="white")
    figure.suptitle(title, fontsize=13)
    panels = figure.subfigures(2, 1, height_ratios=(1, 1.45))
    assert isinstance(panels, np.ndarray)
    upper, lower = panels
    parallax, path_axes = upper.subplots(1, 2, width_ratios=(2, 1))
    _draw_parallax(parallax, reference, asked, realised)
    _draw_path(path_axes, asked, realised)
    assert reference.frames is not None
    shown = (
        ("reference", reference_video, reference.frames.tolist()),
        ("result", result_video, list(range(len(asked)))),
    )
    for row, (name, video, frames) in zip(lower.subplots(2, 3), shown, strict=True):
        numbers = (0, (len(frames) - 1) // 2, len(frames) - 1)
        images = pictures_at(video, [frames[number] for number in numbers])
        for axes, number, image in zip(row, numbers, images, strict=True):
            axes.imshow(image)
            axes.set_title(f"{name}, frame {number}", fontsize=10)
            axes.set_axis_off()
    figure.savefig(path, dpi=100)


def pictures_at(video: Path, numbers: list[int]) -> list[NDArray[np.uint8]]:
    """Decode frames of a video, or of a folder of images, by number, in the order asked for."""
    found = {frame.number: frame.picture for frame in read_frames(video, numbers)}
    if len(found) < len(set(numbers)):
        raise InputError(f"{video} ends before frame {max(numbers)}")
    return [found[number] for number in numbers]


def _draw_parallax(axes: Axes, reference: Shot, asked: Shot, realised: Shot) -> None:
    for label, shot, colour, width, alpha, style in (
        ("reference, solved from pixels", reference, REFERENCE_COLOUR, 5.0, 0.35, "-"),
        ("asked, against the scene's own depth", asked, ASKED_COLOUR, 1.8, 1.0, "-"),
        ("realised, the result solved again", realised, REALISED_COLOUR, 1.2, 1.0, "--"),
    ):
        times = shot.trajectory.times[:-1] - shot.trajectory.times[0]
        per_second = shot.parallax_number / np.diff(shot.trajectory.times)
        axes.plot(times, per_second, style, label=label, color=colour, lw=width, alpha=alpha)
        if shot.parallax_band is not None:
            low, high = (edge / np.diff(shot.trajectory.times) for edge in shot.parallax_band)
            axes.fill_between(times, low, high, color=colour, alpha=0.15, lw=0)
    axes.set(xlabel="seconds", ylabel="Parallax Number per second", title="What is felt", ylim=(0, None))
    axes.legend(frameon=False, fontsize=9)
    axes.grid(alpha=0.25)


def _draw_path(axes: Axes, asked: Shot, realised: Shot) -> None:
    for label, shot, colour, style in (
        ("asked", asked, ASKED_COLOUR, "-"),
        ("realised", realised, REALISED_COLOUR, "--"),
    ):
        poses = np.linalg.inv(shot.trajectory.camera_to_world[0]) @ shot.trajectory.camera_to_world
        x, _, z = (poses[:, :3, 3] / shot.median_depth[0]).T
        axes.plot(x, z, style, color=colour, label=label, lw=1.8)
        axes.plot(x[:1], z[:1], "o", color=colour, ms=5)
    axes.set(xlabel="right, in first median depths", ylabel="forward", title="The path from above")
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(frameon=False, fontsize=9)
    axes.grid(alpha=0.25)


if __name__ == "__main__":
    reference_shot, asked_shot, realised_shot, clip, result, png = map(Path, sys.argv[1:7])
    draw_report(
        png,
        reference=read_shot(reference_shot),
        asked=read_shot(asked_shot),
        realised=read_shot(realised_shot),
        reference_video=clip,
        result_video=result,
        title=sys.argv[7],
    )
