"""Every operator is repeated (Shift+R) and redone (a property changed in Adjust Last Operation): Blender lives on."""

import base64
import time
import uuid
from collections.abc import Callable
from typing import Any

import bpy as typed_bpy
import numpy as np
from tests.window.driver import SHARE, Steps, area_of, click, mouse, part, pause, region_of, told, until, window
from tests.window.setting import open_tab

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def idle() -> bool:
    """Whether no work and no operator is under way."""
    return part("tasks").current() is None and not window().modal_operators


def steps() -> Steps:
    yield from open_tab()
    scene = bpy.context.scene
    # Drawing is not what is tried here.
    space = area_of("VIEW_3D").spaces.active
    space.shading.type, space.overlay.show_overlays = "WIREFRAME", False
    scene.frame_end = 12
    scene.parascale.long_side, scene.parascale.workbench, scene.parascale.frames = 64, True, 5
    prepare_move(scene.camera)
    told["repeated"] = {}
    for name, arguments in calls().items():
        prepare = BEFORE.get(name)
        if prepare is not None:
            prepare()
            yield from pause(0.2)
        if name in OF_A_JOB:
            arguments["job_id"] = newest_job().id
        if name in OF_A_RESULT:
            yield from until(lambda: newest_job().has_result, f"a result for {name}")
        yield from try_operator(name, arguments)
    told["operators"] = sorted(
        cls.bl_idname.removeprefix("parascale.")
        for cls in part("registration").CLASSES
        if issubclass(cls, bpy.types.Operator)
    )
    jobs = part("jobs.session").current().jobs
    yield from until(lambda: not any(job.is_open for job in jobs.values()), "the end of all jobs")


def newest_job() -> Any:
    """What was submitted last."""
    return part("jobs.session").current().newest_jobs(1)[0]


def prepare_move(camera: Any) -> None:
    for frame, shift in ((1, 0.0), (12, 0.2)):
        camera.location.x += shift
        camera.keyframe_insert("location", frame=frame)


def calls() -> dict[str, dict[str, Any]]:
    """All operators in an order in which each has what it needs, and what its button gives it."""
    path = str(SHARE / "repeat.chan")
    return {
        "test_backend": {},
        "start_backend": {},
        "measure": {},
        "use_camera": {},
        "export_path": {"filepath": path, "format": "chan"},
        "import_shot": {"filepath": path, "depth": 1.0, "fov": 50.0, "size": (320, 180), "fps": 24.0},
        "use_example": {"move": "arc"},
        "edit_reference": {"edit": "MIRROR"},
        "add_moves": {},
        "save_as_asset": {},
        "take_up_moves": {},
        "create_camera": {},
        "rebuild": {},
        "retime": {"mode": "keep-path", "frames": 20},
        "use_selected": {},
        "add_time_curve": {},
        "key_strength": {},
        "select_anchor": {},
        "anchor_to_view": {},
        "match_here": {},
        "compare_methods": {},
        "compare_shots": {},
        "show_curves": {},
        "pick_focus": {"side": "TARGET"},
        "pick_surface": {"side": "TARGET"},
        "pick_subject": {"side": "TARGET"},
        "apply_preset": {"preset": "feels-same"},
        "estimate_depth": {},
        "bake": {},
        "add_preset": {},
        "open_report": {},
        "submit": {},
        "generate": {},
        "insert_result": {},
        "generate_again": {},
        "render_shot": {},
        "show_result": {},
        "poll_jobs": {},
        "retry_job": {},
        "cancel_job": {},
        "solve_clip": {"filepath": str(SHARE / "clips" / "street.mp4"), "end": 8},
        "cancel_work": {},
        "forget_job": {},
        "show_why": {},
        "copy_install_command": {},
        "copy_fetch_command": {"weights": "depth-anything-v2-small"},
        "stop_backend": {},
    }


def _choose_surface() -> None:
    state = bpy.context.scene.parascale
    state.current.statistic = "FRAME"
    shown = next(item for item in bpy.context.view_layer.objects if item.type == "MESH" and item.visible_get())
    for item in bpy.context.view_layer.objects:
        item.select_set(item == shown)
    bpy.context.view_layer.objects.active = shown


def _choose_camera() -> None:
    scene = bpy.context.scene
    bpy.context.view_layer.objects.active = scene.parascale.camera or scene.camera


def _hang_photo() -> None:
    photo = bpy.context.scene.parascale.photo
    photo.picture, photo.source = str(SHARE / "photo.png"), "CONSTANT"
    picture = bpy.data.images.new("photo", 64, 36)
    picture.filepath_raw, picture.file_format = photo.picture, "PNG"
    picture.save()


def _measure_the_frame() -> None:
    # The example move has no points to take a subject from.
    bpy.context.scene.parascale.current.statistic = "FRAME"


def _render_little() -> None:
    # By software, a picture of full size takes seconds.
    scene = bpy.context.scene
    scene.render.engine, scene.cycles.samples = "CYCLES", 1
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 96, 54, 100


