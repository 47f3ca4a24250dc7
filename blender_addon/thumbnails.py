"""Small pictures of jobs: the first picture or a sketch while one runs, the video once it is here."""

import base64
import os
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import bpy.utils.previews
import numpy as np
from numpy.typing import NDArray

from . import journal
from .journal import Job

LONG_SIDE = 160

_previews: Any = None

# What a job's video looked like when it was last heard of, and the jobs whose icon shows something older.
_sketches: dict[str, str] = {}
_outdated: set[str] = set()


def keep(job: Job, picture: NDArray[np.uint8]) -> None:
    """Write the first picture (H, W, 3) of a job small beside its journal entry."""
    step = max(1, max(picture.shape[:2]) // LONG_SIDE)
    path = journal.folder() / f"{job.id}.png"
    path.write_bytes(_png(np.ascontiguousarray(picture[::step, ::step])))


def show(job: Job, sketch: str) -> None:
    """Take what a running job's video looks like so far, a PNG in Base64, as its picture."""
    if _sketches.get(job.id) == sketch:
        return
    _sketches[job.id] = sketch
    try:
        picture = base64.b64decode(sketch, validate=True)
    except ValueError:
        return  # no reason for the job to go unfollowed
    path = journal.folder() / f"{job.id}.png"
    partial = path.with_suffix(".part.png")
    partial.write_bytes(picture)
    # Blender keeps its small pictures of files by path and whole seconds.
    stamp = max(int(time.time()), int(path.stat().st_mtime) + 1 if path.is_file() else 0)
    os.utime(partial, (stamp, stamp))
    partial.replace(path)
    _outdated.add(job.id)


def icon_of(job: Job) -> int:
    """Return the icon of a job's picture; 0 where it has none."""
    video = Path(job.files.get("video", ""))
    path, kind = (video, "MOVIE") if video.is_file() else (journal.folder() / f"{job.id}.png", "IMAGE")
    key = f"{kind} {job.id}"
    collection = _collection()
    if key not in collection:
        if not path.is_file():
            return 0
        collection.load(key, str(path), kind)
    elif kind == "IMAGE" and job.id in _outdated:
        collection[key].reload()
    _outdated.discard(job.id)
    return int(collection[key].icon_id)


def clear() -> None:
    """Give all icons back."""
    global _previews  # noqa: PLW0603 - Blender wants the collection removed, once, by whoever made it
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
    _previews = None


def _collection() -> Any:
    global _previews  # noqa: PLW0603
    if _previews is None:
        _previews = bpy.utils.previews.new()
    return _previews


def _png(picture: NDArray[np.uint8]) -> bytes:
    """PNG of an 8-bit RGB picture (H, W, 3)."""
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
