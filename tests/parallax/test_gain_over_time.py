"""How the gain changes over a shot: midpoint, closed paths, jumps of the reference's own depth."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory, View
from parascale.parallax.calibrate import Calibration, Settings, calibrate
from parascale.parallax.depth_source import ConstantDepth, DepthSamples, pixel_grid
from parascale.parallax.shot import Shot

LENS = np.array([500.0, 500.0, 320.0, 180.0])
MIDPOINT = Settings(midpoint=True)


def third_of_an_orbit(count: int) -> Shot:
    """A third of a circle about the origin at radius and depth 5."""
    turned = np.linspace(0, np.radians(120), count)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = Rotation.from_euler("y", turned[:, None]).as_matrix()
    poses[:, 0, 3], poses[:, 2, 3] = -5 * np.sin(turned), -5 * np.cos(turned)
    return Shot("orbit", 24, Trajectory(poses, LENS, np.linspace(0, 4, count), 640, 360), np.full(count, 5.0))


@pytest.fixture(scope="module")
def wall(traced):
    """A wall 5 to the right: at the start the camera looks along it, at the end almost straight at it."""
    return traced((((1.0, 0.0, 0.0), 5.0),), grid=(64, 36))


@pytest.fixture(scope="module")
def end(wall) -> tuple[np.ndarray, float]:
    """Where the orbit of very many frames ends, and how far it walks."""
    path = carry(third_of_an_orbit(641), wall, MIDPOINT).shot.trajectory
    return path.centres[-1], float(np.linalg.norm(path.baselines, axis=1).sum())


def carry(shot: Shot, target, settings: Settings, start: np.ndarray | None = None) -> Calibration:
    return calibrate(shot, target, View(np.eye(4) if start is None else start, LENS, 640, 360), settings)


@pytest.mark.parametrize(("count", "off", "most"), [(17, 0.068, 0.015), (41, 0.027, 0.0035)])
def test_few_frames_end_where_many_do(wall, end, count: int, off: float, most: float) -> None:
    place, length = end

    def missed(settings: Settings) -> float:
        return (
            float(np.linalg.norm(carry(third_of_an_orbit(count), wall, settings).shot.trajectory.centres[-1] - place))
            / length
        )

    assert missed(Settings()) > off
    assert missed(MIDPOINT) < most


def test_it_walks_back_the_way_it_came(wall) -> None:
    shot = third_of_an_orbit(41)
    there = carry(shot, wall, MIDPOINT).shot.trajectory
    last = np.array(there.camera_to_world[-1])
    back = carry(shot, wall, Settings(midpoint=True, anchor_frame=-1), last).shot.trajectory
    assert np.linalg.norm(back.centres[0]) < 0.01 * np.linalg.norm(there.baselines, axis=1).sum()


@pytest.mark.parametrize("anchor_frame", [0, 20, -1])
def test_both_ends_of_a_step_do_not_add_up_to_a_larger_jump(moving, anchor_frame: int) -> None:
    def wall_behind_a_curtain(pose, lens, size, frame: int) -> DepthSamples:
        pixels = pixel_grid(size, (16, 9))
        return DepthSamples(pixels, np.full(len(pixels), 4.0 if frame < 12 else 8.0), np.ones(len(pixels), bool))

    reference = moving(np.arange(41)[:, None] * [0.01, 0, 0], np.full(41, 2.0))
    settings = Settings(midpoint=True, max_jump=0.05, anchor_frame=anchor_frame)
    gain = carry(reference, wall_behind_a_curtain, settings).shot.gain
    assert np.abs(np.diff(np.log(gain))).max() == pytest.approx(0.05)


def test_in_a_similar_world_nothing_changes(path, film, room) -> None:
    reference = film(path(3, turn=0.2, reach=0.4), room)
    same = np.array(reference.trajectory.camera_to_world[0])
    for settings in (Settings(), MIDPOINT, Settings(midpoint=True, smooth=2.0)):
        result = carry(reference, room, settings, same)
        assert result.shot.trajectory.centres == pytest.approx(reference.trajectory.centres, abs=1e-9)
        assert result.report.pce < 1e-9


def test_a_closed_path_that_stays_open_is_told_and_global_closes_it(orbit, room, anchor) -> None:
    circle = orbit(61)

    def told(settings: Settings) -> list[str]:
        return [text for text in calibrate(circle, room, anchor, settings).report.warnings if "ends where" in text]

    (text,) = told(Settings())
    assert "the method global keeps the path's shape" in text
    path = calibrate(circle, room, anchor, Settings()).shot.trajectory
    missed = np.linalg.norm(path.centres[-1] - path.centres[0]) / np.linalg.norm(path.baselines, axis=1).sum()
    assert f"by {100 * missed:.0f} % of its length" in text
    assert told(Settings("global")) == []
    # What opens the path is not the method, and the method is no remedy.
    (text,) = told(Settings("global", strength=np.linspace(0.5, 1.5, 60)))
    assert text.endswith("the strength, or the lens, changes on the way.")


@pytest.mark.parametrize(
    ("lasting", "step", "turn", "most"),
    [(7, 0.002, 0.0, 0.05), (7, 0.2, 0.0, 0.3), (7, 0.002, 12.0, 0.3), (1, 0.2, 0.0, 0.05), (1, 0.002, 12.0, 0.05)],
)
def test_the_gain_follows_what_the_depth_of_the_reference_does_for_some_frames_as_far_as_its_view_changes(
    moving, lasting: int, step: float, turn: float, most: float
) -> None:
    """Depth falls by 30 % a frame: noise where the view stays, a jump in one frame, else what is seen.

    The view changes where the camera walks or turns.
    """
    depth = 2.0 * np.exp(-0.3 * np.clip(np.arange(41) - 17, 0, lasting))
    turned = Rotation.from_euler("y", turn * np.arange(41)[:, None], degrees=True).as_matrix()
    reference = moving(np.arange(41)[:, None] * [step * 2.0, 0, 0], depth, turned)
    settings = Settings(max_jump=0.05)
    report = calibrate(reference, ConstantDepth(4.0), View(np.eye(4), LENS, 640, 360), settings).report
    assert report.largest_jump == pytest.approx(most, abs=1e-9)
    if most == 0.3:
        assert report.pce < 1e-9
    elif lasting == 1:
        assert report.pce < 0.03
    else:
        # All that a limit of 0.05 a frame costs where ln Z falls by 2.1: after k frames of the fall, and until the end.
        behind = [min(0.3 * k, 2.1) - 0.05 * k for k in range(1, 23)]
        assert report.pce == pytest.approx(sum(behind) / 40, rel=1e-6)


@pytest.mark.parametrize("anchor_frame", [0, -1])
@pytest.mark.parametrize(("begins", "lasting"), [(0, 1), (0, 2), (38, 2), (39, 1)])
def test_a_jump_of_the_depth_of_the_reference_at_either_end_is_not_followed(
    moving, begins: int, lasting: int, anchor_frame: int
) -> None:
    """Depth falls by 30 % a frame in the first or last one or two steps: no lasting change, as no more are known."""
    depth = 2.0 * np.exp(-0.3 * np.clip(np.arange(41) - begins, 0, lasting))
    reference = moving(np.arange(41)[:, None] * [0.4, 0, 0], depth)
    settings = Settings(max_jump=0.05, anchor_frame=anchor_frame)
    report = calibrate(reference, ConstantDepth(4.0), View(np.eye(4), LENS, 640, 360), settings).report
    assert report.largest_jump <= 0.05 + 1e-9
