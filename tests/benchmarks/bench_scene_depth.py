"""Closed-loop measuring of a scene against the bare rays: 81 frames of 2,304 rays, at most 1.5 times their time.

Times are the thread's own: what other programs take of the processor says nothing about this one.

Run: python tests/benchmarks/bench_scene_depth.py
"""

import os
import tempfile
import time

os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="parascale-bench-"))

import bpy
import budget
import numpy as np
from mathutils import Vector

from parascale.blender.camera import view_of_camera
from parascale.blender.depth import LIVE_GRID, SceneDepth
from parascale.blender.scenes.parts import sheet, sphere
from parascale.parallax.depth_source import pixel_grid

FRAMES = 81


def build(objects: int, triangles: int) -> bpy.types.Scene:
    """Scatter that many objects over a wavy ground that holds the rest of the triangles."""
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    rng = np.random.default_rng(0)
    ball = sphere(0.5, 24, 12)
    side = int(np.sqrt((triangles - (objects - 1) * 2 * len(ball.faces)) / 2))
    ground = sheet((80, 80), (side, side), rng.normal(0, 0.02, (side + 1, side + 1)))
    for name, shape, count in (("Ground", ground, 1), ("Ball", ball, objects - 1)):
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(shape.vertices.tolist(), [], shape.faces)
        for _ in range(count):
            item = bpy.data.objects.new(name, mesh)
            if name == "Ball":
                item.location = (*rng.uniform(-40, 40, 2), rng.uniform(0.5, 4))
            scene.collection.objects.link(item)
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location, camera.rotation_euler.x = (0, -40, 6), 1.35
    scene.collection.objects.link(camera)
    scene.camera = camera
    bpy.context.view_layer.update()
    return scene


def timed(work) -> float:
    start = time.thread_time()
    work()
    return time.thread_time() - start


def measure(objects: int, triangles: int) -> None:
    scene = build(objects, triangles)
    bvh = timed(lambda: globals().update(depth=SceneDepth(scene)))
    depth = globals()["depth"]
    view = view_of_camera(scene, scene.camera)
    poses = np.tile(view.camera_to_world, (FRAMES, 1, 1))
    poses[:, 1, 3] += np.linspace(0, 20, FRAMES)
    pixels = pixel_grid(view.size, depth.grid)
    rays = np.column_stack([(pixels - view.intrinsics[2:]) / view.intrinsics[:2], np.ones(len(pixels))])
    directions = [Vector(ray) for ray in (rays @ view.camera_to_world[:3, :3].T).tolist()]

    def bare() -> None:
        cast = depth._static[0].tree.ray_cast
        for pose in poses:
            origin = Vector(pose[:3, 3])
            for direction in directions:
                cast(origin, direction)

    def ours(source: SceneDepth = depth) -> None:
        for frame, pose in enumerate(poses):
            source(pose, view.intrinsics, view.size, frame)

    live = SceneDepth(scene, LIVE_GRID)
    turns = [(timed(bare), timed(ours), timed(lambda: ours(live))) for _ in range(3)]
    raw, closed, short = np.min(turns, axis=0)
    print(
        f"{objects:5d} objects {triangles:8d} triangles: {closed / raw:.2f} of the bare rays"
        f" ({raw / FRAMES / len(pixels) * 1e6:.1f} microseconds each), {budget.told(closed / raw, 1.5, '')};"
        f" every frame live {short * 1e3:.0f} ms, BVH {bvh:.2f} s"
    )


if __name__ == "__main__":
    for objects, triangles in ((1, 100_000), (1, 1_000_000), (2000, 1_200_000)):
        measure(objects, triangles)
