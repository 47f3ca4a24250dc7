"""How large a picture may be to be decoded: a small file can unpack to more than the memory."""

import struct
from pathlib import Path

from parascale.errors import InputError

MAX_DECODED_PIXELS = 300_000_000
"""Pixels of a picture or a frame; the largest sensors of phones have 200 million."""

_PNG_HEAD = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def check_decoded_size(path: Path, width: int, height: int) -> None:
    """Refuse a picture before it is decoded.

    Raises
    ------
    InputError
        Where it has more than `MAX_DECODED_PIXELS`.
    """
    if width * height > MAX_DECODED_PIXELS:
        raise InputError(
            f"{path.name} holds pictures of {width}x{height}: at most {MAX_DECODED_PIXELS / 1e6:.0f} megapixels are "
            "decoded, make them smaller"
        )


def check_png_size(path: Path) -> None:
    """Refuse a PNG by what its header states: FFmpeg finds that out as it decodes. Other files pass.

    Raises
    ------
    InputError
        See `check_decoded_size`.
    OSError
        Where the file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(24)
    if head.startswith(_PNG_HEAD) and len(head) == 24:
        check_decoded_size(path, *struct.unpack(">II", head[16:24]))
