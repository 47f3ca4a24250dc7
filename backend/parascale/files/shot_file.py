"""The shot file, NAME.shot.json: the currency between all parts. docs/file-format.md describes every key."""

import dataclasses
import json
import logging
import math
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import numpy as np

from parascale.camera import Trajectory
from parascale.errors import InputError, Notice
from parascale.files.disk import destination, is_stream, read_text, replace_files
from parascale.files.json_text import JsonObject, parse_json, parse_number, parse_numbers
from parascale.files.points_file import format_points, read_points
from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack, Up
from parascale.types import Array, to_json_values

FORMAT = "parascale-shot"
VERSION = 1
CONVENTION = "opencv camera-to-world"
SUFFIX = ".shot.json"

_REQUIRED = {"format", "version", "name", "fps", "width", "height", "unit", "convention", "motion_class", "frames"}
_OPTIONAL = {"metres_per_unit", "distortion", "points", "subjects", "up", "quality", "provenance"}
_FRAME_REQUIRED = {"frame", "camera_to_world", "intrinsics", "median_depth"}
_STEP_KEYS = ("felt_parallax", "gain", "parallax_sigma")
_FRAME_OPTIONAL = {"time", *_STEP_KEYS}

log = logging.getLogger(__name__)


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
        document = JsonObject.of(parse_json(read_text(path), str(path)), str(path))
        return destination(path).with_name(_parse_points(document.inner("points"))["file"])
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
    values = parse_json(text, f"{source} is not a shot file", unique_keys=True)
    if not isinstance(values, dict):
        raise InputError(f"{source} is not a shot file: there is no JSON object in it")
    if values.get("format") != FORMAT:
        raise InputError(f'{source} is not a shot file: its "format" is not "{FORMAT}"')
    version = values.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise InputError(f'{source}: "version" must be a whole number from 1')
    if version > VERSION:
        raise InputError(
            f"{source} was written by a newer ParaScale (version {version}, this one reads {VERSION}): update ParaScale"
        )
    document = JsonObject(values, source)
    document.check_keys(_REQUIRED, _OPTIONAL)
    if values["convention"] != CONVENTION:
        raise InputError(f'{source}: "convention" must be "{CONVENTION}"')
    for key in ("quality", "provenance", "distortion"):
        document.inner(key).require_finite()
    points = _parse_points(document.inner("points")) if document.has("points") else None
    try:
        return _make_shot(document), points
    except InputError as error:
        if str(error).startswith(source):
            raise
        raise InputError(f"{source}: {error}") from None


def _make_shot(document: JsonObject) -> Shot:
    fps = document.number("fps")
    frames = _parse_frames(document)
    trajectory = Trajectory(
        np.array([frame.numbers("camera_to_world", (4, 4)) for frame in frames]),
        np.array([frame.numbers("intrinsics", (4,)) for frame in frames]),
        _parse_times(frames, fps),
        document.whole("width"),
        document.whole("height"),
    )
    return Shot(
        name=document.text("name"),
        fps=fps,
        trajectory=trajectory,
        median_depth=np.array([frame.number_or_nan("median_depth") for frame in frames]),
        unit=document.text("unit"),  # type: ignore[arg-type] # Shot checks it
        metres_per_unit=document.number("metres_per_unit") if document.has("metres_per_unit") else None,
        motion_class=document.text("motion_class"),  # type: ignore[arg-type] # as above
        frames=np.array([frame.whole("frame") for frame in frames], np.int64),
        felt_parallax=_parse_steps(frames, "felt_parallax"),
        gain=_parse_steps(frames, "gain"),
        parallax_sigma=_parse_steps(frames, "parallax_sigma"),
        subjects=tuple(
            _parse_subject(JsonObject.of(each, at, ", ")) for at, each in document.items("subjects", "subject")
        ),
        up=_parse_up(document.inner("up")) if document.has("up") else None,
        distortion=document.inner("distortion").values if document.has("distortion") else None,
        quality=document.inner("quality").values,
        provenance=document.inner("provenance").values,
    )


def _parse_frames(document: JsonObject) -> list[JsonObject]:
    listed = document.values["frames"]
    if not isinstance(listed, list) or not listed:
        raise InputError(f'{document.where}: "frames" must be a list of at least one frame')
    frames = []
    for index, listed_frame in enumerate(listed):
        frame = JsonObject.of(listed_frame, f"{document.where}: frame {index}")
        frame.check_keys(_FRAME_REQUIRED, _FRAME_OPTIONAL)
        frames.append(frame)
    return frames


def _parse_times(frames: list[JsonObject], fps: float) -> Array:
    if any("time" in frame.values for frame in frames):
        for frame in frames:
            frame.check_keys({"time"}, frame.values.keys())
        return np.array([frame.number("time") for frame in frames])
    if fps <= 0:
        raise InputError(f"a frame rate of {fps} is not positive")
    return np.array([frame.whole("frame") for frame in frames]) / fps


def _parse_steps(frames: list[JsonObject], key: str) -> Array | None:
    """Values of the steps; a frame that states none leaves NaN, and None is returned where no frame does."""
    if not any(key in frame.values for frame in frames):
        return None
    if frames[-1].has(key):
        raise InputError(f"{frames[-1].place(key)} belongs to the step to the next frame, and this is the last")
    return np.array([frame.number_or_nan(key) for frame in frames[:-1]])


def _parse_subject(subject: JsonObject) -> SubjectTrack:
    subject.check_keys({"name", "centre"}, {"size", "depth"})
    name = subject.text("name")
    centre = [
        np.full(2, np.nan) if row is None else parse_numbers(row, (2,), at) for at, row in subject.items("centre")
    ]
    return SubjectTrack(name, np.array(centre), _parse_values(subject, "size"), _parse_values(subject, "depth"))


def _parse_values(subject: JsonObject, key: str) -> Array | None:
    """Values of the frames, NaN where one is null; None without the key."""
    if not subject.has(key):
        return None
    return np.array([math.nan if value is None else parse_number(value, at) for at, value in subject.items(key)])


def _parse_up(up: JsonObject) -> Up:
    up.check_keys({"direction", "confidence", "source"})
    return Up(up.numbers("direction", (3,)), up.number("confidence"), up.text("source"))


def _parse_points(points: JsonObject) -> dict[str, str]:
    points.check_keys({"file", "sha256"})
    named = {key: points.text(key) for key in points.values}
    name = named["file"]
    # A shot from elsewhere must not make us read any file but its neighbour.
    if name in {"", ".", ".."} or "\0" in name or Path(name).name != name or "\\" in name:
        raise InputError(f"{points.place('file')} must be a file name without a folder")
    return named
