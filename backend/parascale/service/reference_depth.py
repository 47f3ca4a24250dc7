"""A solved reference whose depth is a model's: where solving and depth models meet."""

from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING

from parascale.parallax.shot import Shot
from parascale.types import CancelCheck, Progress

if TYPE_CHECKING:
    from parascale.depth.estimate import Estimator


def with_model_depth(
    solved: Shot,
    reference: Path,
    estimator: "Estimator",
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Shot:
    """Give a solved shot the depth of a model, from the pictures of its own frames.

    Parameters
    ----------
    solved : Shot
        As `parascale.solve.solve` left it.
    reference : Path
        What it was solved from.
    estimator : Estimator
    progress, cancelled
        As everywhere.

    Raises
    ------
    InputError
        Where no frame shows the points that tell the model's scale, or the first none of its surface.
    Cancelled
        Where ``cancelled`` said so.
    """
    from parascale.depth.reference_depth import with_dense_depth
    from parascale.media.video import pictures

    assert solved.frames is not None
    wanted = set(solved.frames.tolist())
    until_the_last = takewhile(lambda item: item[0] <= max(wanted), pictures(reference))
    frames = (picture for number, _, picture in until_the_last if number in wanted)
    return with_dense_depth(frames, solved, estimator, progress=progress, cancelled=cancelled)
