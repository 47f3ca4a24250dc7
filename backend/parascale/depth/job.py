"""The depth job: a picture in, its depth map and what to know about it out."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parascale.depth.estimate import Estimate
from parascale.depth.models import load_estimator
from parascale.errors import Cancelled
from parascale.link.kinds.depth import DepthRequest
from parascale.link.request import JobResult
from parascale.types import CancelCheck, Progress

PERCENTILES = (10, 50, 90)


def estimate_depth(
    request: DepthRequest,
    directory: Path,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> JobResult:
    """Estimate the depth of a picture.

    Parameters
    ----------
    request : DepthRequest
    directory : Path
        Existing folder that takes ``depth.npy``: z-depth (H, W) float32, infinite where there is no surface; in metres
        where the summary's ``kind`` is "metric".
    progress : callable, optional
        Takes the fraction done, 0 .. 1, and the phase.
    cancelled : callable, optional
        Asked before the model is loaded and before it runs.

    Raises
    ------
    InputError
        Where the model is not on this machine or cannot be read, or sees no surface.
    Cancelled
        Where ``cancelled`` answered True.
    """

    def step(fraction: float, phase: str) -> None:
        if cancelled is not None and cancelled():
            raise Cancelled
        if progress is not None:
            progress(fraction, phase)

    step(0.0, "Loading the depth model")
    estimator = load_estimator(request.model)
    step(0.3, "Estimating depth")
    estimate = estimator.estimate(request.image)
    step(0.95, "Writing the depth map")
    depth = estimate.depth_map()
    path = directory / "depth.npy"
    np.save(path, depth, allow_pickle=False)
    return JobResult(_summary(estimator.name, estimate, depth), {"depth_map": path})


def _summary(model: str, estimate: Estimate, depth: NDArray[np.float32]) -> dict[str, Any]:
    seen = np.isfinite(depth)
    values = np.percentile(depth[seen], PERCENTILES)
    return {
        "model": model,
        "kind": estimate.kind,
        "percentiles": dict(zip(map(str, PERCENTILES), values.tolist(), strict=True)),
        "surface_share": float(seen.mean()),
        "intrinsics": None if estimate.intrinsics is None else estimate.intrinsics.tolist(),
        "uncertainty": estimate.uncertainty,
    }
