"""How long the soak tests last, and a backend to torment."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.local import Backend, start_backend
from parascale.parallax.shot import Shot


@pytest.fixture(scope="session")
def share() -> float:
    """Share of each whole test that is run: 1 in `make soak`, a tenth in `make test`."""
    return float(os.environ.get("PARASCALE_SOAK", "0.1"))


@pytest.fixture(scope="session")
def chance() -> random.Random:
    """Another sequence in each run, whose seed is printed."""
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    return random.Random(seed)


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's own keys and jobs out of this."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture
def backend(tmp_path: Path) -> Iterator[Backend]:
    backend = start_backend(state=tmp_path / "state")
    yield backend
    backend.stop()


@pytest.fixture
def make_request() -> Callable[..., GenerationRequest]:
    """Make small requests for the preview, each another by its seed."""

    def make(seed: int, frames: int = 8) -> GenerationRequest:
        poses = np.tile(np.eye(4), (frames, 1, 1))
        poses[:, 0, 3] = np.linspace(0, 0.2, frames)
        path = Trajectory(poses, np.array([64.0, 64.0, 32.0, 18.0]), np.arange(frames) / 16, 64, 36)
        image = np.random.default_rng(seed).integers(0, 256, (36, 64, 3), dtype=np.uint8)
        shot = Shot("slide", 16.0, path, np.ones(frames), "unit-depth")
        return GenerationRequest(shot, "preview", image, np.ones((36, 64), np.float32), seed=seed)

    return make
