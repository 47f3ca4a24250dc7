"""Generators whose camera answers in ways that are known."""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.generators.picture import scale_path
from parascale.generators.preview import Preview
from parascale.generators.units import UNITS_PER_DEPTH
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.request import JobResult
from parascale.parallax.shot import Shot


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the user's own profiles out of this."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))


class Steered(Preview):
    """A preview whose camera goes some way other than asked; takes units per depth as raw-unit models do."""

    def __init__(self, response: Callable[[float], float]) -> None:
        self._response = response

    def describe(self) -> tuple[Any, ...]:
        return (UNITS_PER_DEPTH,)

    def generate(self, request: GenerationRequest, directory: Path, *how: Any) -> JobResult:
        units = request.parameters[UNITS_PER_DEPTH.name]
        travel = float(np.linalg.norm(request.shot.trajectory.centres[-1])) * units
        path = scale_path(request.shot.trajectory, units * self._response(travel) / travel)
        steered = dataclasses.replace(request, shot=dataclasses.replace(request.shot, trajectory=path), parameters={})
        return Preview.generate(_Plain(), steered, directory, *how)


class _Plain(Preview):
    pass


@pytest.fixture
def steered() -> Callable[..., Steered]:
    return Steered


@pytest.fixture
def truck() -> Callable[..., Shot]:
    """A truck past a wall at depth 1."""

    def make(step: float = 0.01, frames: int = 9, noise: float | None = None) -> Shot:
        poses = np.tile(np.eye(4), (frames, 1, 1))
        poses[:, 0, 3] = step * np.arange(frames)
        path = Trajectory(poses, np.array([100.0, 100, 80, 48]), np.arange(frames) / 16, 160, 96)
        quality = {} if noise is None else {"noise_floor": noise}
        return Shot("truck", 16.0, path, np.ones(frames), unit="unit-depth", quality=quality)

    return make
