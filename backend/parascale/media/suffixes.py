"""Which files are pictures, videos and depth maps, by the ends of their names."""

import re
from pathlib import Path

from parascale.errors import InputError

IMAGE_SUFFIXES = (".bmp", ".exr", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
VIDEO_SUFFIXES = (".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm")
"""What file dialogs offer. Others are tried too: the content decides, not the name."""


DEPTH_SUFFIXES = (".npy", ".npz", ".exr", ".png", ".pgm")
BLENDER_DEPTH_SUFFIXES = (".npy", ".npz", ".exr", ".png")

_PATTERN = re.compile(r"%0?\d*d|#+")
"""The number in the name of a pattern of pictures."""


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
    return _in_natural_order(images)


def sequence_files(reference: Path) -> list[Path] | None:
    """List the pictures of a folder, of a pattern as ``f.%04d.exr`` or ``f.####.exr``, or beside a numbered picture.

    Returns
    -------
    list of Path or None
        None where the reference is another file: a video, or a picture alone.

    Raises
    ------
    InputError
        Where a folder or a pattern has no pictures.
    """
    if reference.is_dir():
        return image_files(reference)
    if reference.suffix.lower() not in IMAGE_SUFFIXES:
        return None
    pattern = None if reference.exists() else _PATTERN.search(reference.name)
    # The last number that counts: "render.0001.left.png" and "0001_v2.png" count by the first, as the second stays.
    for place in [pattern] if pattern else reversed(list(re.finditer(r"\d+", reference.stem))):
        before, after = reference.name[: place.start()], reference.name[place.end() :]
        folder = reference.parent.iterdir() if reference.parent.is_dir() else ()
        found = [path for path in folder if path.name.startswith(before) and path.name.endswith(after)]
        found = [path for path in found if path.name[len(before) : len(path.name) - len(after)].isdecimal()]
        if pattern is not None and not found:
            raise InputError(f"no pictures are named {reference}: give the name of one of them, or their folder")
        if pattern is not None or len(found) > 1:
            return _in_natural_order(found)
    return [reference] if reference.suffix.lower() == ".exr" and reference.is_file() else None


def reference_name(reference: Path) -> str:
    """Name a reference in a word: a file without its suffix, a folder, a pattern without its sign for the number."""
    if reference.is_dir():
        return reference.name
    stem = reference.stem if reference.is_file() else _PATTERN.sub("", reference.stem).rstrip("._- ")
    return stem or reference.parent.name


def _in_natural_order(paths: list[Path]) -> list[Path]:
    return sorted(paths, key=lambda p: [int(s) if s.isdigit() else s.lower() for s in re.split(r"(\d+)", p.name)])
