"""The inner loops of the preview, compiled by numba; they let go of the GIL, so that frames run beside each other.

Compiled code is kept beside this file, or where that is read-only in numba's folder of the user (`NUMBA_CACHE_DIR`
overrides both).
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from parascale.projection.mesh import CUT_RATIO
from parascale.projection.reference import NEAR

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]
Image = NDArray[np.uint8]
F = TypeVar("F", bound=Callable[..., Any])


def _compiled(function: F) -> F:
    try:
        compiled: F = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    except RuntimeError:  # no folder to keep compiled code in: compile in every process
        compiled = numba.njit(nogil=True, error_model="numpy")(function)
    return compiled


@_compiled
def project(vertices: Array, homography: Array, shift: Array, screen: Array) -> None:
    """Project vertices (N, 3) into ``screen`` (N, 3): x, y in pixels, and 1 / scale, 0 where behind the camera."""
    for i in range(vertices.shape[0]):
        x, y, inverse = vertices[i, 0], vertices[i, 1], vertices[i, 2]
        scale = homography[2, 0] * x + homography[2, 1] * y + homography[2, 2] + inverse * shift[2]
        if scale > NEAR:
            over = 1.0 / scale
            screen[i, 0] = (homography[0, 0] * x + homography[0, 1] * y + homography[0, 2] + inverse * shift[0]) * over
            screen[i, 1] = (homography[1, 0] * x + homography[1, 1] * y + homography[1, 2] + inverse * shift[1]) * over
            screen[i, 2] = over
        else:
            screen[i, 2] = 0.0


@_compiled
def rasterise(vertices: Array, quads: NDArray[np.int32], screen: Array, inverse: Float32, place: Float32) -> None:
    """Draw quads that are nearer than what ``inverse`` holds.

    Parameters
    ----------
    vertices, quads
        As in `parascale.projection.mesh.Mesh`.
    screen : (N, 3) float64
        From `project`.
    inverse : (height, width) float32
        Inverse depth in the target's camera, -1 where nothing was drawn yet; written.
    place : (height, width, 3) float32
        x, y in the source picture and inverse depth there; written.
    """
    height, width = inverse.shape
    for quad in range(quads.shape[0]):
        i0, i1, i2, i3 = quads[quad, 0], quads[quad, 1], quads[quad, 2], quads[quad, 3]
        x0, x1, x2, x3 = screen[i0, 0], screen[i1, 0], screen[i2, 0], screen[i3, 0]
        left, right = min(x0, x1, x2, x3), max(x0, x1, x2, x3)
        if not (left <= width - 0.5 and right >= 0.5):
            continue
        y0, y1, y2, y3 = screen[i0, 1], screen[i1, 1], screen[i2, 1], screen[i3, 1]
        top, bottom = min(y0, y1, y2, y3), max(y0, y1, y2, y3)
        if not (top <= height - 0.5 and bottom >= 0.5):
            continue
        if screen[i0, 2] == 0.0 or screen[i1, 2] == 0.0 or screen[i2, 2] == 0.0 or screen[i3, 2] == 0.0:
            continue
        first_column = int(np.ceil(max(left, 0.0) - 0.5))
        last_column = int(np.floor(min(right, float(width)) - 0.5))
        first_row = int(np.ceil(max(top, 0.0) - 0.5))
        last_row = int(np.floor(min(bottom, float(height)) - 0.5))
        if first_column > last_column or first_row > last_row:
            continue
        for half in range(2):
            if half == 0:
                ib, ic, bx, by, cx, cy = i1, i2, x1, y1, x2, y2
            else:
                ib, ic, bx, by, cx, cy = i2, i3, x2, y2, x3, y3
            area = (bx - x0) * (cy - y0) - (by - y0) * (cx - x0)
            if area == 0.0:
                continue
            sign = 1.0 if area > 0 else -1.0
            for row in range(first_row, last_row + 1):
                y = row + 0.5
                for column in range(first_column, last_column + 1):
                    x = column + 0.5
                    wa = ((bx - x) * (cy - y) - (by - y) * (cx - x)) * sign
                    wb = ((cx - x) * (y0 - y) - (cy - y) * (x0 - x)) * sign
                    wc = ((x0 - x) * (by - y) - (y0 - y) * (bx - x)) * sign
                    if wa < 0.0 or wb < 0.0 or wc < 0.0:
                        continue
                    wa, wb, wc = wa * screen[i0, 2], wb * screen[ib, 2], wc * screen[ic, 2]
                    depth = wa * vertices[i0, 2] + wb * vertices[ib, 2] + wc * vertices[ic, 2]
                    seen = np.float32(depth / abs(area))
                    if seen > inverse[row, column]:
                        inverse[row, column] = seen
                        over = 1.0 / (wa + wb + wc)
                        place[row, column, 0] = (
                            wa * vertices[i0, 0] + wb * vertices[ib, 0] + wc * vertices[ic, 0]
                        ) * over
                        place[row, column, 1] = (
                            wa * vertices[i0, 1] + wb * vertices[ib, 1] + wc * vertices[ic, 1]
                        ) * over
                        place[row, column, 2] = depth * over


@_compiled
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


@_compiled
def relax(values: Float32, free: NDArray[np.bool_], known: NDArray[np.bool_], passes: int) -> None:
    """Smooth the free pixels of ``values`` (h, w, n) in place towards the mean of their free and known neighbours."""
    height, width, layers = values.shape
    for turn in range(passes):
        for i in range(height * width):
            # Every other pass runs backwards, so that values travel both ways alike.
            row, column = (i // width, i % width) if turn % 2 == 0 else (height - 1 - i // width, width - 1 - i % width)
            if not free[row, column]:
                continue
            for layer in range(layers):
                total, count = np.float32(0), 0
                for down, right in ((0, -1), (0, 1), (-1, 0), (1, 0)):
                    r, c = row + down, column + right
                    if 0 <= r < height and 0 <= c < width and (free[r, c] or known[r, c]):
                        total += values[r, c, layer]
                        count += 1
                if count > 0:
                    values[row, column, layer] = total / np.float32(count)


@_compiled
def clean_edges(image: Image, inverse: Array, radius: int) -> Image:
    """Free the far side of depth edges from the colours of the near side that the lens mixed in.

    A pixel within one pixel of a surface in front takes the mean colour of those of its own surface around it that
    are further away from the edge.
    """
    height, width = inverse.shape
    mixed = np.zeros((height, width), np.bool_)
    for row in range(height):
        for column in range(width):
            limit = inverse[row, column] * CUT_RATIO
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(column - 1, 0), min(column + 2, width)):
                    if inverse[r, c] > limit:
                        mixed[row, column] = True
    result = image.copy()
    for row in range(height):
        for column in range(width):
            if not mixed[row, column]:
                continue
            own = inverse[row, column]
            red, green, blue, count = 0, 0, 0, 0
            for r in range(max(row - radius, 0), min(row + radius + 1, height)):
                for c in range(max(column - radius, 0), min(column + radius + 1, width)):
                    there = inverse[r, c]
                    if not mixed[r, c] and there <= own * CUT_RATIO and own <= there * CUT_RATIO:
                        red += image[r, c, 0]
                        green += image[r, c, 1]
                        blue += image[r, c, 2]
                        count += 1
            if count > 0:
                result[row, column, 0] = (red + count // 2) // count
                result[row, column, 1] = (green + count // 2) // count
                result[row, column, 2] = (blue + count // 2) // count
    return result


@_compiled
def shade(
    image: Image,
    texture_inverse: Float32,
    inverse: Float32,
    place: Float32,
    holes: NDArray[np.bool_],
    backing: Float32,
    frame: Array,
    unseen: Array,
    target: Image,
) -> None:
    """Colour every pixel of the target.

    Parameters
    ----------
    image : (h, w, 3) uint8
        The source picture.
    texture_inverse : (h, w) float32
        Inverse depth of its pixels: a sample takes colours of its own surface alone.
    inverse, place
        From `rasterise`; where ``inverse`` is -1, ``place`` is not read.
    holes : (height, width) bool
        Where ``place`` lies on the backing rather than on the picture.
    backing : (hb, wb, 3) float32
        Colours of the backing.
    frame : (4,) float64
        Scale and offset from source pixels to pixels of the backing: x scale, y scale, x offset, y offset.
    unseen : (3, 3) float64
        Homography from target pixels to source pixels at infinity, for what neither surface covers.
    target : (height, width, 3) uint8
        Written.
    """
    height, width = inverse.shape
    rows, columns = texture_inverse.shape
    back_rows, back_columns = backing.shape[:2]
    for row in range(height):
        for column in range(width):
            if inverse[row, column] >= 0 and not holes[row, column]:
                x = min(max(place[row, column, 0] - np.float32(0.5), np.float32(0)), np.float32(columns - 1))
                y = min(max(place[row, column, 1] - np.float32(0.5), np.float32(0)), np.float32(rows - 1))
                c, r = min(int(x), columns - 2), min(int(y), rows - 2)
                u, v = x - np.float32(c), y - np.float32(r)
                low = place[row, column, 2] / np.float32(CUT_RATIO)
                high = place[row, column, 2] * np.float32(CUT_RATIO)
                red = green = blue = weights = np.float32(0)
                for down in range(2):
                    for right in range(2):
                        there = texture_inverse[r + down, c + right]
                        if low <= there <= high:
                            weight = (u if right else np.float32(1) - u) * (v if down else np.float32(1) - v)
                            weights += weight
                            red += weight * image[r + down, c + right, 0]
                            green += weight * image[r + down, c + right, 1]
                            blue += weight * image[r + down, c + right, 2]
                if weights > np.float32(1e-3):
                    over = np.float32(1) / weights
                    target[row, column, 0] = int(red * over + np.float32(0.5))
                    target[row, column, 1] = int(green * over + np.float32(0.5))
                    target[row, column, 2] = int(blue * over + np.float32(0.5))
                else:
                    nearest_row, nearest_column = r + int(v + np.float32(0.5)), c + int(u + np.float32(0.5))
                    for channel in range(3):
                        target[row, column, channel] = image[nearest_row, nearest_column, channel]
                continue
            if inverse[row, column] >= 0:
                at_x, at_y = float(place[row, column, 0]), float(place[row, column, 1])
            else:
                scale = unseen[2, 0] * (column + 0.5) + unseen[2, 1] * (row + 0.5) + unseen[2, 2]
                scale = max(scale, 1e-3)
                at_x = (unseen[0, 0] * (column + 0.5) + unseen[0, 1] * (row + 0.5) + unseen[0, 2]) / scale
                at_y = (unseen[1, 0] * (column + 0.5) + unseen[1, 1] * (row + 0.5) + unseen[1, 2]) / scale
            bx = min(max(at_x * frame[0] + frame[2] - 0.5, 0.0), back_columns - 1.0)
            by = min(max(at_y * frame[1] + frame[3] - 0.5, 0.0), back_rows - 1.0)
            c, r = min(int(bx), back_columns - 2), min(int(by), back_rows - 2)
            fu, fv = np.float32(bx - c), np.float32(by - r)
            for channel in range(3):
                above = backing[r, c, channel] * (1 - fu) + backing[r, c + 1, channel] * fu
                below = backing[r + 1, c, channel] * (1 - fu) + backing[r + 1, c + 1, channel] * fu
                target[row, column, channel] = int(above * (1 - fv) + below * fv + np.float32(0.5))
