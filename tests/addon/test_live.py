"""Live and stale: sliders answer within their own undo step, and what the animator added survives every rebuild."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest
from mathutils import Vector


def locations(camera: bpy.types.Object) -> np.ndarray:
    from parascale.blender.keyframes import fcurves

    curves = [curve for curve in fcurves(camera) if curve.data_path == "location"]
    return np.array([[point.co.y for point in curve.keyframe_points] for curve in curves]).T


def stale(camera: bpy.types.Object) -> str:
    from bl_ext.user_default.parascale.scene.staleness import reason_stale

    return reason_stale(bpy.context.scene, camera)


def asked(camera: bpy.types.Object) -> np.ndarray:
    from parascale.blender.keyframes import fcurves

    (curve,) = (curve for curve in fcurves(camera) if curve.data_path == '["parallax_number"]')
    return np.array([point.co.y for point in curve.keyframe_points])


def test_slider_is_answered_at_once_by_a_draft(calibrated: bpy.types.Object) -> None:
    bpy.ops.parascale.apply_preset(preset="verbatim")
    before = asked(calibrated)
    calibrated.parascale.strength = 0.5
    assert np.allclose(asked(calibrated), 0.5 * before, rtol=1e-3)
    assert calibrated["parascale_strength"] == 0.5
    assert calibrated.parascale.draft
    assert stale(calibrated) == ""
    bpy.ops.parascale.rebuild()
    assert not calibrated.parascale.draft


def test_drafts_read_a_driven_strength_once(calibrated: bpy.types.Object) -> None:
    """Reading it plays the scene frame by frame; it is read again where the driver is another."""
    from bl_ext.user_default.parascale.scene.calibrated_camera import rebuild_draft
    from bl_ext.user_default.parascale.scene.geometry import kept_geometry

    scene, played, counts = bpy.context.scene, [], []
    bpy.ops.parascale.apply_preset(preset="verbatim")
    driver = calibrated.driver_add('["parascale_strength"]').driver

    def note(scene: bpy.types.Scene, *_: object) -> None:
        played.append(scene.frame_current)

    bpy.app.handlers.frame_change_post.append(note)
    try:
        for rate in (50, 50, 25, 25):
            driver.expression = f"frame / {rate}"
            kept = kept_geometry(scene, calibrated.parascale.calibration)
            played.clear()
            rebuild_draft(scene, calibrated, kept.depth, every=1, kept=kept.strengths)
            counts.append(len(played) >= len(asked(calibrated)))
    finally:
        bpy.app.handlers.frame_change_post.remove(note)
    assert counts == [True, False, True, False]
    draft = asked(calibrated)
    bpy.ops.parascale.rebuild()
    assert np.allclose(asked(calibrated), draft, rtol=1e-3)


def test_a_draft_keys_nothing_that_rebuild_refuses(calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale.scene.calibrated_camera import rebuild_draft

    from parascale.blender.depth import SceneDepth
    from parascale.blender.keyframes import fcurves
    from parascale.errors import InputError

    calibrated.data.driver_add("dof.focus_distance").driver.expression = "frame"
    calibrated.parascale.calibration.focus = "REFERENCE"
    with pytest.raises(InputError, match="focus is driven"):
        rebuild_draft(bpy.context.scene, calibrated, SceneDepth(bpy.context.scene), every=2)
    assert not any(curve.data_path == "dof.focus_distance" for curve in fcurves(calibrated.data))
    assert stale(calibrated) == "settings changed"


def test_the_five_weights_of_the_optimisation_answer_live(calibrated: bpy.types.Object) -> None:
    """Each is stored on the camera, answered by a draft, and by Rebuild; what gave the path is in the report."""
    settings = calibrated.parascale.calibration
    settings.solver = "optimise"
    for name in ("felt_speed", "framing", "horizon", "clearance", "smooth"):
        bpy.ops.parascale.rebuild()
        assert not calibrated.parascale.draft
        assert getattr(settings, f"weight_{name}") == 1
        setattr(settings, f"weight_{name}", 0.5)
        assert calibrated.parascale.draft
        assert stale(calibrated) == ""
    bpy.ops.parascale.rebuild()
    assert json.loads(calibrated.parascale.report)["solver"] in ("march", "optimise")


def test_a_lens_that_keeps_the_subjects_size_is_keyed_and_given_back(calibrated: bpy.types.Object) -> None:
    from parascale.blender.keyframes import fcurves

    own = calibrated.data.lens
    settings = calibrated.parascale.calibration
    settings.size = "lens"
    bpy.ops.parascale.rebuild()
    assert {"lens"} <= {curve.data_path for curve in fcurves(calibrated.data)}
    assert json.loads(calibrated.parascale.report)["size_error"] < 0.02
    settings.size = "free"
    bpy.ops.parascale.rebuild()
    assert not {"lens"} & {curve.data_path for curve in fcurves(calibrated.data)}
    assert calibrated.data.lens == pytest.approx(own)


def test_motion_across_the_view_has_its_own_strength(calibrated: bpy.types.Object) -> None:
    """The reference is a truck, so that all of its motion is across the view."""
    bpy.ops.parascale.apply_preset(preset="verbatim")
    before = asked(calibrated)
    calibrated.parascale.calibration.strength_across = 0.5
    across = asked(calibrated)
    calibrated.parascale.calibration.strength_across = 1.0
    calibrated.parascale.calibration.strength_along = 0.5
    along = asked(calibrated)
    assert np.all(across <= before * (1 + 1e-3))
    assert np.all(along <= before * (1 + 1e-3))
    assert not np.allclose(across, along)


def test_a_subject_that_is_animated_is_followed(calibrated: bpy.types.Object) -> None:
    """An empty that walks sideways: the camera turns after it, and holds it where the reference holds its own."""
    mark = bpy.data.objects.new("Walker", None)
    bpy.context.scene.collection.objects.link(mark)
    first = calibrated.parent.matrix_world @ Vector((0, 0, -4))
    side = calibrated.parent.matrix_world.to_3x3() @ Vector((1, 0, 0))
    last = locations(calibrated).shape[0]
    for frame, reach in ((1, 0.0), (last, 1.5)):
        mark.location = first + reach * side
        mark.keyframe_insert("location", frame=frame)
    bpy.context.scene.frame_set(1)
    settings = calibrated.parascale.calibration
    settings.framing, settings.target_subject = 1.0, mark
    bpy.ops.parascale.rebuild()
    report = json.loads(calibrated.parascale.report)
    assert report["subject_held"] == 1
    target, reference = (report["subjects"][side][0] for side in ("target", "reference"))
    shown = [(ours, theirs) for ours, theirs in zip(target, reference, strict=True) if ours and theirs]
    assert len(shown) > 2
    assert np.abs(np.subtract(*zip(*shown, strict=True))).max() < 0.05


def test_slider_moves_the_camera_that_is_seen_now(calibrated: bpy.types.Object) -> None:
    scene = bpy.context.scene
    scene.frame_set(20)
    start = np.array(calibrated.parent.matrix_world.translation)
    before = np.array(calibrated.matrix_world.translation) - start
    calibrated.parascale.strength = 0.5
    bpy.context.view_layer.update()
    after = np.array(calibrated.matrix_world.translation) - start
    assert scene.frame_current == 20
    assert 0.3 < np.linalg.norm(after) / np.linalg.norm(before) < 0.7
    assert calibrated["parallax_number"] == pytest.approx(asked(calibrated)[19], rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_new_camera_is_not_stale_wherever_it_starts(
    stage: bpy.types.Scene, shot_file: Callable[..., Path], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    stage.camera.location = rng.uniform((-1, -1, 1), (1, 1, 3))
    stage.camera.rotation_euler = (rng.uniform(1, 1.5), 0, rng.uniform(-0.4, 0.4))
    bpy.ops.parascale.import_shot(filepath=str(shot_file(count=3)))
    bpy.ops.parascale.create_camera()
    assert stale(stage.camera) == ""
    stage.frame_set(3)
    assert stale(stage.camera) == ""


def test_draft_lies_close_to_what_rebuild_makes_of_it(calibrated: bpy.types.Object) -> None:
    calibrated.parascale.calibration.method = "static"
    draft = locations(calibrated)
    bpy.ops.parascale.rebuild()
    length = np.linalg.norm(locations(calibrated)[-1])
    # Half the picture is ground up to the horizon: a quarter of the rays tells its median to a few percent.
    assert np.abs(draft - locations(calibrated)).max() < 0.1 * length


@pytest.mark.parametrize("pace", range(5))
def test_large_scene_is_answered_by_fewer_looks(calibrated: bpy.types.Object, pace: int) -> None:
    from bl_ext.user_default.parascale.scene import geometry, live

    kept = geometry._kept[bpy.context.scene.name]
    for slow in live.PACES[:pace]:
        kept.frame_seconds[slow] = 1.0
    kept.frame_seconds[live.PACES[pace]] = 0.0
    calibrated.parascale.strength = 0.5
    draft = locations(calibrated)
    assert calibrated.parascale.draft
    bpy.ops.parascale.rebuild()
    assert np.abs(draft - locations(calibrated)).max() < 0.1 * np.linalg.norm(locations(calibrated)[-1])


def test_slider_and_its_rebuild_are_one_undo_step(calibrated: bpy.types.Object) -> None:
    name, before = calibrated.name, locations(calibrated)
    bpy.ops.ed.undo_push(message="before")
    calibrated.parascale.strength = 2.0
    bpy.ops.ed.undo_push(message="slider")
    assert not np.allclose(locations(calibrated), before)
    bpy.ops.ed.undo()
    again = bpy.data.objects[name]
    assert np.array_equal(locations(again), before)
    assert again["parascale_strength"] == 1.0
    bpy.ops.ed.redo()
    assert bpy.data.objects[name]["parascale_strength"] == 2.0


def test_settings_changed_after_the_scene_wait_for_rebuild(calibrated: bpy.types.Object) -> None:
    before = locations(calibrated)
    bpy.data.objects["Box 0"].location.y += 1.0
    bpy.context.view_layer.update()
    assert stale(calibrated) == "scene changed"
    calibrated.parascale.calibration.method = "global"
    assert np.array_equal(locations(calibrated), before)
    assert stale(calibrated) == "settings changed"
    bpy.ops.parascale.rebuild()
    assert stale(calibrated) == ""


def test_hidden_object_makes_sliders_wait(calibrated: bpy.types.Object) -> None:
    before = locations(calibrated)
    bpy.data.objects["Box 1"].hide_set(True)
    calibrated.parascale.strength = 0.7
    assert np.array_equal(locations(calibrated), before)
    assert stale(calibrated) == "strength changed"


def test_view_layer_that_shows_other_objects_makes_sliders_wait(calibrated: bpy.types.Object) -> None:
    before = locations(calibrated)
    window = bpy.context.window
    window.view_layer = bpy.context.scene.view_layers.new("Second")
    bpy.data.objects["Box 1"].hide_set(True)
    calibrated.parascale.strength = 0.7
    assert np.array_equal(locations(calibrated), before)


def test_undo_reads_the_scene_anew_and_sliders_answer_after_it(calibrated: bpy.types.Object) -> None:
    name = calibrated.name
    bpy.ops.ed.undo_push(message="before")
    bpy.data.objects["Ground"].location.z -= 1.0
    bpy.ops.ed.undo_push(message="lowered")
    bpy.ops.parascale.rebuild("EXEC_DEFAULT", True)
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    camera = bpy.data.objects[name]
    before = locations(camera)
    # The camera was built from the ground as it is again, and not from the one that was kept last.
    camera.parascale.strength = 0.5
    draft = locations(camera)
    assert not np.array_equal(draft, before)
    bpy.ops.parascale.rebuild()
    assert np.abs(draft - locations(camera)).max() < 0.1 * np.linalg.norm(locations(camera)[-1])


@pytest.mark.parametrize("what", ["anchor", "lens", "frame rate", "strength"])
def test_stale_says_what_changed(calibrated: bpy.types.Object, what: str) -> None:
    scene = bpy.context.scene
    if what == "anchor":
        calibrated.parent.rotation_quaternion.x += 0.1
        bpy.context.view_layer.update()
    elif what == "lens":
        calibrated.data.lens = 30
    elif what == "frame rate":
        scene.render.fps = 25
    else:
        calibrated["parascale_strength"] = 0.25
    assert stale(calibrated) == f"{what} changed"
    bpy.ops.parascale.rebuild()
    assert stale(calibrated) == ""


def test_what_the_animator_added_survives_a_rebuild_and_comes_on_top(calibrated: bpy.types.Object) -> None:
    from parascale.blender.keyframes import fcurves

    before = locations(calibrated)
    calibrated.delta_location = (0.0, 0.0, 0.25)
    follow = calibrated.constraints.new("COPY_LOCATION")
    follow.influence = 0.0
    for frame, value in ((1, 1.0), (25, 2.0)):
        calibrated["parascale_strength"] = value
        calibrated.keyframe_insert('["parascale_strength"]', frame=frame)
    curve = next(curve for curve in fcurves(calibrated) if curve.data_path == "location")
    curve.modifiers.new("NOISE")
    bpy.ops.parascale.rebuild()
    assert tuple(calibrated.delta_location) == (0.0, 0.0, 0.25)
    assert [item.type for item in calibrated.constraints] == ["COPY_LOCATION"]
    kept = {curve.data_path: curve for curve in fcurves(calibrated)}
    assert len(kept['["parascale_strength"]'].keyframe_points) == 2
    assert any(len(curve.modifiers) for curve in fcurves(calibrated))
    after = locations(calibrated)
    assert np.linalg.norm(after[-1]) > 1.2 * np.linalg.norm(before[-1])
    assert np.allclose(after[1], before[1], rtol=0.1)


def test_curve_of_time_eases_the_move_and_survives(calibrated: bpy.types.Object) -> None:
    from parascale.blender.keyframes import fcurves

    whole = locations(calibrated)
    assert bpy.ops.parascale.add_time_curve() == {"FINISHED"}
    (curve,) = (curve for curve in fcurves(calibrated) if curve.data_path == '["parascale_time"]')
    # Half the move over the frames of all of it.
    curve.keyframe_points[-1].co.y = 0.5
    curve.keyframe_points[-1].handle_left.y = 0.5
    curve.update()
    assert stale(calibrated) == "time changed"
    bpy.ops.parascale.rebuild()
    eased = locations(calibrated)
    assert len(eased) == len(whole) == 25
    assert np.allclose(eased[-1], whole[12], atol=0.05 * np.linalg.norm(whole[-1]))
    # It starts slowly, as the curve does.
    assert np.linalg.norm(eased[1]) < 0.3 * np.linalg.norm(whole[1])
    assert not bpy.ops.parascale.add_time_curve.poll()


def test_animated_anchor_carries_the_path(calibrated: bpy.types.Object) -> None:
    scene = bpy.context.scene
    anchor = calibrated.parent
    for frame, z in ((1, anchor.location.z), (25, anchor.location.z + 1.0)):
        anchor.location.z = z
        anchor.keyframe_insert("location", frame=frame)
    scene.frame_set(13)
    bpy.ops.parascale.rebuild()
    assert scene.frame_current == 13
    own = locations(calibrated)
    scene.frame_set(1)
    first = np.array(calibrated.matrix_world.translation)
    assert np.allclose(first, anchor.location, atol=1e-5)
    scene.frame_set(25)
    assert np.isclose(calibrated.matrix_world.translation.z, anchor.location.z + _up(anchor, own[-1]), atol=1e-4)
    assert stale(calibrated) == ""


def test_moving_scene_is_followed_and_not_called_stale_by_its_own_motion(
    stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    bpy.ops.parascale.apply_preset(preset="verbatim")
    box = bpy.data.objects["Box 0"]
    for frame, x in ((1, -1.5), (25, 6.0)):
        box.location.x = x
        box.keyframe_insert("location", index=0, frame=frame)
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.create_camera()
    camera = stage.camera
    for frame in (5, 20):
        stage.frame_set(frame)
        assert stale(camera) == ""
    assert json.loads(camera.parascale.report)["pce"] < 1e-6


def _up(anchor: bpy.types.Object, local: np.ndarray) -> float:
    return float(np.array(anchor.matrix_world)[2, :3] @ local)


def test_surfaces_are_looked_up_a_frame_at_a_time_on_the_main_thread(
    calibrated: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that Blender's window is not held up by a whole move."""
    from bl_ext.user_default.parascale import steps

    from parascale.blender.depth import SceneDepth

    calls: list[list[int]] = []
    answer, nearest = steps._answer, SceneDepth.nearest_point

    def answered(*arguments: object, **options: object) -> None:
        calls.append([])
        answer(*arguments, **options)

    def looked_up(self: SceneDepth, centre: np.ndarray, frame: int) -> np.ndarray:
        calls[-1].append(frame)
        return nearest(self, centre, frame)

    monkeypatch.setattr(steps, "_answer", answered)
    monkeypatch.setattr(SceneDepth, "nearest_point", looked_up)
    calibrated.parascale.calibration.solver = "optimise"
    calls.clear()
    bpy.ops.parascale.rebuild()
    asked = [frames for frames in calls if frames]
    assert {frame for frames in asked for frame in frames} == set(range(25))
    # The report's own, at the end, reads all frames from what was gathered by then.
    assert [frames for frames in asked[:-1] if len(frames) > 1] == []


