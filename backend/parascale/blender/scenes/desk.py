"""A writing desk, 1.5 m wide, with what stands on one."""

import math

import bpy
import numpy as np

from parascale.blender.scenes import textures
from parascale.blender.scenes.parts import Builder, Shape, box, join_shapes, lathe, sheet, sphere, tube

TOP = 0.74  # height of the desk top

WARM = [(0.85, 0.35, 0.2), (0.95, 0.75, 0.35), (0.2, 0.35, 0.5), (0.9, 0.88, 0.8), (0.35, 0.5, 0.35)]
COOL = [(0.1, 0.2, 0.45), (0.2, 0.55, 0.75), (0.85, 0.9, 0.95), (0.95, 0.6, 0.3), (0.3, 0.15, 0.4)]


def build_desk(scene: bpy.types.Scene, seed: int = 0) -> bpy.types.Scene:
    """Fill a scene with the desk, in metres, and a camera in front of it."""
    build = Builder(scene, np.random.default_rng(seed))
    _materials(build)
    _surroundings(build)
    _furniture(build)
    _screen(build)
    _keyboard(build)
    _books(build)
    _lamp(build)
    _crockery(build)
    _plant(build)
    _papers(build)
    build.backdrop((0.55, 0.6, 0.65))
    build.sun((0.5, 0.6, -0.9))
    build.camera((0.5, -1.0, 1.28), (-0.02, 0.12, 0.84), clip=(0.01, 50.0))
    return scene


def _materials(build: Builder) -> None:
    rng = build.rng
    pictures = {
        "oak": textures.wood(rng, (0.78, 0.58, 0.38), (0.42, 0.26, 0.14)),
        "walnut": textures.wood(rng, (0.5, 0.33, 0.21), (0.22, 0.13, 0.08), planks=1),
        "floor": textures.wood(rng, (0.66, 0.5, 0.36), (0.36, 0.25, 0.17), planks=6),
        "plaster": textures.tint(rng, (0.66, 0.7, 0.68), 0.28, 1.0),
        "steel": textures.tint(rng, (0.5, 0.52, 0.55), 0.4),
        "black": textures.tint(rng, (0.16, 0.16, 0.18), 0.6),
        "white": textures.tint(rng, (0.85, 0.84, 0.82), 0.3),
        "red": textures.tint(rng, (0.72, 0.16, 0.12), 0.4),
        "terracotta": textures.tint(rng, (0.7, 0.38, 0.24), 0.4),
        "leaf": textures.ramp(textures.noise(rng, 512, 0.9, 5), (0.08, 0.2, 0.06), (0.2, 0.45, 0.14), (0.5, 0.68, 0.3)),
        "soil": textures.tint(rng, (0.22, 0.15, 0.1), 0.8, 0.3),
        "coffee": textures.tint(rng, (0.2, 0.11, 0.06), 0.3),
        "glaze": textures.bricks(
            rng, [(0.12, 0.3, 0.5), (0.85, 0.85, 0.8), (0.2, 0.45, 0.62)], (0.92, 0.9, 0.86), 10, 10
        ),
        "screen": textures.patches(rng, COOL, 45),
        "poster": textures.patches(rng, WARM, 70),
        "map": textures.ramp(
            textures.noise(rng, 512, 1.4), (0.15, 0.3, 0.5), (0.35, 0.6, 0.7), (0.75, 0.7, 0.45), (0.4, 0.5, 0.25)
        ),
        "mat": textures.weave(rng, [(0.2, 0.22, 0.3), (0.5, 0.2, 0.2), (0.75, 0.68, 0.55), (0.3, 0.4, 0.4)]),
        "page": textures.page(rng),
        "notes": textures.page(rng, (0.95, 0.85, 0.45), 12),
        "pencil": textures.tint(rng, (0.92, 0.68, 0.12), 0.4),
    }
    for index in range(6):
        pictures[f"cover {index}"] = textures.patches(rng, rng.random((4, 3)) * 0.7 + 0.15, 25)
    for name, picture in pictures.items():
        build.material(name, picture)


