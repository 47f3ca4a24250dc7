"""What a trajectory format is; each module of `parascale.files.formats` registers its own."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from parascale.files.distortion import MODELS
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.sample import Sample
from parascale.parallax.shot import Shot
from parascale.parallax.subject import Up
from parascale.types import Json

FLOAT32_PRECISION = 1e-6


@dataclass(frozen=True)
class Rate:
    """Frames and frame rate that the tool behind a format works at.

    Attributes
    ----------
    fps : float or None
        None where any will do.
    step : int or None
        The number of frames is n step + 1; None where it has to be ``frames``.
    frames : int
        The usual number of frames.
    """

    fps: float | None
    step: int | None
    frames: int

    def fits(self, shot: Shot) -> bool:
        """Tell whether a shot can be used as it is."""
        count = len(shot) == self.frames if self.step is None else (len(shot) - 1) % self.step == 0
        return count and (self.fps is None or math.isclose(shot.fps, self.fps))

    def __str__(self) -> str:
        rate = "" if self.fps is None else f" at {self.fps:g} a second"
        if self.step is None:
            return f"{self.frames} frames{rate}"
        return f"{self.step}n+1 frames{rate}, {self.frames} by custom"


@dataclass(frozen=True)
class Format:
    """A trajectory format.

    Attributes
    ----------
    name, description : str
    suffix : str
        Of its files; empty where it is a folder.
    lens : "each frame", "focal lengths", "one", "height" or "none"
        Intrinsics of each frame, each frame's focal lengths alone, intrinsics of the first frame alone, each frame's
        vertical field of view alone, or none.
    time : "exact", "microseconds", "even" or "none"
        "even": frame numbers or a frame rate; "none": the order of frames alone.
    read : callable
    write : callable or None
        None where the tool behind the format takes no path.
    recognise : callable
        Whether a file or folder is of this format, by its content and never by its name alone.
    precedence : int
        Of several formats that recognise a file the highest is taken: 0 where others write the same numbers or names, 1
        where it has a name or a rule of its own, 2 where it comes with files of other formats.
    defaults : FormatDefaults
    unit : bool
        Whether it can state what one unit is.
    size : bool
        Whether it can state the picture's size.
    depth, points, gain : bool
    cameras : bool
        Whether it may have several, one of which is read: then ``read`` takes a name too, or None.
    distortion : callable
        Whether it can store a lens distortion model.
    metric : bool
        Whether its unit is the metre by definition.
    precision : float
        How far poses come back from what was written: relative for centres, absolute for rotations.
    rate : Rate or None
    up : Up or None
        The world's, as it is read, where the tool behind the format defines it; None where a file may have any.
    """

    name: str
    description: str
    suffix: str
    lens: Literal["each frame", "focal lengths", "one", "height", "none"]
    time: Literal["exact", "microseconds", "even", "none"]
    read: Callable[..., RawTrajectory]
    write: Callable[[Shot, Path], None] | None
    recognise: Callable[[Sample], bool]
    precedence: int = 0
    defaults: FormatDefaults = field(default_factory=FormatDefaults)
    unit: bool = True
    size: bool = True
    depth: bool = False
    points: bool = False
    gain: bool = False
    cameras: bool = False
    distortion: Callable[[str], bool] = lambda _model: False
    metric: bool = False
    precision: float = 1e-12
    rate: Rate | None = None
    up: Up | None = None

    @property
    def frame_step(self) -> int:
        """The tool behind the format takes n times this + 1 frames."""
        return 1 if self.rate is None else self.rate.step or 1

    def as_json(self) -> dict[str, Json]:
        """Describe the format as JSON values."""
        return {
            "name": self.name,
            "description": self.description,
            "suffix": self.suffix,
            "lens": self.lens,
            "time": self.time,
            "unit": self.unit or self.metric,
            "size": self.size,
            "depth": self.depth,
            "points": self.points,
            "gain": self.gain,
            "distortion": any(map(self.distortion, MODELS)),
            "metric": self.metric,
            "written": self.write is not None,
            "precision": self.precision,
            "frames": None if self.rate is None else str(self.rate),
        }


REGISTERED: list[Format] = []


def register(*formats: Format) -> None:
    """Make formats known, as the last line of their module."""
    REGISTERED.extend(formats)
