"""Make a photo the target."""

from pathlib import Path

import bpy

from parascale.errors import InputError
from parascale.link.kinds.depth import DepthRequest

from ..advice import sentence
from ..jobs import session
from ..jobs.results import insert_result
from ..scene import photo
from ..settings import settings_of_scene
from ..steps import StepOperator, Steps
from ..stubs import Context
from .polls import needs_photo


class PARASCALE_OT_estimate_depth(StepOperator):
    """Turn the photo into a surface of the scene, by its depth, in front of a camera of its own"""

    bl_idname = "parascale.estimate_depth"
    bl_label = "Estimate Depth"
    bl_options = {"REGISTER", "UNDO"}
    needs = (needs_photo,)

    def steps(self, context: Context) -> Steps[None]:
        scene = context.scene
        asked = settings_of_scene(scene).photo
        path = Path(bpy.path.abspath(asked.picture))
        if asked.source == "MODEL":
            message = yield from self._estimated(context, path)
        elif asked.source == "FILE":
            yield 0.0, "Reading the depth map"
            depth_path = Path(bpy.path.abspath(asked.depth_path))
            message, doubts = photo.place_file(scene, path, depth_path, asked.depth_scale, asked.fov)
            for warning in doubts:
                self.report({"WARNING"}, sentence(warning))
        else:
            yield 0.0, "Placing the photo"
            message = photo.place_wall(scene, path, asked.distance, asked.fov)
        self.report({"INFO"}, message)

    def _estimated(self, context: Context, path: Path) -> Steps[str]:
        now = session.current()
        asked = settings_of_scene(context.scene).photo
        model, fov = asked.model, asked.fov
        yield 0.0, "Reading the photo"
        picture = photo.read_photo(path)
        if not model:
            raise InputError("no depth model is named: enter one, such as depth-anything-v2-small")
        yield from now.connect()
        request = DepthRequest(picture, model)
        job = session.new_job(request, path.stem, context.scene, {"picture": str(path), "model": model, "fov": fov})
        now.submit(job, request)
        yield from now.follow_job(job)
        return insert_result(context, job)


CLASSES = (PARASCALE_OT_estimate_depth,)
