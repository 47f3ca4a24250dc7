"""Levenberg-Marquardt over the poses of a path, whose residuals tie a frame to the next two alone."""

from collections.abc import Callable

import numpy as np

from parascale.camera.quaternions import from_rotation_vectors
from parascale.camera.rotations import matrices_from_quaternions
from parascale.types import Array

# A residual of frame t depends on the poses of so many frames from t on, of six numbers each.
REACH, SIZE = 3, 6
# Of the differences that give the derivatives: radians, and steps.
DIFFERENCE = 1e-6

DAMPING, MAX_DAMPING = 1e-3, 1e6
# Steps that lower the sum of squares by a smaller share are not worth another.
SETTLED_SHARE = 1e-3

Residuals = Callable[[Array, Array], Array]
"""(rotations (..., T, 3, 3), centres (..., T, 3)) -> residuals (..., T, M); row t of the poses t .. t + 2."""


def minimise(
    residuals: Residuals, rotations: Array, centres: Array, fixed: int, scale: float, iterations: int
) -> tuple[Array, Array]:
    """Lower the sum of squares of residuals.

    Parameters
    ----------
    residuals : callable
    rotations : (T, 3, 3) float64
    centres : (T, 3) float64
        Where to start.
    fixed : int
        The frame whose pose stays.
    scale : float
        Length that counts as one radian does.
    iterations : int
        At most so many steps.

    Returns
    -------
    rotations, centres
    """
    damping = DAMPING
    now = residuals(rotations, centres)
    cost = float(np.sum(now**2))
    for _ in range(iterations):
        before = cost
        diagonals, gradient = _normal_equations(residuals, rotations, centres, now, fixed, scale)
        while damping < MAX_DAMPING:
            step = -_solve_banded(diagonals, gradient, damping)
            turned, moved = _apply(rotations, centres, step, scale)
            tried = residuals(turned, moved)
            if (lower := float(np.sum(tried**2))) < cost:
                rotations, centres, now, cost, damping = turned, moved, tried, lower, damping / 5
                break
            damping *= 5
        if cost > (1 - SETTLED_SHARE) * before:
            break
    return rotations, centres


def _apply(rotations: Array, centres: Array, step: Array, scale: float) -> tuple[Array, Array]:
    """Turn poses about their own axes, and move them in the world's, by steps (..., T, 6)."""
    vectors = step[..., :3].reshape(-1, 3)
    turns = matrices_from_quaternions(from_rotation_vectors(vectors)).reshape(*step.shape[:-1], 3, 3)
    return rotations @ turns, centres + scale * step[..., 3:]


def _normal_equations(
    residuals: Residuals, rotations: Array, centres: Array, now: Array, fixed: int, scale: float
) -> tuple[list[Array], Array]:
    """Give J^T J as its block diagonals, the k-th (T-k, 6, 6), and J^T r, (T, 6).

    Frames that are three apart share no residual, so that each of six numbers is varied in every third frame at once.
    """
    count = len(centres)
    steps = np.zeros((REACH, SIZE, count, SIZE))
    for colour in range(REACH):
        for index in range(SIZE):
            steps[colour, index, colour::REACH, index] = DIFFERENCE
    steps[:, :, fixed] = 0
    moved = residuals(*_apply(rotations, centres, steps, scale))
    # (colour, 6, T, M) -> (T, 6, M) for the frame t + k, whose colour is (t + k) modulo 3.
    slopes = (moved - now) / DIFFERENCE
    rows = np.arange(count)
    by_frame = [slopes[(rows + k) % REACH, :, rows] for k in range(REACH)]
    diagonals = [np.zeros((count - k, SIZE, SIZE)) for k in range(REACH)]
    gradient = np.zeros((count, SIZE))
    for k in range(REACH):
        end = count - k
        gradient[k:] += np.einsum("tim,tm->ti", by_frame[k][:end], now[:end])
        for other in range(k, REACH):
            end = count - other
            block = by_frame[k][:end] @ np.swapaxes(by_frame[other][:end], 1, 2)
            diagonals[other - k][k : k + end] += block
    return diagonals, gradient


def _solve_banded(diagonals: list[Array], gradient: Array, damping: float) -> Array:
    """Solve the damped normal equations by block elimination, two frames a block: (T, 6)."""
    count = len(gradient)
    even = count + count % 2
    main = np.zeros((even, SIZE, SIZE))
    main[:count] = diagonals[0]
    index = np.arange(SIZE)
    main[:, index, index] = main[:, index, index] * (1 + damping) + 1e-9
    blocks = np.zeros((even // 2, 2, SIZE, 2, SIZE))
    blocks[:, 0, :, 0], blocks[:, 1, :, 1] = main[::2], main[1::2]
    first, second = (np.zeros((even, SIZE, SIZE)) for _ in range(2))
    first[: count - 1], second[: count - 2] = diagonals[1], diagonals[2]
    blocks[:, 0, :, 1], blocks[:, 1, :, 0] = first[::2], np.swapaxes(first[::2], 1, 2)
    # What couples a pair of frames, rows, to the next pair, columns.
    links = np.zeros((even // 2, 2, SIZE, 2, SIZE))
    links[:, 0, :, 0], links[:, 1, :, 0], links[:, 1, :, 1] = second[::2], first[1::2], second[1::2]
    wide = 2 * SIZE
    right = np.zeros((even, SIZE))
    right[:count] = gradient
    solved = _solve_tridiagonal(
        blocks.reshape(-1, wide, wide), links.reshape(-1, wide, wide)[:-1], right.reshape(-1, wide)
    )
    return solved.reshape(-1, SIZE)[:count]


def _solve_tridiagonal(blocks: Array, links: Array, right: Array) -> Array:
    """Solve a symmetric system of N blocks (N, W, W), each linked to the next (N-1, W, W), for (N, W).

    By cyclic reduction: every second block is eliminated at once, and again, until one is left.
    """
    count, wide = right.shape
    if count == 1:
        return np.linalg.solve(blocks, right[..., None])[..., 0]
    # Each odd block with its link to the even one before it, and, zero where there is none, after it.
    odd = blocks[1::2]
    before = np.swapaxes(links[::2], 1, 2)
    after = np.zeros((len(odd), wide, wide))
    after[: len(links[1::2])] = links[1::2]
    solved = np.linalg.solve(odd, np.concatenate([before, after, right[1::2, :, None]], axis=2))
    to_before, to_after, own = solved[..., :wide], solved[..., wide : 2 * wide], solved[..., 2 * wide]
    even, rest = blocks[::2].copy(), right[::2].copy()
    reduced = -np.swapaxes(before, 1, 2) @ to_after
    even[: len(odd)] -= np.swapaxes(before, 1, 2) @ to_before
    rest[: len(odd)] -= (np.swapaxes(before, 1, 2) @ own[..., None])[..., 0]
    inner = len(even) - 1
    even[1:] -= (np.swapaxes(after, 1, 2) @ to_after)[:inner]
    rest[1:] -= (np.swapaxes(after, 1, 2) @ own[..., None])[:inner, :, 0]
    result = np.empty_like(right)
    result[::2] = _solve_tridiagonal(even, reduced[:inner], rest)
    following = np.zeros((len(odd), wide))
    following[:inner] = result[2::2][: len(odd)]
    result[1::2] = own - (to_before @ result[::2][: len(odd), :, None] + to_after @ following[..., None])[..., 0]
    return result
