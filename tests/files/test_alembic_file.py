"""When Alembic's own library sampled an object (tests/fixtures/cameras)."""

import contextlib
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parascale.errors import InputError
from parascale.files.alembic_file import SampleTimes, read_sample_times

FILES = Path(__file__).parents[1] / "fixtures" / "cameras"


@pytest.mark.parametrize(
    ("name", "object_path", "rate", "first", "last"),
    [
        ("abc_30", "/cam", 30, 1, 16),
        ("abc_30", "/cam/camShape", 30, 1, 16),
        ("abc_rig", "/rig", 24, 1001, 1013),
        ("abc_rig", "/rig/shotCam/shotCamShape", 24, 1001, 1013),
        ("abc_two", "/dolly", 24, 1, 13),
        # Three samples a frame: those on frames.
        ("abc_blur", "/cam", 24, 101, 113),
    ],
)
def test_rate_and_span_are_those_alembic_wrote(
    name: str, object_path: str, rate: float, first: float, last: float
) -> None:
    found = read_sample_times(FILES / f"{name}.abc", object_path)
    assert found is not None
    assert (found.rate, found.first, found.last) == pytest.approx((rate, first / rate, last / rate))


@pytest.mark.parametrize("object_path", ["/Wall", "/Ground/GroundShape", "/dolly/main", "/dolly/main/mainShape"])
def test_what_stands_still_has_no_times(object_path: str) -> None:
    assert read_sample_times(FILES / "abc_two.abc", object_path) is None


def test_an_object_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="abc_two"):
        read_sample_times(FILES / "abc_two.abc", "/dolly/other")
    (tmp_path / "old.abc").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    with pytest.raises(InputError, match="wrong magic number"):
        read_sample_times(tmp_path / "old.abc", "/cam")


@example(at=13, byte=16, cut=False)  # a place farther away than a file may be long
@given(at=st.integers(0, 12000), byte=st.integers(0, 255), cut=st.booleans())
def test_a_broken_file_is_refused_or_read(
    at: int, byte: int, cut: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray((FILES / "abc_30.abc").read_bytes())
    at %= len(data)
    data[at] = byte
    path = tmp_path_factory.mktemp("broken") / "broken.abc"
    path.write_bytes(data[:at] if cut else data)
    with contextlib.suppress(InputError):
        assert isinstance(read_sample_times(path, "/cam"), SampleTimes | None)