def _surroundings(build: Builder) -> None:
    build.place("Wall", box((4.4, 0.1, 2.6)), "plaster", (0, 0.55, 0), tile=1.1)
    build.place("Floor", box((4.4, 3.6, 0.1)), "floor", (0, -1.2, -0.1), tile=1.2)
    build.place("Skirting", box((4.4, 0.02, 0.09), 0.004), "white", (0, 0.49, 0), tile=0.5)
    build.place("Poster", sheet((0.62, 0.46)), "poster", (0.42, 0.494, 1.42), tilt=math.pi / 2)
    build.place("Map", sheet((0.6, 0.42)), "map", (-0.62, 0.494, 1.5), tilt=math.pi / 2)
    for name, x, z, w, h in (("Poster frame", 0.42, 1.42, 0.62, 0.46), ("Map frame", -0.62, 1.5, 0.6, 0.42)):
        bars = [box((w + 0.05, 0.02, 0.025)).moved((0, 0, s * h / 2 - 0.0125)) for s in (-1, 1)]
        bars += [box((0.025, 0.02, h)).moved((s * (w / 2 + 0.0125), 0, -h / 2)) for s in (-1, 1)]
        build.place(name, join_shapes(bars), "walnut", (x, 0.488, z), tile=0.3)


def _furniture(build: Builder) -> None:
    build.place("Desk top", box((1.5, 0.75, 0.032), 0.004), "oak", (0, 0.1, TOP - 0.032), tile=0.8)
    legs = [box((0.05, 0.05, TOP - 0.032)).moved((x, y, 0)) for x in (-0.7, 0.7) for y in (-0.22, 0.42)]
    legs.append(box((1.38, 0.02, 0.3)).moved((0, 0.42, 0.36)))
    build.place("Desk legs", join_shapes(legs), "walnut", tile=0.5)
    drawers = [box((0.36, 0.5, 0.5)).moved((0.45, 0.14, 0.2))]
    drawers += [box((0.34, 0.02, 0.14), 0.004).moved((0.45, -0.12, 0.22 + 0.16 * k)) for k in range(3)]
    build.place("Drawers", join_shapes(drawers), "oak", tile=0.5)
    build.place("Shelf", box((0.9, 0.2, 0.022), 0.003), "walnut", (-0.1, 0.4, TOP + 0.44), tile=0.5)
    brackets = [box((0.02, 0.18, 0.02)).moved((x, 0.4, TOP + 0.42)) for x in (-0.4, 0.2)]
    build.place("Shelf brackets", join_shapes(brackets), "steel", tile=0.2)
    build.place("Desk mat", box((0.72, 0.36, 0.003)), "mat", (-0.1, -0.06, TOP), tile=0.36)


def _screen(build: Builder) -> None:
    build.place("Monitor", box((0.56, 0.035, 0.34), 0.008), "black", (-0.12, 0.26, TOP + 0.07), tile=0.3)
    build.place("Picture", sheet((0.53, 0.3)), "screen", (-0.12, 0.2418, TOP + 0.245), tilt=math.pi / 2)
    foot = [box((0.05, 0.02, 0.16)).moved((0, 0.03, 0)), box((0.24, 0.16, 0.012), 0.004)]
    build.place("Monitor foot", join_shapes(foot), "steel", (-0.12, 0.28, TOP), tile=0.25)


def _keyboard(build: Builder) -> None:
    build.place("Keyboard", box((0.36, 0.13, 0.014), 0.004), "black", (-0.12, -0.03, TOP + 0.003), tile=0.2)
    keys = []
    for row in range(5):
        x = -0.165
        while x < 0.15:
            space = row == 0 and abs(x + 0.03) < 0.012
            width = 0.1 if space else 0.0205
            keys.append(box((width - 0.0035, 0.019, 0.008), 0.002).moved((x + width / 2, -0.046 + 0.0225 * row, 0)))
            x += width
    build.place("Keys", join_shapes(keys), "white", (-0.12, -0.03, TOP + 0.016), tile=0.07)
    profile = [(0, 0.034), (0.015, 0.033), (0.026, 0.024), (0.031, 0.01), (0.031, 0)]
    mouse = lathe(profile, 24)
    mouse.vertices[:, 1] *= 1.7
    build.place("Mouse", mouse, "steel", (0.16, -0.05, TOP + 0.003), turn=0.15, tile=0.08)
    cable = [(0.16, 0, 0.008), (0.165, 0.09, 0.006), (0.13, 0.18, 0.005), (0.06, 0.24, 0.005), (0, 0.3, 0.005)]
    build.place("Mouse cable", tube(cable, 0.003, 8), "black", (0, 0, TOP), tile=0.05)


