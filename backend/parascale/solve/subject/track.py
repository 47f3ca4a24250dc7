"""Subjects of a solved shot: boxes followed through its pictures, as tracks on the screen with their depth."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack
from parascale.parallax.subject_box import SubjectBox
from parascale.solve.lens.radial import undistort
from parascale.solve.reconstruction.triangulation import triangulate
from parascale.solve.subject.follow import Followed, follow_box
from parascale.solve.tracking.footage import Footage, read_footage
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array, CancelCheck, Progress

MAX_SUBJECTS = 32
# Side of the box around a click, over the width of the picture.
CLICK_SIDE = 0.1
# Working pixels from the static scene within which a corner of the subject may stand still, and the share that must.
MAX_STATIC_ERROR, MIN_STATIC_SHARE = 1.5, 0.6
MIN_OBSERVATIONS, MIN_POINTS = 5, 5
# Of a point's depth, as a share of it, at the noise of its observations (working pixels).
MAX_DEPTH_UNCERTAINTY, OBSERVATION_NOISE = 0.25, 0.4


def with_subjects(
    shot: Shot,
    reference: Path,
    boxes: Sequence[SubjectBox],
    *,
    fps: float | None = None,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Shot:
    """Follow boxes through the clip a shot was solved from, without solving it again.

    Parameters
    ----------
    shot : Shot
        With the frame numbers of the clip.
    reference : Path
        The clip.
    boxes : sequence of SubjectBox
    fps : float or None
        Pictures a second, of pictures.
    progress : Progress, optional
    cancelled : CancelCheck, optional

    Returns
    -------
    Shot
        With these subjects in place of those it had.

    Raises
    ------
    InputError
        Where the clip cannot be read or is another than the shot's, or a box lies outside of it.
    Cancelled
    """
    frames = np.asarray(shot.frames)

    def decoding(fraction: float, phase: str) -> None:
        if progress is not None:
            progress(0.6 * fraction, phase)

    footage = read_footage(reference, start=int(frames[0]), end=int(frames[-1]) + 1, fps=fps, progress=decoding)
    at = np.searchsorted(footage.frames, frames)
    size = (footage.info.width, footage.info.height)
    if not (at < len(footage)).all() or (footage.frames[np.minimum(at, len(footage) - 1)] != frames).any():
        raise InputError(f"{reference.name} does not have the frames of the shot {shot.name!r}: give the clip it is of")
    if size != shot.trajectory.size:
        raise InputError(
            f"{reference.name} is {size[0]}x{size[1]} and the shot {shot.name!r} {shot.trajectory.width}x"
            f"{shot.trajectory.height}: give the clip it was solved from"
        )
    return follow_subjects(shot, footage.keep(at.tolist()), boxes, progress=progress, cancelled=cancelled)


def follow_subjects(
    shot: Shot,
    footage: Footage,
    boxes: Sequence[SubjectBox],
    *,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Shot:
    """Follow boxes through the frames of a shot, and make them its subjects: each leads until the frame of the next."""
    if len(boxes) > MAX_SUBJECTS:
        raise InputError(f"there are {len(boxes)} subjects: {MAX_SUBJECTS} are followed at most")
    starts = [_index_of(box, shot) for box in boxes]
    subjects = []
    for number in sorted(range(len(boxes)), key=lambda each: starts[each]):
        box, start = boxes[number], starts[number]
        followed = follow_box(footage.grey, _working_box(box, footage), start, cancelled=cancelled)
        end = min((other for other in starts if other > start), default=None)
        subjects.append(_hand_over(describe(box.name, followed, shot, footage), end))
        if progress is not None:
            progress(0.6 + 0.4 * len(subjects) / len(boxes), "subject")
    return replace(shot, subjects=tuple(subjects), quality={**shot.quality, "subject_source": "given"})


def describe(name: str, followed: Followed, shot: Shot, footage: Footage) -> SubjectTrack:
    """Make a subject of a box that was followed, with the depth of its corners where they stand still."""
    per_pixel = _clip_pixels(footage)
    pixels = followed.boxes[:, :2] * per_pixel
    width, height = shot.trajectory.size
    centre = (pixels - [width / 2, height / 2]) / width
    size = followed.boxes[:, 3] * per_pixel[1] / width
    depth = None
    if shot.motion_class == "general":
        depth = static_depth(followed.corners * per_pixel, shot, footage.scale)
        depth = np.where(np.isfinite(centre[:, 0]), depth, np.nan)
    return SubjectTrack(name, centre, size, None if depth is None or np.isnan(depth).all() else depth)


def static_depth(corners: Array, shot: Shot, scale: float) -> Array:
    """Give the z-depth (T,) of what corners follow, in the shot's unit; NaN everywhere where it moves by itself.

    Parameters
    ----------
    corners : (T, M, 2) float64
        Pixels of the clip, NaN where not observed.
    shot : Shot
        Its cameras.
    scale : float
        Working pixels per pixel of the clip, the unit of the errors.
    """
    path = shot.trajectory
    unknown = np.full(len(path), np.nan)
    corners = corners[:, np.isfinite(corners[:, :, 0]).sum(axis=0) >= MIN_OBSERVATIONS]
    if not corners.shape[1]:
        return unknown
    rays = (corners - path.intrinsics[:, None, 2:]) / path.intrinsics[:, None, :2]
    k1 = (shot.distortion or {}).get("k1")
    if isinstance(k1, int | float):
        rays = undistort(Tracks(rays), 1.0, float(k1)).positions
    poses = np.linalg.inv(path.camera_to_world)[:, :3]
    structure = triangulate(rays, poses, float(path.intrinsics[0, 0]) * scale)
    seen = np.isfinite(rays[:, :, 0])
    static = seen & (structure.residuals < MAX_STATIC_ERROR)
    # A point far away stands still as well, but its depth is not known.
    sharp = structure.uncertainty * OBSERVATION_NOISE < MAX_DEPTH_UNCERTAINTY
    if static.sum() < MIN_STATIC_SHARE * seen.sum() or sharp.sum() < MIN_POINTS:
        return unknown
    depth = poses[:, 2, :3] @ structure.points[sharp].T + poses[:, 2, 3:]
    shown = np.where(static[:, sharp] & (depth > 0), depth, np.nan)
    for frame in np.flatnonzero(np.isfinite(shown).sum(axis=1) >= MIN_POINTS):
        unknown[frame] = np.nanmedian(shown[frame])
    return unknown


def _index_of(box: SubjectBox, shot: Shot) -> int:
    frames = np.asarray(shot.frames)
    if box.frame is None:
        return 0
    found = np.flatnonzero(frames == box.frame)
    if not len(found):
        raise InputError(
            f"the subject {box.name!r} is in frame {box.frame}, which is not in the shot: it has frames {frames[0]} to "
            f"{frames[-1]}" + (", without those that repeat" if frames[0] <= box.frame <= frames[-1] else "")
        )
    return int(found[0])


def _working_box(box: SubjectBox, footage: Footage) -> Array:
    """Middle, width and height in working pixels, of the part of the box that lies in the picture."""
    width, height = footage.info.width, footage.info.height
    if box.width is None or box.height is None:
        side = CLICK_SIDE * width
        low, high = np.array([box.x - side / 2, box.y - side / 2]), np.array([box.x + side / 2, box.y + side / 2])
        inside = 0 <= box.x < width and 0 <= box.y < height
    else:
        low, high = np.array([box.x, box.y]), np.array([box.x + box.width, box.y + box.height])
        inside = True
    low, high = np.maximum(low, 0), np.minimum(high, [width, height])
    if not inside or (high - low).min() < 2:
        raise InputError(f"the subject {box.name!r} at {box.x:g}, {box.y:g} is not in the picture, {width}x{height}")
    found: Array = np.concatenate([(low + high) / 2, high - low]) / np.tile(_clip_pixels(footage), 2)
    return found


def _clip_pixels(footage: Footage) -> Array:
    """Pixels of the clip per working pixel, across and down."""
    height, width = footage.grey[0].shape
    return np.array([footage.info.width / width, footage.info.height / height])


def _hand_over(subject: SubjectTrack, end: int | None) -> SubjectTrack:
    """End a subject where the next one is pointed at: as long as the first is in frame, it leads."""
    if end is None:
        return subject
    before = np.arange(len(subject)) < end
    size, depth = (None if each is None else np.where(before, each, np.nan) for each in (subject.size, subject.depth))
    return replace(subject, centre=np.where(before[:, None], subject.centre, np.nan), size=size, depth=depth)
