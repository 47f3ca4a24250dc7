"""Options that are numbers, within bounds; and picture sizes as one types them: 832x480."""

import math
import re

import typer

from parascale.errors import InputError

MOST_FPS = 1e4
MOST_FRAMES = 100_000
MOST_THREADS = 1024
MOST_SEED = 2**63 - 1
"""Beyond these a number was typed wrong, and the work would fill the memory."""


def number(
    text: str,
    *names: str,
    above: float = -math.inf,
    least: float = -math.inf,
    below: float = math.inf,
    most: float = math.inf,
) -> object:
    """Describe an option that is a finite number within bounds.

    Parameters
    ----------
    text : str
        Its help.
    *names : str
        As `typer.Option` takes them.
    above, below : float
        What it has to lie between.
    least, most : float
        The same, where the bound itself is allowed.
    """

    def check(param: typer.CallbackParam, value: float | None) -> float | None:
        if value is not None and not (above < value < below and least <= value <= most):
            raise InputError(f"{param.opts[0]} is {value:g}: it must be {_bounds(above, least, below, most)}")
        return value

    return typer.Option(*names, help=text, callback=check)


def _bounds(above: float, least: float, below: float, most: float) -> str:
    low = f"above {above:g}" if math.isfinite(above) else f"at least {least:.12g}" if math.isfinite(least) else "finite"
    high = (
        f" and below {below:g}" if math.isfinite(below) else f" and at most {most:.12g}" if math.isfinite(most) else ""
    )
    return low + high


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Parse width and height from a text such as 832x480; None gives None.

    Raises
    ------
    InputError
        Where it is no size.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,5})[x×]([1-9]\d{0,5})", text.strip().lower())
    if not found:
        raise InputError(f"{text!r} is not a picture size: expected WIDTHxHEIGHT such as 832x480")
    return int(found[1]), int(found[2])
