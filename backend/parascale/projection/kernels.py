"""The inner loops of the preview, compiled by numba; they let go of the GIL, so that frames run beside each other.

Compiled code is kept beside this file, or where that is read-only in numba's folder of the user (`NUMBA_CACHE_DIR`
overrides both).
"""

from collections.abc import Callable
from typing import Any, TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from parascale.projection.mesh import CUT_RATIO

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]
Image = NDArray[np.uint8]
Weights = tuple[np.float32, np.float32, np.float32, np.float32]
# Pixels along the side of the squares that remember where holes are.
TILE = 8
F = TypeVar("F", bound=Callable[..., Any])


def compiled(function: F) -> F:
    """Compile a function, without the GIL."""
    try:
        return cast("F", numba.njit(nogil=True, cache=True, error_model="numpy")(function))
    except RuntimeError:  # no folder to keep compiled code in: compile in every process
        return cast("F", numba.njit(nogil=True, error_model="numpy")(function))


@compiled
def tiles(height: int, width: int, value: bool) -> NDArray[np.bool_]:
    """Squares of pixels that cover a picture."""
    return np.full((height // TILE + 1, width // TILE + 1), value, np.bool_)


@compiled
def grow(inverse: Array, cut: float) -> NDArray[np.int32]:
    """Continue surfaces into unknown pixels and behind what is nearer, from the closest pixel that shows them.

    Parameters
    ----------
    inverse : (h, w) float64
        Inverse depth; NaN where unknown.
    cut : float
        Depth ratio beyond which a pixel is in front of a surface; infinite grows into unknown pixels alone.

    Returns
    -------
    (h, w) int32
        Flat index of the pixel whose surface continues here, -1 where none does. Pixels that something grows from
        hold their own index.
    """
    height, width = inverse.shape
    origin = np.full((height, width), -1, np.int32)
    queue = np.empty(height * width, np.int32)
    head, tail = 0, 0
    steps = ((0, -1), (0, 1), (-1, 0), (1, 0))
    for row in range(height):
        for column in range(width):
            own = inverse[row, column]
            if np.isnan(own):
                continue
            for down, right in steps:
                r, c = row + down, column + right
                if 0 <= r < height and 0 <= c < width and (np.isnan(inverse[r, c]) or inverse[r, c] > cut * own):
                    origin[row, column] = row * width + column
                    queue[tail] = row * width + column
                    tail += 1
                    break
    while head < tail:
        row, column = queue[head] // width, queue[head] % width
        head += 1
        start = origin[row, column]
        carried = inverse[start // width, start % width]
        for down, right in steps:
            r, c = row + down, column + right
            if not (0 <= r < height and 0 <= c < width) or origin[r, c] >= 0:
                continue
            if np.isnan(inverse[r, c]) or inverse[r, c] > cut * carried:
                origin[r, c] = start
                queue[tail] = r * width + c
                tail += 1
    return origin


@compiled
def relax(values: Float32, free: NDArray[np.bool_], known: NDArray[np.bool_], passes: int) -> None:
    """Move the free pixels of ``values`` (h, w, 4) in place to the mean of their free and known neighbours."""
    height, width = free.shape
    order = np.flatnonzero(free)
    for turn in range(passes):
        for i in range(len(order)):
            # Every other pass runs backwards, so that values travel both ways alike.
            pixel = order[i] if turn % 2 == 0 else order[len(order) - 1 - i]
            row, column = pixel // width, pixel % width
            a = b = c = d = count = np.float32(0)
            for down, right in ((0, -1), (0, 1), (-1, 0), (1, 0)):
                r, k = row + down, column + right
                if 0 <= r < height and 0 <= k < width and (free[r, k] or known[r, k]):
                    a += values[r, k, 0]
                    b += values[r, k, 1]
                    c += values[r, k, 2]
                    d += values[r, k, 3]
                    count += np.float32(1)
            if count > 0:
                over = np.float32(1) / count
                values[row, column, 0], values[row, column, 1] = a * over, b * over
                values[row, column, 2], values[row, column, 3] = c * over, d * over


@compiled
def _touches_nearer(inverse: Array) -> NDArray[np.bool_]:
    height, width = inverse.shape
    touches = np.zeros((height, width), np.bool_)
    for row in range(height):
        for column in range(width):
            limit = inverse[row, column] * CUT_RATIO
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(column - 1, 0), min(column + 2, width)):
                    touches[row, column] |= inverse[r, c] > limit
    return touches


@compiled
def clean_edges(image: Image, inverse: Array, radius: int) -> Image:
    """Free the far side of depth edges from the colours of the near side that the lens mixed in.

    A pixel that touches a surface in front takes the mean colour of those pixels of its own surface within
    ``radius`` that touch none.
    """
    height, width = inverse.shape
    mixed = _touches_nearer(inverse)
    result = image.copy()
    rows, columns = np.nonzero(mixed)
    for i in range(len(rows)):
        row, column = rows[i], columns[i]
        low, high = inverse[row, column] / CUT_RATIO, inverse[row, column] * CUT_RATIO
        red, green, blue, count = 0, 0, 0, 0
        for r in range(max(row - radius, 0), min(row + radius + 1, height)):
            for c in range(max(column - radius, 0), min(column + radius + 1, width)):
                if not mixed[r, c] and low <= inverse[r, c] <= high:
                    red += image[r, c, 0]
                    green += image[r, c, 1]
                    blue += image[r, c, 2]
                    count += 1
        if count > 0:
            result[row, column, 0] = (red + count // 2) // count
            result[row, column, 1] = (green + count // 2) // count
            result[row, column, 2] = (blue + count // 2) // count
    return result


@compiled
def mark_seams(inverse: Float32) -> NDArray[np.bool_]:
    """Tell where a pixel and its right, lower and lower right neighbours do not lie on one surface."""
    height, width = inverse.shape
    seams = np.zeros((height, width), np.bool_)
    for row in range(height - 1):
        for column in range(width - 1):
            a, b = inverse[row, column], inverse[row, column + 1]
            c, d = inverse[row + 1, column], inverse[row + 1, column + 1]
            seams[row, column] = max(a, b, c, d) > min(a, b, c, d) * CUT_RATIO
    return seams


@compiled
def shade(
    texture: Float32,
    inverse: Float32,
    seams: NDArray[np.bool_],
    seen: Float32,
    place: Float32,
    target: Image,
    holes: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Colour the pixels of the target that the picture covers, bilinearly, each from its own surface alone.

    Parameters
    ----------
    texture : (h, w, 4) float32
        The source picture, sRGB 0 .. 255; the fourth channel only aligns it.
    inverse : (h, w) float32
        Inverse depth of its pixels.
    seams : (h, w) bool
        From `mark_seams`.
    seen, place
        As `parascale.projection.grid.Grid.draw` writes them; what is covered is closed to drawing.
    target : (height, width, 3) uint8
        Written where something was drawn.
    holes : (height, width) bool
        Written: where nothing was drawn.

    Returns
    -------
    (rows, columns) bool
        The tiles of the target that have holes.
    """
    half, one = np.float32(0.5), np.float32(1)
    height, width = seen.shape
    rows, columns = inverse.shape
    right, bottom = np.float32(columns - 1), np.float32(rows - 1)
    open_tiles = tiles(height, width, False)
    for row in range(height):
        for column in range(width):
            hole = seen[row, column] < 0
            holes[row, column] = hole
            if hole:
                open_tiles[row // TILE, column // TILE] = True
                continue
            seen[row, column] = np.inf
            x = min(max(place[row, column, 0] - half, np.float32(0)), right)
            y = min(max(place[row, column, 1] - half, np.float32(0)), bottom)
            c, r = np.uint32(min(x, right - one)), np.uint32(min(y, bottom - one))
            u, v = x - np.float32(c), y - np.float32(r)
            weights = ((one - u) * (one - v), u * (one - v), (one - u) * v, u * v)
            if seams[r, c]:
                weights = _own_weights(weights, inverse, r, c, place[row, column, 2])
            _mix(texture, r, c, weights, target, row, column)
    return open_tiles


@compiled
def _own_weights(weights: Weights, inverse: Float32, r: np.uint32, c: np.uint32, own: np.float32) -> Weights:
    """Leave out the pixels of other surfaces; where that leaves none, take the closest pixel alone."""
    low, high = own / np.float32(CUT_RATIO), own * np.float32(CUT_RATIO)
    wa, wb, wc, wd = weights
    right, down = wb + wd >= wa + wc, wc + wd >= wa + wb
    wa *= np.float32(low <= inverse[r, c] <= high)
    wb *= np.float32(low <= inverse[r, c + np.uint32(1)] <= high)
    wc *= np.float32(low <= inverse[r + np.uint32(1), c] <= high)
    wd *= np.float32(low <= inverse[r + np.uint32(1), c + np.uint32(1)] <= high)
    total = wa + wb + wc + wd
    if total > np.float32(1e-3):
        return wa / total, wb / total, wc / total, wd / total
    return (
        np.float32(not right and not down),
        np.float32(right and not down),
        np.float32(not right and down),
        np.float32(right and down),
    )


@compiled
def _mix(texture: Float32, r: np.uint32, c: np.uint32, weights: Weights, target: Image, row: int, column: int) -> None:
    """Write the weighted mean of a pixel of a picture and its right, lower and lower right neighbours."""
    c1, r1 = c + np.uint32(1), r + np.uint32(1)
    wa, wb, wc, wd = weights
    for k in range(3):
        value = wa * texture[r, c, k] + wb * texture[r, c1, k]
        value += wc * texture[r1, c, k] + wd * texture[r1, c1, k]
        target[row, column, k] = np.uint8(np.int32(value + np.float32(0.5)))


@compiled
def fill(
    holes: NDArray[np.bool_],
    seen: Float32,
    place: Float32,
    unseen: Array,
    colours: Float32,
    frame: Array,
    target: Image,
) -> None:
    """Colour the holes of the target from the backing, bilinearly.

    Parameters
    ----------
    holes : (height, width) bool
    seen, place
        As the backing's surface was drawn into them.
    unseen : (3, 3) float64
        Homography from target to source pixels at infinity, for holes that the backing leaves.
    colours : (h, w, 4) float32
        As in `parascale.projection.backing.Backing`.
    frame : (4,) float64
        As in `parascale.projection.grid.Grid`: where they lie.
    target : (height, width, 3) uint8
        Written.
    """
    half, one = np.float32(0.5), np.float32(1)
    height, width = holes.shape
    rows, columns = colours.shape[:2]
    last_column, last_row = np.float32(columns - 1), np.float32(rows - 1)
    left, top = np.float32(frame[0]), np.float32(frame[1])
    across, down = np.float32(1 / frame[2]), np.float32(1 / frame[3])
    for row in range(height):
        for column in range(width):
            if not holes[row, column]:
                continue
            x, y = place[row, column, 0], place[row, column, 1]
            if seen[row, column] < 0:
                scale = max(unseen[2, 0] * (column + 0.5) + unseen[2, 1] * (row + 0.5) + unseen[2, 2], 1e-3)
                x = np.float32((unseen[0, 0] * (column + 0.5) + unseen[0, 1] * (row + 0.5) + unseen[0, 2]) / scale)
                y = np.float32((unseen[1, 0] * (column + 0.5) + unseen[1, 1] * (row + 0.5) + unseen[1, 2]) / scale)
            x = min(max((x - left) * across - half, np.float32(0)), last_column)
            y = min(max((y - top) * down - half, np.float32(0)), last_row)
            c, r = np.uint32(min(x, last_column - one)), np.uint32(min(y, last_row - one))
            u, v = x - np.float32(c), y - np.float32(r)
            weights = ((one - u) * (one - v), u * (one - v), (one - u) * v, u * v)
            _mix(colours, r, c, weights, target, row, column)
