"""The generate job: a camera path and a picture in, a video out."""

from dataclasses import replace

from parascale.generators import find_generator
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.request import JobResult
from parascale.service.jobs import JobContext
from parascale.service.models import resolve_model


def run(request: GenerationRequest, context: JobContext) -> JobResult:
    """See `parascale.service.jobs.run_job`."""
    generator = find_generator(request.generator)
    paths = {parameter.name for parameter in generator.describe() if parameter.kind == "path"}
    parameters = {
        name: resolve_model(value) if name in paths and isinstance(value, str) else value
        for name, value in request.parameters.items()
    }
    request = replace(request, parameters=parameters)
    return generator.generate(request, context.directory, context.progress, context.cancelled)
