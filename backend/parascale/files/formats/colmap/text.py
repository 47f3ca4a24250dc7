"""COLMAP's text files: cameras.txt, images.txt and points3D.txt."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.files.disk import read_text
from parascale.files.distortion import MODELS
from parascale.files.formats.colmap.model import NO_POINTS, Camera, Image, Model
from parascale.files.rows import format_rows

NAMES = ("cameras.txt", "images.txt", "points3D.txt")
RIGS = "rigs.txt"


def read_model(folder: Path) -> Model:
    """Read a model's text files; points3D.txt may be missing.

    Raises
    ------
    InputError
        With file and line.
    """
    cameras, images, points = (folder / name for name in NAMES)
    text = read_text(cameras)
    read_cameras = dict(_parse_camera(words, where) for where, words in _split_lines(text, cameras))
    ids, positions, colours = _read_points(points) if points.exists() else NO_POINTS
    rigs = folder / RIGS
    rig_lines = _split_lines(read_text(rigs), rigs) if rigs.exists() else ()
    mounted = tuple(_parse_rig(words, where) for where, words in rig_lines)
    return Model(read_cameras, tuple(_read_images(images)), ids, positions, colours, text, mounted)


def format_model(model: Model) -> dict[str, bytes]:
    """Text of the three files by name; the comments become each one's first line."""
    cameras = "".join(
        f"{number} {camera.model} {camera.width} {camera.height} {format_rows(camera.parameters[None])}"
        for number, camera in model.cameras.items()
    )
    images = "".join(
        f"{number} {' '.join(map(repr, [*image.quaternion.tolist(), *image.translation.tolist()]))} "
        f"{image.camera} {image.name}\n\n"
        for number, image in enumerate(model.images, start=1)
    )
    points = "".join(
        f"{number} {' '.join(map(repr, position))} {' '.join(map(str, colour))} 0.0\n"
        for number, position, colour in zip(
            model.point_ids.tolist(), model.positions.tolist(), model.colours.tolist(), strict=True
        )
    )
    note = f"# {model.comments}\n"
    return {name: (note + text).encode() for name, text in zip(NAMES, (cameras, images, points), strict=True)}


def _split_lines(text: str, path: Path) -> Iterator[tuple[str, list[str]]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip() and not line.startswith("#"):
            yield f"{path}, line {number}", line.split()


def _parse_camera(words: list[str], where: str) -> tuple[int, Camera]:
    if len(words) < 5:
        raise InputError(f"{where}: a camera needs an id, a model, its size and parameters")
    if words[1] not in MODELS:
        raise InputError(f"{where}: the camera model {words[1][:40]} is not one of {', '.join(MODELS)}")
    model = MODELS[words[1]]
    count = model.focals + 2 + len(model.parameters)
    if len(words) != 4 + count:
        raise InputError(f"{where}: {len(words) - 4} parameters where {words[1]} has {count}")
    width, height = _parse_whole(words[2], where), _parse_whole(words[3], where)
    return _parse_whole(words[0], where), Camera(words[1], width, height, _parse_numbers(words[4:], where))


def _parse_rig(words: list[str], where: str) -> frozenset[int]:
    """Cameras of a rig: all that follows the word CAMERA."""
    ids = [after for word, after in pairwise(words) if word == "CAMERA"]
    return frozenset(_parse_whole(word, where) for word in ids)


def _read_images(path: Path) -> Iterator[Image]:
    lines = [
        (number, line) for number, line in enumerate(read_text(path).split("\n"), start=1) if not line.startswith("#")
    ]
    index = 0
    while index < len(lines):
        number, line = lines[index]
        if not line.strip():
            index += 1
            continue
        where = f"{path}, line {number}"
        words = line.split(maxsplit=9)
        if len(words) != 10:
            raise InputError(f"{where}: an image needs an id, a quaternion, a translation, a camera and a name")
        values = _parse_numbers(words[1:8], where)
        # The line after an image is that of its observations, be it empty.
        observed = lines[index + 1] if index + 1 < len(lines) else (number, "")
        points = _parse_observations(observed[1], f"{path}, line {observed[0]}")
        yield Image(words[9].strip(), values[:4], values[4:], _parse_whole(words[8], where), points, f"line {number}")
        index += 2


def _parse_observations(line: str, where: str) -> NDArray[np.int64]:
    words = line.split()
    if len(words) % 3:
        raise InputError(f"{where}: expected observations of X Y POINT3D_ID, found {len(words)} values")
    _parse_numbers(words[0::3] + words[1::3], where)
    return np.array([_parse_whole(word, where) for word in words[2::3]], np.int64)


def _read_points(path: Path) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.uint8]]:
    ids, positions, colours = [], [], []
    for where, words in _split_lines(read_text(path), path):
        if len(words) < 8:
            raise InputError(f"{where}: a point needs an id, X Y Z, R G B and an error")
        ids.append(_parse_whole(words[0], where))
        positions.append(_parse_numbers(words[1:4], where))
        colours.append([_parse_whole(word, where) for word in words[4:7]])
    if not ids:
        return NO_POINTS
    return np.array(ids, np.int64), np.array(positions), np.clip(np.array(colours), 0, 255).astype(np.uint8)


def _parse_numbers(words: list[str], where: str) -> NDArray[np.float64]:
    return np.array([_parse_word(word, float, where) for word in words], np.float64)


def _parse_whole(word: str, where: str) -> int:
    return int(_parse_word(word, int, where))


def _parse_word(word: str, kind: Callable[[str], float], where: str) -> float:
    try:
        value = kind(word)
    except ValueError:
        raise InputError(f"{where}: {word[:40]!r} is not a {'whole ' if kind is int else ''}number") from None
    if (not abs(value) < 2.0**63 and kind is int) or not np.isfinite(value):
        raise InputError(f"{where}: {word[:40]!r} is out of range")
    return value
