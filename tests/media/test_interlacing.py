import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parascale.media.interlacing import is_combed, is_whole


def picture(shift: float, detail: float = 0.05) -> np.ndarray:
    y, x = np.mgrid[:90, :160]
    value = np.sin((x + shift) * 0.3) + np.sin((x - shift) * 0.11 + y * 0.2) + detail * np.sin(y * 2.0)
    return np.asarray(120 + 40 * value, np.uint8)


@pytest.mark.parametrize("shift", [2.0, 5.0, 8.0])
def test_a_picture_of_two_moments_is_combed_and_those_it_is_woven_from_are_not(shift: float) -> None:
    woven = picture(0)
    woven[1::2] = picture(shift)[1::2]
    assert is_combed(woven)
    assert not is_combed(picture(0))
    assert not is_combed(picture(shift))
    assert is_whole(picture(0))
    assert not is_whole(woven)


@given(st.integers(0, 2**32 - 1), st.floats(0.0, 60.0))
def test_grain_is_no_comb(seed: int, strength: float) -> None:
    noise = np.random.default_rng(seed).standard_normal((90, 160)) * strength
    assert not is_combed(np.clip(picture(0) + noise, 0, 255).astype(np.uint8))


def test_a_flat_and_a_tiny_picture_are_not_combed() -> None:
    for picture in (np.full((90, 160), 7, np.uint8), np.array([[0, 255], [255, 0]], np.uint8)):
        assert not is_combed(picture)
        assert not is_whole(picture)
