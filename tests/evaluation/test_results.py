"""Rows of an evaluation: kept, refused, summed up."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from parascale.errors import InputError
from parascale.evaluation.comparison_plot import draw_comparison
from parascale.evaluation.results import NAMES, Row, raw_slope, read_rows, write_rows

STAMP = {"frames": 81, "size": [832, 480], "generator": None}
FIGURES = [name for name in NAMES if name not in ("regime", "move", "method", "reason")]

figures = st.one_of(st.just(math.nan), st.floats(allow_nan=False, allow_infinity=False))
rows = st.lists(
    st.builds(Row, *[st.text(max_size=12)] * 3, **dict.fromkeys(FIGURES, figures), reason=st.text()), max_size=5
)


def same(a: Row, b: Row) -> bool:
    return (
        a.key == b.key
        and a.reason == b.reason
        and np.array_equal(*([getattr(r, n) for n in FIGURES] for r in (a, b)), equal_nan=True)
    )


@settings(deadline=None)  # files take as long as they take
@given(rows=rows)
def test_rows_survive_the_disk(tmp_path_factory: pytest.TempPathFactory, rows: list[Row]) -> None:
    folder = tmp_path_factory.mktemp("rows")
    write_rows(folder, STAMP, rows)
    back = read_rows(folder, STAMP)
    assert len(back) == len(rows)
    assert all(map(same, back, rows))
    assert len((folder / "results.csv").read_text().splitlines()) > len(rows) or any("\n" in r.reason for r in rows)


def test_a_row_of_before_a_figure_was_measured_is_read_without_it(tmp_path: Path) -> None:
    write_rows(tmp_path, STAMP, [Row("room-desk", "truck", "raw", pce=1.0, reason="dark")])
    kept = json.loads((tmp_path / "results.json").read_text())
    del kept["rows"][0]["asked_pce"]
    (tmp_path / "results.json").write_text(json.dumps(kept))
    (row,) = read_rows(tmp_path, STAMP)
    assert (row.pce, row.reason, math.isnan(row.asked_pce)) == (1.0, "dark", True)


def test_a_folder_that_is_new_is_made_and_holds_nothing(tmp_path: Path) -> None:
    assert read_rows(tmp_path / "new", STAMP) == []
    assert (tmp_path / "new").is_dir()


def test_results_of_other_settings_are_refused_and_left_alone(tmp_path: Path) -> None:
    write_rows(tmp_path, STAMP, [Row("room-desk", "truck", "raw", pce=1.0)])
    before = (tmp_path / "results.json").read_bytes()
    with pytest.raises(InputError, match="choose another folder"):
        read_rows(tmp_path, STAMP | {"frames": 33})
    assert (tmp_path / "results.json").read_bytes() == before


@pytest.mark.parametrize("text", ["", "{", "[]", '{"rows": 3}', '{"rows": [{}], "stamp": {}, "version": "0"}', "null"])
def test_a_broken_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(InputError, match="choose another folder"):
        read_rows(tmp_path, STAMP)


def made(gaps: list[float], errors: list[float]) -> list[Row]:
    return [
        Row("a-b", str(n), "raw", depth_gap=g, scale_gap=e) for n, (g, e) in enumerate(zip(gaps, errors, strict=True))
    ]


def test_the_slope_of_raw_is_that_of_its_error_over_the_gap() -> None:
    assert raw_slope(made([-3, 0, 5], [-3, 0, 5])) == pytest.approx(1)
    assert raw_slope(made([-3, 0, 5], [-1.5, 0, 2.5])) == pytest.approx(0.5)
    # What is unknown, and what other methods did, play no part.
    others = [Row("a-b", "x", "static", depth_gap=9.0, scale_gap=-9.0), Row("a-b", "y", "raw", depth_gap=4.0)]
    assert raw_slope(made([-3, 0, 5], [-3, 0, 5]) + others) == pytest.approx(1)


def test_gaps_that_are_alike_tell_no_slope() -> None:
    assert math.isnan(raw_slope(made([0.0, 0.01], [0.0, 0.06])))
    assert math.isnan(raw_slope(made([2.0], [2.0])))
    assert math.isnan(raw_slope([]))


def test_the_picture_is_drawn_whatever_is_missing(tmp_path: Path) -> None:
    for number, rows in enumerate(
        (
            [Row("room-desk", "truck", "static", pce=0.1)],
            [Row("room-desk", "truck", "raw", reason="not solved")],
            [Row("a-b", "truck", "raw", pce=1.0, depth_gap=1.0, scale_gap=1.0), Row("c-d", "arc", "static", pce=0.0)],
        )
    ):
        picture = tmp_path / f"{number}.png"
        draw_comparison(rows, picture)
        assert picture.read_bytes().startswith(b"\x89PNG")


def test_every_scale_has_a_colour_of_its_own_and_what_was_not_measured_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from parascale.evaluation import comparison_plot
    from parascale.evaluation.plan import REGIMES

    rows = [Row(regime, "arc", "static", pce=0.1) for regime in REGIMES]
    colours = comparison_plot.colours_of_targets(rows)
    assert list(colours) == ["cosmic/aerial", "architectural", "human/room", "tabletop"]
    assert len(set(colours.values())) == 4
    kept: list[Figure] = []
    monkeypatch.setattr(comparison_plot, "save_figure", lambda figure, *_: kept.append(figure))
    draw_comparison([*rows, Row("room-desk", "arc", "motionmaster", reason="cannot be asked")], tmp_path / "new.png")
    assert [(text.get_text(), text.get_position()[1]) for text in kept[0].axes[0].texts] == [("not measured", 1)]


def test_json_holds_nothing_that_is_no_number(tmp_path: Path) -> None:
    write_rows(tmp_path, STAMP, [Row("a-b", "truck", "raw")])
    assert json.loads((tmp_path / "results.json").read_text(), parse_constant=pytest.fail)["rows"][0]["pce"] is None
