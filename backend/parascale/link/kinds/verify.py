"""Verification: a video solved again and compared with the shot it was made for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from parascale.link.arrays import Arrays
from parascale.link.codec import build
from parascale.link.request import Files, Packed, Request, expect_arrays, one_file, shot_from_array, shot_to_array
from parascale.link.transfer import describe_file
from parascale.parallax.shot import Shot


@dataclass(frozen=True)
class VerifyFields:
    """A verify request is an array and a file, and nothing else."""


@dataclass(frozen=True, eq=False)
class VerifyRequest(Request):
    """A video to be solved again and compared with the shot it was made for.

    Attributes
    ----------
    video : Path
    shot : Shot
        The path that was requested.
    """

    kind = "verify"
    fields_type = VerifyFields
    grace = 0.5

    video: Path
    shot: Shot

    def pack(self) -> Packed:
        """See `Request`."""
        files = ((describe_file("video", self.video), self.video),)
        return Packed(f"verify {self.video.name}", asdict(VerifyFields()), {"shot": shot_to_array(self.shot)}, files)

    @classmethod
    def unpack(cls, fields: Mapping[str, object], arrays: Arrays, files: Files) -> Self:
        """See `Request`."""
        build(VerifyFields, dict(fields), cls.kind)
        expect_arrays(cls.kind, arrays, {"shot"})
        return cls(one_file(cls.kind, files, "video"), shot_from_array(cls.kind, arrays))
