"""A street of 200 m between terraced houses, with cars, trees and lamps."""

import math

import bpy
import numpy as np

from parascale.blender.scenes import textures
from parascale.blender.scenes.parts import Builder, Shape, box, join_shapes, lathe, sphere, tube

LENGTH = 200.0
KERB = 4.2  # half the carriageway
FRONT = 8.0  # where the houses begin

BRICKS = [(0.55, 0.27, 0.2), (0.62, 0.33, 0.24), (0.48, 0.24, 0.2), (0.66, 0.4, 0.3)]
STONES = [(0.7, 0.64, 0.52), (0.62, 0.57, 0.48), (0.75, 0.7, 0.6)]
PAINTS = [(0.82, 0.74, 0.55), (0.6, 0.7, 0.72), (0.8, 0.62, 0.55), (0.85, 0.83, 0.76), (0.62, 0.7, 0.55)]


def build_street(scene: bpy.types.Scene, seed: int = 0) -> bpy.types.Scene:
    """Fill a scene with the street along y, in metres, and a camera on the pavement."""
    build = Builder(scene, np.random.default_rng(seed))
    _materials(build)
    _ground(build)
    _houses(build)
    _cars(build)
    _trees(build)
    _lamps(build)
    build.backdrop((0.55, 0.7, 0.88))
    build.sun((-0.4, 0.5, -0.8))
    build.camera((3.2, 2.0, 2.4), (-0.6, 26.0, 2.9), lens=28.0, clip=(0.1, 500.0), focus=9.0)
    return scene


def _materials(build: Builder) -> None:
    rng = build.rng
    pictures = {
        "asphalt": textures.tint(rng, (0.3, 0.3, 0.31), 0.7, 0.6),
        "paving": textures.bricks(
            rng, [(0.56, 0.54, 0.5), (0.62, 0.6, 0.56), (0.5, 0.48, 0.46)], (0.34, 0.33, 0.31), 8, 8
        ),
        "kerb": textures.tint(rng, (0.6, 0.59, 0.56), 0.5),
        "paint": textures.tint(rng, (0.88, 0.88, 0.85), 0.3),
        "slate": textures.bricks(
            rng, [(0.28, 0.3, 0.34), (0.33, 0.34, 0.38), (0.24, 0.25, 0.3)], (0.14, 0.14, 0.16), 16, 8
        ),
        "tiles": textures.bricks(
            rng, [(0.6, 0.3, 0.2), (0.68, 0.36, 0.25), (0.5, 0.24, 0.17)], (0.28, 0.14, 0.1), 16, 8
        ),
        "glass": textures.ramp(textures.noise(rng, 512, 1.4), (0.1, 0.13, 0.18), (0.3, 0.38, 0.46), (0.7, 0.78, 0.84)),
        "frame": textures.tint(rng, (0.9, 0.89, 0.85), 0.2),
        "bark": textures.ramp(textures.noise(rng, 512, 0.7, 0.2), (0.14, 0.1, 0.07), (0.4, 0.31, 0.23)),
        "foliage": textures.ramp(
            textures.noise(rng, 512, 0.6), (0.05, 0.13, 0.03), (0.2, 0.38, 0.1), (0.5, 0.62, 0.25)
        ),
        "iron": textures.tint(rng, (0.14, 0.17, 0.16), 0.6),
        "rubber": textures.tint(rng, (0.09, 0.09, 0.1), 0.6),
        "lamp": textures.tint(rng, (0.95, 0.92, 0.78), 0.15),
        "wall 0": textures.bricks(rng, BRICKS, (0.7, 0.66, 0.6), 24, 8),
        "wall 1": textures.bricks(rng, STONES, (0.5, 0.47, 0.42), 10, 6),
    }
    for k, colour in enumerate(PAINTS):
        pictures[f"wall {k + 2}"] = textures.tint(rng, colour, 0.35, 1.0)
    for k, colour in enumerate(
        [(0.6, 0.1, 0.1), (0.1, 0.25, 0.5), (0.75, 0.76, 0.78), (0.12, 0.3, 0.2), (0.85, 0.65, 0.15)]
    ):
        pictures[f"body {k}"] = textures.tint(rng, colour, 0.3, 1.1)
        pictures[f"sign {k}"] = textures.patches(rng, [colour, *PAINTS[:3]], 30)
    for name, picture in pictures.items():
        build.material(name, picture)


