"""After Effects' keyframes as it copies them: text that begins "Adobe After Effects 8.0 Keyframe Data".

Pixels and degrees; x right, y down, z into the picture, which are OpenCV's axes; R = Rx Ry Rz of the orientation, then
of the three rotations. Zoom is the focal length in pixels. Ours is turned from z up to y down, 100 pixels a unit.
"""

import re
from pathlib import Path

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.cameras import choose_camera
from parascale.files.disk import read_text, replace_files
from parascale.files.euler import angles_from_rotations, rotations_from_angles
from parascale.files.format import Format, register
from parascale.files.keyframes import Curve, sample_curves
from parascale.files.matrices import from_parts
from parascale.files.note import Note
from parascale.files.raw_trajectory import RawTrajectory, Size, lens_from_focal
from parascale.parallax.shot import Shot
from parascale.types import Array

_FIRST_LINE = "Adobe After Effects 8.0 Keyframe Data"
_FIRST = re.compile(r"^Adobe After Effects [\d.]+ Keyframe Data", re.MULTILINE)
_LAST_LINE = "End of Keyframe Data"
_PIXELS = 100.0
_AXES = "xyz"
# (x, y, z) with z up -> (x, -z, y) with y down.
_Y_DOWN = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
_ROTATIONS = ("X Rotation", "Y Rotation", "Z Rotation")
# The position with separate dimensions, and what a layer calls its turn about z.
_POSITIONS = ("X Position", "Y Position", "Z Position")
_OTHER_NAMES = {"Rotation": "Z Rotation"}


