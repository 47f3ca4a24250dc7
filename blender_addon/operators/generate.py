"""Generate video along the calibrated move."""

from ..jobs import session
from ..jobs.generation import submit_again, submit_generation
from ..jobs.results import active_request, insert_result
from ..scene.objects import calibrated_camera
from ..steps import StepOperator, Steps
from ..stubs import Context
from .polls import needs_backend, needs_calibrated_camera, needs_result_strip


class PARASCALE_OT_submit(StepOperator):
    """Send the calibrated move, its first picture and depth to the backend, and go on working"""

    bl_idname = "parascale.submit"
    bl_label = "Submit Generation"
    needs = (needs_calibrated_camera, needs_backend)

    def steps(self, context: Context) -> Steps[None]:
        job = yield from submit_generation(context.scene, calibrated_camera(context.scene))
        self.report({"INFO"}, f"{job.title} is submitted: {job.request['frames']} frames")


class PARASCALE_OT_generate(StepOperator):
    """Generate video along the calibrated move; the result becomes a strip in the sequencer"""

    bl_idname = "parascale.generate"
    bl_label = "Generate"
    needs = (needs_calibrated_camera, needs_backend)

    def steps(self, context: Context) -> Steps[None]:
        job = yield from submit_generation(context.scene, calibrated_camera(context.scene))
        if not self.is_modal:
            yield from session.current().follow_job(job)
            self.report({"INFO"}, insert_result(context, job))


class PARASCALE_OT_generate_again(StepOperator):
    """Generate the active strip again, with the settings it was made with"""

    bl_idname = "parascale.generate_again"
    bl_label = "Generate Again"
    needs = (needs_result_strip, needs_backend)

    def steps(self, context: Context) -> Steps[None]:
        job = yield from submit_again(context.scene, active_request(context) or {})
        self.report({"INFO"}, f"{job.title} is submitted again")
