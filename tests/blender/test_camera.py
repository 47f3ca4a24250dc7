import itertools
import math

import bpy
import numpy as np
import pytest
from bpy_extras.object_utils import world_to_camera_view
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mathutils import Matrix, Vector

from parascale.blender.camera import (
    apply_lens,
    blender_from_opencv,
    intrinsics_from_lens,
    opencv_from_blender,
    trajectory_of_camera,
    view_of_camera,
)
from parascale.errors import InputError

POINTS = [Vector(p) for p in [(0, 0, -3), (1, 0.4, -4), (-0.7, 0.9, -2.5), (0.3, -1.1, -6), (-1.3, -0.6, -5)]]

LENSES = list(
    itertools.product(
        ["AUTO", "HORIZONTAL", "VERTICAL"],
        [(320, 192, 100), (192, 320, 100), (256, 256, 100), (334, 186, 50)],
        [(0.0, 0.0), (0.13, -0.21)],
        [(1.0, 1.0), (2.0, 1.0), (1.0, 1.6)],
    )
)


def project(view, world):
    camera = np.linalg.inv(view.camera_to_world) @ [*world, 1.0]
    return view.intrinsics[:2] * camera[:2] / camera[2] + view.intrinsics[2:]


@pytest.mark.parametrize(("fit", "size", "shift", "aspect"), LENSES)
def test_projection_agrees_with_blenders_own(scene, camera, fit, size, shift, aspect):
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = size
    render.pixel_aspect_x, render.pixel_aspect_y = aspect
    data = camera.data
    data.sensor_fit, data.sensor_width, data.sensor_height, data.lens = fit, 31.0, 19.0, 27.0
    data.shift_x, data.shift_y = shift
    camera.matrix_world = Matrix.Translation((1.0, -2.0, 0.5)) @ Matrix.Rotation(0.7, 4, (0.3, 1.0, -0.2))
    bpy.context.view_layer.update()
    view = view_of_camera(scene, camera)
    for point in POINTS:
        world = camera.matrix_world @ point
        x, y, depth = world_to_camera_view(scene, camera, world)
        truth = np.array([x * view.width, (1 - y) * view.height])
        np.testing.assert_allclose(project(view, world), truth, atol=0.01)
        assert (np.linalg.inv(view.camera_to_world) @ [*world, 1.0])[2] == pytest.approx(depth, abs=1e-5)


def test_odd_percentages_are_cut_as_the_renderer_cuts_them(scene, camera):
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = 333, 187, 50
    view = view_of_camera(scene, camera)
    assert view.size == (166, 93)
    matrix = camera.calc_matrix_camera(bpy.context.evaluated_depsgraph_get(), x=166, y=93)
    for point in POINTS:
        clip = matrix @ point.to_4d()
        truth = np.array([(clip.x / clip.w + 1) / 2 * 166, (1 - clip.y / clip.w) / 2 * 93])
        np.testing.assert_allclose(project(view, point), truth, atol=0.01)


def test_default_lens_by_hand():
    """50 mm on a sensor 36 mm wide, 1920 pixels: 50 / 36 * 1920."""
    np.testing.assert_allclose(intrinsics_from_lens(50, (36, 24), (1920, 1080)), [2666.6666667, 2666.6666667, 960, 540])


@pytest.mark.parametrize(("fit", "size", "shift", "aspect"), LENSES)
def test_applied_lens_is_read_back(scene, camera, fit, size, shift, aspect):
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = size
    render.pixel_aspect_x, render.pixel_aspect_y = aspect
    camera.data.sensor_fit = fit
    before = view_of_camera(scene, camera)
    stretch = aspect[1] / aspect[0]
    wanted = np.array([1.3 * before.width, 1.3 * before.width / stretch, 0.45 * before.width, 0.6 * before.height])
    apply_lens(camera.data, scene, wanted, before.width, before.height)
    np.testing.assert_allclose(view_of_camera(scene, camera).intrinsics, wanted, atol=0.01)


def test_applied_lens_keeps_the_angle_of_view_at_another_size(scene, camera):
    apply_lens(camera.data, scene, [1000, 1000, 640, 384], 1280, 768)
    np.testing.assert_allclose(view_of_camera(scene, camera).intrinsics, [250, 250, 160, 96], atol=0.01)


@given(st.lists(st.floats(-1e3, 1e3), min_size=16, max_size=16))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_axes_convert_there_and_back(values):
    matrix = np.array(values).reshape(4, 4)
    np.testing.assert_array_equal(blender_from_opencv(opencv_from_blender(matrix)), matrix)


