"""Metres of a solved path from where its photos were taken: with their error, or none."""

import re
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from parascale.solve.metres import DRIFT, MAX_SCALE_ERROR, Metres, estimate_metres, tell_metres
from parascale.types import Array


def walk(seed: int, count: int = 30) -> tuple[Array, Rotation, np.random.Generator]:
    """Return centres within a unit or so, and how the solve's axes lie in the world's."""
    generator = np.random.default_rng(seed)
    return generator.normal(0, 1, (count, 3)), Rotation.random(random_state=seed), generator


@given(seed=st.integers(0, 10_000), metres=st.floats(1.0, 1e3))
def test_a_path_laid_on_its_own_places_has_their_metres(seed: int, metres: float) -> None:
    centres, turn, _ = walk(seed)
    found = estimate_metres(centres, metres * turn.apply(centres) + [5, -7, 30], seed)
    assert found is not None
    assert found.scale == pytest.approx(metres, rel=1e-9)
    assert found.error == pytest.approx(DRIFT / (metres * np.sqrt(np.sum(centres.var(axis=0)))))
    assert found.places == len(centres)


@pytest.mark.parametrize("steady", [0.0, 0.9, 0.97])
@pytest.mark.parametrize("extent", [3.0, 12.0, 20.0, 60.0])
def test_the_error_covers_what_the_places_are_off(extent: float, steady: float) -> None:
    """Half circles of 20 to 40 photos, their places 4 m off, slowly wandering or not: 3 sigma cover it, or none is."""
    off = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        angle = np.linspace(0, np.pi, 20 + seed % 21)
        centres = np.column_stack([np.cos(angle), np.sin(angle), 0.1 * np.sin(3 * angle)])
        errors = generator.normal(0, 4, centres.shape)
        for before, now in pairwise(errors):
            now[:] = steady * before + np.sqrt(1 - steady**2) * now
        found = estimate_metres(centres, extent * Rotation.random(random_state=seed).apply(centres) + errors, seed)
        if found is not None and found.error <= MAX_SCALE_ERROR:
            off.append(abs(np.log(found.scale / extent)) / found.error)
    assert max(off, default=0.0) < 3
    assert len(off) == 40 or extent < 60
    assert not off or extent > 10


def test_places_that_are_wrong_are_left_out() -> None:
    """A phone that has no fix yet gives that of an hour ago."""
    centres, turn, generator = walk(5)
    places = 50 * turn.apply(centres) + generator.normal(0, 2, centres.shape)
    places[:8] = [4000.0, 100.0, 3.0]
    places[20:] = np.nan
    found = estimate_metres(centres, places, 0)
    assert found is not None
    assert found.places == 12
    assert found.scale == pytest.approx(50, rel=3 * found.error)


@pytest.mark.parametrize("case", ["few", "unlike", "one place", "a table"])
def test_places_that_tell_no_scale_give_none_or_a_large_error(case: str) -> None:
    centres, turn, generator = walk(7)
    places = {
        "few": np.where(np.arange(30)[:, None] < 5, 30 * turn.apply(centres), np.nan),
        # Of other photos.
        "unlike": generator.normal(0, 300, centres.shape),
        # The last that the phone knew, for all of them.
        "one place": np.zeros_like(centres),
        # Around a table, as good as a phone knows its place.
        "a table": turn.apply(centres) + generator.normal(0, 4, centres.shape),
    }[case]
    found: Metres | None = estimate_metres(centres, places, 0)
    assert found is None or found.error > MAX_SCALE_ERROR


@pytest.mark.parametrize(
    ("known", "extent", "told"),
    [
        (1, 90.0, "one photo tells where it was taken by GPS: 6 are needed for metres"),
        (5, 90.0, "5 photos tell where they were taken by GPS: 6 are needed for metres"),
        (30, 8.0, r"by the GPS tags of 30 photos .* standard deviation of \d\d%: too large to be used"),
        (30, 90.0, r"by the GPS tags of 30 photos lengths are known in metres, with a standard deviation of \d%"),
    ],
)
def test_it_is_said_how_sure_the_metres_are_or_why_there_are_none(known: int, extent: float, told: str) -> None:
    centres, turn, _ = walk(11)
    places = np.where(np.arange(30)[:, None] < known, extent * turn.apply(centres), np.nan)
    metres, (notice,) = tell_metres(centres, places, 0)
    assert re.fullmatch(told, notice.message)
    assert (metres is None) == ("metres, with" not in told or "too large" in told)


def test_places_of_other_photos_are_told_from_none() -> None:
    centres, _, generator = walk(12)
    metres, (notice,) = tell_metres(centres, generator.normal(0, 300, centres.shape), 0)
    assert metres is None
    assert "do not fit the path" in notice.message
    assert tell_metres(centres, None, 0) == (None, ())