@pytest.mark.parametrize("what", ["frame", "object", "mark"])
def test_an_anchor_that_is_driven_is_stale_only_where_its_driver_changes(
    calibrated: bpy.types.Object, what: str
) -> None:
    """A driver's value is that of the frame that is shown, which says nothing of what the camera was made from."""
    scene = bpy.context.scene
    handle = bpy.data.objects.new("Handle", None)
    scene.collection.objects.link(handle)
    driven = calibrated.parent
    if what == "mark":
        driven = bpy.data.objects.new("Mark", None)
        driven.location = calibrated.parent.matrix_world @ Vector((0, 0, -4))
        scene.collection.objects.link(driven)
        calibrated.parascale.calibration.target_subject = driven
    driver = driven.driver_add("location", 2).driver
    driver.expression = f"{driven.location.z} + frame / 50"
    if what == "object":
        variable = driver.variables.new()
        variable.name, variable.type = "lift", "TRANSFORMS"
        variable.targets[0].id, variable.targets[0].transform_type = handle, "LOC_Z"
        driver.expression = f"{driven.location.z} + lift + frame / 50"
    scene.frame_set(1)
    bpy.ops.parascale.rebuild()
    for frame in (1, 12, 25):
        scene.frame_set(frame)
        bpy.context.view_layer.update()
        assert stale(calibrated) == "", frame
    changed = "surface changed" if what == "mark" else "anchor changed"
    if what == "object":
        handle.location.z = 0.5
        bpy.context.view_layer.update()
        assert stale(calibrated) == changed
        handle.location.z = 0
        bpy.context.view_layer.update()
        assert stale(calibrated) == ""
    driver.expression += " + 0.25"
    bpy.context.view_layer.update()
    assert stale(calibrated) == changed
    # A channel that is not driven still counts.
    driver.expression = driver.expression.removesuffix(" + 0.25")
    assert stale(calibrated) == ""
    driven.location.x += 0.1
    assert stale(calibrated) == changed


