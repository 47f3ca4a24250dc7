"""What links the pictures of a clip: corners followed from frame to frame, or the features of photos far apart."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.sparse.csgraph import connected_components

from parascale.errors import InputError, Notice
from parascale.media.frames import open_frames
from parascale.media.sequences import sequence_files
from parascale.solve.tracking.cuts import one_shot
from parascale.solve.tracking.features import FEATURE_SIDE, MAX_EXHAUSTIVE, MAX_PICTURES, FeatureTracks, track_features
from parascale.solve.tracking.flow import FAINT_CORNERS, SHARP_CORNERS, WIDE_CORNERS, count_corners
from parascale.solve.tracking.footage import COLOUR_SIDE, Footage
from parascale.solve.tracking.tracks import Tracks, track_corners
from parascale.types import Array, Image, Mask, Progress

log = logging.getLogger(__name__)

# Tracks that two neighbouring frames must share.
MIN_SHARED_TRACKS = 30
# Share of the picture's width by which the points move from one picture of a folder to the next: from there on they are
# photos. Street pictures a metre apart have 0.038. What is followed so far may be another place that looks alike, of
# which only the other pictures tell.
MIN_PHOTO_MOTION = 0.05
# One such step is enough where it is so many times as wide as the others: the fountain's has twice their width, and is
# followed rightly; those that were followed to another place had 2.9 and 5.5 times.
MIN_PHOTO_LEAP = 2.5
# Pictures that are named where so many share too little with the others that the set is refused.
MAX_NAMED = 3
# Share of a set of photos that may be left out, as a hand before the lens or a picture of something else.
MAX_LEFT_OUT = 0.1
# Share of the progress that is tracking's, where features may have to be matched.
TRACKING_SHARE = 0.3


@dataclass(frozen=True, eq=False)
class Linked:
    """The pictures of a clip with what links them, also where that is too little.

    Attributes
    ----------
    footage : Footage
    tracks : Tracks
    refusal : InputError or None
        Why the clip cannot be solved, where the tracks do not link all pictures.
    """

    footage: Footage
    tracks: Tracks
    refusal: InputError | None = None


def choose_shot(reference: Path, footage: Footage, shot: int | None) -> tuple[Footage, InputError | None]:
    """Select one shot of a clip. Photos far apart look like several: of pictures the refusal is given and not raised.

    Raises
    ------
    InputError
        Where a film holds several shots, or a clip lacks the one with this number.
    """
    try:
        return one_shot(reference.name, footage, shot), None
    except InputError as error:
        if shot is not None or sequence_files(reference) is None or len(footage) > MAX_PICTURES:
            raise
        return footage, error


def link_pictures(
    reference: Path,
    footage: Footage,
    blocked: Sequence[Image] | None,
    cuts: InputError | None,
    threads: int,
    progress: Progress,
) -> Linked:
    """Track corners; where that loses the scene, match features, and say so in the footage.

    Parameters
    ----------
    reference : Path
    footage : Footage
    blocked : T masks or None
        Zero where no point may be.
    cuts : InputError or None
        Why the pictures look like several shots: they are, unless most of them cannot be followed to the next.
    threads : int
    progress : Progress
    """
    files = sequence_files(reference)
    # Of a film only a short one, as of the pictures of a timelapse: most that are lost show another place, or nothing.
    may_be_photos = len(footage) <= (MAX_EXHAUSTIVE if files is None else MAX_PICTURES)
    tracks = _track(footage, blocked, _part(progress, 0.0, TRACKING_SHARE if may_be_photos else 1.0))
    lost = tracks.shared < MIN_SHARED_TRACKS
    can_be_followed = cuts is None and not lost.any()
    are_wide = cuts is None and files is not None and may_be_photos and _lie_apart(_motions(tracks, footage), lost)
    if can_be_followed and not are_wide:
        return Linked(footage, tracks)
    are_photos = are_wide or 2 * lost.sum() > len(lost)
    refusal = cuts or _describe_untracked(reference, footage, tracks)
    if not may_be_photos or (cuts is not None and not are_photos):
        return Linked(footage, tracks, refusal)
    found = _match(reference, footage, blocked, threads, _part(progress, TRACKING_SHARE, 1.0))
    unlinked = _find_unlinked(found)
    log.debug("features: %d pictures share too little with the others", len(unlinked))
    names = [files[footage.frames[at]].name for at in unlinked] if files is not None else []
    if not unlinked or (files is not None and are_photos and len(unlinked) <= MAX_LEFT_OUT * len(footage)):
        notices = [_describe_matching(reference, footage), *_describe_left_out(reference, names)]
        kept = [at for at in range(len(footage)) if at not in unlinked]
        return Linked(footage.keep(kept, *notices), found.tracks.keep_pictures(kept))
    if can_be_followed:
        notice = _describe_following(reference, len(unlinked))
        return Linked(replace(footage, notices=(*footage.notices, notice)), tracks)
    # Half of them or more are as many as another shot has.
    if files is not None and are_photos and 2 * len(unlinked) < len(footage):
        refusal = add_shots(_describe_unlinked(reference, names), cuts)
    return Linked(footage, tracks, refusal)


def _motions(tracks: Tracks, footage: Footage) -> Array:
    """Give the share of the width by which the median point moves in each step whose pictures share points, or 0."""
    moved = [float(np.median(step)) for step in tracks.steps() if len(step)]
    return np.array(moved or [0.0]) / footage.grey[0].shape[1]


def _lie_apart(motions: Array, lost: Mask) -> bool:
    """Tell photos from frames by how far the points move in each step."""
    if np.median(motions) > MIN_PHOTO_MOTION:
        return True
    # A film may have one fast step: where some frames of it are lost, that does not make them photos.
    return not lost.any() and bool(motions.max() > max(MIN_PHOTO_MOTION, MIN_PHOTO_LEAP * np.median(motions)))


def _find_unlinked(found: FeatureTracks) -> list[int]:
    """Find the pictures that are not linked to the others, or by fewer features than a pose needs.

    A picture may be linked by those left out alone: it is looked again until none is found.
    """
    kept = [at for at in range(len(found.tracks.positions)) if at not in found.unlinked]
    while kept:
        seen = found.tracks.keep_pictures(kept).seen
        part = connected_components(seen.astype(np.float32) @ seen.T.astype(np.float32))[1]
        linked = (part == np.bincount(part).argmax()) & (seen.sum(axis=1) >= MIN_SHARED_TRACKS)
        if linked.all():
            break
        kept = [at for at, holds in zip(kept, linked, strict=True) if holds]
    return sorted(set(range(len(found.tracks.positions))) - set(kept))


@contextmanager
def remembered(cuts: InputError | None) -> Iterator[None]:
    """Where photos cannot be solved that look like several shots, say that too, with the ranges of the shots."""
    try:
        yield
    except InputError as error:
        if cuts is None:
            raise
        raise add_shots(error, cuts) from error


def add_shots(error: InputError, cuts: InputError | None) -> InputError:
    """Add to why photos are refused that they may be shots, and which."""
    if cuts is None:
        return error
    return InputError(f"{error}; or, if it is a film, {cuts}", cuts.notice.remedy, cuts.notice.choices)


def _part(progress: Progress, first: float, last: float) -> Progress:
    """Report the progress of one step as a part of the whole."""
    return lambda fraction, name: progress(first + (last - first) * fraction, name)


def _track(footage: Footage, blocked: Sequence[Image] | None, progress: Progress) -> Tracks:
    """Track sharp corners; fainter ones too where some frames share few, but not where there are none to be had."""
    tracks = Tracks(np.empty((len(footage), 0, 2)))
    for options in (SHARP_CORNERS, FAINT_CORNERS, WIDE_CORNERS):
        tracks = track_corners(footage.grey, blocked, options=options, progress=progress)
        if tracks.shared.min() >= 2 * MIN_SHARED_TRACKS or np.median(tracks.shared) < MIN_SHARED_TRACKS:
            break
    return tracks


def _match(
    reference: Path, footage: Footage, blocked: Sequence[Image] | None, threads: int, progress: Progress
) -> FeatureTracks:
    """Match features of the pictures at a larger size."""
    height, width = footage.grey[0].shape
    return track_features(
        _read_large(reference, footage),
        len(footage),
        (width, height),
        blocked=blocked,
        threads=threads,
        progress=progress,
    )


def _read_large(reference: Path, footage: Footage) -> Iterator[Image]:
    """Read the pictures of the footage once more, larger."""
    wanted = set(footage.frames.tolist())
    first, end = footage.decoded
    for frame in open_frames(reference).small_frames(first, end, FEATURE_SIDE, COLOUR_SIDE):
        if frame.number in wanted:
            yield frame.grey


def _describe_matching(reference: Path, footage: Footage) -> Notice:
    which = "each with each other" if len(footage) <= MAX_EXHAUSTIVE else "each with its neighbours"
    return Notice(
        f"{reference.name} is taken for photos, which lie far apart: {len(footage)} pictures are matched by "
        f"their features, {which}"
    )


def _describe_following(reference: Path, unlinked: int) -> Notice:
    return Notice(
        f"the pictures of {reference.name} lie far apart, and the features of {unlinked} match too few others: they "
        "are followed from each to the next, which goes wrong where a texture repeats"
    )


def _describe_left_out(path: Path, names: Sequence[str]) -> list[Notice]:
    if not names:
        return []
    return [Notice(f"{', '.join(names)} of {path.name} left out: too little links them to the other photos")]


def _describe_unlinked(path: Path, names: Sequence[str]) -> InputError:
    return InputError(
        f"{path.name} is no set of pictures of one scene: too little links {_list_names(names)} to the others; "
        "leave out what shows another place, or add pictures between"
    )


def _list_names(names: Sequence[str]) -> str:
    return ", ".join(names[:MAX_NAMED]) + (f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else "")


def _describe_untracked(path: Path, footage: Footage, tracks: Tracks) -> InputError:
    shared = tracks.shared
    frame = int(shared.argmin())
    what = f"lose it between frames {frame} and {frame + 1}"
    if shared.max() < MIN_SHARED_TRACKS:
        sharp = count_corners(footage.grey[0]) >= 2 * MIN_SHARED_TRACKS
        what = "are too far apart to be followed from one to the next" if sharp else "are black, flat or blurred"
    return InputError(f"too little to follow in {path.name}: its pictures {what}; choose another range or clip")
