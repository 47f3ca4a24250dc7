"""What fools a solve, and what should not: `python tests/benchmarks/bench_solve_cases.py --seed 0`.

The clips of `solve_cases.py`: 200 made to be taken for what they are not, and 120 that are hard but can be solved,
each filmed from a scene whose path is known. A fooling clip is well met by a refusal, by its right class, or by the
right path; anything else is a wrong trajectory that left as a shot. A hard clip is solved where its path is right to
1 % of its length.
Prints one line a case and counts them; ends with status 1 where a fooling clip fooled.
"""

import argparse
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np
from solve_cases import FOCAL, FOOLING, HARD, SIZE, Case, Maker, rendered

from parascale.camera.alignment import align_similarity
from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.solve import solve
from parascale.types import Array

# Of the path's length: a path further off is wrong; a hard one is solved only within the second.
WRONG, SOLVED = 0.05, 0.01


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
    clip = rendered.film(path, camera, case.poses, focals=case.focals, retouch=case.retouch, sky=case.sky, crf=case.crf)
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
    parser.add_argument("--most", type=int, default=100, help="clips of a kind, for a quick look")
    options = parser.parse_args()
    fooled = 0
    with tempfile.TemporaryDirectory() as passing:
        folder = options.folder or Path(passing)
        folder.mkdir(parents=True, exist_ok=True)
        for name, makers in (("fooling", FOOLING), ("hard", HARD)):
            if options.set in (name, "all"):
                some = {maker: min(count, options.most) for maker, count in makers.items()}
                outcomes = run(some, options.seed, folder, options.only)
                print(f"{name}: " + ", ".join(f"{outcome} {count}" for outcome, count in sorted(outcomes.items())))
                fooled += outcomes["WRONG"] if name == "fooling" else 0
    return int(fooled > 0)


if __name__ == "__main__":
    raise SystemExit(main())
