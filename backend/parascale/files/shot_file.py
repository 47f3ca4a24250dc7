"""The shot file, NAME.shot.json: the currency between all parts. docs/file-format.md describes every key."""

import dataclasses
import json
import logging
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar, cast

import numpy as np

from parascale.camera import Trajectory
from parascale.errors import InputError, Notice
from parascale.files.disk import destination, is_stream, read_text, replace_files
from parascale.files.json_text import parse_json, parse_number, parse_numbers
from parascale.files.points_file import format_points, read_points
from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack, Up
from parascale.types import Array, Json, to_json_values

FORMAT = "parascale-shot"
VERSION = 1
CONVENTION = "opencv camera-to-world"
SUFFIX = ".shot.json"

_REQUIRED = {"format", "version", "name", "fps", "width", "height", "unit", "convention", "motion_class", "frames"}
_OPTIONAL = {"metres_per_unit", "distortion", "points", "subjects", "up", "quality", "provenance"}
_FRAME_REQUIRED = {"frame", "camera_to_world", "intrinsics", "median_depth"}
_STEP_KEYS = ("felt_parallax", "gain", "parallax_sigma")
_FRAME_OPTIONAL = {"time", *_STEP_KEYS}
_SUBJECT_KEYS = {"name", "centre"}

log = logging.getLogger(__name__)

T = TypeVar("T")
Frames = list[tuple[str, dict[str, Json]]]
"""Frames as JSON objects, each with what to call it in messages."""


def read_shot(path: Path | str, notices: list[Notice] | None = None) -> Shot:
    """Read a shot file, and the points beside it where it names them.

    Parameters
    ----------
    path : Path
    notices : list of Notice, optional
        Takes what has to be said: that the points are missing, without which the shot is read all the same. Where
        there is no list, it is logged.

    Raises
    ------
    InputError
        Where the file is missing, too large, not a shot, of a newer version, or wrong in any key: one sentence that
        names the file, the frame and the key.
    """
    path = Path(path)
    shot, points = _parse(read_text(path), str(path))
    if points is None:
        return shot
    beside = [place.with_name(points["file"]) for place in (path, destination(path))]
    found = next((file for file in beside if file.is_file()), None)
    if found is not None:
        return dataclasses.replace(shot, points=read_points(found, points["sha256"], str(path)))
    missing = Notice(f"{path} names the points {beside[0].name}, which are missing: it is opened without them")
    if notices is None:
        log.warning("%s", missing)
    else:
        notices.append(missing)
    return shot


def write_shot(shot: Shot, path: Path | str) -> None:
    """Write a shot file, and its points beside it, where `points_file` says; to a stream, without them.

    Each file is written under another name and moved into place, so that a reader, or a crash, finds the old
    file or the new one, never half of one.

    Parameters
    ----------
    shot : Shot
    path : Path
        By custom NAME.shot.json.

    Raises
    ------
    InputError
        Where the folder does not exist or cannot be written, or the shot holds what JSON cannot.
    """
    path = Path(path)
    document = _make_document(shot)
    files: dict[Path, bytes] = {}
    if shot.points is not None and not is_stream(path):
        beside = points_file(path)
        files[beside], sha256 = format_points(shot.points)
        document["points"] = {"file": beside.name, "sha256": sha256}
    files[path] = _format(document).encode()
    replace_files(files)


def points_file(path: Path) -> Path:
    """Return where the points of a shot are written: NAME.points.npz beside NAME.shot.json, or a link's target."""
    place = destination(path)
    return place.with_name(f"{place.name.removesuffix(SUFFIX)}.points.npz")


def named_points(path: Path) -> Path | None:
    """Return the points that a file names, which may have another name than its own; None where it is no such shot."""
    try:
        document = parse_json(read_text(path), str(path))
        points = document.get("points") if isinstance(document, dict) else None
        return None if points is None else destination(path).with_name(_parse_points(points, str(path))["file"])
    except InputError:
        return None