def _book(size: tuple[float, float, float]) -> tuple[Shape, Shape]:
    w, d, t = size
    boards = [box((w, d, 0.004)), box((w, d, 0.004)).moved((0, 0, t - 0.004)), box((0.004, d, t)).moved((-w / 2, 0, 0))]
    return join_shapes(boards), box((w - 0.008, d - 0.01, t - 0.008)).moved((0, 0, 0.004))


def _books(build: Builder) -> None:
    rng = build.rng
    height = TOP
    for k, size in enumerate([(0.17, 0.24, 0.034), (0.16, 0.23, 0.026), (0.15, 0.21, 0.04), (0.13, 0.2, 0.022)]):
        cover, leaves = _book(size)
        turn = math.pi + rng.uniform(-0.4, 0.4)
        build.place(f"Book {k}", cover, f"cover {k}", (0.56, 0.0, height), turn=turn, tile=0.2)
        build.place(f"Book {k} pages", leaves, "page", (0.56, 0.0, height), turn=turn, tile=0.11)
        height += size[2]
    x = -0.52
    for k in range(14):
        w, d, t = rng.uniform(0.18, 0.24), rng.uniform(0.13, 0.16), rng.uniform(0.016, 0.045)
        # Upright: the spine, which is at -x when the book lies, comes to the front.
        spine = box((t, d, w), 0.002)
        build.place(
            f"Shelf book {k}", spine, f"cover {k % 6}", (x + t / 2, 0.4, TOP + 0.462), tile=rng.uniform(0.12, 0.24)
        )
        x += t + 0.0015
    globe = sphere(0.075, 40, 20)
    build.place("Globe", globe, "map", (0.22, 0.4, TOP + 0.57), tilt=0.4)
    stand = lathe([(0, 0), (0.05, 0), (0.05, 0.012), (0.012, 0.02), (0.01, 0.036), (0, 0.036)], 24)
    build.place("Globe stand", stand, "walnut", (0.22, 0.4, TOP + 0.462), tile=0.1)


def _lamp(build: Builder) -> None:
    base = lathe([(0, 0), (0.085, 0), (0.088, 0.012), (0.075, 0.022), (0.015, 0.03), (0, 0.03)], 40)
    build.place("Lamp base", base, "red", (-0.6, 0.2, TOP), tile=0.15)
    elbow, head = (-0.66, 0.24, TOP + 0.36), (-0.4, 0.06, TOP + 0.5)
    arms = [tube([(-0.6, 0.2, TOP + 0.02), elbow], 0.008), tube([elbow, head], 0.008)]
    arms.append(lathe([(0, -0.012), (0.016, -0.012), (0.016, 0.012), (0, 0.012)], 16).moved(elbow))
    build.place("Lamp arms", join_shapes(arms), "steel", tile=0.12)
    shade = lathe(
        [(0.02, 0.1), (0.028, 0.1), (0.035, 0.07), (0.085, -0.03), (0.083, -0.03), (0.033, 0.066), (0.02, 0.07)]
    )
    build.place("Lamp shade", shade, "red", head, tilt=-0.35, tile=0.15)
    build.place("Bulb", sphere(0.026, 16, 10), "white", (head[0], head[1] - 0.004, head[2] + 0.0), tile=0.1)


