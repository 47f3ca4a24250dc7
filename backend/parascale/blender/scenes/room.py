"""A furnished living room of 5 x 4 m under a ceiling of 2.6 m."""

import math

import bpy
import numpy as np
from numpy.typing import ArrayLike

from parascale.blender.scenes import textures
from parascale.blender.scenes.parts import Builder, box, join_shapes, lathe, sheet, sphere, tube

WIDTH, DEPTH, HEIGHT = 5.0, 4.0, 2.6

WARM = [(0.75, 0.3, 0.22), (0.92, 0.78, 0.5), (0.25, 0.4, 0.45), (0.88, 0.86, 0.8), (0.5, 0.22, 0.3)]
RUG = [(0.55, 0.16, 0.14), (0.16, 0.2, 0.36), (0.82, 0.72, 0.52), (0.35, 0.3, 0.2)]


def build_room(scene: bpy.types.Scene, seed: int = 0) -> bpy.types.Scene:
    """Fill a scene with the room, in metres, and a camera at its near wall, at the height of the eyes."""
    build = Builder(scene, np.random.default_rng(seed))
    _materials(build)
    _shell(build)
    _sofa(build)
    _tables(build)
    _shelves(build)
    _window(build)
    _armchair(build)
    _small_things(build)
    build.backdrop((0.6, 0.7, 0.8))
    build.sun((-0.5, 0.4, -0.7))
    build.camera((1.3, -1.2, 1.5), (-0.4, 1.1, 0.78), lens=24.0, clip=(0.02, 60.0), focus=2.2)
    return scene


def _materials(build: Builder) -> None:
    rng = build.rng
    paper = textures.bricks(rng, [(0.62, 0.66, 0.6), (0.66, 0.68, 0.6), (0.58, 0.63, 0.6)], (0.74, 0.74, 0.66), 12, 12)
    pictures = {
        "parquet": textures.wood(rng, (0.72, 0.52, 0.34), (0.38, 0.24, 0.14), planks=8),
        "wallpaper": 0.5 * paper + 0.5 * textures.tint(rng, (0.68, 0.7, 0.64), 0.3, 1.1),
        "ceiling": textures.tint(rng, (0.86, 0.85, 0.82), 0.2, 0.9),
        "oak": textures.wood(rng, (0.74, 0.55, 0.36), (0.45, 0.29, 0.17), planks=2),
        "walnut": textures.wood(rng, (0.46, 0.3, 0.2), (0.2, 0.12, 0.07), planks=1),
        "cloth": textures.weave(rng, [(0.3, 0.42, 0.46), (0.34, 0.47, 0.5), (0.25, 0.36, 0.42)], 16),
        "tweed": textures.weave(rng, [(0.62, 0.46, 0.26), (0.7, 0.55, 0.34), (0.5, 0.34, 0.2)], 16),
        "cushion": textures.weave(rng, WARM, 8),
        "curtain": textures.weave(rng, [(0.66, 0.35, 0.3), (0.75, 0.62, 0.48), (0.6, 0.28, 0.26)], 8),
        "rug": textures.weave(rng, RUG, 4),
        "white": textures.tint(rng, (0.84, 0.82, 0.78), 0.25),
        "black": textures.tint(rng, (0.14, 0.14, 0.16), 0.6),
        "brass": textures.tint(rng, (0.72, 0.56, 0.3), 0.4),
        "leaf": textures.ramp(
            textures.noise(rng, 512, 0.9, 5), (0.08, 0.2, 0.06), (0.25, 0.48, 0.16), (0.5, 0.66, 0.3)
        ),
        "pot": textures.bricks(rng, [(0.8, 0.8, 0.76), (0.3, 0.42, 0.6)], (0.9, 0.88, 0.84), 8, 8),
        "magazine": textures.page(rng),
        "television": textures.patches(
            rng, [(0.05, 0.08, 0.2), (0.2, 0.5, 0.6), (0.85, 0.5, 0.2), (0.9, 0.9, 0.8)], 50
        ),
        "garden": textures.ramp(
            textures.noise(rng, 512, 1.2), (0.1, 0.25, 0.08), (0.35, 0.55, 0.25), (0.7, 0.8, 0.6), (0.75, 0.87, 0.97)
        ),
    }
    for index in range(6):
        pictures[f"cover {index}"] = textures.patches(rng, rng.random((4, 3)) * 0.7 + 0.15, 25)
    for index in range(3):
        pictures[f"painting {index}"] = textures.patches(rng, [WARM[(index + k) % 5] for k in range(4)], 40)
    for name, picture in pictures.items():
        build.material(name, picture)


