"""The inner loops of the preview, compiled by numba; they let go of the GIL, so that frames run beside each other.

Compiled code is kept beside this file, or where that is read-only in numba's folder of the user (`NUMBA_CACHE_DIR`
overrides both).
"""

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
from numpy.typing import NDArray

from parascale.projection.mesh import CUT_RATIO
from parascale.projection.numpy_renderer import MIN_DEPTH_RATIO
from parascale.types import Array, Image, Mask

Float32 = NDArray[np.float32]
F = TypeVar("F", bound=Callable[..., object])
Texture = NDArray[np.uint64]
Weights = NDArray[np.int32]
# x and y from a pixel's centre, and a value.
Corner = tuple[float, float, float]

# Bits of a packed pixel that each channel has to itself, and what the weights of pixels sum to: 255 of it still fit.
FIELD = 21
WHOLE = 1 << (FIELD - 8)


def _compile(function: F) -> F:
    try:
        return cast("F", numba.njit(nogil=True, cache=True, error_model="numpy")(function))
    except RuntimeError:  # no folder to keep compiled code in: compile in every process
        return cast("F", numba.njit(nogil=True, error_model="numpy")(function))


def _inline(function: F) -> F:
    return cast("F", numba.njit(nogil=True, error_model="numpy", inline="always")(function))


@_compile
def project(vertices: Array, homography: Array, shift: Array, screen: Array) -> None:
    """Project vertices, x, y and inverse depth (3, N) each in one piece: so they are projected four at a time.

    ``homography`` (3, 3) and ``shift`` (3,) come from `parascale.projection.numpy_renderer.plane_transfer`. ``screen``
    (3, N) takes x, y in pixels and inverse depth in the target's camera; x is NaN behind it.
    """
    x, y, inverse = vertices[0], vertices[1], vertices[2]
    column, row, seen = screen[0], screen[1], screen[2]
    for i in range(x.shape[0]):
        scale = homography[2, 0] * x[i] + homography[2, 1] * y[i] + homography[2, 2] + inverse[i] * shift[2]
        over = 1.0 / scale
        across = homography[0, 0] * x[i] + homography[0, 1] * y[i] + homography[0, 2] + inverse[i] * shift[0]
        column[i] = across * over if scale > MIN_DEPTH_RATIO else np.nan
        row[i] = (homography[1, 0] * x[i] + homography[1, 1] * y[i] + homography[1, 2] + inverse[i] * shift[1]) * over
        seen[i] = inverse[i] * over


@_inline
def _triangle(a: Corner, b: Corner, c: Corner) -> tuple[bool, float]:
    """Whether the origin lies in a triangle, and what lies there between the values of its corners."""
    ab, bc, ca = a[0] * b[1] - a[1] * b[0], b[0] * c[1] - b[1] * c[0], c[0] * a[1] - c[1] * a[0]
    area = ab + bc + ca
    inside = (min(ab, bc, ca) >= 0) | (max(ab, bc, ca) <= 0)
    return inside & (area != 0.0), (bc * a[2] + ca * b[2] + ab * c[2]) / area


@_compile
def rasterise(quads: NDArray[np.uint32], screen: Array, inverse: Float32) -> None:
    """Draw quads of a `parascale.projection.mesh.Mesh`, by ``screen`` of `project`, where they are nearest.

    ``inverse`` (height, width) takes inverse depth in the target's camera: -1 where nothing was drawn yet, infinite
    where nothing shall be.
    """
    height, width = inverse.shape
    drawn = inverse.reshape(-1)
    x, y, seen = screen[0], screen[1], screen[2]
    for quad in range(quads.shape[0]):
        ia, ib, ic, id_ = quads[quad, 0], quads[quad, 1], quads[quad, 2], quads[quad, 3]
        xa, xb, xc, xd = x[ia], x[ib], x[ic], x[id_]
        left = np.ceil(max(min(xa, xb, xc, xd) - 0.5, 0.0))
        right = np.floor(min(max(xa, xb, xc, xd) - 0.5, width - 1.0))
        ya, yb, yc, yd = y[ia], y[ib], y[ic], y[id_]
        top = np.ceil(max(min(ya, yb, yc, yd) - 0.5, 0.0))
        bottom = np.floor(min(max(ya, yb, yc, yd) - 0.5, height - 1.0))
        if not ((left <= right) & (top <= bottom)) or np.isnan(xa + xb + xc + xd):
            continue
        nearest = np.float32(max(seen[ia], seen[ib], seen[ic], seen[id_]))
        down = top + 0.5
        while down <= bottom + 0.5:
            across = left + 0.5
            at = np.int64(down) * width + np.int64(across)
            while across <= right + 0.5:
                pixel = np.uint64(at)
                at += 1
                if drawn[pixel] < nearest:
                    a = xa - across, ya - down, seen[ia]
                    b = xb - across, yb - down, seen[ib]
                    c = xc - across, yc - down, seen[ic]
                    d = xd - across, yd - down, seen[id_]
                    # The side of the diagonal tells which triangle it can be in: chosen without a branch, which half
                    # of the time would be guessed wrong. One that is seen from behind lies on the other side.
                    first = c[0] * a[1] - c[1] * a[0] >= 0
                    inside, value = _triangle(a, b if first else d, c)
                    if not inside:
                        inside, value = _triangle(a, d if first else b, c)
                    if inside:
                        drawn[pixel] = max(drawn[pixel], np.float32(value))
                across += 1.0
            down += 1.0


