import bpy
import numpy as np
import pytest
from mathutils import Matrix

from parascale.blender.camera import opencv_from_blender, trajectory_of_camera
from parascale.blender.keyframes import fcurves, key_trajectory
from parascale.camera import Trajectory
from parascale.errors import InputError

COUNT = 12


@pytest.fixture
def path() -> Trajectory:
    """A full turn and a half about a tilted axis, so that quaternions change sign."""
    turns = np.linspace(0, 3 * np.pi, COUNT)
    poses = [
        np.array(Matrix.Translation((t, 0.3 * t * t, -t)) @ Matrix.Rotation(t, 4, (0.2, 0.9, -0.4))) for t in turns
    ]
    return Trajectory(
        opencv_from_blender(np.array(poses)), np.array([400.0, 400, 160, 96]), np.arange(COUNT) / 24, 320, 192
    )


def assert_stands_on(scene, camera, path):
    scene.frame_start, scene.render.fps = 1, 24
    realised = trajectory_of_camera(scene, camera, path.times)
    np.testing.assert_allclose(realised.camera_to_world, path.camera_to_world, atol=2e-5)


def test_keyed_camera_stands_on_the_trajectory(scene, camera, path):
    key_trajectory(camera, path, np.arange(1, COUNT + 1))
    assert_stands_on(scene, camera, path)


def test_keyed_child_stands_on_the_trajectory_in_the_world(scene, camera, path):
    anchor = bpy.data.objects.new("Anchor", None)
    anchor.matrix_world = Matrix.Translation((5, -3, 2)) @ Matrix.Rotation(1.1, 4, (1, 2, 3)) @ Matrix.Scale(2.0, 4)
    scene.collection.objects.link(anchor)
    camera.parent = anchor
    camera.matrix_parent_inverse = Matrix.Translation((1, 1, 1))
    bpy.context.view_layer.update()
    key_trajectory(camera, path, np.arange(1, COUNT + 1))
    assert_stands_on(scene, camera, path)


def test_moving_the_anchor_moves_the_path(scene, camera, path):
    anchor = bpy.data.objects.new("Anchor", None)
    scene.collection.objects.link(anchor)
    camera.parent = anchor
    key_trajectory(camera, path, np.arange(1, COUNT + 1))
    anchor.location = (0, 0, 10)
    moved = trajectory_of_camera(scene, camera, path.times)
    np.testing.assert_allclose(moved.centres - path.centres, np.tile([0, 0, 10], (COUNT, 1)), atol=1e-4)


def test_one_locked_linear_key_a_frame_on_seven_and_two_curves(camera, path):
    frames = np.arange(5, 5 + COUNT)
    key_trajectory(camera, path, frames, parallax_number=np.full(COUNT - 1, 0.01), gain=np.full(COUNT - 1, 2.0))
    curves = {(curve.data_path, curve.array_index): curve for curve in fcurves(camera)}
    poses = [("location", i) for i in range(3)] + [("rotation_quaternion", i) for i in range(4)]
    assert set(curves) == {*poses, ('["parallax_number"]', 0), ('["parascale_gain"]', 0)}
    for key, curve in curves.items():
        expected = frames if key in poses else frames[:-1]
        np.testing.assert_array_equal([point.co.x for point in curve.keyframe_points], expected)
        assert {point.interpolation for point in curve.keyframe_points} == {"LINEAR"}
        assert curve.lock


def test_quaternions_take_the_short_way(camera, path):
    key_trajectory(camera, path, np.arange(1, COUNT + 1))
    curves = [curve for curve in fcurves(camera) if curve.data_path == "rotation_quaternion"]
    quaternions = np.array([[point.co.y for point in curve.keyframe_points] for curve in curves]).T
    assert (np.einsum("ti,ti->t", quaternions[1:], quaternions[:-1]) > 0).all()
    np.testing.assert_allclose(np.linalg.norm(quaternions, axis=1), 1, atol=1e-6)


