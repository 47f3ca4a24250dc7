import numpy as np
import pytest

from parascale.solve.reconstruction.gate import find_jump, find_rejection_reason


def path(steps: np.ndarray) -> np.ndarray:
    poses = np.tile(np.eye(4)[:3], (len(steps) + 1, 1, 1))
    poses[1:, 0, 3] = -np.cumsum(steps)
    return poses


def judged(steps: np.ndarray, **changed: object) -> str | None:
    poses = path(steps)
    facts: dict[str, object] = {
        "observations": np.full(len(poses), 300), "error": 0.4, "inlier_ratio": 0.9, "noise": np.full(len(steps), 1e-4),
    }  # fmt: skip
    return find_rejection_reason(poses, **(facts | changed))  # type: ignore[arg-type]


def test_an_even_path_passes() -> None:
    assert judged(np.full(30, 0.1)) is None


def test_a_hold_in_the_middle_passes() -> None:
    steps = np.r_[np.full(12, 0.1), np.full(12, 1e-5), np.full(12, 0.1)]
    assert judged(steps) is None


def test_a_jump_is_named_by_its_frame() -> None:
    steps = np.full(30, 0.1)
    steps[17] = 5.0
    assert judged(steps) == "the path jumps at frame 17"


def test_photos_in_no_order_do_not_jump() -> None:
    steps = np.full(30, 0.1)
    steps[17] = 5.0
    assert judged(steps, ordered=False) is None


def test_a_noisy_step_does_not_excuse_its_own_jump() -> None:
    steps, noise = np.full(30, 0.1), np.full(30, 1e-4)
    steps[17], noise[17] = 5.0, 10.0
    assert find_jump(path(steps), noise) == 17


def test_a_path_that_hardly_leaves_its_start_is_refused() -> None:
    assert judged(np.full(30, 0.9e-3)) == "the camera moves less than the uncertainty of its own steps"
    assert judged(np.full(30, 1.1e-3)) is None


def test_a_path_that_comes_back_is_measured_at_its_farthest() -> None:
    assert judged(np.r_[np.full(15, 3e-3), np.full(15, -3e-3)]) is None


def test_a_frame_not_placed_is_named() -> None:
    poses = path(np.full(9, 0.1))
    poses[4] = np.nan
    reason = find_rejection_reason(poses, np.full(10, 300), 0.4, 0.9, np.full(9, 1e-4))
    assert reason == "1 of 10 frames could not be placed, frame 4 first"


@pytest.mark.parametrize(
    ("changed", "part"),
    [
        ({"observations": np.r_[np.full(30, 300), 12]}, "frame 30 has only 12 inliers"),
        ({"error": 1.4}, "reprojection error is 1.40 pixels"),
        ({"inlier_ratio": 0.2}, "only 20% of what was tracked"),
    ],
)
def test_weak_solutions_are_refused(changed: dict[str, object], part: str) -> None:
    assert part in (judged(np.full(30, 0.1), **changed) or "")
