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

Array = NDArray[np.float64]

SUPERSAMPLING = 2
TEXTURE_SIZE = 1024
TEXELS_PER_UNIT = 160.0


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


def _still(count: int) -> Array:
    return np.tile(np.eye(4), (count, 1, 1))


def move(kind: str, count: int = 81, amount: float = 1.0, seed: int = 5) -> Array:
    """Camera-to-world poses (count, 4, 4) of a named camera move; amount scales its extent."""
    u = _smooth(count) * amount
    zero = np.zeros(count)
    poses = _still(count)
    if kind == "arc":
        a = (u - 0.5 * amount) * 0.9
        return look_at(np.stack([7.5 * np.sin(a), zero - 0.6, 7.5 - 7.5 * np.cos(a)], 1), (0, 0.2, 7.5))
    if kind == "orbit":
        a = u * 2.2 - 1.1
        return look_at(np.stack([5.5 * np.sin(a), zero - 2.0, 7.5 - 5.5 * np.cos(a)], 1), (0, 0.6, 7.5))
    if kind == "dolly-in":
        poses[:, 2, 3] = u * 3.0
    elif kind == "dolly-out":
        poses[:, 2, 3] = 1.5 - u * 3.5
    elif kind == "truck":
        poses[:, 0, 3] = u * 3.0 - 1.5
    elif kind == "crane":
        centres = np.stack([zero + 0.3 * u, 0.6 - 3.0 * u, 0.8 * u], 1)
        return look_at(centres, (0, 0.5, 8))
    elif kind == "handheld":
        rng = np.random.default_rng(seed)
        jitter = cv2.GaussianBlur(rng.standard_normal((count + 40, 6)), (1, 13), 0.01, None, 2.2)[20:-20]
        poses[:, :3, 3] = jitter[:, :3] * 0.03 * amount + np.stack([0.5 * u, 0.1 * u, 1.5 * u], 1)
        for pose, turn in zip(poses, jitter[:, 3:] * 0.012, strict=True):
            pose[:3, :3] = cv2.Rodrigues(turn)[0]
    elif kind == "pan":
        for pose, a in zip(poses, (u - 0.5 * amount) * 0.8, strict=True):
            pose[:3, :3] = cv2.Rodrigues(np.array([0.12 * np.sin(5 * a), a, 0.0]))[0]
    elif kind != "static":
        raise ValueError(kind)
    return poses


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


