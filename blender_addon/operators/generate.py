"""Submit a generation, follow it, insert its result, ask for it again."""

from pathlib import Path
from typing import Any, cast

import bpy

from parascale.blender.strips import insert_strip, request_of, sequencer_scene
from parascale.errors import InputError
from parascale.files.shot_file import read_shot

from ..jobs import job_list, session
from ..jobs.generation import submit_generation
from ..jobs.journal import Job
from ..scene import photo
from ..scene.generation import GenerationSettings
from ..scene.reference_camera import adopt_reference
from ..settings import settings_of_object, settings_of_scene
from ..steps import StepOperator, Steps, sentence
from ..stubs import Context, Outcome
from ..typed_properties import BoolProperty, StringProperty
from .polls import needs_backend, needs_calibrated_camera


class _Submitting(StepOperator):
    """What the operators that submit a generation share."""

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_calibrated_camera(cls, context) and needs_backend(cls)

    def submit_from_panel(self, context: Context) -> Steps[Job]:
        """Submit the scene's calibrated camera with the settings of the panel."""
        camera = settings_of_scene(context.scene).camera
        assert camera is not None
        return submit_generation(context.scene, camera)

    def submit_again(self, context: Context, request: dict[str, Any]) -> Steps[None]:
        """Submit what a strip or a job keeps, from the scene as it is now."""
        camera = bpy.data.objects.get(str(request.get("camera", "")))
        if camera is None or settings_of_object(camera).role != "CAMERA":
            raise InputError(f"the calibrated camera {request.get('camera')!r} is not in this file any more")
        settings = GenerationSettings.from_json(request.get("asked", request))
        job = yield from submit_generation(context.scene, camera, settings)
        self.report({"INFO"}, f"{job.title} is submitted again")


class PARASCALE_OT_submit(_Submitting):
    """Send the calibrated move, its first picture and depth to the backend, and go on working"""

    bl_idname = "parascale.submit"
    bl_label = "Submit Generation"

    def steps(self, context: Context) -> Steps[None]:
        job = yield from self.submit_from_panel(context)
        self.report({"INFO"}, f"{job.title} is submitted: {job.request['frames']} frames")


class PARASCALE_OT_generate(_Submitting):
    """Generate video along the calibrated move; the result becomes a strip in the sequencer"""

    bl_idname = "parascale.generate"
    bl_label = "Generate"

    def steps(self, context: Context) -> Steps[None]:
        job = yield from self.submit_from_panel(context)
        if not self.is_modal:
            yield from session.current().follow_job(job)
            self.report({"INFO"}, insert(context, job))


class PARASCALE_OT_generate_again(_Submitting):
    """Generate the active strip once more, with the settings it was made with"""

    bl_idname = "parascale.generate_again"
    bl_label = "Generate Again"

    @classmethod
    def poll(cls, context: Context) -> bool:
        if active_request(context) is None:
            cls.poll_message_set("The active strip is not a result of ParaScale")
            return False
        return needs_backend(cls)

    def steps(self, context: Context) -> Steps[None]:
        yield from self.submit_again(context, active_request(context) or {})


class PARASCALE_OT_retry_job(_Submitting):
    """Ask for the same again, from the scene as it stands now"""

    bl_idname = "parascale.retry_job"
    bl_label = "Retry"

    job_id: str = StringProperty(name="Job", description="The job; empty takes the scene's last", options={"SKIP_SAVE"})

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_backend(cls)

    def steps(self, context: Context) -> Steps[None]:
        old = _find_job(context, self.job_id)
        if old.kind == "generate":
            yield from self.submit_again(context, old.request)
        elif old.kind == "solve" and "filepath" in old.request:
            given: dict[str, Any] = {name: value for name, value in old.request.items() if name != "kind"}
            bpy.ops.parascale.solve_clip(_mode(), **given)  # type: ignore[attr-defined]  # ours
        elif old.kind == "depth":
            photo.restore_request(context.scene, old.request)
            bpy.ops.parascale.estimate_depth(_mode())  # type: ignore[attr-defined]  # ours
        else:
            raise InputError(f"{old.title} cannot be asked for again from here: start it where you started it first")


