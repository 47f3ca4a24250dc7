"""Picture sizes as one types them: 832x480."""

import re

from parascale.errors import InputError


def parse_size(text: str | None) -> tuple[int, int] | None:
    """Width and height of a text like 832x480; None of None.

    Raises
    ------
    InputError
        Where it is no size.
    """
    if text is None:
        return None
    found = re.fullmatch(r"([1-9]\d{0,5})[x×]([1-9]\d{0,5})", text.strip().lower())
    if not found:
        raise InputError(f"{text!r} is no picture size: write width x height, as 832x480")
    return int(found[1]), int(found[2])
