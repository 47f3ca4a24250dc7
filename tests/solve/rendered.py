"""Clips with known truth: textured rectangles seen by a camera on a known path, ray-traced with area sampling."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from parascale.types import Array

Backdrop = Callable[[int, Array, Array], NDArray[np.float32]]

SUPERSAMPLING = 2
TEXTURE_SIZE = 1024
TEXELS_PER_UNIT = 160.0
# Left, top, width and height of what `mover` draws, in the first frame.
MOVER = (60, 70, 130, 140)


@dataclass(frozen=True, eq=False)
class Scene:
    """Rectangles (origin, edge u, edge v), each with the texture it wears and where in it its corner lies."""

    rectangles: Array
    textures: NDArray[np.int64]
    offsets: Array


@dataclass(frozen=True, eq=False)
class Clip:
    """A rendered clip and its truth: poses (T, 4, 4), fx fy cx cy, median z-depth (T,)."""

    path: Path
    camera_to_world: Array
    intrinsics: Array
    median_depth: Array
    size: tuple[int, int]
    fps: float


def textures(count: int = 4, seed: int = 7) -> list[NDArray[np.float32]]:
    """Random surfaces with detail at every scale, as one mip chain each, values 0..1."""
    rng = np.random.default_rng(seed)
    return [_texture(rng) for _ in range(count)]


def _texture(rng: np.random.Generator) -> NDArray[np.float32]:
    size = TEXTURE_SIZE
    image = np.zeros((size, size), np.float32)
    for octave in range(2, 9):
        cells = 2**octave
        noise = rng.standard_normal((cells, cells)).astype(np.float32)
        image += cv2.resize(np.tile(noise, (2, 2)), (2 * size, 2 * size), interpolation=cv2.INTER_CUBIC)[
            size // 2 : size // 2 + size, size // 2 : size // 2 + size
        ] * (0.75**octave)
    for _ in range(260):
        corner = rng.integers(0, size, 2)
        extent = rng.integers(6, 70, 2)
        far = np.minimum(corner + extent, size)
        shade = float(rng.normal(0, 0.35))
        if rng.random() < 0.5:
            image[corner[0] : far[0], corner[1] : far[1]] += shade
        else:
            cv2.circle(image, (int(corner[0]), int(corner[1])), int(extent[0] // 2 + 2), shade, -1)
    image = (image - image.mean()) / (3.2 * image.std()) + 0.5
    return np.clip(image, 0.02, 0.98)


def _mips(images: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    levels = int(np.log2(TEXTURE_SIZE)) - 1
    chain = np.zeros((len(images), levels, TEXTURE_SIZE, TEXTURE_SIZE), np.float32)
    for index, image in enumerate(images):
        level = image
        for number in range(levels):
            chain[index, number, : level.shape[0], : level.shape[1]] = level
            level = cv2.resize(level, (level.shape[1] // 2, level.shape[0] // 2), interpolation=cv2.INTER_AREA)
    return chain


def box(centre: Sequence[float], size: Sequence[float], turn: float = 0.0) -> list[Array]:
    """Six faces of a box turned about the vertical axis."""
    c, s = np.cos(turn), np.sin(turn)
    axes = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]).T * np.asarray(size, float)
    corner = np.asarray(centre, float) - axes.sum(axis=1) / 2
    x, y, z = axes.T
    return [
        np.stack(face)
        for face in (
            (corner, x, y), (corner + z, x, y), (corner, x, z), (corner + y, x, z), (corner, y, z), (corner + x, y, z),
        )
    ]  # fmt: skip


def scene(rectangles: Sequence[Array], seed: int = 3) -> Scene:
    """Dress rectangles in random textures."""
    rng = np.random.default_rng(seed)
    stacked = np.stack(rectangles)
    return Scene(stacked, rng.integers(0, 4, len(stacked)), rng.uniform(0, 6, (len(stacked), 2)))


def courtyard(seed: int = 3) -> Scene:
    """A ground, three walls and a dozen boxes, about ten units deep: the ordinary case."""
    rng = np.random.default_rng(seed)
    faces = [
        np.array([[-8, 1.5, -6], [16, 0, 0], [0, 0, 22]], float),
        np.array([[-8, -7, 14], [16, 0, 0], [0, 8.5, 0]], float),
        np.array([[-7, -7, -6], [0, 0, 22], [0, 8.5, 0]], float),
        np.array([[7, -7, -6], [0, 0, 22], [0, 8.5, 0]], float),
    ]
    for x, z in [
        (-4, 7),
        (-2, 10),
        (0.2, 8),
        (2.4, 6),
        (4.5, 9.5),
        (1.6, 11.5),
        (-3, 4.6),
        (3.6, 4.4),
        (-5, 11),
        (-0.6, 5.6),
    ]:
        size = rng.uniform([0.8, 0.6, 0.8], [1.8, 2.6, 1.8])
        faces += box((x, 1.5 - size[1] / 2, z), size, float(rng.uniform(-0.7, 0.7)))
    return scene(faces, seed)


def street(seed: int = 3) -> Scene:
    """A ground between two rows of house fronts, closed at the far end: depth without a gap."""
    rng = np.random.default_rng(seed)
    faces = [
        np.array([[-6, 1.6, -8], [12, 0, 0], [0, 0, 30]], float),
        np.array([[-12, -9, 20], [24, 0, 0], [0, 10.6, 0]], float),
    ]
    for side in (-1, 1):
        for z in np.arange(-4, 20, 3.0):
            depth, height = float(rng.uniform(1.0, 3.0)), float(rng.uniform(4, 10))
            faces += box((side * (3.2 + depth / 2), 1.6 - height / 2, z), (depth, height, 2.8))
    return scene(faces, seed)


def skyline(seed: int = 3) -> Scene:
    """Houses of many heights along a road and across its end, under a sky without a feature."""
    rng = np.random.default_rng(seed)
    faces = [np.array([[-40, 1.6, -8], [80, 0, 0], [0, 0, 60]], float), *box((0.5, 0.2, 40), (30, 3.4, 2))]
    for side in (-1, 1):
        for z in np.arange(-4, 26, 3.2):
            depth, height = float(rng.uniform(1.0, 3.0)), float(rng.uniform(2.2, 7.0))
            faces += box((side * (3.4 + depth / 2 + rng.uniform(0, 1)), 1.6 - height / 2, z), (depth, height, 2.6))
    return scene(faces, seed)


def landscape(seed: int = 3) -> Scene:
    """Open ground ten units below with houses on it, and mountains so far away that no step moves them."""
    rng = np.random.default_rng(seed)
    faces = [np.array([[-1500, 10, -30], [3000, 0, 0], [0, 0, 1800]], float)]
    for _ in range(45):
        size = rng.uniform([1.5, 1.0, 1.5], [5.0, 5.0, 5.0])
        x, z = rng.uniform(-40, 40), rng.uniform(12, 110)
        faces += box((x, 10 - size[1] / 2, z), size, float(rng.uniform(-0.7, 0.7)))
    for x in np.linspace(-900, 900, 13):
        size = rng.uniform([90, 60, 50], [190, 230, 90])
        faces += box(
            (x + rng.uniform(-40, 40), 10 - size[1] / 2, rng.uniform(1200, 1500)), size, float(rng.uniform(-0.5, 0.5))
        )
    return scene(faces, seed)


def wall(seed: int = 3) -> Scene:
    """One plane that fills the view."""
    return scene([np.array([[-30, -30, 8], [60, 0, 0], [0, 60, 0]], float)], seed)


def look_at(centres: Array, target: Sequence[float]) -> Array:
    """Camera-to-world poses at the centres, looking at the target, upright (y down)."""
    poses = np.tile(np.eye(4), (len(centres), 1, 1))
    forward = np.asarray(target, float) - centres
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    right = np.cross([0.0, 1.0, 0.0], forward)
    right /= np.linalg.norm(right, axis=1, keepdims=True)
    poses[:, :3, :3] = np.stack([right, np.cross(forward, right), forward], axis=2)
    poses[:, :3, 3] = centres
    return poses


def _smooth(count: int) -> Array:
    u = np.linspace(0, 1, count)
    return u * u * (3 - 2 * u) * 0.5 + u * 0.5


def _ahead(x: Array, y: Array, z: Array) -> Array:
    """Poses that look straight ahead from (x, y, z)."""
    poses = np.tile(np.eye(4), (len(x), 1, 1))
    poses[:, :3, 3] = np.stack([x, y, z], 1)
    return poses


def _turned(turns: Array, poses: Array) -> Array:
    for pose, turn in zip(poses, turns, strict=True):
        pose[:3, :3] = cv2.Rodrigues(turn)[0]
    return poses


def _around(a: Array, radius: float, height: float, target: Sequence[float]) -> Array:
    centres = np.stack([radius * np.sin(a), np.full(len(a), height), 7.5 - radius * np.cos(a)], 1)
    return look_at(centres, target)


def _handheld(u: Array, amount: float, seed: int) -> Array:
    rng = np.random.default_rng(seed)
    jitter = cv2.GaussianBlur(rng.standard_normal((len(u) + 40, 6)), (1, 13), 0.01, None, 2.2)[20:-20]
    x, y, z = (jitter[:, :3] * 0.03 * amount + np.stack([0.5 * u, 0.1 * u, 1.5 * u], 1)).T
    return _turned(jitter[:, 3:] * 0.012, _ahead(x, y, z))


def move(kind: str, count: int = 81, amount: float = 1.0, seed: int = 5) -> Array:
    """Camera-to-world poses (count, 4, 4) of a named camera move; amount scales its extent."""
    u = _smooth(count) * amount
    zero = np.zeros(count)
    pan = (u - 0.5 * amount) * 0.8
    moves: dict[str, Callable[[], Array]] = {
        "static": lambda: _ahead(zero, zero, zero),
        "arc": lambda: _around((u - 0.5 * amount) * 0.9, 7.5, -0.6, (0, 0.2, 7.5)),
        "orbit": lambda: _around(u * 2.2 - 1.1, 5.5, -2.0, (0, 0.6, 7.5)),
        "dolly-in": lambda: _ahead(zero, zero, u * 3.0),
        "dolly-out": lambda: _ahead(zero, zero, 1.5 - u * 3.5),
        "truck": lambda: _ahead(u * 3.0 - 1.5, zero, zero),
        "crane": lambda: look_at(np.stack([0.3 * u, 0.6 - 3.0 * u, 0.8 * u], 1), (0, 0.5, 8)),
        "handheld": lambda: _handheld(u, amount, seed),
        "pan": lambda: _turned(np.stack([0.12 * np.sin(5 * pan), pan, zero], 1), _ahead(zero, zero, zero)),
    }
    return moves[kind]()


def _windows(rectangles: Array, pose: Array, f: float, width: int, height: int) -> Array:
    """The part of the picture each rectangle can touch (x0, y0, x1, y1): all of it where a corner lies behind."""
    o, u, v = rectangles.transpose(1, 0, 2)
    corners = np.stack([o, o + u, o + v, o + u + v], 1) - pose[:3, 3]
    local = corners @ pose[:3, :3]
    behind = (local[:, :, 2] < 0.05).any(axis=1)
    pixels = f * local[:, :, :2] / np.maximum(local[:, :, 2:], 0.05) + [width / 2, height / 2]
    windows = np.concatenate([pixels.min(axis=1) - 1, pixels.max(axis=1) + 1], axis=1)
    windows[behind] = [0, 0, width, height]
    windows[(local[:, :, 2] < 0.05).all(axis=1)] = [0, 0, -1, -1]
    return windows


@numba.njit(cache=True, inline="always")  # type: ignore[misc]
def _frames(pose, rects):  # type: ignore[no-untyped-def]
    """Of each rectangle in the camera: corner, normal, unit edges; and the lengths of its edges."""
    n = rects.shape[0]
    rotation, centre = pose[:3, :3], pose[:3, 3]
    local = np.empty((n, 4, 3))
    extent = np.empty((n, 2))
    for k in range(n):
        u, v = rects[k, 1], rects[k, 2]
        extent[k, 0], extent[k, 1] = np.sqrt((u * u).sum()), np.sqrt((v * v).sum())
        local[k, 0] = rotation.T @ (rects[k, 0] - centre)
        a = local[k, 2] = rotation.T @ (u / extent[k, 0])
        b = local[k, 3] = rotation.T @ (v / extent[k, 1])
        local[k, 1, 0] = a[1] * b[2] - a[2] * b[1]
        local[k, 1, 1] = a[2] * b[0] - a[0] * b[2]
        local[k, 1, 2] = a[0] * b[1] - a[1] * b[0]
    return local, extent


@numba.njit(cache=True, fastmath=True, inline="always")  # type: ignore[misc]
def _met(local, extent, a, b):  # type: ignore[no-untyped-def]
    """Where the ray (a, b, 1) meets a rectangle: z-depth (inf if it does not), place on it, and slant."""
    below = local[1, 0] * a + local[1, 1] * b + local[1, 2]
    if abs(below) < 1e-12:
        return np.inf, 0.0, 0.0, 1.0
    t = (local[1] * local[0]).sum() / below
    x, y, z = t * a - local[0, 0], t * b - local[0, 1], t - local[0, 2]
    p = x * local[2, 0] + y * local[2, 1] + z * local[2, 2]
    q = x * local[3, 0] + y * local[3, 1] + z * local[3, 2]
    if t < 0.05 or not (0 <= p <= extent[0] and 0 <= q <= extent[1]):
        return np.inf, 0.0, 0.0, 1.0
    return t, p, q, abs(below) / np.sqrt(a * a + b * b + 1)


@numba.njit(cache=True, fastmath=True, inline="always")  # type: ignore[misc]
def _shade(chain, u, v, level):  # type: ignore[no-untyped-def]
    """Trilinear sample of a mip chain at texel (u, v) of its finest level."""
    low = int(level)
    value = 0.0
    for lod in range(low, low + 2):
        side = TEXTURE_SIZE >> lod
        s, r = u / (1 << lod) - 0.5, v / (1 << lod) - 0.5
        i, j = int(np.floor(s)), int(np.floor(r))
        fs, fr = s - i, r - j
        m = chain[lod]
        i0, i1, j0, j1 = i % side, (i + 1) % side, j % side, (j + 1) % side
        upper = m[j0, i0] * (1 - fs) + m[j0, i1] * fs
        lower = m[j1, i0] * (1 - fs) + m[j1, i1] * fs
        value += (1 - abs(level - lod)) * (upper * (1 - fr) + lower * fr)
    return value


@numba.njit(parallel=True, fastmath=True, cache=True)  # type: ignore[misc]
def _trace(pose, f, surfaces, windows, mips, image, depth):  # type: ignore[no-untyped-def]
    rects, texture_of, offsets = surfaces
    height, width = image.shape
    local, extent = _frames(pose, rects)
    for y in numba.prange(height):
        row = np.flatnonzero((windows[:, 1] <= y + 1) & (windows[:, 3] >= y))
        b = (y + 0.5 - height / 2) / f
        for x in range(width):
            a = (x + 0.5 - width / 2) / f
            best, hit, hu, hv, slant = np.inf, -1, 0.0, 0.0, 1.0
            for k in row:
                if windows[k, 0] - 1 <= x <= windows[k, 2]:
                    t, p, q, tilt = _met(local[k], extent[k], a, b)
                    if t < best:
                        best, hit, hu, hv, slant = t, k, p, q, tilt
            depth[y, x] = best
            if hit < 0:
                image[y, x] = 0.6 + 0.2 * b
                continue
            footprint = best / f * TEXELS_PER_UNIT / max(slant, 0.15) ** 0.5
            level = max(0.0, min(np.log2(max(footprint, 1e-6)), mips.shape[1] - 1.001))
            u, v = (hu + offsets[hit, 0]) * TEXELS_PER_UNIT, (hv + offsets[hit, 1]) * TEXELS_PER_UNIT
            image[y, x] = _shade(mips[texture_of[hit]], u, v, level)


def clouds(drift: tuple[float, float] = (0.0, 0.0), seed: int = 11, contrast: float = 0.4) -> Backdrop:
    """Clouds infinitely far away, which drift by so many focal lengths a frame."""
    blurred = cv2.GaussianBlur(textures(1, seed)[0], (0, 0), 2.0)
    image = np.clip(0.75 + contrast * (blurred - 0.5), 0.02, 0.98).astype(np.float32)

    def backdrop(frame: int, x: Array, y: Array) -> NDArray[np.float32]:
        u = ((x + drift[0] * frame) * 0.4 * TEXTURE_SIZE) % TEXTURE_SIZE
        v = ((y + drift[1] * frame) * 0.4 * TEXTURE_SIZE) % TEXTURE_SIZE
        found = cv2.remap(
            image, u.astype(np.float32), v.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP
        )
        return np.asarray(found, np.float32)

    return backdrop


def mover(speed: float) -> Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]]:
    """Draw a textured box before the scene, which moves to the right: a `retouch` of `film`."""
    left, top, width, height = MOVER
    cloth = (textures(1, 5)[0][:height, :width, None] * 255).astype(np.uint8)

    def retouch(frame: int, picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
        out, x = picture.copy(), left + round(speed * frame)
        out[top : top + height, x : x + width] = cloth
        return out

    return retouch


def _behind(camera: "Camera", pose: Array, focal: float) -> tuple[Array, Array]:
    """Directions x / z and y / z in the world of every pixel."""
    width, height = camera.size
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    world = np.stack([x / focal, y / focal, np.ones_like(x)], -1) @ pose[:3, :3].T
    return world[..., 0] / world[..., 2], world[..., 1] / world[..., 2]


class Camera:
    """Renders views of a scene."""

    def __init__(self, what: Scene, size: tuple[int, int] = (832, 480), focal: float = 700.0) -> None:
        self.scene, self.size, self.focal = what, size, focal
        self._mips = _mips(textures())

    def wear(self, surfaces: Sequence[NDArray[np.float32]]) -> None:
        """Dress the scene in other surfaces, values 0..1."""
        self._mips = _mips(surfaces)

    def picture(self, pose: Array, focal: float | None = None) -> tuple[NDArray[np.uint8], Array]:
        """Render one RGB picture (H, W, 3) and its z-depth (H, W), inf where there is no surface."""
        k = SUPERSAMPLING
        width, height = self.size[0] * k, self.size[1] * k
        image = np.empty((height, width), np.float32)
        depth = np.empty((height, width))
        f = (focal or self.focal) * k
        what = self.scene
        windows = _windows(what.rectangles, pose, f, width, height)
        surfaces = what.rectangles, what.textures, what.offsets
        _trace(pose, f, surfaces, windows, self._mips, image, depth)
        grey = cv2.resize(image, self.size, interpolation=cv2.INTER_AREA)
        tint = np.stack([grey, grey * 0.92 + 0.03, grey * 0.85 + 0.05], -1)
        return np.clip(tint * 255 + 0.5, 0, 255).astype(np.uint8), depth[::k, ::k]


def write_video(path: Path, pictures: Sequence[NDArray[np.uint8]], fps: float = 16, crf: int = 14) -> Path:
    """Encode RGB pictures as h264."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        # On several threads, and where it weighs blocks by what refers to them, x264 writes other bytes in each run.
        stream.options = {"crf": str(crf), "preset": "veryfast", "x264-params": "mbtree=0"}
        stream.codec_context.thread_count = 1
        for picture in pictures:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


def film(
    path: Path,
    camera: Camera,
    poses: Array,
    *,
    focals: Array | None = None,
    retouch: Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
    sky: Backdrop | None = None,
    fps: float = 16,
    crf: int = 14,
) -> Clip:
    """Render a clip along the poses; retouch(frame, picture) may change a picture before it is encoded.

    ``sky`` is what shows where there is no surface.
    """
    pictures, medians = [], []
    for frame, pose in enumerate(poses):
        focal = camera.focal if focals is None else float(focals[frame])
        picture, depth = camera.picture(pose, focal)
        if sky is not None:
            open_sky = ~np.isfinite(depth)
            shown = sky(frame, *_behind(camera, pose, focal))[open_sky, None] * [0.95, 0.97, 1.0]
            picture[open_sky] = (shown * 255).astype(np.uint8)
        medians.append(np.median(depth[np.isfinite(depth)]) if np.isfinite(depth).any() else np.nan)
        pictures.append(picture if retouch is None else retouch(frame, picture))
    write_video(path, pictures, fps, crf)
    width, height = camera.size
    intrinsics = np.array([camera.focal, camera.focal, width / 2, height / 2])
    return Clip(path, np.asarray(poses), intrinsics, np.array(medians), camera.size, fps)
