import hashlib
import itertools

import bpy
import numpy as np
import pytest

from parascale.blender.camera import trajectory_of_camera, view_of_camera
from parascale.blender.depth import LIVE_GRID, SceneDepth
from parascale.blender.scenes.bench import build_bench
from parascale.blender.scenes.cosmos import animate_flyby, build_cosmos
from parascale.blender.scenes.court import build_court
from parascale.blender.scenes.desk import build_desk
from parascale.blender.scenes.kitchen import build_kitchen
from parascale.blender.scenes.moves import MOVES, animate
from parascale.blender.scenes.room import build_room
from parascale.blender.scenes.street import build_street
from parascale.blender.scenes.valley import build_valley

# What each is in life: the median depth of its first view in metres, and the share of the picture that is no sky.
SCENES = {
    "desk": (build_desk, 1.0, 2.0, 1.0),
    "room": (build_room, 2.0, 4.5, 1.0),
    "street": (build_street, 6.0, 30.0, 0.7),
    "cosmos": (build_cosmos, 3e5, 1e6, 0.7),
    "bench": (build_bench, 0.8, 1.8, 1.0),
    "kitchen": (build_kitchen, 2.5, 5.0, 1.0),
    "court": (build_court, 10.0, 40.0, 0.8),
    "valley": (build_valley, 400.0, 1000.0, 0.8),
}


def digest(scene) -> str:
    """Hash of all geometry, placing and pictures."""
    total = hashlib.sha256()
    for item in sorted(scene.objects, key=lambda item: item.name):
        total.update(np.array(item.matrix_world, np.float32).tobytes())
        if item.type == "MESH":
            vertices = np.empty(len(item.data.vertices) * 3, np.float32)
            item.data.vertices.foreach_get("co", vertices)
            total.update(vertices.tobytes())
    for image in sorted(bpy.data.images, key=lambda image: image.name):
        if image.packed_file is not None:
            total.update(image.packed_file.data)
    return total.hexdigest()


def steps(depth, path):
    """P of each step, measured."""
    samples = [depth(path.camera_to_world[t], path.intrinsics[t], path.size, t) for t in range(len(path) - 1)]
    return np.linalg.norm(path.baselines, axis=1) / [np.median(s.depth[s.hit]) for s in samples]


@pytest.fixture(scope="session")
def files(tmp_path_factory):
    """Files of the scenes already built, by name: opening one is faster than building it."""
    return tmp_path_factory.mktemp("scenes"), {}


@pytest.fixture
def opened(files):
    """Open a scene as it comes out of its file, built once."""
    folder, made = files

    def open_scene(name):
        if name not in made:
            made[name] = str(folder / f"{name}.blend")
            SCENES[name][0](bpy.context.scene)
            render = bpy.context.scene.render
            render.fps, render.resolution_x, render.resolution_y = 16, 832, 480
            bpy.ops.wm.save_as_mainfile(filepath=made[name])
        bpy.ops.wm.open_mainfile(filepath=made[name])
        return bpy.context.scene

    return open_scene


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENES)
def test_scene_is_the_same_at_every_build(opened, name):
    first = digest(opened(name))
    bpy.ops.wm.read_homefile(use_empty=True)
    SCENES[name][0](bpy.context.scene)
    bpy.context.view_layer.update()
    assert digest(bpy.context.scene) == first


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENES)
def test_scene_has_its_true_size_and_is_textured_all_over(opened, name):
    _, nearest, farthest, covered = SCENES[name]
    scene = opened(name)
    view = view_of_camera(scene, scene.camera)
    samples = SceneDepth(scene)(view.camera_to_world, view.intrinsics, view.size, 0)
    assert samples.hit.mean() >= covered
    assert nearest < np.median(samples.depth[samples.hit]) < farthest
    assert scene.camera.data.clip_start < samples.depth[samples.hit].min()
    assert samples.depth[samples.hit].max() < scene.camera.data.clip_end
    for item in (item for item in scene.objects if item.type == "MESH"):
        active = item.data.materials[0].node_tree.nodes.active
        assert active.image.packed_file is not None, item.name
        assert item.data.uv_layers, item.name


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SCENES if name != "cosmos"])
def test_every_move_is_felt_and_hits_nothing(opened, name):
    scene = opened(name)
    depth = SceneDepth(scene, LIVE_GRID)
    place, ends = scene.camera.matrix_basis.copy(), []
    for move in MOVES:
        scene.camera.animation_data_clear()
        scene.camera.matrix_basis = place
        path = animate(scene, move)
        assert len(path) == 81
        np.testing.assert_allclose(np.diff(path.times), 1 / 16)
        assert 0.0025 < np.median(steps(depth, path)) < 0.03, move
        assert depth.crossings(path.centres) == [], move
        assert depth.nearest_surface(path.centres).min() > 2 * scene.camera.data.clip_start, move
        ends.append(path.camera_to_world[-1])
    assert min(np.abs(a - b).max() for a, b in itertools.combinations(ends, 2)) > 0.05


def test_moves_play_as_they_were_returned(scene, camera):
    camera.location, camera.rotation_euler.x, camera.data.dof.focus_distance = (0, -3, 1), 1.3, 3.0
    path = animate(scene, "handheld")
    played = trajectory_of_camera(scene, camera, path.times)
    np.testing.assert_allclose(played.camera_to_world, path.camera_to_world, atol=1e-5)
    assert (scene.render.fps, scene.frame_start, scene.frame_end) == (16, 1, 81)


@pytest.mark.slow
def test_flyby_is_felt_changes_depth_and_stays_smooth_in_single_precision(opened):
    scene = opened("cosmos")
    animate_flyby(scene)
    path = trajectory_of_camera(scene, scene.camera, np.arange(81) / 16)
    depth = SceneDepth(scene, LIVE_GRID)
    parallax, lengths = steps(depth, path), np.linalg.norm(path.baselines, axis=1)
    assert parallax.min() > 0.005
    assert parallax.max() < 0.03
    assert depth.crossings(path.centres) == []
    median_depth = lengths / parallax
    assert median_depth.max() / median_depth.min() > 1.5
    assert np.abs(np.diff(lengths, 2)).max() < 1e-3 * lengths.mean()
