"""A shot: a trajectory, the depth it moves through, and where both come from."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parascale.camera import Trajectory
from parascale.errors import InputError, Notice
from parascale.parallax.distortion import check_frames, choose_frames
from parascale.parallax.number import parallax_number
from parascale.parallax.subject import SubjectTrack, Up
from parascale.types import Array

Unit = Literal["m", "arbitrary", "unit-depth"]
MotionClass = Literal["general", "rotation-only", "static"]

# e of the paper's PCE, against geometry that is known exactly.
EXACT_FLOOR = 1e-6


@dataclass(frozen=True, eq=False)
class Points:
    """World points (N, 3) a solve left behind, in the shot's unit, and their sRGB colours (N, 3)."""

    positions: NDArray[np.float32]
    colours: NDArray[np.uint8]


@dataclass(frozen=True, eq=False, repr=False)
class Shot:
    """A camera path together with the depth it moves through.

    Attributes
    ----------
    name : str
        What people call it.
    fps : float
        Nominal frame rate; ``trajectory.times`` are the truth.
    trajectory : Trajectory
        T cameras.
    median_depth : (T,) float64
        Z_t, the median over image area of the z-depth of the visible surface, in the shot's unit; NaN where no
        surface was seen.
    unit : "m", "arbitrary" or "unit-depth"
        What one unit of ``trajectory`` and ``median_depth`` is; "unit-depth" means Z_0 = 1.
    metres_per_unit : float or None
        None where unknown; 1 where the unit is "m".
    motion_class : "general", "rotation-only" or "static"
    frames : (T,) int64 or None
        Frame numbers in the source, strictly increasing; 0 .. T-1 where None is given.
    felt_parallax : (T-1,) float64 or None
        phi_t of each step, in focal-normalised image units.
    gain : (T-1,) float64 or None
        s_t each step was multiplied by, for a calibrated shot.
    distortion : mapping or None
        Lens distortion of the pictures, ``{"model": "SIMPLE_RADIAL", "k1": ...}``; a coefficient that changes is a list
        of T numbers.
    points : Points or None
    subjects : tuple of SubjectTrack
        What the shot looks at. The first one that is in frame leads; where it ends, the next takes over.
    up : Up or None
        Which way is up, where that is known from elsewhere than the path itself.
    parallax_sigma : (T-1,) float64 or None
        Standard deviation of P_t, from pose, depth and focal length together; NaN where unknown.
    quality, provenance : mapping
        JSON values: how well it was solved, and where it comes from.

    Raises
    ------
    InputError
        Where a length does not fit, a depth is not positive, or a value is out of its range.
    """

    name: str
    fps: float
    trajectory: Trajectory
    median_depth: Array
    unit: Unit = "arbitrary"
    metres_per_unit: float | None = None
    motion_class: MotionClass = "general"
    frames: NDArray[np.int64] | None = None
    felt_parallax: Array | None = None
    gain: Array | None = None
    distortion: Mapping[str, object] | None = None
    points: Points | None = None
    subjects: tuple[SubjectTrack, ...] = ()
    up: Up | None = None
    parallax_sigma: Array | None = None
    quality: Mapping[str, object] = field(default_factory=dict)
    provenance: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        count = len(self.trajectory)
        frames = np.arange(count) if self.frames is None else self.frames
        self._freeze("frames", frames, count, np.int64)
        self._freeze("median_depth", self.median_depth, count)
        for name in ("felt_parallax", "gain", "parallax_sigma"):
            if getattr(self, name) is not None:
                self._freeze(name, getattr(self, name), count - 1)
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"a frame rate of {self.fps} is not positive")
        if self.motion_class not in get_args(MotionClass):
            raise InputError(f"the motion class {self.motion_class!r} is not one of {', '.join(get_args(MotionClass))}")
        self._check_unit()
        object.__setattr__(self, "subjects", tuple(self.subjects))
        for subject in self.subjects:
            if len(subject) != count:
                raise InputError(f"the subject {subject.name!r} has {len(subject)} frames where {count} are needed")
        if self.parallax_sigma is not None and np.any(np.isinf(self.parallax_sigma) | (self.parallax_sigma < 0)):
            raise InputError("a standard deviation of the Parallax Number is negative or infinite")
        check_frames(self.distortion, count)
        bad = np.isinf(self.median_depth) | (self.median_depth <= 0)
        if bad.any():
            raise InputError(f"the median depth of frame {int(np.argmax(bad))} is not positive")
        assert self.frames is not None
        if np.any(np.diff(self.frames) <= 0):
            raise InputError("frame numbers do not increase")

    def _check_unit(self) -> None:
        if self.unit not in get_args(Unit):
            raise InputError(f"the unit {self.unit!r} is not one of {', '.join(get_args(Unit))}")
        if self.unit == "m" and self.metres_per_unit is None:
            object.__setattr__(self, "metres_per_unit", 1.0)
        scale = self.metres_per_unit
        if scale is not None and not (np.isfinite(scale) and scale > 0):
            raise InputError(f"metres_per_unit is {scale}, which is not positive")
        if self.unit == "m" and scale != 1:
            raise InputError(f"metres_per_unit is {scale} where the unit is metres")

    def _freeze(self, name: str, values: ArrayLike, count: int, dtype: type = np.float64) -> None:
        array: NDArray[np.generic] = np.array(values, dtype)
        if array.shape != (count,):
            raise InputError(f"{name} has {array.shape} values where {count} are needed")
        array.flags.writeable = False
        object.__setattr__(self, name, array)

    def __len__(self) -> int:
        return len(self.trajectory)

    def __repr__(self) -> str:
        p = self.parallax_number
        told = f", P {np.nanmedian(p):.3g}" if not np.isnan(p).all() else ""
        return f"<Shot {self.name!r}: {len(self)} frames at {self.fps:g} fps, {self.motion_class}, {self.unit}{told}>"

    def __getitem__(self, chosen: slice) -> "Shot":
        """Take some frames in a row, ``shot[10:50]``; their times stay.

        Raises
        ------
        InputError
            Where that is not frames in a row, or none. `parascale.retime` leaves frames out, and turns them round.
        """
        if not isinstance(chosen, slice) or chosen.step not in (None, 1):
            raise InputError("frames of a shot are taken in a row, as in shot[10:50]")
        start, stop, _ = chosen.indices(len(self))
        if stop <= start:
            raise InputError(f"the frames {start} to {stop} of {len(self)} are none")
        frames, steps = slice(start, stop), slice(start, stop - 1)
        felt, gain, sigma = (
            None if values is None else values[steps] for values in (self.felt_parallax, self.gain, self.parallax_sigma)
        )
        assert self.frames is not None
        quality = dict(self.quality)
        if isinstance(per_step := quality.get("noise_floor_per_step"), list):
            quality["noise_floor_per_step"] = per_step[steps]
        return replace(
            self,
            trajectory=self.trajectory[frames],
            median_depth=self.median_depth[frames],
            # At unit depth is what begins at depth 1.
            unit="arbitrary" if self.unit == "unit-depth" and start > 0 else self.unit,
            frames=self.frames[frames],
            felt_parallax=felt,
            gain=gain,
            distortion=choose_frames(self.distortion, lambda values: values[frames]),
            subjects=tuple(subject[frames] for subject in self.subjects),
            parallax_sigma=sigma,
            quality=quality,
        )

    @property
    def parallax_number(self) -> Array:
        """P_t, (T-1,): see `parascale.parallax.number.parallax_number`."""
        return parallax_number(self.trajectory, self.median_depth)

    def parallax_of(self, subject: SubjectTrack) -> Array:
        """P_t counted in the depth of a subject, (T-1,): NaN where that is not known."""
        if subject.depth is None:
            return np.full(len(self) - 1, np.nan)
        return parallax_number(self.trajectory, subject.depth)

    @property
    def parallax_band(self) -> tuple[Array, Array] | None:
        """P_t less and more three standard deviations, (T-1,) each, from 0; None where the error is not known."""
        if self.parallax_sigma is None:
            return None
        p, margin = self.parallax_number, 3 * self.parallax_sigma
        return np.maximum(p - margin, 0.0), p + margin

    @property
    def bridged_depth(self) -> Array:
        """Z_t with gaps bridged: ln Z linear in time, held at the ends; 1 where no frame knows it, (T,)."""
        known = ~np.isnan(self.median_depth)
        if not known.any():
            return np.ones(len(self))
        times = self.trajectory.times
        bridged = np.exp(np.interp(times, times[known], np.log(self.median_depth[known])))
        return np.where(known, self.median_depth, bridged)

    @property
    def notices(self) -> list[Notice]:
        """What a solve assumed about its clip, left out of it, or found doubtful."""
        told, warning = self.quality.get("notices"), self.quality.get("warning")
        found = [Notice.from_json(each) for each in told] if isinstance(told, list) else []
        return found + ([Notice(f"{self.name} {warning}")] if isinstance(warning, str) else [])

    @property
    def noise_floor(self) -> float:
        """P below which a step cannot be told from rest: three sigma where solved from pixels, else 1e-6."""
        stated = self.quality.get("noise_floor")
        return max(float(stated), EXACT_FLOOR) if isinstance(stated, int | float) else EXACT_FLOOR

    @property
    def digest(self) -> str:
        """SHA-256 of the path, the lens, the times, the depth, the subjects and up: what a calibration depends on."""
        path = self.trajectory
        parts = [path.camera_to_world, path.intrinsics, path.times, self.median_depth, np.array(path.size, np.int64)]
        for subject in self.subjects:
            parts += [subject.centre, *(each for each in (subject.size, subject.depth) if each is not None)]
        if self.up is not None:
            parts.append(self.up.direction)
        return hashlib.sha256(b"".join(np.ascontiguousarray(part).tobytes() for part in parts)).hexdigest()
