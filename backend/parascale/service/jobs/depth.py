"""The depth job: a picture in, its depth map out."""

from parascale.depth.job import estimate_depth
from parascale.link.kinds.depth import DepthRequest
from parascale.link.request import JobResult
from parascale.service.jobs import JobContext


def run(request: DepthRequest, context: JobContext) -> JobResult:
    """See `parascale.service.jobs.run_job`."""
    return estimate_depth(request, context.directory, context.progress, context.cancelled)
