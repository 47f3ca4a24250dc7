"""A photo as a scene, held against the NumPy projection of the same depth map."""

import bpy
import numpy as np
import pytest

from parascale.blender.camera import view_of_camera
from parascale.blender.depth import SceneDepth
from parascale.blender.depth_proxy import create_depth_proxy
from parascale.errors import InputError
from parascale.media.orientation import turn_upright
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


def clutter(unmeasured: str, *, sky: bool) -> np.ndarray:
    """Boxes at all depths before a slanted wall, over a floor; 30 % of the map was not measured."""
    random = np.random.default_rng(3)
    row, column = np.arange(SIZE[1])[:, None] + 0.5, np.arange(SIZE[0]) + 0.5
    depth = np.minimum(4 + 5 * column / SIZE[0], np.where(row > 95, 360 / np.maximum(row - 90, 1), np.inf))
    for _ in range(30):
        left, top, width, height = random.integers([-20, -10, 15, 15], [SIZE[0], SIZE[1], 70, 70])
        box = np.s_[max(top, 0) : max(top + height, 0), max(left, 0) : max(left + width, 0)]
        depth[box] = np.minimum(depth[box], random.uniform(1.5, 6))
    if sky:
        depth[:60][depth[:60] > 5] = np.inf
    if unmeasured == "blobs":
        noise = np.kron(random.random((9, 16)), np.ones((20, 20)))
        spread = np.array([np.roll(noise, (down, across), (0, 1)) for down in (0, 7, 13) for across in (0, 7, 13)])
        depth[spread.mean(axis=0) < np.quantile(spread.mean(axis=0), 0.3)] = 0
    elif unmeasured == "pixels":
        depth[random.random(depth.shape) < 0.3] = 0
    elif unmeasured == "a side":
        depth[:, : round(0.3 * SIZE[0])] = 0
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


@pytest.mark.parametrize("unmeasured", ["nothing", "blobs", "pixels", "a side"])
@pytest.mark.parametrize("sky", [False, True])
def test_proxy_and_backend_agree_where_a_map_has_gaps_and_sky(scene, photo, unmeasured, sky) -> None:
    depth = clutter(unmeasured, sky=sky)
    proxy = create_depth_proxy(scene, photo, depth, LENS)
    bpy.context.view_layer.update()
    view = view_of_camera(scene, proxy.camera)
    measured, projected = SceneDepth(scene), DepthMapSource(depth, view)
    middle = float(np.median(depth[np.isfinite(depth) & (depth > 0)]))
    for share in np.linspace(0, 0.3, 7):
        pose = view.camera_to_world.copy()
        pose[:3, 3] += pose[:3, :3] @ [share * middle, 0, 0]
        ours, theirs = (source(pose, view.intrinsics, view.size, 0) for source in (measured, projected))
        assert median_depth(ours) == pytest.approx(median_depth(theirs), rel=0.01)
        assert ours.hit.mean() == pytest.approx(theirs.hit.mean(), abs=0.02)


def test_what_was_not_measured_hides_what_is_behind_it_and_does_not_count(scene, photo, add_wall) -> None:
    depth = np.full((180, 320), 4.0, np.float32)
    depth[60:120, 100:200] = 0.0
    proxy = create_depth_proxy(scene, photo, depth, LENS)
    assert proxy.unmeasured.parent == proxy.surface
    assert len(proxy.unmeasured.data.polygons) == 60 * 100
    assert len(proxy.surface.data.polygons) == 320 * 180 - 60 * 100
    add_wall(distance=9.0)
    bpy.context.view_layer.update()
    seen = SceneDepth(scene).dense(view_of_camera(scene, proxy.camera))
    np.testing.assert_array_equal(np.isnan(seen), depth == 0)
    # It is drawn, as the photo knows how it looks.
    assert list(proxy.unmeasured.data.materials) == list(proxy.surface.data.materials)
    # What is not measured beside the sky is sky, and a map without gaps has no such surface.
    depth[:120], depth[60:120] = np.inf, 0.0
    depth[118:120] = np.inf
    assert len(create_depth_proxy(scene, photo, depth, LENS).surface.data.polygons) == 60 * 320
    assert create_depth_proxy(scene, photo, room(), LENS).unmeasured is None


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


def test_a_thing_before_nothing_but_sky_has_nothing_behind_it(scene, photo) -> None:
    depth = np.full((180, 320), np.inf, np.float32)
    depth[60:120, 100:200] = 2.0
    proxy = create_depth_proxy(scene, photo, depth, LENS)
    assert len(proxy.surface.data.polygons) == 60 * 100
    assert not proxy.behind.data.polygons
    bpy.context.view_layer.update()
    view = view_of_camera(scene, proxy.camera)
    pose = view.camera_to_world.copy()
    pose[:3, 3] += pose[:3, :3] @ [0.3, 0, 0]
    ours, theirs = SceneDepth(scene), DepthMapSource(depth, view)
    hits = [source(pose, view.intrinsics, view.size, 0).hit for source in (ours, theirs)]
    assert 0 < hits[0].sum() == hits[1].sum()


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


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_photo_stands_upright_on_its_surface(scene, orientation) -> None:
    stored = np.random.default_rng(1).random((18, 32, 3))
    photo = bpy.data.images.new("turned", 32, 18, float_buffer=True)
    photo.pixels.foreach_set(np.dstack([stored, np.ones((18, 32))])[::-1].astype(np.float32).reshape(-1))
    wanted = turn_upright(stored, orientation)
    rows, columns = wanted.shape[:2]
    lens = np.array([30.0, 30.0, columns / 2, rows / 2])
    proxy = create_depth_proxy(scene, photo, np.full((rows, columns), 3.0, np.float32), lens, orientation=orientation)
    bpy.context.view_layer.update()
    view = view_of_camera(scene, proxy.camera)
    assert view.size == (columns, rows)
    np.testing.assert_allclose(view.intrinsics, lens, rtol=1e-5)
    mesh = proxy.surface.data
    index, at = np.empty(len(mesh.loops), np.int32), np.empty(len(mesh.loops) * 2, np.float32)
    mesh.loops.foreach_get("vertex_index", index)
    mesh.uv_layers[0].uv.foreach_get("vector", at)
    corners = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", corners)
    # The middle of every quad: where the camera sees it, and the pixel of the file that it shows.
    x, y, z = corners.reshape(-1, 3)[index].reshape(-1, 4, 3).mean(axis=1).T
    u, v = at.reshape(-1, 4, 2).mean(axis=1).T
    seen = np.floor(lens[1] * y / z + lens[3]).astype(int), np.floor(lens[0] * x / -z + lens[2]).astype(int)
    shown = np.floor((1 - v) * 18).astype(int), np.floor(u * 32).astype(int)
    np.testing.assert_array_equal(wanted[seen], stored[shown])
    # What is continued beyond the border shows the border's own pixels.
    at = np.empty(len(proxy.behind.data.loops) * 2, np.float32)
    proxy.behind.data.uv_layers[0].uv.foreach_get("vector", at)
    assert ((at > 0) & (at < 1)).all()


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
