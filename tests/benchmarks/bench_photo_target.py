"""What one depth map is worth as a target: `python tests/benchmarks/bench_photo_target.py [desk] [room] [street]`.

A rendered scene gives the map of its first frame, and the true depth along each realised path. PCE of every method,
for 20 moves: five kinds at four lengths, in sums of P. A move that ends behind a wall of the scene shows as large
figures in every column: no map can know the wall.
"""

import importlib
import sys

import bpy
import numpy as np
from scipy.spatial.transform import Rotation

from parascale.blender.camera import view_of_camera
from parascale.blender.depth import SceneDepth
from parascale.camera import Trajectory
from parascale.parallax.calibrate import Settings, calibrate
from parascale.parallax.metrics import pce
from parascale.parallax.number import median_depth
from parascale.parallax.shot import Shot
from parascale.projection.depth_map import DepthMapSource

FRAMES, GRID = 9, (32, 18)
KINDS = ("dolly-in", "dolly-out", "truck", "orbit", "crane")
LENGTHS = (0.15, 0.3, 0.5, 0.8)
METHODS = ("closed-loop", "static", "global")
LENS = np.array([600.0, 600.0, 320.0, 180.0])


def reference(kind: str, length: float) -> Shot:
    """A move of even steps of P through a depth that swells and sinks by a fifth."""
    depth = np.exp(0.2 * np.sin(np.linspace(0.5, 4, FRAMES)))
    step = length / (FRAMES - 1)
    way = np.r_[0, np.cumsum(step * depth[:-1])]
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    axis, sign = {"dolly-in": (2, 1), "dolly-out": (2, -1), "truck": (0, 1), "crane": (1, -1)}.get(kind, (0, 0))
    poses[:, axis, 3] = sign * way
    if kind == "orbit":
        poses[:, :3, :3] = Rotation.from_euler("y", -way[:, None]).as_matrix()
        poses[:, 0, 3], poses[:, 2, 3] = np.sin(way), 1 - np.cos(way)
    path = Trajectory(poses, LENS, np.arange(FRAMES) / 24, 640, 360)
    return Shot(kind, 24, path, np.r_[np.linalg.norm(path.baselines, axis=1) / step, depth[-1]])


def true_pce(asked: Shot, realised: Trajectory, scene: SceneDepth) -> float:
    """PCE of a realised path against the depth that is really there."""
    samples = [scene(realised.camera_to_world[t], realised.intrinsics[t], realised.size, t) for t in range(FRAMES - 1)]
    depth = np.array([median_depth(sample) for sample in samples])
    return pce(np.linalg.norm(realised.baselines, axis=1) / depth, asked.parallax_number)


def main() -> None:
    """Print the PCE of every move and method."""
    for name in sys.argv[1:] or ("desk", "room", "street"):
        bpy.ops.wm.read_homefile(use_empty=True)
        scene = bpy.context.scene
        scene.render.resolution_x, scene.render.resolution_y = 640, 360
        getattr(importlib.import_module(f"parascale.blender.scenes.{name}"), f"build_{name}")(scene)
        bpy.context.view_layer.update()
        view, truth = view_of_camera(scene, scene.camera), SceneDepth(scene, GRID)
        source = DepthMapSource(truth.dense(view), view, GRID)
        for kind in KINDS:
            for length in LENGTHS:
                asked = reference(kind, length)
                shots = [calibrate(asked, source, view, Settings(method=method)).shot for method in METHODS]
                found = [true_pce(asked, shot.trajectory, truth) for shot in shots]
                columns = "  ".join(f"{method} {value:6.3f}" for method, value in zip(METHODS, found, strict=True))
                print(f"{name:8} {kind:10} {length:5.2f}  {columns}", flush=True)


if __name__ == "__main__":
    main()
