"""A clip and the same clip reversed give the same P; more clips: tests/benchmarks/bench_consistency.py.

The clip is a generated video: a boy walks, the trees are too far to be measured, and the lens is unknown.
"""

from pathlib import Path

import cv2
import numpy as np
import pytest

from parascale.parallax.shot import Shot
from parascale.solve import solve
from parascale.solve.tracking.footage import read_footage
from parascale.types import Array


def parallax_between_frames(shot: Shot) -> Array:
    """P of the steps with the geometric mean of both depths, the same from either end."""
    depth = shot.median_depth
    return np.linalg.norm(shot.trajectory.baselines, axis=1) / np.sqrt(depth[1:] * depth[:-1])


@pytest.mark.slow
@pytest.mark.realdata
def test_a_walk_reversed_has_the_same_p(testdata: Path, tmp_path: Path) -> None:
    grey = read_footage(testdata / "clips" / "street_walk_generated.mp4").grey
    found = []
    for name, pictures in (("forward", grey), ("reversed", grey[::-1])):
        folder = tmp_path / name
        folder.mkdir()
        for number, picture in enumerate(pictures):
            cv2.imwrite(str(folder / f"{number:05d}.png"), picture)
        found.append(solve(folder, threads=2))
    first, second = (parallax_between_frames(shot) for shot in found)
    assert abs(np.median(np.log(second[::-1] / first))) < 0.1
    # The boy stands on the ground: the median does not jump from there to the trees and back.
    for shot in found:
        depth = shot.median_depth
        assert np.abs(np.log(depth[1:] / depth[:-1])).max() < 0.4