def shot_to_json(shot: Shot) -> str:
    """Text of a shot file, without the points, which live in a file of their own.

    Raises
    ------
    InputError
        Where ``quality``, ``provenance`` or ``distortion`` hold what JSON cannot.
    """
    return _format(_make_document(shot))


def shot_from_json(text: str, source: str = "shot") -> Shot:
    """Read the text of a shot file; points it names are left out.

    Parameters
    ----------
    text : str
    source : str
        What to call it in messages.

    Raises
    ------
    InputError
        As `read_shot`.
    """
    return _parse(text, source)[0]


def _make_document(shot: Shot) -> dict[str, object]:
    document = {
        "format": FORMAT,
        "version": VERSION,
        "name": shot.name,
        "fps": float(shot.fps),
        "width": int(shot.trajectory.width),
        "height": int(shot.trajectory.height),
        "unit": shot.unit,
        "metres_per_unit": None if shot.metres_per_unit is None else float(shot.metres_per_unit),
        "convention": CONVENTION,
        "motion_class": shot.motion_class,
        "frames": _list_frames(shot),
        "quality": dict(shot.quality),
        "provenance": dict(shot.provenance),
    }
    if shot.distortion is not None:
        document["distortion"] = dict(shot.distortion)
    if shot.subjects:
        document["subjects"] = [_list_subject(subject) for subject in shot.subjects]
    if shot.up is not None:
        up = shot.up
        document["up"] = {
            "direction": up.direction.tolist(),
            "confidence": float(up.confidence),
            "source": up.source,
        }
    return document


def _list_subject(subject: SubjectTrack) -> dict[str, object]:
    """Describe a subject; a frame that does not know it is null."""
    rows = zip(subject.in_frame, subject.centre.tolist(), strict=True)
    listed: dict[str, object] = {"name": subject.name, "centre": [row if known else None for known, row in rows]}
    for key, values in (("size", subject.size), ("depth", subject.depth)):
        if values is not None:
            listed[key] = to_json_values(values)
    return listed


def _list_frames(shot: Shot) -> list[dict[str, object]]:
    assert shot.frames is not None
    columns: dict[str, list[object]] = {
        "frame": shot.frames.tolist(),
        "time": shot.trajectory.times.tolist(),
        "camera_to_world": shot.trajectory.camera_to_world.tolist(),
        "intrinsics": shot.trajectory.intrinsics.tolist(),
        "median_depth": list(to_json_values(shot.median_depth)),
    }
    frames = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for key in _STEP_KEYS:
        values = getattr(shot, key)
        for frame, value in zip(frames, () if values is None else to_json_values(values), strict=False):
            frame[key] = value
    return frames


def _format(document: Mapping[str, object]) -> str:
    """JSON with one line a key and one line a frame, so that two shots can be compared by eye or by diff."""
    frames = cast("list[object]", document["frames"])
    try:
        rows = ",\n".join(json.dumps(frame, allow_nan=False) for frame in frames)
        lines = [
            f'"{key}": [\n{rows}\n]' if key == "frames" else f'"{key}": {json.dumps(value, allow_nan=False)}'
            for key, value in document.items()
        ]
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the shot {document['name']!r} holds what JSON cannot: {error}") from None
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _parse(text: str, source: str) -> tuple[Shot, dict[str, str] | None]:
    """Give the shot, and its points' file and SHA-256 where it names them."""
    document = parse_json(text, f"{source} is not a shot file", unique_keys=True)
    if not isinstance(document, dict):
        raise InputError(f"{source} is not a shot file: there is no JSON object in it")
    if document.get("format") != FORMAT:
        raise InputError(f'{source} is not a shot file: its "format" is not "{FORMAT}"')
    version = document.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise InputError(f'{source}: "version" must be a whole number from 1')
    if version > VERSION:
        raise InputError(
            f"{source} was written by a newer ParaScale (version {version}, this one reads {VERSION}): update ParaScale"
        )
    _check_keys(document, _REQUIRED, _OPTIONAL, source)
    if document["convention"] != CONVENTION:
        raise InputError(f'{source}: "convention" must be "{CONVENTION}"')
    for key in ("quality", "provenance", "distortion"):
        _check_object(document.get(key, {}), f'{source}: "{key}"')
    points = _parse_points(document["points"], f'{source}: "points"') if document.get("points") is not None else None
    try:
        return _make_shot(document, source), points
    except InputError as error:
        if str(error).startswith(source):
            raise
        raise InputError(f"{source}: {error}") from None


