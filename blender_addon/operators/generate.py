"""Generate video along the calibrated move: by a backend that is started and stopped here, as jobs of a list."""

import bpy

from parascale.blender.keyframes import keyed_frames
from parascale.errors import InputError

from .. import tasks
from ..advice import sentence
from ..jobs import job_list, session
from ..jobs.generation import camera_of_request, submit_again, submit_generation
from ..jobs.journal import Job
from ..jobs.requests import estimate_photo_depth, solve_clip, write_report
from ..jobs.results import active_request, film_path, insert_film, insert_result, show_result
from ..scene.cameras import calibrated_camera
from ..scene.photo import restore_request
from ..scene.render_beside import render_film_beside
from ..settings import settings_of_scene
from ..settings.preferences import fetch_command, install_command
from ..steps import Call, DirectOperator, StepOperator, Steps
from ..stubs import Context
from ..tasks import WRITE
from ..typed_properties import BoolProperty, StringProperty
from .polls import (
    needs_backend,
    needs_calibrated_camera,
    needs_closed_connection,
    needs_connection,
    needs_keys,
    needs_result,
    needs_result_strip,
)


class PARASCALE_OT_test_backend(StepOperator):
    """Connect to the backend and say what it can do"""

    bl_idname = "parascale.test_backend"
    bl_label = "Test"
    needs = (needs_backend,)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        yield from session.current().connect()
        connection = session.current().connection
        names = ", ".join(known.name for known in connection.welcome.generators) if connection.welcome else ""
        call.report({"INFO"}, f"{connection.describe()}: {names or 'no generators'}")


class PARASCALE_OT_start_backend(StepOperator):
    """Start the backend on this machine, or connect to the one that is named"""

    bl_idname = "parascale.start_backend"
    bl_label = "Start"
    needs = (needs_closed_connection, needs_backend)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        yield from session.current().connect()


class PARASCALE_OT_stop_backend(DirectOperator):
    """Disconnect from the backend; one that was started here ends by itself once its jobs are done"""

    bl_idname = "parascale.stop_backend"
    bl_label = "Disconnect"
    needs = (needs_connection,)

    def run(self, context: Context) -> None:
        session.current().connection.close()


class PARASCALE_OT_copy_install_command(DirectOperator):
    """Copy the command that installs a backend of your own, for a terminal with Python 3.11 or later"""

    bl_idname = "parascale.copy_install_command"
    bl_label = "Copy Install Command"

    extras: str = StringProperty(
        name="Parts", description="Optional parts to install, with commas between", default="solve,preview"
    )

    def run(self, context: Context) -> None:
        context.window_manager.clipboard = install_command(self.extras)
        self.report({"INFO"}, f"Copied: {context.window_manager.clipboard}")


class PARASCALE_OT_copy_fetch_command(DirectOperator):
    """Copy the command that fetches the weights a job lacks, for a terminal where the backend runs"""

    bl_idname = "parascale.copy_fetch_command"
    bl_label = "Copy Fetch Command"

    weights: str = StringProperty(name="Weights", description="Name of the model's weights")

    def run(self, context: Context) -> None:
        context.window_manager.clipboard = fetch_command(self.weights)
        self.report({"INFO"}, f"Copied: {context.window_manager.clipboard}")


class PARASCALE_OT_submit(StepOperator):
    """Send the calibrated move, its first picture and depth to the backend, and go on working"""

    bl_idname = "parascale.submit"
    bl_label = "Submit Generation"
    needs = (needs_calibrated_camera, needs_keys, needs_backend)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        job = yield from submit_generation(context.scene, calibrated_camera(context.scene), beside=call.is_task)
        call.report({"INFO"}, f"{job.title} is submitted: {job.request['frames']} frames")


class PARASCALE_OT_generate(StepOperator):
    """Generate video along the calibrated move; the result becomes a strip in the sequencer"""

    bl_idname = "parascale.generate"
    bl_label = "Generate"
    needs = (needs_calibrated_camera, needs_keys, needs_backend)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        job = yield from submit_generation(context.scene, calibrated_camera(context.scene), beside=call.is_task)
        if not call.is_task:
            yield from session.current().follow_job(job)
            call.report({"INFO"}, insert_result(context, job))


class PARASCALE_OT_generate_again(StepOperator):
    """Generate the active strip again, with the settings it was made with"""

    bl_idname = "parascale.generate_again"
    bl_label = "Generate Again"
    needs = (needs_result_strip, needs_backend)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        job = yield from submit_again(context.scene, active_request(context) or {}, beside=call.is_task)
        call.report({"INFO"}, f"{job.title} is submitted again")


class JobChoice:
    """The property of operators that work on one job."""

    job_id: str = StringProperty(name="Job", description="The job; empty takes the scene's last", options={"SKIP_SAVE"})


def find_job(context: Context, job_id: str) -> Job:
    """Return a job, or the scene's last one where no id is given; refuse if there is none."""
    job = session.current().jobs.get(job_id or settings_of_scene(context.scene).job_id)
    if job is None:
        raise InputError("job not found")
    return job


