"""The subject job: a shot, its clip and boxes in it, the shot with its subjects out."""

from parascale.link.kinds.subject import SubjectRequest
from parascale.link.request import JobResult
from parascale.service.jobs import JobContext, save_shot
from parascale.solve.subject.track import with_subjects


def run(request: SubjectRequest, context: JobContext) -> JobResult:
    """See `parascale.service.jobs.run_job`."""
    shot = with_subjects(
        request.shot,
        request.reference,
        request.subjects,
        fps=request.fps,
        progress=context.progress,
        cancelled=context.cancelled,
    )
    summary = {
        "name": shot.name,
        "frames": len(shot),
        "subjects": [{"name": each.name, "frames": int(each.in_frame.sum())} for each in shot.subjects],
    }
    return JobResult(summary, save_shot(shot, context.directory / "subject.shot.json"))
