"""Picture sizes as one types them: 832x480."""

import re

from parascale.errors import InputError


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
