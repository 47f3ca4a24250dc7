"""Anisotropic scale: motion along the view and across it carried over at different strengths."""

from dataclasses import replace

import numpy as np

from parascale.camera import Trajectory
from parascale.camera.rotations import poses_of
from parascale.parallax.lens import step_directions, typical_motion
from parascale.parallax.shot import Shot
from parascale.types import Array


def scale_travel(shot: Shot, along: float, across: float) -> Shot:
    """Multiply the parts of each step along the optical axis and across it: b_t becomes R_t diag(n, n, m) R_t^T b_t.

    P_t is multiplied by |diag(n, n, m) d_t|, and phi_t, whose samples are not kept, by that times the ratio of typical
    motions over the frame (see `parascale.parallax.lens.typical_motion`). The pictures, and the subjects in them, stay
    the reference's own. The same shot where both are 1.

    Parameters
    ----------
    shot : Shot
    along, across : float
        m and n, at least 0.
    """
    if along == across == 1:
        return shot
    path = shot.trajectory
    local = np.einsum("nji,nj->ni", path.rotations[:-1], path.baselines) * np.array([across, across, along])
    steps = np.einsum("nij,nj->ni", path.rotations[:-1], local)
    centres = path.centres[0] + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    scaled = Trajectory(poses_of(path.rotations, centres), path.intrinsics, path.times, path.width, path.height)
    felt = None if shot.felt_parallax is None else shot.felt_parallax * _felt_ratio(path, scaled)
    return replace(shot, trajectory=scaled, felt_parallax=felt, parallax_sigma=None)


def _felt_ratio(before: Trajectory, after: Trajectory) -> Array:
    """Typical motion over the frame after and before, (T-1,): 1 where the camera rested, 0 where it rests now."""
    motions = []
    for path in (after, before):
        motion = typical_motion(step_directions(path), path.intrinsics[:-1], path.size)
        motions.append(np.nan_to_num(motion * np.linalg.norm(path.baselines, axis=1)))
    ratio: Array = np.divide(motions[0], motions[1], out=np.ones_like(motions[0]), where=motions[1] > 0)
    return ratio
