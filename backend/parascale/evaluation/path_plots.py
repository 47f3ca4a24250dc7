"""Paths of an evaluation as pictures: what they realise of P, over P and over time, and what the worst of them see."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from parascale.evaluation.comparison_plot import COLOURS, colours_of_targets, target_of
from parascale.evaluation.figure import save_figure
from parascale.evaluation.plan import Plan, sides_of
from parascale.evaluation.results import Row
from parascale.evaluation.stages import FPS, Stages, clip_file, path_file, true_file
from parascale.evaluation.tables import reason_of, worst_rows
from parascale.files.disk import make_folder
from parascale.files.shot_file import read_shot
from parascale.media.frames import read_frames
from parascale.types import Array

# What is drawn over P and over time, in this order.
DRAWN = ("closed-loop", "shot", "static", "global", "raw")
MAX_REGIMES = 4
# What is shown of P beyond the reference's, and how far from the edge stands what lies beyond that.
ROOM_FACTOR, EDGE_FACTOR = 1.7, 1.05


def draw_realised(rows: Sequence[Row], folder: Path, picture: Path) -> None:
    """Draw realised P over the reference's P, a panel a method, on logarithmic axes with the identity line.

    All panels but that of `raw` have the same scale up and across; what lies beyond is drawn as a triangle at the edge.
    """
    matplotlib.use("Agg")
    methods = _drawn(rows)
    colours = colours_of_targets(rows)
    pairs = {
        method: [(row, *_parallax(row, folder)) for row in rows if row.method == method and not math.isnan(row.pce)]
        for method in methods
    }
    limits = _limits([asked for own in pairs.values() for _, asked, _ in own])
    # Square panels are fitted after the layout, whose own padding cuts their titles.
    layout = ConstrainedLayoutEngine(h_pad=0.12)
    figure = Figure(figsize=(3.4 * len(methods), 3.9), layout=layout, facecolor="white")
    for axes, method in zip(figure.subplots(1, len(methods), squeeze=False)[0], methods, strict=True):
        # Uncalibrated P lies anywhere.
        height = (0.0, math.inf) if method == "raw" else limits
        for row, asked, found in pairs[method]:
            _draw_within(axes, asked, found, height, colours[target_of(row)])
        axes.plot(limits, limits, color="0.3", ls="--", lw=1)
        axes.set(xscale="log", yscale="log", title=method, xlabel="P of the reference", xlim=limits, box_aspect=1)
        _label_axis(axes.xaxis)
        if method != "raw":
            axes.set_ylim(*limits)
            _label_axis(axes.yaxis)
        axes.grid(alpha=0.25, which="both")
    figure.axes[0].set_ylabel("P realised in the target")
    marks = [
        Line2D([], [], marker="o", ls="", color=colour, label=f"target {name}") for name, colour in colours.items()
    ]
    figure.legend(handles=marks, loc="outside lower center", ncols=len(marks), frameon=False, fontsize=8)
    save_figure(figure, picture, 110)


def draw_profiles(rows: Sequence[Row], folder: Path, picture: Path) -> None:
    """Draw P over time: a row a reference (carried over to the first other scene), a column a move."""
    matplotlib.use("Agg")
    # Uncalibrated, P is off by so much that nothing else would show.
    methods = [method for method in _drawn(rows) if method != "raw"] or ["raw"]
    moves = list(dict.fromkeys(row.move for row in rows))
    sides = [sides_of(row.regime) for row in rows]
    # The last that is put in stays: the first other scene, or else the reference's own.
    shown = {a: f"{a}-{b}" for a, b in sides} | {a: f"{a}-{b}" for a, b in reversed(sides) if a != b}
    regimes = list(shown.values())[:MAX_REGIMES]
    figure = Figure(figsize=(max(2.4 * len(moves), 5), 2 * len(regimes)), layout="constrained", facecolor="white")
    grid = figure.subplots(len(regimes), len(moves), squeeze=False)
    for line, regime in zip(grid, regimes, strict=True):
        for axes, move in zip(line, moves, strict=True):
            own = [row for row in rows if (row.regime, row.move) == (regime, move) and not math.isnan(row.pce)]
            _draw_profile(axes, [row for row in own if row.method in methods], methods, folder)
            axes.set_title(f"{regime}, {move}", fontsize=7)
    figure.supxlabel("seconds", fontsize=8)
    figure.supylabel("Parallax Number, a frame", fontsize=8)
    # A cell that was not measured has nothing to name.
    cells = [axes.get_legend_handles_labels() for axes in grid.flat]
    handles, labels = max(cells, key=lambda cell: len(cell[1]))
    if labels:
        figure.legend(handles, labels, loc="outside upper center", ncols=min(len(labels), 5), frameon=False, fontsize=8)
    save_figure(figure, picture, 110)


def draw_worst(rows: Sequence[Row], plan: Plan, folder: Path, picture: Path) -> bool:
    """Draw what the worst calibrated paths see at their first, middle and last frame beside the reference.

    Returns
    -------
    bool
        Whether there are such paths.
    """
    matplotlib.use("Agg")
    worst = worst_rows(rows)
    if not worst:
        return False
    layout = ConstrainedLayoutEngine(h_pad=0.12)
    figure = Figure(figsize=(13, 1.6 * len(worst) + 0.2), layout=layout, facecolor="white")
    grid = figure.subplots(len(worst), 6, squeeze=False)
    stages = Stages(plan.size)
    # A scene at a time.
    for line, row in sorted(zip(grid, worst, strict=True), key=lambda pair: sides_of(pair[1].regime)[1]):
        images = [*_reference_pictures(row, plan, folder), *_path_pictures(row, plan, folder, stages)]
        for axes, image in zip(line, images, strict=True):
            axes.imshow(image)
            axes.set_axis_off()
        told = f"{row.regime}, {row.move}, {row.method}: PCE {row.pce:.3f}; {reason_of(row)}"
        # It is wider than the picture below it, and would push the next one aside.
        line[0].text(0, 1.06, told, fontsize=8, transform=line[0].transAxes).set_in_layout(False)
    save_figure(figure, picture, 90)
    return True


def _drawn(rows: Sequence[Row]) -> list[str]:
    known = list(dict.fromkeys(row.method for row in rows))
    return [method for method in DRAWN if method in known] or known[:1]


def _parallax(row: Row, folder: Path) -> tuple[Array, Array]:
    """P of the reference and of the path, at the steps where both are known and the reference moves."""
    asked = read_shot(true_file(folder, sides_of(row.regime)[0], row.move)).parallax_number
    found = read_shot(path_file(folder, row.key)).parallax_number
    known = (asked > 0) & ~np.isnan(found)
    return asked[known], found[known]


def _limits(asked: Sequence[Array]) -> tuple[float, float]:
    """Give what an axis shows: the reference's P, and room beyond it."""
    values = np.concatenate(asked) if asked else np.empty(0)
    if not len(values):
        return 0.001, 0.1
    return float(values.min()) / ROOM_FACTOR, float(values.max()) * ROOM_FACTOR