def _shell(build: Builder) -> None:
    w, d, h = WIDTH, DEPTH, HEIGHT
    build.place("Floor", box((w, d, 0.1)), "parquet", (0, 0, -0.1), tile=1.5)
    build.place("Ceiling", box((w, d, 0.1)), "ceiling", (0, 0, h), tile=1.5)
    build.place("Far wall", box((w, 0.1, h)), "wallpaper", (0, d / 2 + 0.05, 0), tile=1.3)
    build.place("Right wall", box((0.1, d, h)), "wallpaper", (w / 2 + 0.05, 0, 0), tile=1.3)
    # The left wall has the window in it.
    panels = [
        box((0.1, 1.1, h)).moved((0, -1.45, 0)),
        box((0.1, 1.1, h)).moved((0, 1.45, 0)),
        box((0.1, 1.8, 0.9)),
        box((0.1, 1.8, 0.4)).moved((0, 0, h - 0.4)),
    ]
    build.place("Left wall", join_shapes(panels), "wallpaper", (-w / 2 - 0.05, 0, 0), tile=1.3)
    build.place("Near wall", box((w, 0.1, h)), "wallpaper", (0, -d / 2 - 0.05, 0), tile=1.3)
    skirting = [box((w, 0.02, 0.1)).moved((0, d / 2 - 0.01, 0)), box((0.02, d, 0.1)).moved((w / 2 - 0.01, 0, 0))]
    build.place("Skirting", join_shapes(skirting), "white", tile=0.6)
    build.place("Rug", box((2.5, 1.7, 0.012)), "rug", (-0.35, 0.35, 0), tile=1.25)


def _sofa(build: Builder) -> None:
    parts = [
        box((2.0, 0.9, 0.2), 0.04).moved((0, 0, 0.12)),
        box((2.0, 0.22, 0.55), 0.08).moved((0, 0.34, 0.28)),
        box((0.2, 0.9, 0.38), 0.07).moved((-0.98, 0, 0.2)),
        box((0.2, 0.9, 0.38), 0.07).moved((0.98, 0, 0.2)),
    ]
    parts += [box((0.86, 0.66, 0.16), 0.05).moved((x, -0.1, 0.3)) for x in (-0.44, 0.44)]
    build.place("Sofa", join_shapes(parts), "cloth", (-0.5, 1.5, 0), tile=0.5)
    feet = [box((0.06, 0.06, 0.12)).moved((x, y, 0)) for x in (-0.9, 0.9) for y in (-0.35, 0.35)]
    build.place("Sofa feet", join_shapes(feet), "walnut", (-0.5, 1.5, 0), tile=0.2)
    for k, (x, turn) in enumerate([(-1.15, 0.3), (-0.72, -0.2), (0.2, 0.15)]):
        material = ("cushion", "tweed", "cushion")[k]
        build.place(
            f"Cushion {k}", box((0.42, 0.14, 0.42), 0.06), material, (x, 1.52, 0.46), turn=turn, tilt=-0.3, tile=0.4
        )


