"""The shot file, NAME.shot.json: the currency between all parts. docs/file-format.md describes every key."""

import dataclasses
import hashlib
import io
import json
import math
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.files.disk import read_bytes, replace_files
from parascale.parallax.shot import Points, Shot
from parascale.types import to_json_values

FORMAT = "parascale-shot"
VERSION = 1
CONVENTION = "opencv camera-to-world"
SUFFIX = ".shot.json"

# 10,000 frames take about 6 MB; beyond this a file is no shot, and reading it would only fill the memory.
LARGEST_FILE = 200_000_000
LARGEST_POINTS = 2_000_000_000

_REQUIRED = {"format", "version", "name", "fps", "width", "height", "unit", "convention", "motion_class", "frames"}
_OPTIONAL = {"metres_per_unit", "distortion", "points", "quality", "provenance"}
_FRAME_REQUIRED = {"frame", "camera_to_world", "intrinsics", "median_depth"}
_STEP_KEYS = ("felt_parallax", "gain")
_FRAME_OPTIONAL = {"time", *_STEP_KEYS}


def read_shot(path: Path | str) -> Shot:
    """Read a shot file, and the points beside it where it names them.

    Parameters
    ----------
    path : Path

    Returns
    -------
    Shot

    Raises
    ------
    InputError
        Where the file is missing, too large, no shot, of a newer version, or wrong in any key: one sentence that
        names the file, the frame and the key.
    """
    path = Path(path)
    data = read_bytes(path, LARGEST_FILE)
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(f"{path} is not a shot file: it is not UTF-8 text") from None
    shot, points = _parse(text, str(path))
    if points is None:
        return shot
    return dataclasses.replace(shot, points=_read_points(path.parent, points, str(path)))


