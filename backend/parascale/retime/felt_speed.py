"""The same felt speed over another duration: a longer orbit turns further."""

import dataclasses

import numpy as np

from parascale.camera import Trajectory
from parascale.camera.quaternions import (
    arc_of_chord,
    chord_of_arc,
    conjugate,
    cumulate,
    from_rotation_vectors,
    product,
    to_rotation_vectors,
)
from parascale.camera.rotations import matrices_from_quaternions, poses_of, quaternions_from_matrices, slerp
from parascale.parallax.shot import Shot
from parascale.retime.curves import monotone_cubic
from parascale.retime.move import Move, known_parallax, with_path
from parascale.retime.resample import frame_times, keep_path, stretch_times
from parascale.types import Array


def keep_felt_speed(shot: Shot, frames: int, fps: float, *, keep_angles: bool = False) -> Shot:
    """Move as fast for longer, or for less long: P per second, direction and turning are carried over.

    Over normalised time u the move is P per second, the direction of travel in the camera, and the angular velocity
    in the camera's own axes; all three are integrated over the new duration. Each step is taken as a steady screw
    motion, so that an orbit stays an orbit. Depth is carried over u too: measure it again where the path leaves the
    world it was seen in. Points are left out where the durations differ.

    Parameters
    ----------
    shot : Shot
    frames : int
        N, from the shot's first camera.
    fps : float
        Frames a second: the move lasts (N - 1) / fps.
    keep_angles : bool
        Look, at every u, where the shot looks: the path then keeps its shape, and its size follows the duration.

    Raises
    ------
    InputError
        Where frames or rate cannot be.
    """
    times, at = frame_times(shot, frames, fps), stretch_times(shot, frames)
    if len(shot) == 1 or frames == 1:
        return keep_path(shot, frames, fps)
    own = shot.trajectory.times
    longer = float((times[-1] - times[0]) / (own[-1] - own[0]))
    move = Move(shot)
    poses = _integrate(move, at, longer, 1.0 if keep_angles else longer)
    path = shot.trajectory
    trajectory = Trajectory(poses, move.intrinsics(at), times, path.width, path.height)
    record = {"operation": "keep-felt-speed", "frames": frames, "fps": float(fps), "keep_angles": keep_angles}
    result = with_path(shot, at, trajectory, move.depth(at), fps=fps, record=record)
    return result if abs(longer - 1) < 1e-9 else dataclasses.replace(result, points=None)


def _integrate(move: Move, at: Array, longer: float, turn_further: float) -> Array:
    """Poses (N, 4, 4) of a move whose travel and turning are multiplied, frame for frame at times ``at``."""
    shot = move.shot
    cuts = np.union1d(move.times, at)  # between two cuts no frame of the shot is crossed
    quaternions = move.quaternions(cuts)
    turns = turn_further * to_rotation_vectors(product(conjugate(quaternions[:-1]), quaternions[1:]))
    turned = cumulate(quaternions[0], from_rotation_vectors(turns))
    cumulated_p = longer * monotone_cubic(move.times, np.concatenate([[0.0], np.cumsum(known_parallax(shot))]), cuts)
    depth = np.exp(np.interp(cuts, move.times, np.log(shot.bridged_depth)))
    travel = (np.diff(cumulated_p) * depth[:-1])[:, None] * _directions(shot, (cuts[:-1] + cuts[1:]) / 2)
    chords = np.einsum("nij,nj->ni", matrices_from_quaternions(turned[:-1]), chord_of_arc(turns, travel))
    frame = np.searchsorted(cuts, at)
    steps = np.add.reduceat(chords, frame[:-1])
    # P is counted from frame to frame: a step is as long as the travel it covers, whatever it bends.
    asked = np.diff(cumulated_p[frame]) * depth[frame[:-1]]
    back = np.linalg.norm(steps, axis=1) <= 1e-9 * asked
    steps[back] = chords[frame[1:] - 1][back]  # there and back within one step: it goes as it went last
    length = np.linalg.norm(steps, axis=1)
    steps *= np.divide(asked, length, out=np.zeros(len(length)), where=length > 0)[:, None]
    centres = shot.trajectory.centres[0] + np.concatenate([np.zeros((1, 3)), np.cumsum(steps, axis=0)])
    return poses_of(matrices_from_quaternions(turned[frame]), centres)


def _directions(shot: Shot, at: Array) -> Array:
    """Directions of travel in the camera's own axes at times between frames, (M, 3) unit vectors.

    Known halfway each step, as the direction of the steady screw motion from frame to frame; between these the short
    way round, unless the travel turns by more than a right angle or rests: then it turns at the frame.
    """
    path = shot.trajectory
    local = np.einsum("nji,nj->ni", path.rotations[:-1], path.baselines)
    quaternions = quaternions_from_matrices(path.rotations)
    turns = to_rotation_vectors(product(conjugate(quaternions[:-1]), quaternions[1:]))
    travel = arc_of_chord(turns, local)
    length = np.linalg.norm(travel, axis=1, keepdims=True)
    own = np.divide(travel, length, out=np.zeros_like(travel), where=length > 0)
    middle = (path.times[:-1] + path.times[1:]) / 2
    step = np.clip(np.searchsorted(path.times, at, side="right") - 1, 0, len(own) - 1)
    neighbour = np.clip(np.where(at < middle[step], step - 1, step + 1), 0, len(own) - 1)
    joined = np.einsum("ni,ni->n", own[step], own[neighbour]) > 0
    apart = np.abs(middle[neighbour] - middle[step])
    away = np.divide(np.abs(at - middle[step]), apart, out=np.zeros(len(at)), where=joined & (apart > 0))
    directions = own[step]
    directions[joined] = slerp(own[step][joined], own[neighbour][joined], away[joined])
    return directions
