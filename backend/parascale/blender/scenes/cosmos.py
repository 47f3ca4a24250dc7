"""Low over a cratered moon of a ringed planet, rocks adrift above it; true sizes in metres.

The ground under the flight lies at the origin, z up, so that single precision is finest where the camera comes
closest: about 0.1 m at a million metres, against steps of thousands.
"""

import math

import bpy
import numpy as np

from parascale.blender.camera import render_size, view_of_camera
from parascale.blender.keyframes import key_trajectory
from parascale.blender.scene_state import frame_rate
from parascale.blender.scenes import textures
from parascale.blender.scenes.moves import looking_at
from parascale.blender.scenes.parts import Builder, Shape, lathe, sheet, sphere
from parascale.camera import Trajectory
from parascale.types import Array

MOON = 1.737e6
PLANET = 5.8e7
REACH = math.radians(24)  # half the angle of the moon that is modelled finely
PICTURE = 2048


def build_cosmos(scene: bpy.types.Scene, seed: int = 0) -> bpy.types.Scene:
    """Fill a scene with the moon, its planet and rocks, in metres, and a camera above the ground."""
    build = Builder(scene, np.random.default_rng(seed))
    _ground(build)
    _planet(build)
    _rocks(build)
    build.backdrop((0.004, 0.005, 0.012))
    build.sun((0.7, 0.35, -0.4), 4.0)
    place, target = _flight(np.array([0.0]))
    build.camera(tuple(place[0]), tuple(target[0]), lens=32.0, clip=(2e3, 1e9))
    return scene


def animate_flyby(scene: bpy.types.Scene, frames: int = 81) -> None:
    """Key the camera along a flight that sinks from 400 to 180 km above the ground and swings round a crater."""
    camera = scene.camera
    assert camera is not None
    place, target = _flight(np.linspace(0, 1, frames))
    view = view_of_camera(scene, camera)
    times = np.arange(frames) / frame_rate(scene)
    trajectory = Trajectory(looking_at(place, target), view.intrinsics, times, *render_size(scene))
    scene.frame_start, scene.frame_end = 1, frames
    key_trajectory(camera, trajectory, np.arange(1, frames + 1))
    scene.frame_set(1)


def _flight(s: Array) -> tuple[Array, Array]:
    angle = np.radians(-14 + 6.5 * s + 0.5 * np.sin(2 * np.pi * s) / (2 * np.pi))
    side = np.radians(-3.5 + 6.5 * s)
    height = 4.0e5 - 1.1e5 * (s + s**2)
    ahead = np.radians(12.4 - 4.9 * s)
    return _above(side, angle, height), _above(side * 0.4 + 0.03, angle + ahead, np.zeros_like(s))


def _above(east: Array, north: Array, height: Array) -> Array:
    """Points at a height above the moon, by angles from the origin."""
    east, north, height = np.broadcast_arrays(east, north, height)
    up = np.stack([np.sin(east) * np.cos(north), np.sin(north), np.cos(east) * np.cos(north)], axis=-1)
    return np.asarray(up * (MOON + height)[..., None] - [0, 0, MOON])


def _craters(rng: np.random.Generator, size: int, count: int, smallest: float, largest: float) -> tuple[Array, Array]:
    """Heights and brightness of a cratered square of side 1, (size, size); sizes follow the moon's own power law."""
    heights, rays = np.zeros((2, size, size), np.float32)
    radii = smallest * (1 - rng.random(count) * (1 - (smallest / largest) ** 1.8)) ** (-1 / 1.8)
    for radius in -np.sort(-radii):
        x, y = rng.random(2) * size
        reach = 2.6 * radius * size
        rows = slice(max(int(y - reach), 0), min(int(y + reach) + 1, size))
        columns = slice(max(int(x - reach), 0), min(int(x + reach) + 1, size))
        v, u = (axis.astype(np.float32) for axis in np.ogrid[rows, columns])
        r = np.hypot(u - np.float32(x), v - np.float32(y)) / np.float32(radius * size)
        rim = np.exp(-(((r - 1) / 0.16) ** 2)) + 0.4 * np.exp(-(((r - 1.2) / 0.5) ** 2))
        peak = 0.35 * np.exp(-((r / 0.16) ** 2)) if radius > 0.02 else 0.0
        old = rng.uniform(0.5, 1.0)
        fresh = np.clip(1 - r, 0, None) * 1.7
        heights[rows, columns] += old * radius * (0.1 * rim - 0.22 * np.clip(fresh, 0, 1) ** 0.6 + peak * 0.3)
        if rng.random() < 0.12:
            star = 0.6 + 0.4 * np.cos(np.arctan2(v - y, u - x) * int(rng.integers(7, 15)))
            rays[rows, columns] += np.clip(2.4 - r, 0, 1.4) * star * (r > 0.9)
    return heights, rays


