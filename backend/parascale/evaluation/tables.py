"""Rows of an evaluation as tables: Markdown for people, CSV and JSON for programs."""

import csv
import io
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parascale.evaluation.intervals import bootstrap_interval
from parascale.evaluation.plan import scales_of, sides_of
from parascale.evaluation.results import Row, mean, median, raw_slope

# What is used: the paths of these that are furthest off are named and shown, beyond this PCE, so many at most.
CALIBRATED = ("closed-loop", "shot")
SHOWN_ABOVE, WORST = 0.03, 10
# What the paper's ablations leave out, by the method that does; the whole first.
ABLATIONS = {
    "closed-loop": "nothing",
    "static": "the depth of all target frames but the first (the paper's own method)",
    "global": "per-frame gains",
    "norm-only": "depth",
    "rotation-rescaled": "verbatim rotation: it is rescaled with the gain",
    "no-rotation": "rotation",
}
PAPER = (
    "The paper (arXiv 2606.19805) measured generated video, solved again; here paths are measured in known geometry."
    " Its figures are quoted beside ours; they are not measures of the same thing."
)
ABSENT = "FVD and CLIP-SIM: absent (no weights were given)."
# The name of the table that tells them where videos were made.
APPEARANCE = "appearance"

Cell = str | float


@dataclass(frozen=True)
class Table:
    """A table with a name and a sentence about it; cells are texts or figures, NaN where unknown."""

    name: str
    title: str
    about: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def markdown(self) -> str:
        """Give it as Markdown."""
        lines = [f"## {self.title}", "", self.about, ""]
        lines += ["| " + " | ".join(self.columns) + " |", "| --- |" + " --- |" * (len(self.columns) - 1)]
        lines += ["| " + " | ".join(map(show_figure, row)) + " |" for row in self.rows]
        return "\n".join(lines) + "\n"


def show_figure(value: Cell) -> str:
    """Give a cell as text."""
    if isinstance(value, str):
        return value
    return "-" if math.isnan(value) else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"


def show_with_interval(value: float, interval: tuple[float, float]) -> str:
    """Give a mean and its interval as text; where there is no interval, the mean alone."""
    low, high = interval
    return show_figure(value) + ("" if math.isnan(low) else f" [{show_figure(low)}, {show_figure(high)}]")


def make_tables(rows: Sequence[Row]) -> list[Table]:
    """Sum up the rows of an evaluation.

    Means are over the rows that could be measured; those that could not are counted beside.
    """
    tables = [_methods(rows), _every_pair(rows), _targets(rows), _moves(rows), _shots(rows)]
    tables += [
        table
        for table in (_ablations(rows), *(_pairs(rows, method) for method in (*CALIBRATED, "static")))
        if table.rows
    ]
    if any(not math.isnan(row.video_pce) for row in rows):
        tables.append(_videos(rows))
    return [*tables, _paper(rows)]


def markdown(rows: Sequence[Row], others: Sequence[Table] = ()) -> str:
    """Give the report on an evaluation, in Markdown."""
    parts = ["# Faithfulness of camera-motion transfer\n", *(f"{remark}\n" for remark in remarks(others))]
    parts += [table.markdown() for table in (*make_tables(rows), *others)]
    parts += [f"{sentence}\n" for sentence in summary(rows)]
    parts += [worst_lines(rows), _refused(rows)]
    return "\n".join(part for part in parts if part)


def remarks(tables: Sequence[Table]) -> list[str]:
    """Give what stands before the tables, in sentences."""
    return [] if any(table.name == APPEARANCE for table in tables) else [ABSENT]


def summary(rows: Sequence[Row]) -> list[str]:
    """Give what an evaluation comes to, in sentences."""
    told = []
    own = [row for row in _of(rows, "closed-loop") if not math.isnan(row.pce)]
    if own:
        scales = [scales_of(row.regime) for row in own]
        pairs = {pair: mean(r.pce for r, s in zip(own, scales, strict=True) if s == pair) for pair in scales}
        worst = max(pairs, key=lambda pair: pairs[pair])
        held = [row.true_pce for row in own if not math.isnan(row.true_pce)]
        part = f" ({len(held)} of {len(own)} rows)" if 0 < len(held) < len(own) else ""
        told.append(
            f"`closed-loop`: mean PCE {mean(row.pce for row in own):.3f} from solved references,"
            f" {show_figure(mean(held))} from true ones{part}; the worst of {len(pairs)} pairs of scales is {worst[0]}"
            f" to {worst[1]} with {pairs[worst]:.3f}."
        )
    slope = raw_slope(rows)
    if not math.isnan(slope):
        told.append(f"Error of `raw` over the log scale gap ln(Z / Z'): slope {slope:.3f}; Theorem 1 says 1.")
    return told


