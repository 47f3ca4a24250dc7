"""What a solve found in the pictures, to look at: the tracks it used, the frame where it breaks, and what moves."""

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from parascale.files.disk import MARK, make_folder, replace_files
from parascale.solve.depth.movers import find_movers, find_moving_tracks
from parascale.solve.reconstruction.solution import FINAL_REPROJECTION_LIMIT, Solution
from parascale.solve.tracking.footage import Footage
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array, Image, Mask

# The picture's width, the height of the bars below it, and the frames of a track that are drawn.
PICTURE_WIDTH, BAR_HEIGHT, TAIL = 960, 80, 8
# Blue, green, red: of tracks that fit the scene, that do not, and that nothing was found out about.
USED, NOT_USED, UNDECIDED = (80, 220, 60), (60, 60, 240), (40, 210, 250)
# Working pixels: a turn holds a track within this error. Its lens is known less well than that of a map.
MAX_TURN_ERROR = 3.0
# Length of a PNG's signature and first chunk, after which a text may stand.
PNG_HEADER = 33
# What the mark of a mask says it is.
MASK = "mask of what moves"


@dataclass(eq=False)
class Findings:
    """What is known of a clip while it is solved, for a picture of it also where it is refused.

    Attributes
    ----------
    footage : Footage or None
    tracks : Tracks or None
        In pixels of the working picture.
    fits : (T, M) bool or None
        Which observations fit the scene that was found last.
    """

    footage: Footage | None = None
    tracks: Tracks | None = None
    fits: Mask | None = None

    def note(self, solution: Solution) -> None:
        """Keep which observations fit a solution."""
        self.fits = solution.structure.residuals < FINAL_REPROJECTION_LIMIT

    def note_turn(self, tracks: Tracks, rotations: Array, focal: float) -> None:
        """Keep which observations fit a camera that only turns: camera-to-world rotations (T, 3, 3)."""

        def fits(positions: Array) -> Mask:
            rays = np.concatenate([positions / focal, np.ones((*positions.shape[:2], 1))], axis=2)
            directions = np.einsum("tij,tmj->tmi", rotations, rays)
            # The median of a track's directions, where at least one frame observes it.
            flat = directions[:, :, :2] / directions[:, :, 2:]
            middle = np.full((positions.shape[1], 3), 1.0)
            middle[:, :2] = np.nanmedian(flat, axis=0)
            seen = np.einsum("tji,mj->tmi", rotations, middle)
            with np.errstate(invalid="ignore"):
                error = np.linalg.norm(focal * seen[:, :, :2] / seen[:, :, 2:] - positions, axis=2)
            return np.asarray(error < MAX_TURN_ERROR)

        self.fits = np.concatenate([fits(part) for part in tracks.parts()], axis=1)


@contextmanager
def shown(findings: Findings, picture: Path | None, masks: Path | None) -> Iterator[None]:
    """Write the picture of what is found, also where the clip is refused, and the masks where it is solved."""
    try:
        yield
    finally:
        if picture is not None and findings.footage is not None:
            replace_files({picture: _encode(draw(findings), "track picture")})
    if masks is not None:
        write_masks(findings, masks)


