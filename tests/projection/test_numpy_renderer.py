import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_warp import warp

from parascale.projection.mesh import build_mesh, inverse_depth
from parascale.projection.numpy_renderer import rasterise


def rays(view):
    x, y = np.meshgrid(np.arange(view.width) + 0.5, np.arange(view.height) + 0.5)
    fx, fy, cx, cy = view.intrinsics
    return np.stack([(x - cx) / fx, (y - cy) / fy, np.ones_like(x)], axis=-1)


def plane_depth(view, normal, offset):
    """z-depth at which each pixel's ray meets normal . X = offset; the ray's z is 1, so its length is the depth."""
    directions = rays(view) @ view.camera_to_world[:3, :3].T
    return (offset - view.camera_to_world[:3, 3] @ normal) / (directions @ normal)


def cast_rays(mesh, source, target):
    """Inverse depth by meeting every ray with every triangle in space: none of the renderer's screen geometry."""
    fx, fy, cx, cy = source.intrinsics
    x, y, inverse = mesh.vertices.T
    points = np.stack([(x - cx) / fx, (y - cy) / fy, np.ones_like(x)], axis=1) / inverse[:, None]
    to_target = np.linalg.inv(target.camera_to_world) @ source.camera_to_world
    points = points @ to_target[:3, :3].T + to_target[:3, 3]
    quads = points[mesh.quads]
    quads = quads[(quads[..., 2] > 0).all(axis=1)]
    nearest = np.full((target.height, target.width), -1.0)
    directions = rays(target)
    for corners in ([0, 1, 2], [0, 2, 3]):
        a, b, c = (quads[:, k] for k in corners)
        normal = np.cross(b - a, c - a)
        with np.errstate(divide="ignore", invalid="ignore"):
            length = (normal * a).sum(axis=1) / (directions @ normal.T)
            hit = directions[..., None, :] * length[..., None]
            edges = [((np.cross(q - p, hit - p)) * normal).sum(axis=-1) for p, q in ((a, b), (b, c), (c, a))]
            inside = np.all([edge >= -1e-12 * (normal**2).sum(axis=1) for edge in edges], axis=0) & (length > 0)
            found = np.where(inside, 1 / length, -1.0)
        nearest = np.maximum(nearest, found.max(axis=-1))
    return nearest


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_agrees_with_rays_cast_at_every_triangle(camera, seed) -> None:
    random = np.random.default_rng(seed)
    source = camera(14, 10)
    depth = np.where(random.random((10, 14)) < 0.4, 1.0, 2.5) * random.uniform(0.97, 1.03, (10, 14))
    target = camera(18, 13, random.uniform(-0.4, 0.4, 3), random.uniform(-12, 12, 3))
    mesh = build_mesh(inverse_depth(depth), source.size)
    expected = cast_rays(mesh, source, target)
    seen = rasterise(mesh, source, target, target.size).inverse_depth
    assert ((seen < 0) == (expected < 0)).mean() == 1.0
    np.testing.assert_allclose(seen, expected, rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_its_own_camera_sees_every_pixel_in_its_place(camera, seed) -> None:
    random = np.random.default_rng(seed)
    view = camera(11, 7, random.normal(size=3), random.uniform(-90, 90, 3))
    depth = random.choice([0.5, 0.51, 3.0, np.inf], (7, 11))
    depth[0, 0] = 1.0
    hits = rasterise(build_mesh(inverse_depth(depth), view.size), view, view, view.size)
    assert (hits.inverse_depth >= 0).all()
    np.testing.assert_allclose(hits.x, np.tile(np.arange(11) + 0.5, (7, 1)), atol=1e-9)
    np.testing.assert_allclose(hits.y, np.tile(np.arange(7)[:, None] + 0.5, (1, 11)), atol=1e-9)


def test_a_slanted_plane_keeps_its_exact_depth_and_places(camera) -> None:
    normal, offset = np.array([0.2, -0.5, 1.0]), 3.0
    source, target = camera(), camera(centre=(0.3, -0.1, 0.4), turn=(3, -5, 4))
    mesh = build_mesh(1 / plane_depth(source, normal, offset), source.size)
    hits = rasterise(mesh, source, target, target.size)
    inner = (np.abs(hits.x - 48) < 46) & (np.abs(hits.y - 32) < 30) & (hits.inverse_depth > 0)
    depth = plane_depth(target, normal, offset)
    assert inner.mean() > 0.5
    np.testing.assert_allclose(1 / hits.inverse_depth[inner], depth[inner], rtol=1e-9)
    points = rays(target) * depth[..., None] @ target.camera_to_world[:3, :3].T + target.camera_to_world[:3, 3]
    expected = points[..., :2] / points[..., 2:] * source.intrinsics[:2] + source.intrinsics[2:]
    np.testing.assert_allclose(np.stack([hits.x, hits.y], axis=-1)[inner], expected[inner], atol=1e-6)


def test_moving_in_opens_no_cracks(camera) -> None:
    x, y = np.meshgrid(np.linspace(-3, 3, 96), np.linspace(-3, 3, 64))
    depth = 2 + 0.2 * np.sin(3 * x) * np.cos(2 * y)
    mesh = build_mesh(inverse_depth(depth), (96, 64))
    assert (rasterise(mesh, camera(), camera(centre=(0, 0, 1.6)), (96, 64)).inverse_depth > 0).all()


def test_a_sideways_step_uncovers_exactly_its_parallax(camera) -> None:
    # Focal length 90, step 0.1: a wall at 1 moves 9 pixels, one at 3 moves 3; the wall in front fills columns 30-59.
    depth = np.full((60, 100), 3.0)
    depth[:, 30:60] = 1.0
    image = np.zeros((60, 100, 3), np.uint8)
    warped = warp(image, depth, camera(100, 60), camera(100, 60, (0.1, 0, 0)))
    expected = np.zeros(100, bool)
    expected[60 - 9 : 60 - 3] = True
    expected[100 - 3 :] = True
    np.testing.assert_array_equal(warped.holes, np.tile(expected, (60, 1)))
    np.testing.assert_array_equal(warped.depth[0, [0, 20, 21, 50, 57, 96]], [3, 3, 1, 1, 3, 3])


def test_the_sky_turns_and_never_moves(camera) -> None:
    sky = np.full((64, 96), np.inf)
    sky[-1] = 1.0
    mesh = build_mesh(inverse_depth(sky), (96, 64))
    hits = rasterise(mesh, camera(), camera(centre=(5, -2, 0.2)), (96, 64))
    far = hits.inverse_depth == 0
    assert far.mean() > 0.9
    np.testing.assert_allclose(hits.x[far], np.tile(np.arange(96) + 0.5, (64, 1))[far], atol=1e-9)


def test_what_lies_behind_the_camera_is_not_drawn(camera) -> None:
    mesh = build_mesh(np.ones((64, 96)), (96, 64))
    assert (rasterise(mesh, camera(), camera(centre=(0, 0, 2)), (96, 64)).inverse_depth == -1).all()


@pytest.mark.realdata
@pytest.mark.parametrize(("frame", "floor"), [(10, 28.0), (30, 25.0)])
def test_real_frames_are_predicted(living_room, frame, floor) -> None:
    image, depth, source = living_room(0)
    picture, truth, target = living_room(frame)
    warped = warp(image, depth, source, target)
    seen = ~warped.holes & (truth > 0)
    assert seen.mean() > 0.7
    error = (warped.image.astype(float) - picture)[seen]
    assert 10 * np.log10(255**2 / np.mean(error**2)) > floor
    assert np.median(np.abs(np.log(warped.depth[seen] / truth[seen]))) < 0.002
