import bpy
import numpy as np
import pytest

from parascale.blender.bake import baked_copy, keyed_copy
from parascale.blender.camera import trajectory_of_camera
from parascale.blender.keyframes import fcurves, key_lens, remove_curves
from parascale.camera import Trajectory
from parascale.errors import InputError

FRAMES = np.arange(5, 16)


@pytest.fixture
def swinging(scene, camera):
    """A camera under a turning, scaled parent, with a zoom and a racked focus."""
    scene.frame_start = 5
    carrier = bpy.data.objects.new("Carrier", None)
    carrier.scale = (2, 2, 2)
    scene.collection.objects.link(carrier)
    camera.parent, camera.location = carrier, (1, 0.5, 0.2)
    for frame, angle, lens, focus in ((5, 0.0, 35.0, 2.0), (15, 2.0, 85.0, 9.0)):
        carrier.rotation_euler.z = angle
        carrier.keyframe_insert("rotation_euler", frame=frame)
        camera.data.lens, camera.data.dof.focus_distance = lens, focus
        camera.data.keyframe_insert("lens", frame=frame)
        camera.data.keyframe_insert("dof.focus_distance", frame=frame)
    return camera


def test_baked_copy_sees_what_the_camera_sees(scene, swinging):
    times = np.arange(len(FRAMES)) / 24
    copy = baked_copy(scene, swinging, FRAMES, "Baked")
    scene.collection.objects.link(copy)
    before, after = (trajectory_of_camera(scene, item, times) for item in (swinging, copy))
    np.testing.assert_allclose(after.camera_to_world, before.camera_to_world, atol=1e-5)
    np.testing.assert_allclose(after.intrinsics, before.intrinsics, rtol=1e-6)
    scene.frame_set(15)
    assert copy.data.dof.focus_distance == pytest.approx(9.0)
    assert copy.parent is None
    assert tuple(copy.scale) == (1, 1, 1)
    assert swinging.parent is not None
    assert not any(curve.lock for curve in fcurves(copy))


def test_still_lens_gets_no_keys(scene, camera):
    copy = baked_copy(scene, camera, FRAMES, "Baked")
    assert fcurves(copy.data) == []
    assert copy.data.lens == camera.data.lens


def test_camera_without_perspective_is_not_baked(scene, camera):
    camera.data.type = "ORTHO"
    count = len(bpy.data.objects)
    with pytest.raises(InputError, match="Perspective"):
        baked_copy(scene, camera, FRAMES, "Baked")
    assert len(bpy.data.objects) == count


def zooming(scene):
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 0, 3] = [0, 1, 2]
    lens = [[300.0, 300, 160, 96], [330, 330, 160, 96], [360, 360, 165, 96]]
    return Trajectory(poses, np.array(lens), np.array([0.0, 1, 2]) / 24, 320, 192)


def test_lens_that_changes_is_keyed_and_read_back(scene, camera):
    path = zooming(scene)
    copy = keyed_copy(scene, camera, path, [1, 2, 3], "Copy")
    scene.collection.objects.link(copy)
    back = trajectory_of_camera(scene, copy, np.array([0.0, 1, 2]) / 24)
    np.testing.assert_allclose(back.intrinsics, path.intrinsics, atol=1e-3)
    assert {curve.data_path for curve in fcurves(copy.data)} == {"lens", "shift_x"}


def test_lens_that_stays_is_set_and_old_keys_are_refilled(scene, camera):
    path = zooming(scene)
    key_lens(camera.data, scene, path, [1, 2, 3])
    still = Trajectory(path.camera_to_world, path.intrinsics[0], path.times, 320, 192)
    key_lens(camera.data, scene, still, [1, 2, 3])
    for frame in (1, 3):
        scene.frame_set(frame)
        assert camera.data.lens == pytest.approx(300 * 36 / 320)
    remove_curves(camera.data, ("lens", "shift_x", "shift_y"))
    assert fcurves(camera.data) == []
