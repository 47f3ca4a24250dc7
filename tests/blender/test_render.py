import bpy
import numpy as np
import pytest

from parascale.blender.camera import view_of_camera
from parascale.blender.render import render_clip, render_path, render_still, static_z_medians, z_medians, z_pass
from parascale.camera import Trajectory
from parascale.errors import InputError


def state(scene) -> dict[str, object]:
    """Every plain setting of a scene that rendering could change."""
    owners = [
        scene,
        scene.render,
        scene.render.image_settings,
        scene.render.ffmpeg,
        scene.display.shading,
        scene.cycles,
    ]
    return {
        f"{type(owner).__name__}.{p.identifier}": getattr(owner, p.identifier)
        for owner in owners
        for p in owner.bl_rna.properties
        if p.identifier != "use_nodes"
        and p.type in {"INT", "FLOAT", "BOOLEAN", "ENUM", "STRING"}
        and not getattr(p, "is_array", False)
    }


@pytest.fixture
def stage(scene, camera, add_wall):
    camera.rotation_euler.x = np.pi / 2
    add_wall(distance=5, half=1.0)
    scene.frame_set(3)
    return scene


def test_still_has_the_asked_size_and_shows_the_scene(stage, tmp_path):
    path = render_still(stage, tmp_path / "still.png", (160, 90))
    image = bpy.data.images.load(str(path))
    assert tuple(image.size) == (160, 90)
    pixels = np.array(image.pixels[:]).reshape(90, 160, 4)[..., :3].mean(axis=2)
    assert pixels[45, 80] - pixels[5, 5] > 0.1


def test_clip_has_its_frames_and_rate(stage, tmp_path):
    path = render_clip(stage, tmp_path / "clip.mp4", (64, 48), (1, 6), 29.97, "OFF")
    clip = bpy.data.movieclips.load(str(path))
    assert (tuple(clip.size), clip.frame_duration) == ((64, 48), 5)
    assert clip.fps == pytest.approx(29.97, rel=1e-4)


@pytest.mark.parametrize("what", ["still", "clip", "depth"])
def test_rendering_leaves_the_scene_as_it_was(stage, tmp_path, what):
    before, materials = state(stage), len(bpy.data.materials)
    if what == "still":
        render_still(stage, tmp_path / "still.png", (32, 32))
    elif what == "clip":
        render_clip(stage, tmp_path / "clip.mp4", (32, 32), (1, 3), 16, "OFF")
    else:
        z_pass(stage, stage.camera, 1, (32, 32))
    assert state(stage) == before
    assert len(bpy.data.materials) == materials
    assert stage.view_layers[0].material_override is None


def test_settings_come_back_after_a_failure(stage, tmp_path):
    before = state(stage)
    with pytest.raises(TypeError):
        render_still(stage, tmp_path / "still.png", (32, 32), engine="NO_SUCH_ENGINE")
    assert state(stage) == before


def test_scene_without_a_camera_is_refused(scene, tmp_path):
    with pytest.raises(InputError, match="has no camera"):
        render_still(scene, tmp_path / "still.png", (32, 32))


def test_odd_movie_is_refused(stage, tmp_path):
    with pytest.raises(InputError, match="33x32 cannot be encoded"):
        render_clip(stage, tmp_path / "clip.mp4", (33, 32), (1, 3), 16)


def test_z_pass_is_depth_along_the_axis_and_nan_beside(stage):
    depth = z_pass(stage, stage.camera, 1, (320, 192))
    assert depth[96, 160] == pytest.approx(5.0, rel=1e-5)
    assert np.isnan(depth[5, 5])
    np.testing.assert_allclose(depth[np.isfinite(depth)], 5.0, rtol=1e-5)


def backing_off(stage, frames=4) -> Trajectory:
    """A path from the scene's camera that backs off by 1 a frame, over another lens than it has now."""
    start = view_of_camera(stage, stage.camera)
    poses = np.tile(start.camera_to_world, (frames, 1, 1))
    poses[:, :3, 3] -= np.arange(frames)[:, None] * start.camera_to_world[:3, 2]
    return Trajectory(poses, start.intrinsics, np.arange(frames) / 16, start.width, start.height)


def test_the_median_depth_along_a_path_is_measured_where_asked(stage):
    medians = z_medians(stage, backing_off(stage), (0, 2), (64, 38))
    np.testing.assert_allclose(medians, [5, np.nan, 7, np.nan], rtol=1e-5)


def test_a_scene_that_stands_still_is_measured_in_one_go_and_left_as_it_was(stage):
    kinds = ("objects", "cameras", "actions", "materials")
    before = state(stage), stage.camera, [len(getattr(bpy.data, kind)) for kind in kinds]
    medians = static_z_medians(stage, backing_off(stage), (0, 2), (64, 38))
    np.testing.assert_allclose(medians, z_medians(stage, backing_off(stage), (0, 2), (64, 38)), rtol=1e-6)
    assert (state(stage), stage.camera, [len(getattr(bpy.data, kind)) for kind in kinds]) == before


def test_a_path_that_sees_nothing_has_no_depth(stage):
    path = backing_off(stage)
    poses = np.array(path.camera_to_world)
    poses[:, :3, :3] = poses[:, :3, :3] @ np.diag([-1.0, 1, -1])
    away = Trajectory(poses, path.intrinsics, path.times, *path.size)
    assert np.isnan(z_medians(stage, away, range(4), (32, 18))).all()


def test_a_rendered_path_leaves_the_scene_as_it_was(stage, tmp_path):
    kinds = ("objects", "cameras", "actions", "materials")
    before = state(stage), stage.camera, [len(getattr(bpy.data, kind)) for kind in kinds]
    video = render_path(stage, backing_off(stage), tmp_path / "path.mp4", (160, 96), 16)
    assert video.stat().st_size > 0
    assert (state(stage), stage.camera, [len(getattr(bpy.data, kind)) for kind in kinds]) == before


def test_a_rendered_path_shows_what_its_cameras_see(stage, tmp_path):
    video = render_path(stage, backing_off(stage, 6), tmp_path / "path.mp4", (160, 96), 16)
    clip = bpy.data.movieclips.load(str(video))
    assert clip.frame_duration == 6
    assert tuple(clip.size) == (160, 96)
