"""Rows of an evaluation: kept as they come, and summed up as tables."""

import csv
import io
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from parascale import __version__
from parascale.errors import InputError
from parascale.files.disk import make_folder, read_text, replace_files
from parascale.types import to_json_values

FILE = "results.json"
# Scale gaps that differ by less tell no slope.
MIN_GAP_RANGE = 1.0
# PCE of closed-loop beyond which a row is named, and how many are.
SHOWN_ABOVE, WORST = 0.03, 10


@dataclass(frozen=True)
class Row:
    """One move carried over to one scene by one method. NaN where a figure is unknown.

    Attributes
    ----------
    regime, move, method : str
    pce, scale_gap, profile, felt_error, rot_err, trans_err : float
        The path in the target's true depth against the true reference; see `parascale.parallax.metrics.Metrics`.
    depth_gap : float
        ln(Z / Z'), median over the frames.
    blind : float
        Share of the frames looked at that see no surface, 0 .. 1.
    crossings : float
        Steps of the path that pass through a surface.
    video_pce, video_gap, above_floor : float
        The video along the path, solved, against the solved reference.
    reason : str
        Why figures are missing.
    """

    regime: str
    move: str
    method: str
    pce: float = math.nan
    scale_gap: float = math.nan
    profile: float = math.nan
    felt_error: float = math.nan
    rot_err: float = math.nan
    trans_err: float = math.nan
    depth_gap: float = math.nan
    blind: float = math.nan
    crossings: float = math.nan
    video_pce: float = math.nan
    video_gap: float = math.nan
    above_floor: float = math.nan
    reason: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Regime, move and method, which name a row."""
        return self.regime, self.move, self.method


NAMES = [field.name for field in fields(Row)]


def read_rows(folder: Path, stamp: Mapping[str, object]) -> list[Row]:
    """Read the rows a folder holds.

    Parameters
    ----------
    folder : Path
        Made where it is missing.
    stamp : mapping
        What has to be the same for rows to go together.

    Raises
    ------
    InputError
        Where they are of another stamp or version, or the file is broken.
    """
    path = make_folder(folder) / FILE
    if not path.exists():
        return []
    try:
        held = json.loads(read_text(path))
        rows = [_row(row) for row in held["rows"]]
        same = held["stamp"] == dict(stamp) and held["version"] == __version__
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no results of an evaluation: choose another folder") from error
    if not same:
        raise InputError(f"{path} holds results of other settings or another version: choose another folder")
    return rows


def write_rows(folder: Path, stamp: Mapping[str, object], rows: Iterable[Row]) -> None:
    """Write ``results.json`` and ``results.csv`` anew."""
    plain = [to_json_values(asdict(row)) for row in rows]
    document = {"version": __version__, "stamp": dict(stamp), "rows": plain}
    table = io.StringIO()
    writer = csv.DictWriter(table, NAMES)
    writer.writeheader()
    writer.writerows(plain)
    replace_files(
        {
            folder / FILE: (json.dumps(document, indent=1, allow_nan=False) + "\n").encode(),
            folder / "results.csv": table.getvalue().encode(),
        }
    )


def _row(values: dict[str, Any]) -> Row:
    return Row(**values | {name: math.nan for name in NAMES if values[name] is None})


def median(values: Iterable[float]) -> float:
    """Median of the values that are known, NaN where none is."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.median(known)) if known else math.nan


def raw_slope(rows: Sequence[Row]) -> float:
    """Slope of ln(P' / P) of `raw` over the log scale gap, which Theorem 1 says is 1; NaN where the gaps are alike."""
    raw = [(row.depth_gap, row.scale_gap) for row in rows if row.method == "raw"]
    gap, error = np.array([pair for pair in raw if not any(map(math.isnan, pair))]).reshape(-1, 2).T
    if len(gap) < 2 or np.ptp(gap) < MIN_GAP_RANGE:
        return math.nan
    return float(np.polyfit(gap, error, 1)[0])


def tables(rows: Sequence[Row]) -> str:
    """Return the report, in Markdown."""
    methods = list(dict.fromkeys(row.method for row in rows))
    regimes = list(dict.fromkeys(row.regime for row in rows))
    filmed = any(not math.isnan(row.video_pce) for row in rows)
    lines = [
        "# Faithfulness of camera-motion transfer",
        "",
        "PCE of the path in the target's true depth against the true reference; the reference solved from pixels, given"
        " its lens. Medians over the moves, largest in brackets; moves without a figure are counted beside, and count"
        " as no better than the others.",
        "",
        *_table(rows, methods, regimes, "pce"),
        "",
        *(["The video along the path, solved, against the solved reference.", ""] if filmed else []),
        *([*_table(rows, methods, regimes, "video_pce"), ""] if filmed else []),
        "What else it does, medians over all moves and regimes.",
        "",
        "| method | scale gap | profile | felt error | RotErr, degrees | TransErr, % | blind frames | through walls |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for method in methods:
        own = [row for row in rows if row.method == method]
        names = ("scale_gap", "profile", "felt_error", "rot_err", "trans_err", "blind")
        figures = [median(getattr(row, name) for row in own) for name in names]
        through = sum(row.crossings > 0 for row in own)
        lines.append(f"| {method} | " + " | ".join(map(_figure, figures)) + f" | {through} of {len(own)} |")
    slope = raw_slope(rows)
    if not math.isnan(slope):
        lines += ["", f"Error of `raw` over the log scale gap ln(Z / Z'): slope {slope:.3f}; Theorem 1 says 1."]
    lines += ["", *_worst(rows), "Every row: `results.csv`."]
    refused = [row for row in rows if row.reason]
    lines += ["", "Not measured:", ""] if refused else []
    lines += [f"- {row.regime}, {row.move}, {row.method}: {row.reason}" for row in refused]
    return "\n".join(lines) + "\n"


def _table(rows: Sequence[Row], methods: Sequence[str], regimes: Sequence[str], figure: str) -> list[str]:
    lines = ["| method | " + " | ".join(regimes) + " |", "| --- |" + " --- |" * len(regimes)]
    for method in methods:
        cells = []
        for regime in regimes:
            values = [getattr(row, figure) for row in rows if (row.method, row.regime) == (method, regime)]
            known = [value for value in values if not math.isnan(value)]
            missing = len(values) - len(known)
            beside = f", {missing} of {len(values)} unknown" if missing else ""
            cells.append(f"{_figure(_median_at_least(values))} ({_figure(max(known))}){beside}" if known else "-")
        lines.append(f"| {method} | " + " | ".join(cells) + " |")
    return lines


def _median_at_least(values: Sequence[float]) -> float:
    """Median where unknown values are no smaller than the largest known: what fails does not flatter those that do."""
    largest = max(value for value in values if not math.isnan(value))
    return median(largest if math.isnan(value) else value for value in values)


def _worst(rows: Sequence[Row]) -> list[str]:
    """Name the calibrated rows that are furthest off, and why where it is known."""
    own = [row for row in rows if row.method == "closed-loop" and row.pce > SHOWN_ABOVE]
    if not own:
        return []
    lines = [f"`closed-loop` above {SHOWN_ABOVE:g}:", ""]
    for row in sorted(own, key=lambda row: -row.pce)[:WORST]:
        why = f"{row.crossings:.0f} steps pass through a surface" if row.crossings > 0 else "no step passes a surface"
        lines.append(f"- {row.regime}, {row.move}: {row.pce:.3f}; {why}")
    return [*lines, ""]


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}" if abs(value) < 10 else f"{value:.1f}"