def write_shot(shot: Shot, path: Path | str) -> None:
    """Write a shot file, and its points beside it as NAME.points.npz.

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
    document = _document(shot)
    files: dict[Path, bytes] = {}
    if shot.points is not None:
        name = path.name.removesuffix(SUFFIX) if path.name.endswith(SUFFIX) else path.stem
        blob = _points_bytes(shot.points)
        files[path.with_name(f"{name}.points.npz")] = blob
        document["points"] = {"file": f"{name}.points.npz", "sha256": hashlib.sha256(blob).hexdigest()}
    files[path] = _text(document).encode()
    replace_files(files)


def shot_to_json(shot: Shot) -> str:
    """Text of a shot file, without the points, which live in a file of their own.

    Raises
    ------
    InputError
        Where ``quality``, ``provenance`` or ``distortion`` hold what JSON cannot.
    """
    return _text(_document(shot))


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


def _document(shot: Shot) -> dict[str, Any]:
    document: dict[str, Any] = {
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
        "frames": _frames(shot),
        "quality": dict(shot.quality),
        "provenance": dict(shot.provenance),
    }
    if shot.distortion is not None:
        document["distortion"] = dict(shot.distortion)
    return document


def _frames(shot: Shot) -> list[dict[str, Any]]:
    assert shot.frames is not None
    columns: dict[str, list[Any]] = {
        "frame": shot.frames.tolist(),
        "time": shot.trajectory.times.tolist(),
        "camera_to_world": shot.trajectory.camera_to_world.tolist(),
        "intrinsics": shot.trajectory.intrinsics.tolist(),
        "median_depth": to_json_values(shot.median_depth),
    }
    frames = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    for key in _STEP_KEYS:
        values = getattr(shot, key)
        if values is not None:
            for frame, value in zip(frames[:-1], to_json_values(values), strict=True):
                frame[key] = value
    return frames


def _text(document: dict[str, Any]) -> str:
    """JSON with one line a key and one line a frame, so that two shots can be compared by eye or by diff."""
    try:
        frames = ",\n".join(_compact(frame) for frame in document["frames"])
        lines = [
            f'"{key}": [\n{frames}\n]' if key == "frames" else f'"{key}": {_compact(value)}'
            for key, value in document.items()
        ]
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(f"the shot {document['name']!r} holds what JSON cannot: {error}") from None
    return "{\n" + ",\n".join(lines) + "\n}\n"


def _compact(value: object) -> str:
    return json.dumps(value, allow_nan=False)


def _parse(text: str, source: str) -> tuple[Shot, Mapping[str, Any] | None]:
    document = _load(text, source)
    if document.get("format") != FORMAT:
        raise InputError(f'{source} is not a shot file: its "format" is not "{FORMAT}"')
    _check_version(document.get("version"), source)
    _check_keys(document, _REQUIRED, _OPTIONAL, source)
    if document["convention"] != CONVENTION:
        raise InputError(f'{source}: "convention" must be "{CONVENTION}"')
    for key in ("quality", "provenance", "distortion"):
        _check_mapping(document.get(key, {}), f'{source}: "{key}"')
    points = document.get("points")
    if points is not None:
        _check_points_entry(points, source)
    try:
        return _shot(document, source), points
    except InputError as error:
        if str(error).startswith(source):
            raise
        raise InputError(f"{source}: {error}") from None


def _load(text: str, source: str) -> dict[str, Any]:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        seen = dict(pairs)
        if len(seen) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise InputError(f"{source}: the key {_quoted(twice)} appears twice")
        return seen

    try:
        document = json.loads(text, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{source} is not a shot file or is cut short: {error.msg} at {where}") from None
    except InputError:
        raise
    except (ValueError, RecursionError) as error:  # a number of too many digits; brackets nested too deep
        raise InputError(f"{source} is not a shot file: {error}") from None
    if not isinstance(document, dict):
        raise InputError(f"{source} is not a shot file: it holds no JSON object")
    return document


def _check_version(version: object, source: str) -> None:
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise InputError(f'{source}: "version" must be a whole number from 1')
    if version > VERSION:
        raise InputError(
            f"{source} was written by a newer ParaScale (version {version}, this one reads {VERSION}): update ParaScale"
        )


def _check_keys(found: Mapping[str, Any], required: set[str], optional: set[str], where: str) -> None:
    missing = sorted(required - found.keys())
    if missing:
        raise InputError(f"{where}: the key {_quoted(missing[0])} is missing")
    unknown = sorted(found.keys() - required - optional)
    if unknown:
        raise InputError(f"{where}: the key {_quoted(unknown[0])} is unknown")


def _quoted(key: object) -> str:
    """Give a key as JSON writes it, cut to what a sentence bears: it may hold line breaks, or a whole file."""
    return json.dumps(key)[:80]


def _check_mapping(value: object, where: str) -> None:
    if not isinstance(value, dict):
        raise InputError(f"{where} must be a JSON object")
    _check_finite(value, where)


def _check_finite(value: object, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where} holds a number that is not finite")
    children: Sequence[tuple[object, object]] = ()
    if isinstance(value, dict):
        children = list(value.items())
    elif isinstance(value, list):
        children = list(enumerate(value))
    for key, child in children:
        _check_finite(child, f"{where}, {_quoted(key)}")


def _shot(document: Mapping[str, Any], source: str) -> Shot:
    fps = _number(document["fps"], f'{source}: "fps"')
    frames = _frame_list(document["frames"], source)
    trajectory = Trajectory(
        np.array([_matrix(frame["camera_to_world"], where) for where, frame in frames]),
        np.array([_numbers(frame["intrinsics"], 4, f'{where}: "intrinsics"') for where, frame in frames]),
        _times(frames, fps),
        _whole(document["width"], f'{source}: "width"'),
        _whole(document["height"], f'{source}: "height"'),
    )
    scale = document.get("metres_per_unit")
    return Shot(
        name=_string(document["name"], f'{source}: "name"'),
        fps=fps,
        trajectory=trajectory,
        median_depth=np.array([_number_or_nan(frame["median_depth"], f'{w}: "median_depth"') for w, frame in frames]),
        unit=_string(document["unit"], f'{source}: "unit"'),  # type: ignore[arg-type] # Shot checks it
        metres_per_unit=None if scale is None else _number(scale, f'{source}: "metres_per_unit"'),
        motion_class=_string(document["motion_class"], f'{source}: "motion_class"'),  # type: ignore[arg-type] # as above
        frames=np.array([_whole(frame["frame"], f'{where}: "frame"') for where, frame in frames], np.int64),
        felt_parallax=_step_values(frames, "felt_parallax"),
        gain=_step_values(frames, "gain"),
        distortion=document.get("distortion"),
        quality=document.get("quality", {}),
        provenance=document.get("provenance", {}),
    )


def _frame_list(value: object, source: str) -> list[tuple[str, Mapping[str, Any]]]:
    """Frames, each with what to call it in messages."""
    if not isinstance(value, list) or not value:
        raise InputError(f'{source}: "frames" must be a list of at least one frame')
    named = [(f"{source}: frame {index}", frame) for index, frame in enumerate(value)]
    for where, frame in named:
        if not isinstance(frame, dict):
            raise InputError(f"{where} must be a JSON object")
        _check_keys(frame, _FRAME_REQUIRED, _FRAME_OPTIONAL, where)
    return named


def _times(frames: Sequence[tuple[str, Mapping[str, Any]]], fps: float) -> NDArray[np.float64]:
    if any("time" in frame for _, frame in frames):
        for where, frame in frames:
            _check_keys(frame, {"time"}, frame.keys() - {"time"}, where)
        return np.array([_number(frame["time"], f'{where}: "time"') for where, frame in frames])
    if fps <= 0:
        raise InputError(f"a frame rate of {fps} is not positive")
    return np.array([_whole(frame["frame"], f'{where}: "frame"') for where, frame in frames]) / fps


def _step_values(frames: Sequence[tuple[str, Mapping[str, Any]]], key: str) -> NDArray[np.float64] | None:
    """Values of the steps; a frame that states none leaves NaN, and None is returned where no frame does."""
    if not any(key in frame for _, frame in frames):
        return None
    where, last = frames[-1]
    if last.get(key) is not None:
        raise InputError(f'{where}: "{key}" belongs to the step to the next frame, and this is the last')
    return np.array([_number_or_nan(frame.get(key), f'{where}: "{key}"') for where, frame in frames[:-1]])


def _number(value: object, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
        raise InputError(f"{where} is not finite")
    raise InputError(f"{where} must be a number")


def _number_or_nan(value: object, where: str) -> float:
    return math.nan if value is None else _number(value, where)


def _whole(value: object, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**62:
        return value
    raise InputError(f"{where} must be a whole number")


def _string(value: object, where: str) -> str:
    if isinstance(value, str):
        return value
    raise InputError(f"{where} must be text")


def _numbers(value: object, count: int, where: str) -> list[float]:
    if not isinstance(value, list) or len(value) != count:
        raise InputError(f"{where} must be {count} numbers")
    return [_number(item, where) for item in value]


def _matrix(value: object, where: str) -> list[list[float]]:
    where = f'{where}: "camera_to_world"'
    if not isinstance(value, list) or len(value) != 4:
        raise InputError(f"{where} must be 4 rows of 4 numbers")
    return [_numbers(row, 4, where) for row in value]


def _check_points_entry(points: object, source: str) -> None:
    if not isinstance(points, dict):
        raise InputError(f'{source}: "points" must be a JSON object')
    _check_keys(points, {"file", "sha256"}, set(), f'{source}: "points"')
    name = _string(points["file"], f'{source}: "points", "file"')
    # A shot from elsewhere must not make us read any file but its neighbour.
    if name in {"", ".", ".."} or "\0" in name or Path(name).name != name or "\\" in name:
        raise InputError(f'{source}: "points", "file" must be a file name without a folder')
    _string(points["sha256"], f'{source}: "points", "sha256"')


def _points_bytes(points: Points) -> bytes:
    buffer = io.BytesIO()
    np.savez(
        buffer,
        positions=np.asarray(points.positions, np.float32),
        colours=np.asarray(points.colours, np.uint8),
    )
    return buffer.getvalue()


def _read_points(folder: Path, entry: Mapping[str, Any], source: str) -> Points:
    path = folder / entry["file"]
    if not path.is_file():
        raise InputError(f"{source} names the points {path.name}, which are missing: put that file beside it")
    data = read_bytes(path, LARGEST_POINTS)
    if hashlib.sha256(data).hexdigest() != entry["sha256"]:
        raise InputError(f"{path} is not the points file that {source} names: its SHA-256 differs")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > LARGEST_POINTS:
                raise InputError(f"{path} unpacks to more than {LARGEST_POINTS} bytes")
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            positions, colours = arrays["positions"], arrays["colours"]
    except InputError:
        raise
    except (
        ValueError,
        KeyError,
        OSError,
        EOFError,
        MemoryError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise InputError(f"{path} is not a points file: {error}") from None
    if positions.shape != colours.shape or positions.ndim != 2 or positions.shape[1] != 3:
        raise InputError(f'{path}: "positions" and "colours" must both have the shape (N, 3)')
    if positions.dtype != np.float32 or colours.dtype != np.uint8:
        raise InputError(f'{path}: "positions" must be float32 and "colours" uint8')
    if not np.isfinite(positions).all():
        raise InputError(f'{path}: "positions" are not all finite')
    return Points(positions, colours)
