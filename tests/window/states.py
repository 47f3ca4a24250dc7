"""What goes on around the work: surfaces that do not render, stale or not, a cancelled rebuild, results that wait."""

from collections.abc import Callable
from typing import Any

import bpy as typed_bpy
from tests.window.driver import SHARE, Steps, area_of, grab, mouse, part, pause, region_of, told, until, window
from tests.window.repeats import idle
from tests.window.setting import calibrate_by_example, open_tab

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy

# Distance of the wall, nearer than all of the desk.
WALL = 0.3
# Turns of the timer in which a result would have come that does not wait.
TURNS = 60
# Times that a job is begun at most, until the user is busy before its result comes in.
TRIES = 5


def steps() -> Steps:
    """Do one after the other in one file."""
    yield from open_tab()
    area_of("VIEW_3D").spaces.active.shading.type = "WIREFRAME"
    measure_what_renders()
    yield from calibrate_by_example()
    yield from stale_lives_in_the_file()
    yield from cancel_a_rebuild()
    state().long_side, state().workbench = 64, True
    for mode in ("grab", "edit"):
        yield from result_waits(mode)
    yield from first_pictures()
    yield from camera_of_a_marker()


def state() -> Any:
    return bpy.context.scene.parascale


def over_view() -> Any:
    area = area_of("VIEW_3D")
    return bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW"))


def call(name: str, *how: object, **arguments: object) -> None:
    with over_view():
        getattr(bpy.ops.parascale, name)(*how, **arguments)


def press_key(kind: str, **modifiers: bool) -> Steps:
    """Press a key with the mouse over the view."""
    region = region_of(area_of("VIEW_3D"), "WINDOW")
    at = region.x + region.width // 3, region.y + region.height // 2
    mouse("MOUSEMOVE", "NOTHING", at)
    yield from pause(0.3)
    for value in ("PRESS", "RELEASE"):
        window().event_simulate(type=kind, value=value, x=at[0], y=at[1], **modifiers)
        yield from pause(0.2)


def measure_what_renders() -> None:
    """Put a wall before the camera and measure, for each way in which it renders or does not."""
    scene = bpy.context.scene
    call("measure")
    before = state().measured_depth
    mesh = bpy.data.meshes.new("Wall")
    mesh.from_pydata([(-3, -3, -WALL), (3, -3, -WALL), (3, 3, -WALL), (-3, 3, -WALL)], [], [(0, 1, 2, 3)])
    wall = bpy.data.objects.new("Wall", mesh)
    group = bpy.data.collections.new("Props")
    scene.collection.children.link(group)
    group.objects.link(wall)
    wall.matrix_world = scene.camera.matrix_world.copy()
    layer = bpy.context.view_layer.layer_collection.children["Props"]
    found = told["measured"] = {}

    def note(name: str) -> None:
        bpy.context.view_layer.update()
        call("measure")
        found[name] = round(state().measured_depth / before, 3)

    note("plain")
    for owner, name, value in (
        (wall, "display_type", "WIRE"),
        (wall, "display_type", "BOUNDS"),
        (wall, "hide_render", True),
        (wall, "visible_camera", False),
        (group, "hide_render", True),
        (layer, "exclude", True),
        (state(), "unmeasured", group),
    ):
        kept = getattr(owner, name)
        setattr(owner, name, value)
        note(f"{name} {getattr(value, 'name', value)}")
        setattr(owner, name, kept)
    note("plain again")
    bpy.data.objects.remove(wall)
    bpy.data.collections.remove(group)


def stale_lives_in_the_file() -> Steps:
    """Move a surface, undo, redo, save and open: what the panel says of the camera goes along."""
    said = told["stale"] = []

    def reason() -> str:
        return str(part("scene.staleness").reason_stale(bpy.context.scene, state().camera))

    def note(what: str, stale: bool) -> Steps:
        # What changed is looked at a moment later, on a busy machine a longer one.
        yield from pause(2.0)
        yield from until(lambda: bool(reason()) == stale, f"what the panel says when {what}")
        said.append([what, reason()])

    yield from note("built", stale=False)
    with over_view():
        bpy.ops.ed.undo_push(message="before")
    surface().location.x += 0.05
    with over_view():
        bpy.ops.ed.undo_push(message="moved")
    yield from note("moved", stale=True)
    yield from press_key("Z", ctrl=True)
    yield from note("undone", stale=False)
    yield from press_key("Z", ctrl=True, shift=True)
    yield from note("redone", stale=True)
    save_and_open()
    yield from note("opened", stale=True)
    call("rebuild", "EXEC_DEFAULT")
    yield from note("rebuilt", stale=False)
    save_and_open()
    yield from note("opened again", stale=False)


def surface() -> Any:
    """Any object with a surface that shows."""
    return next(item for item in bpy.context.scene.objects if item.type == "MESH" and item.visible_get())


def save_and_open() -> None:
    path = str(SHARE / "desk.blend")
    with over_view():
        bpy.ops.wm.save_as_mainfile(filepath=path)
    with over_view():
        bpy.ops.wm.open_mainfile(filepath=path)


