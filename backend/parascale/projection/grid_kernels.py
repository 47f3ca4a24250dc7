"""Making and drawing the surface of a `parascale.projection.grid.Grid`, compiled by numba.

A row of whole cells is drawn in three steps: its corners are projected, the first pixel of every cell is solved, and
what is nearer is written. The first two have no branches and write one flat array at distances that the compiler
knows, so that it handles four cells at once. All in float64: pixels are covered exactly as by the reference.
"""

import numpy as np
from numpy.typing import NDArray

from parascale.projection.kernels import TILE, compiled
from parascale.projection.reference import NEAR

Array = NDArray[np.float64]
Float32 = NDArray[np.float32]
Bool = NDArray[np.bool_]
Transfer = tuple[float, ...]
Four = tuple[float, float, float, float]

# Cells of a row that are drawn at once: few enough for the cache, enough to write long runs of the picture.
_RUN = 416
# Parts of the flat array: the corners above and below, their place along the row, then what is found of each cell.
_STRIDE = _RUN + 8
# What is written lies far from what is read, or the compiler fears to read it back.
_GAP = 512
_XA, _YA, _SA, _IA, _XD, _YD, _SD, _ID, _ALONG = [_STRIDE * part for part in range(9)]
_LEFT, _RIGHT, _TOP, _BOTTOM, _SEEN, _X, _Y, _OWN = [_STRIDE * part + _GAP for part in range(9, 17)]
_LENGTH = 17 * _STRIDE + _GAP
# In place of what a cell's first pixel sees: it lies beside the cell; the cell is folded, or seen from behind.
_BESIDE, _FOLDED = -1.0, -3.0


@compiled
def _joined(a: float, b: float, cut: float) -> bool:
    return (a <= cut * b and b <= cut * a) or (cut == np.inf and a >= 0 and b >= 0)


@compiled
def _pixel(inverse: Array, row: int, column: int, slot: int) -> float:
    """Inverse depth of a pixel around a corner: top left, top right, bottom right, bottom left; NaN where none is."""
    r = row - 1 if slot < 2 else row
    c = column - 1 if slot in (0, 3) else column
    if 0 <= r < inverse.shape[0] and 0 <= c < inverse.shape[1]:
        return float(inverse[r, c])
    return np.nan


@compiled
def _group(inverse: Array, row: int, column: int, slot: int, cut: float) -> tuple[float, int]:
    """Mean inverse depth of those pixels around a corner that are joined to one of them, and how many they are."""
    members = 1 << slot
    for way in (1, 3):
        at = slot
        for _ in range(3):
            beside = (at + way) % 4
            if not _joined(_pixel(inverse, row, column, at), _pixel(inverse, row, column, beside), cut):
                break
            members |= 1 << beside
            at = beside
    total, count = 0.0, 0
    for other in range(4):
        if members >> other & 1:
            total += _pixel(inverse, row, column, other)
            count += 1
    return total / count, count


@compiled
def _one_group(inverse: Array, row: int, column: int, cut: float) -> float:
    """Mean inverse depth of the pixels around a corner where all that are there are joined, else NaN."""
    mean, count, there = np.nan, 0, 0
    for slot in range(4):
        if not np.isnan(_pixel(inverse, row, column, slot)):
            there += 1
            if there == 1:
                mean, count = _group(inverse, row, column, slot, cut)
    return mean if count == there else np.nan


@compiled
def corner_depths(inverse: Array, cut: float) -> tuple[Array, Bool]:
    """Corners and whole cells of a `parascale.projection.grid.Grid`."""
    rows, columns = inverse.shape
    corners = np.empty((rows + 1, columns + 1), np.float64)
    for row in range(rows + 1):
        for column in range(columns + 1):
            if 0 < row < rows and 0 < column < columns:
                a, b = inverse[row - 1, column - 1], inverse[row - 1, column]
                c, d = inverse[row, column], inverse[row, column - 1]
                if _joined(a, b, cut) and _joined(b, c, cut) and _joined(c, d, cut):
                    corners[row, column] = (a + b + c + d) / 4
                    continue
            corners[row, column] = _one_group(inverse, row, column, cut)
    whole = np.empty((rows, columns), np.bool_)
    for row in range(rows):
        for column in range(columns):
            sum_ = corners[row, column] + corners[row, column + 1]
            sum_ += corners[row + 1, column] + corners[row + 1, column + 1]
            whole[row, column] = not np.isnan(sum_ + inverse[row, column])
    return corners, whole