def _check_keys(found: Mapping[str, Json], required: set[str], optional: set[str], where: str) -> None:
    for key in sorted(required - found.keys()):
        raise InputError(f"{where}: the key {_quote(key)} is missing")
    for key in sorted(found.keys() - required - optional):
        raise InputError(f"{where}: the key {_quote(key)} is unknown")


def _check_object(value: Json, where: str) -> None:
    if not isinstance(value, dict):
        raise InputError(f"{where} must be a JSON object")
    _check_finite(value, where)


def _check_finite(value: Json, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}: a number is not finite")
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        _check_finite(child, f"{where}, {_quote(key)}")


def _make_shot(document: dict[str, Json], source: str) -> Shot:
    fps = parse_number(document["fps"], f'{source}: "fps"')
    frames = _parse_frames(document["frames"], source)
    trajectory = Trajectory(
        np.array(_parse_column(frames, "camera_to_world", lambda value, where: parse_numbers(value, (4, 4), where))),
        np.array(_parse_column(frames, "intrinsics", lambda value, where: parse_numbers(value, (4,), where))),
        _parse_times(frames, fps),
        _parse_whole(document["width"], f'{source}: "width"'),
        _parse_whole(document["height"], f'{source}: "height"'),
    )
    scale = document.get("metres_per_unit")
    return Shot(
        name=_parse_string(document["name"], f'{source}: "name"'),
        fps=fps,
        trajectory=trajectory,
        median_depth=np.array(_parse_column(frames, "median_depth", _parse_number_or_nan)),
        unit=_parse_string(document["unit"], f'{source}: "unit"'),  # type: ignore[arg-type] # Shot checks it
        metres_per_unit=None if scale is None else parse_number(scale, f'{source}: "metres_per_unit"'),
        motion_class=_parse_string(document["motion_class"], f'{source}: "motion_class"'),  # type: ignore[arg-type] # as above
        frames=np.array(_parse_column(frames, "frame", _parse_whole), np.int64),
        felt_parallax=_parse_steps(frames, "felt_parallax"),
        gain=_parse_steps(frames, "gain"),
        parallax_sigma=_parse_steps(frames, "parallax_sigma"),
        subjects=_parse_subjects(document.get("subjects", []), f'{source}: "subjects"'),
        up=_parse_up(document["up"], f'{source}: "up"') if document.get("up") is not None else None,
        distortion=cast("dict[str, Json] | None", document.get("distortion")),
        quality=cast("dict[str, Json]", document.get("quality", {})),
        provenance=cast("dict[str, Json]", document.get("provenance", {})),
    )


def _parse_frames(value: Json, source: str) -> Frames:
    if not isinstance(value, list) or not value:
        raise InputError(f'{source}: "frames" must be a list of at least one frame')
    frames: Frames = []
    for index, frame in enumerate(value):
        where = f"{source}: frame {index}"
        if not isinstance(frame, dict):
            raise InputError(f"{where} must be a JSON object")
        _check_keys(frame, _FRAME_REQUIRED, _FRAME_OPTIONAL, where)
        frames.append((where, frame))
    return frames


