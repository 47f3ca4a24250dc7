"""Every format gives back what was written, or loses what its `Format` says it loses."""

import dataclasses
import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory
from parascale.camera.intrinsics import fov_from_focal
from parascale.camera.rotations import geodesic_angle
from parascale.errors import InputError
from parascale.files.format import Format
from parascale.files.formats import FORMATS
from parascale.files.raw_trajectory import UserOverrides
from parascale.files.trajectory_file import find_format, read_trajectory, write_trajectory
from parascale.parallax.shot import Points, Shot

EXAMPLES = 60
NAMES = [known.name for known in FORMATS.values() if known.write is not None]


@pytest.fixture(autouse=True, scope="module")
def _quick_disk() -> Iterator[None]:
    """Thousands of small files need not reach the disk."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _file: None)
        yield


@st.composite
def shots(draw: st.DrawFn, known: Format) -> Shot:
    """Return any shot that the format claims to hold."""
    count = draw(st.integers(2, 6))
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = Rotation.random(count, random_state=draw(st.integers(0, 2**32 - 1))).as_matrix()
    reach = 10.0 ** draw(st.integers(-4, 5))
    poses[:, :3, 3] = reach * draw(arrays(np.float64, (count, 3), elements=st.floats(-1, 1, allow_subnormal=False)))
    width, height = draw(st.integers(16, 5000)), draw(st.integers(16, 5000))
    focal = draw(arrays(np.float64, (count, 2), elements=st.floats(10, 1e4)))
    middle = draw(arrays(np.float64, (count, 2), elements=st.floats(0, 5e3)))
    if known.lens in {"one", "none"}:
        focal, middle = np.tile(focal[:1], (count, 1)), np.tile(middle[:1], (count, 1))
    if known.lens in {"height", "none"}:
        focal = np.repeat(focal[:, :1], 2, axis=1)
    if known.lens in {"focal lengths", "height", "none"}:
        middle = np.tile([width / 2, height / 2], (count, 1))
    fps = draw(st.sampled_from([8.0, 16.0, 23.976, 24.0, 29.97, 30.0, 60.0]))
    times = np.arange(count) / fps
    if known.time in {"exact", "microseconds"}:
        steps = draw(st.lists(st.integers(1000, 10**6), min_size=count, max_size=count))
        times = np.cumsum(steps) / 1e6
    unit = "m" if known.metric else draw(st.sampled_from(["m", "arbitrary"])) if known.unit else "arbitrary"
    depth = arrays(np.float64, count, elements=st.floats(1e-3, 1e6) | st.just(np.nan))
    return Shot(
        "shot",
        fps,
        Trajectory(poses, np.hstack([focal, middle]), times, width, height),
        draw(depth) if known.depth else np.full(count, np.nan),
        unit=unit,
        gain=draw(arrays(np.float64, count - 1, elements=st.floats(1e-3, 1e3))) if known.gain else None,
    )


def round_trip(shot: Shot, name: str, *, named: bool = True) -> Shot:
    known = find_format(name)
    overrides = UserOverrides(
        size=shot.trajectory.size,
        fps=shot.fps,
        fov=math.degrees(fov_from_focal(shot.trajectory.intrinsics[0, 0], shot.trajectory.width)),
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"shot{known.suffix}"
        write_trajectory(shot, path, name)
        return read_trajectory(path, name if named else None, overrides).shot


@pytest.mark.parametrize("name", NAMES)
def test_a_round_trip_keeps_what_the_format_holds(name: str) -> None:
    known = find_format(name)

    @settings(max_examples=EXAMPLES, deadline=None)
    @given(shots(known))
    def holds(shot: Shot) -> None:
        back = round_trip(shot, name)
        ours, theirs = shot.trajectory, back.trajectory
        reach = max(np.abs(ours.centres).max(), 1e-30)
        np.testing.assert_allclose(theirs.centres, ours.centres, rtol=0, atol=known.precision * reach)
        assert geodesic_angle(theirs.rotations, ours.rotations).max() <= max(known.precision, 1e-7)
        np.testing.assert_allclose(theirs.intrinsics, ours.intrinsics, rtol=max(known.precision, 1e-9), atol=1e-9)
        np.testing.assert_allclose(
            theirs.times - theirs.times[0], ours.times - ours.times[0], atol=1e-6 if known.time != "exact" else 0
        )
        np.testing.assert_allclose(back.median_depth, shot.median_depth, rtol=1e-12)
        assert theirs.size == ours.size
        if known.unit or known.metric:
            assert back.unit == shot.unit
        if known.gain:
            np.testing.assert_array_equal(back.gain, shot.gain)

    holds()


def test_there_are_a_thousand_random_trajectories() -> None:
    assert EXAMPLES * len(NAMES) >= 1000


def walk(**changes: object) -> Shot:
    """Return 9 frames to the right and a little up, with everything a shot can hold."""
    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, :3, :3] = Rotation.from_rotvec(np.linspace(0, 0.3, 9)[:, None] * [0.2, 1, 0.1]).as_matrix()
    poses[:, :3, 3] = np.arange(9)[:, None] * [0.1, -0.02, 0.03]
    path = Trajectory(poses, np.array([600.0, 600.0, 416.0, 240.0]), np.arange(9) / 24, 832, 480)
    return dataclasses.replace(Shot("walk", 24.0, path, np.full(9, 2.0), metres_per_unit=0.5), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", NAMES)
def test_a_written_file_is_recognised_by_what_it_holds(name: str, tmp_path: Path) -> None:
    known = find_format(name)
    path = tmp_path / ("file" if known.suffix else "folder")
    write_trajectory(walk(), path, name)
    assert read_trajectory(path).format == ("colmap" if name == "colmap-binary" else name)


@pytest.mark.parametrize("name", [name for name in NAMES if FORMATS[name].metric])
def test_metric_formats_are_written_in_metres(name: str) -> None:
    back = round_trip(walk(), name)
    assert (back.unit, back.metres_per_unit) == ("m", 1.0)
    np.testing.assert_allclose(back.trajectory.centres, walk().trajectory.centres / 2, atol=1e-12)


@pytest.mark.parametrize("name", NAMES)
def test_what_is_lost_is_said(name: str, tmp_path: Path) -> None:
    known = find_format(name)
    shot = walk(
        distortion={"model": "FOV", "omega": 0.1},
        points=Points(np.ones((3, 3), np.float32), np.zeros((3, 3), np.uint8)),
        gain=np.ones(8),
        metres_per_unit=None,
    )
    said = " ".join(write_trajectory(shot, tmp_path / f"x{known.suffix}", name))
    assert ("stores no lens" in said) == (known.lens == "none")
    assert ("distortion" in said) == (not known.distortion("FOV"))
    assert ("no median depth" in said) == (not known.depth)
    assert ("no points" in said) == (not known.points)
    assert ("no gain" in said) == (not known.gain)
    assert ("scale is unknown" in said) == known.metric
    assert ("frame rate" in said) == (known.time == "none")
    assert ("made for" in said) == (known.rate is not None)


@pytest.mark.parametrize("name", ["colmap", "colmap-binary", "nerfstudio"])
@pytest.mark.parametrize(
    "distortion",
    [
        {"model": "SIMPLE_RADIAL", "k1": -0.02},
        {"model": "RADIAL", "k1": -0.02, "k2": 0.003},
        {"model": "OPENCV", "k1": -0.02, "k2": 0.003, "p1": 1e-4, "p2": -2e-4},
        {"model": "OPENCV_FISHEYE", "k1": -0.02, "k2": 0.003, "k3": 1e-3, "k4": 1e-4},
    ],
)
def test_distortion_is_carried_where_a_format_can(name: str, distortion: dict[str, object]) -> None:
    assert round_trip(walk(distortion=distortion), name).distortion == distortion


@pytest.mark.parametrize("name", ["colmap", "colmap-binary"])
def test_colmap_keeps_points_and_takes_the_depth_from_them(name: str) -> None:
    """A wall at depth 2 in front of the first camera, seen by all."""
    generator = np.random.default_rng(0)
    positions = np.column_stack([generator.uniform(-2, 2, (500, 2)), np.full(500, 2.0)]).astype(np.float32)
    colours = generator.integers(0, 256, (500, 3)).astype(np.uint8)
    back = round_trip(walk(points=Points(positions, colours)), name)
    assert back.points is not None
    np.testing.assert_array_equal(back.points.positions, positions)
    np.testing.assert_array_equal(back.points.colours, colours)
    assert back.median_depth[0] == pytest.approx(2.0)
    assert np.isfinite(back.median_depth).all()


def test_csv_names_parallax_and_gain_in_its_first_line(tmp_path: Path) -> None:
    write_trajectory(walk(gain=np.full(8, 3.0)), tmp_path / "walk.csv", "csv")
    head, first, *_ = (tmp_path / "walk.csv").read_text().splitlines()
    row = dict(zip(head.split(","), first.split(","), strict=True))
    assert float(row["parallax_number"]) == pytest.approx(np.hypot(np.hypot(0.1, 0.02), 0.03) / 2)
    assert float(row["gain"]) == 3.0


def test_a_pose_folder_keeps_its_other_cameras(tmp_path: Path) -> None:
    folder = tmp_path / "poses"
    write_trajectory(walk(name="pan left"), folder, "pose-folder")
    write_trajectory(walk(name="zoom in"), folder, "pose-folder")
    imported = read_trajectory(folder, overrides=UserOverrides(camera="zoom in"))
    assert imported.shot.name == "zoom in"
    assert (folder / "camera_poses.json").read_text().count(".txt") == 2
    with pytest.raises(InputError, match="no camera 'zoom out'") as refused:
        read_trajectory(folder, overrides=UserOverrides(camera="zoom out"))
    assert refused.value.notice.remedy == "camera"
    assert refused.value.notice.choices == ("pan left", "zoom in")


@pytest.mark.parametrize("name", [name for name in FORMATS if name not in NAMES])
def test_a_format_that_is_only_read_is_refused_with_those_that_are_written(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"{name} is read and not written") as refused:
        write_trajectory(walk(), tmp_path / "x", name)
    assert refused.value.notice.choices == tuple(NAMES)
    assert not list(tmp_path.iterdir())


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="chan, colmap, colmap-binary"):
        write_trajectory(walk(), tmp_path / "x", "fbx")


def test_a_lone_frame_makes_the_trip() -> None:
    one = walk()
    path = one.trajectory
    lone = Trajectory(path.camera_to_world[:1], path.intrinsics[0], path.times[:1], *path.size)
    shot = Shot("one", 24.0, lone, np.array([2.0]), motion_class="static")
    for name in NAMES:
        back = round_trip(shot, name)
        assert (len(back), back.motion_class) == (1, "static"), name
