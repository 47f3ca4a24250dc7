"""The report job: a reference, its result and their pictures in, one HTML page out."""

from parascale.evaluation.page import Side, write_page
from parascale.link.kinds.report import ReportRequest
from parascale.link.request import JobResult
from parascale.service.jobs import JobContext


def run(request: ReportRequest, context: JobContext) -> JobResult:
    """See `parascale.service.jobs.run_job`."""
    sides = [Side(request.shot, request.clip)]
    if request.result is not None:
        sides.append(Side(request.result, request.video))
    context.progress(0.0, "Writing the report")
    page = context.directory / "report.html"
    write_page(sides, page)
    return JobResult({"sides": len(sides), "bytes": page.stat().st_size}, {"page": page})
