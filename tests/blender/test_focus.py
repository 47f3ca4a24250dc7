import bpy
import numpy as np
import pytest

from parascale.blender.camera import view_of_camera
from parascale.blender.focus import PlaceDepth, focus_of_camera
from parascale.errors import InputError

LENS = np.array([300.0, 300.0, 160.0, 96.0])


def test_focus_object_is_measured_along_the_axis(scene, camera):
    mark = bpy.data.objects.new("Mark", None)
    mark.location = (3, 2, -7)
    scene.collection.objects.link(mark)
    camera.data.dof.focus_object = mark
    bpy.context.view_layer.update()
    view = view_of_camera(scene, camera)
    samples = focus_of_camera(bpy.context.evaluated_depsgraph_get(), camera)(
        view.camera_to_world, view.intrinsics, view.size, 0
    )
    assert samples.depth == pytest.approx([7.0])
    assert samples.hit.all()


def test_focus_distance_is_the_same_for_every_camera(scene, camera):
    camera.data.dof.focus_distance = 3.5
    samples = focus_of_camera(bpy.context.evaluated_depsgraph_get(), camera)(np.eye(4), LENS, (320, 192), 0)
    assert samples.depth == pytest.approx([3.5])
    assert samples.pixels.tolist() == [[160.0, 96.0]]


def test_focus_behind_the_camera_or_at_it_is_refused(scene, camera):
    mark = bpy.data.objects.new("Mark", None)
    mark.location.z = 1
    scene.collection.objects.link(mark)
    camera.data.dof.focus_object = mark
    bpy.context.view_layer.update()
    with pytest.raises(InputError, match="lies behind"):
        focus_of_camera(bpy.context.evaluated_depsgraph_get(), camera)
    camera.data.dof.focus_object = None
    camera.data.dof.focus_distance = 0
    with pytest.raises(InputError, match="no focus distance"):
        focus_of_camera(bpy.context.evaluated_depsgraph_get(), camera)


def test_place_behind_is_not_hit():
    assert not PlaceDepth([0, 0, -1], 0.0)(np.eye(4), LENS, (320, 192), 0).hit.any()


def test_place_is_seen_from_what_carries_the_camera():
    carriers = np.tile(np.eye(4), (2, 1, 1))
    carriers[1, 2, 3] = 2.0
    carried = PlaceDepth([0, 0, 5], 0.0, carriers)
    assert [carried(np.eye(4), LENS, (320, 192), frame).depth.item() for frame in (0, 1)] == [5.0, 3.0]
