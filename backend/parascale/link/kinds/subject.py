"""Following: a solved shot and its clip, and what of it is to be the subject."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

from parascale.link.arrays import Arrays
from parascale.link.codec import build
from parascale.link.request import Files, Packed, Request, expect_arrays, reference_of, shot_from_array, shot_to_array
from parascale.link.transfer import describe_file
from parascale.media.sequences import sequence_files
from parascale.parallax.shot import Shot
from parascale.parallax.subject_box import SubjectBox
from parascale.types import to_json_values


@dataclass(frozen=True)
class SubjectFields:
    """What of a subject request is neither file nor array; ``folder`` tells a folder of images from a video."""

    folder: bool
    fps: float | None
    subjects: tuple[SubjectBox, ...]


@dataclass(frozen=True, eq=False)
class SubjectRequest(Request):
    """Subjects to be followed through the clip of a shot that is solved already.

    Attributes
    ----------
    reference : Path
        The clip, as `SolveRequest` has it.
    shot : Shot
        Solved from it.
    subjects : tuple of SubjectBox
    fps : float or None
        Pictures a second, of pictures; None takes what they tell themselves.
    """

    kind = "subject"
    fields_type = SubjectFields
    grace = 0.5

    reference: Path
    shot: Shot
    subjects: tuple[SubjectBox, ...]
    fps: float | None = None

    def pack(self) -> Packed:
        """See `Request`; pictures are sent one by one."""
        pictures = sequence_files(self.reference)
        paths = [self.reference] if pictures is None else pictures
        fields = SubjectFields(pictures is not None, self.fps, self.subjects)
        files = tuple((describe_file("reference", path), path) for path in paths)
        return Packed(
            f"subject {self.reference.name}", to_json_values(asdict(fields)), {"shot": shot_to_array(self.shot)}, files
        )

    @classmethod
    def unpack(cls, fields: Mapping[str, object], arrays: Arrays, files: Files) -> Self:
        """See `Request`."""
        values = build(SubjectFields, dict(fields), cls.kind)
        expect_arrays(cls.kind, arrays, {"shot"})
        shot = shot_from_array(cls.kind, arrays)
        return cls(reference_of(cls.kind, values.folder, files), shot, values.subjects, values.fps)