def _refuse_a_clip() -> None:
    jobs, thumbnails = part("jobs.session").current().jobs, part("jobs.thumbnails")
    values = {"created": time.time(), "blend": bpy.data.filepath, "message": "Too little to follow"}
    job = part("jobs.journal").Job(id=uuid.uuid4().hex, kind="solve", title="noise", state="failed", **values)
    jobs[job.id] = job
    part("jobs.journal").save(job)
    picture = thumbnails.encode_png(np.full((96, 160, 3), 128, np.uint8))
    thumbnails.save_sketch(job, base64.b64encode(picture).decode())


BEFORE: dict[str, Callable[[], None]] = {
    "use_selected": _choose_surface,
    "retime": _choose_camera,
    "compare_methods": _measure_the_frame,
    "compare_shots": _measure_the_frame,
    "bake": _choose_camera,
    "export_path": _choose_camera,
    "estimate_depth": _hang_photo,
    "render_shot": _render_little,
    "show_why": _refuse_a_clip,
}


# Their buttons stand beside a job.
OF_A_JOB = {"insert_result", "retry_job", "cancel_job", "forget_job", "show_why"}
OF_A_RESULT = {"insert_result", "forget_job"}


def try_operator(name: str, arguments: dict[str, Any]) -> Steps:
    """Call an operator as its button does, then repeat it, then change what can be changed of it."""
    area = area_of("VIEW_3D") or area_of("GRAPH_EDITOR")
    if area.type != "VIEW_3D":
        area.ui_type = "VIEW_3D"
        yield from pause(0.5)
    region = region_of(area, "WINDOW")
    middle = region.x + region.width // 2, region.y + region.height // 2
    mouse("MOUSEMOVE", "NOTHING", middle)
    yield from pause(0.1)
    operator = getattr(bpy.ops.parascale, name)
    with bpy.context.temp_override(window=window(), area=area, region=region):
        can = operator.poll()
        if can:
            try:
                operator("INVOKE_DEFAULT", True, **arguments)
            except RuntimeError as error:  # a refusal
                can = str(error)
    yield from pause(0.3)
    yield from answer(name, middle)
    yield from until(idle, f"the end of {name}")
    trouble = part("tasks").trouble()
    yield from close_other_windows()
    for value in ("PRESS", "RELEASE"):
        window().event_simulate(type="R", value=value, x=middle[0], y=middle[1], shift=True)
        yield from pause(0.1)
    yield from answer(name, middle)
    yield from until(idle, f"the end of {name} repeated")
    yield from close_other_windows()
    changed = redo(area, region)
    yield from pause(0.2)
    yield from until(idle, f"the end of {name} redone")
    yield from close_other_windows()
    told["repeated"][name] = [can, changed, trouble]
    print("repeated", name, flush=True)


def shown_pictures() -> list[str]:
    """Names of what the image editors of all windows show."""
    areas = [area for other in bpy.context.window_manager.windows for area in other.screen.areas]
    spaces = [area.spaces.active for area in areas if area.ui_type == "IMAGE_EDITOR"]
    return [space.image.name for space in spaces if space.image is not None]


def close_other_windows() -> Steps:
    """Close what an operator opened: the mouse and the keys go to the last window."""
    for other in list(bpy.context.window_manager.windows)[1:]:
        with bpy.context.temp_override(window=other):
            bpy.ops.wm.window_close()
        yield from pause(0.3)


def answer(name: str, middle: tuple[int, int]) -> Steps:
    """Do what an operator waits for."""
    if name.startswith("pick_") and window().modal_operators:
        yield from click(middle)
    elif name == "retime":
        for value in ("PRESS", "RELEASE"):
            mouse("RET", value, middle)
            yield from pause(0.1)
    elif name == "show_why":
        yield from until(lambda: shown_pictures() == ["Why noise"], "the picture of why")
        told["pictures_of_why"] = [image.name for image in bpy.data.images if image.name.startswith("Why ")]
    elif name == "add_preset":
        for value in ("PRESS", "RELEASE"):
            mouse("ESC", value, middle)
            yield from pause(0.1)
    elif area_of("FILE_BROWSER") is not None:
        yield from pause(0.5)
        browser = area_of("FILE_BROWSER")
        with bpy.context.temp_override(window=window(), area=browser, region=region_of(browser, "WINDOW")):
            bpy.ops.file.execute()
        yield from pause(0.5)


def redo(area: Any, region: Any) -> str:
    """Change a property of the last operator as Adjust Last Operation does; return the operator's name."""
    done = [item for item in bpy.context.window_manager.operators if "UNDO" in item.bl_options]
    if not done:
        return ""
    last = done[-1]
    for known in last.properties.bl_rna.properties:
        if known.type == "INT" and not known.is_array:
            setattr(last.properties, known.identifier, getattr(last.properties, known.identifier) + 1)
        elif known.type == "BOOLEAN" and not known.is_array:
            setattr(last.properties, known.identifier, not getattr(last.properties, known.identifier))
    name = str(last.bl_idname)
    with bpy.context.temp_override(window=window(), area=area, region=region):
        if bpy.ops.ed.undo_redo.poll():
            bpy.ops.ed.undo_redo()
    return name