@_compile
def origins_of(row: int, seen: Float32, homography: Float32, shift: Float32, origins: Float32) -> None:
    """Where the surfaces in a row of the target lie in the source, into (3, width): x, y, and inverse depth there."""
    half, one, zero, least = np.float32(0.5), np.float32(1), np.float32(0), np.float32(1e-3)
    down = np.float32(row) + half
    x0, y0 = homography[0, 1] * down + homography[0, 2], homography[1, 1] * down + homography[1, 2]
    scale0 = homography[2, 1] * down + homography[2, 2]
    x, y, depth = origins[0], origins[1], origins[2]
    for column in range(seen.shape[0]):
        # Where nothing was drawn, what lies in that direction at infinity.
        inverse = max(seen[column], zero)
        across = np.float32(column) + half
        over = one / max(homography[2, 0] * across + scale0 + inverse * shift[2], least)
        x[column] = (homography[0, 0] * across + x0 + inverse * shift[0]) * over
        y[column] = (homography[1, 0] * across + y0 + inverse * shift[1]) * over
        depth[column] = inverse * over


@_inline
def _farther(place: int, length: int) -> int:
    """Of the two closest pixels in a row of half the length, the one farther away."""
    beside = place + 1 if place % 2 else place - 1
    return min(max(beside, 0), length - 1) // 2


@_compile
def find_holes(seen: Float32, holes: Mask, behind: Float32) -> bool:
    """Mark in ``holes`` what nothing was drawn on in ``seen`` of `rasterise`, and say whether there is any.

    ``behind``, of half the size, rounded up, is written: open to drawing around holes, closed elsewhere.
    """
    height, width = holes.shape
    behind.fill(np.inf)
    found = False
    for row in range(height):
        near_row, far_row = row // 2, _farther(row, height)
        for column in range(width):
            hole = seen[row, column] < 0
            holes[row, column] = hole
            if hole:
                found = True
                near, far = column // 2, _farther(column, width)
                behind[near_row, near] = behind[near_row, far] = behind[far_row, near] = behind[far_row, far] = -1
    return found


@_compile
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


@_compile
def farthest(image: Image, inverse: Array, stride: int, far: Array, colours: Float32) -> None:
    """Every block of ``stride`` pixels a side keeps its farthest surface, and that surface's mean colour.

    Of an image (h, w, 3) and its inverse depth (h, w), written into ``far`` (rows, columns) and ``colours`` (3, rows,
    columns).
    """
    height, width = inverse.shape
    rows, columns = far.shape
    for row in range(rows):
        top, bottom = row * stride, min((row + 1) * stride, height)
        for column in range(columns):
            left, right = column * stride, min((column + 1) * stride, width)
            low = np.inf
            for r in range(top, bottom):
                for c in range(left, right):
                    low = min(low, inverse[r, c])
            red, green, blue, count = 0, 0, 0, 0
            for r in range(top, bottom):
                for c in range(left, right):
                    if inverse[r, c] <= CUT_RATIO * low:
                        red += image[r, c, 0]
                        green += image[r, c, 1]
                        blue += image[r, c, 2]
                        count += 1
            far[row, column] = low
            colours[0, row, column], colours[1, row, column] = red / count, green / count
            colours[2, row, column] = blue / count