def _enlarge(field: Array, factor: int) -> Array:
    """Tileable field, each side ``factor`` times as long, without the steps that repetition leaves."""
    large = field.astype(np.float32).repeat(factor, 0).repeat(factor, 1)
    for axis in (0, 1):
        for _ in range(2):
            large = np.mean([np.roll(large, k - factor // 2, axis) for k in range(factor)], axis=0, dtype=np.float32)
    return np.asarray(large, np.float64)


def _ground(build: Builder) -> None:
    rng = build.rng
    side = 2 * REACH * MOON
    heights, rays = _craters(rng, PICTURE, 2800, 0.0018, 0.07)
    heights += 0.006 * (_enlarge(textures.noise(rng, 512, 1.6), 4) - 0.5)
    # Sunlight is painted on, as Workbench has none: slopes facing the sun are bright.
    dy, dx = np.gradient(heights * PICTURE)
    light = np.clip(0.75 - 1.5 * dx - 0.8 * dy, 0.1, 1.5)
    plain = _enlarge(textures.noise(rng, 512, 1.5), 4)
    grain = np.tile(textures.noise(rng, 1024, 0.5), (2, 2)).astype(np.float32)
    shade = light * (0.62 + 0.6 * grain) * (0.6 + 0.55 * plain) * (1 + 0.25 * np.clip(rays, 0, 1.5))
    tone = np.array([0.84, 0.8, 0.76], np.float32)
    build.material("Regolith", np.clip(shade[..., None] * tone, 0, 1))
    cells = 256
    step = PICTURE // cells
    coarse = heights.reshape(cells, step, cells, step).mean(axis=(1, 3))
    coarse = np.pad(coarse, ((0, 1), (0, 1)), mode="edge")
    ground = sheet((1, 1), (cells, cells))
    east, north = (ground.vertices[:, i] * 2 * REACH for i in (0, 1))
    ground.vertices = _above(east, north, coarse.ravel() * side * 1.6)
    ground.smooth = True
    build.place("Moon ground", ground, "Regolith")
    build.material("Far side", textures.tint(rng, (0.5, 0.47, 0.44), 0.6, 1.0))
    build.place("Moon", sphere(MOON * 0.985, 64, 32), "Far side", (0, 0, -MOON))


def _planet(build: Builder) -> None:
    rng = build.rng
    latitude = np.linspace(0, 1, 512)
    swirl = textures.noise(rng, 512, 1.5, 3.0)
    edges, levels = np.sort(rng.random(17)), rng.random(18)
    steps = levels[np.searchsorted(edges, latitude)]
    bands = np.interp((latitude[:, None] * 512 + 40 * (swirl - 0.5)) % 512, np.arange(512), steps)
    value = np.clip(0.75 * bands + 0.25 * textures.noise(rng, 512, 0.7, 6.0), 0, 1)
    build.material(
        "Clouds", textures.ramp(value, (0.45, 0.24, 0.16), (0.8, 0.56, 0.36), (0.93, 0.82, 0.64), (0.7, 0.48, 0.36))
    )
    where = np.array([0.84e8, 3.2e8, -0.72e8])
    build.place("Planet", sphere(PLANET, 128, 64), "Clouds", where, tilt=0.42, turn=0.3)
    build.material("Ring", textures.ramp(textures.noise(rng, 512, 0.7, 1.0), (0.4, 0.33, 0.27), (0.9, 0.82, 0.7)))
    inner = 1.25 * PLANET
    for k in range(7):
        width = float(rng.uniform(0.03, 0.13)) * PLANET
        band = lathe([(inner, 0), (inner + width, 0)], 160, smooth=False)
        build.place(f"Ring {k}", band, "Ring", where, tilt=0.42, turn=0.3, tile=0.35 * PLANET)
        inner += width + 0.03 * PLANET


def _rock(rng: np.random.Generator) -> Shape:
    """Boulder of radius about 1: a globe dented by random planes and waves."""
    globe = sphere(1.0, 28, 16)
    direction = globe.vertices.copy()
    radius = np.ones(len(direction))
    for _ in range(14):
        normal = rng.standard_normal(3)
        along = direction @ (normal / np.linalg.norm(normal))
        radius = np.minimum(radius, rng.uniform(0.72, 0.98) / np.clip(along, 0.2, None))
        radius += 0.03 * np.sin(along * rng.uniform(4, 12) + rng.uniform(0, 6))
    globe.vertices = direction * radius[:, None] * [1.0, rng.uniform(0.7, 1.0), rng.uniform(0.6, 0.9)]
    return globe


def _rocks(build: Builder) -> None:
    rng = build.rng
    meshes = []
    for k in range(5):
        heights, _ = _craters(rng, 512, 160, 0.012, 0.12)
        dy, dx = np.gradient(heights * 512)
        shade = np.clip(0.7 - 1.1 * dx - 0.8 * dy, 0.1, 1.3) * (0.6 + 0.5 * textures.noise(rng, 512, 0.6))
        tone = np.array([0.72, 0.62, 0.53]) * rng.uniform(0.8, 1.2) + rng.uniform(-0.03, 0.03, 3)
        name = build.material(f"Rock {k}", np.clip(tone * shade[..., None], 0, 1))
        meshes.append(build.mesh(f"Rock {k}", _rock(rng), name))
    for k in range(110):
        angle, side = math.radians(rng.uniform(-14, 14)), math.radians(rng.uniform(-11, 12))
        height = rng.uniform(2e4, 1.5e5)
        size = min(rng.uniform(5e3, 8e3) / rng.random() ** 0.5, 2.8e4)
        path, _ = _flight(np.linspace(0, 1, 81))
        where = _above(np.array(side), np.array(angle), np.array(height))
        if np.linalg.norm(path - where, axis=1).min() < 6e4 + size:
            continue
        build.instance(f"Rock {k}", meshes[k % 5], where, turn=rng.uniform(0, 6), tilt=rng.uniform(0, 6), scale=size)
