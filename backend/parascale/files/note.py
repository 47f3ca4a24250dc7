"""The line of our own that a written file carries wherever its format has a place for a comment."""

import re
from dataclasses import dataclass
from typing import get_args

from parascale.files.disk import MARK
from parascale.parallax.shot import Shot, Unit


@dataclass(frozen=True)
class Note:
    """Unit, frame rate and picture size as a file states them; None where it does not.

    Attributes
    ----------
    unit : "m", "arbitrary", "unit-depth" or None
    metres_per_unit, fps : float or None
    size : (int, int) or None
        Width and height in pixels.
    """

    unit: Unit | None = None
    metres_per_unit: float | None = None
    fps: float | None = None
    size: tuple[int, int] | None = None


def write_note(shot: Shot, convention: str) -> str:
    """Format the line that states unit, frame rate, picture size and convention.

    Parameters
    ----------
    shot : Shot
    convention : str
        Axes and direction of the matrices in the file, for people.
    """
    scale = "" if shot.metres_per_unit is None else f" metres_per_unit={shot.metres_per_unit!r}"
    width, height = shot.trajectory.size
    return f"{MARK} unit={shot.unit}{scale} fps={float(shot.fps)!r} size={width}x{height} convention={convention}"


def read_note(text: str) -> Note:
    """Read the first note in a text; where there is none, or it is broken, the `Note` is empty."""
    found = re.search(re.escape(MARK) + "([^\n]*)", text)
    if not found:
        return Note()
    facts = dict(re.findall(r"(\w+)=(\S+)", found.group(1)))
    unit = facts.get("unit")
    size = re.fullmatch(r"(\d{1,6})x(\d{1,6})", facts.get("size", ""))
    return Note(
        unit=next((known for known in get_args(Unit) if known == unit), None),
        metres_per_unit=_parse_positive(facts.get("metres_per_unit")),
        fps=_parse_positive(facts.get("fps")),
        size=(int(size[1]), int(size[2])) if size and min(int(size[1]), int(size[2])) > 0 else None,
    )


def _parse_positive(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 < number < float("inf") else None