@pytest.mark.parametrize("by", ["driver", "keys"])
def test_a_driver_that_reads_one_axis_sees_that_axis_change(calibrated: bpy.types.Object, by: str) -> None:
    from parascale.blender.keyframes import fcurves

    scene = bpy.context.scene
    handle = bpy.data.objects.new("Handle", None)
    scene.collection.objects.link(handle)
    if by == "keys":
        for frame in (1, 25):
            handle.keyframe_insert("location", frame=frame)
    else:
        for axis in range(3):
            handle.driver_add("location", axis).driver.expression = "frame / 100"
    driver = calibrated.parent.driver_add("location", 2).driver
    variable = driver.variables.new()
    variable.name, variable.type = "lift", "SINGLE_PROP"
    variable.targets[0].id, variable.targets[0].data_path = handle, "location[2]"
    driver.expression = f"{calibrated.parent.location.z} + lift"
    bpy.ops.parascale.rebuild()
    assert stale(calibrated) == ""
    for axis, reason in ((0, ""), (2, "anchor changed")):
        if by == "keys":
            curve = next(curve for curve in fcurves(handle) if curve.array_index == axis)
            curve.keyframe_points[1].co.y += 1
            curve.update()
        else:
            handle.animation_data.drivers[axis].driver.expression += " + 1"
        bpy.context.view_layer.update()
        assert stale(calibrated) == reason


def test_a_slider_that_got_no_answer_is_tried_again(
    calibrated: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers that were held up, as by a busy machine, silence a slider for a while, and not for good."""
    from bl_ext.user_default.parascale.scene import geometry, live

    # A busy machine must not hold up the answers of this test.
    monkeypatch.setattr(live, "time", SimpleNamespace(thread_time=lambda: 0.0))

    kept = geometry._kept[bpy.context.scene.name]
    kept.frame_seconds.update(dict.fromkeys(live.PACES, 1.0))
    kept.frame_seconds[live.PACES[-1]] = 1.2 * live.MAX_SECONDS / live._count_looks(calibrated)
    calibrated.parascale.strength = 0.5
    assert not calibrated.parascale.draft
    assert stale(calibrated) == "strength changed"
    for _ in range(10):
        calibrated.parascale.strength += 0.01
    assert calibrated.parascale.draft
    assert stale(calibrated) == ""
