"""`parascale generate` fits the shot to its generator before it asks for anything."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.files.shot_file import write_shot
from parascale.link.kinds.generate import GenerationRequest
from parascale.parallax.shot import Shot


@pytest.fixture
def asked(
    typed_said: Callable[..., tuple[int, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[GenerationRequest, str]]:
    """Type a generate of a 240-frame shot at 24 fps: the request, and what was said."""
    from PIL import Image

    poses = np.tile(np.eye(4), (240, 1, 1))
    poses[:, 2, 3] = np.linspace(0, 1.0, 240)
    path = Trajectory(poses, np.array([86.4, 86.4, 48, 32]), np.arange(240) / 24, 96, 64)
    write_shot(Shot("ten", 24.0, path, 2 - poses[:, 2, 3]), tmp_path / "ten.shot.json")
    Image.fromarray(np.zeros((64, 96, 3), np.uint8)).save(tmp_path / "first.png")
    requests: list[GenerationRequest] = []

    def take(request: GenerationRequest, *_: object, **__: object) -> None:
        requests.append(request)
        raise InputError("stopped here")

    monkeypatch.setattr("parascale.cli.generate.run_job", take)

    def run(*arguments: object) -> tuple[GenerationRequest, str]:
        given = ("--image", tmp_path / "first.png", "-o", tmp_path / "out.mp4", *arguments)
        code, said = typed_said("generate", tmp_path / "ten.shot.json", *given)
        assert code == 3
        return requests[-1], said

    return run


@pytest.mark.parametrize(
    ("given", "frames", "fps", "said"),
    [
        (("-g", "wan-fun-camera"), 160, 16, "240 frames at 24 fps became 160 at 16 fps, as wan-fun-camera was trained"),
        (("-g", "wan-fun-camera", "--set", "model=2.2-5B"), 240, 24, None),
        (("-g", "easyanimate-camera"), 80, 8, "80 at 8 fps"),
        (("-g", "recammaster"), 81, 80 * 24 / 239, "81 at 8.0335 fps"),
        (("-g", "preview"), 240, 24, None),
        (("-g", "recammaster", "--fps", "12"), 120, 12, "120 at 12 fps"),
        (("-g", "wan-fun-camera", "--fps", "24"), 240, 24, None),
    ],
)
def test_a_shot_is_resampled_to_what_the_model_was_trained_at_and_that_is_said(
    given: tuple[str, ...],
    frames: int,
    fps: float,
    said: str | None,
    asked: Callable[..., tuple[GenerationRequest, str]],
) -> None:
    request, told = asked(*given)
    assert len(request.shot) == frames
    assert request.shot.fps == pytest.approx(fps)
    assert (said in told) if said else ("became" not in told)
    # The same move in the same time: the camera is where it was at every moment, in depths of the first frame.
    times = request.shot.trajectory.times
    np.testing.assert_allclose(request.shot.trajectory.centres[:, 2], times * 24 / 239 / 2, atol=1e-6)


def test_a_rate_that_is_none_is_refused(
    asked: Callable[..., tuple[GenerationRequest, str]], typed_said: object
) -> None:
    with pytest.raises(IndexError):  # nothing was asked for
        asked("-g", "preview", "--fps", "0")
