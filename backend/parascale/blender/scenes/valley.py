"""A wooded valley of 3 km with a village, from a drone."""

import math

import bpy
import numpy as np

from parascale.blender.scenes import textures
from parascale.blender.scenes.parts import Builder, Shape, box, join_shapes, lathe, sheet, sphere
from parascale.types import Array

SIDE, CELLS = 3000.0, 128
VILLAGE = 60.0  # y of its church


def build_valley(scene: bpy.types.Scene, seed: int = 0) -> bpy.types.Scene:
    """Fill a scene with the valley, in metres, and a camera above its slope."""
    build = Builder(scene, np.random.default_rng(seed))
    _materials(build)
    heights = _ground(build)
    _woods(build, heights)
    _village(build, heights)
    build.backdrop((0.62, 0.74, 0.88))
    build.sun((0.4, 0.5, -0.8))
    build.camera((160.0, -760.0, 330.0), (0.0, VILLAGE, 40.0), lens=30.0, clip=(5.0, 2e4))
    return scene


def _materials(build: Builder) -> None:
    rng = build.rng
    meadow = textures.ramp(textures.noise(rng, 512, 1.1), (0.25, 0.34, 0.14), (0.45, 0.5, 0.22), (0.66, 0.6, 0.36))
    fields = textures.patches(rng, [(0.42, 0.5, 0.2), (0.6, 0.55, 0.28), (0.35, 0.42, 0.18), (0.7, 0.62, 0.3)], 160)
    pictures = {
        "meadow": 0.5 * meadow + 0.5 * fields,
        "wood": textures.ramp(textures.noise(rng, 512, 0.6), (0.04, 0.1, 0.04), (0.14, 0.26, 0.1), (0.32, 0.42, 0.18)),
        "plaster": textures.tint(rng, (0.82, 0.76, 0.66), 0.4, 1.0),
        "stone": textures.bricks(rng, [(0.6, 0.57, 0.5), (0.68, 0.64, 0.56)], (0.4, 0.38, 0.34), 12, 6),
        "roof": textures.bricks(rng, [(0.58, 0.28, 0.2), (0.66, 0.34, 0.24)], (0.3, 0.15, 0.1), 16, 8),
    }
    for name, picture in pictures.items():
        build.material(name, picture)


def _ground(build: Builder) -> Array:
    """Heights (CELLS + 1, CELLS + 1) of a square about the origin, x along the second axis."""
    noise = textures.noise(build.rng, 512, 1.7)[:: 512 // CELLS, :: 512 // CELLS]
    rough = np.asarray(np.pad(noise, ((0, 1), (0, 1)), mode="edge"), np.float64)
    across = np.abs(np.linspace(-1, 1, CELLS + 1))
    heights: Array = 130 * rough + 300 * across[None, :] ** 2 + 60 * np.linspace(0, 1, CELLS + 1)[:, None] - 50
    ground = sheet((SIDE, SIDE), (CELLS, CELLS), heights)
    ground.uv = None  # one texture over all of it would be too coarse to track
    build.place("Ground", ground, "meadow", tile=420.0)
    return heights


def _height(heights: Array, x: float, y: float) -> float:
    column, row = (int(np.clip((v / SIDE + 0.5) * CELLS, 0, CELLS)) for v in (x, y))
    return float(heights[row, column])


def _woods(build: Builder, heights: Array) -> None:
    rng = build.rng
    crowns = []
    for k in range(3):
        ball = sphere(1.0, 12, 8)
        ball.vertices = ball.vertices * rng.uniform(0.75, 1.15, (len(ball.vertices), 1)) * [7.0, 7.0, 9.0] + [
            0.0,
            0.0,
            9.0,
        ]
        ball.smooth = False
        crowns.append(build.mesh(f"Broadleaf {k}", ball, "wood", 9.0))
    crowns.append(build.mesh("Fir", lathe([(5.5, 2), (3.8, 9), (4.4, 9), (0, 24)], 9, smooth=False), "wood", 9.0))
    for _ in range(900):
        x, y = rng.uniform(-0.45, 0.45, 2) * SIDE
        if math.hypot(x, y - VILLAGE) < 130:
            continue
        place = (x, y, _height(heights, x, y) - 1)
        build.instance("Tree", crowns[int(rng.integers(4))], place, turn=rng.uniform(0, 6), scale=rng.uniform(0.7, 1.5))


def _gable(width: float, depth: float, rise: float) -> Shape:
    w, d = width / 2 + 0.6, depth / 2 + 0.6
    corners = np.array([(-w, -d, 0), (w, -d, 0), (w, d, 0), (-w, d, 0), (-w, 0, rise), (w, 0, rise)], np.float64)
    return Shape(corners, [[0, 1, 5, 4], [2, 3, 4, 5], [0, 4, 3], [1, 2, 5], [0, 3, 2, 1]])


def _village(build: Builder, heights: Array) -> None:
    rng = build.rng
    for k in range(34):
        angle, reach = k * 2.4, 16.0 * math.sqrt(k + 2.0)
        x, y = reach * math.cos(angle), VILLAGE + reach * math.sin(angle)
        width, depth, tall = rng.uniform(12, 20), rng.uniform(8, 12), rng.uniform(6, 11)
        place, turn = (x, y, _height(heights, x, y) - 2), rng.uniform(0, 3)
        build.place(
            f"House {k}", box((width, depth, tall + 2)), ("plaster", "stone")[k % 2], place, turn=turn, tile=6.0
        )
        above = (x, y, place[2] + tall + 2)
        build.place(f"Roof {k}", _gable(width, depth, rng.uniform(4, 6)), "roof", above, turn=turn, tile=5.0)
    foot = (0.0, VILLAGE, _height(heights, 0, VILLAGE) - 2)
    tower = [box((9, 9, 34)), lathe([(6.5, 34), (0, 56)], 4, smooth=False)]
    build.place("Church tower", join_shapes(tower), "stone", foot, turn=0.4, tile=6.0)
