"""The cameras of a file that holds several, told by their pictures' names, and which of them is read."""

import itertools
import re
from collections.abc import Sequence

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.picture_names import natural_key

# A number with decimals is one number: names that are time stamps count no cameras.
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
# What stands before the number of a camera, as in cam_2 and view3; the number of a frame may stand alone.
_NAMES_CAMERA = re.compile(r"[A-Za-z][-_ ]?$")
_IS_CAMERA = re.compile(r"(cam|camera|view|rig|sensor|lens)[-_ ]?$", re.IGNORECASE)
_SEPARATORS = re.compile(r"([/_\-. ]+)")


def choose_camera(
    names: Sequence[str], wanted: str | None, source: str, lengths: Sequence[int] | None = None
) -> tuple[str, tuple[Notice, ...]]:
    """Choose which of a file's cameras to read: the one asked for, else the longest, else the first, which is said.

    Parameters
    ----------
    names : sequence of str
    wanted : str or None
        A camera's name.
    source : str
        What messages call the file.
    lengths : sequence of int or None
        Frames of each, where that is known.

    Raises
    ------
    InputError
        Where there is none of that name.
    """
    if wanted is not None:
        if wanted not in names:
            raise InputError(f"{source} has no camera {wanted!r}", "camera", names)
        return wanted, ()
    if len(names) == 1:
        return names[0], ()
    if lengths is None or len(set(lengths)) == 1:
        best, why = names[0], f"the first of {len(names)} cameras"
    else:
        best, why = names[lengths.index(max(lengths))], f"the longest of {len(names)} cameras"
    return best, (Notice(f"read {best!r}, {why}", "camera", tuple(names)),)


def choose_pictures(
    names: Sequence[str],
    wanted: str | None,
    source: str,
    sizes: Sequence[str] = (),
    sensors: Sequence[str] = (),
) -> tuple[list[int], tuple[Notice, ...]]:
    """Choose the pictures of one camera, in the order of their names.

    Parameters
    ----------
    names : sequence of str
        Names of the pictures, with folders; empty where they have none.
    wanted : str or None
        A camera's name.
    source : str
        What messages call the file.
    sizes : sequence of str
        Size of each picture: pictures of other sizes are those of another camera.
    sensors : sequence of str
        Camera of each picture where the file itself tells, as in a rig.

    Returns
    -------
    list of int
        Indices.
    tuple of Notice
        Names the others.

    Raises
    ------
    InputError
        Where there is no camera of that name.
    """
    labels = _label(split_by_name(names), sizes, sensors)
    order = sorted(range(len(names)), key=lambda index: natural_key(names[index])) if all(names) else range(len(names))
    cameras: dict[str, list[int]] = {}
    for index in order:
        cameras.setdefault(labels[index], []).append(index)
    for own in cameras.values() if all(names) else ():
        for before, after in itertools.pairwise(own):
            if names[before] == names[after]:
                raise InputError(f"{source} has two poses of one picture, {names[after]}: leave out one")
    ordered = sorted(cameras, key=natural_key)
    if wanted is not None and len(ordered) == 1:
        raise InputError(f"{source} holds one camera, which is not chosen by name")
    chosen, notices = choose_camera(ordered, wanted, source, [len(cameras[name]) for name in ordered])
    return cameras[chosen], notices


def name_size(size: tuple[int, int] | None) -> str:
    """Give the name of a camera whose pictures have a size."""
    return "unknown size" if size is None else f"{size[0]}x{size[1]}"


def split_by_name(names: Sequence[str]) -> list[str]:
    """Give the camera of each picture as its name tells: by folder, by word, or by a number of its own (cam1_0007)."""
    paths = [_without_ending(name.replace("\\", "/")) for name in names]
    folders = [_NUMBER.sub("#", path.rpartition("/")[0]) for path in paths]
    labels = list(folders)
    for folder in dict.fromkeys(folders):
        inside = [index for index, own in enumerate(folders) if own == folder]
        own_labels = _split_paths([paths[index] for index in inside])
        for index, label in zip(inside, own_labels, strict=True) if len(set(own_labels)) > 1 else ():
            labels[index] = label
    return _shorten(labels)


def _split_paths(paths: Sequence[str]) -> list[str]:
    """Give the camera of each picture of folders that are named alike; all the same where they are of one."""
    groups: dict[str, list[int]] = {}
    for index, path in enumerate(paths):
        groups.setdefault(_NUMBER.sub("#", path), []).append(index)
    # Names that hardly repeat are those of single pictures.
    if 2 * len(groups) > len(paths):
        return [""] * len(paths)
    labels = [""] * len(paths)
    for inside in groups.values():
        for index, label in zip(inside, _split_numbers([paths[index] for index in inside]), strict=True):
            labels[index] = label
    return labels


def _split_numbers(paths: Sequence[str]) -> list[str]:
    """Give names that differ in their numbers alone without all numbers but those of a camera."""
    numbers = np.array([_NUMBER.findall(path) for path in paths])
    before = [paths[0][: match.start()] for match in _NUMBER.finditer(paths[0])]
    kinds = [len(set(column)) for column in numbers.T]
    # The frames are counted by the number with the most values; a camera's by name is none.
    frame = max(range(len(kinds)), key=lambda at: (not _IS_CAMERA.search(before[at]), kinds[at], at), default=0)
    folders = [text.count("/") for text in before]
    named = [
        at
        for at, text in enumerate(before)
        if at != frame and kinds[at] > 1 and (folders[at] != folders[frame] or _NAMES_CAMERA.search(text))
    ]
    rest = [tuple(row) for row in np.delete(numbers, named, axis=1)]
    # Numbers in one name are cameras' where several see the same frames; else they count something else.
    if len(set(rest)) == len(rest):
        named = [at for at in named if folders[at] < folders[frame]]
    texts = np.array([_NUMBER.split(path) for path in paths])
    numbers = np.where(np.isin(np.arange(len(kinds)), named), numbers, "")
    return [
        "".join(text + number for text, number in zip(row, [*own, ""], strict=True))
        for row, own in zip(texts.tolist(), numbers.tolist(), strict=True)
    ]


def _label(*parts: Sequence[str]) -> list[str]:
    """Label every picture by the part that tells all cameras apart, else by all that differ."""
    keys = list(zip(*filter(None, parts), strict=True))
    for part in filter(None, parts):
        if len(set(part)) == len(set(keys)):
            return list(part)
    varying = [part for part in filter(None, parts) if len(set(part)) > 1]
    return [" ".join(key) for key in zip(*varying, strict=True)]


def _shorten(labels: Sequence[str]) -> list[str]:
    """Leave out the words that all labels begin or end with."""
    words = [_SEPARATORS.split(label) for label in labels]
    first = skipped = 0
    shortest = min(map(len, words))
    while first < shortest and len({word[first] for word in words}) == 1:
        first += 1
    while skipped < shortest - first and len({word[-1 - skipped] for word in words}) == 1:
        skipped += 1
    # A number is no name: the word before it stays.
    while first > 1 and all(word[first].isdigit() for word in words if len(word) > first):
        first -= 2
    short = ["".join(word[first : len(word) - skipped]).strip("/_-. ") for word in words]
    return [label or "pictures" for label in short]


def _without_ending(path: str) -> str:
    stem, _, ending = path.rpartition(".")
    return stem if stem and "/" not in ending and not ending.isdigit() else path
