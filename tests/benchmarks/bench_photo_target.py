"""What one depth map is worth as a target: `python tests/benchmarks/bench_photo_target.py [PLACE ...]`.

A scene gives the map of its first frame, and the true depth along each realised path: a rendered scene by its
geometry, a clip with depth (`living`, `tum`) by the maps of its other frames. PCE of every method, for 20 moves: five
kinds at four lengths, in sums of P. "left out" is closed loop without what `parascale.projection.continued` adds.

A move is skipped where the true path runs into a wall, or leaves what the clip's maps show: nothing can be told there.
"""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import bpy
import cv2
import numpy as np
from scipy.spatial.transform import Rotation

from parascale.blender.camera import view_of_camera
from parascale.blender.depth import SceneDepth
from parascale.camera import Trajectory, View
from parascale.parallax.calibrate import Settings, calibrate
from parascale.parallax.depth_source import DepthSamples, DepthSource
from parascale.parallax.metrics import pce
from parascale.parallax.number import median_depth
from parascale.parallax.shot import Shot
from parascale.projection.depth_map import DepthMapSource

FRAMES, GRID = 9, (32, 18)
KINDS = ("dolly-in", "dolly-out", "truck", "orbit", "crane")
LENGTHS = (0.15, 0.3, 0.5, 0.8)
METHODS = ("closed-loop", "static", "global")
LENS = np.array([600.0, 600.0, 320.0, 180.0])
DATA = Path(os.environ.get("PARASCALE_TESTDATA", Path(__file__).parents[3] / "shared" / "data"))
# Share of the picture that the true depth may lose, against the first frame, before a move says nothing.
LOST = 0.15


class Rendered:
    """A scene of ours."""

    def __init__(self, name: str) -> None:
        bpy.ops.wm.read_homefile(use_empty=True)
        scene = bpy.context.scene
        scene.render.resolution_x, scene.render.resolution_y = 640, 360
        getattr(importlib.import_module(f"parascale.blender.scenes.{name}"), f"build_{name}")(scene)
        bpy.context.view_layer.update()
        self.view, self.truth = view_of_camera(scene, scene.camera), SceneDepth(scene, GRID)
        self.map = self.truth.dense(self.view)

    def passes_wall(self, path: Trajectory) -> bool:
        """Whether a path cannot be flown."""
        return bool(self.truth.crossings(path.centres))


class Filmed:
    """A clip with depth: the surfaces of all its maps, the nearest of each pixel."""

    def __init__(self, maps: list[np.ndarray], poses: list[np.ndarray]) -> None:
        views = [View(pose, np.array([525.0, 525.0, 320.0, 240.0]), 640, 480) for pose in poses]
        self.view, self.map = views[0], maps[0]
        self.sources = [DepthMapSource(m, v, GRID, continued=False) for m, v in zip(maps, views, strict=True)]

    def truth(self, pose: np.ndarray, intrinsics: np.ndarray, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `DepthSource`."""
        seen = [source(pose, intrinsics, size, frame) for source in self.sources]
        depth = np.min([np.where(samples.hit, samples.depth, np.inf) for samples in seen], axis=0)
        hit = np.isfinite(depth)
        return DepthSamples(seen[0].pixels, np.where(hit, depth, 1.0), hit)

    def passes_wall(self, path: Trajectory) -> bool:
        """Nobody filmed from behind a wall."""
        return False


def living() -> Filmed:
    """Rendered living room, 49 frames: every sixth."""
    rows = np.loadtxt([line for line in (DATA / "icl_livingroom49/trajectory.log").open() if line.count(" ") > 2])
    files = sorted((DATA / "icl_livingroom49/depth").iterdir())
    chosen = range(0, len(files), 6)
    maps = [cv2.imread(str(files[i]), cv2.IMREAD_UNCHANGED) / 1000.0 for i in chosen]
    return Filmed(maps, [rows[4 * i : 4 * i + 4] for i in chosen])


def tum() -> Filmed:
    """Five frames of a depth camera in an office, from the second, the best covered by the others."""
    maps, poses = [], []
    for number in (2, 1, 3, 4, 5):
        row = np.loadtxt(DATA / "rgbd_tum5/pose.txt")[number - 1]
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = Rotation.from_quat(row[3:]).as_matrix(), row[:3]
        poses.append(pose)
        maps.append(cv2.imread(str(DATA / f"rgbd_tum5/depth/{number}.pgm"), cv2.IMREAD_UNCHANGED) / 1000.0)
    return Filmed(maps, poses)


PLACES: dict[str, Callable[[], Rendered | Filmed]] = {
    "desk": lambda: Rendered("desk"),
    "room": lambda: Rendered("room"),
    "living": living,
    "tum": tum,
}


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


def true_pce(asked: Shot, realised: Trajectory, truth: DepthSource) -> tuple[float, float]:
    """PCE of a realised path against the depth that is really there, and the least share of a frame it is known for."""
    samples = [truth(realised.camera_to_world[t], realised.intrinsics[t], realised.size, t) for t in range(FRAMES - 1)]
    depth = np.array([median_depth(sample) for sample in samples])
    error = pce(np.linalg.norm(realised.baselines, axis=1) / depth, asked.parallax_number)
    return error, min(float(sample.hit.mean()) for sample in samples)


def compared(place: Rendered | Filmed, asked: Shot, sources: dict[str, DepthSource]) -> dict[str, float] | None:
    """PCE of a move by every method; None where nothing can be told."""
    view = place.view
    whole = place.truth(view.camera_to_world, view.intrinsics, view.size, 0).hit.mean()
    best = calibrate(asked, place.truth, view, Settings()).shot.trajectory
    if place.passes_wall(best) or true_pce(asked, best, place.truth)[1] < whole - LOST:
        return None
    shots = {method: calibrate(asked, sources["map"], view, Settings(method=method)).shot for method in METHODS}
    shots["left out"] = calibrate(asked, sources["left out"], view, Settings()).shot
    return {name: true_pce(asked, shot.trajectory, place.truth)[0] for name, shot in shots.items()}


def main() -> None:
    """Print the PCE of every move and method, and of every move the median over the places."""
    found: dict[tuple[str, float], list[dict[str, float]]] = {}
    for name in sys.argv[1:] or PLACES:
        place = PLACES[name]()
        sources: dict[str, DepthSource] = {
            "map": DepthMapSource(place.map, place.view, GRID),
            "left out": DepthMapSource(place.map, place.view, GRID, continued=False),
        }
        for kind in KINDS:
            for length in LENGTHS:
                row = compared(place, reference(kind, length), sources)
                if row is not None:
                    found.setdefault((kind, length), []).append(row)
                    print(f"{name:8} {kind:10} {length:5.2f}  {_written(row)}", flush=True)
    for (kind, length), rows in found.items():
        median = {name: float(np.median([row[name] for row in rows])) for name in rows[0]}
        print(f"median of {len(rows)}: {kind:10} {length:5.2f}  {_written(median)}")


def _written(row: dict[str, float]) -> str:
    return "  ".join(f"{name} {value:6.3f}" for name, value in row.items())


if __name__ == "__main__":
    main()
