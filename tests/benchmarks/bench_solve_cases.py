"""What fools a solve, and what should not: `python tests/benchmarks/bench_solve_cases.py --seed 0`.

A hundred clips made to be taken for what they are not, and sixty that are hard but can be solved, each filmed from a
scene whose path is known. A fooling clip is well met by a refusal, by its right class, or by the right path; anything
else is a wrong trajectory that left as a shot. A hard clip is solved where its path is right to 1 % of its length.
Prints one line a case and counts them; ends with status 1 where a fooling clip fooled.
"""

import argparse
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from renderer import load_renderer

from parascale.camera.alignment import align_similarity
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.solve import solve
from parascale.types import Array

Picture = NDArray[np.uint8]
Retouch = Callable[[int, Picture], Picture]

SIZE, FOCAL = (480, 270), 400.0
# Of the path's length: a path further off is wrong; a hard one is solved only within the second.
WRONG, SOLVED = 0.05, 0.01
TRAVELS = ("arc", "dolly-in", "dolly-out", "truck", "crane", "handheld")


rendered = load_renderer()


@dataclass(frozen=True, eq=False)
class Case:
    """How to film a clip, and which verdicts other than the right path are right."""

    poses: Array
    scene: Any
    classes: tuple[str, ...] = ()
    focals: Array | None = None
    retouch: Retouch | None = None
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


HARD: dict[Maker, int] = {
    planar_street: 8,
    slow_motion: 8,
    hold_in_the_middle: 8,
    night: 8,
    subject_over_a_third: 8,
    handheld: 8,
    grain: 6,
    compression: 6,
}


def film(case: Case, path: Path) -> Array:
    """Film a case where its clip is not there yet; its median depths (T,)."""
    notes = path.with_suffix(".npy")
    if notes.exists():
        return np.asarray(np.load(notes, allow_pickle=False))
    scene, pattern = case.scene if isinstance(case.scene, tuple) else (case.scene, None)
    camera = rendered.Camera(scene, SIZE, FOCAL)
    if pattern is not None:
        repeats = rendered.TEXTURE_SIZE // len(pattern) + 1
        tiled = np.tile(pattern, (repeats, repeats))[: rendered.TEXTURE_SIZE, : rendered.TEXTURE_SIZE]
        camera.wear([np.ascontiguousarray(tiled)] * 4)
    clip = rendered.film(path, camera, case.poses, focals=case.focals, retouch=case.retouch, crf=case.crf)
    np.save(notes, clip.median_depth)
    return np.asarray(clip.median_depth)


def path_error(shot: Shot, truth: Array) -> float:
    """Root mean square of the centres' error after the best similarity, as a share of the path's length."""
    centres = truth[shot.frames, :3, 3]
    length = float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum())
    if length == 0:
        return float("inf")
    fit = align_similarity(shot.trajectory.centres, centres)
    moved = fit.scale * shot.trajectory.centres @ fit.rotation.T + fit.translation
    return float(np.sqrt(((moved - centres) ** 2).sum(axis=1).mean())) / length


def verdict(shot: Shot, case: Case, median_depth: Array) -> tuple[str, str]:
    """What became of a case that was not refused, and the figure that says so."""
    steps = np.linalg.norm(np.diff(case.poses[:, :3, 3], axis=0), axis=1) / median_depth[:-1]
    if shot.motion_class in case.classes:
        hidden = float(np.median(steps))
        known = hidden <= shot.noise_floor
        return ("class right" if known else "WRONG"), f"P {hidden:.1e}, floor {shot.noise_floor:.1e}"
    if shot.motion_class != "general":
        return "WRONG", f"called {shot.motion_class}"
    error = path_error(shot, case.poses)
    if error < SOLVED:
        return "path right", f"{error:.2%}"
    return ("path near" if error < WRONG else "WRONG"), f"{error:.2%}"


def run(makers: dict[Maker, int], seed: int, folder: Path, chosen: str) -> Counter[str]:
    outcomes: Counter[str] = Counter()
    for maker, count in makers.items():
        if chosen not in maker.__name__:
            continue
        for number in range(count):
            case = maker(np.random.default_rng([seed, number, *maker.__name__.encode()]))
            path = folder / f"{maker.__name__}-{seed}-{number}.mp4"
            median_depth = film(case, path)
            began = time.perf_counter()
            try:
                outcome, figure = verdict(solve(path, **case.lens), case, median_depth)
            except InputError as error:
                outcome, figure = "refused", str(error).removeprefix(path.name)
            seconds = time.perf_counter() - began
            print(f"{maker.__name__:26} {number:2} {outcome:12} {seconds:5.1f} s  {figure}", flush=True)
            outcomes[outcome] += 1
    return outcomes


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("set", nargs="?", choices=["fooling", "hard", "all"], default="all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="keep the clips here, and do not film those that are here again")
    parser.add_argument("--only", default="", help="cases whose name holds this")
    options = parser.parse_args()
    fooled = 0
    with tempfile.TemporaryDirectory() as passing:
        folder = options.folder or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        for name, makers in (("fooling", FOOLING), ("hard", HARD)):
            if options.set in (name, "all"):
                outcomes = run(makers, options.seed, folder, options.only)
                print(f"{name}: " + ", ".join(f"{outcome} {count}" for outcome, count in sorted(outcomes.items())))
                fooled += outcomes["WRONG"] if name == "fooling" else 0
    return int(fooled > 0)


if __name__ == "__main__":
    raise SystemExit(main())
