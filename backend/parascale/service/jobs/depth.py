"""The depth job: a picture in, its depth map and what is known of it out.

``depth.npy`` is z-depth (H, W) float32, infinite where there is no surface; in metres if the summary's ``kind`` is
"metric".
"""

import numpy as np

from parascale.depth.models import load_estimator
from parascale.errors import Cancelled
from parascale.files.disk import MARKED_HEADER
from parascale.files.npz import npy_bytes
from parascale.link.kinds.depth import DepthRequest
from parascale.link.request import JobResult
from parascale.service.jobs import JobContext
from parascale.service.models import resolve_model

PERCENTILES = (10, 50, 90)


def run(request: DepthRequest, context: JobContext) -> JobResult:
    """See `parascale.service.jobs.run_job`; cancelled before the model is loaded and before it runs."""

    def step(fraction: float, phase: str) -> None:
        if context.cancelled():
            raise Cancelled
        context.progress(fraction, phase)

    step(0.0, "Loading the depth model")
    estimator = load_estimator(resolve_model(request.model))
    step(0.3, "Estimating depth")
    estimate = estimator.estimate(request.image)
    step(0.95, "Writing the depth map")
    depth = estimate.depth_map()
    path = context.directory / "depth.npy"
    path.write_bytes(npy_bytes(depth, MARKED_HEADER))
    seen = np.isfinite(depth)
    percentiles = np.percentile(depth[seen], PERCENTILES).tolist()
    summary = {
        "model": estimator.name,
        "kind": estimate.kind,
        "percentiles": dict(zip(map(str, PERCENTILES), percentiles, strict=True)),
        "surface_share": float(seen.mean()),
        "intrinsics": None if estimate.intrinsics is None else estimate.intrinsics.tolist(),
        "uncertainty": estimate.uncertainty,
    }
    return JobResult(summary, {"depth_map": path})