class PARASCALE_OT_poll_jobs(StepOperator):
    """Ask the backend how the jobs stand, and fetch what is done"""

    bl_idname = "parascale.poll_jobs"
    bl_label = "Refresh Jobs"

    wait: bool = BoolProperty(name="Wait", description="Go on until every job has ended and every result is here")

    @classmethod
    def poll(cls, context: Context) -> bool:
        return needs_backend(cls)

    def steps(self, context: Context) -> Steps[None]:
        now = session.current()
        yield from now.connect()
        now.poll()
        while self.wait and now.pending_jobs():
            now.connection.check()
            yield 0.0, "Waiting for jobs"
            now.poll()
        job_list.update()


class PARASCALE_OT_insert_result(bpy.types.Operator):
    """Put a finished job to use: a video becomes a strip, a solved clip the reference, a depth the photo's surface"""

    bl_idname = "parascale.insert_result"
    bl_label = "Insert Result"
    bl_options = {"REGISTER", "UNDO"}

    job_id: str = StringProperty(name="Job", description="The job; empty takes the scene's last", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> Outcome:
        try:
            job = _find_job(context, self.job_id)
        except InputError as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        try:
            message = insert(context, job)
        except (InputError, OSError, RuntimeError) as error:
            if job.files:
                session.current().mark_failed(job, sentence(error))
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        self.report({"INFO"}, message)
        return {"FINISHED"}


class PARASCALE_OT_cancel_job(bpy.types.Operator):
    """Stop a job"""

    bl_idname = "parascale.cancel_job"
    bl_label = "Cancel Job"

    job_id: str = StringProperty(name="Job", description="The job; empty takes the scene's last", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> Outcome:
        try:
            session.current().cancel(_find_job(context, self.job_id))
        except (InputError, OSError) as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        return {"FINISHED"}


class PARASCALE_OT_forget_job(bpy.types.Operator):
    """Take a job off the list; what it left behind stays where it is"""

    bl_idname = "parascale.forget_job"
    bl_label = "Remove from List"

    job_id: str = StringProperty(name="Job", options={"SKIP_SAVE"})

    def execute(self, context: Context) -> Outcome:
        try:
            job = _find_job(context, self.job_id)
            if job.is_open and job.state != "fetched":
                raise InputError(f"{job.title} is {job.state}: cancel it first")
        except InputError as error:
            self.report({"ERROR"}, sentence(error))
            return {"CANCELLED"}
        session.current().forget(job)
        job_list.update()
        return {"FINISHED"}


def insert(context: Context, job: Job) -> str:
    """Put a fetched result to use and say what was done.

    Raises
    ------
    InputError
        Where the job has no result yet, or its file is gone.
    """
    if not job.files or job.state not in ("fetched", "used", "failed"):
        raise InputError(f"{job.title} has no result to insert: it is {job.state}. {job.message}")
    scene = bpy.data.scenes.get(job.scene) or context.scene
    if job.kind == "solve":
        shot = read_shot(Path(job.files["shot"]))
        adopt_reference(scene, shot)
        message = f"{job.title} is the reference: {len(shot)} frames"
    elif job.kind == "depth":
        message = photo.place_estimate(
            scene,
            Path(job.request["picture"]),
            float(job.request["fov"]),
            Path(job.files["depth_map"]),
            cast("photo.DepthEstimate", job.summary),
        )
    else:
        message = _insert_video(context, scene, job)
    session.current().mark_used(job)
    return message


def active_request(context: Context) -> dict[str, Any] | None:
    """Return the request kept on the active strip; None if there is no such strip or it is not ours."""
    scene = sequencer_scene(context, context.scene) if context.workspace else context.scene
    strip = scene.sequence_editor.active_strip if scene.sequence_editor is not None else None
    return request_of(strip) if strip is not None else None


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


def _mode() -> str:
    return "EXEC_DEFAULT" if bpy.app.background else "INVOKE_DEFAULT"


def _find_job(context: Context, job_id: str) -> Job:
    job = session.current().jobs.get(job_id or settings_of_scene(context.scene).job_id)
    if job is None:
        raise InputError("job not found")
    return job


CLASSES = (
    PARASCALE_OT_submit,
    PARASCALE_OT_generate,
    PARASCALE_OT_generate_again,
    PARASCALE_OT_retry_job,
    PARASCALE_OT_poll_jobs,
    PARASCALE_OT_insert_result,
    PARASCALE_OT_cancel_job,
    PARASCALE_OT_forget_job,
)
