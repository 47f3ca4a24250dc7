"""Nuke's script, .nk: the curves of a Camera node. y up, the camera looks along -z; film back in millimetres.

Read are translate, rotate with its order, pivot, focal, haperture, or the matrix that stands in their place.
"""

import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.cameras import choose_camera
from parascale.files.disk import read_text, replace_files
from parascale.files.euler import angles_from_rotations, rotations_from_angles
from parascale.files.format import Format, register
from parascale.files.formats.chan import AXES, Y_UP
from parascale.files.keyframes import Curve, sample_curves
from parascale.files.matrices import OPENGL, from_parts, from_squares
from parascale.files.note import read_note, write_note
from parascale.files.raw_trajectory import Frames, RawTrajectory, Size, lens_from_focal
from parascale.files.sample import Sample
from parascale.parallax.shot import Shot
from parascale.types import Array


class _Knob(NamedTuple):
    value: str
    line: int


Knobs = dict[str, _Knob]

_NODE = re.compile(r"^\s*(Camera\d?|Root)\s*\{", re.MULTILINE)
_AXIS = re.compile(r"^\s*Axis\d?\s*\{", re.MULTILINE)
_KNOB = re.compile(r"^\s*([A-Za-z_]\w*)\s+(.*)$")
_SIZE = re.compile(r"\b(\d{2,6}) (\d{2,6})\b")
# Behind width, height and the box of the picture.
_PIXEL_ASPECT = re.compile(r"\b\d+ \d+ -?\d+ -?\d+ \d+ \d+ ([\d.]+)")
_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")
_BEND = re.compile(r"[A-Z]|[a-wyz](-?[\d.]+([eE][-+]?\d+)?)?")
_MATRIX = 16
_FILM = 24.576
# The knobs of a new camera, which a script leaves out.
_DEFAULTS: Knobs = {
    name: _Knob(value, 0)
    for name, value in {
        "translate": "0",
        "rotate": "0",
        "rot_order": "ZXY",
        "focal": "50",
        "haperture": str(_FILM),
        "win_translate": "0",
        "win_scale": "1",
        "pivot": "0",
        "scaling": "1",
        "uniform_scale": "1",
        "skew": "0",
        "xform_order": "SRT",
        "useMatrix": "false",
        "projection_mode": "perspective",
        "read_from_file": "false",
    }.items()
}


