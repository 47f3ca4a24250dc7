"""A kitchen of 6 x 6 m with a laid table in its middle."""

import math

import bpy
import numpy as np

from parascale.blender.scenes import textures
from parascale.blender.scenes.parts import Builder, box, join_shapes, lathe, sheet, sphere

HALF, HEIGHT, TABLE = 3.0, 3.2, 0.76


def build_kitchen(scene: bpy.types.Scene, seed: int = 0) -> bpy.types.Scene:
    """Fill a scene with the kitchen, in metres, and a camera at the height of the eyes."""
    build = Builder(scene, np.random.default_rng(seed))
    _materials(build)
    _shell(build)
    _counter(build)
    _table(build)
    _chairs(build)
    build.backdrop((0.65, 0.72, 0.8))
    build.sun((-0.4, 0.5, -0.7))
    build.camera((1.2, -1.9, 1.6), (-0.1, 0.3, 0.85), lens=26.0, clip=(0.02, 60.0))
    return scene


def _materials(build: Builder) -> None:
    rng = build.rng
    pictures = {
        "floor": textures.bricks(
            rng, [(0.72, 0.66, 0.58), (0.5, 0.44, 0.4), (0.64, 0.5, 0.4)], (0.36, 0.33, 0.3), 8, 8
        ),
        "tiles": textures.bricks(
            rng, [(0.75, 0.82, 0.84), (0.5, 0.64, 0.7), (0.86, 0.86, 0.8)], (0.6, 0.6, 0.58), 14, 14
        ),
        "wall": textures.tint(rng, (0.8, 0.74, 0.6), 0.3, 1.1),
        "oak": textures.wood(rng, (0.76, 0.56, 0.36), (0.42, 0.27, 0.15), planks=3),
        "front": textures.wood(rng, (0.42, 0.52, 0.5), (0.24, 0.32, 0.32), planks=2),
        "top": textures.ramp(textures.noise(rng, 512, 0.7), (0.2, 0.2, 0.22), (0.45, 0.44, 0.44), (0.75, 0.74, 0.72)),
        "steel": textures.tint(rng, (0.55, 0.57, 0.6), 0.4),
        "cloth": textures.weave(rng, [(0.8, 0.78, 0.7), (0.65, 0.2, 0.18), (0.3, 0.4, 0.5)], 8),
        "china": textures.bricks(rng, [(0.9, 0.9, 0.86), (0.3, 0.45, 0.65)], (0.85, 0.83, 0.78), 8, 8),
        "fruit": textures.ramp(textures.noise(rng, 512, 0.8), (0.55, 0.12, 0.08), (0.8, 0.4, 0.12), (0.92, 0.78, 0.3)),
        "poster": textures.patches(rng, [(0.85, 0.4, 0.25), (0.95, 0.8, 0.4), (0.25, 0.4, 0.5), (0.9, 0.88, 0.8)], 70),
    }
    for name, picture in pictures.items():
        build.material(name, picture)


def _shell(build: Builder) -> None:
    side = 2 * HALF
    build.place("Floor", box((side, side, 0.1)), "floor", (0, 0, -0.1), tile=2.0)
    build.place("Ceiling", box((side, side, 0.1)), "wall", (0, 0, HEIGHT), tile=2.5)
    for k in range(4):
        wall = box((side + 0.2, 0.1, HEIGHT)).moved((0, HALF + 0.05, 0))
        build.place(f"Wall {k}", wall, "tiles" if k == 0 else "wall", turn=k * math.pi / 2, tile=1.4)
    for k, (x, z) in enumerate([(-1.6, 1.6), (0.2, 1.75), (1.9, 1.55)]):
        build.place(f"Poster {k}", sheet((0.8, 0.6)), "poster", (x, HALF - 0.01, z), tilt=math.pi / 2)
        other = sheet((0.9, 0.7)).moved(tilt=math.pi / 2).moved((x, HALF - 0.01, z))
        build.place(f"Picture {k}", other, "poster", turn=math.pi / 2)


