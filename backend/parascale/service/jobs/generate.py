"""The generate job: a camera path and a picture in, a video out."""

from parascale.errors import InputError
from parascale.generators.registry import generators
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.request import JobResult
from parascale.service.jobs import JobContext


def run(request: GenerationRequest, context: JobContext) -> JobResult:
    """See `parascale.service.jobs.run_job`."""
    known = generators()
    if request.generator not in known:
        raise InputError(f"there is no generator {request.generator!r} here: take one of {', '.join(known)}")
    return known[request.generator].generate(request, context.directory, context.progress, context.cancelled)
