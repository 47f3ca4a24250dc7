"""Which files are pictures, videos and depth maps, by the ends of their names."""

import re
from pathlib import Path

from parascale.errors import InputError

IMAGE_SUFFIXES = (".bmp", ".exr", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
"""What file dialogs offer. Others are tried too: the content decides, not the name."""

DEPTH_SUFFIXES = (".npy", ".npz", ".exr", ".png", ".pgm")
BLENDER_DEPTH_SUFFIXES = (".npy", ".npz", ".exr", ".png")


def image_files(folder: Path) -> list[Path]:
    """List the images of a folder in natural order (frame2 before frame10), without hidden ones.

    Raises
    ------
    InputError
        Where there are none.
    """
    images = [p for p in folder.iterdir() if p.suffix.lower() in IMAGE_SUFFIXES and not p.name.startswith(".")]
    if not images:
        raise InputError(f"{folder} holds no images: give a folder of frames ({', '.join(IMAGE_SUFFIXES)}) or a video")
    return sorted(images, key=lambda p: [int(s) if s.isdigit() else s.lower() for s in re.split(r"(\d+)", p.name)])
