"""How fast the preview is: `python tests/benchmarks/bench_preview.py`, in one run beside what it could not beat.

Baselines, on the same frames: encoding alone; a warp by one homography with OpenCV (no depth, no holes), encoded alike;
and the NumPy reference renderer.
"""

import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from parascale.camera import Trajectory
from parascale.generators.preview import Preview
from parascale.generators.video import VideoWriter
from parascale.link.requests import GenerationRequest
from parascale.parallax.shot import Shot
from parascale.projection.reference import warp

SIZE, FRAMES = (832, 480), 81
REPEATS = 3


def scene() -> tuple[np.ndarray, np.ndarray]:
    """A textured wall with a floor and forty boxes before it: sRGB picture and depth map."""
    random = np.random.default_rng(7)
    noise = cv2.GaussianBlur(random.uniform(0, 255, (SIZE[1], SIZE[0], 3)).astype(np.float32), (0, 0), 2)
    image = cv2.normalize(noise, None, 20, 235, cv2.NORM_MINMAX).astype(np.uint8)
    row = np.arange(SIZE[1]) + 0.5 - SIZE[1] / 2
    depth = np.minimum(2.0, 200 / np.maximum(row, 1e-3))[:, None] * np.ones(SIZE[0])
    for _ in range(40):
        x, y = random.integers(0, SIZE[0] - 120), random.integers(0, SIZE[1] - 120)
        width, height = random.integers(30, 120, 2)
        box = depth[y : y + height, x : x + width]
        np.minimum(box, random.uniform(0.6, 1.6), out=box)
        image[y : y + height, x : x + width] //= random.integers(1, 3)
    return image, depth.astype(np.float32)


def request(image: np.ndarray, depth: np.ndarray) -> GenerationRequest:
    """An arc of 0.3 unit depths that also moves in."""
    share = np.linspace(0, 1, FRAMES)
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, 0, 3], poses[:, 2, 3] = 0.3 * share, 0.2 * share**2
    intrinsics = np.array([750.0, 750.0, SIZE[0] / 2, SIZE[1] / 2])
    trajectory = Trajectory(poses, intrinsics, np.arange(FRAMES) / 16, *SIZE)
    shot = Shot("arc", 16.0, trajectory, np.ones(FRAMES), unit="unit-depth")
    return GenerationRequest(shot, "preview", image, depth)


def best(work: Callable[[], object]) -> float:
    """Seconds of the quickest of a few runs."""
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print frames a second, and ratios."""
    image, depth = scene()
    asked = request(image, depth)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)

        def encode(frames: Callable[[int], np.ndarray]) -> None:
            with VideoWriter(path / "baseline.mp4", *SIZE, 16.0) as writer:
                for number in range(FRAMES):
                    writer.write(frames(number))

        def shifted(number: int) -> np.ndarray:
            matrix = np.array([[1, 0, -2.8 * number], [0, 1, 0], [0, 0, 1.0]])
            return cv2.warpPerspective(image, matrix, SIZE)

        share = Preview().generate(asked, path).summary["hole_share"]
        rendered: list[np.ndarray] = []
        capture = cv2.VideoCapture(str(path / "result.mp4"))
        while (read := capture.read())[0]:
            rendered.append(cv2.cvtColor(read[1], cv2.COLOR_BGR2RGB))
        view = asked.shot.trajectory.view
        seconds = {
            "preview, with video and mask": best(lambda: Preview().generate(asked, path)),
            "encoding its frames alone": best(lambda: encode(lambda number: rendered[number])),
            "one homography by OpenCV, encoded": best(lambda: encode(shifted)),
            "NumPy reference, not encoded": best(lambda: warp(image, depth, view(0), view(40))) * FRAMES,
        }
    print(f"{FRAMES} frames {SIZE[0]}x{SIZE[1]}, {os.cpu_count()} processors, holes up to {max(share):.0%}")
    own = seconds["preview, with video and mask"]
    for name, value in seconds.items():
        print(f"{name:36} {FRAMES / value:7.1f} frames/s   {value / own:6.2f} x the preview's time")


if __name__ == "__main__":
    main()
