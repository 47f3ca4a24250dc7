"""Work beside the user: nothing changes before it is written, and it is written in peace."""

import runpy
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import pytest

VALUES = runpy.run_path(str(Path(__file__).with_name("test_undo.py")))


def steps_of(extension: ModuleType, name: str, **values: Any) -> Any:
    """The steps of an operator, as a task takes them."""
    from bl_ext.user_default.parascale import registration
    from bl_ext.user_default.parascale.steps import Call

    cls = next(cls for cls in registration.CLASSES if getattr(cls, "bl_idname", "") == f"parascale.{name}")
    return cls.steps(bpy.context, Call(values, lambda levels, text: None, is_task=True))


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("use_camera", {}),
        ("create_camera", {}),
        ("rebuild", {}),
        ("retime", {"mode": "keep-path", "frames": 40, "keep_angles": False, "count_rotation": False}),
        ("retime", {"mode": "reverse", "frames": 40, "keep_angles": False, "count_rotation": False}),
        ("compare_methods", {}),
        ("compare_shots", {}),
    ],
)
def test_nothing_changes_before_it_is_written(
    extension: ModuleType, calibrated: bpy.types.Object, name: str, values: dict[str, Any]
) -> None:
    from bl_ext.user_default.parascale.tasks import WRITE

    bpy.context.view_layer.objects.active = calibrated
    # What is animated has the value of its frame.
    for frame in (2, 1):
        bpy.context.scene.frame_set(frame)
    before = VALUES["everything"]()
    steps = steps_of(extension, name, **values)
    for step in steps:
        if step is WRITE:
            break
    else:
        pytest.fail(f"{name} ended without saying that it writes")
    changed = VALUES["difference"](before, VALUES["everything"]())
    # Blender's own place for what it rendered last.
    assert [text for text in changed if not text.startswith("images[Render Result]")] == []
    for _ in steps:
        pass
    assert VALUES["difference"](before, VALUES["everything"]())