def _tables(build: Builder) -> None:
    legs = [box((0.05, 0.05, 0.36)).moved((x, y, 0)) for x in (-0.5, 0.5) for y in (-0.24, 0.24)]
    table = [box((1.15, 0.6, 0.04), 0.008).moved((0, 0, 0.36)), box((1.0, 0.5, 0.02)).moved((0, 0, 0.14)), *legs]
    build.place("Coffee table", join_shapes(table), "oak", (-0.45, 0.35, 0), tile=0.7)
    for k in range(3):
        where = (-0.75 + 0.06 * k, 0.36 + 0.05 * k, 0.4 + 0.008 * k)
        cover = ("magazine", "cover 1", "magazine")[k]
        build.place(f"Magazine {k}", box((0.21, 0.29, 0.008)), cover, where, turn=0.4 * k, tile=0.3)
    bowl = lathe([(0, 0.01), (0.05, 0.01), (0.13, 0.07), (0.135, 0.07), (0.06, 0), (0, 0)], 40)
    build.place("Bowl", bowl, "pot", (-0.2, 0.38, 0.4), tile=0.15)
    for k in range(5):
        around = 2 * math.pi * k / 5
        where = (-0.2 + 0.06 * math.cos(around), 0.38 + 0.06 * math.sin(around), 0.46)
        build.place(f"Fruit {k}", sphere(0.038, 20, 12), ("cushion", "brass", "leaf")[k % 3], where)
    round_table = [lathe([(0, 0.5), (0.24, 0.5), (0.24, 0.525), (0, 0.525)], 40), lathe([(0.02, 0), (0.02, 0.5)], 16)]
    round_table.append(lathe([(0, 0), (0.16, 0), (0.16, 0.02), (0, 0.02)], 40))
    build.place("Side table", join_shapes(round_table), "walnut", (0.95, 1.6, 0), tile=0.4)
    _lamp(build, (0.95, 1.6, 0.525), 0.32, 0.16)
    _lamp(build, (-1.95, 1.6, 0), 1.35, 0.24)


def _lamp(build: Builder, where: ArrayLike, height: float, radius: float) -> None:
    foot = lathe([(0, 0), (0.6 * radius, 0), (0.55 * radius, 0.02), (0.012, 0.04), (0.012, height), (0, height)], 32)
    build.place("Lamp foot", foot, "brass", where, tile=0.3)
    lift = np.asarray(where) + np.array([0, 0, height])
    shade = lathe([(0.75 * radius, 1.3 * radius), (radius, 0), (0.98 * radius, 0), (0.73 * radius, 1.3 * radius)], 40)
    build.place("Lamp shade", shade, "curtain", lift, tile=0.3)


def _shelves(build: Builder) -> None:
    rng = build.rng
    place = np.array([2.28, 0.6, 0.0])
    boards = [box((0.36, 1.7, 0.025)).moved((0, 0, z)) for z in (0.06, 0.44, 0.82, 1.2, 1.58, 1.96)]
    boards += [box((0.36, 0.03, 2.0)).moved((0, y, 0)) for y in (-0.85, 0, 0.85)]
    boards.append(box((0.02, 1.7, 2.0)).moved((0.17, 0, 0)))
    build.place("Shelves", join_shapes(boards), "oak", place, tile=0.8)
    volumes = [build.mesh("Volume", box((0.2, 0.03, 0.26), 0.002), f"cover {k}", 0.21) for k in range(6)]
    for shelf in range(5):
        for side in (-0.83, 0.02):
            y = side
            while y < side + rng.uniform(0.45, 0.78):
                scale = rng.uniform(0.7, 1.2)
                where = place + np.array([rng.uniform(-0.07, -0.02), y + 0.015 * scale, 0.085 + 0.38 * shelf])
                build.instance("Volume", volumes[int(rng.integers(6))], where, scale=scale)
                y += 0.032 * scale
    for k, z in enumerate((0.465, 1.225, 1.605)):
        vase = lathe([(0, 0), (0.05, 0), (0.08, 0.09), (0.03, 0.17), (0.04, 0.2), (0.03, 0.2)], 32)
        build.place(f"Vase {k}", vase, ("pot", "brass", "cushion")[k], place + np.array([-0.05, 0.76, z]), tile=0.15)