def _ground(build: Builder) -> None:
    middle = LENGTH / 2 - 10
    build.place("Road", box((2 * KERB, LENGTH, 0.1)), "asphalt", (0, middle, -0.1), tile=5.0)
    for side in (-1, 1):
        x = side * (KERB + FRONT) / 2
        build.place(
            "Pavement", box((FRONT - KERB - 0.15, LENGTH, 0.2)), "paving", (x + side * 0.07, middle, -0.06), tile=2.4
        )
        build.place("Kerb", box((0.15, LENGTH, 0.22)), "kerb", (side * (KERB + 0.07), middle, -0.06), tile=1.5)
    dashes = [box((0.12, 2.0, 0.012)).moved((0, y, 0)) for y in np.arange(-8, LENGTH - 12, 5.0)]
    stripes = [box((0.5, 3.0, 0.012)).moved((x, 34, 0)) for x in np.arange(-3.6, 3.7, 1.0)]
    build.place("Markings", join_shapes(dashes + stripes), "paint", tile=1.0)
    hill = box((90, 6, 22)).moved((0, LENGTH - 6, -1))
    build.place("End of the street", hill, "wall 1", tile=6.0)
    covers = [
        lathe([(0, 0.012), (0.32, 0.012), (0.32, 0)], 24).moved((x, y, 0))
        for x, y in ((-1.6, 9), (1.4, 21), (-1.2, 45))
    ]
    build.place("Covers", join_shapes(covers), "iron", tile=0.4)


def _windows(
    width: float, storeys: int, storey: float, shop: bool, rng: np.random.Generator
) -> tuple[list[Shape], ...]:
    """Panes, frames and doors of a front in the x-z plane that looks along -y."""
    panes, frames, doors = [], [], []
    columns = max(2, round(width / 2.3))
    pitch = width / columns
    w, h = rng.uniform(0.9, 1.15), rng.uniform(1.3, 1.7)
    door = int(rng.integers(columns))
    for floor in range(storeys):
        for column in range(columns):
            x, z = (column + 0.5) * pitch - width / 2, floor * storey + 0.95
            if floor == 0 and column == door:
                doors.append(box((1.0, 0.1, 2.2)).moved((x, -0.02, 0.06)))
                frames.append(box((1.3, 0.3, 0.06)).moved((x, -0.12, 0)))
                continue
            wide, tall, low = (pitch * 0.86, 2.0, 0.45) if floor == 0 and shop else (w, h, z)
            panes.append(box((wide, 0.06, tall)).moved((x, -0.02, low)))
            frames.append(box((wide + 0.2, 0.2, 0.1)).moved((x, -0.08, low - 0.1)))
            frames.append(box((wide + 0.16, 0.14, 0.14)).moved((x, -0.05, low + tall)))
            frames.append(box((0.06, 0.1, tall)).moved((x, -0.04, low)))
            frames.append(box((wide, 0.1, 0.05)).moved((x, -0.04, low + tall * 0.55)))
    return panes, frames, doors


def _roof(width: float, depth: float, rise: float) -> Shape:
    w, d = width / 2, depth / 2 + 0.35
    vertices = np.array([(-w, -d, 0), (w, -d, 0), (w, d, 0), (-w, d, 0), (-w, 0, rise), (w, 0, rise)], np.float64)
    return Shape(vertices, [[0, 1, 5, 4], [2, 3, 4, 5], [0, 4, 3], [1, 2, 5], [0, 3, 2, 1]])


def _houses(build: Builder) -> None:
    rng = build.rng
    for side in (-1, 1):
        y = -10.0
        while y < LENGTH - 18:
            width = float(rng.uniform(6.0, 11.0))
            _house(build, side, y + width / 2, width)
            y += width + (float(rng.uniform(2.5, 4.0)) if rng.random() < 0.15 else 0.0)


def _house(build: Builder, side: int, y: float, width: float) -> None:
    rng = build.rng
    storeys, storey, depth = int(rng.integers(2, 5)), float(rng.uniform(2.8, 3.3)), 9.0
    height, shop = storeys * storey + 0.3, rng.random() < 0.35
    turn = -side * math.pi / 2
    front, middle = side * (FRONT + float(rng.uniform(0, 0.5))), side * depth / 2
    body = box((width - 0.02, depth, height))
    build.place("House", body, f"wall {rng.integers(7)}", (front + middle, y, 0), turn=turn, tile=3.0)
    roof, cover = _roof(width, depth, float(rng.uniform(1.8, 3.2))), ("slate", "tiles")[int(rng.integers(2))]
    build.place("Roof", roof, cover, (front + middle, y, height), turn=turn, tile=2.5)
    panes, frames, doors = _windows(width, storeys, storey, shop, rng)
    frames.append(box((width, 0.3, 0.22)).moved((0, -0.1, height - 0.22)))
    build.place("Panes", join_shapes(panes), "glass", (front, y, 0), turn=turn, tile=3.0)
    build.place("Frames", join_shapes(frames), "frame", (front, y, 0), turn=turn, tile=0.8)
    build.place("Doors", join_shapes(doors), f"body {rng.integers(5)}", (front, y, 0), turn=turn, tile=1.2)
    if shop:
        sign = box((width * 0.9, 0.12, 0.6)).moved((0, -0.1, 2.55))
        build.place("Sign", sign, f"sign {rng.integers(5)}", (front, y, 0), turn=turn, tile=2.2)
    for _ in range(int(rng.integers(1, 3))):
        x, along = front + middle + float(rng.uniform(-1, 1)), y + float(rng.uniform(-0.4, 0.4)) * width
        build.place("Chimney", box((0.6, 0.8, 2.2)), "wall 0", (x, along, height + 1.0), tile=3.0)


