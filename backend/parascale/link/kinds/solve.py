"""Solving: the camera path of a clip and how deep it looks."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from parascale.link.arrays import Arrays
from parascale.link.codec import build
from parascale.link.request import Files, Packed, Request, expect_arrays, reference_of
from parascale.link.transfer import describe_file
from parascale.media.sequences import sequence_files
from parascale.parallax.subject_box import SubjectBox
from parascale.types import to_json_values


@dataclass(frozen=True)
class SolveFields:
    """What of a solve request is not a file; ``folder`` tells a folder of images from a video."""

    folder: bool
    focal: float | None
    fov: float | None
    start: int
    end: int | None
    depth_model: str | None
    fps: float | None
    subjects: tuple[SubjectBox, ...]


@dataclass(frozen=True)
class SolveRequest(Request):
    """A reference to be solved.

    Attributes
    ----------
    reference : Path
        A video file, a folder of pictures, one of numbered pictures, or their pattern.
    focal : float or None
        Focal length in pixels at the clip's own resolution; None if unknown.
    fov : float or None
        Horizontal field of view in degrees; None if unknown.
    start, end : int, int or None
        Frame range, start inclusive, end exclusive; None is the end of the clip.
    depth_model : str or None
        Gives the depth, aligned to the solved points, as `DepthRequest` names it; None takes that of the tracks.
    fps : float or None
        Pictures a second, of pictures; None takes what they tell themselves.
    subjects : tuple of SubjectBox
        What the clip shows, to be followed through it; where there is none, the solve proposes what the camera holds.
    """

    kind = "solve"
    fields_type = SolveFields
    grace = 0.5
    models = ("depth_model",)

    reference: Path
    focal: float | None = None
    fov: float | None = None
    start: int = 0
    end: int | None = None
    depth_model: str | None = None
    fps: float | None = None
    subjects: tuple[SubjectBox, ...] = ()

    def pack(self) -> Packed:
        """See `Request`; pictures are sent one by one."""
        pictures = sequence_files(self.reference)
        paths = [self.reference] if pictures is None else pictures
        known = (self.focal, self.fov, self.start, self.end, self.depth_model, self.fps, self.subjects)
        fields = SolveFields(pictures is not None, *known)
        files = tuple((describe_file("reference", path), path) for path in paths)
        return Packed(f"solve {self.reference.name}", to_json_values(asdict(fields)), {}, files)

    @classmethod
    def unpack(cls, fields: Mapping[str, object], arrays: Arrays, files: Files) -> Self:
        """See `Request`."""
        values = build(SolveFields, dict(fields), cls.kind)
        expect_arrays(cls.kind, arrays, set())
        known = (values.focal, values.fov, values.start, values.end, values.depth_model, values.fps, values.subjects)
        return cls(reference_of(cls.kind, values.folder, files), *known)
