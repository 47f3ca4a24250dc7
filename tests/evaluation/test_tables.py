"""Rows of an evaluation as tables."""

import csv
import io
import json
import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parascale.evaluation.intervals import bootstrap_interval
from parascale.evaluation.results import Row
from parascale.evaluation.table_page import write_table_page
from parascale.evaluation.tables import (
    Table,
    as_csv,
    as_json,
    from_json,
    make_tables,
    markdown,
    reason_of,
    summary,
    to_plain,
    worst_rows,
)

ROWS = [
    Row("room-desk", "truck", "static", pce=0.1, crossings=0),
    Row("room-desk", "arc", "static", pce=0.3, crossings=0),
    Row("room-room", "crane", "static", pce=0.5, crossings=4),
    Row("room-desk", "orbit", "static", reason="not solved: too dark"),
    Row("room-desk", "orbit", "motionmaster", reason="cannot be asked"),
    Row("room-desk", "arc", "motionmaster", reason="cannot be asked"),
]


def named(name: str, rows: list[Row] = ROWS) -> Table:
    return next(table for table in make_tables(rows) if table.name == name)


def test_methods_have_mean_interval_and_what_is_missing() -> None:
    static, motionmaster = named("methods").rows
    low, high = bootstrap_interval([0.1, 0.3, 0.5])
    assert static[1] == f"0.300 [{low:.3f}, {high:.3f}]"
    assert static[-1] == "1 of 4"
    assert motionmaster[-1] == "2 of 2"
    assert math.isnan(motionmaster[2])


def test_pairs_stand_with_references_down_and_targets_across_and_say_which_run_into_walls() -> None:
    table = named("pairs, static")
    assert table.columns == ("reference", "tabletop", "human/room")
    assert table.rows == (("human/room", "0.200", "0.500 (- without 1 through walls)"),)


def test_every_pair_of_scales_stands_with_every_method() -> None:
    table = named("every pair")
    assert table.columns == ("reference to target", "static", "motionmaster")
    assert [row[:2] for row in table.rows] == [
        ("human/room to tabletop", pytest.approx(0.2)),
        ("human/room to human/room", 0.5),
    ]


def test_a_video_is_held_against_its_reference_and_against_what_was_asked() -> None:
    video = Row("room-desk", "arc", "raw", video_pce=0.2, video_rot=0.3, asked_pce=0.1, asked_trans_rel=0.4)
    (row,) = named("videos", [video]).rows
    found = dict(zip(named("videos", [video]).columns, row, strict=True))
    assert (found["RotErr, degrees"], found["asked: PCE"], found["asked: TransErr, rel"]) == (0.3, 0.1, 0.4)
    assert found["not measured"] == "0 of 1"


def test_what_was_not_held_against_the_true_reference_is_said() -> None:
    row = Row("room-desk", "arc", "closed-loop", pce=0.04, crossings=0, blind=0, nearest=1)
    held = replace(row, move="crane", true_pce=0.001)
    assert reason_of(row) == "not held against the true reference"
    assert reason_of(held) == "the solved reference is off by as much"
    # That it comes near to a surface is no reason where the true reference, which does too, is carried over well.
    near = replace(held, nearest=0.08)
    assert reason_of(near) == "the solved reference is off by as much"
    assert reason_of(replace(near, true_pce=0.035)) == "the camera comes within 0.08 median depths of a surface"
    assert reason_of(replace(held, true_pce=0.035)) == "it is off from the true reference too"
    assert "0.001 from true ones (1 of 2 rows);" in summary([row, held])[0]
    assert "0.001 from true ones;" in summary([held])[0]
    assert "- from true ones;" in summary([row])[0]


def test_scenes_of_one_scale_stand_together() -> None:
    rows = [Row("room-desk", "arc", "raw", pce=1.0), Row("kitchen-bench", "truck", "raw", pce=3.0)]
    assert named("targets", rows).columns == ("method", "tabletop")
    assert named("targets", rows).rows[0][1].startswith("2.000 [")
    assert named("moves", rows).rows == (("raw", 1.0, 3.0),)


def test_what_is_not_known_of_a_path_is_not_counted_as_good() -> None:
    rows = [Row("a-b", "arc", "felt", pce=0.1, roll=2.0), Row("a-b", "truck", "felt", pce=0.1, crossings=0)]
    (row,) = named("shots", rows).rows
    assert row[2:6] == ("1 of 1", "0 of 1", "-", "-")


def test_the_report_names_what_could_not_be_measured_once() -> None:
    told = markdown(ROWS)
    assert "- static, room-desk, orbit: not solved: too dark" in told
    assert "- motionmaster, 2 rows: cannot be asked" in told
    assert "| PCE of the paper's own method | 0.28 | 0.300 [" in told
    # Without videos there is no table of them.
    assert "From video to video" not in told
    assert "From video to video" in markdown([Row("a-b", "arc", "raw", pce=1.0, video_pce=0.2)])


def test_the_report_says_that_looks_are_absent_only_where_no_table_tells_them(tmp_path: Path) -> None:
    appearance = Table("appearance", "What the videos look like", "", ("measure", "value"), (("FVD", 12.5),))
    for others, absent in (((), True), ((appearance,), False)):
        write_table_page([*make_tables(ROWS), *others], {}, (), tmp_path / "page.html")
        for told in (markdown(ROWS, others), (tmp_path / "page.html").read_text()):
            assert ("no weights were given" in told) == absent
            assert ("12.5" in told) != absent


