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
from parascale.projection.reference import NEAR

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]
Image = NDArray[np.uint8]
F = TypeVar("F", bound=Callable[..., Any])


def _compiled(function: F) -> F:
    try:
        return cast("F", numba.njit(nogil=True, cache=True, error_model="numpy")(function))
    except RuntimeError:  # no folder to keep compiled code in: compile in every process
        return cast("F", numba.njit(nogil=True, error_model="numpy")(function))


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
def rasterise(vertices: Array, quads: NDArray[np.uint32], screen: Array, inverse: Float32, place: Float32) -> None:
    """Draw quads where they are nearer than what ``inverse`` holds.

    Parameters
    ----------
    vertices, quads
        As in `parascale.projection.mesh.Mesh`.
    screen : (N, 3) float64
        From `project`.
    inverse : (height, width) float32
        Inverse depth in the target's camera, -1 where nothing was drawn yet, infinite where nothing shall be; written.
    place : (height, width, 3) float32
        x, y in the source picture and inverse depth there; written.
    """
    height, width = inverse.shape
    for quad in range(quads.shape[0]):
        ia, ib, ic, id_ = quads[quad, 0], quads[quad, 1], quads[quad, 2], quads[quad, 3]
        xa, xb, xc, xd = screen[ia, 0], screen[ib, 0], screen[ic, 0], screen[id_, 0]
        left = max(np.ceil(min(xa, xb, xc, xd) - 0.5), 0.0)
        right = min(np.floor(max(xa, xb, xc, xd) - 0.5), width - 1.0)
        ya, yb, yc, yd = screen[ia, 1], screen[ib, 1], screen[ic, 1], screen[id_, 1]
        top = max(np.ceil(min(ya, yb, yc, yd) - 0.5), 0.0)
        bottom = min(np.floor(max(ya, yb, yc, yd) - 0.5), height - 1.0)
        if not ((left <= right) & (top <= bottom)):
            continue
        sa, sb, sc, sd = screen[ia, 2], screen[ib, 2], screen[ic, 2], screen[id_, 2]
        if min(sa, sb, sc, sd) == 0.0:
            continue
        y = top + 0.5
        while y < bottom + 1.0:
            x = left + 0.5
            while x < right + 1.0:
                row, column = np.uint32(y), np.uint32(x)
                if inverse[row, column] == np.inf:
                    x += 1.0
                    continue
                ax, ay, bx, by = xa - x, ya - y, xb - x, yb - y
                cx, cy = xc - x, yc - y
                ab, bc, ca = ax * by - ay * bx, bx * cy - by * cx, cx * ay - cy * ax
                inside = ((ab >= 0) & (bc >= 0) & (ca >= 0)) | ((ab <= 0) & (bc <= 0) & (ca <= 0))
                if inside:
                    area = ab + bc + ca
                    wa, wp, wq, ip, iq = bc * sa, ca * sb, ab * sc, ib, ic
                else:
                    dx, dy = xd - x, yd - y
                    cd, da = cx * dy - cy * dx, dx * ay - dy * ax
                    inside = ((cd >= 0) & (da >= 0) & (ca <= 0)) | ((cd <= 0) & (da <= 0) & (ca >= 0))
                    area = cd + da - ca
                    wa, wp, wq, ip, iq = cd * sa, da * sc, -ca * sd, ic, id_
                if inside and area != 0.0:
                    depth = wa * vertices[ia, 2] + wp * vertices[ip, 2] + wq * vertices[iq, 2]
                    seen = np.float32(depth / area)
                    if seen > inverse[row, column]:
                        inverse[row, column] = seen
                        over = 1.0 / (wa + wp + wq)
                        place[row, column, 0] = (
                            wa * vertices[ia, 0] + wp * vertices[ip, 0] + wq * vertices[iq, 0]
                        ) * over
                        place[row, column, 1] = (
                            wa * vertices[ia, 1] + wp * vertices[ip, 1] + wq * vertices[iq, 1]
                        ) * over
                        place[row, column, 2] = depth * over
                x += 1.0
            y += 1.0


@_compiled
def find_holes(seen: Float32, holes: NDArray[np.bool_]) -> bool:
    """Mark what nothing was drawn on, close the rest of ``seen`` to drawing, and say whether there is any hole."""
    height, width = seen.shape
    found = False
    for row in range(height):
        for column in range(width):
            hole = seen[row, column] < 0
            holes[row, column] = hole
            found |= hole
            if not hole:
                seen[row, column] = np.inf
    return found


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


