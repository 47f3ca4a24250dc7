"""Rendered clips of what real footage shows: walkers, crowds, cars, clouds, surf; with the P of every step known.

`film_set` writes them for `bench_consistency.py --rendered`. Constants were set on seed 0; seed 1 is held out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from renderer import FOCAL, SIZE, TRAVELS, Picture, Retouch, load_renderer

from parascale.types import Array

COUNT = 32

rendered = load_renderer()


@dataclass(frozen=True, eq=False)
class Shown:
    """How to film a clip; what is drawn over it stands on the ground, or lies on it as water does."""

    poses: Array
    scene: Any
    retouch: Retouch | None = None
    sky: Any = None
    stands: bool = True


def _still() -> Array:
    return np.tile(np.eye(4), (COUNT, 1, 1))


def _panning(rng: np.random.Generator) -> Array:
    poses = _still()
    turns = np.linspace(0, 1, COUNT)[:, None] * rng.uniform([-0.05, 0.1, -0.02], [0.05, 0.4, 0.02])
    for pose, turn in zip(poses, turns * rng.choice([-1, 1]), strict=True):
        pose[:3, :3] = cv2.Rodrigues(turn)[0]
    return poses


def _travel(rng: np.random.Generator) -> Array:
    return np.asarray(rendered.move(rng.choice(TRAVELS), COUNT, rng.uniform(0.4, 0.7), int(rng.integers(1000))))


def _scene(rng: np.random.Generator) -> Any:
    return (rendered.courtyard, rendered.street)[rng.integers(2)](int(rng.integers(1000)))


def _cloth(rng: np.random.Generator, width: int, height: int) -> Picture:
    texture = rendered.textures(1, int(rng.integers(1000)))[0]
    return np.repeat((cv2.resize(texture, (max(width, 8), max(height, 8)))[:, :, None] * 255).astype(np.uint8), 3, 2)


def _paste(picture: Picture, cloth: Picture, x: float, y: float) -> None:
    """Draw a piece of cloth with its upper left corner at a place that may lie between pixels, or outside."""
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = (picture.shape[1], picture.shape[0])
    alpha = cv2.warpAffine(np.ones(cloth.shape[:2], np.float32), move, size)[:, :, None]
    picture[:] = (picture * (1 - alpha) + cv2.warpAffine(cloth, move, size) * alpha).astype(np.uint8)


def walker(rng: np.random.Generator, height: float, start: float, speed: float) -> Retouch:
    """A body with two legs and two arms that swing; start and height as shares of the picture, speed in pixels."""
    tall = height * SIZE[1]
    body = _cloth(rng, int(0.36 * tall), int(0.55 * tall))
    limbs = [_cloth(rng, int(0.13 * tall), int(0.45 * tall)) for _ in range(4)]
    phase, top = rng.uniform(0, 2 * np.pi), rng.uniform(0.9, 1.05) * SIZE[1] - tall

    def retouch(frame: int, picture: Picture) -> Picture:
        out = picture.copy()
        x, swing = start * SIZE[0] + speed * frame, 0.12 * tall * np.sin(0.5 * frame + phase)
        bob = 0.01 * tall * np.cos(frame + phase)
        for limb, (side, at, way) in zip(
            limbs, ((0.0, 0.53, 1), (0.2, 0.53, -1), (-0.08, 0.1, -1), (0.3, 0.1, 1)), strict=True
        ):
            _paste(out, limb, x + side * tall + way * swing, top + at * tall + bob)
        _paste(out, body, x, top + bob)
        return out

    return retouch


def in_turn(*retouches: Retouch) -> Retouch:
    """Draw one after the other."""

    def retouch(frame: int, picture: Picture) -> Picture:
        for each in retouches:
            picture = each(frame, picture)
        return picture

    return retouch


def _passer_by(rng: np.random.Generator) -> Retouch:
    way = rng.choice([-1, 1])
    return walker(rng, rng.uniform(0.5, 1.1), 0.4 - 0.4 * way, way * rng.uniform(4, 9))


def crowd_of(rng: np.random.Generator, count: int) -> Retouch:
    return in_turn(*(walker(rng, rng.uniform(0.3, 0.6), rng.uniform(0, 1), rng.uniform(-4, 4)) for _ in range(count)))


def walker_before_a_travel(rng: np.random.Generator) -> Shown:
    return Shown(_travel(rng), _scene(rng), _passer_by(rng))


def walker_before_a_pan(rng: np.random.Generator) -> Shown:
    return Shown(_panning(rng), _scene(rng), _passer_by(rng))


def crowd(rng: np.random.Generator) -> Shown:
    poses = (_travel, _panning)[rng.integers(2)](rng)
    return Shown(poses, _scene(rng), crowd_of(rng, 7))


def car_passes_a_still_camera(rng: np.random.Generator) -> Shown:
    cloth = _cloth(rng, int(rng.uniform(0.5, 0.8) * SIZE[0]), int(rng.uniform(0.4, 0.6) * SIZE[1]))
    way, y = rng.choice([-1, 1]), rng.uniform(0.1, 0.4) * SIZE[1]
    start, speed = (0.15 - 0.15 * way) * SIZE[0], way * rng.uniform(3, 10)

    def retouch(frame: int, picture: Picture) -> Picture:
        out = picture.copy()
        _paste(out, cloth, start + speed * frame, y)
        return out

    poses = _panning(rng) if rng.random() < 0.5 else _still()
    return Shown(poses, _scene(rng), retouch)


def follow_shot(rng: np.random.Generator) -> Shown:
    poses = np.asarray(rendered.move("truck", COUNT, rng.uniform(0.6, 0.9), int(rng.integers(1000))))
    return Shown(poses, _scene(rng), walker(rng, rng.uniform(0.6, 1.0), 0.4, rng.uniform(-0.4, 0.4)))


def clouds_over_a_flight(rng: np.random.Generator) -> Shown:
    step = rng.uniform([-0.1, -0.05, 0.1], [0.1, 0.02, 0.25])
    poses = _still()
    poses[:, :3, 3] = np.arange(COUNT)[:, None] * step
    sky = rendered.clouds((rng.uniform(-0.006, 0.006), 0.002), int(rng.integers(100)))
    return Shown(poses, rendered.landscape(int(rng.integers(100))), sky=sky)


def timelapse_from_a_tripod(rng: np.random.Generator) -> Shown:
    sky = rendered.clouds((rng.uniform(0.01, 0.03), rng.uniform(-0.01, 0.01)), int(rng.integers(100)))
    return Shown(_still(), rendered.landscape(int(rng.integers(100))), sky=sky)


def surf(rng: np.random.Generator) -> Shown:
    """Water over the lower third of a travel or a pan: waves that roll in and change."""
    wave = rendered.textures(1, int(rng.integers(1000)))[0]
    shore, speed = int(SIZE[1] * rng.uniform(0.6, 0.75)), rng.uniform(2, 6)

    def retouch(frame: int, picture: Picture) -> Picture:
        out = picture.copy()
        rows, columns = np.mgrid[shore : SIZE[1], 0 : SIZE[0]].astype(np.float32)
        bent = columns + 9 * np.sin(0.05 * rows + 0.4 * frame)
        shown = cv2.remap(wave, bent % 500, (rows * 1.5 - speed * frame) % 500, cv2.INTER_LINEAR)
        out[shore:] = (shown[:, :, None] * [200, 220, 230]).astype(np.uint8)
        return out

    poses = (_travel, _panning)[rng.integers(2)](rng)
    return Shown(poses, _scene(rng), retouch, stands=False)


KINDS: tuple[Callable[[np.random.Generator], Shown], ...] = (
    walker_before_a_travel,
    walker_before_a_pan,
    crowd,
    car_passes_a_still_camera,
    follow_shot,
    clouds_over_a_flight,
    timelapse_from_a_tripod,
    surf,
)


def film_set(folder: Path, seed: int, count: int, only: str = "") -> Iterator[tuple[Path, Array]]:
    """Film so many clips of each kind into a folder; their paths, with the true P of every step (T - 1,)."""
    for kind in KINDS:
        for number in range(count):
            if only not in kind.__name__:
                continue
            shown = kind(np.random.default_rng([seed, number, *kind.__name__.encode()]))
            camera = rendered.Camera(shown.scene, SIZE, FOCAL)
            path = folder / f"{kind.__name__}-{seed}-{number}.mp4"
            clip = rendered.film(path, camera, shown.poses, retouch=shown.retouch, sky=shown.sky)
            depth = clip.median_depth
            if shown.retouch is not None and shown.stands:
                depth = depth_with_movers(camera, shown.poses, shown.retouch)
            steps = np.linalg.norm(np.diff(shown.poses[:, :3, 3], axis=0), axis=1)
            yield path, steps / depth[:-1]


def depth_with_movers(camera: Any, poses: Array, retouch: Retouch, focals: Array | None = None) -> Array:
    """Median depth (T,) of what is seen, where each thing that is drawn stands on the ground at its lowest row."""
    medians = []
    for frame, pose in enumerate(poses):
        z = camera.picture(pose, None if focals is None else float(focals[frame]))[1]
        drawn = _drawn(retouch, frame, (z.shape[1], z.shape[0]))
        count, label = cv2.connectedComponents(drawn.astype(np.uint8))
        stood = z.copy()
        for number in range(1, count):
            rows, columns = np.nonzero(label == number)
            feet = columns[rows == rows.max()]
            ground = z[min(rows.max() + 1, len(z) - 1), feet]
            stood[label == number] = np.median(ground)
        medians.append(np.median(stood[np.isfinite(stood)]))
    return np.array(medians)


def _drawn(retouch: Retouch, frame: int, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Where a function draws: what differs between two plain pictures that went through it is not drawn on."""
    dark, bright = (np.full((size[1], size[0], 3), grey, np.uint8) for grey in (0, 255))
    return np.asarray((retouch(frame, bright).astype(int) - retouch(frame, dark))[:, :, 0] < 128)
