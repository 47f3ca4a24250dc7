"""What files and conditioning tensors cost: ratios to writing the same bytes and nothing else."""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from parascale.camera import Trajectory
from parascale.conditioning.tensor_file import TENSORS, write_tensor
from parascale.files.formats import FORMATS
from parascale.files.trajectory_file import read_trajectory, write_trajectory
from parascale.parallax.shot import Shot


def shot(frames: int, size: tuple[int, int] = (832, 480)) -> Shot:
    angle = np.linspace(0, 0.5, frames)
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, 0, 0] = poses[:, 2, 2] = np.cos(angle)
    poses[:, 0, 2], poses[:, 2, 0] = np.sin(angle), -np.sin(angle)
    poses[:, :3, 3] = angle[:, None] * [1, 0.2, 0.5]
    path = Trajectory(poses, np.array([454.1, 454.1, size[0] / 2, size[1] / 2]), np.arange(frames) / 16, *size)
    return Shot("turn", 16.0, path, np.full(frames, 2.0))


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return float(best)


def tensors(folder: Path) -> None:
    path = folder / "tensor.npz"
    print("81 frames 832x480")
    for known in TENSORS:
        cost = seconds(lambda known=known: write_tensor(shot(81), path, known))
        size = path.stat().st_size
        block = bytes(min(size, 1_600_000))
        plain = folder / "plain"

        def copy(block: bytes = block, size: int = size, plain: Path = plain) -> None:
            with plain.open("wb") as file:
                for _ in range(max(1, size // len(block))):
                    file.write(block)

        bare = seconds(copy)
        budget = "  (budget 2 s)" if size > 1e8 else ""
        print(f"  {known.name:18} {size / 1e6:8.1f} MB  {cost:6.3f} s  {cost / bare:6.1f} x the bytes alone{budget}")
        plain.unlink()
        path.unlink()


def formats(folder: Path, frames: int = 10_000) -> None:
    print(f"{frames} frames")
    for known in FORMATS.values():
        if known.name == "strecha" or known.write is None:
            continue  # a file a frame would time the file system
        path = folder / f"{known.name}{known.suffix}"
        source = shot(frames)
        write = seconds(lambda path=path, known=known, source=source: write_trajectory(source, path, known.name), 1)
        read = seconds(lambda path=path, known=known: read_trajectory(path, known.name), 1)
        print(f"  {known.name:18} written in {1000 * write:7.0f} ms, read in {1000 * read:7.0f} ms")


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        tensors(Path(folder))
        formats(Path(folder))


if __name__ == "__main__":
    main()