def _window(build: Builder) -> None:
    x = -WIDTH / 2
    build.place("Garden", sheet((5.0, 3.4)), "garden", (x - 1.6, 0, 1.2), turn=math.pi / 2, tilt=math.pi / 2)
    frame = [box((0.06, 1.8, 0.06)).moved((0, 0, z)) for z in (0.9, 1.5, 2.14)]
    frame += [box((0.06, 0.06, 1.3)).moved((0, y, 0.9)) for y in (-0.87, 0, 0.87)]
    frame.append(box((0.24, 1.9, 0.03)).moved((0.08, 0, 0.88)))
    build.place("Window", join_shapes(frame), "white", (x - 0.03, 0, 0), tile=0.4)
    s = np.linspace(0, 1, 61)
    folds = np.tile(0.05 * np.sin(2 * np.pi * 6 * s) + 0.012 * np.sin(2 * np.pi * 17 * s), (9, 1))
    for k, y in enumerate((-1.1, 1.1)):
        curtain = sheet((0.6, 2.3), (60, 8), folds)
        build.place(f"Curtain {k}", curtain, "curtain", (x + 0.13, y, 1.25), turn=math.pi / 2, tilt=math.pi / 2)
    build.place("Curtain rail", tube([(x + 0.13, -1.5, 2.42), (x + 0.13, 1.5, 2.42)], 0.015), "brass", tile=0.2)
    build.place("Radiator", join_shapes([box((0.08, 0.06, 0.55)).moved((0, 0.08 * k, 0)) for k in range(-7, 8)]),
                "white", (x + 0.1, 0, 0.15), tile=0.3)  # fmt: skip


def _armchair(build: Builder) -> None:
    parts = [
        box((0.8, 0.75, 0.2), 0.05).moved((0, 0, 0.14)),
        box((0.8, 0.18, 0.65), 0.07).moved((0, 0.32, 0.25)),
        box((0.16, 0.75, 0.36), 0.06).moved((-0.36, 0, 0.22)),
        box((0.16, 0.75, 0.36), 0.06).moved((0.36, 0, 0.22)),
        box((0.56, 0.58, 0.14), 0.05).moved((0, -0.06, 0.32)),
    ]
    build.place("Armchair", join_shapes(parts), "tweed", (-1.75, -0.15, 0), turn=1.15, tile=0.4)


def _small_things(build: Builder) -> None:
    for k, (x, z, w, h) in enumerate([(-1.1, 1.65, 0.8, 0.6), (-0.25, 1.7, 0.5, 0.7), (0.5, 1.6, 0.6, 0.5)]):
        build.place(f"Frame {k}", box((w + 0.08, 0.03, h + 0.08)), "walnut", (x, 1.98, z - h / 2 - 0.04), tile=0.4)
        build.place(f"Painting {k}", sheet((w, h)), f"painting {k}", (x, 1.963, z), tilt=math.pi / 2)
    build.place("Sideboard", box((0.42, 1.3, 0.5), 0.01), "walnut", (2.25, -1.05, 0), tile=0.6)
    build.place("Television", box((0.05, 1.1, 0.64), 0.01), "black", (2.35, -1.05, 0.56), tile=0.4)
    build.place("Picture", sheet((1.04, 0.58)), "television", (2.322, -1.05, 0.88), turn=-math.pi / 2, tilt=math.pi / 2)
    where = np.array([1.55, 1.6, 0.0])
    pot = lathe([(0, 0), (0.13, 0), (0.17, 0.3), (0.15, 0.3), (0.14, 0.25), (0, 0.25)], 32)
    build.place("Plant pot", pot, "pot", where, tile=0.3)
    s = np.linspace(0, 1, 9)
    for k in range(26):
        length, rise = build.rng.uniform(0.5, 0.95), build.rng.uniform(0.9, 1.5)
        half = 0.05 * np.sin(np.pi * np.clip(s, 0.03, 0.97))
        leaf = sheet((1, 1), (2, 8), np.repeat((length * (rise * s - 0.75 * s**2))[:, None], 3, axis=1))
        leaf.vertices[:, 0] = (half[:, None] * [-1, 0, 1]).ravel()
        leaf.vertices[:, 1] = np.repeat(0.6 * length * s, 3)
        build.place(f"Leaf {k}", leaf, "leaf", where + np.array([0, 0, 0.25]), turn=k * 2.399)
