"""What the unknown shift of relative inverse depth costs: `python tests/benchmarks/bench_unknown_shift.py`.

A model that gives a / Z + b leaves b unknown, and the target's map takes it to be none. PCE of `closed-loop` against
the scene the map was taken of, with b in parts of the median inverse depth; "far" is a model that puts the farthest
surface at zero. The scale is no loss: a path in units of the map's median depth is read in units of the scene's.
"""

from dataclasses import replace

import numpy as np
from bench_photo_target import FRAMES, GRID, PLACES, Filmed, Rendered, reference

from parascale.camera import View
from parascale.depth.estimate import Estimate
from parascale.parallax.calibrate import calibrate
from parascale.parallax.metrics import pce
from parascale.parallax.number import median_depth
from parascale.projection.depth_map import DepthMapSource

SHIFTS = (-0.3, -0.1, -0.03, 0.0, 0.03, 0.1, 0.3, 1.0)
MOVES = (("dolly-in", 0.15), ("dolly-in", 0.5), ("dolly-out", 0.3), ("truck", 0.3), ("orbit", 0.3), ("crane", 0.3))


def bent(depth: np.ndarray, shift: float | None) -> np.ndarray:
    """Make the depth map that becomes of a model's a / Z + b; where ``shift`` is None the farthest surface is at 0."""
    seen = np.isfinite(depth) & (depth > 0)
    values = np.full(depth.shape, np.nan, np.float32)
    values[seen] = 1 / depth[seen]
    values += -np.nanmin(values) if shift is None else shift * np.nanmedian(values)
    return Estimate(values, "relative").depth_map()


def error(place: Rendered | Filmed, depth: np.ndarray, kind: str, length: float) -> float:
    """PCE of a move calibrated on a map of median 1, flown in the scene from where it was taken."""
    asked, view = reference(kind, length), place.view
    here = View(np.eye(4), view.intrinsics, *view.size)
    path = calibrate(asked, DepthMapSource(depth, here, GRID), here).shot.trajectory
    scale = median_depth(place.truth(view.camera_to_world, view.intrinsics, view.size, 0))
    poses = path.camera_to_world.copy()
    poses[:, :3, 3] *= scale
    flown = replace(path, camera_to_world=view.camera_to_world @ poses)
    found = [
        median_depth(place.truth(flown.camera_to_world[t], flown.intrinsics[t], flown.size, t))
        for t in range(FRAMES - 1)
    ]
    return pce(np.linalg.norm(flown.baselines, axis=1) / found, asked.parallax_number)


def main() -> None:
    """Print, for every shift, the median over the rendered places."""
    places = {name: PLACES[name]() for name in ("desk", "room")}
    print(f"{'shift':>6}  " + "  ".join(f"{kind} {length:g}" for kind, length in MOVES))
    for shift in (*SHIFTS, None):
        maps = {name: bent(place.map, shift) for name, place in places.items()}
        cells = [
            np.median([error(place, maps[name], kind, length) for name, place in places.items()])
            for kind, length in MOVES
        ]
        label = "far" if shift is None else f"{shift:g}"
        print(
            f"{label:>6}  "
            + "  ".join(f"{cell:.3f}".rjust(len(f"{k} {n:g}")) for cell, (k, n) in zip(cells, MOVES, strict=True)),
            flush=True,
        )


if __name__ == "__main__":
    main()
