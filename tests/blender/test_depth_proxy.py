"""A photo as a scene, held against the NumPy projection of the same depth map."""

import bpy
import numpy as np
import pytest

from parascale.blender.camera import view_of_camera
from parascale.blender.depth import SceneDepth
from parascale.blender.depth_proxy import create_depth_proxy
from parascale.errors import InputError
from parascale.parallax.number import median_depth
from parascale.projection.depth_map import DepthMapSource

SIZE = (320, 180)
LENS = np.array([300.0, 300.0, 160.0, 90.0])
MOVES = {
    "dolly in": [(0, 0, 0.15 * t) for t in range(6)],
    "dolly out": [(0, 0, -0.1 * t) for t in range(6)],
    "truck": [(0.08 * t, 0, 0) for t in range(6)],
    "crane": [(0, -0.06 * t, 0) for t in range(6)],
    "far aside": [(0.3 * t, 0, 0.05 * t) for t in range(6)],
    "diagonal": [(0.05 * t, -0.03 * t, 0.1 * t) for t in range(6)],
}


def room() -> np.ndarray:
    """A wall at 5, a floor 0.8 below the camera, and a box at 2 before them."""
    row = np.arange(SIZE[1])[:, None] + 0.5
    with np.errstate(divide="ignore"):
        floor = np.where(row > LENS[3], 0.8 * LENS[1] / (row - LENS[3]), np.inf)
    depth = np.minimum(5.0, floor) * np.ones(SIZE[0])
    depth[60:140, 40:170] = 2.0
    return depth.astype(np.float32)


@pytest.fixture
def photo():
    return bpy.data.images.new("photo", *SIZE)


@pytest.mark.parametrize("move", MOVES)
def test_proxy_and_backend_measure_the_same_depth(scene, photo, move) -> None:
    proxy = create_depth_proxy(scene, photo, room(), LENS)
    bpy.context.view_layer.update()
    view = view_of_camera(scene, proxy.camera)
    measured, projected = SceneDepth(scene), DepthMapSource(room(), view)
    for centre in MOVES[move]:
        pose = view.camera_to_world.copy()
        pose[:3, 3] += pose[:3, :3] @ centre
        ours = median_depth(measured(pose, view.intrinsics, view.size, 0))
        theirs = median_depth(projected(pose, view.intrinsics, view.size, 0))
        assert ours == pytest.approx(theirs, rel=0.01)


def test_its_camera_has_the_photo_s_field_of_view_and_size(scene, photo) -> None:
    lens = np.array([280.0, 280.0, 170.0, 85.0])
    proxy = create_depth_proxy(scene, photo, room(), lens)
    bpy.context.view_layer.update()
    view = view_of_camera(scene, proxy.camera)
    assert view.size == SIZE
    np.testing.assert_allclose(view.intrinsics, lens, rtol=1e-5)
    assert scene.camera == proxy.camera


def test_the_first_frame_shows_the_map_itself(scene, photo) -> None:
    proxy = create_depth_proxy(scene, photo, room(), LENS)
    bpy.context.view_layer.update()
    seen = SceneDepth(scene).dense(view_of_camera(scene, proxy.camera))
    # Corners of pixels lie at the mean of their neighbours, which bends the line where wall and floor meet.
    assert np.mean(np.abs(np.log(seen / room())) < 0.01) > 0.98


def test_edges_are_cut_and_sky_has_no_surface(scene, photo) -> None:
    depth = np.full((180, 320), 4.0, np.float32)
    depth[:, 100:200] = 1.0
    depth[:60] = np.inf
    depth[170:] = 0.0
    mesh = create_depth_proxy(scene, photo, depth, LENS).surface.data
    assert len(mesh.polygons) == 320 * (170 - 60)
    corners = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", corners)
    np.testing.assert_allclose(np.unique(corners[2::3]), [-4, -1])
    # Three sheets, of 100, 100 and 120 columns.
    assert len(mesh.vertices) == 111 * (101 + 101 + 121)
    assert all(polygon.normal.z > 0 or abs(polygon.normal.z) < 1e-3 for polygon in mesh.polygons[:500])


def test_every_corner_carries_its_place_in_the_photo(scene, photo) -> None:
    mesh = create_depth_proxy(scene, photo, np.full((180, 320), 3.0, np.float32), LENS).surface.data
    at = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[0].uv.foreach_get("vector", at)
    index = np.empty(len(mesh.loops), np.int32)
    mesh.loops.foreach_get("vertex_index", index)
    corners = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", corners)
    x, y, z = corners.reshape(-1, 3)[index].T
    np.testing.assert_allclose(at[0::2], (LENS[0] * x / -z + LENS[2]) / SIZE[0], atol=1e-5)
    np.testing.assert_allclose(at[1::2], 1 - (LENS[1] * y / z + LENS[3]) / SIZE[1], atol=1e-5)


def test_what_the_photo_does_not_show_goes_on_behind_it(scene, photo) -> None:
    depth = np.full((180, 320), 4.0, np.float32)
    depth[40:140, 100:200] = 1.0
    proxy = create_depth_proxy(scene, photo, depth, LENS)
    assert proxy.behind.parent == proxy.surface
    proxy.surface.location = proxy.camera.location = (3, 2, 1)
    bpy.context.view_layer.update()
    measured, view = SceneDepth(scene), view_of_camera(scene, proxy.camera)
    assert measured(view.camera_to_world, view.intrinsics, view.size, 0).hit.all()
    # A step aside uncovers the wall behind the box, and what lies beyond the border.
    pose = view.camera_to_world.copy()
    pose[:3, 3] += pose[:3, :3] @ [0.3, 0, 0]
    samples = measured(pose, view.intrinsics, view.size, 0)
    assert samples.hit.all()
    assert np.mean(np.abs(samples.depth - 4) < 0.05) > 0.7
    # Every quad behind has the one colour of what it continues.
    at = np.empty(len(proxy.behind.data.loops) * 2, np.float32)
    proxy.behind.data.uv_layers[0].uv.foreach_get("vector", at)
    assert (np.ptp(at.reshape(-1, 4, 2), axis=1) == 0).all()
    assert ((at > 0) & (at < 1)).all()


def test_the_material_is_the_photo_without_light(scene, photo) -> None:
    (material,) = create_depth_proxy(scene, photo, room(), LENS).surface.data.materials
    kinds = {node.bl_idname for node in material.node_tree.nodes}
    assert kinds == {"ShaderNodeTexImage", "ShaderNodeEmission", "ShaderNodeOutputMaterial"}
    assert any(getattr(node, "image", None) == photo for node in material.node_tree.nodes)


def test_a_map_of_another_resolution_serves_and_a_large_one_is_thinned(scene, photo) -> None:
    large = np.repeat(np.repeat(room(), 5, axis=0), 5, axis=1)
    proxy = create_depth_proxy(scene, photo, large, LENS)
    assert len(proxy.surface.data.polygons) <= 1_100_000
    bpy.context.view_layer.update()
    view = view_of_camera(scene, proxy.camera)
    found = median_depth(SceneDepth(scene)(view.camera_to_world, view.intrinsics, view.size, 0))
    assert found == pytest.approx(float(np.median(room())), rel=0.01)


def test_a_map_of_another_shape_is_refused(scene, photo) -> None:
    with pytest.raises(InputError, match="the photo is 320x180 but its depth map 200x200"):
        create_depth_proxy(scene, photo, np.ones((200, 200), np.float32), LENS)
    with pytest.raises(InputError, match="no positive depth"):
        create_depth_proxy(scene, photo, np.zeros((180, 320), np.float32), LENS)
    assert not bpy.data.objects
