"""Pictures of a move: its path from above and behind, with the camera where it starts and ends, or passing along."""

from collections.abc import Sequence

import numpy as np

from parascale.parallax.shot import Shot
from parascale.types import Array, Image

SIZE = 256
# Where it is looked at from: so far around, and so far above, in degrees.
AROUND, ABOVE = 35.0, 30.0
BACKGROUND, START, END, FRAME = (38, 40, 46), (68, 1, 84), (253, 231, 37), (230, 230, 235)
# Shares of the picture: widths of the path and of the camera's edges, and all of the drawing.
PATH_WIDTH, EDGE_WIDTH, DRAWING = 3.2 / 256, 1.4 / 256, 0.78
# Pixels that an edge has at least, however small the picture is.
MIN_WIDTH = 1.2


def picture_of_move(shot: Shot) -> Image:
    """Draw the path of a shot, (256, 256, 4) uint8, dark where it starts and bright where it ends."""
    (picture,) = _draw(shot, [(0, len(shot) - 1)], SIZE)
    return picture


def film_of_move(shot: Shot, count: int, size: int) -> list[Image]:
    """Draw the path of a shot and the camera that passes along it, in so many pictures (size, size, 4) uint8."""
    return _draw(shot, [(frame,) for frame in np.linspace(0, len(shot) - 1, count).round().astype(int).tolist()], size)


def _draw(shot: Shot, frames: Sequence[tuple[int, ...]], size: int) -> list[Image]:
    """Draw a picture for every group of frames, with the camera at each of its frames; all by one scale."""
    centres = shot.trajectory.centres
    extent = max(float(np.linalg.norm(np.ptp(centres, axis=0))), 1e-3 * float(np.nanmin(shot.bridged_depth)))
    frusta = {frame: _frustum(shot, frame, 0.18 * extent) for group in frames for frame in group}
    places = _project(np.concatenate([centres, *(frustum.reshape(-1, 3) for frustum in frusta.values())]))
    low, high = places.min(axis=0), places.max(axis=0)
    places = (places - (low + high) / 2) * DRAWING * size / max(float((high - low).max()), 1e-9) + size / 2
    path, rest = places[: len(centres)], places[len(centres) :].reshape(len(frusta), -1, 2, 2)
    edges = dict(zip(frusta, rest, strict=True))
    share = np.linspace(0, 1, len(path))[:, None]
    pictures = []
    drawn = np.tile(np.array(BACKGROUND, float), (size, size, 1))
    shades = (1 - share) * START + share * END
    _draw_lines(drawn, np.stack([path[:-1], path[1:]], axis=1), shades, PATH_WIDTH * size)
    for group in frames:
        picture = drawn.copy()
        for frame in group:
            _draw_lines(picture, edges[frame], np.tile(np.array(FRAME, float), (8, 1)), EDGE_WIDTH * size)
        pictures.append(np.dstack([picture.round(), np.full((size, size), 255)]).astype(np.uint8))
    return pictures


def _frustum(shot: Shot, frame: int, size: float) -> Array:
    """Edges (8, 2, 3) of a camera's frustum in the shot's world."""
    path = shot.trajectory
    half = size * np.array([path.width, path.height]) / (2 * path.intrinsics[frame, :2])
    corners = np.array([[x * half[0], y * half[1], size] for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))])
    world = corners @ path.rotations[frame].T + path.centres[frame]
    around = np.stack([world, np.roll(world, -1, axis=0)], axis=1)
    return np.concatenate([np.stack([np.broadcast_to(path.centres[frame], (4, 3)), world], axis=1), around])


def _project(points: Array) -> Array:
    """Turn points (N, 3) of OpenCV's axes into places (N, 2), x right and y down, without perspective."""
    around, above = np.radians([AROUND, ABOVE])
    x, y, z = points.T
    right = x * np.cos(around) - z * np.sin(around)
    away = x * np.sin(around) + z * np.cos(around)
    return np.stack([right, y * np.cos(above) - away * np.sin(above)], axis=1)


def _draw_lines(picture: Array, lines: Array, colours: Array, width: float) -> None:
    """Draw lines (N, 2, 2) of a width, each in its colour (N or more, 3), with smooth edges."""
    reach = max(width, MIN_WIDTH) / 2 + 0.5
    for (start, end), colour in zip(lines, colours, strict=False):
        low = np.maximum(np.floor(np.minimum(start, end) - reach), 0).astype(int)
        high = np.minimum(np.ceil(np.maximum(start, end) + reach) + 1, picture.shape[1::-1]).astype(int)
        part = picture[low[1] : high[1], low[0] : high[0]]
        across, down = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
        pixels = np.stack([across, down], axis=-1) - start
        along, length = end - start, float((end - start) @ (end - start))
        share = np.clip(pixels @ along / max(length, 1e-12), 0.0, 1.0)
        distance = np.linalg.norm(pixels - share[..., None] * along, axis=-1)
        part += np.clip(reach - distance, 0.0, 1.0)[..., None] * (colour - part)
