"""What the numbers of a DPX picture mean, by its header (SMPTE 268M), and how they become light.

Printing density and logarithmic pictures are film scans and log recordings: by Kodak's rule for Cineon files, code 685
of 1023 is white, code 95 black, and a code is 0.002 of density, at a gamma of 0.6. Linear pictures hold light, but not
those of FFmpeg, whose older versions called all pictures so. All others, also those whose header does not say, hold
what a screen shows.
"""

from pathlib import Path

import numpy as np

from parascale.errors import InputError
from parascale.media.display_light import encode_srgb
from parascale.types import Array, Image

RULES = {
    "logarithmic": "logarithmic values, turned into light by Cineon's rule (black 95, white 685) and encoded as sRGB",
    "linear": "linear values, encoded as sRGB",
}
"""By what `read_transfer` reads, the rule in a few words, for notes."""

_MAGIC = (b"SDPX", b"XPDS")
# Where the header says how the values of the first image element are to be read.
_TRANSFER = 801
_LOGARITHMIC, _LINEAR, _DEPTH = {1, 3}, {2}, {11, 12}
# Where it names what wrote the file, and what FFmpeg's names begin with.
_CREATOR, _FFMPEG = 160, b"Lavc"
_BLACK, _WHITE, _DENSITY, _GAMMA = 95, 685, 0.002, 0.6


def read_transfer(path: Path) -> str | None:
    """Read whether a DPX file is "logarithmic" or "linear"; None where it is as a screen shows it, or not a DPX file.

    Raises
    ------
    InputError
        Where it is a depth map.
    OSError
    """
    with path.open("rb") as file:
        head = file.read(_TRANSFER + 1)
    if not head.startswith(_MAGIC) or len(head) <= _TRANSFER:
        return None
    stated = head[_TRANSFER]
    if stated in _DEPTH:
        raise InputError(f"{path} is a depth map by its header: give the picture")
    if stated in _LINEAR:
        return None if head.startswith(_FFMPEG, _CREATOR) else "linear"
    return "logarithmic" if stated in _LOGARITHMIC else None


def to_display(values: Array, transfer: str) -> Image:
    """Turn values 0 .. 1 of a logarithmic or linear DPX picture into what a screen shows (see `encode_srgb`)."""
    return encode_srgb(values if transfer == "linear" else _to_light(values))


def _to_light(values: Array) -> Array:
    """Light, 0 at black and 1 at white."""
    light = 10 ** ((values * 1023 - _WHITE) * _DENSITY / _GAMMA)
    black = 10 ** ((_BLACK - _WHITE) * _DENSITY / _GAMMA)
    return np.asarray((light - black) / (1 - black))
