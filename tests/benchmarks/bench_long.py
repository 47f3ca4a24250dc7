"""Time and memory of long clips: `python tests/benchmarks/bench_long.py [--frames 300 900]`.

A hand-held walk of 300 frames, 640x360, rendered once and played on, back and forth, until the clip is long enough: the
camera comes back to where it was. Each is solved in a process of its own, lens given. Peak memory is that process's
largest resident set; the error is that of the path's centres, in % of its length (root mean square).
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path

import numpy as np
from renderer import load_renderer

from parascale.camera.alignment import align_similarity
from parascale.types import Array, Image

SIZE, FOCAL, RENDERED, AMOUNT = (640, 360), 500.0, 300, 2.5

# Not when this is imported: the process that is measured does not need it.
renderer = cache(load_renderer)


@cache
def walk() -> tuple[Array, list[Image]]:
    """Poses (T, 4, 4) of the walk, and its pictures."""
    rendered = renderer()
    poses = rendered.move("handheld", RENDERED, AMOUNT)
    camera = rendered.Camera(rendered.street(), SIZE, FOCAL)
    return np.asarray(poses), [camera.picture(pose)[0] for pose in poses]


def film(path: Path, truth: Path, frames: int) -> None:
    """Film the clip, and write its poses (T, 4, 4)."""
    poses, pictures = walk()
    order = np.resize(np.r_[np.arange(RENDERED), np.arange(RENDERED - 2, 0, -1)], frames)
    renderer().write_video(path, [pictures[at] for at in order], fps=24)
    np.save(truth, poses[order])


def solve_here(path: Path, truth: Path) -> None:
    """Solve, and print what it took as JSON: run in a process of its own."""
    from parascale.solve import solve

    began, spent = time.perf_counter(), time.process_time()
    shot = solve(path, focal=FOCAL)
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    centres = np.load(truth)[shot.frames, :3, 3]
    moved = align_similarity(shot.trajectory.centres, centres).apply(shot.trajectory.centres)
    length = float(np.linalg.norm(np.diff(centres, axis=0), axis=1).sum())
    error = 100 * float(np.sqrt(((moved - centres) ** 2).sum(axis=1).mean())) / length
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    found = {"tracks": shot.quality["tracks"], "wall": wall, "cpu": cpu, "gigabytes": peak, "error": error}
    print(json.dumps(found))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", nargs="*", type=int, default=[300, 900])
    parser.add_argument("--folder", type=Path, help="keep the clips here, and do not film those that are here again")
    parser.add_argument("--solve", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.solve:
        solve_here(*options.solve)
        return
    print("| frames | tracks | seconds | CPU s | peak GB | error, % of the path |\n" + "| --- " * 6 + "|")
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        for frames in options.frames:
            path, truth = folder / f"walk-{frames}.mp4", folder / f"walk-{frames}.npy"
            if not (path.exists() and truth.exists()):
                film(path, truth, frames)
            child = [sys.executable, __file__, "--solve", str(path), str(truth)]
            answer = subprocess.run(child, check=True, stdout=subprocess.PIPE, text=True)
            found = json.loads(answer.stdout.splitlines()[-1])
            cells = [f"{found['tracks']}", f"{found['wall']:.0f}", f"{found['cpu']:.0f}"]
            cells += [f"{found['gigabytes']:.2f}", f"{found['error']:.3f}"]
            print(f"| {frames} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