def test_what_is_changed_meanwhile_makes_the_result_stale(extension: ModuleType, calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale.scene.staleness import reason_stale
    from bl_ext.user_default.parascale.tasks import WRITE

    for change, reason in (
        (lambda: setattr(calibrated.parent.location, "x", 3.0), "anchor changed"),
        (lower, "scene changed"),
    ):
        steps = steps_of(extension, "rebuild")
        for step in steps:
            if step is WRITE:
                break
        change()
        bpy.context.view_layer.update()
        for _ in steps:
            pass
        assert reason_stale(bpy.context.scene, calibrated) == reason
        bpy.ops.parascale.rebuild()
        assert reason_stale(bpy.context.scene, calibrated) == ""


def test_a_new_camera_is_made_by_what_was_asked(
    extension: ModuleType, stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    from bl_ext.user_default.parascale.scene.staleness import reason_stale
    from bl_ext.user_default.parascale.tasks import WRITE

    from parascale.blender.keyframes import keyed_frames

    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    steps = steps_of(extension, "create_camera")
    for step in steps:
        if step is WRITE:
            break
    state = stage.parascale
    state.calibration.method, state.calibration.frame_start, state.calibration.strength = "global", 40, 0.5
    lower()
    bpy.context.view_layer.update()
    for _ in steps:
        pass
    made = state.camera.parascale.calibration
    assert (made.method, made.frame_start, state.camera["parascale_strength"]) == ("closed-loop", 1, 1.0)
    assert keyed_frames(state.camera)[0] == 1
    assert reason_stale(stage, state.camera) == "scene changed"


def lower() -> None:
    bpy.data.objects["Ground"].location.z -= 1.0


def test_an_undo_ends_the_work_and_says_so(extension: ModuleType, calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale import tasks

    closed: list[bool] = []

    def work() -> Any:
        try:
            while True:
                yield 0.5, "Working"
        finally:
            closed.append(True)

    bpy.ops.ed.undo_push(message="before")
    bpy.ops.ed.undo_push(message="again")
    tasks.start(tasks.Task("Rebuild", work(), lambda: None))
    bpy.ops.ed.undo()
    assert closed
    assert tasks.current() is None
    assert "stopped by an undo" in tasks.trouble()
    tasks.dismiss()


def test_work_whose_objects_are_removed_ends_in_a_sentence(extension: ModuleType, stage: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale import tasks

    def work() -> Any:
        item = bpy.data.objects["Box 0"]
        yield 0.0, "Working"
        yield 0.5, item.name

    task = tasks.Task("Rebuild", work(), lambda: None)
    tasks.start(task)
    bpy.data.objects.remove(bpy.data.objects["Box 0"])
    tasks._advance(task)
    assert tasks.current() is None
    assert "removed" in tasks.trouble()
    tasks.dismiss()


def test_work_waits_while_the_user_renders(extension: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """A step may go to another frame, and render: neither may come between the frames of the user's own render."""
    from bl_ext.user_default.parascale import tasks

    assert not tasks.is_rendering()
    taken: list[int] = []

    def work() -> Any:
        for number in range(3):
            taken.append(number)
            yield number / 3, "Drawing"

    task = tasks.Task("Compare Shots", work(), lambda: None)
    tasks.start(task)
    monkeypatch.setattr(tasks, "is_rendering", lambda: True)
    for _ in range(3):
        tasks._advance(task)
    assert taken == [0]
    assert task.phase == "Waiting for the render"
    assert tasks.current() is task
    monkeypatch.setattr(tasks, "is_rendering", lambda: False)
    while tasks.current() is task:
        tasks._advance(task)
    assert taken == [0, 1, 2]


def test_all_that_work_reports_is_shown(extension: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from bl_ext.user_default.parascale import tasks

    def work() -> Any:
        task.report({"WARNING"}, "walk.mp4 is not there any more")
        yield from ()
        task.report({"INFO"}, "Camera is submitted")

    shown: list[str | None] = []
    monkeypatch.setattr(tasks, "_set_status", shown.append)
    task = tasks.Task("Open Report", iter(()), lambda: None)
    task.steps = work()
    tasks.start(task)
    assert shown[-1] == "walk.mp4 is not there any more; Camera is submitted"


def test_results_wait_for_object_mode(extension: ModuleType, stage: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale import tasks

    bpy.context.view_layer.objects.active = bpy.data.objects["Box 0"]
    assert tasks.is_idle()
    bpy.ops.object.mode_set(mode="EDIT")
    assert not tasks.is_idle()
    bpy.ops.object.mode_set(mode="OBJECT")
    assert tasks.is_idle()


def test_results_wait_for_the_end_of_a_grab(
    extension: ModuleType, stage: bpy.types.Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bl_ext.user_default.parascale import tasks

    def windows(*options: str) -> Any:
        layer = SimpleNamespace(objects=SimpleNamespace(active=None))
        running = [SimpleNamespace(bl_options={*options})] if options else []
        manager = SimpleNamespace(windows=[SimpleNamespace(modal_operators=running, view_layer=layer)])
        return SimpleNamespace(data=SimpleNamespace(window_managers=[manager]))

    monkeypatch.setattr(tasks, "bpy", windows("REGISTER", "UNDO", "GRAB_CURSOR"))
    assert not tasks.is_idle()
    # What listens for ever, such as an add-on that shows pressed keys, holds nothing up.
    monkeypatch.setattr(tasks, "bpy", windows("REGISTER"))
    assert tasks.is_idle()


def test_stale_is_a_property_of_the_file(
    extension: ModuleType, calibrated: bpy.types.Object, tmp_path: Path, shot_file: Callable[..., Path]
) -> None:
    from bl_ext.user_default.parascale.scene.staleness import reason_stale

    def opened_again() -> Any:
        bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "stale.blend"))
        bpy.ops.wm.read_homefile(use_empty=True)
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "stale.blend"))
        return bpy.context.scene.parascale.camera

    camera = opened_again()
    assert reason_stale(bpy.context.scene, camera) == ""
    # The slider answers at once in a file just opened.
    camera.parascale.strength = 0.5
    assert camera.parascale.draft
    assert reason_stale(bpy.context.scene, camera) == ""
    lower()
    bpy.context.view_layer.update()
    assert reason_stale(bpy.context.scene, camera) == "scene changed"
    camera = opened_again()
    assert reason_stale(bpy.context.scene, camera) == "scene changed"
    bpy.ops.ed.undo_push(message="opened")
    bpy.ops.parascale.measure("EXEC_DEFAULT", True)
    bpy.ops.ed.undo()
    assert reason_stale(bpy.context.scene, bpy.context.scene.parascale.camera) == "scene changed"
    bpy.data.objects["Ground"].location.z += 1.0
    bpy.context.view_layer.update()
    assert reason_stale(bpy.context.scene, bpy.context.scene.parascale.camera) == ""


def test_camera_is_pointed_to_another_reference(
    extension: ModuleType, calibrated: bpy.types.Object, shot_file: Callable[..., Path]
) -> None:
    scene = bpy.context.scene
    first = scene.parascale.reference
    bpy.ops.parascale.import_shot(filepath=str(shot_file(name="other", count=5)))
    assert calibrated.parascale.reference == first
    calibrated.parascale.reference = scene.parascale.reference
    bpy.ops.parascale.rebuild()
    from parascale.blender.keyframes import keyed_frames

    assert len(keyed_frames(calibrated)) == 7  # 5 frames at 16 a second, in the scene's 24
    scene.parascale.reference = first
    scene.parascale.camera = calibrated
    assert scene.parascale.reference == calibrated.parascale.reference


def test_framing_holds_the_marked_subject(calibrated: bpy.types.Object) -> None:
    import json

    scene = bpy.context.scene
    settings = calibrated.parascale.calibration
    for side, place in (("TARGET", (1.5, 6.0, 0.5)), ("REFERENCE", (0.02, 0.5, 0.0))):
        assert bpy.ops.parascale.pick_subject(side=side, place=place) == {"FINISHED"}
    bpy.ops.parascale.apply_preset(preset="verbatim")
    bpy.ops.parascale.rebuild()
    loose = json.loads(calibrated.parascale.report)
    settings.framing = 1.0
    bpy.ops.parascale.rebuild()
    held = json.loads(calibrated.parascale.report)
    assert held["subject_held"] >= loose["subject_held"]
    assert held["subject_distance"] < 0.02 < loose["subject_distance"]
    assert len(held["subjects"]["target"][0]) == len(held["subjects"]["reference"][0]) == 25
    assert [line for line in held["verdict"] if "subject" in line[1].lower()]
    assert scene.parascale.current == settings


def test_match_at_puts_the_anchor_at_a_frame_of_the_move(calibrated: bpy.types.Object) -> None:
    import numpy as np

    scene = bpy.context.scene
    for match, frame in (("FIRST", 1), ("MIDDLE", 13), ("LAST", 25)):
        calibrated.parascale.calibration.match_at = match
        bpy.ops.parascale.rebuild()
        scene.frame_set(frame)
        away = calibrated.matrix_world.translation - calibrated.parent.matrix_world.translation
        assert np.linalg.norm(away) < 1e-4, match


def test_a_subject_that_is_carried_by_another_makes_the_camera_stale_when_that_moves(
    calibrated: bpy.types.Object,
) -> None:
    from bl_ext.user_default.parascale.scene.staleness import reason_stale

    scene = bpy.context.scene
    assert bpy.ops.parascale.pick_subject(side="TARGET", place=(1.5, 6.0, 0.5)) == {"FINISHED"}
    car = bpy.data.objects.new("Car", None)
    scene.collection.objects.link(car)
    calibrated.parascale.calibration.target_subject.parent = car
    for frame, x in ((1, 0.0), (25, 0.5)):
        car.location.x = x
        car.keyframe_insert("location", index=0, frame=frame)
    bpy.ops.parascale.rebuild()
    for frame in (5, 20):
        scene.frame_set(frame)
        assert reason_stale(scene, calibrated) == ""
    car.keyframe_delete("location", index=0, frame=25)
    assert reason_stale(scene, calibrated) == "surface changed"


def test_every_warning_speaks_of_frames_of_the_scene(extension: ModuleType) -> None:
    import numpy as np
    from bl_ext.user_default.parascale.scene.report import in_scene_frames

    from parascale.camera import Trajectory, View
    from parascale.parallax.calibrate import calibrate
    from parascale.parallax.depth_source import ConstantDepth
    from parascale.parallax.shot import Shot

    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(9)
    depth = np.full(9, 2.0)
    depth[3:6] = np.nan
    path = Trajectory(poses, np.array([90.0, 90, 48, 32]), np.arange(9) / 24, 96, 64)
    anchor = View(np.eye(4), path.intrinsics[0], 96, 64)
    report = calibrate(Shot("gap", 24, path, depth), ConstantDepth(3.0), anchor).report
    assert any("no depth in frames 3-5:" in told for told in report.warnings)
    moved = in_scene_frames(report, 101.0 + np.arange(9))
    assert any("no depth in frames 104-106:" in told for told in moved.warnings)