def read_after_effects(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read a camera's copied keyframes; of several copied one after the other, one.

    Raises
    ------
    InputError
        Where there is no position, or a row is broken: with the line. Where there is no camera of that name.
    """
    text = read_text(path)
    starts = [found.start() for found in _FIRST.finditer(text)] or [0]
    names = [f"camera {number}" for number in range(1, len(starts) + 1)]
    if camera is not None and len(names) == 1:
        raise InputError(f"{path} holds one camera, which is not chosen by name")
    chosen, others = choose_camera(names, camera, str(path))
    at = names.index(chosen)
    # Lines keep their numbers.
    before = "\n" * text.count("\n", 0, starts[at])
    head, tracks = _parse_tracks(before + "".join(text[starts[at] :].partition(_LAST_LINE)[:2]), str(path))
    position = _find_position(tracks, str(path))
    still: list[Curve] = [{0.0: 0.0}]
    orientation = _pad(tracks.get("Orientation", still * 3), path, "Orientation")
    rotations = [tracks.get(name, still)[0] for name in _ROTATIONS]
    target = tracks.get("Point of Interest")
    zoom = tracks.get("Zoom")
    curves = [*position[:3], *orientation, *rotations, *(zoom[:1] if zoom else still), *(target[:3] if target else ())]
    frames, values, notices = sample_curves(curves, str(path))
    turned = rotations_from_angles(values[:, 3:6], _AXES) @ rotations_from_angles(values[:, 6:9], _AXES)
    if target:
        turned = _look_at(values[:, 10:13] - values[:, :3], str(path)) @ turned
    if "Orientation" not in tracks and not target and not any(name in tracks for name in _ROTATIONS):
        notices = (*notices, Notice("there are no keys of a rotation: the camera is taken not to turn"))
    if float(head.get("Comp Pixel Aspect Ratio", 1)) != 1:
        raise InputError(f"{path}: the pixels of the composition are not square")
    focal = values[:, 9]
    return RawTrajectory(
        from_parts(_Y_DOWN.T @ turned, values[:, :3] / _PIXELS @ _Y_DOWN),
        lambda frame: f"frame {frames[frame]}",
        lens=(lambda size: lens_from_focal(focal, size)) if zoom else None,
        note=Note(fps=head.get("Units Per Second"), size=_parse_size(head)),
        frames=frames,
        notices=others + notices,
    )


def write_after_effects(shot: Shot, path: Path) -> None:
    """Write keyframes to paste on a camera of one node in a composition of the shot's size."""
    trajectory = shot.trajectory
    assert shot.frames is not None
    width, height = trajectory.size
    tracks = {
        "Transform\tPosition\n\tFrame\tX pixels\tY pixels\tZ pixels\t": trajectory.centres @ _Y_DOWN.T * _PIXELS,
        "Transform\tOrientation\n\tFrame\tX degrees\tY degrees\tZ degrees\t": angles_from_rotations(
            _Y_DOWN @ trajectory.rotations, _AXES
        ),
        "Camera Options\tZoom\n\tFrame\tpixels\t": trajectory.intrinsics[:, 1:2],
    }
    text = (
        f"{_FIRST_LINE}\n\n\tUnits Per Second\t{shot.fps!r}\n\tSource Width\t{width}\n\tSource Height\t{height}\n"
        "\tSource Pixel Aspect Ratio\t1\n\tComp Pixel Aspect Ratio\t1\n\n"
    )
    for name, values in tracks.items():
        rows = zip(shot.frames.tolist(), values.tolist(), strict=True)
        text += f"{name}\n" + "".join("\t".join(["", str(frame), *map(repr, row), "\n"]) for frame, row in rows) + "\n"
    replace_files({path: f"{text}\n{_LAST_LINE}\n".encode()})


def _parse_tracks(text: str, source: str) -> tuple[dict[str, float], dict[str, list[Curve]]]:
    """Give the numbers of the head, and the curves of each property."""
    if not text.rstrip().endswith(_LAST_LINE):
        raise InputError(f"{source} is cut short: its last line is not {_LAST_LINE!r}")
    head: dict[str, float] = {}
    tracks: dict[str, list[dict[float, float]]] = {}
    name = ""
    for number, line in enumerate(text.split("\n"), start=1):
        words = [word.strip() for word in line.split("\t")]
        if words[0]:
            name = words[-1] if words[-1] else words[1] if len(words) > 1 else ""
            name = _OTHER_NAMES.get(name, name)
            # Expressions are a program, and no keys.
            if words[0].startswith("Expression Data"):
                raise InputError(f"{source}, line {number}: the camera holds an expression: convert it to keyframes")
            continue
        cells = [word for word in words[1:] if word]
        if len(cells) > 1 and cells[0] in _HEAD:
            head[cells[0]] = _parse_number(cells[1], source, number)
        elif cells and not cells[0][0].isalpha() and name in _PROPERTIES:
            # The frame's cell is empty where the value never changes.
            keyed = bool(words[1])
            frame = _parse_number(cells[0], source, number) if keyed else 0.0
            values = [_parse_number(cell, source, number) for cell in cells[1 if keyed else 0 :]]
            track = tracks.setdefault(name, [{} for _ in values])
            if len(values) != len(track):
                raise InputError(f"{source}, line {number}: {len(values)} values where the row before has {len(track)}")
            for curve, value in zip(track, values, strict=True):
                curve[frame] = value
    return head, {key: list(curves) for key, curves in tracks.items()}


_HEAD = {"Units Per Second", "Source Width", "Source Height", "Source Pixel Aspect Ratio", "Comp Pixel Aspect Ratio"}
_PROPERTIES = {"Position", "Orientation", "Zoom", "Point of Interest", *_ROTATIONS, *_POSITIONS}


def _find_position(tracks: dict[str, list[Curve]], source: str) -> list[Curve]:
    """Give the curves of the position, whose dimensions may be separate properties."""
    position = tracks.get("Position")
    if position is not None and len(position) >= 3:
        return position
    missing = [name for name in _POSITIONS if name not in tracks]
    if 0 < len(missing) < len(_POSITIONS):
        raise InputError(f"{source} has no keys of the {missing[0]}: copy that of all three axes")
    if missing:
        raise InputError(f"{source} has no keys of a position in space: copy the camera's Position, Orientation, Zoom")
    return [tracks[name][0] for name in _POSITIONS]


def _parse_number(word: str, source: str, line: int) -> float:
    if not re.fullmatch(r"[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?", word, re.IGNORECASE):
        raise InputError(f"{source}, line {line}: {word[:40]!r} is not a number")
    value = float(word)
    if not np.isfinite(value):
        raise InputError(f"{source}, line {line}: a number is not finite")
    return value


def _pad(curves: list[Curve], path: Path, name: str) -> list[Curve]:
    if len(curves) != 3:
        raise InputError(f"{path}: {name!r} has {len(curves)} values a row in place of 3")
    return curves


def _look_at(directions: Array, source: str) -> Array:
    """Rotations of a camera of two nodes: it looks at a point with its picture level."""
    length = np.linalg.norm(directions, axis=1, keepdims=True)
    level = np.linalg.norm(directions[:, [0, 2]], axis=1)
    if np.any(level <= 1e-9 * length[:, 0]):
        raise InputError(f"{source}: the camera looks straight up or down at its point of interest")
    z = directions / length
    x = np.stack([z[:, 2], np.zeros(len(z)), -z[:, 0]], axis=1) / (level / length[:, 0])[:, None]
    return np.stack([x, np.cross(z, x), z], axis=2)


def _parse_size(head: dict[str, float]) -> Size | None:
    width, height = head.get("Source Width", 0.0), head.get("Source Height", 0.0)
    # A camera copied alone has a source of 100x100, which is no picture.
    return (int(width), int(height)) if width > 0 and height > 0 and (width, height) != (100.0, 100.0) else None


register(
    Format(
        name="after-effects",
        description="After Effects keyframes of a camera, as text",
        suffix=".txt",
        lens="height",
        time="even",
        read=read_after_effects,
        write=write_after_effects,
        recognise=lambda sample: _FIRST.match(sample.text.lstrip()) is not None,
        precedence=2,
        cameras=True,
        unit=False,
    )
)
