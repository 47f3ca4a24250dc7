"""A shot in one picture: its path from above and from the side, P with its error and its noise floor, depth, steps."""

from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from parascale.evaluation.figure import save_figure
from parascale.parallax.shot import Shot
from parascale.types import Array

PATH_COLOUR, FLOOR_COLOUR, POINT_COLOUR = "#2e7d5b", "#bf616a", "#9aa3b2"
UNIT_NAMES = {"m": "m", "unit-depth": "first median depths", "arbitrary": "its own units"}
MAX_POINTS = 4000
CAMERAS = 9
# Seen from above and from the side: which coordinates are drawn across and up, and their names. y points down.
VIEWS = (("from above", 0, 2, "right", "forward"), ("from the right", 2, 1, "forward", "down"))


def draw_shot(shot: Shot, path: Path) -> None:
    """Draw a shot, its points and its noise floor where it has them, and write it as PNG."""
    matplotlib.use("Agg")
    save_figure(make_figure(shot), path, 100)


def make_figure(shot: Shot) -> Figure:
    """Lay out a shot: two views of its path, and P, depth and steps over its frames and seconds."""
    figure = Figure(figsize=(13, 7.4), layout="constrained", facecolor="white")
    figure.suptitle(_title(shot), fontsize=12)
    axes = figure.subplot_mosaic(
        [["above", "parallax"], ["above", "depth"], ["side", "baseline"]],
        width_ratios=(1, 1.5),
        height_ratios=(1.3, 1, 1),
    )
    poses = np.linalg.inv(shot.trajectory.camera_to_world[0]) @ shot.trajectory.camera_to_world
    for place, view in zip(("above", "side"), VIEWS, strict=True):
        _draw_path(axes[place], shot, poses, view)
    frames = np.asarray(shot.frames)
    _draw_parallax(axes["parallax"], shot, frames[:-1])
    unit = UNIT_NAMES[shot.unit]
    for place, numbers, values, name in (
        ("depth", frames, shot.median_depth, f"median depth,\n{unit}"),
        ("baseline", frames[:-1], np.linalg.norm(shot.trajectory.baselines, axis=1), f"step,\n{unit}"),
    ):
        axes[place].plot(numbers, values, color=PATH_COLOUR, lw=1.6)
        axes[place].set(ylabel=name, ylim=(0, _top(values)))
    for place in ("parallax", "depth", "baseline"):
        axes[place].grid(alpha=0.25)
        axes[place].set_xlim(frames[0], max(frames[-1], frames[0] + 1))
    axes["baseline"].set_xlabel("frame")
    _add_seconds(axes["parallax"], shot, frames)
    return figure


def _add_seconds(axes: Axes, shot: Shot, frames: NDArray[np.int64]) -> None:
    """Write seconds above the frames."""
    if len(shot) < 2:
        return
    rate = float((frames[-1] - frames[0]) / np.ptp(shot.trajectory.times))
    first = float(frames[0])

    def to_seconds(frame: ArrayLike) -> Array:
        return (np.asarray(frame, np.float64) - first) / rate

    def to_frame(second: ArrayLike) -> Array:
        return np.asarray(second, np.float64) * rate + first

    seconds = axes.secondary_xaxis("top", functions=(to_seconds, to_frame))
    seconds.set_xlabel("seconds")


def _title(shot: Shot) -> str:
    steps = shot.parallax_number[np.isfinite(shot.parallax_number)]
    told = f"{shot.name}: {len(shot)} frames, {shot.motion_class}"
    if len(steps) and steps.any():
        told += f", P {np.median(steps):.3g} a frame"
    if "noise_floor" in shot.quality:
        told += f", noise floor {shot.noise_floor:.2g}"
    return told


def _draw_path(axes: Axes, shot: Shot, poses: NDArray[np.float64], view: tuple[str, int, int, str, str]) -> None:
    title, across, up, *labels = view
    centres = poses[:, :3, 3]
    if shot.points is not None and len(shot.points.positions):
        _draw_points(axes, shot, across, up)
    axes.plot(centres[:, across], centres[:, up], color=PATH_COLOUR, lw=2, zorder=3)
    axes.plot(centres[:1, across], centres[:1, up], "o", color=PATH_COLOUR, ms=6, zorder=3)
    shown = np.unique(np.linspace(0, len(poses) - 1, CAMERAS).round().astype(int))
    ahead = poses[shown, :3, 2]
    axes.quiver(
        *(centres[shown, across], centres[shown, up], ahead[:, across], ahead[:, up]),
        color=PATH_COLOUR, alpha=0.8, width=0.005, scale=9, angles="xy", zorder=3,
    )  # fmt: skip
    axes.set(xlabel=f"{labels[0]}, {UNIT_NAMES[shot.unit]}", ylabel=labels[1])
    axes.set_title(f"The path {title}, arrows along the view")
    # The path with half as much around it. All there is to see may lie a hundred times as far, and sets no limit.
    low, high = centres.min(axis=0), centres.max(axis=0)
    depth = float(shot.median_depth[0]) if np.isfinite(shot.median_depth[0]) else 0.0
    half = 0.75 * float((high - low).max()) or 0.02 * depth or 1.0
    middle = (low + high) / 2
    axes.set_aspect("equal", adjustable="box")
    axes.set_xlim(middle[across] - half, middle[across] + half)
    axes.set_ylim(middle[up] - half, middle[up] + half)
    if up == 1:
        axes.yaxis.set_inverted(True)
    axes.grid(alpha=0.25)


def _draw_points(axes: Axes, shot: Shot, across: int, up: int) -> None:
    assert shot.points is not None
    first = np.linalg.inv(shot.trajectory.camera_to_world[0])
    points = shot.points.positions[:: len(shot.points.positions) // MAX_POINTS + 1] @ first[:3, :3].T + first[:3, 3]
    axes.plot(
        points[:, across], points[:, up], ".", color=POINT_COLOUR, ms=2, alpha=0.6, zorder=1, scalex=False, scaley=False
    )


def _draw_parallax(axes: Axes, shot: Shot, frames: NDArray[np.int64]) -> None:
    axes.plot(frames, shot.parallax_number, color=PATH_COLOUR, lw=1.6, label="P")
    highest = [shot.parallax_number]
    if shot.parallax_band is not None:
        low, high = shot.parallax_band
        axes.fill_between(frames, low, high, color=PATH_COLOUR, alpha=0.18, lw=0, label="three sigma")
        highest.append(high)
    if "noise_floor" in shot.quality:
        axes.axhspan(0, shot.noise_floor, color=FLOOR_COLOUR, alpha=0.2, lw=0, label="noise floor")
        highest.append(np.array([shot.noise_floor]))
    per_step = shot.quality.get("noise_floor_per_step")
    if isinstance(per_step, list) and len(per_step) == len(frames):
        floors = [np.nan if each is None else each for each in per_step]
        axes.plot(frames, floors, color=FLOOR_COLOUR, lw=1, label="of each step")
    axes.set(ylabel="Parallax Number", ylim=(0, _top(np.concatenate(highest))))
    axes.legend(frameon=False, fontsize=9, ncols=4)


def _top(values: NDArray[np.float64]) -> float:
    finite = values[np.isfinite(values)]
    return 1.15 * float(finite.max()) if len(finite) and finite.max() > 0 else 1.0
