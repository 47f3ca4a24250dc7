"""Clips with known truth, rendered once a session, and tracks of points on known paths, without any picture."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from renderer import load_renderer

from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array


@pytest.fixture(scope="session")
def rendered() -> ModuleType:
    """Return the renderer: scenes, moves, `film`, `write_video`."""
    return load_renderer()


@pytest.fixture(scope="session")
def courtyard(rendered: ModuleType) -> Any:
    """Return a camera in the ordinary scene, 480x270, focal length 400."""
    return rendered.Camera(rendered.courtyard(), (480, 270), 400.0)


@pytest.fixture(scope="session")
def street(rendered: ModuleType) -> Any:
    """Return a camera in a scene whose depth grows evenly, 480x270, focal length 400."""
    return rendered.Camera(rendered.street(), (480, 270), 400.0)


@pytest.fixture(scope="session")
def clips(rendered: ModuleType, courtyard: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return a function that films a named move in the courtyard, once."""
    folder, made = tmp_path_factory.mktemp("clips"), {}

    def clip(kind: str, count: int = 24, amount: float = 0.6, camera: Any = None, **options: Any) -> Any:
        key = (kind, count, amount, id(camera), tuple(options))
        if key not in made:
            path = folder / f"{kind}-{len(made)}.mp4"
            poses = rendered.move(kind, count, amount)
            made[key] = rendered.film(path, camera or courtyard, poses, **options)
        return made[key]

    return clip


@pytest.fixture
def project() -> Callable[..., Tracks]:
    """Return a function that makes the tracks of world points seen by known cameras.

    (points (M, 3), camera_to_world (T, 4, 4), focal, noise=0, seed=0) -> Tracks, pixels from the principal point, of
    a picture 640 x 360; focal may be one value a frame.
    """

    def tracks(points: Array, camera_to_world: Array, focal: Any, noise: float = 0.0, seed: int = 0) -> Tracks:
        pose = np.linalg.inv(camera_to_world)[:, :3]
        local = np.einsum("tij,mj->tmi", pose[:, :, :3], points) + pose[:, None, :, 3]
        focals = np.broadcast_to(np.asarray(focal, float), len(pose))[:, None, None]
        with np.errstate(divide="ignore", invalid="ignore"):
            xy = focals * local[:, :, :2] / local[:, :, 2:]
        xy += np.random.default_rng(seed).normal(0, noise, xy.shape) if noise else 0.0
        hidden = (local[:, :, 2] < 0.1) | (np.abs(xy) > [320, 180]).any(axis=2)
        xy[hidden] = np.nan
        return Tracks(xy)

    return tracks


@pytest.fixture
def cloud() -> Array:
    """Return 600 world points, 3 to 15 units in front."""
    rng = np.random.default_rng(1)
    depth = rng.uniform(3, 15, 600)
    return np.column_stack([rng.uniform(-0.6, 0.6, 600) * depth, rng.uniform(-0.35, 0.35, 600) * depth, depth])
