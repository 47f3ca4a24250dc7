"""Rows of an evaluation, kept as they come."""

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

FILE, REFERENCES = "results.json", "references"
# Scale gaps that differ by less tell no slope.
MIN_GAP_RANGE = 1.0


@dataclass(frozen=True)
class Row:
    """One move carried over to one scene by one method. NaN where a figure is unknown.

    Attributes
    ----------
    regime, move, method : str
    pce, scale_gap, profile, felt_error, rot_err, trans_err, trans_err_rel : float
        The path in the target's true depth against the true reference; see `parascale.parallax.metrics.Metrics`.
    depth_gap : float
        ln(Z / Z'), median over the frames.
    blind : float
        Share of the frames looked at that see no surface, 0 .. 1.
    crossings : float
        Steps of the path that pass through a surface.
    nearest : float
        Smallest distance from a camera to a surface, as a share of the median depth there.
    true_pce : float
        The same as ``pce``, carried over from the true reference instead of the solved one.
    held, roll, jump : float
        Share of the frames that hold the subject, largest error of roll in degrees, largest change of ln s from one
        step to the next; see `parascale.parallax.calibration_report.CalibrationReport`.
    video_pce, video_gap, above_floor, video_rot, video_trans, video_trans_rel : float
        The video along the path, solved, against the solved reference.
    asked_pce, asked_rot, asked_trans, asked_trans_rel : float
        The same video against the path that was asked for.
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
    trans_err_rel: float = math.nan
    depth_gap: float = math.nan
    blind: float = math.nan
    crossings: float = math.nan
    nearest: float = math.nan
    true_pce: float = math.nan
    held: float = math.nan
    roll: float = math.nan
    jump: float = math.nan
    video_pce: float = math.nan
    video_gap: float = math.nan
    above_floor: float = math.nan
    video_rot: float = math.nan
    video_trans: float = math.nan
    video_trans_rel: float = math.nan
    asked_pce: float = math.nan
    asked_rot: float = math.nan
    asked_trans: float = math.nan
    asked_trans_rel: float = math.nan
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
        Where they are of another stamp, or the file is broken.
    """
    path = make_folder(folder) / FILE
    if not path.exists():
        return []
    try:
        held = json.loads(read_text(path))
        rows = [_row(row) for row in held["rows"]]
        differences = _differences(dict(held["stamp"]), stamp)
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is no results of an evaluation: choose another folder") from error
    if differences:
        raise InputError(
            f"{path} holds rows that do not go with this run ({differences}): choose another folder, or remove this"
            " folder to measure all of it again"
        )
    return rows


def claim_folder(folder: Path, stamp: Mapping[str, object]) -> list[Row]:
    """Read the rows a folder holds, and stamp it before anything is made: what a stopped run leaves is of this stamp.

    Same parameters as `read_rows`.

    Raises
    ------
    InputError
        As `read_rows`, and where references are there whose stamp is lost.
    """
    rows = read_rows(folder, stamp)
    if not (folder / FILE).exists() and any((folder / REFERENCES).glob("*")):
        raise InputError(
            f"{folder} holds references without {FILE}, which tells the program that solved them: choose another "
            "folder, or remove this one to measure all of it again"
        )
    if not rows:
        write_rows(folder, stamp, [])
    return rows


def _differences(held: Mapping[str, object], stamp: Mapping[str, object]) -> str:
    """Name what differs between the stamp of a folder and that of a run; nothing where they are alike."""
    names = [name for name in dict.fromkeys((*stamp, *held)) if held.get(name) != stamp.get(name)]
    return "; ".join(f"{name}: {held.get(name)} there, {stamp.get(name)} here" for name in names)


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
    """Give back a row; a figure that was not measured yet when it was written is unknown."""
    known: dict[str, Any] = {name: math.nan if value is None else value for name, value in values.items()}
    return Row(**known)


def mean(values: Iterable[float]) -> float:
    """Mean of the values that are known, NaN where none is."""
    known = [value for value in values if not math.isnan(value)]
    return float(np.mean(known)) if known else math.nan


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