@compiled
def cut_cells(inverse: Array, whole: Bool, cut: float) -> tuple[NDArray[np.int32], Array]:
    """Row and column of the cells that are not whole, and their inverse depth: top left, and on clockwise."""
    rows, columns = inverse.shape
    count = 0
    for row in range(rows):
        for column in range(columns):
            count += not whole[row, column] and not np.isnan(inverse[row, column])
    cells, depths = np.empty((count, 2), np.int32), np.empty((count, 4), np.float64)
    count = 0
    for row in range(rows):
        for column in range(columns):
            if whole[row, column] or np.isnan(inverse[row, column]):
                continue
            cells[count, 0], cells[count, 1] = row, column
            # Seen from its top left corner, a cell is the pixel at the bottom right; and so on.
            depths[count, 0] = _group(inverse, row, column, 2, cut)[0]
            depths[count, 1] = _group(inverse, row, column + 1, 3, cut)[0]
            depths[count, 2] = _group(inverse, row + 1, column + 1, 0, cut)[0]
            depths[count, 3] = _group(inverse, row + 1, column, 1, cut)[0]
            count += 1
    return cells, depths


@compiled
def _unpacked(m: Array) -> Transfer:
    """Numbers that the compiler keeps in registers."""
    return (m[0, 0], m[0, 1], m[0, 2], m[0, 3], m[1, 0], m[1, 1], m[1, 2], m[1, 3], m[2, 0], m[2, 1], m[2, 2], m[2, 3])


@compiled
def _projected(x: float, y: float, inverse: float, t: Transfer) -> tuple[float, float, float]:
    """Pixel of a point in the target, and 1 / scale, 0 where it is behind the camera."""
    scale = t[8] * x + t[9] * y + t[10] + inverse * t[11]
    over = 1.0 / scale if scale > NEAR else 0.0
    u = (t[0] * x + t[1] * y + t[2] + inverse * t[3]) * over
    v = (t[4] * x + t[5] * y + t[6] + inverse * t[7]) * over
    return u, v, over


@compiled
def draw_cells(
    corners: Array,
    whole: Bool,
    frame: Array,
    transfer: Array,
    open_tiles: Bool,
    inverse: Float32,
    place: Float32,
) -> None:
    """Draw the whole cells of a grid; see `parascale.projection.grid.Grid.draw`."""
    work = np.zeros(_LENGTH, np.float64)
    numbers = _unpacked(transfer)
    rows, columns = whole.shape
    last_column, last_row = inverse.shape[1] - 1.0, inverse.shape[0] - 1.0
    x0, y0, wide, high = frame[0], frame[1], frame[2], frame[3]
    for first in range(0, columns, _RUN):
        count = min(_RUN, columns - first)
        for j in range(count + 1):
            work[_ALONG + j] = x0 + (first + j) * wide
        projected = -1
        for row in range(rows):
            if not whole[row, first : first + count].any():
                continue
            if projected != row:
                _project_row(corners[row, first : first + count + 1], y0 + row * high, numbers, work)
            work[:_XD] = work[_XD : 2 * _XD]
            projected = row + 1
            _project_row(corners[row + 1, first : first + count + 1], y0 + (row + 1) * high, numbers, work)
            _solve_row(count, y0 + row * high, wide, high, last_column, last_row, work)
            _write_row(whole[row, first : first + count], y0 + row * high, frame, open_tiles, work, inverse, place)


@compiled
def _project_row(depths: Array, y: float, transfer: Transfer, work: Array) -> None:
    for j in range(len(depths)):
        u, v, over = _projected(work[_ALONG + j], y, depths[j], transfer)
        work[_XD + j], work[_YD + j], work[_SD + j], work[_ID + j] = u, v, over, depths[j]