def _crockery(build: Builder) -> None:
    cup = [(0, 0.004), (0.036, 0.004), (0.04, 0.01), (0.041, 0.095), (0.038, 0.095), (0.036, 0.012), (0, 0.01)]
    angle = np.linspace(-1.25, 1.25, 14)
    handle = np.stack([0.038 + 0.03 * np.cos(angle), 0 * angle, 0.05 + 0.03 * np.sin(angle)], axis=1)
    mug = join_shapes([lathe(cup, 40), tube(handle, 0.006)])
    build.place("Mug", mug, "glaze", (0.33, -0.1, TOP + 0.004), turn=-0.5, tile=0.09)
    build.place("Coffee", lathe([(0, 0.08), (0.038, 0.08)], 32), "coffee", (0.33, -0.1, TOP), tile=0.06)
    build.place("Coaster", lathe([(0, 0), (0.05, 0), (0.05, 0.004), (0, 0.004)]), "walnut", (0.33, -0.1, TOP), tile=0.1)
    pot = lathe([(0, 0), (0.038, 0), (0.038, 0.1), (0.035, 0.1), (0.035, 0.006), (0, 0.006)])
    build.place("Pencil pot", pot, "cover 2", (0.3, 0.27, TOP), tile=0.1)
    for k in range(9):
        lean, around, length = build.rng.uniform(0.1, 0.3), k * 2.4, build.rng.uniform(0.15, 0.19)
        foot = np.array([0.3, 0.27, TOP + 0.008]) - 0.012 * np.array([math.cos(around), math.sin(around), 0])
        tip = foot + length * np.array([lean * math.cos(around), lean * math.sin(around), 1])
        pencil = tube([foot, foot + 0.92 * (tip - foot), tip], np.array([0.004, 0.004, 0.001]), 6)
        build.place(f"Pencil {k}", pencil, ("pencil", "red", "cover 1", "leaf")[k % 4], tile=0.04)


def _leaf(rng: np.random.Generator, length: float, width: float) -> Shape:
    s = np.linspace(0, 1, 9)
    across = np.linspace(-1, 1, 5)
    half = width * np.sin(np.pi * np.clip(s, 0.02, 0.98)) ** 0.8
    rise = length * (0.75 * s - rng.uniform(0.35, 0.7) * s**2)
    heights = rise[:, None] + 0.25 * half[:, None] * np.abs(across)
    grid = sheet((1, 1), (4, 8), heights)
    grid.vertices[:, 0] = (half[:, None] * across).ravel()
    grid.vertices[:, 1] = np.repeat(0.8 * length * s, 5)
    return grid


def _plant(build: Builder) -> None:
    where = np.array([0.58, 0.33, TOP])
    pot = lathe([(0, 0), (0.055, 0), (0.075, 0.11), (0.082, 0.11), (0.082, 0.13), (0.07, 0.13), (0.066, 0.1), (0, 0.1)])
    build.place("Plant pot", pot, "terracotta", where, tile=0.16)
    build.place("Soil", lathe([(0, 0.112), (0.07, 0.11)]), "soil", where, tile=0.08)
    for k in range(34):
        length = build.rng.uniform(0.12, 0.24)
        lift = where + np.array([0, 0, 0.11 + 0.004 * k * build.rng.random()])
        leaf = _leaf(build.rng, length, length * 0.16)
        build.place(f"Leaf {k}", leaf, "leaf", lift, turn=k * 2.399, tilt=build.rng.uniform(-0.1, 0.75))


def _papers(build: Builder) -> None:
    rng = build.rng
    for k in range(4):
        where = (-0.52 + 0.025 * k, -0.1 + rng.uniform(-0.03, 0.03), TOP + 0.0006 * (k + 1))
        build.place(f"Sheet {k}", sheet((0.21, 0.297)), "page", where, turn=0.3 + rng.uniform(-0.3, 0.3))
    build.place("Notepad", box((0.105, 0.148, 0.012), 0.001), "notes", (0.29, -0.2, TOP), turn=-0.25, tile=0.15)
    pencil = tube([(0, 0, 0), (0.15, 0, 0), (0.17, 0, 0)], np.array([0.004, 0.004, 0.001]), 6)
    build.place("Pencil", pencil, "pencil", (0.22, -0.19, TOP + 0.016), turn=0.3, tile=0.04)
    for k in range(5):
        where = (-0.355 + 0.0, 0.2405, TOP + 0.14 + 0.055 * k) if k < 3 else (0.02 + 0.06 * k, 0.492, TOP + 0.28)
        build.place(f"Note {k}", sheet((0.05, 0.05)), "notes", where, tilt=math.pi / 2 + 0.05)
    ball = sphere(0.032, 20, 12)
    ball.vertices = ball.vertices * rng.uniform(0.78, 1.1, (len(ball.vertices), 1))
    ball.smooth = False
    build.place("Crumpled paper", ball, "page", (-0.33, -0.2, TOP + 0.03))
    build.place("Phone", box((0.072, 0.148, 0.008), 0.003), "black", (0.1, -0.2, TOP + 0.002), turn=0.35, tile=0.15)
    build.place("Phone screen", sheet((0.064, 0.136)), "screen", (0.1, -0.2, TOP + 0.0105), turn=0.35)
