import numpy as np
import pytest

from parascale.media.display_light import encode_srgb


@pytest.mark.parametrize(
    ("light", "shown"),
    [
        (0.0, 0),
        (1.0, 255),
        (0.18, 118),
        (0.2158605, 128),
        (0.002, 7),
        (7.5, 255),
        (-0.1, 0),
        (np.inf, 255),
        (np.nan, 0),
    ],
)
def test_light_is_encoded_as_srgb_and_cut_to_what_a_screen_shows(light: float, shown: int) -> None:
    for kind in (np.float16, np.float32, np.float64):
        assert abs(int(encode_srgb(np.full((2, 3, 3), light, kind))[0, 0, 0]) - shown) <= (kind is np.float16)
