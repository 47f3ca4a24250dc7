"""A generator's response to camera motion as a picture."""

from itertools import cycle
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from parascale.evaluation.comparison_plot import COLOURS
from parascale.evaluation.figure import save_figure
from parascale.generators.profile import Profile

_MARKERS = ("o", "^", "s", "D")


def draw_response(profile: Profile, path: Path) -> None:
    """Draw realised over asked P of a measured profile, a line for every picture and move, and write it as PNG."""
    matplotlib.use("Agg")
    figure = Figure(figsize=(7, 6), layout="constrained", facecolor="white")
    axes = figure.subplots()
    measured = [item for item in profile.response if item["realised"] is not None]
    moves = sorted({item["move"] for item in measured})
    images = sorted({item["image"] for item in measured})
    for image, colour in zip(images, cycle(COLOURS)):
        for move, marker in zip(moves, cycle(_MARKERS)):
            own = [item for item in measured if (item["image"], item["move"]) == (image, move)]
            asked, realised = [item["asked"] for item in own], [item["realised"] for item in own]
            axes.loglog(asked, realised, marker=marker, color=colour, lw=1.2, ms=6, label=f"{image}, {move}")
    ends = np.array([min(item["asked"] for item in measured), max(item["asked"] for item in measured)])
    axes.loglog(ends, ends, color="0.6", ls="--", lw=1.2, label="as asked")
    axes.set(xlabel="Parallax Number asked, median of the steps", ylabel="realised, the video solved again")
    axes.set_title(_title(profile), fontsize=10)
    axes.grid(alpha=0.25, which="both")
    axes.legend(frameon=False, fontsize=8)
    save_figure(figure, path, 110)


def _title(profile: Profile) -> str:
    saturates = (
        "no saturation" if profile.saturates_at is None else f"saturates from {profile.saturates_at:.2g} median depths"
    )
    return (
        f"{profile.generator}: {profile.units_per_depth:.3g} units per depth, spread {profile.spread or 0:.2f}, "
        f"slope {profile.slope or 0:.2f}, {saturates}"
    )
