"""An evaluation as a picture: the error of every method, and that of `raw` over the scale gap."""

import math
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from parascale.evaluation.figure import save_figure
from parascale.evaluation.plan import scales_of
from parascale.evaluation.results import Row, raw_slope

COLOURS = ("#2e7d5b", "#d08770", "#5e81ac", "#b48ead", "#a3892c", "#4c566a")
# Below this an error is drawn at the edge: the axis is logarithmic.
MIN_DRAWN_PCE = 1e-3


def draw_comparison(rows: Sequence[Row], path: Path) -> None:
    """Draw an evaluation of at least one row and write it as PNG."""
    matplotlib.use("Agg")
    methods = list(dict.fromkeys(row.method for row in rows))
    colours = colours_of_targets(rows)
    with_raw = "raw" in methods
    figure = Figure(figsize=(12 if with_raw else 8, 2.2 + 0.5 * len(methods)), layout="constrained", facecolor="white")
    panels = figure.subplots(1, 2, width_ratios=(1.7, 1)) if with_raw else [figure.subplots()]
    _draw_methods(panels[0], rows, methods, colours)
    if with_raw:
        _draw_raw(panels[1], rows, colours)
    save_figure(figure, path, 110)


def colours_of_targets(rows: Sequence[Row]) -> dict[str, str]:
    """Give the scale of every target a colour."""
    targets = dict.fromkeys(target_of(row) for row in rows)
    return {target: COLOURS[number % len(COLOURS)] for number, target in enumerate(targets)}


def target_of(row: Row) -> str:
    """Return the scale of the scene that a row's path runs through."""
    return scales_of(row.regime)[1]


def _draw_methods(axes: Axes, rows: Sequence[Row], methods: list[str], colours: dict[str, str]) -> None:
    for number, (target, colour) in enumerate(colours.items()):
        own = [row for row in rows if target_of(row) == target and not math.isnan(row.pce)]
        # Targets side by side within a method's line.
        shift = 0.6 * ((number + 0.5) / len(colours) - 0.5)
        places = [methods.index(row.method) + shift for row in own]
        label = f"target {target}"
        axes.plot([max(row.pce, MIN_DRAWN_PCE) for row in own], places, "o", color=colour, ms=4, alpha=0.6, label=label)
    measured = {row.method for row in rows if not math.isnan(row.pce)}
    for place, method in enumerate(methods):
        if method not in measured:
            beside = axes.get_yaxis_transform()
            axes.text(0.02, place, "not measured", va="center", fontsize=8, color="0.4", transform=beside)
    axes.set_xscale("log")
    axes.set(yticks=range(len(methods)), yticklabels=methods, ylim=(len(methods) - 0.5, -0.5))
    axes.set(
        xlabel="PCE in the target's true depth, a dot a move and reference", title="Faithfulness, method by method"
    )
    axes.grid(axis="x", alpha=0.25, which="both")
    axes.legend(frameon=False, fontsize=8, loc="upper right")


def _draw_raw(axes: Axes, rows: Sequence[Row], colours: dict[str, str]) -> None:
    raw = [row for row in rows if row.method == "raw" and not math.isnan(row.depth_gap + row.scale_gap)]
    for target, colour in colours.items():
        own = [row for row in raw if target_of(row) == target]
        axes.plot([row.depth_gap for row in own], [row.scale_gap for row in own], "o", color=colour, ms=5, alpha=0.75)
    if raw:
        gaps = [row.depth_gap for row in raw]
        ends = np.array([min(gaps), max(gaps)])
        axes.plot(ends, ends, color="0.6", ls="--", lw=1.2, label="Theorem 1")
        axes.legend(frameon=False, fontsize=9)
    slope = raw_slope(rows)
    axes.set(xlabel="log scale gap ln(Z / Z')", ylabel="ln(P' / P), median of the steps")
    axes.set_title("Uncalibrated transfer" + ("" if math.isnan(slope) else f": slope {slope:.3f}"))
    axes.grid(alpha=0.25)
