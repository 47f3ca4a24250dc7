"""A paved court of 44 m between arcades, with a fountain in its middle."""

import math

import bpy
import numpy as np

from parascale.blender.scenes import textures
from parascale.blender.scenes.parts import Builder, box, join_shapes, lathe, sphere

HALF, STOREY, BAY = 22.0, 4.6, 4.0


def build_court(scene: bpy.types.Scene, seed: int = 0) -> bpy.types.Scene:
    """Fill a scene with the court, in metres, and a camera at the height of a raised arm."""
    build = Builder(scene, np.random.default_rng(seed))
    _materials(build)
    build.place("Pavement", box((2 * HALF + 12, 2 * HALF + 12, 0.2)), "paving", (0, 0, -0.2), tile=3.0)
    for side in range(4):
        _front(build, side)
    _fountain(build)
    _pots(build)
    build.backdrop((0.5, 0.68, 0.9))
    build.sun((0.5, 0.3, -0.8))
    build.camera((5.5, -13.0, 2.2), (0.0, 0.0, 2.4), lens=28.0, clip=(0.1, 400.0), focus=18.0)
    return scene


def _materials(build: Builder) -> None:
    rng = build.rng
    pictures = {
        "paving": textures.bricks(
            rng, [(0.6, 0.56, 0.5), (0.68, 0.64, 0.58), (0.52, 0.5, 0.46)], (0.36, 0.34, 0.3), 10, 10
        ),
        "stone": textures.bricks(
            rng, [(0.74, 0.68, 0.56), (0.66, 0.6, 0.5), (0.8, 0.74, 0.62)], (0.5, 0.46, 0.4), 12, 6
        ),
        "marble": textures.ramp(
            textures.noise(rng, 512, 1.2, 2.0), (0.55, 0.56, 0.58), (0.82, 0.82, 0.8), (0.94, 0.93, 0.9)
        ),
        "roof": textures.bricks(rng, [(0.6, 0.32, 0.22), (0.7, 0.4, 0.28)], (0.32, 0.17, 0.12), 16, 8),
        "glass": textures.ramp(textures.noise(rng, 512, 1.4), (0.12, 0.16, 0.2), (0.34, 0.42, 0.5), (0.7, 0.78, 0.84)),
        "shutter": textures.wood(rng, (0.3, 0.45, 0.4), (0.14, 0.24, 0.22), planks=8),
        "water": textures.ramp(textures.noise(rng, 512, 0.9), (0.16, 0.3, 0.34), (0.4, 0.56, 0.58), (0.75, 0.84, 0.84)),
        "clay": textures.tint(rng, (0.7, 0.4, 0.26), 0.4),
        "leaf": textures.ramp(textures.noise(rng, 512, 0.6), (0.06, 0.16, 0.05), (0.24, 0.44, 0.14), (0.55, 0.66, 0.3)),
    }
    for name, picture in pictures.items():
        build.material(name, picture)


def _front(build: Builder, side: int) -> None:
    """One side of the court: an arcade below, windows above, all turned about the court's middle."""
    turn = side * math.pi / 2
    bays = np.arange(-HALF + BAY / 2, HALF, BAY)
    column = lathe([(0.5, 0), (0.5, 0.3), (0.34, 0.5), (0.3, 3.2), (0.5, 3.5), (0.5, 3.8)], 16)
    columns = [column.moved((x, -HALF, 0)) for x in bays - BAY / 2]
    walls = [
        box((2 * HALF + 8, 0.5, STOREY + 3.2)).moved((0, -HALF, 3.8)),
        box((2 * HALF + 8, 0.4, 3.8)).moved((0, -HALF - 4, 0)),
    ]
    walls += [box((2 * HALF + 8, 0.3, 0.3)).moved((0, -HALF + 0.3, z)) for z in (4.6, 10.6)]
    panes = [box((1.5, 0.1, 2.4)).moved((x, -HALF + 0.26, 6.2)) for x in bays]
    shutters = [box((0.7, 0.12, 2.5)).moved((x + s * 1.15, -HALF + 0.3, 6.15)) for x in bays for s in (-1, 1)]
    doors = [box((1.6, 0.2, 2.8)).moved((x, -HALF - 3.75, 0)) for x in bays[::2]]
    parts = {"Columns": (columns, "marble"), "Walls": (walls, "stone"), "Panes": (panes, "glass")}
    parts |= {"Shutters": (shutters, "shutter"), "Doors": (doors, "shutter")}
    for name, (shapes, material) in parts.items():
        build.place(f"{name} {side}", join_shapes(shapes), material, turn=turn, tile=2.4)
    eaves = box((2 * HALF + 12, 6.5, 0.3)).moved(tilt=0.35).moved((0, -HALF - 2.5, 11.9))
    build.place(f"Roof {side}", eaves, "roof", turn=turn, tile=3.0)


def _fountain(build: Builder) -> None:
    basin = lathe([(3.4, 0), (3.4, 0.7), (3.0, 0.7), (3.0, 0.15), (0, 0.15)], 24, smooth=False)
    stem = lathe([(0.9, 0.1), (0.45, 0.6), (0.35, 1.8), (1.5, 2.3), (1.6, 2.45), (0.3, 2.4), (0.22, 3.3), (0, 3.4)], 32)
    build.place("Basin", basin, "stone", tile=1.4)
    build.place("Stem", stem, "marble", tile=1.2)
    build.place("Water", lathe([(0, 0.5), (3.0, 0.5)], 24), "water", tile=2.0)
    build.place("Ball", sphere(0.4, 24, 12), "marble", (0, 0, 3.7))


def _pots(build: Builder) -> None:
    rng = build.rng
    pot = build.mesh(
        "Pot", lathe([(0, 0), (0.35, 0), (0.5, 0.7), (0.55, 0.7), (0.55, 0.8), (0, 0.75)], 20), "clay", 0.6
    )
    ball = sphere(0.7, 18, 10)
    ball.vertices = ball.vertices * rng.uniform(0.8, 1.15, (len(ball.vertices), 1)) + [0, 0, 1.3]
    ball.smooth = False
    shrub = build.mesh("Shrub", ball, "leaf", 0.9)
    for k in range(16):
        angle = k * math.pi / 8 + 0.2
        place = (19.5 * math.cos(angle), 19.5 * math.sin(angle), 0.0)
        for mesh in (pot, shrub):
            build.instance(mesh.name, mesh, place, turn=float(rng.uniform(0, 6)), scale=1.0 + 0.3 * (k % 3))
