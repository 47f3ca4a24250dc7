"""The packing of camera latents, element by element as the model's page lays it out."""

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.conditioning.plucker import plucker_maps
from parascale.conditioning.wan_fun import camera_latents
from parascale.errors import InputError


def path(count: int, size: tuple[int, int] = (32, 16)) -> Trajectory:
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, 3] = np.arange(count)[:, None] * [0.1, 0.03, -0.2]
    return Trajectory(poses, np.array([20.0, 20.0, 16.0, 8.0]), np.arange(count) / 16, *size)


@pytest.mark.parametrize("count", [1, 5, 9, 81])
def test_latents_hold_the_maps_in_groups_of_four(count: int) -> None:
    """Frame 0 four times, then the rest; channel = component * 4 + place in the group."""
    maps, latents = plucker_maps(path(count)), camera_latents(path(count))
    assert latents.shape == (1, 24, (count + 3) // 4, 16, 32)
    assert latents.dtype == np.float32
    repeated = [0, 0, 0, *range(count)]
    for component in range(6):
        for within in range(4):
            for group in range((count + 3) // 4):
                frame = repeated[4 * group + within]
                np.testing.assert_array_equal(latents[0, component * 4 + within, group], maps[frame, component])


@pytest.mark.parametrize("count", [2, 4, 80])
def test_other_numbers_of_frames_are_refused(count: int) -> None:
    with pytest.raises(InputError, match="4n\\+1 frames"):
        camera_latents(path(count))


def test_sizes_that_do_not_halve_are_refused() -> None:
    with pytest.raises(InputError, match="multiples of 16, not 40x16"):
        camera_latents(path(5, (40, 16)))
