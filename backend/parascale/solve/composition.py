"""What a solved shot looks at and which way is up in it: its subjects, given or proposed, and the vertical."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack
from parascale.parallax.subject_box import SubjectBox
from parascale.solve.clip import Clip
from parascale.solve.reconstruction.solution import FINAL_REPROJECTION_LIMIT
from parascale.solve.subject.follow import follow_box
from parascale.solve.subject.proposal import find_fixations, find_followed
from parascale.solve.subject.track import describe, follow_subjects
from parascale.solve.subject.up import estimate_up
from parascale.types import Array, CancelCheck, Mask


def describe_composition(
    shot: Shot, clip: Clip, static: Mask | None, boxes: Sequence[SubjectBox], cancelled: CancelCheck | None = None
) -> Shot:
    """Give a shot its subjects and its up.

    Parameters
    ----------
    shot : Shot
    clip : Clip
        It was solved from.
    static : (T, M) bool or None
        Observations that fit the static scene; None of a camera that rests or turns.
    boxes : sequence of SubjectBox
        Subjects the user pointed at; where there are none, they are proposed.
    cancelled : CancelCheck, optional

    Raises
    ------
    InputError
        Where a box lies outside of the clip.
    Cancelled
    """
    shot = replace(shot, up=estimate_up(shot, clip.footage.grey, clip.seed))
    if boxes:
        return follow_subjects(shot, clip.footage, boxes, cancelled=cancelled)
    if static is None:
        static = _fits_rotation(shot, clip)
    subjects = _propose_followed(shot, clip, static, cancelled)
    source = "moves by itself"
    if not subjects:
        subjects, source = find_fixations(shot), "fixation"
    return replace(shot, subjects=subjects, quality={**shot.quality, "subject_source": source if subjects else "none"})


def _propose_followed(shot: Shot, clip: Clip, static: Mask, cancelled: CancelCheck | None) -> tuple[SubjectTrack, ...]:
    if shot.motion_class == "static":
        return ()
    height, width = clip.footage.grey[0].shape
    subjects: list[SubjectTrack] = []
    led = np.zeros(len(shot), bool)
    for hold in find_followed(clip.picture_positions, static, (width, height)):
        if led[hold.frame]:
            continue
        followed = follow_box(clip.footage.grey, hold.box, hold.frame, cancelled=cancelled)
        name = "subject" if not subjects else f"subject {len(subjects) + 1}"
        subjects.append(describe(name, followed, shot, clip.footage))
        led |= subjects[-1].in_frame
    return tuple(subjects)


def _fits_rotation(shot: Shot, clip: Clip) -> Mask:
    """Mark the observations (T, M) that stay where a camera that turns on the spot sees far points."""
    focal = float(shot.trajectory.intrinsics[0, 0]) * clip.lens.scale
    rotations = shot.trajectory.rotations

    def fits(positions: Array) -> Mask:
        rays = np.concatenate([positions / focal, np.ones((*positions.shape[:2], 1))], axis=2)
        world = np.einsum("tij,tmj->tmi", rotations, rays)
        middle = np.nanmedian(
            np.where(np.isfinite(world), world / np.linalg.norm(world, axis=2, keepdims=True), np.nan), axis=0
        )
        local = np.einsum("tji,mj->tmi", rotations, middle)
        seen: Array = focal * local[:, :, :2] / local[:, :, 2:]
        return np.asarray(np.linalg.norm(seen - positions, axis=2) < FINAL_REPROJECTION_LIMIT)

    return np.concatenate([fits(part) for part in clip.tracks.parts()], axis=1)
