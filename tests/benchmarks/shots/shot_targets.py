"""Targets that shots are carried into: the four scenes, and four scripted anew in other people's manner."""

import math

import bpy
import numpy as np

from parascale.blender.scenes.parts import Builder, Shape, box, join_shapes, lathe, sheet, sphere, tube
from parascale.blender.scenes.scenes_by_name import BUILDERS, Build, open_scene


def _plain(build: Builder, **colours: tuple[float, float, float]) -> None:
    for name, colour in colours.items():
        build.material(name, np.full((4, 4, 3), colour))


def build_interior(scene: bpy.types.Scene) -> bpy.types.Scene:
    """Furnish a dining room of 7 x 5 m by a table with chairs, seen from a corner, tilted down."""
    build = Builder(scene, np.random.default_rng(1))
    _plain(build, wall=(0.8, 0.78, 0.72), wood=(0.5, 0.32, 0.2), cloth=(0.3, 0.4, 0.5), fruit=(0.8, 0.4, 0.1))
    build.place("Floor", box((7, 5, 0.1)), "wood", (0, 0, -0.1))
    build.place("Ceiling", box((7, 5, 0.1)), "wall", (0, 0, 2.7))
    for name, size, at in (
        ("North", (7, 0.1, 2.7), (0, 2.55, 0)),
        ("South", (7, 0.1, 2.7), (0, -2.55, 0)),
        ("East", (0.1, 5, 2.7), (3.55, 0, 0)),
        ("West", (0.1, 5, 2.7), (-3.55, 0, 0)),
    ):
        build.place(name, box(size), "wall", at)
    legs = [box((0.08, 0.08, 0.72)).moved((x, y, 0)) for x in (-0.8, 0.8) for y in (-0.4, 0.4)]
    build.place("Table", join_shapes([*legs, box((1.9, 1.0, 0.04)).moved((0, 0, 0.72))]), "wood", (0.4, 0.3, 0))
    chair = join_shapes(
        [box((0.45, 0.45, 0.05)).moved((0, 0, 0.43)), box((0.45, 0.05, 0.5)).moved((0, 0.2, 0.48))]
        + [box((0.04, 0.04, 0.43)).moved((x, y, 0)) for x in (-0.2, 0.2) for y in (-0.2, 0.2)]
    )
    mesh = build.mesh("Chair", chair, "cloth")
    for x, y, turn in ((0, 0.95, 0), (0.8, 0.95, 0.1), (0, -0.35, math.pi), (0.8, -0.35, math.pi - 0.2)):
        build.instance("Chair", mesh, (x, y, 0), turn=turn)
    build.place("Bowl", lathe([(0, 0), (0.1, 0), (0.18, 0.09)]), "cloth", (0.4, 0.3, 0.76))
    for index in range(5):
        at = (0.4 + 0.07 * math.cos(index * 1.26), 0.3 + 0.07 * math.sin(index * 1.26), 0.84)
        build.place("Orange", sphere(0.045, 16, 8), "fruit", at)
    build.camera((-1.9, -1.7, 1.65), (0.4, 0.3, 0.85), lens=28.0, clip=(0.1, 100.0))
    return scene


def build_terrain(scene: bpy.types.Scene) -> bpy.types.Scene:
    """Grow a thousand trees on a hilly square kilometre, seen from above a hut, tilted down."""
    rng = np.random.default_rng(2)
    build = Builder(scene, rng)
    _plain(build, grass=(0.3, 0.42, 0.2), leaf=(0.12, 0.28, 0.1), wood=(0.5, 0.35, 0.22))
    side = 64
    x, y = np.meshgrid(np.linspace(-500, 500, side + 1), np.linspace(-500, 500, side + 1))

    def height(px: np.ndarray, py: np.ndarray) -> np.ndarray:
        return 25 * np.sin(px / 130 + 0.5) * np.cos(py / 170) + 6 * np.sin(px / 37) * np.sin(py / 41)

    build.place("Ground", sheet((1000, 1000), (side, side), height(x, y)), "grass")
    tree = join_shapes([lathe([(0, 2), (2.4, 2), (0, 11)], 8), lathe([(0.3, -1), (0.3, 2)], 6)])
    mesh = build.mesh("Tree", tree, "leaf")
    for at in rng.uniform(-480, 480, (1000, 2)):
        if np.hypot(at[0], at[1]) > 25:
            size = float(rng.uniform(0.7, 1.4))
            build.instance("Tree", mesh, (*at, float(height(at[0], at[1])) - 0.3), scale=size)
    ground = float(height(np.array(0.0), np.array(0.0)))
    build.place("Hut", join_shapes([box((8, 6, 4)), box((9, 3, 2)).moved((0, 0, 4))]), "wood", (0, 0, ground - 0.5))
    build.camera((-45.0, -70.0, ground + 38), (0.0, 0.0, ground + 3), lens=30.0, clip=(0.5, 3000.0))
    return scene


