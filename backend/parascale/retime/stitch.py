"""Two shots as one: the second starts from the last camera of the first, as fast as that one ends."""

import dataclasses
import math

import numpy as np

from parascale.camera import Trajectory
from parascale.camera.intrinsics import scale_intrinsics
from parascale.errors import InputError, Notice
from parascale.parallax.distortion import choose_frames, is_same_model, join_frames
from parascale.parallax.gauge import scale_gauge
from parascale.parallax.realise import realised_poses
from parascale.parallax.shot import MotionClass, Shot
from parascale.parallax.subject import SubjectTrack
from parascale.retime.move import append_record, noise_per_step
from parascale.retime.resample import match_rate
from parascale.retime.strength import felt_speed, scale_steps
from parascale.types import Array, to_json_values

# How long, at each side's own pace, the faster or slower side takes to find the other's speed.
BLEND_SECONDS = 1.0


def stitch(first: Shot, second: Shot, seconds: float = BLEND_SECONDS) -> Shot:
    """Play one shot after another as a single move.

    The second is turned and moved so that its first camera is the last of the first, and scaled so that the depth
    there agrees. Its speed is then matched: over ``seconds`` its steps are multiplied by a factor that starts at the
    ratio of felt speeds and smoothly becomes 1. Where it starts from rest there is nothing to multiply, and the
    first slows down to rest instead. Felt speed is phi per second where both shots hold it, else P per second.

    Parameters
    ----------
    first, second : Shot
        Their pictures must have the same proportions. The second is brought to the frame rate of the first.
    seconds : float
        From 0, which leaves the speeds as they are.

    Returns
    -------
    Shot
        T_1 + T_2 - 1 frames in the unit and picture size of the first; the frame at the joint is the first's. Where
        the two lenses are distorted by different models, a notice says that the first's is kept.

    Raises
    ------
    InputError
        Where the pictures differ in proportion, or a side moves without knowing its depth.
    """
    if not 0 <= seconds < math.inf:
        raise InputError(f"a blend of {seconds} s is not a time")
    _refuse_other_picture(first, second)
    facts = {"operation": "stitch", "first": first.digest, "second": second.digest, "second_name": second.name}
    head, tail = first, second
    if not math.isclose(second.fps, first.fps, rel_tol=1e-6):
        tail = match_rate(second, first.fps)
    if head.felt_parallax is None or tail.felt_parallax is None:
        head, tail = (dataclasses.replace(side, felt_parallax=None) for side in (head, tail))
    tail = scale_gauge(tail, _same_depth(head, tail))
    head, tail = _same_speed(head, tail, seconds)
    result = _join(head, tail)
    return dataclasses.replace(result, provenance=append_record(first, {**facts, "seconds": float(seconds)}))


def _refuse_other_picture(first: Shot, second: Shot) -> None:
    (width, height), (other_width, other_height) = first.trajectory.size, second.trajectory.size
    if abs(width * other_height - height * other_width) > max(width, other_width):
        raise InputError(
            f"{first.name!r} is {width}x{height} and {second.name!r} {other_width}x{other_height}: "
            "shots of different proportions cannot be stitched"
        )


def _same_depth(first: Shot, second: Shot) -> float:
    """Units of the first per unit of the second, so that both are as deep where they meet."""
    for side in (first, second):
        if np.isnan(side.median_depth).all() and np.any(side.trajectory.baselines):
            raise InputError(f"{side.name!r} has no depth, so that its speed is unknown: give it one before stitching")
    if np.isnan(first.median_depth).all() or np.isnan(second.median_depth).all():
        return 1.0
    return float(first.bridged_depth[-1] / second.bridged_depth[0])


def _same_speed(first: Shot, second: Shot, seconds: float) -> tuple[Shot, Shot]:
    """Bend the second's beginning to the first's speed, or the first's end where the second starts from rest."""
    if seconds == 0 or len(first) == 1 or len(second) == 1:
        return first, second
    before, after = float(felt_speed(first)[-1]), float(felt_speed(second)[0])
    if math.isnan(before) or math.isnan(after):
        return first, second
    moves = second.parallax_number[0] > second.noise_floor
    if not moves and not first.parallax_number[-1] > first.noise_floor:
        return first, second
    if moves:
        since = second.trajectory.times[:-1] - second.trajectory.times[0]
        return first, scale_steps(second, 1 + (before / after - 1) * _fading(since / seconds))
    until = first.trajectory.times[-1] - first.trajectory.times[1:]
    return scale_steps(first, 1 - _fading(until / seconds)), second


