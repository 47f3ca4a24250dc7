"""Which pictures are one clip, by their names: those of a folder, of a pattern, or beside a numbered one."""

import itertools
import re
from collections.abc import Sequence
from pathlib import Path

from parascale.errors import InputError
from parascale.files.cameras import split_by_name
from parascale.media.suffixes import IMAGE_SUFFIXES

# Name and frame as renderers write them: "sh010.1001", "sh010.1001.left"; names of numbers alone are time stamps.
_DOTTED = re.compile(r"(.*[A-Za-z].*)\.(\d{2,})((?:\.[^.\d][^.]*)*)")
_PATTERN = re.compile(r"%0?\d*d|#+")
"""The number in the name of a pattern of pictures."""

# Frames before 0 have a minus that no word stands before: "f.-0010.exr", "f_-10.exr".
_NUMBER = re.compile(r"((?:(?<![^._])-)?\d+)")


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
        Where a folder or a pattern has no pictures, or a folder holds several sequences.
    """
    if reference.is_dir():
        return choose_sequence(reference, image_files(reference))
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
    def key(path: Path) -> list[tuple[int, str]]:
        parts = _NUMBER.split(path.name)
        return [(int(part), "") if at % 2 else (0, part.lower()) for at, part in enumerate(parts)]

    return sorted(paths, key=key)


def choose_sequence(folder: Path, pictures: Sequence[Path]) -> list[Path]:
    """Choose the pictures of a folder that are one clip; single pictures beside a sequence are none of it.

    Sequences differ in a word (``rgb_0001``, ``depth_0001``), in a number before that of the frame (``cam0_0001``,
    ``cam1_0001``), or have the same names with other endings. Names that have nothing in common are all taken.

    Parameters
    ----------
    folder : Path
        For the message.
    pictures : sequence of Path
        In their order, which is kept.

    Raises
    ------
    InputError
        Where there are several sequences: it names them.
    """
    groups: dict[str, list[Path]] = {}
    for picture, label in zip(pictures, _label(pictures), strict=True):
        groups.setdefault(label, []).append(picture)
    sequences = [group for group in groups.values() if len(group) > 1]
    if len(sequences) > 1:
        told = ", ".join(f"{group[0].name} to {group[-1].name} ({len(group)})" for group in sequences)
        raise InputError(f"{folder.name} holds several sequences, {told}: name a picture of one, or its pattern")
    return sequences[0] if sequences else list(pictures)


def _label(pictures: Sequence[Path]) -> list[str]:
    labels = _split_dotted(pictures) or split_by_name([picture.name for picture in pictures])
    names = {(label, picture.stem) for label, picture in zip(labels, pictures, strict=True)}
    if len(names) == len(pictures):
        return labels
    return [label + picture.suffix.lower() for label, picture in zip(labels, pictures, strict=True)]


def _split_dotted(pictures: Sequence[Path]) -> list[str]:
    """Label pictures by what stands around their frame's number; empty where names have another form, or count on."""
    found = [match for picture in pictures if (match := _DOTTED.fullmatch(picture.stem))]
    if len(found) < len(pictures):
        return []
    frames: dict[str, set[str]] = {}
    for match in found:
        frames.setdefault(match[1] + match[3], set()).add(match[2])
    # Names of other shots count the same frames again; seconds before decimals go on.
    again = any(2 * len(own & other) >= len(own) for own, other in itertools.permutations(frames.values(), 2))
    return [match[1] + match[3] for match in found] if again else []