def _draw_within(axes: Axes, asked: Array, found: Array, limits: tuple[float, float], colour: str) -> None:
    low, high = limits
    for marker, chosen in ((".", (found >= low) & (found <= high)), ("v", found < low), ("^", found > high)):
        shown = np.clip(found[chosen], low * EDGE_FACTOR, high / EDGE_FACTOR)
        axes.plot(asked[chosen], shown, marker, ms=3, alpha=0.35, color=colour)


def _label_axis(axis: Axis) -> None:
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter("{x:g}")
    axis.set_minor_formatter(NullFormatter())


def _draw_profile(axes: Axes, rows: Sequence[Row], methods: Sequence[str], folder: Path) -> None:
    if not rows:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", fontsize=7, color="0.4", transform=axes.transAxes)
    else:
        true = read_shot(true_file(folder, sides_of(rows[0].regime)[0], rows[0].move))
        _draw_over_time(axes, true.trajectory.times[:-1], true.parallax_number, "reference", "0.7", 4.0)
    for row in rows:
        path = read_shot(path_file(folder, row.key))
        colour = COLOURS[methods.index(row.method) % len(COLOURS)]
        _draw_over_time(axes, path.trajectory.times[:-1], path.parallax_number, row.method, colour, 1.0)
    # From zero, with the room above that the default leaves in a range from zero: an even P would lie on the edge.
    axes.update_datalim([(0, 0)], updatex=False)
    axes.autoscale_view(scalex=False)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=6)


def _draw_over_time(axes: Axes, times: Array, p: Array, label: str, colour: str, width: float) -> None:
    known = p > 0
    # Of a path so many frames are measured, which the line between them cannot say.
    axes.plot(times[known] - times[0], p[known], label=label, color=colour, lw=width, marker=".", ms=3)


def _three(count: int) -> list[int]:
    return [0, (count - 1) // 2, count - 1]


def _reference_pictures(row: Row, plan: Plan, folder: Path) -> list[NDArray[np.uint8]]:
    clip = clip_file(folder, sides_of(row.regime)[0], row.move)
    return [frame.picture for frame in read_frames(clip, _three(plan.frames))]


def _path_pictures(row: Row, plan: Plan, folder: Path, stages: Stages) -> list[NDArray[np.uint8]]:
    from parascale.blender.render import render_path

    path = read_shot(path_file(folder, row.key)).trajectory
    chosen = _three(len(path))
    three = type(path)(path.camera_to_world[chosen], path.intrinsics[chosen], path.times[chosen], *path.size)
    stage = stages.open(sides_of(row.regime)[1])
    own = make_folder(folder / "worst")
    film = render_path(stage.scene, three, own / ("-".join(row.key).replace(" ", "-") + ".mp4"), plan.size, FPS)
    return [frame.picture for frame in read_frames(film, [0, 1, 2])]
