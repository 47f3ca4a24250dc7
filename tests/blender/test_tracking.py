"""Depth from Blender's own tracker: a clip solved by libmv, and inverse depth between its tracks."""

import bpy
import numpy as np
import pytest

from parascale.blender.animation import recording_of, span_of_move
from parascale.blender.camera import trajectory_of_camera
from parascale.blender.render import render_clip
from parascale.blender.tracking import MarkerDepth, interpolate_depth, tracking_of
from parascale.camera.intrinsics import projection
from parascale.parallax.number import median_depth, parallax_number

FRAMES = 12
SIZE = (320, 192)
INTRINSICS = np.array([300.0, 300.0, 160.0, 96.0])


def test_inverse_depth_is_exact_on_a_slanted_plane():
    # 1 / z = 0.2 + 0.1 x + 0.05 y in focal-normalised coordinates is a plane.
    rng = np.random.default_rng(0)
    corners = [(0, 0), (SIZE[0], 0), (0, SIZE[1]), SIZE]
    pixels = np.concatenate([rng.uniform((0, 0), SIZE, (60, 2)), corners])

    def depth(at):
        x, y = ((at - INTRINSICS[2:]) / INTRINSICS[:2]).T
        return 1 / (0.2 + 0.1 * x + 0.05 * y)

    samples = interpolate_depth(pixels, depth(pixels), INTRINSICS, SIZE)
    assert samples.hit.all()
    np.testing.assert_allclose(samples.depth, depth(samples.pixels), rtol=1e-5)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_too_few_tracks_tell_nothing(count):
    pixels = np.full((count, 2), 10.0)
    assert not interpolate_depth(pixels, np.ones(count), INTRINSICS, SIZE).hit.any()


def test_triangles_over_a_depth_edge_are_left_out():
    pixels = np.array([(10.0, 10.0), (300.0, 10.0), (10.0, 180.0)])
    assert not interpolate_depth(pixels, np.array([1.0, 1.0, 4.0]), INTRINSICS, SIZE).hit.any()
    assert interpolate_depth(pixels, np.array([1.0, 1.0, 2.0]), INTRINSICS, SIZE).hit.any()


@pytest.fixture
def solved(scene, camera, add_wall, tmp_path):
    """A clip with points at two depths, tracked exactly, solved by Blender, and a camera that follows it."""
    add_wall(distance=8)
    camera.rotation_euler = (np.pi / 2, 0, 0)
    for frame, x in enumerate(np.linspace(-1, 1, FRAMES), start=1):
        camera.location = (x, 0.3 * x, 0.1 * x)
        camera.keyframe_insert("location", frame=frame)
    path = render_clip(scene, tmp_path / "clip.mp4", SIZE, (1, FRAMES + 1), 24.0, "OFF")
    true = trajectory_of_camera(scene, camera, np.arange(FRAMES) / 24)
    clip = bpy.data.movieclips.load(str(path))
    settings = clip.tracking.camera
    settings.sensor_width, settings.units, settings.focal_length = camera.data.sensor_width, "MILLIMETERS", 50.0
    rng = np.random.default_rng(1)
    near = np.column_stack([rng.uniform(-1.2, 1.2, 20), np.full(20, 5.0), rng.uniform(-0.8, 0.8, 20)])
    far = np.column_stack([rng.uniform(-2.4, 2.4, 30), np.full(30, 8.0), rng.uniform(-1.5, 1.5, 30)])
    points = np.concatenate([near, far])
    for point in points:
        track = clip.tracking.tracks.new(frame=1)
        for frame in range(FRAMES):
            pose = true.camera_to_world[frame]
            pixel = projection((point - pose[:3, 3]) @ pose[:3, :3], true.intrinsics[frame])
            marker = track.markers.insert_frame(frame + 1)
            marker.co = (pixel[0] / SIZE[0], 1 - pixel[1] / SIZE[1])
    area = bpy.context.window_manager.windows[0].screen.areas[0]
    area.type = "CLIP_EDITOR"
    area.spaces.active.clip = clip
    keyframes = clip.tracking.objects[0]
    keyframes.keyframe_a, keyframes.keyframe_b = 1, FRAMES
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
        bpy.ops.clip.solve_camera("EXEC_DEFAULT")
    assert clip.tracking.reconstruction.is_valid
    follower = bpy.data.objects.new("Follower", camera.data.copy())
    scene.collection.objects.link(follower)
    follower.data.animation_data_clear()
    constraint = follower.constraints.new("CAMERA_SOLVER")
    constraint.use_active_clip, constraint.clip = False, clip
    follower.location = (2.0, 1.0, 0.5)
    return follower, true, points


def test_parallax_number_of_a_solved_camera_is_that_of_the_true_one(scene, solved):
    follower, true, points = solved
    depth = MarkerDepth(scene, follower, tracking_of(follower), np.arange(1, FRAMES + 1))
    path = trajectory_of_camera(scene, follower, np.arange(FRAMES) / 24)
    median = [median_depth(depth(path.camera_to_world[t], path.intrinsics[t], path.size, t)) for t in range(FRAMES)]
    truth = []
    for pose, intrinsics in zip(true.camera_to_world, true.intrinsics, strict=True):
        local = (points - pose[:3, 3]) @ pose[:3, :3]
        truth.append(median_depth(interpolate_depth(projection(local, intrinsics), local[:, 2], intrinsics, SIZE)))
    # The solver has a scale of its own, which P does not know.
    ratio = np.log(parallax_number(path, median) / parallax_number(true, truth))
    assert np.abs(ratio).max() < 1e-4


def test_a_solved_camera_has_the_rate_and_the_frames_of_its_clip(scene, solved):
    follower, _, _ = solved
    scene.render.fps = 30
    recording = recording_of(bpy.context.scene, follower)
    assert recording is not None
    assert recording.rate == pytest.approx(24)
    assert span_of_move(bpy.context.scene, follower) == (1, FRAMES)
    tracking_of(follower).frame_start = 101
    assert span_of_move(bpy.context.scene, follower) == (101, 100 + FRAMES)


def test_camera_without_a_solve_follows_none(camera):
    assert tracking_of(camera) is None
    camera.constraints.new("CAMERA_SOLVER")
    assert tracking_of(camera) is None