@_compiled
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


@_compiled
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


@_compiled
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


@_compiled
def shade(
    texture: Float32,
    inverse: Float32,
    seams: NDArray[np.bool_],
    seen: Float32,
    place: Float32,
    target: Image,
) -> None:
    """Colour the pixels of the target that the picture covers, bilinearly, each from its own surface alone.

    Parameters
    ----------
    texture : (h, w, 4) float32
        The source picture, sRGB 0 .. 255; the fourth channel only aligns it, which makes sampling a third faster.
    inverse : (h, w) float32
        Inverse depth of its pixels.
    seams : (h, w) bool
        From `mark_seams`.
    seen, place
        From `rasterise`; pixels with ``seen`` of -1 are left alone.
    target : (height, width, 3) uint8
        Written.
    """
    half, one, last = np.float32(0.5), np.float32(1), np.float32(1e-3)
    height, width = seen.shape
    rows, columns = inverse.shape
    for row in range(height):
        for column in range(width):
            if seen[row, column] < 0:
                continue
            x = min(max(place[row, column, 0] - half, np.float32(0)), np.float32(columns - 1))
            y = min(max(place[row, column, 1] - half, np.float32(0)), np.float32(rows - 1))
            c, r = np.uint32(min(x, np.float32(columns - 2))), np.uint32(min(y, np.float32(rows - 2)))
            c1, r1 = c + np.uint32(1), r + np.uint32(1)
            u, v = x - np.float32(c), y - np.float32(r)
            wa, wb, wc, wd = (one - u) * (one - v), u * (one - v), (one - u) * v, u * v
            if seams[r, c]:
                low, high = place[row, column, 2] / np.float32(CUT_RATIO), place[row, column, 2] * np.float32(CUT_RATIO)
                wa *= np.float32(low <= inverse[r, c] <= high)
                wb *= np.float32(low <= inverse[r, c1] <= high)
                wc *= np.float32(low <= inverse[r1, c] <= high)
                wd *= np.float32(low <= inverse[r1, c1] <= high)
                total = wa + wb + wc + wd
                if total > last:
                    wa, wb, wc, wd = wa / total, wb / total, wc / total, wd / total
                else:
                    right, down = u >= half, v >= half
                    wa, wb = np.float32(not right and not down), np.float32(right and not down)
                    wc, wd = np.float32(not right and down), np.float32(right and down)
            for k in range(3):
                value = wa * texture[r, c, k] + wb * texture[r, c1, k]
                value += wc * texture[r1, c, k] + wd * texture[r1, c1, k]
                target[row, column, k] = np.uint8(np.int32(value + half))


@_compiled
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
        From `rasterise` of the backing's mesh.
    unseen : (3, 3) float64
        Homography from target to source pixels at infinity, for holes that the backing leaves.
    colours, frame
        As in `parascale.projection.backing.Backing`.
    target : (height, width, 3) uint8
        Written.
    """
    one = np.float32(1)
    height, width = holes.shape
    rows, columns = colours.shape[:2]
    for row in range(height):
        for column in range(width):
            if not holes[row, column]:
                continue
            if seen[row, column] >= 0:
                x, y = float(place[row, column, 0]), float(place[row, column, 1])
            else:
                scale = max(unseen[2, 0] * (column + 0.5) + unseen[2, 1] * (row + 0.5) + unseen[2, 2], 1e-3)
                x = (unseen[0, 0] * (column + 0.5) + unseen[0, 1] * (row + 0.5) + unseen[0, 2]) / scale
                y = (unseen[1, 0] * (column + 0.5) + unseen[1, 1] * (row + 0.5) + unseen[1, 2]) / scale
            x = min(max(x * frame[0] + frame[2] - 0.5, 0.0), columns - 1.0)
            y = min(max(y * frame[1] + frame[3] - 0.5, 0.0), rows - 1.0)
            c, r = np.uint32(min(x, columns - 2.0)), np.uint32(min(y, rows - 2.0))
            c1, r1 = c + np.uint32(1), r + np.uint32(1)
            u, v = np.float32(x - c), np.float32(y - r)
            for k in range(3):
                above = colours[r, c, k] * (one - u) + colours[r, c1, k] * u
                below = colours[r1, c, k] * (one - u) + colours[r1, c1, k] * u
                target[row, column, k] = np.uint8(np.int32(above * (one - v) + below * v + np.float32(0.5)))
