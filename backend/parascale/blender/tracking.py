"""Depth of a shot that Blender's own tracker solved: its tracks, where the scene has no geometry to look at."""

from collections.abc import Sequence

import bpy
import numpy as np
from mathutils import Vector
from mathutils.geometry import delaunay_2d_cdt

from parascale.blender.scene_state import at_frame, depsgraph_of
from parascale.blender.untyped import untyped
from parascale.camera.intrinsics import normalise_pixels, projection, unprojection
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.projection.numpy_renderer import cross
from parascale.types import Array

GRID = (64, 36)
# A triangle whose corners' inverse depths differ by more spans a depth edge or the sky.
MAX_INVERSE_DEPTH_RATIO = 3.0


def tracking_of(camera_object: bpy.types.Object) -> bpy.types.MovieClip | None:
    """Return the solved clip that a camera follows by a Camera Solver constraint; None where it follows none."""
    for constraint in camera_object.constraints:
        if constraint.type != "CAMERA_SOLVER" or constraint.mute:
            continue
        solver, scene = untyped(constraint), untyped(bpy.context.scene)
        clip: bpy.types.MovieClip | None = scene.active_clip if solver.use_active_clip else solver.clip
        if clip is not None and untyped(clip.tracking).reconstruction.is_valid:
            return clip
    return None


def reconstructed_frames(clip: bpy.types.MovieClip) -> tuple[float, float]:
    """First and last scene frame of a solved clip that has a camera; those before and after repeat them."""
    solved = [camera.frame for camera in untyped(clip.tracking).reconstruction.cameras]
    return clip.frame_start + min(solved) - 1.0, clip.frame_start + max(solved) - 1.0


class MarkerDepth:
    """Depth source: inverse depth interpolated over the solved tracks that a frame shows (see `DepthSource`).

    Parameters
    ----------
    scene : bpy.types.Scene
    camera_object : bpy.types.Object
        Follows the clip by a Camera Solver constraint.
    clip : bpy.types.MovieClip
        Solved.
    frames : sequence of float
        Scene frame of each step.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        camera_object: bpy.types.Object,
        clip: bpy.types.MovieClip,
        frames: Sequence[float] | Array,
    ) -> None:
        tracking = untyped(clip.tracking)
        self._frames = np.round(np.asarray(frames) - clip.frame_start + 1).astype(int)
        tracks = [track for track in tracking.tracks if track.has_bundle]
        bundles = np.array([track.bundle for track in tracks], np.float64).reshape(-1, 3)
        # The constraint puts the camera on its reconstructed pose, under whatever moves the camera beside it.
        with at_frame(scene) as go_to:
            go_to(float(np.asarray(frames)[0]))
            world = np.array(camera_object.evaluated_get(depsgraph_of(scene)).matrix_world, np.float64)
        solved = np.array(tracking.reconstruction.cameras.matrix_from_frame(frame=int(self._frames[0])), np.float64)
        above = world @ np.linalg.inv(solved)
        self._points = bundles @ above[:3, :3].T + above[:3, 3]
        self._seen = [{marker.frame for marker in track.markers if not marker.mute} for track in tracks]

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `DepthSource`; nothing is hit outside the tracks' convex hull."""
        now = int(self._frames[frame])
        points = self._points[[now in seen for seen in self._seen]]
        local = (points - camera_to_world[:3, 3]) @ camera_to_world[:3, :3]
        local = local[local[:, 2] > 0]
        return interpolate_depth(projection(local, intrinsics), local[:, 2], intrinsics, size)


def interpolate_depth(pixels: Array, depth: Array, intrinsics: Array, size: tuple[int, int]) -> DepthSamples:
    """Interpolate z-depth (N,) of points over a picture's grid: inverse depth, linear over Delaunay triangles."""
    grid = pixel_grid(size, GRID)
    found = np.zeros(len(grid))
    flat = normalise_pixels(pixels, intrinsics)
    cells = unprojection(grid, intrinsics)[:, :2]
    for own in _triangles(flat):
        inverse = 1 / depth[own]
        if inverse.max() > MAX_INVERSE_DEPTH_RATIO * inverse.min():
            continue
        a, b, c = flat[own]
        area = cross(b - a, c - a)
        if area == 0:
            continue
        weights = np.stack([cross(b - cells, c - cells), cross(c - cells, a - cells), cross(a - cells, b - cells)])
        inside = (weights / area >= -1e-9).all(axis=0)
        found[inside] = (weights / area)[:, inside].T @ inverse
    hit = found > 0
    return DepthSamples(grid, np.where(hit, 1 / np.where(hit, found, 1.0), 1.0), hit)


def _triangles(flat: Array) -> list[list[int]]:
    """Delaunay triangles of points (N, 2), as indices of them."""
    if len(flat) < 3:
        return []
    _, _, faces, origin, _, _ = delaunay_2d_cdt([Vector(point) for point in flat.tolist()], [], [], 0, 1e-9)
    return [[origin[corner][0] for corner in face] for face in faces]