@compiled
def _solve_row(
    count: int, y0: float, wide: float, high: float, last_column: float, last_row: float, work: Array
) -> None:
    """Find the pixels that every cell may cover, and what the first of them sees."""
    for j in range(count):
        xa, xb, xc, xd = work[_XA + j], work[_XA + 1 + j], work[_XD + 1 + j], work[_XD + j]
        ya, yb, yc, yd = work[_YA + j], work[_YA + 1 + j], work[_YD + 1 + j], work[_YD + j]
        sa, sb, sc, sd = work[_SA + j], work[_SA + 1 + j], work[_SD + 1 + j], work[_SD + j]
        ia, ib, ic, id_ = work[_IA + j], work[_IA + 1 + j], work[_ID + 1 + j], work[_ID + j]
        left, right = _span(xa, xb, xc, xd, last_column)
        top, bottom = _span(ya, yb, yc, yd, last_row)
        front = (xb - xa) * (yc - ya) - (yb - ya) * (xc - xa) > 0
        front &= (xc - xa) * (yd - ya) - (yc - ya) * (xd - xa) > 0
        x, y = left + 0.5, top + 0.5
        ax, ay, cx, cy = xa - x, ya - y, xc - x, yc - y
        ca = cx * ay - cy * ax
        # The diagonal parts the cell; p is the corner on the pixel's side of it.
        upper = ca >= 0
        px, py = (xb if upper else xd) - x, (yb if upper else yd) - y
        ap, pc = ax * py - ay * px, px * cy - py * cx
        least, most = (ap if ap < pc else pc), (ap if ap > pc else pc)
        inside = (least if upper else -most) >= 0
        wa, wp, wc = pc * sa, ca * (sb if upper else sd), ap * sc
        depth = wa * ia + wp * (ib if upper else id_) + wc * ic
        seen = depth / (ap + pc + ca)
        over = 1.0 / (wa + wp + wc)
        seen = seen if inside else _BESIDE
        work[_SEEN + j] = seen if front else _FOLDED
        work[_LEFT + j], work[_TOP + j], work[_BOTTOM + j] = left, top, bottom
        # A cell that reaches behind the camera covers nothing.
        work[_RIGHT + j] = right if sa * sb * sc * sd != 0 else -1.0
        work[_X + j] = work[_ALONG + j] + wide * over * (wc + wp if upper else wc)
        work[_Y + j] = y0 + high * over * (wc if upper else wc + wp)
        work[_OWN + j] = depth * over


@compiled
def _span(a: float, b: float, c: float, d: float, limit: float) -> tuple[float, float]:
    """First and last pixel whose centre lies between the least and the most of four."""
    low, lower = (a if a < b else b), (c if c < d else d)
    first = np.ceil((low if low < lower else lower) - 0.5)
    high, higher = (a if a > b else b), (c if c > d else d)
    last = np.floor((high if high > higher else higher) - 0.5)
    return (first if first > 0 else 0.0), (last if last < limit else limit)


@compiled
def _write_row(
    whole: Bool,
    y0: float,
    frame: Array,
    open_tiles: Bool,
    work: Array,
    inverse: Float32,
    place: Float32,
) -> None:
    for j in range(len(whole)):
        left, right, top, bottom = work[_LEFT + j], work[_RIGHT + j], work[_TOP + j], work[_BOTTOM + j]
        if not ((left <= right) & (top <= bottom) & whole[j]) or not _is_open(open_tiles, left, right, top, bottom):
            continue
        seen = np.float32(work[_SEEN + j])
        if seen >= 0:
            row, column = np.uint32(top), np.uint32(left)
            if seen > inverse[row, column]:
                inverse[row, column] = seen
                place[row, column, 0] = work[_X + j]
                place[row, column, 1] = work[_Y + j]
                place[row, column, 2] = work[_OWN + j]
        if (right > left) | (bottom > top) | (seen == _FOLDED):
            x = (work[_XA + j], work[_XA + 1 + j], work[_XD + 1 + j], work[_XD + j])
            y = (work[_YA + j], work[_YA + 1 + j], work[_YD + 1 + j], work[_YD + j])
            over = (work[_SA + j], work[_SA + 1 + j], work[_SD + 1 + j], work[_SD + j])
            depth = (work[_IA + j], work[_IA + 1 + j], work[_ID + 1 + j], work[_ID + j])
            area = (left, right, top, bottom)
            _draw_cell((x, y, over, depth, area), work[_ALONG + j], y0, frame, inverse, place)