def test_properties_play(scene, camera, path):
    values = np.linspace(0.001, 0.03, COUNT - 1)
    key_trajectory(camera, path, np.arange(1, COUNT + 1), parallax_number=values, gain=10 * values)
    for step in (0, 4, COUNT - 2):
        scene.frame_set(step + 1)
        assert camera["parallax_number"] == pytest.approx(values[step], rel=1e-6)
        assert camera["parascale_gain"] == pytest.approx(10 * values[step], rel=1e-6)


def test_steps_without_a_number_get_no_key(camera, path):
    values = np.full(COUNT - 1, 0.01)
    values[3:5] = np.nan
    key_trajectory(camera, path, np.arange(COUNT), parallax_number=values)
    curve = next(curve for curve in fcurves(camera) if "parallax_number" in curve.data_path)
    assert [point.co.x for point in curve.keyframe_points] == [0, 1, 2, 5, 6, 7, 8, 9, 10]


def test_refilling_keeps_modifiers_and_the_animators_curves(scene, camera, path):
    key_trajectory(camera, path, np.arange(1, COUNT + 1))
    camera["parascale_strength"] = 1.0
    camera.keyframe_insert('["parascale_strength"]', frame=3)
    first = next(curve for curve in fcurves(camera) if curve.data_path == "location")
    first.modifiers.new("NOISE")
    action = camera.animation_data.action
    half = Trajectory(path.camera_to_world[:6], path.intrinsics[:6], path.times[:6], 320, 192)
    key_trajectory(camera, half, np.arange(1, 7))
    assert camera.animation_data.action == action
    assert len(fcurves(camera)) == 8
    first = next(curve for curve in fcurves(camera) if curve.data_path == "location")
    assert [modifier.type for modifier in first.modifiers] == ["NOISE"]
    assert len(first.keyframe_points) == 6


def test_shared_action_is_copied_first(scene, camera, path):
    key_trajectory(camera, path, np.arange(1, COUNT + 1))
    other = camera.copy()
    scene.collection.objects.link(other)
    assert other.animation_data.action == camera.animation_data.action
    still = Trajectory(np.tile(np.eye(4), (2, 1, 1)), path.intrinsics[:2], path.times[:2], 320, 192)
    key_trajectory(other, still, [1, 2])
    assert other.animation_data.action != camera.animation_data.action
    assert len(fcurves(camera)[0].keyframe_points) == COUNT
    assert len(fcurves(other)) == 7
    assert_stands_on(scene, camera, path)


def test_cameras_lens_in_the_same_action_is_left_alone(camera, path):
    key_trajectory(camera, path, np.arange(1, COUNT + 1))
    data = camera.data
    data.animation_data_create().action = camera.animation_data.action
    data.keyframe_insert("lens", frame=1)
    key_trajectory(camera, path, np.arange(1, COUNT + 1))
    assert [curve.data_path for curve in fcurves(data)] == ["lens"]
    assert len(fcurves(camera)) == 7


def test_keys_survive_saving_and_opening(tmp_path, camera, path):
    key_trajectory(camera, path, np.arange(1, COUNT + 1), gain=np.ones(COUNT - 1))
    file = str(tmp_path / "keyed.blend")
    bpy.ops.wm.save_as_mainfile(filepath=file)
    bpy.ops.wm.open_mainfile(filepath=file)
    scene = bpy.context.scene
    assert len(fcurves(scene.camera)) == 8
    assert_stands_on(scene, scene.camera, path)


@pytest.mark.parametrize(("frames", "sentence"), [([1, 2], "2 frames are given"), ([1] * COUNT, "do not increase")])
def test_frames_that_do_not_fit_are_refused(camera, path, frames, sentence):
    with pytest.raises(InputError, match=sentence):
        key_trajectory(camera, path, frames)


def test_numbers_that_do_not_fit_are_refused(camera, path):
    with pytest.raises(InputError, match="parallax_number has 12 values for 11 steps"):
        key_trajectory(camera, path, np.arange(COUNT), parallax_number=np.ones(COUNT))


def test_what_is_not_animated_has_no_curves(camera):
    assert fcurves(camera) == []
