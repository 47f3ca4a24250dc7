import bpy
import numpy as np
import pytest

from parascale.blender.camera import view_of_camera
from parascale.blender.focus import PlaceDepth, focus_of_camera, place_depth, subject_depth
from parascale.camera import Trajectory
from parascale.errors import InputError

LENS = np.array([300.0, 300.0, 160.0, 96.0])


@pytest.fixture
def forward():
    """Five cameras that walk along their axis in steps of 1."""
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 2, 3] = np.arange(5)
    return Trajectory(poses, LENS, np.arange(5.0), 320, 192)


def test_subject_is_what_the_first_frame_sees_in_the_box(forward):
    rng = np.random.default_rng(0)
    middle = np.column_stack([rng.uniform(-0.1, 0.1, (9, 2)), np.full(9, 10.0)])
    aside = np.column_stack([rng.uniform(1.5, 2.0, (9, 2)), np.full(9, 4.0)])
    depth = subject_depth(forward, np.concatenate([middle, aside]), (0.4, 0.4, 0.6, 0.6))
    np.testing.assert_allclose(depth, [10, 9, 8, 7, 6])


def test_subject_left_behind_has_no_depth(forward):
    points = np.column_stack([np.zeros((6, 2)), np.full(6, 2.5)])
    np.testing.assert_allclose(subject_depth(forward, points, (0, 0, 1, 1)), [2.5, 1.5, 0.5, np.nan, np.nan])


@pytest.mark.parametrize(("box", "sentence"), [((0.6, 0, 0.4, 1), "is empty"), ((0, 0, 0.1, 0.1), "holds 0 of its")])
def test_box_without_a_subject_is_refused(forward, box, sentence):
    with pytest.raises(InputError, match=sentence):
        subject_depth(forward, np.tile([0.0, 0.0, 5.0], (6, 1)), box)


def test_place_is_followed_until_it_is_behind(forward):
    np.testing.assert_allclose(place_depth(forward, [0.3, 0.1, 2.5]), [2.5, 1.5, 0.5, np.nan, np.nan])


def test_focus_object_is_measured_along_the_axis(scene, camera):
    mark = bpy.data.objects.new("Mark", None)
    mark.location = (3, 2, -7)
    scene.collection.objects.link(mark)
    camera.data.dof.focus_object = mark
    bpy.context.view_layer.update()
    view = view_of_camera(scene, camera)
    samples = focus_of_camera(scene, camera)(view.camera_to_world, view.intrinsics, view.size, 0)
    assert samples.depth == pytest.approx([7.0])
    assert samples.hit.all()


def test_focus_distance_is_the_same_for_every_camera(scene, camera):
    camera.data.dof.focus_distance = 3.5
    samples = focus_of_camera(scene, camera)(np.eye(4), LENS, (320, 192), 0)
    assert samples.depth == pytest.approx([3.5])
    assert samples.pixels.tolist() == [[160.0, 96.0]]


def test_focus_behind_the_camera_or_at_it_is_refused(scene, camera):
    mark = bpy.data.objects.new("Mark", None)
    mark.location.z = 1
    scene.collection.objects.link(mark)
    camera.data.dof.focus_object = mark
    bpy.context.view_layer.update()
    with pytest.raises(InputError, match="lies behind"):
        focus_of_camera(scene, camera)
    camera.data.dof.focus_object = None
    camera.data.dof.focus_distance = 0
    with pytest.raises(InputError, match="no focus distance"):
        focus_of_camera(scene, camera)


def test_place_behind_is_not_hit():
    assert not PlaceDepth([0, 0, -1], 0.0)(np.eye(4), LENS, (320, 192), 0).hit.any()
