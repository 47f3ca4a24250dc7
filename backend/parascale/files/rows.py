"""Text files of one row of numbers a frame."""

import io
import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.files.disk import read_text
from parascale.types import Array

_LOCAL_NUMBER = re.compile(r"[-+]?\d+(,\d*)?([eE][-+]?\d+)?")
_NUMBER = re.compile(r"[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?")


@dataclass(frozen=True, eq=False)
class Rows:
    """The numbers of a text file.

    Attributes
    ----------
    values : (N, C) float64
        Finite.
    lines : (N,) int
        Number of each row's line, from 1.
    comments : str
        The lines without numbers.
    """

    values: Array
    lines: NDArray[np.int64]
    comments: str

    def location(self, row: int) -> str:
        """Say where a row is."""
        return f"line {self.lines[row]}"


def read_rows(path: Path, columns: Collection[int], *, header: bool = False) -> Rows:
    """Read rows of numbers separated by blanks; empty lines and those that start with # are comments.

    Parameters
    ----------
    path : Path
    columns : collection of int
        How many numbers a row may have; all rows have as many.
    header : bool
        The first line may hold anything; it counts as a row only where it is one.

    Raises
    ------
    InputError
        Where the file cannot be read, holds no row, or a row has another count of numbers, something that is not a
        number, or a number that is not finite: one sentence with the number of the line.
    """
    return parse_rows(read_text(path), str(path), columns, header=header)


def parse_rows(text: str, source: str, columns: Collection[int], *, header: bool = False) -> Rows:
    """As `read_rows`, of a text; ``source`` is what messages call it."""
    lines = [separate_by_blanks(line) for line in text.split("\n")]
    numbers = [number for number, line in enumerate(lines) if (bare := line.strip()) and not bare.startswith("#")]
    if header and numbers and numbers[0] == 0 and not _is_row(lines[0], columns):
        del numbers[0]
    if not numbers:
        raise InputError(f"{source} has no row of {_join_counts(columns)} numbers")
    kept = set(numbers)
    comments = "\n".join(line for number, line in enumerate(lines) if number not in kept)
    try:
        values = np.loadtxt([lines[number] for number in numbers], np.float64, comments=None, ndmin=2)
    except ValueError:
        values = np.empty((0, 0))
    if values.shape[1] not in columns or not np.isfinite(values).all():
        raise _find_fault(source, [(number + 1, lines[number]) for number in numbers], columns)
    return Rows(values, np.array(numbers) + 1, comments)


def separate_by_blanks(line: str) -> str:
    """Write a row of numbers with points and blanks, where it has decimal commas or other separators.

    These are 0,5 0,25 and 0,5;0,25 and 0.5,0.25; lines that are none of them stay as they are.
    """
    if "," not in line and ";" not in line:
        return line
    words = line.replace(";", " ").split()
    if len(words) > 1 and all(map(_LOCAL_NUMBER.fullmatch, words)):
        return " ".join(words).replace(",", ".")
    cells = words if ";" in line else line.replace(",", " ").split()
    separators = line.count(";") or line.count(",")
    return " ".join(cells) if separators == len(cells) - 1 and all(map(_NUMBER.fullmatch, cells)) else line


def format_rows(values: Array) -> str:
    """Rows as text, every float64 so that it comes back to the bit."""
    out = io.StringIO()
    for row in values.tolist():
        out.write(" ".join(map(repr, row)))
        out.write("\n")
    return out.getvalue()


def _is_row(line: str, columns: Collection[int]) -> bool:
    return len(line.split()) in columns and not any(map(_find_word_fault, line.split()))


def _find_fault(source: str, lines: list[tuple[int, str]], columns: Collection[int]) -> InputError:
    """Find the first line that is wrong, and say how."""
    expected = columns
    for number, line in lines:
        words = line.split()
        for word in words:
            fault = _find_word_fault(word)
            if fault:
                return InputError(f"{source}, line {number}: {word[:40]!r} {fault}")
        if len(words) not in expected:
            return InputError(
                f"{source}, line {number}: {len(words)} numbers where {_join_counts(expected)} are needed; "
                "the file is damaged, cut short or of another format"
            )
        expected = (len(words),)
    return InputError(f"{source} has no rows of {_join_counts(columns)} numbers")


def _find_word_fault(word: str) -> str | None:
    try:
        number = float(word)
    except ValueError:
        if "," in word:
            return "has a comma: write decimals with a point, and separate numbers by blanks"
        return "is not a number"
    # What Python reads and no other tool does.
    if "_" in word:
        return "is not a number"
    return None if np.isfinite(number) else "is not finite"


def _join_counts(columns: Collection[int]) -> str:
    return " or ".join(str(count) for count in sorted(columns))
