"""Clips through a wide lens that bends lines, with the lens unknown: refused, or their P less sure and that said."""

from dataclasses import replace

import numpy as np

from parascale.errors import InputError, Notice
from parascale.solve.clip import Candidate, Clip
from parascale.solve.lens.bent_pairs import find_bent_turn, find_moving_fisheye
from parascale.solve.lens.fisheye import compare_with_fisheye
from parascale.solve.motion.motion_class import widest_pairs

# Standard deviation of ln f beyond which the focal length counts as open: an ordinary lens alone has 0.35.
MIN_OPEN_SPREAD = 0.25


def refuse_bent_pairs(clip: Clip) -> None:
    """Refuse a clip whose pairs of frames show a fisheye, or a turn through a lens that bends lines.

    Raises
    ------
    InputError
        With the lens.
    """
    pairs = [clip.tracks.pair(first, second)[:2] for first, second in widest_pairs(clip.tracks)]
    half_width = clip.lens.working_size[0] / 2
    turn = find_bent_turn(pairs, half_width, clip.seed)
    if turn is not None and turn.fisheye:
        raise InputError(
            f"{clip.path.name} turns on the spot through a wide lens that bends lines, a fisheye of about "
            f"{round(turn.degrees, -1):.0f} degrees, which looks like a move through a flat one: export a flat view of "
            "it, of less than 100 degrees, and solve that"
        )
    if turn is not None:
        raise InputError(
            f"{clip.path.name} turns on the spot through a lens of {turn.degrees:.0f} degrees that bends lines, "
            f"{turn.bend:+.0%} at the edge, which looks like a move through a flat one: undistort it, as by an "
            "editor's profile of that lens, and solve that"
        )
    fisheye = find_moving_fisheye(pairs, half_width, clip.seed)
    if fisheye is not None:
        _refuse_fisheye(clip, fisheye.degrees)


def compare_lenses(clip: Clip, candidate: Candidate) -> tuple[Clip, Candidate]:
    """Refuse a clip whose keyframes a fisheye fits better than a flat lens; where it fits as well, P is less sure.

    A move too small to be measured tells of no lens, and has a bound alone.

    Raises
    ------
    InputError
        With the angle.
    """
    if candidate.hidden_parallax is not None:
        return clip, candidate
    keyframes, solution = candidate.keyframes, candidate.solution
    height, width = clip.footage.grey[0].shape
    fit = compare_with_fisheye(
        clip.lens.to_working_pixels(clip.picture_positions[keyframes], (width, height)),
        clip.tracks.positions[keyframes],
        solution.world_to_camera[keyframes],
        solution.focal,
        clip.lens.working_size[0] / 2,
        k1=clip.k1,
        observable=candidate.evidence is None or candidate.evidence.remaining_spread < MIN_OPEN_SPREAD,
        seed=clip.seed,
        threads=clip.threads,
    )
    if fit is None:
        return clip, candidate
    if fit.is_fisheye:
        _refuse_fisheye(clip, fit.degrees)
    rivals = 0.0 if candidate.rival_spread is None else candidate.rival_spread
    candidate = replace(candidate, rival_spread=np.hypot(rivals, fit.spread))
    if not fit.is_open:
        return clip, candidate
    notice = Notice(
        f"{clip.path.name} bends lines, and its motion does not tell whether by a fisheye, as action cameras have, or "
        f"by less: the Parallax Number is unsure by {float(np.median(fit.spread)):.0%}; export a flat view of it, of "
        "less than 100 degrees, and solve that"
    )
    return replace(clip, footage=replace(clip.footage, notices=(*clip.footage.notices, notice))), candidate


def _refuse_fisheye(clip: Clip, degrees: float) -> None:
    raise InputError(
        f"{clip.path.name} looks like a fisheye's picture, of about {round(degrees, -1):.0f} degrees across, "
        "which no flat lens fits: export a flat view of it, of less than 100 degrees, and solve that"
    )
