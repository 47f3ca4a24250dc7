"""Clips that fool a solve, and clips that are hard but can be solved: for `bench_solve_cases.py`.

Each maker takes a random generator and says how to film a clip, and which verdicts other than the right path are right.
`FOOLING` and `HARD` say how many of each are filmed.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import consistency_clips as shown
import cv2
import numpy as np
from renderer import FOCAL, SIZE, TRAVELS, Picture, Retouch, load_renderer

from parascale.types import Array

rendered = load_renderer()


@dataclass(frozen=True, eq=False)
class Case:
    """How to film a clip, and which verdicts other than the right path are right."""

    poses: Array
    scene: Any
    classes: tuple[str, ...] = ()
    focals: Array | None = None
    retouch: Retouch | None = None
    sky: Any = None
    crf: int = 18
    lens: dict[str, float] = field(default_factory=lambda: {"focal": FOCAL})


Maker = Callable[[np.random.Generator], Case]


def _scene(rng: np.random.Generator) -> Any:
    return (rendered.courtyard, rendered.street)[rng.integers(2)](int(rng.integers(1000)))


def _travel(rng: np.random.Generator, count: int, least: float = 0.4, most: float = 0.7) -> Array:
    return np.asarray(rendered.move(rng.choice(TRAVELS), count, rng.uniform(least, most), int(rng.integers(1000))))


def _turning(rng: np.random.Generator, count: int) -> Array:
    """A pan with some tilt and roll, and half the time the tremble of a hand."""
    share = np.linspace(0, 1, count)[:, None]
    turns = share * rng.uniform([-0.15, 0.15, -0.05], [0.15, 0.6, 0.05]) * rng.choice([-1, 1])
    if rng.random() < 0.5:
        turns = turns + cv2.GaussianBlur(rng.normal(0, 0.02, (count, 3)), (1, 9), 0.01, None, 2)
    poses = np.tile(np.eye(4), (count, 1, 1))
    for pose, turn in zip(poses, turns, strict=True):
        pose[:3, :3] = cv2.Rodrigues(turn)[0]
    return poses


def _still(count: int) -> Array:
    return np.tile(np.eye(4), (count, 1, 1))


def _grain(rng: np.random.Generator, sigma: float) -> Retouch:
    def retouch(_: int, picture: Picture) -> Picture:
        return np.clip(picture + rng.normal(0, sigma, picture.shape), 0, 255).astype(np.uint8)

    return retouch


def _patch(rng: np.random.Generator, share: float, speed: float) -> Retouch:
    """A textured thing that covers a share of the picture and crosses it."""
    height, width = int(SIZE[1] * np.sqrt(share)), int(SIZE[0] * np.sqrt(share))
    texture = (rendered.textures(1, int(rng.integers(1000)))[0][:height, :width, None] * 255).astype(np.uint8)
    texture = np.repeat(texture, 3, axis=2)
    start = rng.uniform(0, [SIZE[0] - width, SIZE[1] - height])
    angle = rng.uniform(0, 2 * np.pi)
    wobble = rng.uniform(0, 2 * np.pi)

    def retouch(frame: int, picture: Picture) -> Picture:
        at = start + speed * frame * np.array([np.cos(angle), 0.3 * np.sin(angle)])
        at += 6 * np.sin(0.4 * frame + wobble)
        x, y = np.abs((at % (2 * (np.array(SIZE) - [width, height]))) - (np.array(SIZE) - [width, height])).astype(int)
        out = picture.copy()
        out[y : y + height, x : x + width] = texture
        return out

    return retouch


def _lens(rng: np.random.Generator) -> dict[str, float]:
    return {"focal": FOCAL} if rng.random() < 0.5 else {}


# What fools.


def turn(rng: np.random.Generator) -> Case:
    return Case(_turning(rng, 24), _scene(rng), ("rotation-only",), lens=_lens(rng))


def zoom(rng: np.random.Generator) -> Case:
    focals = FOCAL * np.linspace(1, rng.uniform(1.15, 2.0), 24) ** rng.choice([-1, 1])
    poses = _still(24) if rng.random() < 0.5 else _turning(rng, 24)
    return Case(poses, _scene(rng), focals=focals, lens=_lens(rng))


def static_noise(rng: np.random.Generator) -> Case:
    return Case(_still(24), _scene(rng), ("static",), retouch=_grain(rng, rng.uniform(2, 25)), lens=_lens(rng))


def flat(rng: np.random.Generator) -> Case:
    grey = rng.uniform(0, 255)
    slope = rng.uniform(-0.2, 0.2) * np.arange(SIZE[0])[None, :, None]
    grain = _grain(rng, rng.uniform(0, 6))

    def retouch(frame: int, picture: Picture) -> Picture:
        return grain(frame, np.clip(grey + slope + 0 * picture, 0, 255).astype(np.uint8))

    return Case(_travel(rng, 24), _scene(rng), ("static",), retouch=retouch, lens=_lens(rng))


def blur(rng: np.random.Generator) -> Case:
    sigma = rng.uniform(6, 20)
    return Case(
        _travel(rng, 24), _scene(rng), retouch=lambda _, picture: cv2.GaussianBlur(picture, (0, 0), sigma),
        lens=_lens(rng),
    )  # fmt: skip


def planar_wall(rng: np.random.Generator) -> Case:
    return Case(_travel(rng, 24), rendered.wall(int(rng.integers(1000))), lens=_lens(rng))


def mover_before_still_camera(rng: np.random.Generator) -> Case:
    patch = _patch(rng, rng.uniform(0.15, 0.6), rng.uniform(2, 9))
    return Case(_still(24), _scene(rng), ("static", "rotation-only"), retouch=patch, lens=_lens(rng))


def repeated_texture(rng: np.random.Generator) -> Case:
    """Tiles all alike on ground and walls: what moved by one tile looks as if it had not."""
    tile = int(rng.integers(12, 40))
    scene = rendered.courtyard(int(rng.integers(1000)))
    pattern = np.kron([[0.2, 0.8], [0.8, 0.2]], np.ones((tile, tile))).astype(np.float32)
    return Case(_travel(rng, 24), (scene, pattern), lens=_lens(rng))


def two_shots(rng: np.random.Generator) -> Case:
    first, second = _travel(rng, 12), _travel(rng, 12)
    turned = cv2.Rodrigues(np.array([0, rng.uniform(1.0, 2.0) * rng.choice([-1, 1]), 0]))[0]
    second[:, :3, :3] = turned @ second[:, :3, :3]
    return Case(np.concatenate([first, second]), rendered.courtyard(int(rng.integers(1000))), lens=_lens(rng))


def few_frames(rng: np.random.Generator) -> Case:
    return Case(_travel(rng, int(rng.integers(2, 9)), 0.1, 0.6), _scene(rng), lens=_lens(rng))


def hardly_any_parallax(rng: np.random.Generator) -> Case:
    """A turn, or rest, with a step aside of a thousandth to a hundredth of the depth in all."""
    poses = _turning(rng, 24) if rng.random() < 0.6 else _still(24)
    direction = rng.normal(size=3)
    poses[:, :3, 3] = np.linspace(0, 10 ** rng.uniform(-2, -1), 24)[:, None] * direction / np.linalg.norm(direction)
    return Case(poses, _scene(rng), ("static", "rotation-only"), lens=_lens(rng))


def _as_case(clip: shown.Shown, rng: np.random.Generator, *classes: str, unknown_lens: bool = True) -> Case:
    lens = _lens(rng) if unknown_lens else {"focal": FOCAL}
    return Case(clip.poses, clip.scene, classes, retouch=clip.retouch, sky=clip.sky, lens=lens)


def dissolve(rng: np.random.Generator) -> Case:
    """Two shots, the first of which dissolves into the second."""
    first, second = _travel(rng, 28), _travel(rng, 28)
    start, length = int(rng.integers(8, 12)), int(rng.integers(3, 10))
    other = rendered.Camera(_scene(rng), SIZE, FOCAL)
    other.wear(rendered.textures(4, int(rng.integers(100, 1000))))

    def retouch(frame: int, picture: Picture) -> Picture:
        share = np.clip((frame - start) / length, 0, 1)
        return (picture * (1 - share) + other.picture(second[frame])[0] * share).astype(np.uint8)

    return Case(first, _scene(rng), retouch=retouch, lens=_lens(rng))


def fade(rng: np.random.Generator) -> Case:
    """A travel that fades in and out, or two shots with black between them."""
    length, goal = int(rng.integers(3, 7)), rng.choice([0.0, 255.0])
    between = rng.random() < 0.5
    dark = [14] if between else [0, 27]

    def retouch(frame: int, picture: Picture) -> Picture:
        share = np.clip(min(abs(frame - at) for at in dark) / length, 0, 1)
        return (picture * share + goal * (1 - share)).astype(np.uint8)

    first, second = _travel(rng, 14), _travel(rng, 14)
    second[:, :3, :3] = cv2.Rodrigues(np.array([0, 1.2, 0]))[0] @ second[:, :3, :3]
    poses = np.concatenate([first, second]) if between else _travel(rng, 28)
    return Case(poses, rendered.courtyard(int(rng.integers(1000))), retouch=retouch, lens=_lens(rng))


def repeats(rng: np.random.Generator) -> Case:
    """A travel in which some pictures are shown twice or three times, now and then or all along."""
    poses = _travel(rng, 24)
    every, offset = int(rng.integers(2, 12)), int(rng.integers(1, 8))
    twice = np.arange(24) % every == offset % every
    return Case(np.repeat(poses, np.where(twice, rng.integers(2, 4), 1), axis=0), _scene(rng), lens=_lens(rng))


def mirror(rng: np.random.Generator) -> Case:
    """A large mirror in the scene: what shows in it moves as a second scene behind it, seen the other way round."""
    whole, plane = rendered.courtyard(int(rng.integers(1000))), rng.uniform(8.0, 11.0)
    farthest = (whole.rectangles[:, 0] + np.maximum(whole.rectangles[:, 1:], 0).sum(axis=1))[:, 2]
    kept = farthest < plane
    kept[[0, 2, 3]] = True  # the ground and the walls beside it
    glass = np.array([[rng.uniform(-5, -1), rng.uniform(-4, -2), plane], [rng.uniform(4, 6), 0, 0], [0, 0, 0]])
    glass[2, 1] = 1.4 - glass[0, 1]

    def part(chosen: Array, *more: Array) -> Any:
        added = [0] * len(more)
        return rendered.Scene(
            np.concatenate([whole.rectangles[chosen], *(each[None] for each in more)]),
            np.concatenate([whole.textures[chosen], np.array(added, np.int64)]),
            np.concatenate([whole.offsets[chosen], np.zeros((len(more), 2))]),
        )

    real, behind = rendered.Camera(part(kept, whole.rectangles[1], glass), SIZE, FOCAL), part(kept)
    reflected, poses = rendered.Camera(behind, SIZE, FOCAL), _travel(rng, 24)
    x, y = np.meshgrid(np.arange(SIZE[0]) + 0.5 - SIZE[0] / 2, np.arange(SIZE[1]) + 0.5 - SIZE[1] / 2)
    rays = np.stack([x / FOCAL, y / FOCAL, np.ones_like(x)], -1)

    def retouch(frame: int, picture: Picture) -> Picture:
        pose, seen = poses[frame], poses[frame].copy()
        met = (real.picture(pose)[1][:, :, None] * rays) @ pose[:3, :3].T + pose[:3, 3]
        within = (met[..., :2] > glass[0, :2]).all(axis=2) & (met[..., :2] < glass.sum(axis=0)[:2]).all(axis=2)
        # The camera mirrored in the plane, and its picture mirrored back.
        seen[:3, :3] = np.diag([1, 1, -1]) @ pose[:3, :3] @ np.diag([-1, 1, 1])
        seen[2, 3] = 2 * plane - pose[2, 3]
        shown_there = (np.abs(met[..., 2] - plane) < 0.02) & within
        return np.where(shown_there[:, :, None], reflected.picture(seen)[0][:, ::-1], picture).astype(np.uint8)

    return Case(poses, real.scene, retouch=retouch, lens=_lens(rng))


def people_before_a_still_camera(rng: np.random.Generator) -> Case:
    """One to six of them, small or filling the view, who walk past, stand and wave, or do both."""
    count = int(rng.integers(1, 7))
    people = [
        shown.walker(rng, rng.uniform(0.3, 1.3), rng.uniform(-0.1, 0.8), rng.choice([0.0, rng.uniform(-8, 8)]))
        for _ in range(count)
    ]
    return _as_case(shown.Shown(_still(24), _scene(rng), shown.in_turn(*people)), rng, "static", "rotation-only")


def walker_before_a_pan(rng: np.random.Generator) -> Case:
    return _as_case(shown.walker_before_a_pan(rng), rng, "rotation-only")


def car_before_a_still_or_panning_camera(rng: np.random.Generator) -> Case:
    return _as_case(shown.car_passes_a_still_camera(rng), rng, "static", "rotation-only")


def timelapse_from_a_tripod(rng: np.random.Generator) -> Case:
    return _as_case(shown.timelapse_from_a_tripod(rng), rng, "static", "rotation-only")


FOOLING: dict[Maker, int] = {
    turn: 12,
    zoom: 10,
    static_noise: 8,
    flat: 6,
    blur: 8,
    planar_wall: 10,
    mover_before_still_camera: 10,
    repeated_texture: 8,
    two_shots: 8,
    few_frames: 10,
    hardly_any_parallax: 10,
    dissolve: 12,
    fade: 12,
    repeats: 12,
    mirror: 12,
    people_before_a_still_camera: 20,
    walker_before_a_pan: 12,
    car_before_a_still_or_panning_camera: 10,
    timelapse_from_a_tripod: 10,
}

# What is hard.


def planar_street(rng: np.random.Generator) -> Case:
    """House fronts seen square on, with a little ground before them."""
    faces = [np.array([[-30, 1.6, -2], [60, 0, 0], [0, 0, 12]], float)]
    for x in np.arange(-12, 12, 2.4):
        depth = rng.uniform(0.2, 0.9)
        faces += rendered.box((x, -1.4, 9 - depth / 2), (2.3, 6.0, depth))
    faces.append(np.array([[-30, -8, 9], [60, 0, 0], [0, 9.6, 0]], float))
    poses = rendered.move(rng.choice(["truck", "arc", "crane"]), 32, rng.uniform(0.5, 0.8))
    return Case(poses, rendered.scene(faces, int(rng.integers(1000))))


def slow_motion(rng: np.random.Generator) -> Case:
    return Case(_travel(rng, 64, 0.12, 0.2), _scene(rng))


def hold_in_the_middle(rng: np.random.Generator) -> Case:
    poses = _travel(rng, 24)
    return Case(np.concatenate([poses[:12], np.repeat(poses[12:13], 14, axis=0), poses[12:]]), _scene(rng))


def night(rng: np.random.Generator) -> Case:
    dark, grain = rng.uniform(0.12, 0.3), _grain(rng, rng.uniform(2, 4))

    def retouch(frame: int, picture: Picture) -> Picture:
        return grain(frame, (picture * dark).astype(np.uint8))

    return Case(_travel(rng, 32), _scene(rng), retouch=retouch)


def subject_over_a_third(rng: np.random.Generator) -> Case:
    return Case(_travel(rng, 32), _scene(rng), retouch=_patch(rng, 0.33, rng.uniform(1, 4)))


def handheld(rng: np.random.Generator) -> Case:
    return Case(rendered.move("handheld", 32, rng.uniform(0.7, 1.6), int(rng.integers(1000))), _scene(rng))


def grain(rng: np.random.Generator) -> Case:
    return Case(_travel(rng, 32), _scene(rng), retouch=_grain(rng, rng.uniform(8, 16)))


def compression(rng: np.random.Generator) -> Case:
    return Case(_travel(rng, 32), _scene(rng), crf=int(rng.integers(30, 36)))


def walker_before_a_travel(rng: np.random.Generator) -> Case:
    return _as_case(shown.walker_before_a_travel(rng), rng, unknown_lens=False)


def crowd_before_a_travel(rng: np.random.Generator) -> Case:
    return Case(_travel(rng, 32), _scene(rng), retouch=shown.crowd_of(rng, 7))


def flashes(rng: np.random.Generator) -> Case:
    """Pictures much lighter or darker than those beside them."""
    lit = rng.choice(np.arange(3, 29), 3, replace=False)
    gain = rng.uniform(0.3, 2.5, 3)

    def retouch(frame: int, picture: Picture) -> Picture:
        factor = float(np.prod(gain[lit == frame]))
        return np.clip(picture * factor, 0, 255).astype(np.uint8)

    return Case(_travel(rng, 32), _scene(rng), retouch=retouch)


def watermark(rng: np.random.Generator) -> Case:
    """Half-transparent writing that stands still over the picture."""
    words = np.zeros((SIZE[1], SIZE[0], 1), np.float32)
    at = (int(rng.uniform(10, 160)), int(rng.uniform(100, 230)))
    cv2.putText(words, "PREVIEW", at, cv2.FONT_HERSHEY_SIMPLEX, rng.uniform(1.5, 2.5), 1.0, 8, cv2.LINE_AA)
    strength = rng.uniform(0.3, 0.6)

    def retouch(_: int, picture: Picture) -> Picture:
        return (picture + (255 - picture) * words * strength).astype(np.uint8)

    return Case(_travel(rng, 32), _scene(rng), retouch=retouch)


def snowfall(rng: np.random.Generator) -> Case:
    """Flakes that fall past the camera."""
    start, size = rng.uniform(0, SIZE, (150, 2)), rng.integers(1, 4, 150)
    fall = rng.uniform([-3, 5], [3, 14], (150, 2))

    def retouch(frame: int, picture: Picture) -> Picture:
        out = np.ascontiguousarray(picture)
        for (x, y), radius in zip((start + frame * fall) % SIZE, size, strict=True):
            cv2.circle(out, (int(x), int(y)), int(radius), (240, 240, 240), -1, cv2.LINE_AA)
        return out

    return Case(_travel(rng, 32), _scene(rng), retouch=retouch)


def low_resolution(rng: np.random.Generator) -> Case:
    """Detail of a picture 256 pixels wide, enlarged."""

    def retouch(_: int, picture: Picture) -> Picture:
        small = cv2.resize(picture, (256, 144), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, SIZE, interpolation=cv2.INTER_CUBIC), np.uint8)

    return Case(_travel(rng, 32), _scene(rng), retouch=retouch)


HARD: dict[Maker, int] = {
    planar_street: 8,
    slow_motion: 8,
    hold_in_the_middle: 8,
    night: 8,
    subject_over_a_third: 8,
    handheld: 8,
    grain: 6,
    compression: 6,
    walker_before_a_travel: 10,
    crowd_before_a_travel: 10,
    flashes: 10,
    watermark: 10,
    snowfall: 10,
    low_resolution: 10,
}