def cancel_a_rebuild() -> Steps:
    """Begin a rebuild, which leaves Blender usable, and cancel it; then begin one and undo meanwhile."""
    tasks = part("tasks")
    noted = told["cancelled"] = []
    for stop in (lambda: call("cancel_work"), undo):
        with over_view():
            bpy.ops.ed.undo_push(message="before")
        before = keys_of(state().camera)
        call("rebuild", "INVOKE_DEFAULT", True)
        under_way, modal = tasks.current() is not None, len(window().modal_operators)
        stop()
        yield from until(idle, "the end of the rebuild")
        noted.append([under_way, modal, keys_of(state().camera) == before, tasks.trouble()])
    tasks.dismiss()


def undo() -> None:
    with over_view():
        bpy.ops.ed.undo()


def keys_of(camera: Any) -> list[float]:
    from parascale.blender.keyframes import fcurves

    curves: Any = fcurves(camera)
    return [point.co[1] for curve in curves for point in curve.keyframe_points]


def newest_job() -> Any:
    return part("jobs.session").current().newest_jobs(1)[0]


def strips() -> int:
    editor = bpy.context.scene.sequence_editor
    return 0 if editor is None else len(editor.strips)


def result_waits(mode: str) -> Steps:
    """Generate, and be in the middle of something when the result arrives."""
    item = surface()
    bpy.context.view_layer.objects.active = item
    item.select_set(True)
    for _ in range(TRIES):
        before = strips()
        call("generate", "INVOKE_DEFAULT", True)
        yield from until(lambda: part("tasks").current() is None, "the submission")
        job = newest_job()
        yield from begin(mode)
        if strips() == before:
            break
        # The result came in before the user was busy: the next takes longer.
        yield from end(mode)
        state().long_side *= 2
    yield from until(lambda: job.has_result or not job.is_open, "the result")
    for _ in range(TURNS):
        yield
    waits = [job.state, strips() - before]
    yield from grab(f"waits-{mode}")
    yield from end(mode)
    yield from until(lambda: strips() > before, "the strip")
    told.setdefault("waits", {})[mode] = [*waits, strips() - before]


def begin(mode: str) -> Steps:
    if mode == "grab":
        yield from press_key("G")
        yield from until(lambda: window().modal_operators, "the object in hand")
    else:
        set_mode("EDIT")


def end(mode: str) -> Steps:
    if mode == "grab":
        yield from press_key("ESC")
    else:
        set_mode("OBJECT")
    yield from until(lambda: not window().modal_operators, "the object let go")


def set_mode(mode: str) -> None:
    with over_view():
        bpy.ops.object.mode_set(mode=mode)


def first_pictures() -> Steps:
    """Send what was rendered last, and what an Image Editor shows; where there is neither it is said."""
    scene = bpy.context.scene
    noted = told["first_pictures"] = []

    def send(picture: str) -> Steps:
        state().picture = picture
        before, refusal = newest_job().id, ""
        try:
            call("submit", "INVOKE_DEFAULT", True)
        except RuntimeError as error:  # what Blender makes of a report that shows at the button
            refusal = str(error)
        yield from until(idle, "the submission")
        noted.append([picture, newest_job().id != before, refusal or part("tasks").trouble()])
        part("tasks").dismiss()

    yield from send("IMAGE")
    scene.render.engine, scene.cycles.samples, scene.render.resolution_percentage = "CYCLES", 1, 10
    with over_view():
        bpy.ops.render.render()
    yield from send("RESULT")
    editor = area_of("PROPERTIES")
    editor.ui_type = "IMAGE_EDITOR"
    yield from pause(1.0)
    editor.spaces.active.image = bpy.data.images["Render Result"]
    yield from send("IMAGE")
    editor.ui_type = "PROPERTIES"
    scene.render.resolution_percentage = 100
    state().picture = "RENDER"
    jobs: Callable[[], Any] = part("jobs.session").current().jobs.values
    yield from until(lambda: not any(job.is_open and not job.has_result for job in jobs()), "the end of all jobs")


def camera_of_a_marker() -> Steps:
    """Calibrate by a camera that a marker shows, which zooms, pulls its focus and stands on a moving dolly."""
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Cut", bpy.data.cameras.new("Cut"))
    dolly = bpy.data.objects.new("Dolly", None)
    for item in (camera, dolly):
        scene.collection.objects.link(item)
    camera.matrix_world = state().camera.matrix_world.copy()
    camera.parent = dolly
    for frame, shift in ((1, 0.0), (33, 0.3)):
        dolly.location.x, camera.data.lens, camera.data.dof.focus_distance = shift, 50 + 50 * shift, 1 + shift
        dolly.keyframe_insert("location", frame=frame)
        camera.data.keyframe_insert("lens", frame=frame)
        camera.data.dof.keyframe_insert("focus_distance", frame=frame)
    for frame in (1, 60):
        scene.timeline_markers.new("cut", frame=frame).camera = camera
    scene.frame_set(1)
    scene.camera, state().camera = camera, None
    call("create_camera", "EXEC_DEFAULT")
    yield from until(lambda: state().camera is not None and idle(), "the camera of the cut")
    ours = state().camera
    scene.frame_set(33)
    told["marker"] = {
        "shown": [marker.camera == ours for marker in sorted(scene.timeline_markers, key=lambda each: each.frame)],
        "lens": ours.data.lens,
        "focus": round(ours.data.dof.focus_distance, 3),
        "stands_on": ours.parent.parent.name,
        "active": scene.camera == ours,
    }