@_compile
def relax(values: Float32, free: Mask, there: Mask, passes: int) -> None:
    """Move free cells of ``values`` (k, h, w), but for the border, to the mean of their neighbours, so many times.

    ``there`` (h, w) tells which cells count as neighbours: the free ones and those that stay; elsewhere values are 0.
    """
    kinds, height, width = values.shape
    share = np.zeros((height, width), np.float32)
    for row in range(1, height - 1):
        for column in range(1, width - 1):
            if free[row, column]:
                beside = int(there[row, column - 1]) + int(there[row, column + 1])
                beside += int(there[row - 1, column]) + int(there[row + 1, column])
                share[row, column] = 1.0 / beside if beside else 0.0
    moved = np.empty(width, np.float32)
    for turn in range(passes):
        for i in range(1, height - 1):
            # Every other pass runs upwards, so that values travel both ways alike.
            row = i if turn % 2 == 0 else height - 1 - i
            for kind in range(kinds):
                above, own, below = values[kind, row - 1], values[kind, row], values[kind, row + 1]
                part = share[row]
                # All of a row at once, eight in a step: a cell's neighbours in it have not moved yet.
                for column in range(1, width - 1):
                    mean = (own[column - 1] + own[column + 1] + above[column] + below[column]) * part[column]
                    moved[column] = mean if part[column] > 0 else own[column]
                own[1:-1] = moved[1:-1]


@_compile
def clean_edges(image: Image, inverse: Array, radius: int) -> Image:
    """Free the far side of depth edges from the colours of the near side that the lens mixed in.

    A pixel that touches a surface in front takes the mean colour of those pixels of its own surface within
    ``radius`` that touch none.
    """
    height, width = inverse.shape
    mixed = np.zeros((height, width), np.bool_)
    for row in range(height):
        for column in range(width):
            limit = inverse[row, column] * CUT_RATIO
            for r in range(max(row - 1, 0), min(row + 2, height)):
                for c in range(max(column - 1, 0), min(column + 2, width)):
                    mixed[row, column] |= inverse[r, c] > limit
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


@_compile
def mark_seams(inverse: Float32) -> Mask:
    """Tell where a pixel and its right, lower and lower right neighbours do not lie on one surface."""
    height, width = inverse.shape
    seams = np.zeros((height, width), np.bool_)
    for row in range(height - 1):
        for column in range(width - 1):
            a, b = inverse[row, column], inverse[row, column + 1]
            c, d = inverse[row + 1, column], inverse[row + 1, column + 1]
            seams[row, column] = max(a, b, c, d) > min(a, b, c, d) * CUT_RATIO
    return seams


@_compile
def pack(image: Image) -> Texture:
    """Put the three channels of a pixel into one number, so that one multiplication weighs all of them."""
    height, width = image.shape[:2]
    texture = np.empty((height, width), np.uint64)
    for row in range(height):
        for column in range(width):
            packed = np.uint64(image[row, column, 2])
            for channel in (1, 0):
                packed = packed << np.uint64(FIELD) | np.uint64(image[row, column, channel])
            texture[row, column] = packed
    return texture


