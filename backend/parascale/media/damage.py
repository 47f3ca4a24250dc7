"""Pictures of a film that cannot be decoded whole: packets that were lost, overwritten or cut short."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from parascale.errors import Notice

SILENT_DECODERS = frozenset({"hevc", "mjpeg"})
"""FFmpeg's decoders that fill what is broken with something else and flag nothing, unless they are told to fail."""


@dataclass
class Damage:
    """What could not be decoded whole, as a film is read.

    Attributes
    ----------
    lost : list of int
        How many pictures had come before each packet that could not be decoded.
    concealed : list of int
        Numbers of the pictures whose broken parts the decoder made up.
    cut : bool
        Whether the file breaks off.
    """

    lost: list[int] = field(default_factory=list)
    concealed: list[int] = field(default_factory=list)
    cut: bool = False

    def notices(self, name: str) -> Iterator[Notice]:
        """Say what is damaged of a file of that name."""
        count = len(self.lost) + len(self.concealed)
        if count:
            first = min(self.lost + self.concealed)
            pictures = "picture is" if count == 1 else "pictures are"
            yield Notice(
                f"{name} is damaged: {count} {pictures} lost or made up in part, the first about frame {first}; the "
                "Parallax Number there, and until the next key frame, is not to be relied on"
            )
        if self.cut:
            yield Notice(f"{name} breaks off before its end: what could be read of it is taken")