def _fading(share: Array) -> Array:
    """1 at 0, 0 from 1 on, without a corner."""
    x = np.clip(share, 0, 1)
    faded: Array = 1.0 - x * x * (3.0 - 2.0 * x)
    return faded


def _join(first: Shot, second: Shot) -> Shot:
    head, tail = first.trajectory, second.trajectory
    poses = realised_poses(tail, head.view(len(head) - 1), np.ones(len(tail) - 1))
    lens = scale_intrinsics(tail.intrinsics, tail.size, head.size)
    trajectory = Trajectory(
        np.concatenate([head.camera_to_world, poses[1:]]),
        np.concatenate([head.intrinsics, lens[1:]]),
        np.concatenate([head.times, head.times[-1] + (tail.times[1:] - tail.times[0])]),
        *head.size,
    )
    depth = np.concatenate([first.median_depth, second.median_depth[1:]])
    if math.isnan(first.median_depth[-1]):
        depth[len(head) - 1] = second.median_depth[0]
    return dataclasses.replace(
        first,
        name=f"{first.name} + {second.name}",
        trajectory=trajectory,
        median_depth=depth,
        motion_class=_class(first, second),
        frames=None,
        felt_parallax=_both(first.felt_parallax, second.felt_parallax),
        gain=_both(first.gain, second.gain),
        distortion=join_frames(
            first.distortion,
            len(first),
            choose_frames(second.distortion, lambda values: values[1:]),
            len(second) - 1,
        ),
        parallax_sigma=_both(first.parallax_sigma, second.parallax_sigma),
        subjects=_join_subjects(first, second),
        up=first.up,
        quality=_quality(first, second),
    )


def _join_subjects(first: Shot, second: Shot) -> tuple[SubjectTrack, ...]:
    """Subjects of both, each unknown during the other's frames; the frame at the joint is the first's."""
    before, after = len(first), len(second) - 1
    return (
        *(_extend(subject, 0, slice(None), after) for subject in first.subjects),
        *(_extend(subject, before, slice(1, None), 0) for subject in second.subjects),
    )


def _extend(subject: SubjectTrack, before: int, kept: slice, after: int) -> SubjectTrack:
    def pad(values: Array) -> Array:
        values = values[kept]
        return np.pad(values, [(before, after), *[(0, 0)] * (values.ndim - 1)], constant_values=np.nan)

    size, depth = (None if values is None else pad(values) for values in (subject.size, subject.depth))
    return SubjectTrack(subject.name, pad(subject.centre), size, depth)


def _class(first: Shot, second: Shot) -> MotionClass:
    for motion in ("general", "rotation-only"):
        if motion in (first.motion_class, second.motion_class):
            return motion
    return "static"


def _both(first: Array | None, second: Array | None) -> Array | None:
    return None if first is None or second is None else np.concatenate([first, second])


def _quality(first: Shot, second: Shot) -> dict[str, object]:
    """Keep what holds of both: other figures are about one clip."""
    quality: dict[str, object] = {}
    if "noise_floor" in first.quality or "noise_floor" in second.quality:
        quality["noise_floor"] = max(first.noise_floor, second.noise_floor)
    noise = _both(noise_per_step(first), noise_per_step(second))
    if noise is not None:
        quality["noise_floor_per_step"] = to_json_values(noise)
    observable = [side.quality["focal_observable"] for side in (first, second) if "focal_observable" in side.quality]
    if observable:
        quality["focal_observable"] = all(observable)
    if not is_same_model(first.distortion, second.distortion):
        quality["notices"] = [dataclasses.asdict(Notice(_lost_distortion(first, second)))]
    return quality


def _lost_distortion(first: Shot, second: Shot) -> str:
    """Say which lens distortion a joined shot does not keep: it has one model for all its frames."""
    if first.distortion is None:
        return f"the lens distortion of {second.name!r} is left out, as {first.name!r} states none"
    stated = "states none" if second.distortion is None else "has another model"
    return f"the lens distortion of {first.name!r} is kept for all frames, as {second.name!r} {stated}"