def test_camera_looks_along_minus_z_with_y_up(scene, camera):
    pose = view_of_camera(scene, camera).camera_to_world
    np.testing.assert_array_equal(pose[:3, 2], [0, 0, -1])
    np.testing.assert_array_equal(pose[:3, 1], [0, -1, 0])


@pytest.mark.parametrize("kind", ["ORTHO", "PANO", "CUSTOM"])
def test_cameras_without_perspective_are_refused(scene, camera, kind):
    camera.data.type = kind
    with pytest.raises(InputError, match="set its type to Perspective"):
        view_of_camera(scene, camera)


def test_what_is_no_camera_is_refused(scene, add_wall):
    with pytest.raises(InputError, match="is not a camera"):
        view_of_camera(scene, add_wall())


def test_parents_and_constraints_count_and_scale_does_not(scene, camera):
    parent = bpy.data.objects.new("Parent", None)
    target = bpy.data.objects.new("Target", None)
    for item in (parent, target):
        scene.collection.objects.link(item)
    parent.location, parent.scale = (1, 2, 3), (2, 2, 2)
    target.location = (5, 9, 3)
    camera.parent, camera.location = parent, (0.5, 0, 0)
    track = camera.constraints.new("TRACK_TO")
    track.target, track.track_axis, track.up_axis = target, "TRACK_NEGATIVE_Z", "UP_Y"
    pose = view_of_camera(scene, camera).camera_to_world
    np.testing.assert_allclose(pose[:3, 3], [2, 2, 3], atol=1e-6)
    np.testing.assert_allclose(pose[:3, 2], np.array([3, 7, 0]) / math.hypot(3, 7), atol=1e-6)
    np.testing.assert_allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3), atol=1e-12)


def test_mirrored_sheared_and_flat_cameras_are_refused(scene, camera):
    parent = bpy.data.objects.new("Parent", None)
    scene.collection.objects.link(parent)
    camera.parent = parent
    for scale, turn in [((-1, 1, 1), 0.0), ((1, 3, 1), 0.5), ((0, 1, 1), 0.0)]:
        parent.scale, camera.rotation_euler.z = scale, turn
        with pytest.raises(InputError, match="apply the scale of its parents"):
            view_of_camera(scene, camera)


def moving(scene, camera):
    scene.render.fps, scene.render.fps_base, scene.frame_start = 30, 1.001, 11
    for frame, x in ((11, 0.0), (41, 3.0)):
        camera.location.x = x
        camera.keyframe_insert("location", frame=frame)
    from parascale.blender.keyframes import fcurves

    for curve in fcurves(camera):
        for point in curve.keyframe_points:
            point.interpolation = "LINEAR"


def test_times_fall_between_frames_and_the_frame_is_restored(scene, camera):
    moving(scene, camera)
    scene.frame_set(17, subframe=0.25)
    times = np.array([0.0, 1 / 16, 0.5, 0.99])
    path = trajectory_of_camera(scene, camera, times)
    np.testing.assert_allclose(path.centres[:, 0], times * 30 / 1.001 / 10, atol=1e-5)
    np.testing.assert_array_equal(path.times, times)
    assert (scene.frame_current, scene.frame_subframe) == (17, 0.25)


def test_frame_is_restored_after_a_refusal(scene, camera):
    moving(scene, camera)
    camera.data.type = "ORTHO"
    scene.frame_set(23)
    with pytest.raises(InputError):
        trajectory_of_camera(scene, camera, [0.0, 0.5])
    assert scene.frame_current == 23


def test_zoom_is_sampled(scene, camera):
    for frame, lens in ((1, 30.0), (25, 60.0)):
        camera.data.lens = lens
        camera.data.keyframe_insert("lens", frame=frame)
    scene.frame_start = 1
    focal = trajectory_of_camera(scene, camera, [0.0, 1.0]).intrinsics[:, 0]
    assert focal[1] == pytest.approx(2 * focal[0], rel=1e-6)


def test_camera_of_a_scene_that_is_not_open(camera):
    other = bpy.data.scenes.new("Other")
    other.render.resolution_x, other.render.resolution_y = 640, 480
    item = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    item.location = (4, 5, 6)
    other.collection.objects.link(item)
    view = view_of_camera(other, item)
    assert view.size == (640, 480)
    np.testing.assert_array_equal(view.camera_to_world[:3, 3], [4, 5, 6])
