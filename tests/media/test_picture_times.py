"""Numbers in names are frame numbers, time stamps or nothing, and what is assumed is said."""

import numpy as np
import pytest

from parascale.media.picture_times import read_times


@pytest.mark.parametrize(
    ("stems", "seconds"),
    [
        ([f"13050311{2 + t // 3:02d}.{(175304 + 333333 * (t % 3)):06d}" for t in range(3)], [0, 0.333333, 0.666666]),
        (["1305031102.175304", "1305031102.208637", "1305031102.241971"], [0, 0.033333, 0.066667]),
        (["rgb_1305031102.175304", "rgb_1305031102.208637"], [0, 0.033333]),
        (["0.000000", "0.041667", "0.083333"], [0, 0.041667, 0.083333]),
        (["9.967", "10.000", "10.033"], [0, 0.033, 0.066]),
        (["1403636579763555584", "1403636579813555456"], [0, 0.049999872]),
        (["1403636579763555", "1403636579813555"], [0, 0.05]),
        (["cam0_1403636579763", "cam0_1403636579813"], [0, 0.05]),
        (["1305031102", "1305031104"], [0, 2]),
        (["0000033333", "0000066667", "0000100000"], [0, 0.033334, 0.066667]),
        (["33333333", "66666666", "100000000"], [0, 0.033333333, 0.066666667]),
        (["PXL_20240229_120059900", "PXL_20240229_120100000"], [0, 0.1]),
        (["IMG_20240229_235959", "IMG_20240301_000001"], [0, 2]),
        (["2024-02-29T23-59-59.960", "2024-03-01T00-00-00.000"], [0, 0.04]),
        (["2024-02-29T23:59:59.960Z", "2024-03-01T00:00:00.000Z"], [0, 0.04]),
        (["2024-02-29 12.00.00.040", "2024-02-29 12.00.00.080"], [0, 0.04]),
        (["cam_2024_02_29-12_00_00_040", "cam_2024_02_29-12_00_00_080"], [0, 0.04]),
        (["vlcsnap-2024-02-29-12h00m01s960", "vlcsnap-2024-02-29-12h00m02s000"], [0, 0.04]),
        (["20240229_120000_040000", "20240229_120000_080000"], [0, 0.04]),
        (["20240229T120000123456789", "20240229T120000163456789"], [0, 0.04]),
        (["Screenshot 2024-02-29 at 12.00.00", "Screenshot 2024-02-29 at 12.00.02"], [0, 2]),
    ],
)
def test_time_stamps_are_times(stems: list[str], seconds: list[float]) -> None:
    found = read_times("shots", stems)
    np.testing.assert_allclose(found.times, seconds, atol=2e-9)
    assert found.fps == pytest.approx(1 / np.median(np.diff(seconds)))
    assert "time stamps" in found.notices[0].message
    assert found.notices[0].remedy == "fps"


@pytest.mark.parametrize(
    ("stems", "numbers"),
    [
        (["frame1", "frame2", "frame10"], [0, 1, 9]),
        (["shot1.0009", "shot1.0010", "shot1.0011"], [0, 1, 2]),
        (["01.0009", "01.0010", "01.0011"], [0, 1, 2]),
        (["shot2.0100", "shot2.0200"], [0, 100]),
        (["0000000001", "0000000002"], [0, 1]),
        (["0001_v2", "0002_v2", "0004_v2"], [0, 1, 3]),
        (["1080p_0007", "1080p_0008"], [0, 1]),
        (["1.1", "1.2", "1.3"], [0, 1, 2]),
        (["a", "b", "c"], [0, 1, 2]),
        (["7", "x", "9"], [0, 1, 2]),
        (["IMG_20240229_120000", "IMG_20240229_120000_1"], [0, 1]),
        (["20240229", "20240301"], [0, 72]),
        (["20240229_120000_001", "20240229_120000_002"], [0, 1]),
        (["2024-02-29_12-00-00_007", "2024-02-29_12-00-00_008"], [0, 1]),
        (["2024-13-29_12-00-00", "2024-13-29_12-00-02"], [0, 2]),
    ],
)
def test_other_numbers_count_frames(stems: list[str], numbers: list[int]) -> None:
    for fps in (None, 30.0):
        found = read_times("shots", stems, fps)
        np.testing.assert_allclose(found.times, np.array(numbers) / (fps or 24))
        assert found.fps == (fps or 24)
        assert len(found.notices) == (fps is None)


def test_a_rate_that_is_given_decides() -> None:
    stems = ["1305031102.175304", "1305031102.208637", "1305031103.241971"]
    assert read_times("shots", stems, 10.0).times == [0, 0.1, 0.2]


def test_numbers_that_are_neither_are_counted_and_said() -> None:
    found = read_times("shots", ["1003", "3003", "5013"])
    assert found.times == [0, 1 / 24, 2 / 24]
    assert "step by 20" in found.notices[0].message
    assert found.notices[0].remedy == "fps"
    assert read_times("shots", ["1"]).notices == ()
