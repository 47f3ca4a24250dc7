"""Which way is up in a shot: from vertical lines in its pictures, else from the camera's own axes over the shot.

A camera that is held level keeps its right axis horizontal, so that up is the direction that all right axes leave. That
is sure where they turn, and a guess where they do not: then the camera may as well have been tilted sideways all
along. Lines of houses, doors and trees are vertical in the world; where many segments of several frames agree on one
direction near that of the camera, they say it to a degree.
"""

from collections.abc import Sequence

import cv2
import numpy as np

from parascale.parallax.shot import Shot
from parascale.parallax.subject import Up
from parascale.types import Array, Image

# Frames whose line segments are read.
SAMPLED_FRAMES = 4
# Shortest segment, over the width of the picture, and how far one may lean from the camera's own up.
MIN_LENGTH, MAX_LEAN = 0.05, np.radians(25)
# Angle between up and the plane through a segment and its camera within which they agree.
MAX_DISAGREEMENT = np.radians(1.0)
# Segments that must agree, the share of all near the camera's up that must, and the trials of RANSAC.
MIN_AGREEING, MIN_SHARE, TRIALS = 16, 0.4, 200
# The right axes turn enough from this root mean square sine on.
MIN_TURN = 0.1
# How far right axes of a level camera leave the horizontal plane, root mean square.
MAX_ROLL = np.radians(3.0)
LINES_CONFIDENCE, LEVEL_CONFIDENCE, AXES_CONFIDENCE = 0.9, 0.7, 0.3


def estimate_up(shot: Shot, pictures: Sequence[Image], seed: int = 0) -> Up:
    """Estimate which way is up in the shot's world.

    Parameters
    ----------
    shot : Shot
        Its cameras.
    pictures : T pictures (h, w) uint8
    seed : int
        Of the trials.
    """
    axes, level = _axes_up(shot)
    some = np.unique(np.linspace(0, len(shot) - 1, SAMPLED_FRAMES).round().astype(int))
    normals = [_segment_normals(pictures[frame], shot, frame, axes) for frame in some]
    lines = _agreeing_direction(np.concatenate(normals), axes, seed)
    if lines is not None:
        return Up(lines, LINES_CONFIDENCE, "vertical lines")
    if level:
        return Up(axes, LEVEL_CONFIDENCE, "camera axes, level while it turns")
    return Up(axes, AXES_CONFIDENCE, "camera axes")


def _axes_up(shot: Shot) -> tuple[Array, bool]:
    """Up of the camera over the shot, and whether its right axes turn in one plane."""
    right, down = shot.trajectory.rotations[:, :, 0], shot.trajectory.rotations[:, :, 1]
    mean = -down.mean(axis=0)
    values, vectors = np.linalg.eigh(right.T @ right / len(right))
    up = vectors[:, 0] if vectors[:, 0] @ mean > 0 else -vectors[:, 0]
    level = bool(np.sqrt(max(values[1], 0)) > MIN_TURN and np.sqrt(max(values[0], 0)) < MAX_ROLL)
    if not level:
        # Perpendicular to the mean right axis, as near to the camera's own as can be: free of its pitch over the shot.
        across = right.mean(axis=0) / max(float(np.linalg.norm(right.mean(axis=0))), 1e-9)
        up = mean - (mean @ across) * across
    return np.asarray(up / np.linalg.norm(up)), level


def _segment_normals(picture: Image, shot: Shot, frame: int, up: Array) -> Array:
    """Find the planes through a camera and the segments that may be vertical: unit normals (N, 3) in the world."""
    height, width = picture.shape
    found = cv2.createLineSegmentDetector(cv2.LSD_REFINE_NONE).detect(picture)[0]
    if found is None:
        return np.empty((0, 3))
    ends = np.asarray(found, np.float64).reshape(-1, 2, 2) + 0.5
    ends = ends[np.linalg.norm(ends[:, 1] - ends[:, 0], axis=1) > MIN_LENGTH * width]
    fx, fy, cx, cy = shot.trajectory.intrinsics[frame]
    pixels = ends * [shot.trajectory.width / width, shot.trajectory.height / height]
    rays = np.concatenate([(pixels - [cx, cy]) / [fx, fy], np.ones((*pixels.shape[:-1], 1))], axis=-1)
    normals = np.cross(rays[:, 0], rays[:, 1])
    normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    normals = normals @ shot.trajectory.rotations[frame].T
    return np.asarray(normals[np.abs(normals @ up) < np.sin(MAX_LEAN)])


def _agreeing_direction(normals: Array, near: Array, seed: int) -> Array | None:
    """Direction that lies in the planes of most segments; None where they do not agree."""
    if len(normals) < MIN_AGREEING:
        return None
    rng = np.random.default_rng(seed)
    pairs = rng.integers(0, len(normals), (TRIALS, 2))
    tried = np.cross(normals[pairs[:, 0]], normals[pairs[:, 1]])
    length = np.linalg.norm(tried, axis=1)
    tried = tried[length > np.sin(np.radians(2.0))] / length[length > np.sin(np.radians(2.0)), None]
    tried = tried[np.abs(tried @ near) > np.cos(MAX_LEAN)]
    if not len(tried):
        return None
    fits = np.abs(tried @ normals.T) < np.sin(MAX_DISAGREEMENT)
    agreeing = normals[fits[fits.sum(axis=1).argmax()]]
    if len(agreeing) < max(MIN_AGREEING, MIN_SHARE * len(normals)):
        return None
    direction = np.linalg.eigh(agreeing.T @ agreeing)[1][:, 0]
    # Planes that all but coincide leave the direction free.
    if np.linalg.eigvalsh(agreeing.T @ agreeing)[1] < len(agreeing) * np.sin(np.radians(3.0)) ** 2:
        return None
    return np.asarray(direction if direction @ near > 0 else -direction)