def _parse_column(frames: Frames, key: str, parse: Callable[[Json, str], T]) -> list[T]:
    return [parse(frame.get(key), f'{where}: "{key}"') for where, frame in frames]


def _parse_times(frames: Frames, fps: float) -> Array:
    if any("time" in frame for _, frame in frames):
        for where, frame in frames:
            _check_keys(frame, {"time"}, frame.keys() - {"time"}, where)
        return np.array(_parse_column(frames, "time", parse_number))
    if fps <= 0:
        raise InputError(f"a frame rate of {fps} is not positive")
    return np.array(_parse_column(frames, "frame", _parse_whole)) / fps


def _parse_steps(frames: Frames, key: str) -> Array | None:
    """Values of the steps; a frame that states none leaves NaN, and None is returned where no frame does."""
    if not any(key in frame for _, frame in frames):
        return None
    where, last = frames[-1]
    if last.get(key) is not None:
        raise InputError(f'{where}: "{key}" belongs to the step to the next frame, and this is the last')
    return np.array(_parse_column(frames[:-1], key, _parse_number_or_nan))


def _parse_subjects(value: Json, where: str) -> tuple[SubjectTrack, ...]:
    if not isinstance(value, list):
        raise InputError(f"{where} must be a list")
    return tuple(_parse_subject(subject, f"{where}, subject {index}") for index, subject in enumerate(value))


def _parse_subject(value: Json, where: str) -> SubjectTrack:
    if not isinstance(value, dict):
        raise InputError(f"{where} must be a JSON object")
    _check_keys(value, _SUBJECT_KEYS, {"size", "depth"}, where)

    def column(key: str, parse: Callable[[Json, str], T]) -> list[T]:
        rows = value[key]
        if not isinstance(rows, list):
            raise InputError(f'{where}, "{key}" must be a list, one value a frame')
        return [parse(row, f'{where}, "{key}", frame {frame}') for frame, row in enumerate(rows)]

    def place(row: Json, at: str) -> Array:
        return np.full(2, np.nan) if row is None else parse_numbers(row, (2,), at)

    return SubjectTrack(
        _parse_string(value["name"], f'{where}, "name"'),
        np.array(column("centre", place)),
        np.array(column("size", _parse_number_or_nan)) if value.get("size") is not None else None,
        np.array(column("depth", _parse_number_or_nan)) if value.get("depth") is not None else None,
    )


def _parse_up(value: Json, where: str) -> Up:
    if not isinstance(value, dict):
        raise InputError(f"{where} must be a JSON object")
    _check_keys(value, {"direction", "confidence", "source"}, set(), where)
    direction = parse_numbers(value["direction"], (3,), f'{where}, "direction"')
    confidence = parse_number(value["confidence"], f'{where}, "confidence"')
    return Up(direction, confidence, _parse_string(value["source"], f'{where}, "source"'))


def _parse_points(value: Json, where: str) -> dict[str, str]:
    if not isinstance(value, dict):
        raise InputError(f"{where} must be a JSON object")
    _check_keys(value, {"file", "sha256"}, set(), where)
    points = {key: _parse_string(item, f'{where}, "{key}"') for key, item in value.items()}
    name = points["file"]
    # A shot from elsewhere must not make us read any file but its neighbour.
    if name in {"", ".", ".."} or "\0" in name or Path(name).name != name or "\\" in name:
        raise InputError(f'{where}, "file" must be a file name without a folder')
    return points


def _parse_number_or_nan(value: Json, where: str) -> float:
    return math.nan if value is None else parse_number(value, where)


def _parse_whole(value: Json, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**62:
        return value
    raise InputError(f"{where} must be a whole number")


def _parse_string(value: Json, where: str) -> str:
    if isinstance(value, str):
        return value
    raise InputError(f"{where} must be text")


def _quote(key: object) -> str:
    """Give a key as JSON writes it, cut to what a sentence bears: it may hold line breaks, or a whole file."""
    return json.dumps(key)[:80]