def as_csv(tables: Sequence[Table]) -> str:
    """Give tables as one CSV: the name of the table and the row, then a line a cell."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(("table", "row", "column", "value"))
    for table in tables:
        for row in table.rows:
            for column, value in zip(table.columns[1:], row[1:], strict=True):
                shown = "" if isinstance(value, float) and math.isnan(value) else value
                writer.writerow((table.name, row[0], column, shown))
    return text.getvalue()


def from_json(values: Mapping[str, Any]) -> Table:
    """Give back a table that `to_plain` gave."""
    rows = tuple(tuple(math.nan if cell is None else cell for cell in row) for row in values["rows"])
    return Table(values["name"], values["title"], values["about"], tuple(values["columns"]), rows)


def to_plain(table: Table) -> dict[str, Any]:
    """Give a table as JSON values."""
    cells = [[None if isinstance(cell, float) and math.isnan(cell) else cell for cell in row] for row in table.rows]
    return {
        "name": table.name,
        "title": table.title,
        "about": table.about,
        "columns": list(table.columns),
        "rows": cells,
    }


def as_json(tables: Sequence[Table]) -> str:
    """Give tables as JSON."""
    return json.dumps([to_plain(table) for table in tables], indent=1, allow_nan=False) + "\n"


def worst_rows(rows: Sequence[Row]) -> list[Row]:
    """Give the calibrated rows that are furthest off, the worst first; of a pair and move the worse method alone.

    Where both are alike to a hundredth it is `closed-loop`, of which the reason is known.
    """
    own = [row for row in rows if row.method in CALIBRATED and row.pce > SHOWN_ABOVE]
    # The last that is put in stays.
    by_error = sorted(own, key=lambda row: (round(row.pce, 2), row.method == "closed-loop"))
    worse = {(row.regime, row.move): row for row in by_error}
    return sorted(worse.values(), key=lambda row: -row.pce)[:WORST]


def reason_of(row: Row) -> str:
    """Say why a row is far off, where it is known."""
    if row.crossings > 0:
        return f"{row.crossings:.0f} steps pass through a surface"
    if row.blind > 0:
        return f"{row.blind:.0%} of the frames see no surface"
    # From the true reference it passes the same surfaces.
    if row.true_pce < row.pce / 2:
        return "the solved reference is off by as much"
    if row.nearest < 0.1:
        return f"the camera comes within {row.nearest:.2f} median depths of a surface"
    if row.true_pce > SHOWN_ABOVE:
        return "it is off from the true reference too"
    return "not held against the true reference" if math.isnan(row.true_pce) else "no single reason"


def _of(rows: Sequence[Row], method: str) -> list[Row]:
    return [row for row in rows if row.method == method]


def _names(rows: Sequence[Row]) -> list[str]:
    return list(dict.fromkeys(row.method for row in rows))


def _with_interval(rows: Sequence[Row], name: str = "pce") -> str:
    """Give the mean of a figure with its interval; the rows of one reference clip share its solve."""
    values = [getattr(row, name) for row in rows]
    clips = [(sides_of(row.regime)[0], row.move) for row in rows]
    return show_with_interval(mean(values), bootstrap_interval(values, clips))


def _methods(rows: Sequence[Row]) -> Table:
    names = ("scale_gap", "profile", "felt_error", "rot_err", "trans_err", "trans_err_rel")
    found: list[tuple[Cell, ...]] = []
    for method in _names(rows):
        own = _of(rows, method)
        errors = [row.pce for row in own]
        found.append(
            (
                method,
                _with_interval(own),
                median(errors),
                max((error for error in errors if not math.isnan(error)), default=math.nan),
                *(mean(getattr(row, name) for row in own) for name in names),
                f"{sum(math.isnan(error) for error in errors)} of {len(own)}",
            )
        )
    return Table(
        "methods",
        "Every method, from solved references",
        "PCE of the path in the target's true depth against the true reference: mean with its 95 % bootstrap interval"
        " over scenes and moves (clips of the reference are drawn, each with all its rows). TransErr does not see"
        " scale: it is as small where PCE is large.",
        (
            *("method", "PCE, mean [95 %]", "median", "largest", "scale gap", "profile", "felt error"),
            *("RotErr, degrees", "TransErr, %", "TransErr, rel", "not measured"),
        ),
        tuple(found),
    )


def _every_pair(rows: Sequence[Row]) -> Table:
    methods = _names(rows)
    scales = [scales_of(row.regime) for row in rows]

    def cells(pair: tuple[str, str]) -> list[float]:
        own = [row for row, known in zip(rows, scales, strict=True) if known == pair]
        return [mean(row.pce for row in _of(own, method)) for method in methods]

    return Table(
        "every pair",
        "Every pair of scales, by every method",
        "Mean PCE over scenes and moves.",
        ("reference to target", *methods),
        tuple((" to ".join(pair), *cells(pair)) for pair in dict.fromkeys(scales)),
    )


def _targets(rows: Sequence[Row]) -> Table:
    targets = list(dict.fromkeys(scales_of(row.regime)[1] for row in rows))
    return Table(
        "targets",
        "By the target's scale",
        "PCE, mean with its interval, from all references.",
        ("method", *targets),
        tuple(
            (
                method,
                *(
                    _with_interval([row for row in _of(rows, method) if scales_of(row.regime)[1] == target])
                    for target in targets
                ),
            )
            for method in _names(rows)
        ),
    )


def _moves(rows: Sequence[Row]) -> Table:
    moves = list(dict.fromkeys(row.move for row in rows))
    return Table(
        "moves",
        "Move by move",
        "Mean PCE over the pairs of scenes.",
        ("method", *moves),
        tuple(
            (method, *(mean(row.pce for row in _of(rows, method) if row.move == move) for move in moves))
            for method in _names(rows)
        ),
    )


def _pairs(rows: Sequence[Row], method: str) -> Table:
    """Mean PCE of a method, references down, targets across."""
    own = [(scales_of(row.regime), row) for row in _of(rows, method)]
    targets = list(dict.fromkeys(target for (_, target), _ in own))

    def cell(reference: str, target: str) -> str:
        pair = [row for scales, row in own if scales == (reference, target)]
        clear = [row.pce for row in pair if not row.crossings > 0]
        through = len(pair) - len(clear)
        beside = f" ({show_figure(mean(clear))} without {through} through walls)" if through else ""
        return show_figure(mean(row.pce for row in pair)) + beside

    return Table(
        f"pairs, {method}",
        f"`{method}`, pair by pair",
        "Mean PCE over scenes and moves: references down, targets across.",
        ("reference", *targets),
        tuple(
            (reference, *(cell(reference, target) for target in targets))
            for reference in dict.fromkeys(reference for (reference, _), _ in own)
        ),
    )


def _ablations(rows: Sequence[Row]) -> Table:
    known = [method for method in _names(rows) if method in ABLATIONS]
    # Beside nothing, nothing is lost.
    known = known if len(known) > 1 else []
    return Table(
        "ablations",
        "Ablations",
        "What is lost without a part of the method.",
        ("method", "without", "PCE, mean [95 %]", "felt error", "RotErr, degrees"),
        tuple(
            (
                method,
                without,
                _with_interval(_of(rows, method)),
                mean(row.felt_error for row in _of(rows, method)),
                mean(row.rot_err for row in _of(rows, method)),
            )
            for method, without in ABLATIONS.items()
            if method in known
        ),
    )


def _shots(rows: Sequence[Row]) -> Table:
    def share(own: Sequence[Row], name: str, holds: Callable[[float], bool]) -> str:
        known = [value for row in own if not math.isnan(value := getattr(row, name))]
        return f"{sum(map(holds, known))} of {len(known)}" if known else "-"

    found = []
    for method in _names(rows):
        own = [row for row in _of(rows, method) if not math.isnan(row.pce)]
        found.append(
            (
                method,
                mean(row.held for row in own),
                share(own, "roll", lambda degrees: degrees > 1),
                share(own, "crossings", lambda steps: steps > 0),
                share(own, "nearest", lambda distance: distance < 0.1),
                share(own, "jump", lambda change: change > 0.0501),
                mean(row.blind for row in own),
            )
        )
    return Table(
        "shots",
        "What a viewer sees beside the number",
        "Share of the frames that hold the subject; paths that roll by more than a degree, pass through a surface, come"
        " within a tenth of the median depth of one, or whose gain jumps by more than 5 %; share of frames that see"
        " nothing.",
        ("method", "subject held", "roll > 1 degree", "through a surface", "too near", "gain jumps", "blind frames"),
        tuple(found),
    )


def _videos(rows: Sequence[Row]) -> Table:
    names = ("video_gap", "video_rot", "video_trans", "video_trans_rel")
    asked = ("asked_pce", "asked_rot", "asked_trans", "asked_trans_rel")
    return Table(
        "videos",
        "From video to video",
        "The video along the path, solved again, against the solved reference, and against the path asked for.",
        (
            *("method", "PCE, mean [95 %]", "scale gap", "RotErr, degrees", "TransErr, %", "TransErr, rel"),
            *("asked: PCE", "asked: RotErr, degrees", "asked: TransErr, %", "asked: TransErr, rel", "not measured"),
        ),
        tuple(
            (
                method,
                _with_interval(own, "video_pce"),
                *(mean(getattr(row, name) for row in own) for name in (*names, *asked)),
                f"{sum(math.isnan(row.video_pce) for row in own)} of {len(own)}",
            )
            for method in _names(rows)
            for own in [_of(rows, method)]
        ),
    )


def _paper(rows: Sequence[Row]) -> Table:
    """Quote the paper's figures beside ours."""
    static, raw, own = (_of(rows, method) for method in ("static", "raw", "closed-loop"))
    calibrated = mean(row.pce for row in static)
    gain = mean(row.pce for row in raw) / calibrated if calibrated > 0 else math.nan
    spans = [abs(row.depth_gap) / math.log(10) for row in raw if not math.isnan(row.depth_gap)]
    span = "-" if not spans else f"up to {max(spans):.1f}"
    return Table(
        "paper",
        "Beside the paper",
        PAPER,
        ("figure", "paper", "here", "what differs"),
        (
            (
                "PCE of the paper's own method",
                "0.28",
                f"{_with_interval(static)} (`static`), {_with_interval(own)} (`closed-loop`)",
                "paper: video of a generator, solved, with a depth model; here: the path, in the target's true depth",
            ),
            (
                "PCE of uncalibrated transfer over that",
                "more than 3",
                f"{show_figure(gain)} (`raw` over `static`)",
                "it grows with the scale gaps that are taken in; see the pairs of scales",
            ),
            (
                "orders of magnitude between scales",
                "4",
                span,
                "here: ratio of the median depths of reference and target",
            ),
            (
                "slope of the uncalibrated error over the log scale gap",
                "1 (Theorem 1)",
                show_figure(raw_slope(rows)),
                "here fitted over all rows of `raw`",
            ),
        ),
    )


def worst_lines(rows: Sequence[Row]) -> str:
    """Give the worst rows with the reason of each, as a list in Markdown."""
    worst = worst_rows(rows)
    if not worst:
        return ""
    names = " and ".join(f"`{method}`" for method in CALIBRATED)
    lines = [f"{names} above {SHOWN_ABOVE:g}, the worst first:", ""]
    lines += [f"- {row.regime}, {row.move}, {row.method}: {row.pce:.3f}; {reason_of(row)}" for row in worst]
    return "\n".join(lines) + "\n"


def _refused(rows: Sequence[Row]) -> str:
    """Name what could not be measured; what is alike for all moves in one line."""
    refused: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        if row.reason:
            refused.setdefault((row.method, row.reason), []).append(row)
    if not refused:
        return ""
    lines = ["Not measured:", ""]
    for (method, reason), own in refused.items():
        where = f"{own[0].regime}, {own[0].move}" if len(own) == 1 else f"{len(own)} rows"
        lines.append(f"- {method}, {where}: {reason}")
    return "\n".join(lines) + "\n"
