"""How fast the preview is: `python tests/benchmarks/bench_preview.py`, in one run beside what it could not beat.

On a scene of forty boxes, and on first frames of the clips with depth where they are there. Baselines, on the same
frames: encoding alone; a warp by one homography with OpenCV (no depth, no holes), encoded alike; and the NumPy
reference renderer. Processor time is over all threads: beside other work it says more than the clock.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fixtures"))

import cv2
import numpy as np
from numpy_warp import warp

from parascale.camera import Trajectory
from parascale.generators.preview import Preview
from parascale.link.kinds.generate import GenerationRequest
from parascale.media.video_file import read_video
from parascale.media.video_writer import VideoWriter
from parascale.parallax.shot import Shot

SIZE, FRAMES = (832, 480), 81
REPEATS = 3
DATA = Path(os.environ.get("PARASCALE_TESTDATA", Path(__file__).parents[3] / "shared" / "data"))
FILMED = {"living room": ("icl_livingroom49", "image"), "office": ("rgbd_tum5", "color")}


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


def filmed(folder: Path, pictures: str) -> tuple[np.ndarray, np.ndarray]:
    """First frame of a clip with depth in millimetres, cropped to the shape; the median depth is 1."""

    def cropped(path: Path) -> np.ndarray:
        read = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
        rows = round(read.shape[1] * SIZE[1] / SIZE[0])
        top = (len(read) - rows) // 2
        return read[top : top + rows]

    image = cropped(min((folder / pictures).iterdir()))
    depth = cropped(min((folder / "depth").iterdir())).astype(np.float32)
    grown = cv2.resize(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), SIZE, interpolation=cv2.INTER_CUBIC)
    return grown, depth / np.median(depth[depth > 0])


def request(image: np.ndarray, depth: np.ndarray) -> GenerationRequest:
    """An arc of 0.3 unit depths that also moves in."""
    share = np.linspace(0, 1, FRAMES)
    poses = np.tile(np.eye(4), (FRAMES, 1, 1))
    poses[:, 0, 3], poses[:, 2, 3] = 0.3 * share, 0.2 * share**2
    intrinsics = np.array([750.0, 750.0, SIZE[0] / 2, SIZE[1] / 2])
    trajectory = Trajectory(poses, intrinsics, np.arange(FRAMES) / 16, *SIZE)
    shot = Shot("arc", 16.0, trajectory, np.ones(FRAMES), unit="unit-depth")
    return GenerationRequest(shot, "preview", image, depth)


def best(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds of the quickest of a few runs, and of processor time."""
    times = []
    for _ in range(REPEATS):
        start, busy = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start, time.process_time() - busy))
    return min(times)[0], min(busy for _, busy in times)


def compare(name: str, image: np.ndarray, depth: np.ndarray) -> None:
    """Print frames a second, processor time and ratios for one picture."""
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
        rendered = read_video(path / "result.mp4", FRAMES)
        view = asked.shot.trajectory.view
        once = best(lambda: warp(image, depth, view(0), view(40)))
        seconds = {
            "preview, with video and mask": best(lambda: Preview().generate(asked, path)),
            "encoding its frames alone": best(lambda: encode(lambda number: rendered[number])),
            "one homography by OpenCV, encoded": best(lambda: encode(shifted)),
            "NumPy reference, not encoded": (once[0] * FRAMES, once[1] * FRAMES),
        }
    print(f"{name}: {FRAMES} frames {SIZE[0]}x{SIZE[1]}, {os.cpu_count()} processors, holes up to {max(share):.0%}")
    own = seconds["preview, with video and mask"][1]
    for what, (clock, busy) in seconds.items():
        print(
            f"{what:36} {FRAMES / clock:7.1f} frames/s   {1e3 * busy / FRAMES:7.1f} ms of processor time a frame   "
            f"{busy / own:6.2f} x the preview's"
        )


def main() -> None:
    """Compare on every picture."""
    compare("boxes", *scene())
    for name, (folder, pictures) in FILMED.items():
        if (DATA / folder).is_dir():
            compare(name, *filmed(DATA / folder, pictures))


if __name__ == "__main__":
    main()
