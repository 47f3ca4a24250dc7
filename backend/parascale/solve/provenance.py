"""Where a solved shot comes from: its source, and the versions that solved it."""

import hashlib
from pathlib import Path

import av
import cv2
import numpy as np
import pycolmap
import scipy

import parascale
from parascale.media.sequences import sequence_files
from parascale.solve.tracking.footage import Footage
from parascale.types import Json


def describe_source(path: Path, footage: Footage, seed: int) -> dict[str, Json]:
    """Describe source, range and versions, as the shot file keeps them."""
    return {
        "kind": "solve",
        "source": path.name,
        "sha256": source_digest(path),
        "source_fps": footage.info.fps,
        "start": int(footage.frames[0]),
        "end": int(footage.frames[-1]) + 1,
        "seed": seed,
        "versions": {
            "parascale": parascale.__version__,
            "pycolmap": pycolmap.__version__,
            "opencv": cv2.__version__,
            "av": av.__version__,
            "numpy": np.__version__,
            "scipy": scipy.__version__,
        },
    }


def source_digest(path: Path) -> str:
    """SHA-256 of a file, or of the names and contents of pictures."""
    digest = hashlib.sha256()
    pictures = sequence_files(path)
    if pictures is None:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    for image in pictures:
        digest.update(image.name.encode())
        digest.update(hashlib.sha256(image.read_bytes()).digest())
    return digest.hexdigest()
