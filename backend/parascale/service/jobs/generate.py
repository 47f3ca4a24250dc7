"""The generate job: a camera path and a picture in, a video out."""

from parascale.generators import find_generator
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.request import JobResult
from parascale.service.jobs import JobContext


def run(request: GenerationRequest, context: JobContext) -> JobResult:
    """See `parascale.service.jobs.run_job`."""
    generator = find_generator(request.generator)
    return generator.generate(request, context.directory, context.progress, context.cancelled)
