"""Boxes followed through pictures: where they are known, they are right; else they are NaN."""

from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pytest

from parascale.errors import Cancelled
from parascale.solve.subject.follow import follow_box
from parascale.solve.tracking.footage import read_footage
from parascale.types import Array, Image

SIZE = (360, 240)
FIGURE = (44, 70)


@pytest.fixture(scope="module")
def film(rendered: ModuleType) -> Any:
    """Return a function that films a figure over a background that moves otherwise: places (T, 2) and scales (T,)."""
    ground, skin = (np.clip(each * 255, 0, 255).astype(np.uint8) for each in rendered.textures(2))

    def pictures(places: Array, scales: Array, hidden: range = range(0)) -> list[Image]:
        made = []
        for frame, ((x, y), scale) in enumerate(zip(places, scales, strict=True)):
            picture = ground[100 + frame : 100 + frame + SIZE[1], 300 - 2 * frame : 300 - 2 * frame + SIZE[0]].copy()
            width, height = FIGURE[0] * scale, FIGURE[1] * scale
            transform = np.array([[scale, 0, x - width / 2], [0, scale, y - height / 2]])
            figure = cv2.warpAffine(skin[: FIGURE[1], : FIGURE[0]], transform, SIZE)
            shown = cv2.warpAffine(np.full(FIGURE[::-1], 255, np.uint8), transform, SIZE) > 127
            picture[shown] = figure[shown]
            if frame in hidden:
                picture[:, 100:290] = ground[500 : 500 + SIZE[1], 500:690]
            made.append(picture)
        return made

    return pictures


def overlap_errors(boxes: Array, places: Array) -> Array:
    return np.asarray(np.linalg.norm(boxes[:, :2] - places, axis=1))


def test_a_figure_is_followed_both_ways_with_its_size(film: Any) -> None:
    t = np.arange(40)
    places, scales = np.stack([80 + 4.5 * t, 120 + 20 * np.sin(t / 9)], 1), np.linspace(0.8, 1.5, 40)
    box = np.array([*places[15], FIGURE[0] * scales[15], FIGURE[1] * scales[15]])
    followed = follow_box(film(places, scales), box, 15)
    assert np.isfinite(followed.boxes).all()
    assert overlap_errors(followed.boxes, places).max() < 3
    assert np.abs(np.log(followed.boxes[:, 3] / (FIGURE[1] * scales))).max() < 0.08


def test_out_of_frame_it_is_not_known(film: Any) -> None:
    t = np.arange(40)
    places = np.stack([150 + 7.5 * t, np.full(40, 120.0)], 1)
    followed = follow_box(film(places, np.ones(40)), np.array([*places[0], *FIGURE]), 0)
    known = np.isfinite(followed.boxes[:, 0])
    assert known[:20].all()
    assert not known[places[:, 0] > SIZE[0] + 5].any()
    assert overlap_errors(followed.boxes, places)[known].max() < 4


def test_behind_something_it_is_lost_and_found_again_and_never_drifts(film: Any) -> None:
    t = np.arange(36)
    places = np.stack([120 + 2.0 * t, np.full(36, 110.0)], 1)
    followed = follow_box(film(places, np.ones(36), hidden=range(14, 20)), np.array([*places[0], *FIGURE]), 0)
    known = np.isfinite(followed.boxes[:, 0])
    assert known[:13].all()
    assert not known[15:19].any()
    assert overlap_errors(followed.boxes, places)[known].max() < 6


def test_following_stops_when_cancelled(film: Any) -> None:
    places = np.full((6, 2), 120.0)
    with pytest.raises(Cancelled):
        follow_box(film(places, np.ones(6)), np.array([120, 120, *FIGURE]), 0, cancelled=lambda: True)


# In real clips: a box in pixels of the clip in its first frame, how many frames know it at least, and from which on the
# subject has left the picture.
REAL = {
    "street_walk_generated": ((430, 85, 185, 615), 0, None, 75, 81),
    "dog_follow_generated": ((600, 10, 190, 430), 0, None, 60, 122),
    "bikes": ((167, 0, 220, 272), 30, 76, 10, 20),
}


@pytest.mark.realdata
@pytest.mark.parametrize("name", REAL)
def test_people_and_a_dog_are_followed_and_not_what_is_behind_them(testdata: Path, name: str) -> None:
    (x, y, width, height), start, end, least, gone = REAL[name]
    footage = read_footage(testdata / "clips" / f"{name}.mp4", start=start, end=end)
    box = np.array([x + width / 2, y + height / 2, width, height]) * footage.scale
    known = np.isfinite(follow_box(footage.grey, box, 0).boxes[:, 0])
    assert known.sum() >= least
    assert not known[gone:].any()