def test_the_worst_calibrated_paths_are_named_with_the_walls_they_pass() -> None:
    rows = [
        Row("a-b", "orbit", "closed-loop", pce=0.4, crossings=3),
        Row("a-b", "truck", "closed-loop", pce=0.5, crossings=0, nearest=0.02),
        Row("a-b", "arc", "closed-loop", pce=0.01, crossings=0),
        Row("a-b", "crane", "static", pce=3.0, crossings=0),
    ]
    assert [row.move for row in worst_rows(rows)] == ["truck", "orbit"]
    told = markdown(rows)
    assert "- a-b, orbit, closed-loop: 0.400; 3 steps pass through a surface" in told
    assert "- a-b, truck, closed-loop: 0.500; the camera comes within 0.02 median depths of a surface" in told


def test_of_the_two_methods_that_are_used_the_worse_is_named() -> None:
    rows = [
        Row("a-b", "orbit", "closed-loop", pce=0.05, true_pce=0.001),
        Row("a-b", "orbit", "shot", pce=2.3, nearest=0.02),
        Row("a-b", "arc", "closed-loop", pce=0.06, true_pce=0.001),
        Row("a-b", "arc", "shot", pce=0.04),
        Row("a-b", "crane", "shot"),
        Row("a-b", "truck", "closed-loop", pce=0.0341, true_pce=0.001),
        Row("a-b", "truck", "shot", pce=0.0342),
    ]
    named = [(row.move, row.method) for row in worst_rows(rows)]
    assert named == [("orbit", "shot"), ("arc", "closed-loop"), ("truck", "closed-loop")]


def test_tables_are_the_same_in_csv_and_json() -> None:
    tables = make_tables(ROWS)
    back = [from_json(values) for values in json.loads(as_json(tables), parse_constant=pytest.fail)]
    assert [to_plain(table) for table in back] == [to_plain(table) for table in tables]
    lines = list(csv.DictReader(io.StringIO(as_csv(tables))))
    own = [line for line in lines if (line["table"], line["row"], line["column"]) == ("methods", "static", "median")]
    assert [float(line["value"]) for line in own] == [0.3]


def test_the_paper_s_figures_stand_beside_ours() -> None:
    raw = [
        Row(f"{a}-{b}", "arc", "raw", pce=gap, scale_gap=gap, depth_gap=gap)
        for a, b, gap in (("room", "desk", 1.0), ("cosmos", "desk", 11.0))
    ]
    static = [replace(row, method="static", pce=0.5) for row in raw]
    rows = {row[0]: row[1:3] for row in named("paper", [*raw, *static]).rows}
    assert rows["PCE of uncalibrated transfer over that"] == ("more than 3", "12.0 (`raw` over `static`)")
    assert rows["orders of magnitude between scales"] == ("4", "up to 4.8")
    assert rows["slope of the uncalibrated error over the log scale gap"] == ("1 (Theorem 1)", "1.000")
    # What was not measured is not compared.
    assert {row[2] for row in named("paper", []).rows} == {
        "- (`static`), - (`closed-loop`)",
        "- (`raw` over `static`)",
        "-",
    }


def test_rows_of_one_reference_clip_are_drawn_together() -> None:
    values = [0.1, 0.1, 0.1, 0.1, 0.5, 0.5, 0.5, 0.5, 0.2, 0.2, 0.2, 0.2]
    clips = [name for name in "abc" for _ in range(4)]
    # Twelve rows of three clips are as sure as three rows, not as twelve.
    assert bootstrap_interval(values, clips) == pytest.approx(bootstrap_interval([0.1, 0.5, 0.2]))
    low, high = bootstrap_interval(values)
    wide_low, wide_high = bootstrap_interval(values, clips)
    assert wide_high - wide_low > 1.5 * (high - low)
    assert all(map(math.isnan, bootstrap_interval([0.2, 0.3], ["a", "a"])))
    rows = [
        Row(f"room-{target}", move, "static", pce=pce)
        for target in ("desk", "bench")
        for move, pce in (("arc", 0.1), ("truck", 0.3))
    ]
    low, high = bootstrap_interval([0.1, 0.3])
    assert named("methods", rows).rows[0][1] == f"0.200 [{low:.3f}, {high:.3f}]"
    # One clip has no interval.
    assert named("methods", rows[::2]).rows[0][1] == "0.100"


def test_an_interval_covers_the_mean_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for _ in range(200):
        low, high = bootstrap_interval(rng.exponential(1.0, 40).tolist())
        covered += low <= 1.0 <= high
    assert 0.88 < covered / 200 <= 0.99
    assert bootstrap_interval([0.2, 0.4, 0.3]) == bootstrap_interval([0.2, 0.4, 0.3])
    assert all(map(math.isnan, bootstrap_interval([0.2, math.nan])))


def test_a_page_holds_tables_and_pictures_and_asks_for_nothing(tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    picture.write_bytes(b"\x89PNG picture")
    page = tmp_path / "page.html"
    write_table_page(make_tables(ROWS), {"realised <P>": picture}, summary(ROWS), page)
    text = page.read_text()
    assert 'content="ParaScale report"' in text[:400]
    assert "0.200" in text
    assert "<h2><code>static</code>, pair by pair</h2>" in text
    assert "data:image/png;base64," in text
    assert "Realised &lt;p&gt;" in text
    assert re.findall(r'(?:src|href)="(?!data:)', text) == []