def _car_body() -> Shape:
    outline = [(-2.1, 0.3), (-2.12, 0.75), (-1.95, 0.92), (-1.25, 0.98), (-0.55, 1.42)]
    outline += [(0.75, 1.45), (1.55, 1.0), (2.1, 0.9), (2.15, 0.3)]
    points = np.array(outline)
    inset = np.where(points[:, 1] > 1.2, 0.6, 0.84)
    left = np.column_stack([-inset, points])
    right = np.column_stack([inset, points])
    n = len(outline)
    faces = [[i, (i + 1) % n, n + (i + 1) % n, n + i] for i in range(n)]
    return Shape(np.concatenate([left, right]), [*faces, list(range(n))[::-1], list(range(n, 2 * n))])


def _cars(build: Builder) -> None:
    rng = build.rng
    bodies = [build.mesh("Car", _car_body(), f"body {k}", 1.3) for k in range(5)]
    glazing = [box((1.5, 1.3, 0.3)).moved((0, 0.1, 1.06))]
    glazing += [box((1.1, 0.02, 0.5)).moved((0, y, 1.02), tilt=tilt) for y, tilt in ((-1.13, -1.01), (1.47, 1.05))]
    glass = build.mesh("Car glass", join_shapes(glazing), "glass", 0.9)
    wheel = lathe([(0, -0.1), (0.3, -0.1), (0.32, -0.06), (0.32, 0.06), (0.3, 0.1), (0, 0.1)], 24)
    turned = Shape(wheel.vertices[:, [2, 0, 1]], wheel.faces, smooth=True)
    wheels = build.mesh(
        "Wheels", join_shapes([turned.moved((x, y, 0.32)) for x in (-0.78, 0.78) for y in (-1.35, 1.3)]), "rubber", 0.3
    )
    for side in (-1, 1):
        y = float(rng.uniform(8, 11)) if side < 0 else 17.0
        while y < LENGTH - 20:
            if rng.random() < 0.6 and not 31 < y < 37:
                where, turn = (side * (KERB - 1.05), y, 0.0), math.pi if side < 0 else 0.0
                for mesh in (bodies[int(rng.integers(5))], glass, wheels):
                    build.instance(mesh.name, mesh, where, turn=turn)
            y += float(rng.uniform(5.5, 7.5))


def _trees(build: Builder) -> None:
    rng = build.rng
    crowns, trunks = [], []
    for k in range(3):
        lumps = []
        for _ in range(9):
            ball = sphere(float(rng.uniform(0.7, 1.2)), 20, 12)
            ball.vertices = ball.vertices * rng.uniform(0.82, 1.12, (len(ball.vertices), 1))
            lumps.append(ball.moved(rng.normal((0, 0, 4.2), (0.8, 0.8, 0.6))))
        crown = join_shapes(lumps)
        crown.smooth = False
        crowns.append(build.mesh(f"Crown {k}", crown, "foliage", 1.6))
        bends = np.column_stack([rng.normal(0, 0.06, 6), rng.normal(0, 0.06, 6), np.linspace(0, 4, 6)])
        trunks.append(build.mesh(f"Trunk {k}", tube(bends, np.linspace(0.17, 0.08, 6), 10), "bark", 0.7))
    for side in (-1, 1):
        for y in np.arange(19.0 if side < 0 else 25.0, LENGTH - 20, 15.0):
            where = (side * (KERB + 0.8), y + float(rng.uniform(-1, 1)), 0.1)
            kind, turn, scale = int(rng.integers(3)), float(rng.uniform(0, 6)), float(rng.uniform(0.85, 1.25))
            build.instance("Trunk", trunks[kind], where, turn=turn, scale=scale)
            build.instance("Crown", crowns[kind], where, turn=turn, scale=scale)


def _lamps(build: Builder) -> None:
    arm = [(0, 0, 0), (0, 0, 4.9), (0.15, 0, 5.25), (0.6, 0, 5.45), (1.1, 0, 5.4)]
    post = join_shapes(
        [tube(arm, np.array([0.09, 0.06, 0.05, 0.045, 0.04])), lathe([(0, 0), (0.16, 0), (0.13, 0.7), (0.08, 0.8)], 16)]
    )
    posts = build.mesh("Lamp post", post, "iron", 0.5)
    heads = build.mesh("Lamp head", box((0.5, 0.22, 0.12), 0.03).moved((1.1, 0, 5.28)), "lamp", 0.3)
    for k, y in enumerate(np.arange(4.0, LENGTH - 20, 18.0)):
        side = 1 if k % 2 else -1
        for mesh in (posts, heads):
            build.instance(mesh.name, mesh, (side * (KERB + 0.45), y, 0.12), turn=math.pi if side > 0 else 0.0)