@_inline
def _unpack(weighed: np.uint64, pixel: Image) -> None:
    """Round a sum of packed pixels whose weights sum to ``WHOLE``, into (3,) uint8."""
    half = np.uint64(WHOLE // 2)
    weighed += half | half << np.uint64(FIELD) | half << np.uint64(2 * FIELD)
    pixel[0] = np.uint8(weighed >> np.uint64(FIELD - 8))
    pixel[1] = np.uint8(weighed >> np.uint64(2 * FIELD - 8))
    pixel[2] = np.uint8(weighed >> np.uint64(3 * FIELD - 8))


@_compile
def _bilinear(x: Float32, y: Float32, rows: int, columns: int, corner: NDArray[np.int32], weights: Weights) -> None:
    """How to sample a picture (rows, columns) at places (N,), in its pixels: a row of them at a time, four in one step.

    ``corner`` takes the flat index of the pixel to the upper left, ``weights`` (4, N) the weight of that pixel, of the
    one to its right, and of the two below; their sum is ``WHOLE``.
    """
    half, one, zero, whole = np.float32(0.5), np.float32(1), np.float32(0), np.float32(WHOLE)
    right, lower = np.float32(columns - 1), np.float32(rows - 1)
    a, b, c, d = weights[0], weights[1], weights[2], weights[3]
    for i in range(x.shape[0]):
        across, down = x[i] - half, y[i] - half
        across = across if across > zero else zero
        across = across if across < right else right
        down = down if down > zero else zero
        down = down if down < lower else lower
        column = np.int32(across if across < right - one else right - one)
        row = np.int32(down if down < lower - one else lower - one)
        u, v = across - np.float32(column), down - np.float32(row)
        b[i], c[i], d[i] = np.int32(whole * u * (one - v)), np.int32(whole * (one - u) * v), np.int32(whole * u * v)
        a[i] = np.int32(WHOLE) - b[i] - c[i] - d[i]
        corner[i] = row * np.int32(columns) + column


@_compile
def shade(
    texture: Texture, inverse: Float32, seams: Mask, seen: Float32, homography: Float32, shift: Float32, target: Image
) -> None:
    """Colour the pixels of the target that the picture covers, bilinearly, each from its own surface alone.

    Parameters
    ----------
    texture : (h, w) uint64
        The source picture, from `pack`.
    inverse : (h, w) float32
        Inverse depth of its pixels.
    seams : (h, w) bool
        From `mark_seams`.
    seen : (height, width) float32
        From `rasterise`; pixels at -1 are left alone.
    homography : (3, 3) float32, shift : (3,) float32
        From `parascale.projection.numpy_renderer.plane_transfer`, of the target's pixels into the source's.
    target : (height, width, 3) uint8
        Written.
    """
    height, width = seen.shape
    rows, columns = inverse.shape
    texels, own, split = texture.reshape(-1), inverse.reshape(-1), seams.reshape(-1)
    origins, weights = np.empty((3, width), np.float32), np.empty((4, width), np.int32)
    corner = np.empty(width, np.int32)
    for row in range(height):
        origins_of(row, seen[row], homography, shift, origins)
        _bilinear(origins[0], origins[1], rows, columns, corner, weights)
        for column in range(width):
            if seen[row, column] < 0:
                continue
            a = np.uint32(corner[column])
            b, c, d = a + np.uint32(1), a + np.uint32(columns), a + np.uint32(columns + 1)
            wa, wb, wc, wd = weights[0, column], weights[1, column], weights[2, column], weights[3, column]
            if split[a]:
                low, high = origins[2, column] / np.float32(CUT_RATIO), origins[2, column] * np.float32(CUT_RATIO)
                right, lower = wb + wd >= WHOLE // 2, wc + wd >= WHOLE // 2
                wa *= low <= own[a] <= high
                wb *= low <= own[b] <= high
                wc *= low <= own[c] <= high
                wd *= low <= own[d] <= high
                total = wa + wb + wc + wd
                if total > WHOLE // 1000:
                    wa, wb, wc, wd = wa * WHOLE // total, wb * WHOLE // total, wc * WHOLE // total, wd * WHOLE // total
                else:
                    wa, wb = WHOLE * (not right and not lower), WHOLE * (right and not lower)
                    wc, wd = WHOLE * (not right and lower), WHOLE * (right and lower)
            weighed = np.uint64(wa) * texels[a] + np.uint64(wb) * texels[b]
            _unpack(weighed + np.uint64(wc) * texels[c] + np.uint64(wd) * texels[d], target[row, column])


@_compile
def fill(seen: Float32, homography: Float32, shift: Float32, texture: Texture, frame: Array, target: Image) -> None:
    """Colour from the backing, bilinearly.

    Parameters
    ----------
    seen : (height, width) float32
        From `rasterise` of the backing's mesh; infinite pixels are left alone. What is -1 takes its colour from the
        direction it lies in.
    homography, shift
        As `shade` takes them.
    texture, frame
        As in `parascale.projection.backing.Backing`.
    target : (height, width, 3) uint8
        Written.
    """
    height, width = seen.shape
    rows, columns = texture.shape
    texels = texture.reshape(-1)
    origins, weights = np.empty((3, width), np.float32), np.empty((4, width), np.int32)
    corner = np.empty(width, np.int32)
    for row in range(height):
        origins_of(row, seen[row], homography, shift, origins)
        for column in range(width):
            origins[0, column] = origins[0, column] * frame[0] + frame[2]
            origins[1, column] = origins[1, column] * frame[1] + frame[3]
        _bilinear(origins[0], origins[1], rows, columns, corner, weights)
        for column in range(width):
            if seen[row, column] == np.inf:
                continue
            a = np.uint32(corner[column])
            b, c, d = a + np.uint32(1), a + np.uint32(columns), a + np.uint32(columns + 1)
            weighed = np.uint64(weights[0, column]) * texels[a] + np.uint64(weights[1, column]) * texels[b]
            weighed += np.uint64(weights[2, column]) * texels[c] + np.uint64(weights[3, column]) * texels[d]
            _unpack(weighed, target[row, column])


@_compile
def enlarge(small: Image, holes: Mask, target: Image) -> None:
    """Colour the holes (height, width) of ``target`` from a picture of half its size, rounded up, bilinearly."""
    height, width = holes.shape
    for row in range(height):
        near_row, far_row = row // 2, _farther(row, height)
        for column in range(width):
            if holes[row, column]:
                near, far = column // 2, _farther(column, width)
                # Three quarters of the closer, a quarter of the other, both ways.
                for k in range(3):
                    sides = 9 * small[near_row, near, k] + 3 * small[near_row, far, k]
                    sides += 3 * small[far_row, near, k] + small[far_row, far, k]
                    target[row, column, k] = np.uint8((sides + 8) // 16)
