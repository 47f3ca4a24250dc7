"""A report that can be handed on: one HTML page that needs no server and asks for nothing from outside."""

import base64
import html
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import cv2
import numpy as np

from parascale.errors import InputError
from parascale.files.disk import replace_files
from parascale.media.frames import read_frames
from parascale.media.video_file import fit_within
from parascale.parallax.horizon import roll_angles
from parascale.parallax.metrics import compare
from parascale.parallax.shot import Shot
from parascale.parallax.verdict import SEVERITIES
from parascale.types import Array, Json, to_json_values

# Pictures of a side, at most, and their longer side in pixels: about 4 MB for a shot of 121 frames.
MAX_PICTURES, PICTURE_SIDE, JPEG_QUALITY = 250, 560, 80
MAX_POINTS = 1500
# What of a shot's quality a person reads.
QUALITIES = ("reprojection_error", "tracks", "noise_floor", "mapper")


@dataclass(frozen=True, eq=False)
class Side:
    """A shot, and what was filmed along it.

    Attributes
    ----------
    shot : Shot
    video : Path or None
        A video or pictures; the shot's ``frames`` number its frames.
    name : str
        What it is called in the report; the shot's own name where empty.
    masks : Path or None
        A video as long as that one, white where its pictures are made up.
    """

    shot: Shot
    video: Path | None = None
    name: str = ""
    masks: Path | None = None


def write_page(sides: Sequence[Side], path: Path) -> None:
    """Write a report: the first side is the reference, which the others are held against.

    Parameters
    ----------
    sides : sequence of Side
    path : Path
        The HTML file.

    Raises
    ------
    InputError
        Where a video cannot be read, ends before its shot, or the page cannot be written.
    """
    reference = sides[0].shot
    made_up = [_made_up(side) for side in sides]
    names = [side.name or side.shot.name for side in sides]
    document = {
        "title": " and ".join(dict.fromkeys(names)) if len(names) < 3 else f"{names[0]} and {len(names) - 1} results",
        "subtitle": f"{len(reference)} frames at {reference.fps:g} a second, {reference.motion_class}",
        "sides": [_describe(side) | {"made_up": shares} for side, shares in zip(sides, made_up, strict=True)],
        "measures": [*_measures([side.shot for side in sides]), *_coverage(made_up)],
    }
    text = json.dumps(to_json_values(document), allow_nan=False, separators=(",", ":"))
    template = (files("parascale.evaluation") / "page.html").read_text("utf-8")
    title = html.escape(f"{document['title']}: ParaScale report")
    # Nothing inside may end the element that holds it.
    page = template.replace("<title>ParaScale report</title>", f"<title>{title}</title>")
    replace_files({path: page.replace("@DATA@", text.replace("<", "\\u003c")).encode()})