def build_product(scene: bpy.types.Scene) -> bpy.types.Scene:
    """Stand a bottle of 24 cm on a sweep of paper in front of nothing else."""
    build = Builder(scene, np.random.default_rng(3))
    _plain(build, paper=(0.9, 0.9, 0.92), glass=(0.2, 0.45, 0.3), label=(0.85, 0.3, 0.2))
    angle = np.linspace(0, math.pi / 2, 12)
    along = np.concatenate([[-1.0, 0.2], 0.4 + 0.4 * np.sin(angle), [0.8]])
    up = np.concatenate([[0.0, 0.0], 0.4 - 0.4 * np.cos(angle), [1.6]])
    rows = np.stack([np.column_stack([np.full(len(along), x), along, up]) for x in (-1.2, 1.2)])
    count = len(along)
    faces = [[i, i + 1, count + i + 1, count + i] for i in range(count - 1)]
    build.place("Sweep", Shape(rows.reshape(-1, 3), faces), "paper")
    profile = [(0, 0), (0.035, 0), (0.037, 0.14), (0.014, 0.18), (0.013, 0.23), (0, 0.24)]
    build.place("Bottle", lathe(profile), "glass")
    build.place("Label", lathe([(0.0375, 0.04), (0.0375, 0.1)]), "label")
    build.camera((0.12, -0.62, 0.22), (0.0, 0.0, 0.12), lens=60.0, clip=(0.01, 20.0))
    return scene


def build_walker(scene: bpy.types.Scene) -> bpy.types.Scene:
    """Let a figure walk along a courtyard with columns, 1.2 m a second."""
    build = Builder(scene, np.random.default_rng(4))
    _plain(build, stone=(0.7, 0.66, 0.6), coat=(0.2, 0.25, 0.45), skin=(0.8, 0.6, 0.5))
    build.place("Court", box((40, 30, 0.2)), "stone", (0, 0, -0.2))
    build.place("Facade", box((40, 0.5, 9)), "stone", (0, 9, 0))
    column = build.mesh("Column", lathe([(0.35, 0), (0.3, 4.2), (0.45, 4.4)], 16), "stone")
    for x in range(-18, 19, 4):
        build.instance("Column", column, (x, 5.0, 0))
    figure = join_shapes([lathe([(0, 0), (0.24, 0.1), (0.28, 1.2), (0.1, 1.5), (0, 1.52)], 16), tube_arms()])
    walker = build.place("Walker", figure, "coat", (-3.0, 1.5, 0))
    head = build.place("Head", sphere(0.13, 16, 8), "skin", (0, 0, 1.66))
    head.parent = walker
    for frame, x in ((1, -3.0), (241, 9.0)):
        walker.location.x = x
        walker.keyframe_insert("location", frame=frame)
    build.camera((-4.5, -5.0, 1.7), (-3.0, 1.5, 1.1), lens=35.0, clip=(0.1, 200.0))
    return scene


def tube_arms() -> Shape:
    """Two arms that hang."""
    return join_shapes([tube(np.array([[x, 0, 1.35], [1.25 * x, 0, 0.75]]), 0.06, 8) for x in (-0.27, 0.27)])


TARGETS: dict[str, Build] = {
    **BUILDERS,
    "interior": build_interior,
    "terrain": build_terrain,
    "product": build_product,
    "walker": build_walker,
}


def open_target(name: str, size: tuple[int, int]) -> bpy.types.Scene:
    """Build a target in place of what is open; its pictures have ``size``, width and height in pixels."""
    scene = open_scene(name, size, TARGETS)
    scene.frame_set(1)
    return scene
