import dataclasses
import math

import numpy as np
import pytest

from parascale.evaluation.verify import SECOND_PASS_ABOVE_FACTOR, correction, second_pass
from parascale.link.kinds.generate import GenerationRequest
from parascale.parallax.metrics import compare


def held(truck, factor, **how):
    """A video whose camera went so many times as far as asked."""
    return compare(truck(0.01 * factor, **how), truck(0.01))


@pytest.mark.parametrize("factor", [0.4, 1.3, 3.0])
def test_a_wrong_scale_is_corrected_by_its_inverse(factor, truck) -> None:
    assert correction(held(truck, factor)) == pytest.approx(1 / factor)


@pytest.mark.parametrize("factor", [1.0, 0.99 * SECOND_PASS_ABOVE_FACTOR, 1.01 / SECOND_PASS_ABOVE_FACTOR])
def test_what_lies_within_fifteen_per_cent_is_left_alone(factor, truck) -> None:
    assert correction(held(truck, factor)) is None


def test_a_video_that_moves_less_than_the_noise_says_nothing_about_its_scale(truck) -> None:
    assert correction(held(truck, 0.1, noise=0.005)) is None
    assert correction(dataclasses.replace(held(truck, 3.0), above_floor=math.nan)) is None


def test_the_second_pass_asks_for_the_path_times_the_gain_and_nothing_else(truck) -> None:
    shot = truck()
    request = GenerationRequest(shot, "preview", np.zeros((96, 160, 3), np.uint8), seed=5, prompt="a desk")
    again = second_pass(request, 2.5)
    np.testing.assert_allclose(again.shot.trajectory.centres, 2.5 * shot.trajectory.centres)
    assert np.array_equal(again.shot.trajectory.rotations, shot.trajectory.rotations)
    assert (again.seed, again.prompt, again.generator) == (5, "a desk", "preview")
    assert np.array_equal(again.shot.median_depth, shot.median_depth)
