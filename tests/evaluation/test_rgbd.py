"""A real scene as a target: what several depth maps show together, and paths measured in it."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parascale.camera import View
from parascale.errors import InputError
from parascale.evaluation.rgbd import DepthSequence, FusedDepth, read_sequence, rgbd_table, see_fused
from parascale.parallax.shot import Shot

LENS = np.array([100.0, 100, 80, 48])


def seen_from(x: float, depth: np.ndarray) -> tuple[View, np.ndarray]:
    pose = np.eye(4)
    pose[0, 3] = x
    return View(pose, LENS, 160, 96), depth.astype(np.float32)


def wall(depth: float = 2.0) -> np.ndarray:
    return np.full((96, 160), depth)


def fused(*parts: tuple[View, np.ndarray]) -> FusedDepth:
    views, maps = zip(*parts, strict=True)
    return FusedDepth(DepthSequence(views, maps))


def test_maps_complete_each_other_and_where_none_measured_there_is_no_hit() -> None:
    half = wall()
    half[:, 80:] = 0
    other = wall()
    other[:, :60] = 0
    seen = fused(seen_from(0, half), seen_from(0, other))(np.eye(4), LENS, (160, 96), 0)
    assert seen.hit.all()
    assert seen.depth == pytest.approx(np.full(len(seen.hit), 2.0))
    alone = fused(seen_from(0, half), seen_from(0, half))(np.eye(4), LENS, (160, 96), 0)
    assert alone.hit.mean() == pytest.approx(0.5, abs=0.05)


def test_what_one_map_sees_in_front_hides_what_another_sees_behind() -> None:
    box = wall()
    box[:, 60:100] = 1.0
    seen = fused(seen_from(0, box), seen_from(0, wall()))(np.eye(4), LENS, (160, 96), 0)
    middle = (seen.pixels[:, 0] > 64) & (seen.pixels[:, 0] < 96)
    assert seen.depth[middle] == pytest.approx(np.full(middle.sum(), 1.0), rel=0.02)


def test_a_path_is_measured_where_the_maps_cover_enough(truck: Callable[..., Shot]) -> None:
    near = truck(step=0.02, frames=17)
    measured, covered = see_fused(near, fused(seen_from(0, wall()), seen_from(0.3, wall())))
    assert measured.median_depth[[0, 8, 16]] == pytest.approx(np.full(3, 2.0))
    assert covered > 0.9
    # Far aside, the maps show less than half of the frame.
    measured, _ = see_fused(truck(step=0.2, frames=17), fused(seen_from(0, wall()), seen_from(0.1, wall())))
    assert math.isnan(measured.median_depth[16])


def test_a_sequence_is_read_as_seven_scenes_lays_it_out(tmp_path: Path) -> None:
    cv2 = pytest.importorskip("cv2")
    for number in range(2):
        name = tmp_path / f"frame-{number:06d}"
        pose = np.eye(4)
        pose[0, 3] = number
        np.savetxt(f"{name}.pose.txt", pose)
        depth = np.full((48, 64), 1500, np.uint16)
        depth[0] = 65535  # not measured
        cv2.imwrite(f"{name}.depth.png", depth)
    sequence = read_sequence(tmp_path)
    assert [view.camera_to_world[0, 3] for view in sequence.views] == [0, 1]
    assert sequence.views[0].intrinsics.tolist() == [585, 585, 320, 240]
    assert (sequence.maps[0][0, 0], sequence.maps[0][1, 0]) == (0, pytest.approx(1.5))
    (tmp_path / "intrinsics.txt").write_text("50 50 32 24")
    assert read_sequence(tmp_path).views[0].intrinsics.tolist() == [50, 50, 32, 24]


def test_what_is_no_sequence_is_refused_in_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds 0 depth maps NAME\.depth\.png, and two are needed"):
        read_sequence(tmp_path)


def test_paths_that_could_not_be_measured_are_counted() -> None:
    (row,) = rgbd_table([("static", 0.1, 0.8), ("static", 0.3, 0.6), ("static", math.nan, math.nan)]).rows
    assert (row[0], row[2], row[4], row[5]) == ("static", pytest.approx(0.2), pytest.approx(0.7), "1 of 3")
