"""Subjects as tracks on the screen, and what operations on a shot do to them."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.files.fit import resize_to_cover
from parascale.parallax.gauge import scale_gauge
from parascale.parallax.shot import Shot
from parascale.parallax.subject import (
    SubjectTrack,
    depth_in_box,
    depth_of_point,
    places_of,
    rays_to,
    seen_through,
)
from parascale.retime.resample import keep_path
from parascale.retime.stitch import stitch

LENS = np.array([500.0, 480.0, 310.0, 190.0])


def looking_at(path: Trajectory, point: np.ndarray) -> np.ndarray:
    """Places (T, 2) in frame widths, pixel by pixel as one would compute them by hand."""
    local = np.einsum("nji,nj->ni", path.rotations, point - path.centres)
    pixels = local[:, :2] / local[:, 2:] * path.intrinsics[:, :2] + path.intrinsics[:, 2:]
    return (pixels - np.array(path.size) / 2) / path.width


def turning(count: int = 5, seed: int = 0) -> Trajectory:
    poses = np.tile(np.eye(4), (count, 1, 1))
    turns = np.random.default_rng(seed).normal(size=(count, 3)) * 0.1
    poses[:, :3, :3] = Rotation.from_rotvec(turns).as_matrix()
    poses[:, 0, 3] = np.linspace(0, 0.2, count)
    return Trajectory(poses, LENS, np.arange(count) / 24, 640, 360)


@given(seed=st.integers(0, 1000))
def test_a_ray_and_its_place_are_inverse_to_each_other(seed: int) -> None:
    places = np.random.default_rng(seed).uniform(-1, 1, (4, 2))
    assert places_of(3 * rays_to(places, LENS, (640, 360)), LENS, (640, 360)) == pytest.approx(places, abs=1e-12)


def test_a_camera_that_is_turned_sees_a_subject_in_the_same_direction() -> None:
    before, point = turning(), np.array([0.3, -0.2, 4.0])
    poses = np.array(before.camera_to_world)
    poses[:, :3, :3] = poses[:, :3, :3] @ Rotation.from_euler("y", 8, degrees=True).as_matrix()
    after = Trajectory(poses, 1.5 * LENS, before.times, 960, 540)
    depth = np.einsum("nji,nj->ni", before.rotations, point - before.centres)[:, 2]
    (seen,) = seen_through([SubjectTrack("ball", looking_at(before, point), depth=depth)], before, after)
    assert seen.centre == pytest.approx(looking_at(after, point), abs=1e-12)
    assert seen.depth == pytest.approx(np.einsum("nji,nj->ni", after.rotations, point - after.centres)[:, 2])


def test_subjects_follow_a_shot_through_what_is_done_to_it() -> None:
    path, point = turning(), np.array([0.3, -0.2, 4.0])
    centre = looking_at(path, point)
    centre[3] = np.nan
    shot = Shot("a", 24, path, np.full(5, 2.0), subjects=(SubjectTrack("ball", centre, depth=np.full(5, 4.0)),))
    assert scale_gauge(shot, 10).subjects[0].depth == pytest.approx(np.full(5, 40.0))
    (cut,) = resize_to_cover(shot, (480, 480)).subjects
    assert cut.centre == pytest.approx(centre * (640 * 480 / 360) / 480, nan_ok=True)
    (longer,) = keep_path(shot, 9, 48).subjects
    assert longer.centre[::2] == pytest.approx(centre, nan_ok=True)
    assert longer.centre[1] == pytest.approx((centre[0] + centre[1]) / 2)
    assert np.isnan(longer.centre[5:8]).all()
    both = stitch(shot, dataclasses.replace(shot, name="b"), 0.0)
    assert [len(subject) for subject in both.subjects] == [9, 9]
    assert both.subjects[1].centre[5:] == pytest.approx(centre[1:], nan_ok=True)
    assert not both.subjects[1].in_frame[:5].any()


def test_a_shot_knows_when_its_subject_changes() -> None:
    shot = Shot("a", 24, turning(), np.full(5, 2.0))
    one, two = (dataclasses.replace(shot, subjects=(SubjectTrack("x", np.full((5, 2), at)),)) for at in (0.0, 0.1))
    assert len({shot.digest, one.digest, two.digest}) == 3


@pytest.fixture
def forward() -> Trajectory:
    """Five cameras that walk along their axis in steps of 1."""
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 2, 3] = np.arange(5)
    return Trajectory(poses, [300.0, 300.0, 160.0, 96.0], np.arange(5.0), 320, 192)


def test_subject_is_what_the_first_frame_sees_in_the_box(forward: Trajectory) -> None:
    rng = np.random.default_rng(0)
    middle = np.column_stack([rng.uniform(-0.1, 0.1, (9, 2)), np.full(9, 10.0)])
    aside = np.column_stack([rng.uniform(1.5, 2.0, (9, 2)), np.full(9, 4.0)])
    depth = depth_in_box(forward, np.concatenate([middle, aside]), (0.4, 0.4, 0.6, 0.6))
    np.testing.assert_allclose(depth, [10, 9, 8, 7, 6])


def test_subject_left_behind_has_no_depth(forward: Trajectory) -> None:
    points = np.column_stack([np.zeros((6, 2)), np.full(6, 2.5)])
    np.testing.assert_allclose(depth_in_box(forward, points, (0, 0, 1, 1)), [2.5, 1.5, 0.5, np.nan, np.nan])


@pytest.mark.parametrize(("box", "sentence"), [((0.6, 0, 0.4, 1), "is empty"), ((0, 0, 0.1, 0.1), "holds 0 of its")])
def test_box_without_a_subject_is_refused(
    forward: Trajectory, box: tuple[float, float, float, float], sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        depth_in_box(forward, np.tile([0.0, 0.0, 5.0], (6, 1)), box)


def test_place_is_followed_until_it_is_behind(forward: Trajectory) -> None:
    np.testing.assert_allclose(depth_of_point(forward, np.array([0.3, 0.1, 2.5])), [2.5, 1.5, 0.5, np.nan, np.nan])
