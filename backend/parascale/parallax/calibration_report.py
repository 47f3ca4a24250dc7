"""What a calibration did to the path's shape, and how faithful it is."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.types import Array, Json, to_json_values

# A path is closed that ends within this share of its length from its start; its carried one is open beyond the other.
CLOSED, OPEN = 0.02, 0.03
# Ends that are farther apart cannot meet without bending the shot out of shape.
CLOSABLE = 0.18


@dataclass(frozen=True)
class CalibrationReport:
    """The price of a calibration. NaN where a figure is undefined.

    Attributes
    ----------
    pce, felt_error : float
        Realised P and phi against the asked ones (strength and lens included).
    pce_global : float
        The PCE one gain for all frames would leave, from at most 16 steps spread over the shot.
    rot_err : float
        Mean angle in degrees by which the camera looks elsewhere than the reference's, from the first frame on.
    screen_motion : (float, float, float)
        Motion on the screen by the camera's travel, in frame widths a frame: what a tenth of the picture stays below,
        the median, and what a tenth exceeds; each the median over the steps.
    screen_motion_error : float
        The median of it against the reference's, both in frame widths of their own lens, as a PCE.
    gain_range : (float, float)
        Smallest and largest s_t.
    largest_jump : float
        Largest change of ln s from one step to the next.
    largest_jump_frame : int or None
        The step it leads to.
    loop_closure : float
        How far the path's end moved against its start, compared with the reference's; both in own path lengths.
    closing_gap : float
        Distance from the last camera to the first over the path's length, where the reference ends where it starts.
    solver : str
        Whether a march or an optimisation gave the path.
    subject_pce : float
        As ``pce``, both sides counted in the depth of the leading subject instead of the median depth of the frame.
    size_error : float
        Largest abs(ln) of the subject's size in the picture over the reference's, each from its first frame on.
    subject : str
        Who leads; empty where the reference holds nothing in its picture.
    subject_held : float
        Share of the frames in which the reference shows its subject where the target's stands in the picture, within
        `parascale.parallax.shot_measures.HELD_WITHIN` of its place.
    subject_distance : float
        Largest distance of the target's subject from its place, in frame widths.
    subject_drift : float
        How far the point in the middle of the anchor's view, at its median depth, strays from where the reference
        holds its own; the largest over the frames, in frame widths.
    hurried_frames : tuple of int
        Frames in which holding the subject would have needed a faster turn than is allowed.
    roll_error : float
        Largest difference in roll against the horizon, in degrees, each side counted from the anchor's frame; NaN where
        a side does not know its up.
    nearest_surface : float
        Smallest distance from a camera to a sampled surface, target units.
    nearest_surface_frame : int or None
    crossings : tuple of int
        Steps that pass through a surface.
    bent_frames, held_back_frames : tuple of int
        Steps that were turned aside, or shortened, to keep clear of a surface.
    largest_bend : float
        By how much a step was turned aside at most, in degrees.
    standing_frames : tuple of int
        Steps that the realised camera does not walk although the reference's does.
    frames_without_surface : tuple of int
        Frames of the realised path that see none.
    last_frame_empty : bool
    warnings : tuple of str
        Sentences for the user: what was assumed or left out.
    verdict : tuple of (severity, sentence)
        What a viewer would see, the worst first; the severity is one of `SEVERITIES`.
    """

    pce: float
    felt_error: float
    pce_global: float
    rot_err: float
    screen_motion: tuple[float, float, float]
    screen_motion_error: float
    gain_range: tuple[float, float]
    largest_jump: float
    largest_jump_frame: int | None
    loop_closure: float
    closing_gap: float
    solver: str
    subject_pce: float
    size_error: float
    subject: str
    subject_held: float
    subject_distance: float
    subject_drift: float
    hurried_frames: tuple[int, ...]
    roll_error: float
    nearest_surface: float
    nearest_surface_frame: int | None
    crossings: tuple[int, ...]
    bent_frames: tuple[int, ...]
    held_back_frames: tuple[int, ...]
    largest_bend: float
    standing_frames: tuple[int, ...]
    frames_without_surface: tuple[int, ...]
    last_frame_empty: bool
    warnings: tuple[str, ...]
    verdict: tuple[tuple[str, str], ...] = ()

    def as_json(self) -> dict[str, Json]:
        """All figures by name, None where undefined, tuples as lists."""
        figures: dict[str, object] = vars(self)
        return to_json_values(figures)


def largest_jump(gain: Array) -> tuple[float, int | None]:
    """Largest |ln s_{t+1} - ln s_t| and the step t + 1; steps with gain 0 are left out."""
    with np.errstate(divide="ignore", invalid="ignore"):
        jumps = np.abs(np.diff(np.log(gain)))
    jumps[~np.isfinite(jumps)] = 0
    if len(jumps) == 0:
        return math.nan, None
    frame = int(np.argmax(jumps))
    return float(jumps[frame]), frame + 1


def loop_closure(reference: Trajectory, realised: Trajectory) -> float:
    """Length of the difference of the closing vectors c_0 -> c_{T-1}, each over its path length, in camera 0's axes.

    0 for every gain that is the same on all steps; NaN where one side does not move.
    """
    vectors = []
    for path in (reference, realised):
        length = float(np.sum(np.linalg.norm(path.baselines, axis=1)))
        if length == 0:
            return math.nan
        vectors.append(path.rotations[0].T @ (path.centres[-1] - path.centres[0]) / length)
    return float(np.linalg.norm(vectors[1] - vectors[0]))


def closing_gap(path: Trajectory) -> float:
    """Distance from the first camera to the last over the path's length; NaN where it does not move."""
    length = float(np.sum(np.linalg.norm(path.baselines, axis=1)))
    return float(np.linalg.norm(path.centres[-1] - path.centres[0])) / length if length > 0 else math.nan


def subject_drift(reference: Trajectory, depth: float, realised: Trajectory, realised_depth: float) -> float:
    """Largest distance, in frame widths of the realised lens, between the two subjects' places in frame.

    Parameters
    ----------
    reference, realised : Trajectory
    depth, realised_depth : float
        Z_0 and Z'_0, each in its path's unit: the subject is the point on camera 0's axis at that depth.

    Returns
    -------
    float
        Over the frames where both subjects are in front of their cameras; NaN where there is none.
    """
    (ours, ours_ahead), (theirs, theirs_ahead) = _subject(realised, realised_depth), _subject(reference, depth)
    distance = np.linalg.norm(ours - theirs, axis=1) * realised.intrinsics[:, 0] / realised.width
    distance = distance[ours_ahead & theirs_ahead]
    return float(distance.max()) if len(distance) else math.nan


def _subject(path: Trajectory, depth: float) -> tuple[Array, NDArray[np.bool_]]:
    """Focal-normalised place of the subject in every frame, and whether it is in front of the camera."""
    subject = path.centres[0] + depth * path.rotations[0, :, 2]
    local = np.einsum("nji,nj->ni", path.rotations, subject - path.centres)
    # A subject beside the camera has no place in frame that means anything.
    ahead = local[:, 2] > 0.01 * depth
    return local[:, :2] / np.where(ahead, local[:, 2], 1.0)[:, None], ahead
