"""Smoothing of camera paths, weighted by how well each frame is known."""

import math

import numpy as np

from parascale.camera.rotations import continuous_quaternions, quaternions_from_matrices
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.retime.move import noise_per_step
from parascale.types import Array

# Below this share of the frame rate the equations lose the digits that the answer needs.
_MIN_CUTOFF = 1 / 300

# Rows eliminated at once: large enough for the loop not to count, small enough for little to be zeros.
_BLOCK = 24


def smooth_path(shot: Shot, cutoff: float) -> tuple[Array, Array]:
    """Centres (T, 3) and unit quaternions (T, 4) of the move without what swings faster than a cut-off in hertz.

    What swings as often as the cut-off is halved. Centres are weighted by the noise of their frame, which is a noise
    of P: as long in world units as the frame is deep. Where the shot lists the noise of its steps, that counts too.

    Raises
    ------
    InputError
        Where the cut-off is not positive, or too slow for the frame rate.
    """
    times = shot.trajectory.times
    if not 0 < cutoff < math.inf:
        raise InputError(f"a cut-off of {cutoff} Hz is not positive")
    if cutoff < _MIN_CUTOFF * shot.fps:
        raise InputError(
            f"a cut-off of {cutoff:g} Hz is too slow for {shot.fps:g} fps: "
            f"ask for at least {_MIN_CUTOFF * shot.fps:.2g} Hz"
        )
    own = continuous_quaternions(quaternions_from_matrices(shot.trajectory.rotations))
    centres = whittaker(shot.trajectory.centres, times, cutoff, 1 / _position_noise(shot) ** 2)
    turned = whittaker(own, times, cutoff, np.ones(len(shot)))
    length = np.linalg.norm(turned, axis=1, keepdims=True)
    # A camera that spins round faster than the cut-off has no smooth rotation but its own.
    return centres, np.where(length < 0.1, own, turned / np.maximum(length, 0.1))


def whittaker(values: Array, times: Array, cutoff: float, weights: Array) -> Array:
    """Penalised least squares (Whittaker 1923): minimise sum w |x - y|^2 + integral of |x'''|^2 / (2 pi f)^6.

    Passes 1 / (1 + (frequency / f)^6) without delay; parabolas pass unchanged, at the ends too.

    Parameters
    ----------
    values : (T, K) float64
        y.
    times : (T,) float64
        Seconds, strictly increasing.
    cutoff : float
        f, hertz.
    weights : (T,) float64
        w, above 0; only their ratios count.
    """
    if len(values) < 4:
        return values.copy()
    clock = 2 * math.pi * cutoff * (times - times[0])
    rows = _third_derivatives(clock)
    spacing = (clock[3:] - clock[:-3]) / 3
    weights = weights / weights.mean() * float(np.mean(np.diff(clock)))
    # (W + D^T S D) x = W y, solved for what is taken away: parabolas give a right side of exactly nothing.
    bands = np.zeros((4, len(values)))
    bands[0] = weights
    residual = np.zeros_like(values)
    bend = sum(rows[:, j, None] * values[j : len(rows) + j] for j in range(4))
    for i in range(4):
        residual[i : len(rows) + i] += (spacing * rows[:, i])[:, None] * bend
        for j in range(i + 1):
            bands[i - j, j : len(rows) + j] += spacing * rows[:, i] * rows[:, j]
    return values - _solve(bands, residual)


def _third_derivatives(clock: Array) -> Array:
    """Coefficients (T-3, 4) that give the third derivative from four neighbours: six times the divided difference."""
    count = len(clock) - 3
    rows = np.full((count, 4), 6.0)
    for i in range(4):
        for j in range(4):
            if i != j:
                rows[:, i] /= clock[i : count + i] - clock[j : count + j]
    return rows


def _solve(bands: Array, right: Array) -> Array:
    """Solve a symmetric positive definite system by block elimination; band k of 4 holds the elements (n + k, n)."""
    count = bands.shape[1]
    blocks = -(-count // _BLOCK)
    diagonal, below = _blocks(bands, blocks)
    x = np.zeros((blocks * _BLOCK, right.shape[1]))
    x[:count] = right
    x = x.reshape(blocks, _BLOCK, right.shape[1])
    for n in range(1, blocks):
        eliminated = np.linalg.solve(diagonal[n - 1], np.concatenate([below[n - 1].T, x[n - 1]], axis=1))
        diagonal[n] -= below[n - 1] @ eliminated[:, :_BLOCK]
        x[n] -= below[n - 1] @ eliminated[:, _BLOCK:]
    x[-1] = np.linalg.solve(diagonal[-1], x[-1])
    for n in range(blocks - 2, -1, -1):
        x[n] = np.linalg.solve(diagonal[n], x[n] - below[n].T @ x[n + 1])
    solution: Array = x.reshape(blocks * _BLOCK, right.shape[1])[:count]
    return solution


def _blocks(bands: Array, blocks: int) -> tuple[Array, Array]:
    """Blocks (B, n, n) on the diagonal and below it; rows added at the end are those of the identity."""
    diagonal, below = np.zeros((2, blocks, _BLOCK, _BLOCK))
    row = np.arange(blocks * _BLOCK)
    diagonal[row // _BLOCK, row % _BLOCK, row % _BLOCK] = 1
    column = np.arange(bands.shape[1])
    block, j = column // _BLOCK, column % _BLOCK
    for k, band in enumerate(bands):
        i = j + k
        here = (i < _BLOCK) & (column + k < len(column))
        diagonal[block[here], i[here], j[here]] = diagonal[block[here], j[here], i[here]] = band[here]
        there = (i >= _BLOCK) & (column + k < len(column))
        below[block[there], i[there] - _BLOCK, j[there]] = band[there]
    return diagonal, below


def _position_noise(shot: Shot) -> Array:
    """How badly each centre is known, (T,), but for a common factor: median depth, times the noise of its steps."""
    noise = shot.bridged_depth
    steps = noise_per_step(shot)
    if steps is None or np.isnan(steps).all():
        return noise
    steps = np.where(np.isnan(steps), np.nanmax(steps), steps)
    both = np.append(steps, steps[-1]) ** 2 + np.append(steps[0], steps) ** 2
    noise *= np.sqrt(both / 2)
    return noise


def noise_cutoff(shot: Shot) -> float:
    """Cut-off, in hertz, at which smoothing takes out as much as the noise floor explains (Morozov's discrepancy).

    The floor is three sigma of a step; a step has the noise of two centres. From the slowest that can be to half the
    frame rate.

    Raises
    ------
    InputError
        Where the shot states no noise floor.
    """
    if not isinstance(shot.quality.get("noise_floor"), int | float):
        raise InputError(f"{shot.name!r} states no noise floor, as solved shots do: give a cut-off in hertz")
    explained = shot.noise_floor / 3 / math.sqrt(2)
    depth = shot.bridged_depth[:, None]
    noise = _position_noise(shot)

    def taken_out(cutoff: float) -> float:
        path = shot.trajectory
        smooth = whittaker(path.centres, path.times, cutoff, 1 / noise**2)
        return float(np.sqrt(np.mean(((path.centres - smooth) / depth) ** 2)))

    slow, fast = math.log(_MIN_CUTOFF * shot.fps), math.log(shot.fps / 2)
    for _ in range(20):
        middle = (slow + fast) / 2
        if taken_out(math.exp(middle)) > explained:
            slow = middle
        else:
            fast = middle
    return math.exp(fast)
