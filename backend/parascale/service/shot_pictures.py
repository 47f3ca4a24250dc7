"""Pictures of a refused solve that fit into a sketch: of a clip's shots, to choose one, and of where it breaks."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from parascale.link.limits import LARGEST_SKETCH
from parascale.media.frames import read_frames
from parascale.types import Image

# Pixels along each picture, the first that fits into a sketch.
WIDTHS = (160, 128, 96, 64, 48, 32, 16)
# The same of a drawing of tracks, whose colours are coarse: lines and dots stay, the grain behind them goes.
DRAWING_WIDTHS = (960, 800, 640, 560, 480, 400, 320, 240, 160, 80)
SHADE = 32


def write_shot_pictures(clip: Path, shots: Sequence[str], path: Path) -> None:
    """Write the middle frames of a clip's shots side by side, all of one size, as a PNG that fits into a sketch.

    Parameters
    ----------
    clip : Path
        A video or a folder of pictures.
    shots : sequence of str
        Frame ranges START:END, END exclusive.
    path : Path
        Not written where even the smallest pictures are too large.
    """
    ranges = [tuple(int(frame) for frame in shot.split(":")) for shot in shots]
    middles = [(start + end - 1) // 2 for start, end in ranges]
    pictures = {frame.number: frame.picture for frame in read_frames(clip, set(middles))}
    for width in WIDTHS:
        row = np.concatenate([_at_width(pictures[middle], width) for middle in middles], axis=1)
        stored = cv2.imencode(".png", row[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
        if len(stored) <= LARGEST_SKETCH:
            path.write_bytes(stored)
            return


def write_track_picture(drawing: Path, path: Path) -> None:
    """Write what a solve drew of its tracks (see `parascale.solve.findings.draw`) as a PNG that fits into a sketch.

    Parameters
    ----------
    drawing : Path
    path : Path
        Not written where there is no drawing, as of a clip that could not be decoded.
    """
    drawn = cv2.imdecode(np.fromfile(drawing, np.uint8), cv2.IMREAD_COLOR) if drawing.is_file() else None
    for width in DRAWING_WIDTHS if drawn is not None else ():
        coarse = _at_width(np.asarray(drawn, np.uint8), width) // SHADE * SHADE + SHADE // 2
        stored = cv2.imencode(".png", coarse, [cv2.IMWRITE_PNG_COMPRESSION, 9])[1].tobytes()
        if len(stored) <= LARGEST_SKETCH:
            path.write_bytes(stored)
            return


def _at_width(picture: Image, width: int) -> Image:
    height = max(1, round(width * picture.shape[0] / picture.shape[1]))
    return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