class PARASCALE_OT_poll_jobs(StepOperator):
    """Ask the backend for the state of the jobs, and fetch the results that are done"""

    bl_idname = "parascale.poll_jobs"
    bl_label = "Refresh Jobs"

    wait: bool = BoolProperty(name="Wait", description="Go on until every job has ended and every result is fetched")
    needs = (needs_backend,)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        now = session.current()
        yield from now.connect()
        now.poll()
        while call.wait and now.pending_jobs():
            now.connection.check()
            yield 0.0, "Waiting for jobs"
            now.poll()
        job_list.update()


class PARASCALE_OT_insert_result(JobChoice, DirectOperator):
    """Use a result: a video becomes a strip, a clip the reference, a depth the photo's surface; a report is opened"""

    bl_idname = "parascale.insert_result"
    bl_label = "Insert Result"
    # Not REGISTER: Repeat Last is meant for what the user did last.
    bl_options = {"UNDO"}

    def run(self, context: Context) -> None:
        job = find_job(context, self.job_id)
        try:
            message = insert_result(context, job)
        except (InputError, OSError, RuntimeError) as error:
            if job.files:
                session.current().set_state(job, "failed", sentence(error))
            raise error if isinstance(error, InputError) else InputError(str(error)) from error
        self.report({"INFO"}, message)
        # A report of what a timer calls is seen in the console alone.
        tasks.tell(message)


class PARASCALE_OT_render_shot(StepOperator):
    """Render the calibrated move with the scene's own engine, beside you, and put the film into the sequencer"""

    bl_idname = "parascale.render_shot"
    bl_label = "Render This Shot"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_calibrated_camera, needs_keys)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        scene: bpy.types.Scene = context.scene
        camera = calibrated_camera(scene)
        frames = keyed_frames(camera)
        span = int(frames[0]), int(frames[-1])
        path = film_path(camera)
        yield from render_film_beside(scene, camera, span, path)
        yield WRITE
        call.report({"INFO"}, insert_film(context, scene, camera, path, span))


class PARASCALE_OT_show_result(DirectOperator):
    """Show the scene's last result in the sequencer, in an editor that is open or in a window of its own"""

    bl_idname = "parascale.show_result"
    bl_label = "Show Result"
    needs = (needs_result,)

    def run(self, context: Context) -> None:
        show_result(context)


class PARASCALE_OT_open_report(StepOperator):
    """Write a page that shows reference and result side by side, with what was measured, and open it in the browser"""

    bl_idname = "parascale.open_report"
    bl_label = "Open Report"
    needs = (needs_calibrated_camera, needs_backend)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        yield from write_report(context, calibrated_camera(context.scene), call)


class PARASCALE_OT_cancel_work(DirectOperator):
    """Stop the work under way; nothing is changed"""

    bl_idname = "parascale.cancel_work"
    bl_label = "Cancel"
    bl_options = {"INTERNAL"}

    def run(self, context: Context) -> None:
        tasks.cancel()
        tasks.dismiss()


class PARASCALE_OT_retry_job(JobChoice, StepOperator):
    """Submit the same request again, from the scene as it is now"""

    bl_idname = "parascale.retry_job"
    bl_label = "Retry"

    shot: str = StringProperty(
        name="Shot",
        description="Frame range START:END to solve of a clip that holds several shots; empty takes the same as before",
        options={"SKIP_SAVE"},
    )
    needs = (needs_backend,)

    @classmethod
    def steps(cls, context: Context, call: Call) -> Steps[None]:
        old = find_job(context, call.job_id)
        if old.kind == "generate":
            job = yield from submit_again(context.scene, old.request, beside=call.is_task)
            call.report({"INFO"}, f"{job.title} is submitted again")
        elif old.kind == "solve" and "filepath" in old.request:
            asked = dict(old.request)
            if call.shot:
                asked["start"], asked["end"] = (int(frame) for frame in call.shot.split(":"))
            yield from solve_clip(context, asked, call)
        elif old.kind == "depth":
            restore_request(context.scene, old.request)
            yield from estimate_photo_depth(context, call)
        elif old.kind == "report":
            yield from write_report(context, camera_of_request(old.request), call)
        else:
            raise InputError(f"{old.title} cannot be submitted again from the list: start it where you did before")


class PARASCALE_OT_cancel_job(JobChoice, DirectOperator):
    """Stop a job"""

    bl_idname = "parascale.cancel_job"
    bl_label = "Cancel Job"

    def run(self, context: Context) -> None:
        session.current().cancel(find_job(context, self.job_id))


class PARASCALE_OT_forget_job(JobChoice, DirectOperator):
    """Remove a job from the list; its files stay where they are"""

    bl_idname = "parascale.forget_job"
    bl_label = "Remove from List"

    def run(self, context: Context) -> None:
        job = find_job(context, self.job_id)
        if job.is_open and job.state != "fetched":
            raise InputError(f"{job.title} is {job.state}: wait for its result, or cancel it first")
        session.current().forget(job)
        job_list.update()
