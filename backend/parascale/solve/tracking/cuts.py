"""Where one shot ends and the next begins: hard cuts, dissolves and fades, told from flashes and from moves."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np

from parascale.errors import InputError, Notice
from parascale.solve.tracking.flow import share_tracked
from parascale.solve.tracking.footage import Footage
from parascale.solve.tracking.transitions import Looks, find_dissolves, find_faded, gradient_energy
from parascale.types import Array, Image

THUMBNAIL_SIZE = (64, 36)
# A cut changes the blurred picture by this many grey levels, and by this many times what its neighbours change.
MIN_CHANGE = 8.0
MIN_CHANGE_RATIO = 3.0
NEIGHBOURS = 6
# Share of the corners that can be tracked to the next frame: nearly all within a shot, nearly none across a cut.
MIN_TRACKED_SHARE = 0.3
# Frames that a flash of light, or a gap, takes; and grey levels by which all of them differ from both sides.
MAX_FLASH, MIN_FLASH = 6, 8.0


@dataclass(frozen=True)
class ShotRange:
    """The usable frames of one shot, by their indices, and what was left out between and beside them."""

    kept: tuple[int, ...]
    flashed: tuple[int, ...] = ()
    faded: tuple[int, ...] = ()


def one_shot(name: str, footage: Footage, number: int | None = None) -> Footage:
    """Select one shot of a clip.

    Parameters
    ----------
    name : str
        Name of the clip, for messages.
    footage : Footage
    number : int or None
        Number of the shot, counting from 1; None where the clip must be one shot.

    Raises
    ------
    InputError
        Where the clip holds several and no number is given, or fewer than the number; its choices are their ranges.
    """
    shots = find_shots(footage.grey)
    if (number is None and len(shots) == 1) or (number is not None and 1 <= number <= len(shots)):
        shot = shots[(number or 1) - 1]
        return footage if len(shot.kept) == len(footage) else footage.keep(shot.kept, *_notices(name, footage, shot))
    missing = "" if number is None else f", no shot {number}"
    plural = "s" * (len(shots) > 1)
    ranges = [f"{footage.frames[shot.kept[0]]}:{footage.frames[shot.kept[-1]] + 1}" for shot in shots]
    raise InputError(f"{name} holds {len(shots)} shot{plural}{missing}", "shot", ranges)


def _notices(name: str, footage: Footage, shot: ShotRange) -> list[Notice]:
    told = []
    if shot.faded:
        bright = np.mean([footage.grey[at].mean() for at in shot.faded]) > footage.grey[shot.kept[0]].mean()
        what = "bright" if bright else "dark"
        told.append(Notice(f"{name} fades: its {what} frames {_ranges(footage, shot.faded)} are left out"))
    if shot.flashed:
        listed = _ranges(footage, shot.flashed)
        told.append(Notice(f"{name} has a flash or a gap: frames {listed} do not show the scene and are left out"))
    return told


def _ranges(footage: Footage, indices: Sequence[int]) -> str:
    """Name frames by their numbers, runs by their ends."""
    runs: list[list[int]] = []
    for at in indices:
        if runs and at == runs[-1][-1] + 1:
            runs[-1].append(at)
        else:
            runs.append([at])
    frames = footage.frames
    named = [str(frames[run[0]]) + (f" to {frames[run[-1]]}" if len(run) > 1 else "") for run in runs]
    return " and ".join(named) if len(named) < 3 else ", ".join(named[:-1]) + " and " + named[-1]


def find_shots(pictures: Sequence[Image]) -> list[ShotRange]:
    """Find the shots of a clip, and the frames of each that show its scene.

    Parameters
    ----------
    pictures : T pictures (h, w) uint8
    """
    thumbnails = _thumbnails(pictures)
    cuts, flashed = _find_cuts(pictures, thumbnails)
    looks = Looks(thumbnails.reshape(len(pictures), -1), np.array([gradient_energy(p) for p in pictures]))
    blank = looks.blank
    blank[list(flashed)] = False
    shots = []
    for first, last in pairwise([0, *cuts, len(pictures)]):
        edges = [first]
        for before, after in find_dissolves(pictures, looks, first, last):
            edges += [before + 1, after]
        for a, b in zip(edges[::2], [*edges[1::2], last], strict=True):
            # Black or white between two pictures parts them as a cut does.
            shown = np.flatnonzero(~blank[a:b]) + a
            for run in np.split(shown, np.flatnonzero(np.diff(shown) > 1) + 1):
                if len(run):
                    begin, end = int(run[0]), int(run[-1]) + 1
                    shots.append((a, b, *find_faded(pictures, looks, begin, end)))
    if not shots:
        return [ShotRange(tuple(range(len(pictures))))]
    return [_shot(shot, [other for other in shots if other[:2] == shot[:2]], flashed) for shot in shots]


def _shot(shot: tuple[int, int, int, int], beside: Sequence[tuple[int, int, int, int]], flashed: set[int]) -> ShotRange:
    a, b, begin, end = shot
    kept = tuple(at for at in range(begin, end) if at not in flashed)
    faded = (*range(a, begin), *range(end, b)) if len(beside) == 1 else ()
    return ShotRange(kept, tuple(at for at in range(begin, end) if at in flashed), faded)


def find_cuts(pictures: Sequence[Image]) -> list[int]:
    """Find hard cuts.

    Parameters
    ----------
    pictures : T pictures (h, w) uint8

    Returns
    -------
    list of int
        Indices of the first frame of every shot but the first.
    """
    return _find_cuts(pictures, _thumbnails(pictures))[0]


def _thumbnails(pictures: Sequence[Image]) -> Array:
    small = [cv2.resize(p, THUMBNAIL_SIZE, interpolation=cv2.INTER_AREA).astype(np.float32) for p in pictures]
    return np.array([cv2.GaussianBlur(picture, (0, 0), 1.5) for picture in small])


def _find_cuts(pictures: Sequence[Image], thumbnails: Array) -> tuple[list[int], set[int]]:
    """Find hard cuts, and the frames of flashes and gaps, after which the same scene goes on."""
    change = np.array([np.abs(b - a).mean() for a, b in pairwise(thumbnails)])
    cuts: list[int] = []
    flashed: set[int] = set()
    for step in range(len(change)):
        near = np.r_[change[max(step - NEIGHBOURS, 0) : step], change[step + 1 : step + 1 + NEIGHBOURS]]
        typical = np.median(near) if len(near) else 0.0
        if step in flashed or not change[step] > max(MIN_CHANGE, MIN_CHANGE_RATIO * typical):
            continue
        if share_tracked(pictures[step], pictures[step + 1]) < MIN_TRACKED_SHARE:
            after = _after_flash(pictures, step)
            if after is None:
                cuts.append(step + 1)
            flashed.update(range(step + 1, after or step + 1))
    return cuts, flashed


def _after_flash(pictures: Sequence[Image], before: int) -> int | None:
    """Find the frame at which the scene goes on after frames that are all lighter, or all darker; None after a cut."""
    light = [float(picture.mean()) for picture in pictures[before : before + MAX_FLASH + 2]]
    for after in range(2, len(light)):
        sides, inside = (light[0], light[after]), light[1:after]
        if max(inside) > min(sides) - MIN_FLASH and min(inside) < max(sides) + MIN_FLASH:
            continue
        if share_tracked(pictures[before], pictures[before + after]) >= MIN_TRACKED_SHARE:
            return before + after
    return None
