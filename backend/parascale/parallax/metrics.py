"""How faithful one shot is to another: PCE, felt error, RotErr, TransErr."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from parascale.camera.alignment import align_similarity
from parascale.camera.rotations import geodesic_angle
from parascale.errors import InputError
from parascale.parallax.shot import EXACT_FLOOR, Shot
from parascale.types import Array, Json, to_json_values

# Two frames are at the same time where they lie within this share of the shorter frame interval.
SAME_TIME_TOLERANCE = 0.1
# Rates this alike are two names of one, as 24 and 24000/1001 are: their frames go together by number.
SAME_RATE_TOLERANCE = 0.002
# Against known geometry a step is a rest below this share of the slower side's longest step: a path at a millionth of
# the speed still has a scale gap.
REST_SHARE = 1e-4


@dataclass(frozen=True)
class Metrics:
    """A shot held against a reference. NaN where a figure is undefined.

    Attributes
    ----------
    pce : float
        Mean over steps of abs(ln(P' / P)), both clamped to ``floor``.
    pce_scale_gap : float
        Median of ln(P' / P) over the steps where both sides lie above the floor; positive: the shot moves too fast.
        NaN where no step does.
    pce_profile : float
        The PCE that remains once the shot's P is divided by exp(scale gap).
    felt_error : float
        The same as ``pce`` on the felt parallax.
    rot_err : float
        Mean over frames of the angle between R'_0^T R'_t and R_0^T R_t, degrees.
    trans_err : float
        RMSE of the camera centres after similarity alignment, % of the reference's path length.
    trans_err_rel : float
        CamI2V's "rel" sum: distances summed over frames, both paths seen from their frame 0 and divided by their
        own largest displacement.
    frames, steps : int
        Frames at the same times on both sides, and steps between them with a surface in view on both.
    above_floor : float
        Share of the steps where both sides lie above the floor, 0 .. 1.
    floor : float
        The floor used: the larger of the two shots' noise floors, see `shared_floor`.
    """

    pce: float
    pce_scale_gap: float
    pce_profile: float
    felt_error: float
    rot_err: float
    trans_err: float
    trans_err_rel: float
    frames: int
    steps: int
    above_floor: float
    floor: float

    @property
    def pce_decades(self) -> float:
        """The PCE in powers of ten."""
        return self.pce / math.log(10)

    @property
    def pce_factor(self) -> float:
        """The PCE as the factor by which steps are typically too long or too short."""
        return math.exp(self.pce)

    def as_json(self) -> dict[str, Json]:
        """All figures by name, None where undefined."""
        figures: dict[str, object] = {**vars(self), "pce_decades": self.pce_decades, "pce_factor": self.pce_factor}
        return to_json_values(figures)


def log_ratio(p: ArrayLike, p_reference: ArrayLike, floor: float = EXACT_FLOOR) -> Array:
    """ln(max(p, e) / max(p_reference, e)) of each step, NaN where either is NaN.

    Raises
    ------
    InputError
        Where the two differ in length.
    """
    a, b = np.asarray(p, np.float64), np.asarray(p_reference, np.float64)
    if a.shape != b.shape:
        raise InputError(f"{len(a)} steps cannot be held against {len(b)}: resample one to the other's times first")
    ratio: Array = np.log(np.maximum(a, floor)) - np.log(np.maximum(b, floor))
    return ratio


def pce(p: ArrayLike, p_reference: ArrayLike, floor: float = EXACT_FLOOR) -> float:
    """Parallax consistency error: mean over steps of |ln(max(P', e) / max(P, e))|, e being the floor.

    Below e a step counts as rest. Steps where either is NaN are left out; NaN where none is left.
    """
    errors = np.abs(log_ratio(p, p_reference, floor))
    known = errors[~np.isnan(errors)]
    return float(np.mean(known)) if len(known) else math.nan


def shared_floor(p: ArrayLike, p_reference: ArrayLike, noise_floor: float) -> float:
    """Give e, below which a step counts as rest.

    It is the noise floor where a side was solved from pixels. Against known geometry it is 1e-6, or 1e-4 of the slower
    side's longest step where that is less.
    """
    if noise_floor > EXACT_FLOOR:
        return noise_floor
    longest = [float(np.nanmax(side, initial=0.0)) for side in (p, p_reference)]
    return min(EXACT_FLOOR, REST_SHARE * min(longest)) or EXACT_FLOOR


def pce_above_noise(p: ArrayLike, p_reference: ArrayLike, noise_floor: float) -> float:
    """Give the PCE at the floor that `shared_floor` gives the two sides."""
    return pce(p, p_reference, shared_floor(p, p_reference, noise_floor))


def compare(shot: Shot, reference: Shot) -> Metrics:
    """Hold a shot against a reference, at the times both have; frames at nominally the same rate go by number.

    Raises
    ------
    InputError
        Where the two share no step in time.
    """
    ours, theirs = _common_frames(shot.trajectory.times, reference.trajectory.times)
    step = (np.diff(ours) == 1) & (np.diff(theirs) == 1)
    if not step.any():
        raise InputError(
            f"{shot.name!r} and {reference.name!r} share no step in time: retime one to the other's frame rate first"
        )
    ours_step, theirs_step = ours[:-1][step], theirs[:-1][step]
    p, p_reference = shot.parallax_number[ours_step], reference.parallax_number[theirs_step]
    noise = max(shot.noise_floor, reference.noise_floor)
    floor = shared_floor(p, p_reference, noise)
    above, gap, profile = _split(p, p_reference, floor)
    felt = math.nan
    if shot.felt_parallax is not None and reference.felt_parallax is not None:
        felt = pce_above_noise(shot.felt_parallax[ours_step], reference.felt_parallax[theirs_step], noise)
    rotations, centres = shot.trajectory.rotations[ours], shot.trajectory.centres[ours]
    rotations_ref, centres_ref = reference.trajectory.rotations[theirs], reference.trajectory.centres[theirs]
    return Metrics(
        pce=pce(p, p_reference, floor),
        pce_scale_gap=gap,
        pce_profile=profile,
        felt_error=felt,
        rot_err=rot_err(rotations, rotations_ref),
        trans_err=trans_err(centres, centres_ref),
        trans_err_rel=trans_err_rel(centres, rotations[0], centres_ref, rotations_ref[0]),
        frames=len(ours),
        steps=int(np.sum(~np.isnan(p + p_reference))),
        above_floor=above,
        floor=floor,
    )


def rot_err(rotations: ArrayLike, rotations_reference: ArrayLike) -> float:
    """Mean geodesic angle in degrees of R'_0^T R'_t against R_0^T R_t, from (T, 3, 3) rotations."""
    a, b = np.asarray(rotations, np.float64), np.asarray(rotations_reference, np.float64)
    return float(np.degrees(np.mean(geodesic_angle(a[0].T @ a, b[0].T @ b))))


def trans_err(centres: ArrayLike, centres_reference: ArrayLike) -> float:
    """RMSE of centres (T, 3) after similarity alignment, % of the reference's path length; NaN where that is 0."""
    reference = np.asarray(centres_reference, np.float64)
    length = np.sum(np.linalg.norm(np.diff(reference, axis=0), axis=1))
    if length == 0:
        return math.nan
    aligned = align_similarity(centres, reference).apply(centres)
    return float(100 * np.sqrt(np.mean(np.sum((aligned - reference) ** 2, axis=1))) / length)


def trans_err_rel(
    centres: ArrayLike, first_rotation: ArrayLike, centres_reference: ArrayLike, first_rotation_reference: ArrayLike
) -> float:
    """CamI2V's "rel" TransErr: sum over frames of |t'_t / max|t'| - t_t / max|t||, t seen from frame 0.

    From centres (T, 3) and R_0 (3, 3), camera-to-world, of each side.
    """
    ours, theirs = _unit_path(centres, first_rotation), _unit_path(centres_reference, first_rotation_reference)
    return float(np.sum(np.linalg.norm(ours - theirs, axis=1)))


def _unit_path(centres: ArrayLike, first_rotation: ArrayLike) -> Array:
    path = np.asarray(centres, np.float64)
    seen: Array = (path - path[0]) @ np.asarray(first_rotation, np.float64)
    # CamI2V's own guard against paths that do not move.
    return seen / max(float(np.linalg.norm(seen, axis=1).max()), 1e-9)


def _split(p: Array, p_reference: Array, floor: float) -> tuple[float, float, float]:
    """Share of steps above the floor, scale gap, profile error."""
    known = ~np.isnan(p + p_reference)
    if not known.any():
        return math.nan, math.nan, math.nan
    above = known & (p > floor) & (p_reference > floor)
    if not above.any():
        return 0.0, math.nan, math.nan
    gap = float(np.median(log_ratio(p[above], p_reference[above], floor)))
    return float(np.sum(above) / np.sum(known)), gap, pce(p * math.exp(-gap), p_reference, floor)


def _common_frames(times: Array, times_reference: Array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Index pairs of frames at the same time since each side's first frame."""
    a, b = times - times[0], times_reference - times_reference[0]
    if len(a) > 1 and len(b) > 1:
        ratio = float(np.median(np.diff(b)) / np.median(np.diff(a)))
        a = a * ratio if abs(ratio - 1) < SAME_RATE_TOLERANCE else a
    interval = min((float(np.min(np.diff(t))) for t in (a, b) if len(t) > 1), default=1.0)
    after = np.minimum(np.searchsorted(b, a), len(b) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(np.abs(a - b[before]) < np.abs(a - b[after]), before, after)
    same = np.abs(a - b[nearest]) <= SAME_TIME_TOLERANCE * interval
    return np.flatnonzero(same), nearest[same]