def read_nuke(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read a Camera node of a script.

    Raises
    ------
    InputError
        Where there is none, or none of that name, or its knobs hold expressions in place of keys.
    """
    text = read_text(path)
    nodes = list(_split_nodes(text, str(path)))
    if not any(kind != "Root" for kind, _ in nodes):
        raise InputError(f"{path} has no Camera node")
    root = next((knobs for kind, knobs in nodes if kind == "Root"), {})
    cameras = {
        knobs["name"].value if "name" in knobs else f"{kind} {number}": knobs
        for number, (kind, knobs) in enumerate(nodes, start=1)
        if kind != "Root"
    }
    chosen, notices = choose_camera(list(cameras), camera, str(path))
    knobs = _DEFAULTS | cameras[chosen]
    _refuse_unreadable(knobs, chosen, str(path))
    as_matrix = "matrix" in knobs and knobs["useMatrix"].value == "true"
    wanted = [("matrix", 16)] if as_matrix else [("translate", 3), ("rotate", 3), ("pivot", 3)]
    wanted += [("focal", 1), ("haperture", 1)]
    curves = [curve for name, count in wanted for curve in _parse_knob(knobs[name], count, str(path))]
    frames, values, between = sample_curves(curves, str(path))
    ratio: Array = values[:, -2] / values[:, -1]
    if as_matrix:
        poses = from_squares(values[:, :16], str(path), lambda frame: f"frame {frames[frame]}")
    else:
        order = knobs["rot_order"].value[::-1].lower()
        if sorted(order) != ["x", "y", "z"]:
            raise InputError(f"{path}, line {knobs['rot_order'].line}: the rotation order is not three axes")
        rotations = rotations_from_angles(values[:, 3:6], order)
        pivot = values[:, 6:9]
        poses = from_parts(rotations, values[:, :3] + pivot - np.einsum("nij,nj->ni", rotations, pivot))
    if re.search("[1-9]", knobs["win_translate"].value):
        between = (*between, Notice("the film back's shift, win_translate, is left out: the axis is taken as central"))
    if _AXIS.search(text):
        between = (*between, Notice("the script has an Axis node, which is not applied to the camera"))
    note = read_note(text)
    turned = from_parts(Y_UP.T @ poses[:, :3, :3], poses[:, :3, 3] @ Y_UP) @ OPENGL
    return RawTrajectory(
        turned,
        lambda frame: f"frame {frames[frame]}",
        lens=lambda size: lens_from_focal(ratio * size[0], size) * [1, _parse_pixel_aspect(root), 1, 1],
        note=dataclasses.replace(note, size=note.size or _parse_size(root), fps=note.fps or _parse_fps(root)),
        frames=frames,
        notices=notices + between,
    )


def write_nuke(shot: Shot, path: Path) -> None:
    """Write a script of one Camera node, the picture's format and the frame rate."""
    trajectory = shot.trajectory
    assert shot.frames is not None
    width, height = trajectory.size
    angles = angles_from_rotations(Y_UP @ trajectory.rotations @ OPENGL[:3, :3], AXES)
    first, last = shot.frames[0], shot.frames[-1]
    lines = [
        f"# {write_note(shot, 'camera-to-world, y up, rotation order ZXY')}",
        "Root {",
        " inputs 0",
        f" first_frame {first}",
        f" last_frame {last}",
        f" fps {shot.fps!r}",
        f' format "{width} {height} 0 0 {width} {height} 1 {width}x{height}"',
        "}",
        "Camera2 {",
        " inputs 0",
        " rot_order ZXY",
        f" translate {{{_format_curves(shot.frames, trajectory.centres @ Y_UP.T)}}}",
        f" rotate {{{_format_curves(shot.frames, angles)}}}",
        f" focal {{{_format_curves(shot.frames, trajectory.intrinsics[:, :1] / width * _FILM)}}}",
        f" haperture {_FILM!r}",
        f" vaperture {_FILM * height / width!r}",
        " name Camera1",
        "}",
        "",
    ]
    replace_files({path: "\n".join(lines).encode()})


def _format_curves(frames: Frames, values: Array) -> str:
    curves = []
    for column in values.T.tolist():
        keys = " ".join(f"x{frame} {value!r}" for frame, value in zip(frames.tolist(), column, strict=True))
        curves.append(f"{{curve {keys}}}")
    return " ".join(curves)


def _split_nodes(text: str, source: str) -> Iterator[tuple[str, Knobs]]:
    """Give the kind and the knobs of the nodes that matter."""
    for head in _NODE.finditer(text):
        depth, end = 1, head.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            # A backslash makes a brace a letter of a text.
            end += 2 if text[end] == "\\" else 1
        if depth:
            raise InputError(f"{source}, line {text.count(chr(10), 0, head.end()) + 1}: the node is cut short")
        yield head[1], _split_knobs(text, head.end(), end - 1)


def _split_knobs(text: str, start: int, end: int) -> Knobs:
    first = text.count("\n", 0, start) + 1
    knobs: Knobs = {}
    name = ""
    for number, line in enumerate(text[start:end].split("\n"), start=first):
        # A value in braces may go on over lines.
        if name and knobs[name].value.count("{") > knobs[name].value.count("}"):
            knobs[name] = _Knob(f"{knobs[name].value} {line.strip()}", knobs[name].line)
        elif found := _KNOB.match(line):
            name = found[1]
            knobs[name] = _Knob(found[2].strip(), number)
    return knobs


def _parse_knob(knob: _Knob, count: int, source: str) -> list[Curve]:
    """Give a knob's curves: {{curve x1 0 0.5} {curve ...}}, {1 2 3} or one number for all of them."""
    where = f"{source}, line {knob.line}"
    parts = list(_split_braces(knob.value))
    if len(parts) == 1 and parts[0] != knob.value:
        inner = list(_split_braces(parts[0]))
        parts = inner if count > 1 or len(inner) == 1 else parts
    if count == _MATRIX and len(parts) == 4:
        parts = [cell for row in parts for cell in _split_braces(row)]
    if len(parts) == 1:
        parts = parts * count
    if len(parts) != count:
        raise InputError(f"{where}: {len(parts)} values in place of {count}")
    return [_parse_curve(part, where) for part in parts]


def _split_braces(value: str) -> Iterator[str]:
    """Words of a value; what is in braces is one word, without them."""
    depth, word = 0, ""
    for letter in value.strip() + " ":
        if (letter.isspace() and depth == 0) or (letter == "}" and depth == 1):
            if word.strip():
                yield word.strip()
            word = ""
        elif not (letter == "{" and depth == 0):
            word += letter
        depth += {"{": 1, "}": -1}.get(letter, 0)


def _parse_curve(text: str, where: str) -> Curve:
    words = text.split()
    if words[:1] != ["curve"]:
        return {0.0: _parse_number(text, where)}
    keys: dict[float, float] = {}
    frame, waiting = 0.0, False
    for word in words[1:]:
        # x is the frame of the next value; other letters say how the curve bends at it.
        if word.startswith("x") and not waiting:
            frame, waiting = _parse_number(word[1:], where), True
        elif not _BEND.fullmatch(word):
            keys[frame] = _parse_number(word, where)
            frame, waiting = frame + 1, False
    if waiting or not keys:
        raise InputError(f"{where}: a key of a curve has no value")
    return keys


def _parse_number(word: str, where: str) -> float:
    if not _NUMBER.fullmatch(word) or not np.isfinite(float(word)):
        raise InputError(f"{where}: {word[:40]!r} is not a finite number: bake the camera, without expressions")
    return float(word)


def _refuse_unreadable(knobs: Knobs, camera: str, source: str) -> None:
    """Refuse a node whose path is not in its knobs, or that is no pinhole camera which only moves and turns."""
    if knobs["read_from_file"].value == "true":
        raise InputError(
            f"{source}: {camera} is read from a file of its own: bring that, or bake the camera into its knobs"
        )
    mode = knobs["projection_mode"]
    if mode.value != "perspective":
        raise InputError(f"{source}, line {mode.line}: {camera} is {mode.value}, and only perspective can be read")
    rest = {"scaling": "1", "uniform_scale": "1", "skew": "0", "win_scale": "1"}
    for name, value in rest.items():
        if any(float(number[0]) != float(value) for number in _NUMBER.finditer(knobs[name].value)):
            raise InputError(f"{source}, line {knobs[name].line}: {name} is not {value}: bake the camera without it")
    if knobs["xform_order"].value != "SRT" and re.search("[1-9]", knobs["pivot"].value):
        raise InputError(f"{source}, line {knobs['xform_order'].line}: a pivot is read in the order SRT alone")


def _parse_pixel_aspect(root: Knobs) -> float:
    """Width over height of a pixel; 1 where it is not stated."""
    found = _PIXEL_ASPECT.search(root["format"].value) if "format" in root else None
    return float(found[1]) if found and float(found[1]) > 0 else 1.0


def _parse_size(root: Knobs) -> Size | None:
    found = _SIZE.search(root["format"].value) if "format" in root else None
    return (int(found[1]), int(found[2])) if found else None


def _parse_fps(root: Knobs) -> float | None:
    try:
        fps = float(root["fps"].value) if "fps" in root else None
    except ValueError:
        return None
    return fps if fps and 0 < fps < 1000 else None


def _recognise(sample: Sample) -> bool:
    return any(node[1] != "Root" for node in _NODE.finditer(sample.text))


register(
    Format(
        name="nuke",
        description="Nuke script, .nk, of a Camera node",
        suffix=".nk",
        lens="height",
        time="even",
        read=read_nuke,
        write=write_nuke,
        recognise=_recognise,
        precedence=2,
        cameras=True,
    )
)
