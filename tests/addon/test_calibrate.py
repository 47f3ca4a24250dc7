"""Create Calibrated Camera, by the operators of the installed extension."""

import json
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest


def import_and_create(scene: bpy.types.Scene, path: Path) -> bpy.types.Object:
    assert bpy.ops.parascale.import_shot(filepath=str(path)) == {"FINISHED"}
    assert bpy.ops.parascale.create_camera() == {"FINISHED"}
    return scene.camera


def matrices(scene: bpy.types.Scene, camera: bpy.types.Object, frames: range) -> np.ndarray:
    found = []
    for frame in frames:
        scene.frame_set(frame)
        found.append(np.array(camera.matrix_world))
    return np.array(found)


def test_the_camera_is_keyed_on_every_frame_of_the_same_duration(
    desk: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    from parascale.blender.keyframes import fcurves

    camera = import_and_create(desk, shot_file(count=17, fps=16.0))
    curves = {(curve.data_path, curve.array_index): curve for curve in fcurves(camera)}
    # 16 steps of 1/16 s are one second: 25 frames at 24 a second.
    for path, count in (("location", 3), ("rotation_quaternion", 4)):
        for index in range(count):
            frames = [point.co.x for point in curves[path, index].keyframe_points]
            assert frames == list(range(1, 26))
    for name in ("parallax_number", "parascale_gain"):
        assert [point.co.x for point in curves[f'["{name}"]', 0].keyframe_points] == list(range(1, 25))


def test_parallax_number_is_carried_over_to_the_scene(desk: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    from parascale.blender.camera import trajectory_of_camera
    from parascale.blender.depth import SceneDepth
    from parascale.files.shot_file import read_shot
    from parascale.parallax.metrics import pce
    from parascale.parallax.number import median_depth, parallax_number
    from parascale.retime import match_rate

    path = shot_file()
    camera = import_and_create(desk, path)
    realised = trajectory_of_camera(desk, camera, np.arange(25) / 24)
    depth = SceneDepth(desk)
    median = [
        median_depth(depth(realised.camera_to_world[t], realised.intrinsics[t], realised.size, t)) for t in range(25)
    ]
    asked = match_rate(read_shot(path), 24.0).parallax_number
    assert pce(parallax_number(realised, median), asked) < 1e-3


def test_scene_camera_stays_untouched_and_the_new_one_becomes_active(
    desk: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    source = desk.camera
    desk.frame_set(1)
    before = np.array(source.matrix_world)
    lens = source.data.lens
    camera = import_and_create(desk, shot_file())
    assert desk.camera == camera != source
    assert camera.data != source.data
    assert source.animation_data is None
    desk.frame_set(1)
    assert np.array_equal(np.array(source.matrix_world), before)
    assert np.allclose(np.array(camera.matrix_world), before, atol=1e-5)
    assert source.data.lens == camera.data.lens == lens
    assert camera.parent.type == "EMPTY"
    assert all(camera.parent.lock_scale)


def test_reference_is_kept_exactly_in_a_text(scene: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    from parascale.files.shot_file import read_shot, shot_from_json

    path = shot_file()
    bpy.ops.parascale.import_shot(filepath=str(path))
    text = scene.parascale.reference.parascale.text
    assert text.name == "flight.shot.json"
    kept, original = shot_from_json(text.as_string()), read_shot(path)
    assert np.array_equal(kept.trajectory.camera_to_world, original.trajectory.camera_to_world)
    assert np.array_equal(kept.median_depth, original.median_depth)


def test_rebuild_follows_the_moved_anchor(desk: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    camera = import_and_create(desk, shot_file())
    before = matrices(desk, camera, range(1, 26))
    curve = camera.animation_data.action
    desk.frame_set(1)
    camera.parent.location.z += 0.05
    assert bpy.ops.parascale.rebuild() == {"FINISHED"}
    after = matrices(desk, camera, range(1, 26))
    assert np.allclose(after[0, :3, 3] - before[0, :3, 3], [0, 0, 0.05], atol=1e-5)
    assert not np.allclose(after[-1, :3, 3] - before[-1, :3, 3], [0, 0, 0.05], atol=1e-5)
    assert camera.animation_data.action == curve


def test_rebuild_takes_up_an_animated_strength(desk: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    from parascale.blender.keyframes import fcurves

    camera = import_and_create(desk, shot_file())

    def asked() -> np.ndarray:
        (curve,) = (curve for curve in fcurves(camera) if curve.data_path == '["parallax_number"]')
        return np.array([point.co.y for point in curve.keyframe_points])

    before = asked()
    for frame, value in ((1, 0.5), (25, 0.5)):
        camera["parascale_strength"] = value
        camera.keyframe_insert('["parascale_strength"]', frame=frame)
    bpy.ops.parascale.rebuild()
    assert np.allclose(asked(), 0.5 * before, rtol=1e-3)
    (strength,) = (curve for curve in fcurves(camera) if curve.data_path == '["parascale_strength"]')
    assert len(strength.keyframe_points) == 2


def test_report_says_what_the_calibration_did(desk: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    camera = import_and_create(desk, shot_file())
    report = json.loads(camera.parascale.report)
    assert report["pce"] < 1e-6
    assert report["gain_range"][0] > 0


def test_undo_takes_the_camera_away_again(desk: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    source = desk.camera.name
    names = sorted(item.name for item in bpy.data.objects)
    bpy.ops.ed.undo_push()
    bpy.ops.parascale.create_camera("EXEC_DEFAULT", True)
    assert sorted(item.name for item in bpy.data.objects) != names
    bpy.ops.ed.undo()
    assert sorted(item.name for item in bpy.data.objects) == names
    assert bpy.context.scene.camera.name == source
    assert bpy.context.scene.parascale.camera is None


def test_measure_finds_the_depth_of_a_wall(scene: bpy.types.Scene) -> None:
    bpy.ops.mesh.primitive_plane_add(size=100, location=(0, 0, 0))
    bpy.ops.object.camera_add(location=(0, 0, 7))
    scene.camera = bpy.context.object
    assert bpy.ops.parascale.measure() == {"FINISHED"}
    assert scene.parascale.measured_depth == pytest.approx(7.0, rel=1e-5)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("{}", "is not a shot file"), ("not json", "is not a shot file"), (None, "flight.json")],
)
def test_broken_shot_is_refused_in_one_sentence(
    scene: bpy.types.Scene, tmp_path: Path, content: str | None, sentence: str
) -> None:
    path = tmp_path / "flight.json"
    if content is not None:
        path.write_text(content)
    count = len(bpy.data.objects)
    with pytest.raises(RuntimeError, match=sentence) as caught:
        bpy.ops.parascale.import_shot(filepath=str(path))
    assert len(str(caught.value).strip().splitlines()) == 1
    assert len(bpy.data.objects) == count


def test_scene_without_surface_is_refused_and_nothing_is_made(
    scene: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    bpy.ops.object.camera_add()
    scene.camera = bpy.context.object
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    count = len(bpy.data.objects)
    with pytest.raises(RuntimeError, match="surface"):
        bpy.ops.parascale.create_camera()
    assert len(bpy.data.objects) == count


def test_orthographic_camera_is_refused(desk: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    desk.camera.data.type = "ORTHO"
    with pytest.raises(RuntimeError, match="Perspective"):
        bpy.ops.parascale.create_camera()