@compiled
def _is_open(tiles: Bool, left: float, right: float, top: float, bottom: float) -> bool:
    """Whether a tile that the corners of an area lie in is open; larger areas count as open."""
    if (right - left > TILE) | (bottom - top > TILE):
        return True
    a, b = np.uint32(top) // np.uint32(TILE), np.uint32(bottom) // np.uint32(TILE)
    c, d = np.uint32(left) // np.uint32(TILE), np.uint32(right) // np.uint32(TILE)
    return bool(tiles[a, c] | tiles[a, d] | tiles[b, c] | tiles[b, d])


@compiled
def draw_cut(
    cells: NDArray[np.int32],
    depths: Array,
    frame: Array,
    transfer: Array,
    inverse: Float32,
    place: Float32,
) -> None:
    """Draw the cells that `cut_cells` gives."""
    numbers = _unpacked(transfer)
    last_column, last_row = inverse.shape[1] - 1.0, inverse.shape[0] - 1.0
    wide, high = frame[2], frame[3]
    for i in range(len(cells)):
        x0, x1 = frame[0] + cells[i, 1] * wide, frame[0] + (cells[i, 1] + 1) * wide
        y0, y1 = frame[1] + cells[i, 0] * high, frame[1] + (cells[i, 0] + 1) * high
        xa, ya, sa = _projected(x0, y0, depths[i, 0], numbers)
        xb, yb, sb = _projected(x1, y0, depths[i, 1], numbers)
        xc, yc, sc = _projected(x1, y1, depths[i, 2], numbers)
        xd, yd, sd = _projected(x0, y1, depths[i, 3], numbers)
        left, right = _span(xa, xb, xc, xd, last_column)
        top, bottom = _span(ya, yb, yc, yd, last_row)
        if not ((left <= right) & (top <= bottom) & (sa * sb * sc * sd != 0)):
            continue
        depth = (depths[i, 0], depths[i, 1], depths[i, 2], depths[i, 3])
        area = (left, right, top, bottom)
        x, y, over = (xa, xb, xc, xd), (ya, yb, yc, yd), (sa, sb, sc, sd)
        _draw_cell((x, y, over, depth, area), x0, y0, frame, inverse, place)


@compiled
def _draw_cell(
    cell: tuple[Four, Four, Four, Four, Four], x0: float, y0: float, frame: Array, inverse: Float32, place: Float32
) -> None:
    """Draw a cell, whichever way it is turned: its two triangles.

    Parameters
    ----------
    cell : five tuples
        Of its corners: x, y, 1 / scale and inverse depth; then first and last column and row that it may cover.
    x0, y0 : float
        Where it lies in the source picture.
    frame, inverse, place
        As in `parascale.projection.grid.Grid.draw`.
    """
    x, y, over, depth, area = cell
    wide, high = frame[2], frame[3]
    v = area[2] + 0.5
    while v < area[3] + 1.0:
        u = area[0] + 0.5
        while u < area[1] + 1.0:
            row, column = np.uint32(v), np.uint32(u)
            if inverse[row, column] == np.inf:
                u += 1.0
                continue
            ax, ay, bx, by, cx, cy = x[0] - u, y[0] - v, x[1] - u, y[1] - v, x[2] - u, y[2] - v
            ab, bc, ca = ax * by - ay * bx, bx * cy - by * cx, cx * ay - cy * ax
            upper = ((ab >= 0) & (bc >= 0) & (ca >= 0)) | ((ab <= 0) & (bc <= 0) & (ca <= 0))
            inside = upper
            if upper:
                total, wa, wp, wc, ip = ab + bc + ca, bc * over[0], ca * over[1], ab * over[2], depth[1]
            else:
                dx, dy = x[3] - u, y[3] - v
                cd, da = cx * dy - cy * dx, dx * ay - dy * ax
                inside = ((cd >= 0) & (da >= 0) & (ca <= 0)) | ((cd <= 0) & (da <= 0) & (ca >= 0))
                total, wa, wp, wc, ip = cd + da - ca, cd * over[0], -ca * over[3], da * over[2], depth[3]
            if inside and total != 0:
                own = wa * depth[0] + wp * ip + wc * depth[2]
                seen = np.float32(own / total)
                if seen > inverse[row, column]:
                    inverse[row, column] = seen
                    share = 1.0 / (wa + wp + wc)
                    place[row, column, 0] = x0 + wide * share * (wc + wp if upper else wc)
                    place[row, column, 1] = y0 + high * share * (wc if upper else wc + wp)
                    place[row, column, 2] = own * share
            u += 1.0
        v += 1.0
