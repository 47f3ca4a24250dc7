"""Small pictures of jobs: the conditioning image, then a sketch while the job runs, then its video."""

import base64
import os
import struct
import time
import zlib
from pathlib import Path
from typing import Literal

import bpy.utils.previews
import imbuf
import numpy as np
from bpy.utils.previews import ImagePreviewCollection

from parascale.types import Image

from . import journal
from .journal import Job

MAX_LONG_SIDE = 160

_previews: ImagePreviewCollection | None = None

# The last sketch of each job, and the jobs whose icon shows an older one.
_sketches: dict[str, str] = {}
_outdated: set[str] = set()


def save_picture(job: Job, picture: Image) -> None:
    """Write the conditioning image (H, W, 3) of a job beside its journal entry, small."""
    step = max(1, max(picture.shape[:2]) // MAX_LONG_SIDE)
    path = journal.folder() / f"{job.id}.png"
    path.write_bytes(encode_png(np.ascontiguousarray(picture[::step, ::step])))


def save_sketch(job: Job, sketch: str) -> None:
    """Make the sketch of a running job, a PNG in Base64, its picture."""
    if _sketches.get(job.id) == sketch:
        return
    _sketches[job.id] = sketch
    try:
        picture = base64.b64decode(sketch, validate=True)
    except ValueError:
        return  # a bad sketch must not end the job
    path = journal.folder() / f"{job.id}.png"
    partial = path.with_suffix(".part.png")
    partial.write_bytes(picture)
    # Blender caches previews of files by path and modification time in whole seconds.
    stamp = max(int(time.time()), int(path.stat().st_mtime) + 1 if path.is_file() else 0)
    os.utime(partial, (stamp, stamp))
    partial.replace(path)
    _outdated.add(job.id)


def cut_shots(job: Job) -> None:
    """Cut the picture of a clip of several shots, which shows them side by side, into one picture for each."""
    path = journal.folder() / f"{job.id}.png"
    if not path.is_file():
        return
    try:
        row = imbuf.load(str(path))
    except (OSError, ValueError):
        return  # as with a bad sketch
    width, height = row.size[0] // len(job.shots), row.size[1]
    for number in range(len(job.shots)):
        picture = row.copy()
        picture.crop((number * width, 0), ((number + 1) * width - 1, height - 1))
        imbuf.write(picture, filepath=str(journal.picture_of_shot(job, number)))
        picture.free()
    row.free()


def icon_of_shot(job: Job, number: int) -> int:
    """Return the icon of one shot, counted from 0, of a clip that holds several; 0 if it has no picture."""
    path = journal.picture_of_shot(job, number)
    return _icon(f"SHOT {job.id} {number}", path, "IMAGE") if path.is_file() else 0


def _icon(key: str, path: Path, kind: Literal["MOVIE", "IMAGE"]) -> int:
    global _previews  # noqa: PLW0603 - Blender wants the collection removed once, by its maker
    if _previews is None:
        _previews = bpy.utils.previews.new()
    if key not in _previews:
        _previews.load(key, str(path), kind)
    return int(_previews[key].icon_id)


def icon_of(job: Job) -> int:
    """Return the icon of a job's picture; 0 if it has none."""
    video = Path(job.files.get("video", ""))
    kind: Literal["MOVIE", "IMAGE"] = "MOVIE" if video.is_file() else "IMAGE"
    path = video if kind == "MOVIE" else journal.folder() / f"{job.id}.png"
    key = f"{kind} {job.id}"
    if _previews is not None and key in _previews and kind == "IMAGE" and job.id in _outdated:
        _previews[key].reload()
    elif not path.is_file():
        return 0
    _outdated.discard(job.id)
    return _icon(key, path, kind)


def refusal_picture(job: Job) -> Path | None:
    """Return the drawing of where a refused clip breaks; None where there is none."""
    path = journal.folder() / f"{job.id}.png"
    refused = job.kind == "solve" and job.state == "failed" and not job.shots
    return path if refused and path.is_file() else None


def clear() -> None:
    """Free all icons."""
    global _previews  # noqa: PLW0603
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
    _previews = None


def encode_png(picture: Image) -> bytes:
    """Encode an 8-bit RGB picture (H, W, 3) as PNG."""
    height, width = picture.shape[:2]
    rows = np.concatenate([np.zeros((height, 1), np.uint8), picture.reshape(height, width * 3)], axis=1)
    chunks = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows.tobytes())),
        (b"IEND", b""),
    )
    body = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body