def draw(findings: Findings) -> Image:
    """Draw the frame with the fewest tracks in use, with its tracks; below it, a bar a frame of those seen and used.

    Returns
    -------
    (h, w, 3) uint8
        sRGB.
    """
    footage = findings.footage
    if footage is None:
        raise ValueError("there is no picture to draw before a clip is decoded")
    tracks = Tracks(np.empty((len(footage), 0, 2))) if findings.tracks is None else findings.tracks
    positions, seen = tracks.positions, tracks.seen
    # From picture to picture of a set without an order nothing moves.
    length = 0 if tracks.matched else TAIL
    used = seen if findings.fits is None else findings.fits & seen
    frame = _weakest(seen, used, followed=findings.fits is None and not tracks.matched)
    height, width = footage.grey[frame].shape
    factor = PICTURE_WIDTH / width
    canvas = cv2.resize(footage.grey[frame], (PICTURE_WIDTH, round(height * factor)), interpolation=cv2.INTER_AREA)
    canvas = cv2.cvtColor(canvas // 2 + 32, cv2.COLOR_GRAY2BGR)
    for track in np.flatnonzero(seen[frame]):
        colour = UNDECIDED if findings.fits is None else USED if used[frame, track] else NOT_USED
        tail = positions[max(frame - length, 0) : frame + 1, track]
        points = (tail[np.isfinite(tail[:, 0])] * factor).round().astype(np.int32)
        cv2.polylines(canvas, [points], False, colour, 1, cv2.LINE_AA)
        cv2.circle(canvas, points[-1].tolist(), 4, colour, -1, cv2.LINE_AA)
    words = f"frame {footage.frames[frame]}: {seen[frame].sum()} tracks"
    if findings.fits is not None:
        words += f", {used[frame].sum()} of them fit (green)"
    # Large enough to be read where the picture is sent in half its size.
    cv2.putText(canvas, words, (12, 36), cv2.FONT_HERSHEY_SIMPLEX, 1.0, (255, 255, 255), 2, cv2.LINE_AA)
    bars = _bars(seen.sum(axis=1), used.sum(axis=1), frame, known=findings.fits is not None)
    return np.asarray(cv2.cvtColor(np.vstack([canvas, bars]), cv2.COLOR_BGR2RGB), np.uint8)


def _weakest(seen: Mask, used: Mask, *, followed: bool) -> int:
    """Return the frame where the solution breaks: with the fewest tracks in use, or before which most are lost."""
    if not followed or len(seen) < 2:
        return int(used.sum(axis=1).argmin())
    return int((seen[:-1] & seen[1:]).sum(axis=1).argmin())


def _bars(seen: Array, used: Array, frame: int, *, known: bool) -> Image:
    """Draw a bar a frame, of the tracks it sees and of those in use, and mark one frame."""
    bars = np.full((BAR_HEIGHT, PICTURE_WIDTH, 3), 24, np.uint8)
    edges = np.linspace(0, PICTURE_WIDTH, len(seen) + 1).round().astype(int)
    most = max(int(seen.max()), 1)
    for at in range(len(seen)):
        left, right = int(edges[at]), max(int(edges[at + 1]) - 1, int(edges[at]) + 1)
        for count, colour in ((seen[at], NOT_USED if known else UNDECIDED), (used[at], USED if known else UNDECIDED)):
            top = BAR_HEIGHT - round(float(count) / most * (BAR_HEIGHT - 12))
            cv2.rectangle(bars, (left, top), (right, BAR_HEIGHT), colour, -1)
        if at == frame:
            cv2.rectangle(bars, (left, 0), (right, 6), (255, 255, 255), -1)
    return bars


def outline_movers(findings: Findings) -> list[Mask]:
    """Outline what moves by itself in every frame: cells of the depth's grid (rows, columns), True where it is."""
    if findings.footage is None or findings.tracks is None or findings.fits is None:
        raise ValueError("what moves is not known before a clip is solved")
    seen = findings.tracks.seen
    moves = find_moving_tracks(findings.fits & seen, seen)
    height, width = findings.footage.grey[0].shape
    found = []
    for frame in range(len(seen)):
        here = findings.tracks.positions[frame]
        static = here[seen[frame] & ~moves]
        outlined = find_movers(here[seen[frame] & moves], static, (width, height))
        found.append(np.any(outlined, axis=0) if outlined else np.zeros((1, 1), bool))
    return found


def write_masks(findings: Findings, folder: Path) -> None:
    """Write a PNG mask a frame, white where something moves by itself, named by the frame's number.

    Masks of an earlier solve, of frames that this one has not, are deleted; all other files stay.
    """
    masks = outline_movers(findings)
    footage = findings.footage
    assert footage is not None
    make_folder(folder)
    size = (footage.info.width, footage.info.height)
    files = {}
    for number, mask in zip(footage.frames.tolist(), masks, strict=True):
        # Its outline is that of its corners: it is a little larger.
        grown = cv2.dilate(mask.astype(np.uint8) * 255, np.ones((3, 3), np.uint8))
        picture = np.asarray(cv2.resize(grown, size, interpolation=cv2.INTER_NEAREST), np.uint8)
        files[folder / f"{number:05d}.png"] = _encode(picture, MASK)
    replace_files(files)
    for earlier in set(folder.glob("*.png")) - files.keys():
        with suppress(OSError):
            if earlier.stem.isdecimal() and _is_mask(earlier):
                earlier.unlink()


def _is_mask(path: Path) -> bool:
    """Whether a file is a mask that we wrote."""
    text = _mark(MASK)
    with path.open("rb") as file:
        return file.read(PNG_HEADER + len(text))[PNG_HEADER:] == text


def _encode(picture: Image, what: str) -> bytes:
    """Encode a grey or an sRGB picture as PNG, with our mark."""
    shown = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    data = cv2.imencode(".png", shown)[1].tobytes()
    return data[:PNG_HEADER] + _mark(what) + data[PNG_HEADER:]


def _mark(what: str) -> bytes:
    """Return the chunk of a PNG that says it is ours, and what."""
    text = b"tEXt" + b"Software\0" + f"{MARK} {what}".encode()
    return struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