def _describe(side: Side) -> dict[str, object]:
    shot = side.shot
    path = shot.trajectory
    depth = float(shot.bridged_depth[0])
    first = np.linalg.inv(path.camera_to_world[0])
    poses = first @ path.camera_to_world
    assert shot.frames is not None
    return {
        "name": side.name or shot.name,
        "fps": shot.fps,
        "times": (path.times - path.times[0]).tolist(),
        "frames": shot.frames.tolist(),
        "p": shot.parallax_number.tolist(),
        "floor": shot.noise_floor if "noise_floor" in shot.quality else None,
        "sigma": None if shot.parallax_sigma is None else shot.parallax_sigma.tolist(),
        "centres": (poses[:, :3, 3] / depth).tolist(),
        "rotations": poses[:, :3, :3].tolist(),
        "tall": path.height / path.width,
        "horizon": _horizon(shot),
        "subjects": [
            {"name": subject.name, "centre": [None if np.isnan(x) else [x, y] for x, y in subject.centre.tolist()]}
            for subject in shot.subjects
        ],
        "half": [path.width / 2 / path.intrinsics[0, 0], path.height / 2 / path.intrinsics[0, 1]],
        "points": _points(shot, first, depth),
        "every": -(-len(shot) // MAX_PICTURES),
        "pictures": [] if side.video is None else _pictures(side.video, _shown(shot)),
        "verdict": _verdict(shot),
        "provenance": [[name, _as_text(value)] for name, value in shot.provenance.items()],
    }


def _shown(shot: Shot) -> list[int]:
    """Give the frames of the clip whose pictures the page holds."""
    assert shot.frames is not None
    frames: list[int] = shot.frames[:: -(-len(shot) // MAX_PICTURES)].tolist()
    return frames


def _horizon(shot: Shot) -> list[list[float]] | None:
    """Give a, b, c of the line a x + b y + c = 0 on which directions are level, a frame; None where up is unknown.

    x right and y down from the middle of the picture, in frame widths.
    """
    if shot.up is None:
        return None
    path = shot.trajectory
    focal, centre = path.intrinsics[:, :2] / path.width, path.intrinsics[:, 2:] / path.width
    up = np.swapaxes(path.rotations, 1, 2) @ shot.up.direction
    slope = up[:, :2] / focal
    middle = np.array(path.size) / path.width / 2 - centre
    lines: list[list[float]] = np.column_stack([slope, up[:, 2] + np.sum(slope * middle, axis=1)]).tolist()
    return lines


def _made_up(side: Side) -> list[float]:
    """Give the share of every picture shown that is made up; empty where nobody knows."""
    if side.masks is None:
        return []
    wanted = _shown(side.shot)
    shares = {frame.number: float(np.mean(frame.picture > 127)) for frame in read_frames(side.masks, set(wanted))}
    if missing := sorted(set(wanted) - set(shares)):
        raise InputError(f"{side.masks} ends before frame {missing[0]} of its video: is it another video's mask?")
    return [shares[number] for number in wanted]


def _coverage(made_up: Sequence[Sequence[float]]) -> list[tuple[str, list[object]]]:
    if not any(made_up):
        return []
    columns = [[100 * share for share in shares] for shares in made_up]
    return [
        ("Picture made up, %, mean", [float(np.mean(column)) if column else None for column in columns]),
        ("Picture made up, %, at most", [max(column, default=None) for column in columns]),
    ]


def _composition(shots: Sequence[Shot]) -> list[tuple[str, list[object]]]:
    """Give how the pictures are composed: the subject's share of the frames and P, and the largest roll."""
    held = [float(np.mean(shot.subjects[0].in_frame)) if shot.subjects else None for shot in shots]
    speeds = [_median(shot.parallax_of(shot.subjects[0])) if shot.subjects else None for shot in shots]
    rolls = [_largest_roll(shot) for shot in shots]
    rows: list[tuple[str, list[object]]] = [
        ("Subject in the picture, share of the frames", list(held)),
        ("P of the subject, median of the steps", list(speeds)),
        ("Roll against the horizon, degrees, at most", list(rolls)),
    ]
    return [row for row in rows if any(value is not None for value in row[1])]


def _largest_roll(shot: Shot) -> float | None:
    if shot.up is None:
        return None
    roll = np.degrees(roll_angles(shot.trajectory.rotations, shot.up.direction))
    return float(np.abs(roll).max())


def _points(shot: Shot, first: Array, depth: float) -> list[list[object]]:
    if shot.points is None or not len(shot.points.positions):
        return []
    every = len(shot.points.positions) // MAX_POINTS + 1
    places = (shot.points.positions[::every] @ first[:3, :3].T + first[:3, 3]) / depth
    near = np.linalg.norm(places, axis=1) < 4
    colours = shot.points.colours[::every][near].tolist()
    return [
        [*np.round(place, 4).tolist(), f"rgb({r},{g},{b})"]
        for place, (r, g, b) in zip(places[near], colours, strict=True)
    ]


def _pictures(video: Path, numbers: Sequence[int]) -> list[str]:
    found: dict[int, str] = {}
    for frame in read_frames(video, set(numbers)):
        height, width = frame.picture.shape[:2]
        small = cv2.resize(frame.picture, fit_within(width, height, PICTURE_SIDE), interpolation=cv2.INTER_AREA)
        good, stored = cv2.imencode(".jpg", small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        assert good
        found[frame.number] = "data:image/jpeg;base64," + base64.b64encode(stored.tobytes()).decode()
    if missing := sorted(set(numbers) - set(found)):
        raise InputError(f"{video.name} ends before frame {missing[0]} of its shot: is it another shot's video?")
    return [found[number] for number in numbers]


def _verdict(shot: Shot) -> list[tuple[str, str]]:
    """Give what is to be said about a shot, in words, with how much it matters."""
    judged = shot.quality.get("verdict")
    found = [(str(severity), str(text)) for severity, text in judged] if isinstance(judged, list) else []
    warned = shot.quality.get("warnings")
    told = [str(each) for each in warned] if isinstance(warned, list) else []
    found += [("warning", each) for each in (*told, *(notice.message for notice in shot.notices))]
    order: dict[str, int] = {severity: place for place, severity in enumerate(SEVERITIES)}
    return sorted(found, key=lambda each: order.get(each[0], 0))


def _measures(shots: Sequence[Shot]) -> list[tuple[str, list[object]]]:
    rows: list[tuple[str, list[object]]] = [
        ("Frames", [len(shot) for shot in shots]),
        ("Seconds", [float(np.ptp(shot.trajectory.times)) for shot in shots]),
        ("P, median of the steps", [_median(shot.parallax_number) for shot in shots]),
        ("P a second, median", [_median(shot.parallax_number / np.diff(shot.trajectory.times)) for shot in shots]),
    ]
    rows += [
        (name.replace("_", " ").capitalize(), [shot.quality.get(name) for shot in shots])
        for name in QUALITIES
        if any(name in shot.quality for shot in shots)
    ]
    rows += _composition(shots)
    against: list[dict[str, Json]] = []
    for shot in shots[1:]:
        try:
            against.append(compare(shot, shots[0]).as_json())
        except InputError:
            against.append({})
    for name, title in (
        ("pce", "PCE against the reference"),
        ("pce_scale_gap", "Scale gap, ln"),
        ("pce_profile", "Profile error"),
        ("felt_error", "Felt error"),
        ("rot_err", "RotErr, degrees"),
        ("trans_err", "TransErr, % of the path"),
        ("frames", "Frames compared"),
    ):
        if against:
            rows.append((title, [None, *(each.get(name) for each in against)]))
    return rows


def _median(values: Array) -> float | None:
    return None if np.isnan(values).all() else float(np.nanmedian(values))


def _as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
