"""The tab in the 3D View's sidebar, in the order of the work."""

import json
from typing import Any

import bpy

from . import properties, session
from .journal import Job
from .stubs import Context


class _Panel(bpy.types.Panel):
    layout: Any
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "ParaScale"


class PARASCALE_PT_reference(_Panel):
    bl_label = "Reference"

    def draw_header_preset(self, context: Context) -> None:
        reference = properties.of_scene(context.scene).reference
        if reference is not None:
            self.layout.label(text=_short(reference.name))

    def draw(self, context: Context) -> None:
        column = self.layout.column(align=True)
        column.operator("parascale.solve_clip", icon="TRACKER")
        column.operator("parascale.import_shot", icon="IMPORT")
        self.layout.prop(properties.of_scene(context.scene), "reference", text="")


class PARASCALE_PT_calibrate(_Panel):
    bl_label = "Calibrate"

    def draw_header_preset(self, context: Context) -> None:
        camera = properties.of_scene(context.scene).camera
        if camera is not None:
            self.layout.label(text=_short(camera.name))

    def draw(self, context: Context) -> None:
        state = properties.of_scene(context.scene)
        layout = self.layout
        layout.operator("parascale.create_camera", icon="OUTLINER_OB_CAMERA")
        row = layout.row(align=True)
        row.operator("parascale.measure", icon="DRIVER_DISTANCE")
        if state.measured_depth:
            row.label(text=f"{state.measured_depth:.4g}")
        layout.use_property_split = True
        layout.use_property_decorate = False
        if state.camera is None:
            _draw_settings(layout, state.calibration)
            layout.prop(state.calibration, "strength")
            return
        layout.prop(state, "camera", text="Camera")
        _draw_settings(layout, properties.of_object(state.camera).calibration)
        if "parascale_strength" in state.camera:
            layout.prop(state.camera, '["parascale_strength"]', text="Strength")
        layout.operator("parascale.rebuild", icon="FILE_REFRESH")
        _draw_report(layout, properties.of_object(state.camera).report)


class PARASCALE_PT_generate(_Panel):
    bl_label = "Generate"

    def draw(self, context: Context) -> None:
        state = properties.of_scene(context.scene)
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("generator", "prompt", "seed", "long_side", "fps", "frames", "workbench"):
            layout.prop(state, name)
        layout.operator("parascale.generate", icon="RENDER_ANIMATION")
        for job in session.newest_jobs(4):
            _draw_job(layout, job)
        layout.label(text=session.state_text(), icon="LINKED" if session.connected() else "UNLINKED")


def _draw_settings(layout: Any, settings: Any) -> None:
    for name in ("method", "lens", "timing", "smooth", "frame_start"):
        layout.prop(settings, name)


def _draw_report(layout: Any, report: str) -> None:
    if not report:
        return
    found = json.loads(report)
    box = layout.box().column(align=True)
    box.label(text=f"PCE {_number(found['pce'])} (global {_number(found['pce_global'])})")
    low, high = found["gain_range"]
    box.label(text=f"Gain {_number(low)} to {_number(high)}, largest jump {_number(found['largest_jump'])}")
    box.label(text=f"Nearest surface {_number(found['nearest_surface'])}")
    for warning in found["warnings"]:
        box.label(text=warning, icon="ERROR")


def _draw_job(layout: Any, job: Job) -> None:
    row = layout.row(align=True)
    if job.state in ("running", "queued", "submitted", "cancelling"):
        row.progress(factor=job.fraction, text=f"{job.title}: {job.phase or job.state}")
        row.operator("parascale.cancel_job", text="", icon="X").job_id = job.id
    elif job.state == "fetched":
        row.operator("parascale.insert_result", text=f"Insert {job.title}", icon="SEQUENCE").job_id = job.id
    else:
        done = job.state == "used"
        row.label(
            text=f"{job.title}: {'inserted' if done else job.message or job.state}",
            icon="CHECKMARK" if done else "ERROR",
        )


def _number(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:.3g}" if abs(value) >= 1e-4 else "0"


def _short(text: str) -> str:
    return text if len(text) <= 28 else text[:27] + "…"


CLASSES = (PARASCALE_PT_reference, PARASCALE_PT_calibrate, PARASCALE_PT_generate)
