"""What moves at the target besides the path is followed: its zoom, its focus, what carries it, its markers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest


def key(item: Any, path: str, values: dict[int, Any]) -> None:
    for frame, value in values.items():
        setattr(item, path, value)
        item.keyframe_insert(path, frame=frame)


def realised(scene: bpy.types.Scene, camera: bpy.types.Object, carrier: bpy.types.Object | None = None) -> np.ndarray:
    """P (T-1,) as another measurement gives it: centres in the axes of the carrier, depth by rays in the world."""
    from parascale.blender.camera import view_of_camera
    from parascale.blender.depth import SceneDepth
    from parascale.parallax.number import median_depth

    centres, depths = [], []
    for frame in range(1, 26):
        scene.frame_set(frame)
        view = view_of_camera(scene, camera)
        samples = SceneDepth(scene)(view.camera_to_world, view.intrinsics, view.size, 0)
        depths.append(median_depth(samples))
        world = np.eye(4) if carrier is None else np.array(carrier.matrix_world)
        centres.append((np.linalg.inv(world) @ np.append(view.camera_to_world[:3, 3], 1.0))[:3])
    return np.linalg.norm(np.diff(centres, axis=0), axis=1) / np.array(depths[:-1])


def asked(scene: bpy.types.Scene) -> np.ndarray:
    from parascale import retime
    from parascale.files.shot_file import shot_from_json

    shot = shot_from_json(scene.parascale.reference.parascale.text.as_string())
    return np.asarray(retime.match_rate(shot, 24.0).parallax_number)


def test_keyed_zoom_and_focus_are_followed(stage: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    from parascale.blender.keyframes import fcurves

    bpy.ops.parascale.apply_preset(preset="verbatim")
    source = stage.camera
    key(source.data, "lens", {1: 35.0, 25: 85.0})
    for frame, distance in ((1, 4.0), (25, 9.0)):
        source.data.dof.focus_distance = distance
        source.data.keyframe_insert("dof.focus_distance", frame=frame)
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.create_camera()
    camera = stage.camera
    assert camera != source
    assert {curve.data_path for curve in fcurves(camera.data)} == {"lens", "dof.focus_distance"}
    for frame in (1, 12, 25):
        stage.frame_set(frame)
        assert camera.data.lens == pytest.approx(source.data.lens)
        assert camera.data.dof.focus_distance == pytest.approx(source.data.dof.focus_distance)
        assert stale(camera) == ""
    # The depth it is measured by is what is seen through the lens of each frame.
    np.testing.assert_allclose(realised(stage, camera), asked(stage), rtol=1e-3)
    bpy.ops.parascale.rebuild()
    np.testing.assert_allclose(realised(stage, camera), asked(stage), rtol=1e-3)


def test_a_moving_parent_carries_the_path(stage: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    car = bpy.data.objects.new("Car", None)
    stage.collection.objects.link(car)
    key(car, "location", {1: (0.0, 0.0, 0.0), 25: (0.5, 3.0, 0.0)})
    key(car, "rotation_euler", {1: (0.0, 0.0, 0.0), 25: (0.0, 0.0, 0.2)})
    source = stage.camera
    source.parent = car
    stage.frame_set(1)
    first = np.array(source.matrix_world)
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    # The paper's march asks for P exactly; what is kept besides may cost some.
    bpy.ops.parascale.apply_preset(preset="verbatim")
    bpy.ops.parascale.create_camera()
    camera = stage.camera
    stage.frame_set(1)
    np.testing.assert_allclose(np.array(camera.matrix_world), first, atol=1e-5)
    np.testing.assert_allclose(realised(stage, camera, car), asked(stage), rtol=2e-3)
    for frame in (1, 20):
        stage.frame_set(frame)
        assert stale(camera) == ""
    warnings = json.loads(camera.parascale.report)["warnings"]
    assert any("moves with Car" in text for text in warnings)
    # Match At counts there too: in the middle of the move it is where the camera of the car is then.
    camera.parascale.calibration.match_at = "MIDDLE"
    bpy.ops.parascale.rebuild()
    stage.frame_set(13)
    np.testing.assert_allclose(np.array(camera.matrix_world), np.array(source.matrix_world), atol=1e-4)
    np.testing.assert_allclose(realised(stage, camera, car), asked(stage), rtol=2e-3)
    car.animation_data.action.layers[0].strips[0].channelbags[0].fcurves[0].keyframe_points[1].co.y = 5.0
    assert stale(camera) == "anchor changed"


def stale(camera: bpy.types.Object) -> str:
    from bl_ext.user_default.parascale.scene.staleness import reason_stale

    return str(reason_stale(bpy.context.scene, camera))


def test_markers_that_bind_cameras_show_the_calibrated_one(
    stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    wide, close = stage.camera, stage.camera.copy()
    close.name = "Close"
    close.location.y += 1.0
    stage.collection.objects.link(close)
    for frame, bound in ((1, wide), (10, close), (30, wide)):
        stage.timeline_markers.new(bound.name, frame=frame).camera = bound
    stage.frame_set(1)
    stage.camera = wide
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    # It starts at the camera that is shown where the move begins, whichever is shown now.
    stage.parascale.calibration.frame_start = 12
    bpy.ops.parascale.create_camera()
    camera = stage.parascale.camera
    np.testing.assert_allclose(np.array(camera.parent.matrix_world), np.array(close.matrix_world), atol=1e-5)
    shown = {}
    for frame in (5, 11, 12, 20, 30):
        stage.frame_set(frame)
        shown[frame] = stage.camera
    assert shown == {5: wide, 11: close, 12: camera, 20: camera, 30: wide}
    warnings = json.loads(camera.parascale.report)["warnings"]
    assert any("binds Camera: from frame 30" in text for text in warnings)

    camera.parascale.calibration.frame_start = 2
    bpy.ops.parascale.rebuild()
    shown = {}
    for frame in (1, 2, 9, 10):
        stage.frame_set(frame)
        shown[frame] = stage.camera
    assert shown == {1: wide, 2: camera, 9: camera, 10: close}

    # The animator's own cut stays where it was put, whatever is rebuilt.
    ours = next(marker for marker in stage.timeline_markers if marker.camera == camera)
    ours.frame = 5
    for first in (2, 3):
        camera.parascale.calibration.frame_start = first
        bpy.ops.parascale.rebuild()
        assert [marker.frame for marker in stage.timeline_markers if marker.camera == camera] == [5]
    assert sorted((marker.frame, marker.camera) for marker in stage.timeline_markers if marker.camera != camera) == [
        (1, wide),
        (10, close),
        (30, wide),
    ]


def test_without_markers_none_are_made(calibrated: bpy.types.Object) -> None:
    assert not bpy.context.scene.timeline_markers


def test_keys_that_are_not_taken_over_leave_no_action_behind(
    stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    key(stage.camera.data, "display_size", {1: 1.0, 25: 2.0})
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.create_camera()
    assert stage.camera.data.animation_data is None
    assert [action.name for action in bpy.data.actions if not action.users] == []


def test_focus_is_pulled_in_the_references_proportion(calibrated: bpy.types.Object) -> None:
    from parascale.blender.keyframes import fcurves

    scene, data = bpy.context.scene, calibrated.data
    data.dof.use_dof, data.dof.focus_distance = True, 7.0
    settings = calibrated.parascale.calibration
    # Half as deep as the whole of the reference's first frame.
    assert bpy.ops.parascale.pick_subject(side="REFERENCE", place=(0.0, 0.5, 0.0)) == {"FINISHED"}
    settings.focus = "REFERENCE"
    bpy.ops.parascale.rebuild()
    shares = []
    for frame in (1, 13, 25):
        scene.frame_set(frame)
        shares.append(data.dof.focus_distance / seen_depth(scene, calibrated))
    # It comes nearer by 0.01 a frame, 16 of them, while the median depth grows to 1.2 of what it was.
    np.testing.assert_allclose(shares, [0.5, (0.5 - 0.08) / 1.1, (0.5 - 0.16) / 1.2], rtol=0.02)

    # Asked to, the focus is the camera's own again.
    settings.focus = "OWN"
    bpy.ops.parascale.rebuild()
    assert data.dof.focus_distance == pytest.approx(7.0)
    assert not [curve for curve in fcurves(data) if curve.data_path == "dof.focus_distance"]


def test_a_keyed_focus_and_zoom_come_back_when_they_are_the_cameras_own_again(
    stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    source = stage.camera
    key(source.data, "lens", {1: 35.0, 25: 85.0})
    for frame, distance in ((1, 4.0), (25, 9.0)):
        source.data.dof.focus_distance = distance
        source.data.keyframe_insert("dof.focus_distance", frame=frame)
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.apply_preset(preset="verbatim")
    bpy.ops.parascale.create_camera()
    camera = stage.camera
    settings = camera.parascale.calibration
    plain = realised(stage, camera)
    for _ in range(2):
        settings.focus, settings.lens = "REFERENCE", "copy"
        bpy.ops.parascale.rebuild()
        stage.frame_set(25)
        assert camera.data.lens != pytest.approx(source.data.lens, rel=1e-3)
        assert camera.data.dof.focus_distance != pytest.approx(9.0, rel=1e-3)
        bpy.ops.parascale.rebuild()
        settings.focus, settings.lens = "OWN", "keep"
        bpy.ops.parascale.rebuild()
        for frame in (1, 12, 25):
            stage.frame_set(frame)
            assert camera.data.lens == pytest.approx(source.data.lens)
            assert camera.data.dof.focus_distance == pytest.approx(source.data.dof.focus_distance)
        # The first rebuild measures through the zoom that comes back already.
        np.testing.assert_allclose(realised(stage, camera), plain, rtol=1e-4)
        assert stale(camera) == ""


def test_a_driven_zoom_is_followed_and_never_keyed_in_vain(
    stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    bpy.ops.parascale.apply_preset(preset="verbatim")
    source = stage.camera
    source.data.driver_add("lens").driver.expression = "35 + 2 * frame"
    source.data.driver_add("display_size").driver.expression = "frame"
    stage.frame_set(1)
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.create_camera()
    camera = stage.camera
    assert [driver.data_path for driver in camera.data.animation_data.drivers] == ["lens"]
    for frame in (1, 12, 25):
        stage.frame_set(frame)
        assert camera.data.lens == pytest.approx(35 + 2 * frame)
        assert stale(camera) == ""
    np.testing.assert_allclose(realised(stage, camera), asked(stage), rtol=1e-3)
    camera.parascale.calibration.lens = "copy"
    with pytest.raises(RuntimeError, match="lens is driven"):
        bpy.ops.parascale.rebuild()
    camera.parascale.calibration.lens, camera.parascale.calibration.focus = "keep", "REFERENCE"
    camera.data.driver_add("dof.focus_distance").driver.expression = "frame"
    with pytest.raises(RuntimeError, match="focus is driven"):
        bpy.ops.parascale.rebuild()


def test_focus_stays_on_the_targets_subject(calibrated: bpy.types.Object) -> None:
    scene, data = bpy.context.scene, calibrated.data
    place = np.array([-1.5, 4.0, 0.5])
    bpy.ops.parascale.pick_subject(side="TARGET", place=tuple(place))
    calibrated.parascale.calibration.focus = "SUBJECT"
    bpy.ops.parascale.rebuild()
    for frame in (1, 13, 25):
        scene.frame_set(frame)
        world = np.array(calibrated.matrix_world)
        assert data.dof.focus_distance == pytest.approx(-(place - world[:3, 3]) @ world[:3, 2], rel=1e-4)
    warnings = json.loads(calibrated.parascale.report)["warnings"]
    assert any("depth of field" in text for text in warnings)

    # What would hide the keys is refused before anything is changed.
    data.dof.focus_object = bpy.data.objects["Box 0"]
    with pytest.raises(RuntimeError, match="focuses on Box 0"):
        bpy.ops.parascale.rebuild()


def seen_depth(scene: bpy.types.Scene, camera: bpy.types.Object) -> float:
    from parascale.blender.camera import view_of_camera
    from parascale.blender.depth import SceneDepth
    from parascale.parallax.number import median_depth

    view = view_of_camera(scene, camera)
    return float(median_depth(SceneDepth(scene)(view.camera_to_world, view.intrinsics, view.size, 0)))


def test_a_camera_that_starts_at_another_has_the_focus_and_zoom_that_are_its_own(
    stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    """Not those of a reference, which play there meanwhile; and the other one keeps both."""
    source = stage.camera
    key(source.data, "lens", {1: 35.0, 25: 85.0})
    for frame, distance in ((1, 4.0), (25, 9.0)):
        source.data.dof.focus_distance = distance
        source.data.keyframe_insert("dof.focus_distance", frame=frame)
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.apply_preset(preset="verbatim")
    bpy.ops.parascale.create_camera()
    first = stage.camera
    first.parascale.calibration.focus, first.parascale.calibration.lens = "REFERENCE", "copy"
    bpy.ops.parascale.rebuild()
    bpy.ops.parascale.create_camera()
    second = stage.camera
    assert second != first
    for camera in (second, first):
        stage.parascale.camera = camera
        camera.parascale.calibration.focus, camera.parascale.calibration.lens = "OWN", "keep"
        bpy.ops.parascale.rebuild()
        for frame in (1, 12, 25):
            stage.frame_set(frame)
            assert camera.data.lens == pytest.approx(source.data.lens)
            assert camera.data.dof.focus_distance == pytest.approx(source.data.dof.focus_distance)
    np.testing.assert_allclose(realised(stage, second), asked(stage), rtol=1e-3)
