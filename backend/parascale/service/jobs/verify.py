"""The verify job: a video and its shot in, the path that the video shows and its metrics out."""

from parascale.evaluation.verify import verify
from parascale.link.kinds.verify import VerifyRequest
from parascale.link.request import JobResult
from parascale.service.jobs import JobContext, save_shot


def run(request: VerifyRequest, context: JobContext) -> JobResult:
    """See `parascale.service.jobs.run_job`."""
    verification = verify(request.video, request.shot, progress=context.progress, cancelled=context.cancelled)
    files = save_shot(verification.shot, context.directory / "realised.shot.json")
    return JobResult(verification.metrics.as_json(), files)