def _counter(build: Builder) -> None:
    fronts = [box((0.58, 0.6, 0.84)).moved((x, HALF - 0.32, 0)) for x in np.arange(-2.6, 2.7, 0.6)]
    build.place("Cupboards", join_shapes(fronts), "front", tile=0.6)
    build.place("Worktop", box((5.6, 0.66, 0.04)), "top", (0, HALF - 0.33, 0.84), tile=0.9)
    shelves = [box((5.0, 0.28, 0.03)).moved((0, HALF - 0.15, z)) for z in (1.3, 2.1)]
    build.place("Shelves", join_shapes(shelves), "oak", tile=0.8)
    jar = build.mesh(
        "Jar", lathe([(0, 0), (0.06, 0), (0.07, 0.14), (0.05, 0.17), (0.055, 0.2), (0, 0.2)], 20), "china", 0.12
    )
    pan = build.mesh(
        "Pan", lathe([(0, 0), (0.13, 0), (0.15, 0.12), (0.14, 0.12), (0.12, 0.02), (0, 0.02)], 24), "steel", 0.2
    )
    for k, x in enumerate(np.arange(-2.3, 2.4, 0.24)):
        mesh, z = ((jar, 1.33), (pan, 0.88))[k % 3 == 0]
        build.instance(mesh.name, mesh, (x, HALF - 0.2, z), turn=float(build.rng.uniform(0, 6)))


def _table(build: Builder) -> None:
    legs = [box((0.08, 0.08, TABLE - 0.04)).moved((x, y, 0)) for x in (-0.8, 0.6) for y in (-0.15, 0.75)]
    build.place("Table top", box((1.7, 1.1, 0.04), 0.006), "oak", (-0.1, 0.3, TABLE - 0.04), tile=0.9)
    build.place("Table legs", join_shapes(legs), "oak", tile=0.5)
    build.place("Runner", box((1.5, 0.4, 0.004)), "cloth", (-0.1, 0.3, TABLE), tile=0.4)
    plate = build.mesh(
        "Plate", lathe([(0, 0.01), (0.08, 0.01), (0.13, 0.03), (0.135, 0.03), (0.09, 0), (0, 0)], 32), "china", 0.16
    )
    cup = build.mesh(
        "Cup", lathe([(0, 0.004), (0.035, 0.004), (0.042, 0.09), (0.038, 0.09), (0, 0.01)], 24), "china", 0.09
    )
    for k, (x, y) in enumerate([(-0.65, 0.0), (0.0, -0.05), (0.5, 0.2), (-0.65, 0.6), (0.05, 0.65)]):
        build.instance(f"Plate {k}", plate, (x, y, TABLE))
        build.instance(f"Cup {k}", cup, (x + 0.2, y + 0.05, TABLE), turn=float(k))
    bowl = lathe([(0, 0), (0.09, 0), (0.17, 0.09), (0.165, 0.09), (0.08, 0.01), (0, 0.01)], 32)
    build.place("Bowl", bowl, "china", (-0.1, 0.3, TABLE + 0.004), tile=0.15)
    for k in range(9):
        angle, reach = k * 2.4, 0.024 * k**0.6
        place = (-0.1 + reach * math.cos(angle), 0.3 + reach * math.sin(angle), TABLE + 0.07 + 0.006 * k)
        build.place(f"Fruit {k}", sphere(0.038, 18, 10), "fruit", place, turn=float(k))


def _chairs(build: Builder) -> None:
    legs = [box((0.04, 0.04, 0.45)).moved((x, y, 0)) for x in (-0.19, 0.19) for y in (-0.19, 0.19)]
    back = [box((0.04, 0.04, 0.5)).moved((x, 0.19, 0.45)) for x in (-0.19, 0.19)]
    back += [box((0.38, 0.03, 0.08)).moved((0, 0.19, z)) for z in (0.6, 0.78, 0.9)]
    chair = build.mesh("Chair", join_shapes([*legs, *back, box((0.44, 0.44, 0.04)).moved((0, 0, 0.45))]), "oak", 0.4)
    for k, (x, y, turn) in enumerate([(-0.6, 1.1, 0.1), (0.2, 1.15, -0.2), (-1.3, 0.3, 1.5), (1.0, 0.5, -1.4)]):
        build.instance(f"Chair {k}", chair, (x, y, 0), turn=turn)
