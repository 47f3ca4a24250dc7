"""Surfaces told from pictures whose cameras and depths are known."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from parascale.solve.clip import Clip
from parascale.solve.depth.photo_consistency import PhotoConsistency
from parascale.solve.lens.lens import Lens
from parascale.solve.tracking.footage import read_footage
from parascale.solve.tracking.tracks import Tracks

PLACES = np.stack(np.meshgrid(np.arange(40.0, 450, 8), np.arange(30.0, 250, 8)), axis=-1).reshape(-1, 2)


def clip_of(path: Path, k1: float | None = None) -> Clip:
    lens, tracks = Lens(480, 270, 1.0, 240, 135), Tracks(np.empty((0, 0, 2)))
    return Clip(path, read_footage(path), lens, tracks, np.empty(0), k1=k1)


def consistency(path: Path, camera_to_world: np.ndarray) -> PhotoConsistency:
    clip, world_to_camera = clip_of(path), np.linalg.inv(camera_to_world)[:, :3]
    return PhotoConsistency(clip.footage.grey, world_to_camera, 400.0, lambda at: clip.to_picture_pixels(at, 400.0))


@pytest.fixture(scope="module", params=["arc", "dolly-in", "truck"])
def seen(request: pytest.FixtureRequest, rendered: ModuleType, courtyard: Any, tmp_path_factory: Any) -> Any:
    """Return the pictures of a move with their cameras, and the true inverse depth of PLACES in its middle frame."""
    poses = rendered.move(request.param, 24, 0.6)
    film = rendered.film(tmp_path_factory.mktemp("looks") / "clip.mp4", courtyard, poses)
    depth = courtyard.picture(poses[12])[1]
    return consistency(film.path, poses), 1 / depth[PLACES[:, 1].astype(int), PLACES[:, 0].astype(int)]


@pytest.mark.parametrize("ratio", [0.5, 0.7, 1.4, 2.0])
@pytest.mark.parametrize("true_first", [True, False])
def test_a_place_takes_the_surface_at_which_it_looks_alike(seen: Any, ratio: float, true_first: bool) -> None:
    look, true = seen
    pair = np.column_stack([true, true * ratio])
    chosen = look.choose_surface(12, PLACES - [240, 135], pair if true_first else pair[:, ::-1])
    assert (chosen == true).mean() > 0.93


def test_without_another_frame_the_first_surface_stands(seen: Any) -> None:
    look, true = seen
    alone = replace(look, world_to_camera=look.world_to_camera[:1])
    chosen = alone.choose_surface(0, PLACES - [240, 135], np.column_stack([true * 2, true]))
    np.testing.assert_array_equal(chosen, true * 2)


def test_a_camera_at_rest_tells_no_surface(courtyard: Any, clips: Callable[..., Any]) -> None:
    clip = clips("static")
    chosen = consistency(clip.path, clip.camera_to_world).choose_surface(
        5, PLACES - [240, 135], np.tile([0.2, 0.1], (len(PLACES), 1))
    )
    assert (chosen == 0.2).all()


def test_no_places_have_no_surface(seen: Any) -> None:
    assert seen[0].choose_surface(3, np.empty((0, 2)), np.empty((0, 5))).shape == (0,)


def test_surfaces_behind_the_other_camera_are_not_taken(seen: Any) -> None:
    look, true = seen
    chosen = look.choose_surface(12, PLACES - [240, 135], np.column_stack([true, np.full(len(true), 1e6)]))
    assert (chosen == true).mean() > 0.93


def test_places_lie_where_the_lens_bends_them(clips: Callable[..., Any]) -> None:
    clip = clip_of(clips("static").path, k1=-0.1)
    # 200 of 400 focal lengths off the axis: 200 (1 - 0.1 * 0.25) = 195.
    np.testing.assert_allclose(clip.to_picture_pixels(np.array([200.0, 0]), 400.0), [240 + 195, 135])