@numba.njit(parallel=True, fastmath=True, cache=True)  # type: ignore[misc]
def _trace(pose, f, width, height, rects, texture_of, offsets, windows, mips, image, depth):  # type: ignore[no-untyped-def]
    n = rects.shape[0]
    levels = mips.shape[1]
    rotation, centre = pose[:3, :3], pose[:3, 3]
    near = np.empty((n, 3))
    normal = np.empty((n, 3))
    u_axis = np.empty((n, 3))
    v_axis = np.empty((n, 3))
    extent = np.empty((n, 2))
    for k in range(n):
        u, v = rects[k, 1], rects[k, 2]
        extent[k, 0], extent[k, 1] = np.sqrt((u * u).sum()), np.sqrt((v * v).sum())
        near[k] = rotation.T @ (rects[k, 0] - centre)
        u_axis[k] = rotation.T @ (u / extent[k, 0])
        v_axis[k] = rotation.T @ (v / extent[k, 1])
        normal[k, 0] = u_axis[k, 1] * v_axis[k, 2] - u_axis[k, 2] * v_axis[k, 1]
        normal[k, 1] = u_axis[k, 2] * v_axis[k, 0] - u_axis[k, 0] * v_axis[k, 2]
        normal[k, 2] = u_axis[k, 0] * v_axis[k, 1] - u_axis[k, 1] * v_axis[k, 0]
    for y in numba.prange(height):
        row = np.empty(n, np.int64)
        rows = 0
        for k in range(n):
            if windows[k, 1] <= y + 1 and windows[k, 3] >= y:
                row[rows] = k
                rows += 1
        b = (y + 0.5 - height / 2) / f
        for x in range(width):
            a = (x + 0.5 - width / 2) / f
            best = 1e9
            hit = -1
            hu = 0.0
            hv = 0.0
            slant = 1.0
            for index in range(rows):
                k = row[index]
                if x < windows[k, 0] - 1 or x > windows[k, 2]:
                    continue
                below = normal[k, 0] * a + normal[k, 1] * b + normal[k, 2]
                if abs(below) < 1e-12:
                    continue
                o0, o1, o2 = near[k, 0], near[k, 1], near[k, 2]
                t = (normal[k, 0] * o0 + normal[k, 1] * o1 + normal[k, 2] * o2) / below
                if t < 0.05 or t >= best:
                    continue
                p0, p1, p2 = t * a - o0, t * b - o1, t - o2
                p = p0 * u_axis[k, 0] + p1 * u_axis[k, 1] + p2 * u_axis[k, 2]
                q = p0 * v_axis[k, 0] + p1 * v_axis[k, 1] + p2 * v_axis[k, 2]
                if 0 <= p <= extent[k, 0] and 0 <= q <= extent[k, 1]:
                    best = t
                    hit = k
                    hu = p
                    hv = q
                    slant = abs(below) / np.sqrt(a * a + b * b + 1)
            if hit < 0:
                image[y, x] = 0.6 + 0.2 * b
                depth[y, x] = np.inf
                continue
            depth[y, x] = best
            footprint = best / f * TEXELS_PER_UNIT / max(slant, 0.15) ** 0.5
            level = max(0.0, min(np.log2(max(footprint, 1e-6)), levels - 1.001))
            low = int(level)
            value = 0.0
            for step in range(2):
                lod = low + step
                side = TEXTURE_SIZE >> lod
                weight = (level - low) if step else 1 - (level - low)
                s = (hu + offsets[hit, 0]) * TEXELS_PER_UNIT / (1 << lod) - 0.5
                r = (hv + offsets[hit, 1]) * TEXELS_PER_UNIT / (1 << lod) - 0.5
                i = int(np.floor(s))
                j = int(np.floor(r))
                fs = s - i
                fr = r - j
                m = mips[texture_of[hit], lod]
                i0, i1, j0, j1 = i % side, (i + 1) % side, j % side, (j + 1) % side
                value += weight * (
                    (m[j0, i0] * (1 - fs) + m[j0, i1] * fs) * (1 - fr) + (m[j1, i0] * (1 - fs) + m[j1, i1] * fs) * fr
                )
            image[y, x] = value


class Camera:
    """Renders views of a scene."""

    def __init__(self, what: Scene, size: tuple[int, int] = (832, 480), focal: float = 700.0) -> None:
        self.scene, self.size, self.focal = what, size, focal
        self._mips = _mips(textures())

    def picture(self, pose: Array, focal: float | None = None) -> tuple[NDArray[np.uint8], Array]:
        """Render one RGB picture (H, W, 3) and its z-depth (H, W), inf where there is no surface."""
        k = SUPERSAMPLING
        width, height = self.size[0] * k, self.size[1] * k
        image = np.empty((height, width), np.float32)
        depth = np.empty((height, width))
        f = (focal or self.focal) * k
        what = self.scene
        windows = _windows(what.rectangles, pose, f, width, height)
        _trace(pose, f, width, height, what.rectangles, what.textures, what.offsets, windows, self._mips, image, depth)
        grey = cv2.resize(image, self.size, interpolation=cv2.INTER_AREA)
        tint = np.stack([grey, grey * 0.92 + 0.03, grey * 0.85 + 0.05], -1)
        return np.clip(tint * 255 + 0.5, 0, 255).astype(np.uint8), depth[::k, ::k]


def write_video(path: Path, pictures: Sequence[NDArray[np.uint8]], fps: float = 16, crf: int = 14) -> Path:
    """Encode RGB pictures as h264."""
    height, width = pictures[0].shape[:2]
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"crf": str(crf), "preset": "veryfast"}
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
    fps: float = 16,
    crf: int = 14,
) -> Clip:
    """Render a clip along the poses; retouch(frame, picture) may change a picture before it is encoded."""
    pictures, medians = [], []
    for frame, pose in enumerate(poses):
        picture, depth = camera.picture(pose, None if focals is None else float(focals[frame]))
        medians.append(np.median(depth[np.isfinite(depth)]) if np.isfinite(depth).any() else np.nan)
        pictures.append(picture if retouch is None else retouch(frame, picture))
    write_video(path, pictures, fps, crf)
    width, height = camera.size
    intrinsics = np.array([camera.focal, camera.focal, width / 2, height / 2])
    return Clip(path, np.asarray(poses), intrinsics, np.array(medians), camera.size, fps)
