"""What a shot of 81 frames takes of the processor, marched and optimised, in a still scene and in a moving one.

By the rays of Rebuild and of `parascale calibrate`. Counted is the processor's time.

Run: python tests/benchmarks/shots/bench_long_shot.py
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1]))

import budget
import numpy as np
from bench_shots import SETTINGS, film, open_stage

from parascale.blender.camera import view_of_camera
from parascale.blender.depth import SceneDepth
from parascale.parallax.calibrate import calibrate
from parascale.parallax.composition import TargetFacts

FRAMES, FPS, REPEATS = 81, 24, 3
STILL, MOVING = "street", "walker"


def main() -> None:
    """Carry one compound move into both, from what was gathered as Rebuild gathers it: anew every time."""
    shot = film("compound", FRAMES, FPS)
    for target in (STILL, MOVING):
        scene, stage = open_stage(target, FRAMES)
        assert scene.camera is not None
        anchor = view_of_camera(scene, scene.camera)
        medians = []
        for name in ("shot", "shot, optimised"):
            seconds, solver = [], ""
            for _ in range(REPEATS):
                depth = SceneDepth(scene, frames=1.0 + np.arange(FRAMES), clip=stage.clip)
                begin = time.process_time()
                result = calibrate(shot, depth, anchor, SETTINGS[name], unit="m", facts=TargetFacts((0, 0, 1)))
                seconds.append(time.process_time() - begin)
                solver = result.report.solver
            moves = "moves" if stage.animated else "stands still"
            medians.append(sorted(seconds)[REPEATS // 2])
            told = budget.told(medians[-1], 1.0, " s")
            print(f"{target}, which {moves}: {name}: {medians[-1]:.2f} s, {told}; kept: {solver}")
        print(f"{target}: the optimisation itself, after its march: {medians[1] - medians[0]:.2f} s")


if __name__ == "__main__":
    main()
