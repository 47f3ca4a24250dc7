"""Surfaces that the camera does not render are not measured, on no path through the code."""

import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from parascale.blender.camera import opencv_from_blender, view_of_camera
from parascale.blender.camera_track import clip_range
from parascale.blender.depth import FILLS, HIDES, LIVE_GRID, ReprojectedDepth, SceneDepth
from parascale.blender.render import z_pass
from parascale.blender.scene_file import scene_target
from parascale.blender.scenes.parts import sphere

CAMERAS = 20


@pytest.fixture
def ahead(camera):
    """The camera at the origin, looking along +y."""
    camera.rotation_euler.x = np.pi / 2
    return camera


def measure(depth, scene, camera, step=0):
    view = view_of_camera(scene, camera)
    return depth(view.camera_to_world, view.intrinsics, view.size, step)


@pytest.fixture
def crowd(scene, add_mesh, add_wall):
    """Balls all around the origin, a ground, a wall far behind: something before and beyond every range."""
    rng = np.random.default_rng(5)
    ball = sphere(1.0, 32, 16)
    for k in range(40):
        item = add_mesh(f"Ball {k}", ball.vertices.tolist(), ball.faces)
        item.location = rng.uniform(-9, 9, 3)
        item.scale = rng.uniform(0.3, 1.5, 3)
        item.rotation_euler = rng.uniform(0, 6, 3)
    ground = add_wall("Ground", 0, 60)
    ground.rotation_euler.x, ground.location = np.pi / 2, (0, 0, -8)
    add_wall("Behind", 30, 60)
    bpy.context.view_layer.update()
    return scene


@pytest.mark.parametrize("seed", range(CAMERAS))
def test_depth_agrees_with_cycles_from_anywhere_through_any_clip_range(crowd, camera, seed):
    rng = np.random.default_rng(100 + seed)
    place = Vector(rng.uniform(-10, 10, 3))
    # Somewhere towards the middle of the crowd.
    towards = Vector(rng.uniform(-3, 3, 3)) - place
    camera.matrix_world = Matrix.Translation(place) @ towards.to_track_quat("-Z", "Y").to_matrix().to_4x4()
    camera.data.lens = rng.uniform(18, 70)
    camera.data.shift_x, camera.data.shift_y = rng.uniform(-0.2, 0.2, 2)
    camera.data.clip_start = rng.uniform(0.01, 6)
    camera.data.clip_end = camera.data.clip_start + rng.uniform(3, 40)
    bpy.context.view_layer.update()
    ours = SceneDepth(crowd, clip=clip_range(crowd, camera)).dense(view_of_camera(crowd, camera))
    truth = z_pass(crowd, camera, 1, (320, 192))
    agree = np.isfinite(ours) == np.isfinite(truth)
    both = np.isfinite(ours) & np.isfinite(truth)
    assert agree.mean() > 0.998
    assert both.mean() > 0.02
    error = np.abs(ours / truth - 1)[both]
    assert np.median(error) < 5e-5
    # Pixels on the outline of a ball see one side or the other.
    assert np.mean(error > 1e-3) < 0.005
    assert ours[both].min() >= camera.data.clip_start
    assert ours[both].max() <= camera.data.clip_end


def test_a_wall_before_the_clip_start_is_looked_through(scene, ahead, add_wall):
    add_wall("Near", 2), add_wall("Far", 7)
    ahead.data.clip_start = 2.5
    depth = SceneDepth(scene, clip=clip_range(scene, ahead))
    np.testing.assert_allclose(measure(depth, scene, ahead).depth, 7, rtol=1e-6)
    np.testing.assert_allclose(depth.dense(view_of_camera(scene, ahead)), 7, rtol=1e-6)
    ahead.data.clip_end = 6
    depth.clip = clip_range(scene, ahead)
    assert not measure(depth, scene, ahead).hit.any()


@pytest.mark.parametrize("role", [HIDES, FILLS])
def test_what_is_not_rendered_neither_hides_nor_fills(scene, ahead, add_wall, role):
    near, _ = add_wall("Near", 2), add_wall("Far", 7, half=1)
    near[role] = True
    samples = measure(SceneDepth(scene, clip=(2.5, 100)), scene, ahead)
    assert np.array_equal(samples.hit, np.isclose(samples.depth, 7, rtol=1e-5))
    assert 0 < samples.hit.mean() < 1


def test_what_cameras_do_not_see_is_not_measured(scene, ahead, add_wall):
    near, _ = add_wall("Near", 2), add_wall("Far", 7)
    near.visible_camera = False
    np.testing.assert_allclose(measure(SceneDepth(scene), scene, ahead).depth, 7, rtol=1e-6)
    np.testing.assert_allclose(z_pass(scene, ahead, 1, (32, 20)), 7, rtol=1e-5)


def test_a_clip_range_that_is_animated_counts_at_its_own_frame(scene, ahead, add_wall):
    add_wall("Near", 2), add_wall("Far", 7)
    for frame, start in ((1, 0.1), (11, 3.0)):
        ahead.data.clip_start = start
        ahead.data.keyframe_insert("clip_start", frame=frame)
    frames = np.arange(1, 12)
    depth = SceneDepth(scene, frames=frames, clip=clip_range(scene, ahead, frames))
    found = [np.median(measure(depth, scene, ahead, step).depth) for step in (0, 10, 0)]
    np.testing.assert_allclose(found, [2, 7, 2], rtol=1e-5)
    assert clip_range(scene, ahead).shape == (2,)


def test_between_sparing_looks_a_surface_that_comes_too_near_is_gone(scene, ahead, add_wall):
    add_wall(distance=5)
    view, sparing = view_of_camera(scene, ahead), ReprojectedDepth(SceneDepth(scene, LIVE_GRID, clip=(3, 100)), 8)
    hit = []
    for frame in range(4):
        pose = view.camera_to_world.copy()
        pose[:3, 3] += pose[:3, 2] * frame
        hit.append(bool(sparing(pose, view.intrinsics, view.size, frame).hit.any()))
    assert hit == [True, True, True, False]


def test_a_file_is_measured_as_its_camera_renders_it(scene, ahead, add_wall, tmp_path):
    add_wall("Near", 2), add_wall("Far", 7)
    ahead.data.clip_start = 2.5
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    target = scene_target(tmp_path / "scene.blend")
    view = target.anchor
    np.testing.assert_allclose(target.depth(view.camera_to_world, view.intrinsics, view.size, 0).depth, 7, rtol=1e-6)


def test_a_file_is_measured_by_the_camera_of_its_start_frame(scene, ahead, tmp_path):
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    other.location.x = 3
    scene.collection.objects.link(other)
    scene.timeline_markers.new("Cut", frame=1).camera = other
    scene.camera = ahead
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    found = scene_target(tmp_path / "scene.blend").anchor.camera_to_world
    np.testing.assert_allclose(found[:3, 3], [3, 0, 0], atol=1e-6)
    found = scene_target(tmp_path / "scene.blend", "Camera").anchor.camera_to_world
    np.testing.assert_allclose(found, opencv_from_blender(np.array(bpy.data.objects["Camera"].matrix_world)), atol=1e-6)
