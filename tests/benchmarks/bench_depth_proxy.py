"""How long a photo takes to become a surface in Blender: `python tests/benchmarks/bench_depth_proxy.py`."""

import time

import bpy
import numpy as np

from parascale.blender.depth_proxy import create_depth_proxy

SIDE, REPEATS = 1000, 4
LENS = np.array([900.0, 900.0, SIDE / 2, SIDE / 2])


def depth_map() -> np.ndarray:
    """Waves with forty boxes before them, 1 megapixel."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[0:SIDE, 0:SIDE]
    depth = 4 + 0.5 * np.sin(x / 90) + 0.3 * np.cos(y / 70)
    for _ in range(40):
        left, top = random.integers(0, SIDE - 120, 2)
        width, height = random.integers(30, 120, 2)
        box = depth[top : top + height, left : left + width]
        np.minimum(box, random.uniform(1, 3), out=box)
    return depth.astype(np.float32)


def main() -> None:
    """Print the quickest of a few runs."""
    depth = depth_map()
    wall, processor = [], []
    for _ in range(REPEATS):
        bpy.ops.wm.read_homefile(use_empty=True)
        image = bpy.data.images.new("photo", SIDE, SIDE)
        start = time.perf_counter(), time.process_time()
        create_depth_proxy(bpy.context.scene, image, depth, LENS)
        wall.append(time.perf_counter() - start[0])
        processor.append(time.process_time() - start[1])
    print(f"Blender {bpy.app.version_string}: {min(wall):.2f} s, {min(processor):.2f} s of processor time")


if __name__ == "__main__":
    main()
