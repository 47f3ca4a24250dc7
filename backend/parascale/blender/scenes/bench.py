"""A workbench, 1.6 m wide, with tools and parts on it."""

import math

import bpy
import numpy as np

from parascale.blender.scenes import textures
from parascale.blender.scenes.parts import Builder, Shape, box, join_shapes, lathe, sheet, tube

TOP = 0.9  # height of the bench


def build_bench(scene: bpy.types.Scene, seed: int = 0) -> bpy.types.Scene:
    """Fill a scene with the bench, in metres, and a camera in front of it."""
    build = Builder(scene, np.random.default_rng(seed))
    _materials(build)
    _surroundings(build)
    _tools_on_the_wall(build)
    _parts_on_the_bench(build)
    build.backdrop((0.5, 0.55, 0.6))
    build.sun((0.4, 0.6, -0.9))
    build.camera((0.42, -0.82, 1.4), (0.0, 0.06, 0.98), clip=(0.01, 50.0))
    return scene


def _materials(build: Builder) -> None:
    rng = build.rng
    pictures = {
        "beech": textures.wood(rng, (0.8, 0.64, 0.44), (0.5, 0.34, 0.2)),
        "board": textures.bricks(rng, [(0.6, 0.46, 0.3), (0.64, 0.5, 0.34)], (0.34, 0.26, 0.18), 24, 24),
        "concrete": textures.tint(rng, (0.5, 0.5, 0.49), 0.6, 0.8),
        "steel": textures.ramp(
            textures.noise(rng, 512, 0.8, 4.0), (0.3, 0.31, 0.33), (0.55, 0.56, 0.58), (0.8, 0.81, 0.82)
        ),
        "red": textures.tint(rng, (0.7, 0.15, 0.12), 0.5),
        "blue": textures.tint(rng, (0.16, 0.3, 0.55), 0.5),
        "yellow": textures.tint(rng, (0.88, 0.68, 0.14), 0.45),
        "brass": textures.tint(rng, (0.74, 0.58, 0.3), 0.5),
        "label": textures.page(rng, (0.9, 0.82, 0.6), 14),
        "plan": textures.page(rng),
        "rag": textures.weave(rng, [(0.6, 0.3, 0.26), (0.75, 0.7, 0.6), (0.3, 0.36, 0.44)], 8),
    }
    for name, picture in pictures.items():
        build.material(name, picture)


def _surroundings(build: Builder) -> None:
    build.place("Floor", box((6, 6, 0.1)), "concrete", (0, 0, -0.1), tile=1.4)
    build.place("Wall", box((6, 0.1, 2.8)), "board", (0, 0.6, 0), tile=0.9)
    build.place("Bench top", box((1.6, 0.8, 0.06), 0.006), "beech", (0, 0.1, TOP - 0.06), tile=0.7)
    legs = [box((0.09, 0.09, TOP - 0.06)).moved((x, y, 0)) for x in (-0.72, 0.72) for y in (-0.22, 0.42)]
    build.place("Bench legs", join_shapes(legs), "beech", tile=0.5)


def _hammer() -> Shape:
    return join_shapes([tube([(0, 0, 0), (0, 0, 0.3)], 0.014), box((0.11, 0.03, 0.035)).moved((0, 0, 0.29))])


def _spanner() -> Shape:
    ring = lathe([(0.012, 0), (0.024, 0), (0.024, 0.008), (0.012, 0.008), (0.012, 0)], 20)
    return join_shapes([ring, box((0.016, 0.16, 0.008)).moved((0, 0.1, 0)), ring.moved((0, 0.2, 0))])


def _gear(radius: float, teeth: int, thick: float) -> Shape:
    wheel = lathe(
        [(0.3 * radius, 0), (radius, 0), (radius, thick), (0.3 * radius, thick), (0.3 * radius, 0)], 36, smooth=False
    )
    tooth = box((0.24 * radius, 0.16 * radius, thick)).moved((1.08 * radius, 0, 0))
    return join_shapes([wheel, *(tooth.moved(turn=2 * math.pi * k / teeth) for k in range(teeth))])


