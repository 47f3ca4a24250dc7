"""Reports: a reference and what was made by it, as one page that can be handed on."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.link.arrays import Arrays
from parascale.link.codec import build
from parascale.link.request import Files, Packed, Request, expect_arrays, shot_from_array, shot_to_array
from parascale.link.transfer import describe_file
from parascale.parallax.shot import Points, Shot
from parascale.types import Array, Image


@dataclass(frozen=True)
class ReportFields:
    """A report request is arrays and files, and nothing else."""


@dataclass(frozen=True, eq=False)
class ReportRequest(Request):
    """Shots to be shown side by side, each with what was filmed along it.

    Attributes
    ----------
    shot : Shot
        The reference, with its points where they are known.
    result : Shot or None
    clip, video : Path or None
        Films of the two, whose pictures the shots' frames number.
    """

    kind = "report"
    fields_type = ReportFields
    grace = 0.5

    shot: Shot
    result: Shot | None = None
    clip: Path | None = None
    video: Path | None = None

    def pack(self) -> Packed:
        """See `Request`."""
        arrays: dict[str, Array | NDArray[np.float32] | Image] = {
            "shot": shot_to_array(replace(self.shot, points=None))
        }
        if self.shot.points is not None and len(self.shot.points.positions):
            arrays |= {"positions": self.shot.points.positions, "colours": self.shot.points.colours}
        if self.result is not None:
            arrays["result"] = shot_to_array(self.result)
        films = (("clip", self.clip), ("video", self.video))
        files = tuple((describe_file(role, path), path) for role, path in films if path is not None)
        if len({info.name.casefold() for info, _ in files}) < len(files):
            files = tuple((replace(info, name=f"{info.role}-{info.name}"), path) for info, path in files)
        return Packed(f"report {(self.result or self.shot).name}", asdict(ReportFields()), arrays, files)

    @classmethod
    def unpack(cls, fields: Mapping[str, object], arrays: Arrays, files: Files) -> Self:
        """See `Request`."""
        build(ReportFields, dict(fields), cls.kind)
        expect_arrays(cls.kind, arrays, {"shot"}, ("result", "positions", "colours"))
        if set(files) - {"clip", "video"} or any(len(paths) != 1 for paths in files.values()):
            raise InputError("a report request takes one film of each shot and no other files")
        shot = replace(shot_from_array(cls.kind, arrays), points=_points(arrays))
        result = shot_from_array(cls.kind, {"shot": arrays["result"]}) if "result" in arrays else None
        if result is None and "video" in files:
            raise InputError("a report request has the result's video and no result")
        clip, video = (files[role][0] if role in files else None for role in ("clip", "video"))
        return cls(shot, result, clip, video)


def _points(arrays: Arrays) -> Points | None:
    if "positions" not in arrays and "colours" not in arrays:
        return None
    expect_arrays(ReportRequest.kind, arrays, {"positions", "colours"}, arrays)
    positions, colours = arrays["positions"], arrays["colours"]
    if positions.ndim != 2 or positions.shape[1:] != (3,) or colours.shape != positions.shape:
        raise InputError("the points of a report request are not (N, 3), with as many colours")
    if positions.dtype != np.float32 or colours.dtype != np.uint8:
        raise InputError("the points of a report request are not float32, with colours in uint8")
    return Points(np.asarray(positions, np.float32), np.asarray(colours, np.uint8))
