"""The time of USD layers; the files are OpenUSD's own (tests/fixtures/cameras)."""

import zipfile
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parascale.errors import InputError
from parascale.files.usd_layer import LayerTime, read_layer_time

FILES = Path(__file__).parents[1] / "fixtures" / "cameras"


@pytest.mark.parametrize(
    ("name", "time"),
    [
        ("usd_group.usda", LayerTime(24, 1001, 1013)),
        ("usd_codes.usda", LayerTime(60, 0, 30)),
        ("usd_two.usdc", LayerTime(30, 1, 13)),
    ],
)
def test_rate_and_span_are_those_openusd_wrote(name: str, time: LayerTime, tmp_path: Path) -> None:
    assert read_layer_time(FILES / name) == time
    package = tmp_path / "package.usdz"
    with zipfile.ZipFile(package, "w") as archive:
        archive.write(FILES / name, name)
        archive.writestr("later.usda", "#usda 1.0\n(\n timeCodesPerSecond = 99\n)\n")
    assert read_layer_time(package) == time


@pytest.mark.parametrize(
    ("header", "time"),
    [
        ("", LayerTime(24, None, None)),
        ("(\n framesPerSecond = 25\n)", LayerTime(25, None, None)),
        ('("""timeCodesPerSecond = 1""" # timeCodesPerSecond = 2\n)', LayerTime(24, None, None)),
        ("(\n customLayerData = { dictionary a = { double endTimeCode = 5 } }\n)", LayerTime(24, None, None)),
        ('(\n doc = "an ) in a string"\n endTimeCode = 1e2\n)', LayerTime(24, None, 100)),
        ("(\n upAxis = 'Y'\n)\ndef Xform \"a\" (\n timeCodesPerSecond = 3\n)\n{}", LayerTime(24, None, None)),
    ],
)
def test_text_fields_are_the_layers_own(header: str, time: LayerTime, tmp_path: Path) -> None:
    path = tmp_path / "layer.usd"
    path.write_text(f"#usda 1.0\n{header}\n")
    assert read_layer_time(path) == time


@settings(deadline=None)
@given(at=st.integers(0, 2926), byte=st.integers(0, 255), cut=st.booleans())
@example(at=22, byte=71, cut=False)
@example(at=2757, byte=28, cut=False)
@example(at=2822, byte=14, cut=False)
def test_a_broken_file_is_refused_or_read(
    at: int, byte: int, cut: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = bytearray((FILES / "usd_two.usdc").read_bytes())
    data[at] = byte
    path = tmp_path_factory.mktemp("broken") / "broken.usdc"
    path.write_bytes(data[:at] if cut else data)
    try:
        rate = read_layer_time(path).rate
    except InputError:
        return
    assert rate > 0
