"""What a user points at in a clip: a box or a click, in one of its frames."""

import re
from dataclasses import dataclass
from math import isfinite

from parascale.errors import InputError

_NUMBER = r"[+-]?\d+(?:\.\d*)?"
_FORM = re.compile(rf"(?:(?P<name>[^=]+)=)?(?P<numbers>{_NUMBER}(?:,{_NUMBER})*)(?:@(?P<frame>\d+))?")


@dataclass(frozen=True)
class SubjectBox:
    """Where a subject is in one frame of a clip.

    Attributes
    ----------
    name : str
        What people call it.
    x, y : float
        Upper left corner of the box, or the point clicked, pixels of the clip.
    width, height : float or None
        Of the box, pixels of the clip; None is a click.
    frame : int or None
        Frame number in the clip; None is the first frame of the shot.

    Raises
    ------
    InputError
        Where a number is not finite, or a side of the box not positive.
    """

    name: str
    x: float
    y: float
    width: float | None = None
    height: float | None = None
    frame: int | None = None

    def __post_init__(self) -> None:
        sides = [side for side in (self.width, self.height) if side is not None]
        if len(sides) == 1 or not all(isfinite(value) for value in (self.x, self.y, *sides)):
            raise InputError(f"the box of the subject {self.name!r} needs two or four finite numbers")
        if any(side <= 0 for side in sides):
            raise InputError(f"the box of the subject {self.name!r} has a width or height that is not positive")
        if self.frame is not None and self.frame < 0:
            raise InputError(f"the subject {self.name!r} is in frame {self.frame}: frames count from 0")

    def __str__(self) -> str:
        """Give the text that `parse_subject_box` reads."""
        sides = "" if self.width is None else f",{self.width:g},{self.height:g}"
        return f"{self.name}={self.x:g},{self.y:g}{sides}" + ("" if self.frame is None else f"@{self.frame}")


def parse_subject_box(text: str, number: int = 1) -> SubjectBox:
    """Read a box `X,Y,W,H` or a click `X,Y`, with `@FRAME` after it and `NAME=` before it where wanted.

    Parameters
    ----------
    text : str
    number : int
        Of the subject, from 1: it is called after it where the text has no name.

    Raises
    ------
    InputError
        Where the text is none of these.
    """
    found = _FORM.fullmatch(text.strip())
    numbers = [] if found is None else [float(each) for each in found["numbers"].split(",")]
    if found is None or len(numbers) not in (2, 4):
        raise InputError(f"the subject {text!r} is not X,Y or X,Y,WIDTH,HEIGHT, as 640,360 or man=600,200,80,240@12")
    name = (found["name"] or "").strip() or ("subject" if number == 1 else f"subject {number}")
    x, y, *sides = numbers
    width, height = sides or (None, None)
    return SubjectBox(name, x, y, width, height, None if found["frame"] is None else int(found["frame"]))
