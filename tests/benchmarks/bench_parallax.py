"""What the mathematics costs without any geometry: ratios to one pass over the same arrays, and a look a frame."""

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from parascale.camera import Trajectory, View
from parascale.parallax.calibrate import Settings, calibrate
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.parallax.gains import TargetStart, global_gain, global_norm_gain, static_gain
from parascale.parallax.metrics import compare
from parascale.parallax.realise import realise
from parascale.parallax.shot import Shot
from parascale.retime import even, keep_felt_speed, match_rate, separate, stitch

LENS = np.array([500.0, 500.0, 416.0, 240.0])
SIZE = (832, 480)


def shot(frames: int) -> Shot:
    generator = np.random.default_rng(0)
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, :3, 3] = np.cumsum(generator.normal(0, 0.02, (frames, 3)), axis=0)
    path = Trajectory(poses, LENS, np.arange(frames) / 24, *SIZE)
    return Shot(
        "walk", 24, path, np.exp(generator.normal(1, 0.2, frames)), felt_parallax=generator.uniform(0, 1, frames - 1)
    )


class Remembered:
    """A source that costs nothing: the same uneven depth everywhere, 64 x 36."""

    def __init__(self) -> None:
        pixels = pixel_grid(SIZE, (64, 36))
        depth = np.random.default_rng(1).uniform(1, 9, len(pixels))
        self.samples = DepthSamples(pixels, depth, depth < 8)

    def __call__(self, camera_to_world: object, intrinsics: object, size: object, frame: int) -> DepthSamples:
        return self.samples


def milliseconds(work: Callable[[], object], repeats: int = 5) -> float:
    best = np.inf
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - start)
    return float(1000 * best)


def main() -> None:
    frames = 10_000
    reference, anchor, source = shot(frames), View(np.eye(4), LENS, *SIZE), Remembered()
    gain = static_gain(reference, TargetStart(2.0))
    realised = realise(reference.trajectory, anchor, gain)
    result = Shot("realised", 24, realised, reference.median_depth, felt_parallax=reference.felt_parallax)
    copy = milliseconds(lambda: np.array(reference.trajectory.camera_to_world))
    print(f"{frames} frames; one copy of the poses takes {copy:.2f} ms")
    calm = dataclasses.replace(separate(reference).combine(shake=0), median_depth=np.full(frames, 2.0))
    parts = {
        "Parallax Number": lambda: reference.parallax_number,
        "gains: static, global, global-norm": lambda: [
            method(reference, TargetStart(2.0)) for method in (static_gain, global_gain, global_norm_gain)
        ],
        "realise": lambda: realise(reference.trajectory, anchor, gain),
        "shot made and checked": lambda: Shot("realised", 24, realised, reference.median_depth, gain=gain),
        "metrics": lambda: compare(result, reference),
        "match_rate 24 to 16": lambda: match_rate(reference, 16),
        "keep_felt_speed, twice as long": lambda: keep_felt_speed(reference, 2 * frames, 24),
        "even": lambda: even(calm, frames, 24),
        "stitch": lambda: stitch(reference, reference),
        "separate": lambda: separate(reference),
    }
    costs = {name: milliseconds(work) for name, work in parts.items()}
    for name, cost in costs.items():
        print(f"  {name:36} {cost:8.2f} ms  {cost / copy:8.1f} copies")
    calibration = sum(costs[name] for name in list(costs)[:4])
    print(f"  {'a calibration without its looks':36} {calibration:8.2f} ms  (budget 20 ms)")

    short = shot(81)
    median = milliseconds(lambda: [np.median(source.samples.depth[source.samples.hit]) for _ in range(81)])
    print(f"81 frames x 2,304 samples; their medians alone take {median:.2f} ms")
    for settings in (Settings(), Settings("felt"), Settings("static"), Settings(smooth=3.0)):
        cost = milliseconds(lambda settings=settings: calibrate(short, source, anchor, settings))
        name = settings.method + (", smoothed" if settings.smooth else "")
        print(f"  {name:36} {cost:8.2f} ms  {cost / median:8.1f} medians  {1000 * cost / 81:6.0f} us a frame")


if __name__ == "__main__":
    main()
