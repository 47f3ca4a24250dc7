from typing import Any

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.evaluation.verify import verify
from parascale.parallax.shot import Shot


def asked(clip: Any, gain: float = 1.0) -> Shot:
    poses = clip.camera_to_world.copy()
    poses[:, :3, 3] *= gain
    width, height = clip.size
    path = Trajectory(poses, clip.intrinsics, np.arange(len(poses)) / clip.fps, width, height)
    return Shot("asked", clip.fps, path, clip.median_depth)


@pytest.mark.slow
def test_a_faithful_video_has_next_to_no_error_and_a_scaled_one_its_scale(clips: Any, rendered: Any) -> None:
    # The size of what generators make: at 480x270 the rotation is told to 0.05 degrees and no better.
    clip = clips("crane", camera=rendered.Camera(rendered.street(), (832, 480), 700.0))
    found = verify(clip.path, asked(clip))
    assert found.metrics.pce < 0.04
    assert found.metrics.rot_err < 0.05
    assert found.metrics.frames == 24
    from parascale.parallax.metrics import compare

    assert compare(found.shot, asked(clip, 3.0)).pce == pytest.approx(np.log(3), abs=0.04)


def test_a_shot_that_zooms_cannot_be_verified_against(clips: Any) -> None:
    clip = clips("static", 8)
    shot = asked(clip)
    intrinsics = np.tile(clip.intrinsics, (8, 1))
    intrinsics[-1, :2] *= 1.1
    zooming = Trajectory(clip.camera_to_world, intrinsics, shot.trajectory.times, *clip.size)
    with pytest.raises(InputError, match="zooms"):
        verify(clip.path, Shot("asked", 16, zooming, shot.median_depth))
