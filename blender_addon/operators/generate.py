"""Submit a generation, follow it, insert its result."""

from pathlib import Path

import bpy
from bpy.props import BoolProperty, StringProperty

from parascale.blender.strips import insert_strip, sequencer_scene
from parascale.errors import InputError
from parascale.files.shot_file import read_shot

from .. import preferences, properties, request, session
from ..journal import Job
from ..steps import StepOperator, Steps, sentence
from ..stubs import Context, Outcome
from .backend import needs_backend
from .reference import adopt


class _Submitting(StepOperator):
    """What `submit` and `generate` share."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        if properties.of_scene(context.scene).camera is None:
            cls.poll_message_set("No calibrated camera: create one first")
            return False
        return needs_backend(cls, context)

    def submitted(self, context: Context) -> Steps[Job]:
        """Build the request and hand it over."""
        scene = context.scene
        state = properties.of_scene(scene)
        yield from session.current().connect(preferences.executable(context))
        timing = request.timing_of(scene, state.camera)
        asked = yield from request.build(scene, state.camera, timing)
        job = session.new_job("generate", state.camera.name, scene)
        job.frame_start, job.fps = timing.frame_start, timing.fps
        job.request = request.as_json(asked)
        session.current().submit(job, asked)
        state.job_id = job.id
        return job


class PARASCALE_OT_submit(_Submitting):
    """Send the calibrated move, its first picture and depth to the backend, and go on working"""

    bl_idname = "parascale.submit"
    bl_label = "Submit"

    def steps(self, context: Context) -> Steps[None]:
        job = yield from self.submitted(context)
        self.report({"INFO"}, f"{job.title} is submitted: {len(job.request['parallax_number']) + 1} frames")


class PARASCALE_OT_generate(_Submitting):
    """Generate video along the calibrated move; the result becomes a strip in the sequencer"""

    bl_idname = "parascale.generate"
    bl_label = "Generate"

    def steps(self, context: Context) -> Steps[None]:
        job = yield from self.submitted(context)
        if not self.is_modal:
            yield from session.current().followed(job)
            self.report({"INFO"}, insert(context, job))


class PARASCALE_OT_poll_jobs(StepOperator):
    """Ask the backend how the jobs stand, and fetch what is done"""

    bl_idname = "parascale.poll_jobs"
    bl_label = "Refresh Jobs"

    wait: BoolProperty(name="Wait", description="Go on until every job has ended and every result is here")

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_backend(cls, context)

    def steps(self, context: Context) -> Steps[None]:
        now = session.current()
        yield from now.connect(preferences.executable(context))
        now.tick()
        while self.wait and now.waiting():
            now.check_connection()
            yield 0.0, "Waiting for jobs"
            now.tick()


class PARASCALE_OT_insert_result(bpy.types.Operator):
    """Put a finished job to use: a video becomes a strip, a solved clip the reference"""

    bl_idname = "parascale.insert_result"
    bl_label = "Insert Result"
    bl_options = {"REGISTER", "UNDO"}

    job_id: StringProperty(name="Job", description="The job; empty takes the scene's last", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> Outcome:
        try:
            message = insert(context, _job(context, self.job_id))
        except (InputError, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        self.report({"INFO"}, message)
        return {"FINISHED"}


class PARASCALE_OT_cancel_job(bpy.types.Operator):
    """Stop a job"""

    bl_idname = "parascale.cancel_job"
    bl_label = "Cancel Job"

    job_id: StringProperty(name="Job", description="The job; empty takes the scene's last", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> Outcome:
        try:
            session.current().cancel(_job(context, self.job_id))
        except (InputError, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        return {"FINISHED"}


def insert(context: Context, job: Job) -> str:
    """Put a fetched result to use and say what was done.

    Raises
    ------
    InputError
        Where the job has no result yet, or its file is gone.
    """
    if job.state not in ("fetched", "used"):
        raise InputError(f"{job.title} has no result to insert: it is {job.state}. {job.message}")
    scene = bpy.data.scenes.get(job.scene) or context.scene
    if job.kind == "solve":
        shot = read_shot(Path(job.files["shot"]))
        adopt(scene, shot)
        message = f"{job.title} is the reference: {len(shot)} frames"
    else:
        message = _insert_video(context, scene, job)
    session.current().mark_used(job)
    return message


def _insert_video(context: Context, scene: bpy.types.Scene, job: Job) -> str:
    target = sequencer_scene(context, scene)
    used = target.render.use_sequencer
    path = Path(job.files["video"])
    strip = insert_strip(
        target, path, job.frame_start, fps=job.fps, request=job.request | {"job": job.id, "result": job.summary}
    )
    if bpy.data.filepath:
        strip.filepath = bpy.path.relpath(str(path))
    message = f"{strip.name} stands at frame {job.frame_start} of {target.name}"
    if used and not target.render.use_sequencer:
        message += "; rendering still renders the scene: switch Post Processing > Sequencer on to render the strips"
    if not bpy.data.filepath:
        message += f"; the file is not saved, so the video lies in {path.parent}"
    return message


def _job(context: Context, job_id: str) -> Job:
    job_id = job_id or properties.of_scene(context.scene).job_id
    job = session.current().jobs.get(job_id)
    if job is None:
        raise InputError("there is no such job: generate something first")
    return job


CLASSES = (
    PARASCALE_OT_submit,
    PARASCALE_OT_generate,
    PARASCALE_OT_poll_jobs,
    PARASCALE_OT_insert_result,
    PARASCALE_OT_cancel_job,
)