def _tools_on_the_wall(build: Builder) -> None:
    colours = ("red", "blue", "yellow", "steel")
    for k, x in enumerate(np.arange(-0.7, 0.75, 0.17)):
        shape = (_hammer(), tube([(0, 0, 0), (0, 0, 0.12), (0, 0, 0.28)], np.array([0.018, 0.016, 0.004])))[k % 2]
        build.place(f"Hung tool {k}", shape, colours[k % 4], (x, 0.52, 1.3 + 0.03 * (k % 3)), tile=0.08)
    build.place("Plan", sheet((0.4, 0.3)), "plan", (-0.5, 0.548, 1.75), tilt=math.pi / 2)
    build.place("Shelf", box((1.5, 0.16, 0.02)), "beech", (0, 0.46, 1.18), tile=0.5)
    tin = build.mesh("Tin", lathe([(0, 0), (0.036, 0), (0.036, 0.085), (0, 0.085)], 24), "label", 0.1)
    for k, x in enumerate(np.arange(-0.66, 0.7, 0.12)):
        build.instance(f"Tin {k}", tin, (x, 0.46, 1.2), turn=float(k), scale=1 + 0.2 * (k % 3))


def _parts_on_the_bench(build: Builder) -> None:
    rng = build.rng
    vice = [
        box((0.16, 0.2, 0.05)),
        box((0.12, 0.05, 0.12)).moved((0, 0.06, 0.05)),
        box((0.12, 0.05, 0.12)).moved((0, -0.05, 0.05)),
    ]
    vice.append(tube([(0, -0.2, 0.07), (0, 0.1, 0.07)], 0.016))
    build.place("Vice", join_shapes(vice), "blue", (-0.05, 0.12, TOP), turn=0.3, tile=0.12)
    for k, (x, y, radius) in enumerate(
        [(0.2, -0.08, 0.06), (0.3, 0.05, 0.045), (-0.3, -0.1, 0.07), (0.12, -0.2, 0.03)]
    ):
        shape = _gear(radius, 12 + 2 * k, 0.022)
        build.place(f"Gear {k}", shape, ("brass", "steel")[k % 2], (x, y, TOP), turn=float(k), tile=0.07)
    for k in range(6):
        place = (-0.62 + 0.11 * k, rng.uniform(-0.24, -0.16), TOP + 0.002)
        build.place(
            f"Spanner {k}", _spanner(), ("steel", "red")[k % 3 == 0], place, turn=rng.uniform(-0.6, 0.6), tile=0.06
        )
    for k, (x, y) in enumerate([(0.5, 0.2), (0.62, 0.05), (-0.6, 0.25), (-0.46, 0.32)]):
        crate = [box((0.14, 0.1, 0.006)), *(box((0.14, 0.006, 0.07)).moved((0, s * 0.047, 0)) for s in (-1, 1))]
        crate += [box((0.006, 0.1, 0.07)).moved((s * 0.067, 0, 0)) for s in (-1, 1)]
        build.place(
            f"Crate {k}", join_shapes(crate), ("yellow", "red", "blue")[k % 3], (x, y, TOP), turn=0.3 * k, tile=0.12
        )
    nut = build.mesh(
        "Nut", lathe([(0.005, 0), (0.01, 0), (0.01, 0.008), (0.005, 0.008), (0.005, 0)], 6, smooth=False), "steel", 0.03
    )
    for k in range(60):
        place = (rng.uniform(-0.6, 0.6), rng.uniform(-0.25, 0.3), TOP)
        build.instance(f"Nut {k}", nut, place, turn=rng.uniform(0, 6), scale=rng.uniform(0.8, 1.6))
    folds = 0.02 * textures.noise(rng, 64, 1.4)[::4, ::4]
    folds = np.pad(folds, ((0, 1), (0, 1)), mode="edge")
    build.place("Rag", sheet((0.26, 0.2), (16, 16), folds), "rag", (0.42, -0.18, TOP), turn=0.5)
