"""Equal steps of felt travel: the same path, every frame as far from the last as the eye counts."""

import numpy as np

from parascale.camera.quaternions import conjugate, product, to_rotation_vectors
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.retime.move import Move, known_parallax, sample_move
from parascale.retime.resample import frame_times, stretch_times
from parascale.types import Array

# Travel is summed over this many parts of each of the shot's own steps.
_TRAVEL_PARTS = 16

# Steps are evened out until they differ from their mean by this share; up to the second one they count as even.
_EVEN_STEPS = 1e-4
_ACCEPTED_STEPS = 0.005

# Smooth paths take 5 passes, shaken ones up to 100, which are not worth seconds.
_MAX_PASSES = 100
_MAX_MEASURED_STEPS = 200_000


def even(shot: Shot, frames: int, fps: float, *, count_rotation: bool = False) -> Shot:
    """Play the same path in equal steps of P, however it was timed.

    Parameters
    ----------
    shot : Shot
    frames : int
        N; 1 gives the first frame.
    fps : float
        Frames a second.
    count_rotation : bool
        Even out P plus the angle turned, in radians, so that a pan takes its time too. What neither travels nor
        turns is left out.

    Returns
    -------
    Shot
        N frames of the same path, starting when the shot does. P_t is the same to 0.5 %; where a path turns back so
        sharply that no such frames are found, all steps are equal in the P they pass through instead, and the record
        of the operation says ``"equal": "travel"``.

    Raises
    ------
    InputError
        Where the camera rests and rotation is not counted, or no frame knows its depth.
    """
    times = frame_times(shot, frames, fps)
    _refuse_rests(shot, count_rotation=count_rotation)
    move = Move(shot)
    at, found = stretch_times(shot, frames), True
    if frames > 2 and len(shot) > 1:
        at, found = _equal_times(move, frames, count_rotation=count_rotation)
    record = {"operation": "even", "frames": frames, "fps": float(fps), "count_rotation": count_rotation}
    record["equal"] = "steps" if found else "travel"
    return sample_move(move, at, times, fps=fps, record=record)


def is_even_in_travel(shot: Shot) -> bool:
    """Whether the last `even` of a shot made its travel equal, because equal steps were not found."""
    records = shot.provenance.get("retiming")
    evened = [record for record in records if record.get("operation") == "even"] if isinstance(records, list) else []
    return bool(evened) and evened[-1].get("equal") == "travel"


def _refuse_rests(shot: Shot, *, count_rotation: bool) -> None:
    moves = np.any(shot.trajectory.baselines)
    if moves and np.isnan(shot.median_depth).all():
        raise InputError(f"{shot.name!r} has no depth, so that its P is unknown and cannot be evened")
    if count_rotation or len(shot) == 1:
        return
    resting = np.flatnonzero(known_parallax(shot) <= shot.noise_floor)
    if len(resting):
        assert shot.frames is not None
        gap = np.flatnonzero(np.diff(resting) > 1)
        last = resting[gap[0]] if len(gap) else resting[-1]
        raise InputError(
            f"{shot.name!r} rests from frame {shot.frames[resting[0]]} to {shot.frames[last + 1]}, which even steps "
            "of P would leave out: count rotation in, or keep the path's own timing"
        )


def _equal_times(move: Move, frames: int, *, count_rotation: bool) -> tuple[Array, bool]:
    """Find the times of the move, (N,), between which all steps measure the same; else the travel, and False.

    They are spread again and again over the measure found between them, which moves them less and less
    (equidistribution, de Boor 1973). Where the path turns back within a step, that need not converge.
    """
    own, log_depth = move.times, np.log(move.shot.bridged_depth)

    def measure(start: Array, end: Array) -> Array:
        steps: Array = np.linalg.norm(move.centres(end) - move.centres(start), axis=1)
        steps /= np.exp(np.interp(start, own, log_depth))
        if count_rotation:
            turns = to_rotation_vectors(product(conjugate(move.quaternions(start)), move.quaternions(end)))
            steps += np.linalg.norm(turns, axis=1)
        return steps

    fine = np.interp(np.arange((len(own) - 1) * _TRAVEL_PARTS + 1) / _TRAVEL_PARTS, np.arange(len(own)), own)
    passed = measure(fine[:-1], fine[1:])
    travelled = at = _spread(fine, passed, frames)
    for number in range(min(_MAX_PASSES, max(10, _MAX_MEASURED_STEPS // frames))):
        steps = measure(at[:-1], at[1:])
        if _unevenness(steps) <= _EVEN_STEPS:
            return at, True
        # Shorter moves settle where the measure jumps about.
        wanted = _spread(at, steps, frames)
        at = at + (wanted - at) / (1 + number // 25)
    if _unevenness(steps) <= _ACCEPTED_STEPS:
        return at, True
    return travelled, False


def _unevenness(steps: Array) -> float:
    """Share of the mean by which a step may be off it."""
    mean = steps.mean()
    return float(np.abs(steps - mean).max() / mean) if mean > 0 else 0.0


def _spread(at: Array, steps: Array, frames: int) -> Array:
    """Give the times that cut the measured steps between ``at`` into equal parts."""
    along = np.concatenate([[0.0], np.cumsum(steps)])
    times: Array = np.linspace(at[0], at[-1], frames)
    if along[-1] > 0:
        times = np.interp(np.linspace(0, along[-1], frames), along, at)
    return times
