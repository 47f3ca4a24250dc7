import struct
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from parascale.errors import InputError
from parascale.solve import solve
from parascale.solve.lens.projection import _find_projection
from parascale.solve.tracking.footage import read_footage


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + kind + body


def state_projection(path: Path, projection: bytes) -> None:
    """Write a spherical video box (Google's Spherical Video V2 RFC) into the sample entry of an MP4's only track."""
    data = path.read_bytes()
    stated = box(b"sv3d", box(b"svhd", bytes(4), b"x\0"), box(b"proj", box(b"prhd", bytes(16)), projection))
    parents, start, end = [], 0, len(data)
    for name, head in (
        (b"moov", 8),
        (b"trak", 8),
        (b"mdia", 8),
        (b"minf", 8),
        (b"stbl", 8),
        (b"stsd", 16),
        (b"avc1", 0),
    ):
        at = start
        while data[at + 4 : at + 8] != name:
            at += struct.unpack(">I", data[at : at + 4])[0]
            assert at < end
        parents.append(at)
        start, end = at + head, at + struct.unpack(">I", data[at : at + 4])[0]
    grown = bytearray(data[:end] + stated + data[end:])
    for at in parents:
        grown[at : at + 4] = struct.pack(">I", struct.unpack(">I", data[at : at + 4])[0] + len(stated))
    path.write_bytes(grown)


@pytest.mark.parametrize(
    ("projection", "named"),
    [(box(b"equi", bytes(20)), "360-degree panorama"), (box(b"cbmp", bytes(12)), "360-degree cube map")],
)
def test_a_file_that_states_a_panorama_is_refused_by_that_name(
    clips: Any, tmp_path: Path, projection: bytes, named: str
) -> None:
    path = tmp_path / "ball.mp4"
    path.write_bytes(clips("static", 8).path.read_bytes())
    state_projection(path, projection)
    with pytest.raises(InputError, match=f"ball.mp4 is a {named}"):
        solve(path)


def rays_of_equirectangular(width: int, height: int) -> np.ndarray:
    longitude = (np.arange(width) + 0.5) / width * 2 * np.pi - np.pi
    latitude = np.pi / 2 - (np.arange(height) + 0.5) / height * np.pi
    lon, lat = np.meshgrid(longitude, latitude)
    return np.stack([np.cos(lat) * np.sin(lon), -np.sin(lat), np.cos(lat) * np.cos(lon)], -1)


def rays_of_fisheye(side: int, degrees: float = 200) -> tuple[np.ndarray, np.ndarray]:
    """Rays of an equidistant fisheye whose circle fills a square, and where the circle is."""
    y, x = (np.mgrid[:side, :side] + 0.5) / side * 2 - 1
    radius = np.hypot(x, y)
    angle = radius * np.radians(degrees / 2)
    scale = np.sin(angle) / np.maximum(radius, 1e-9)
    return np.stack([x * scale, y * scale, np.cos(angle)], -1), radius <= 1


@pytest.fixture(scope="module")
def world() -> Any:
    """Return what a ray (..., 3) shows, for a camera at x: a noisy floor, walls and sky, as grey pictures."""
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (512, 512)).astype(np.float32), (0, 0), 1.5)
    texture = np.clip((texture - texture.mean()) * 4 + 130, 40, 255)

    def show(rays: np.ndarray, x: float) -> np.ndarray:
        # A room with the camera inside it: the wall that a ray meets first.
        rays = np.where(rays == 0, 1e-9, rays)
        far = np.where(rays > 0, np.array([4.0 - x, 1.5, 6]), np.array([-4.0 - x, -2.5, -6])) / rays
        axis = np.argmin(far, axis=-1)
        hit = rays * np.take_along_axis(far, axis[..., None], -1) + [x, 0, 0]
        u = np.where(axis == 0, hit[..., 2], hit[..., 0]) * 15 + 97 * axis
        v = np.where(axis == 1, hit[..., 2], hit[..., 1]) * 15
        return np.asarray(texture[v.astype(int) % 512, u.astype(int) % 512], np.uint8)

    return show


def test_a_panorama_is_told_by_the_edge_it_goes_on_across(world: Any) -> None:
    rays = rays_of_equirectangular(640, 320)
    assert _find_projection([world(rays, x) for x in (0, 0.3, 0.6)]) == "360-degree panorama"


def test_circles_of_a_fisheye_are_told_alone_and_in_pairs(world: Any) -> None:
    rays, inside = rays_of_fisheye(320)
    circles = [np.where(inside, world(rays, x), 4).astype(np.uint8) for x in (0, 0.3, 0.6)]
    assert _find_projection([np.concatenate([c, c[:, ::-1]], 1) for c in circles]) == "pair of fisheye pictures"
    assert _find_projection(circles) == "circular fisheye picture"
    beside = np.full((320, 120), 3, np.uint8)
    assert _find_projection([np.concatenate([beside, c, beside], 1) for c in circles]) == "circular fisheye picture"


def test_flat_pictures_of_any_shape_are_not_refused(world: Any, clips: Any) -> None:
    assert _find_projection(read_footage(clips("truck").path).grey) is None
    for width, height in ((640, 320), (320, 320)):
        y, x = np.mgrid[:height, :width]
        rays = np.stack([(x - width / 2) / 400, (y - height / 2) / 400, np.ones_like(x)], -1)
        assert _find_projection([world(rays, at) for at in (0, 0.3, 0.6)]) is None
    night = [np.full((320, 640), 5, np.uint8)] * 3
    assert _find_projection(night) is None


@pytest.mark.parametrize("clip", ["bikes", "street_walk_generated", "dog_follow_generated"])
def test_real_clips_are_flat(testdata: Path, clip: str) -> None:
    assert _find_projection(read_footage(testdata / "clips" / f"{clip}.mp4", end=40).grey) is None
