"""What links the pictures of a clip: corners followed from frame to frame, or the features of photos far apart."""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from parascale.errors import InputError, Notice
from parascale.media.frames import open_frames
from parascale.media.sequences import sequence_files
from parascale.solve.tracking.cuts import one_shot
from parascale.solve.tracking.features import FEATURE_SIDE, MAX_EXHAUSTIVE, MAX_PICTURES, track_features
from parascale.solve.tracking.flow import FAINT_CORNERS, SHARP_CORNERS, WIDE_CORNERS, count_corners
from parascale.solve.tracking.footage import COLOUR_SIDE, Footage
from parascale.solve.tracking.tracks import Tracks, track_corners
from parascale.types import Image, Progress

log = logging.getLogger(__name__)

# Tracks that two neighbouring frames must share.
MIN_SHARED_TRACKS = 30
# Pictures that are named where they share nothing with the others.
MAX_NAMED = 3


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
) -> tuple[Footage, Tracks]:
    """Track corners; where that loses the scene, match features, and say so in the footage.

    Parameters
    ----------
    reference : Path
    footage : Footage
    blocked : T masks or None
        Zero where no point may be.
    cuts : InputError or None
        Why the pictures look like several shots, which holds where their features do not match either.
    threads : int
    progress : Progress

    Raises
    ------
    InputError
        Where neither links all pictures.
    """
    tracks = Tracks(np.empty((len(footage), 0, 2)))
    if cuts is None:
        tracks = _track(footage, blocked, progress)
        if tracks.shared.min() >= MIN_SHARED_TRACKS:
            return footage, tracks
    # Of a film only a short one, as of the pictures of a timelapse: most that are lost show another place, or nothing.
    if len(footage) <= (MAX_EXHAUSTIVE if sequence_files(reference) is None else MAX_PICTURES):
        matched = _match(reference, footage, blocked, threads, progress)
        if isinstance(matched, Tracks):
            return replace(footage, notices=(*footage.notices, _describe_matching(reference, footage))), matched
        log.debug("features: %s", matched)
        if cuts is None and matched and sequence_files(reference) is not None:
            raise InputError(f"{reference.name} is no set of pictures of one scene: {matched}")
    if cuts is not None:
        raise cuts
    _refuse_untracked(reference, footage, tracks)
    return footage, tracks


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
) -> Tracks | str:
    """Match features of the pictures at a larger size; a reason where not all of them show one scene."""
    height, width = footage.grey[0].shape
    found = track_features(
        _read_large(reference, footage),
        len(footage),
        (width, height),
        blocked=blocked,
        threads=threads,
        progress=progress,
    )
    if 2 * len(found.apart) >= len(footage):
        return ""
    if found.apart:
        named = ", ".join(str(footage.frames[at]) for at in found.apart[:MAX_NAMED])
        more = f" and {len(found.apart) - MAX_NAMED} more" if len(found.apart) > MAX_NAMED else ""
        return f"{named}{more} share nothing with the others"
    return found.tracks


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
        f"{reference.name} is taken for photos: too far apart to be followed, {len(footage)} pictures are matched by "
        f"their features, {which}"
    )


def _refuse_untracked(path: Path, footage: Footage, tracks: Tracks) -> None:
    shared = tracks.shared
    frame = int(shared.argmin())
    what = f"lose it between frames {frame} and {frame + 1}"
    if shared.max() < MIN_SHARED_TRACKS:
        sharp = count_corners(footage.grey[0]) >= 2 * MIN_SHARED_TRACKS
        what = "are too far apart to be followed from one to the next" if sharp else "are black, flat or blurred"
    raise InputError(f"too little to follow in {path.name}: its pictures {what}; choose another range or clip")
