"""Clouds that move: where much of what was tracked lies in the sky, the scene is what lies below the skyline.

Clouds that drift evenly look like a far field, and a camera path can be turned and bent until it fits them. So the
tracks below the skyline are solved by themselves, and the path that fits those better is kept.
"""

from dataclasses import replace

import numpy as np

from parascale.solve.clip import Candidate, Clip
from parascale.solve.depth.sky import covers
from parascale.solve.depth.skyline import find_skyline
from parascale.solve.depth.track_depth import GRID
from parascale.solve.reconstruction.solution import evaluate_solution
from parascale.types import Mask

# Share of the observations that must lie in the sky, and of those of one track.
MIN_SKY_SHARE, MIN_TRACK_SHARE = 0.1, 0.5
# A solution with a smaller cost fits the sky and the ground alike.
MAX_FITTING_COST = 0.05
# The cost of the ground falls by this factor where the sky had bent the path.
MAX_COST_RATIO = 0.8


def leave_out_sky(clip: Clip, candidate: Candidate) -> Clip | None:
    """Return a clip without the tracks in its sky; None where they are few, or fit as well as the rest."""
    if candidate.solution.msac_cost < MAX_FITTING_COST:
        return None
    sky = _sky_tracks(clip, candidate)
    if clip.tracks.seen[:, sky].sum() < MIN_SKY_SHARE * clip.tracks.seen.sum():
        return None
    return replace(clip, tracks=clip.tracks.keep(~sky), picture_positions=clip.picture_positions[:, ~sky])


def choose_ground(clip: Clip, candidate: Candidate, ground: Clip, found: Candidate) -> Candidate:
    """Return the one of two candidates, the second solved on the ground alone, that fits the ground better."""
    first = evaluate_solution(ground.tracks, candidate.solution.world_to_camera, candidate.solution.focal)
    if found.solution.msac_cost > MAX_COST_RATIO * first.msac_cost:
        return candidate
    whole = evaluate_solution(clip.tracks, found.solution.world_to_camera, found.solution.focal)
    # The gate has judged it by the ground.
    return replace(found, solution=replace(whole, rejection_reason=None))


def _sky_tracks(clip: Clip, candidate: Candidate) -> Mask:
    """Mark the tracks (M,) that lie above the skyline most of the time, by what the pictures show alone.

    Where the sky has bent the path, the depth of its tracks tells nothing.
    """
    size, seen = (clip.footage.info.width, clip.footage.info.height), clip.tracks.seen
    inside, looked = np.zeros(len(clip.tracks)), np.zeros(len(clip.tracks))
    no_tracks = np.zeros(GRID[::-1])
    for frame in candidate.keyframes.tolist():
        here = np.flatnonzero(seen[frame])
        sky = find_skyline(clip.footage.colour[frame], no_tracks, no_tracks)
        inside[here] += covers(sky, clip.lens.to_reference_pixels(clip.tracks.positions[frame, here]), size)
        looked[here] += 1
    return np.asarray(inside > MIN_TRACK_SHARE * np.maximum(looked, 1))
