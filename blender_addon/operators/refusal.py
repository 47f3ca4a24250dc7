"""Show where a clip that was refused breaks."""

import bpy

from parascale.errors import InputError

from ..jobs import session, thumbnails
from ..scene.pictures import load_picture
from ..steps import DirectOperator
from ..stubs import Context
from ..typed_properties import StringProperty


class PARASCALE_OT_show_why(DirectOperator):
    """Show where the clip breaks: tracks that fit in green, others in red, and how many every frame has"""

    bl_idname = "parascale.show_why"
    bl_label = "Show Why"
    bl_options = {"REGISTER", "UNDO"}

    job_id: str = StringProperty(name="Job", description="The refused job", options={"SKIP_SAVE"})

    def run(self, context: Context) -> None:
        job = session.current().jobs.get(self.job_id)
        path = None if job is None else thumbnails.refusal_picture(job)
        if job is None or path is None:
            raise InputError("there is no picture of why: solve the clip again")
        image = load_picture(path, check_existing=True)
        if image.packed_file is None:
            image.name = f"Why {job.title}"
            # The file goes with the job.
            image.pack()
        if not bpy.app.background:
            _show(context, image)
        self.report({"INFO"}, job.message)


def _show(context: Context, image: bpy.types.Image) -> None:
    """Show a picture in an image editor that is open, else in a window of its own."""
    areas = [area for window in context.window_manager.windows for area in window.screen.areas]
    editor = next((area for area in areas if area.ui_type == "IMAGE_EDITOR"), None)
    if editor is None:
        bpy.ops.wm.window_new()
        screen = context.window_manager.windows[-1].screen
        editor = max(screen.areas, key=lambda area: area.width * area.height)
        editor.ui_type = "IMAGE_EDITOR"
    editor.spaces.active.image = image
