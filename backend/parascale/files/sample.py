"""What the beginning of a file, or a folder, shows: the formats recognise themselves by it."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parascale.errors import InputError
from parascale.files.disk import decode_text
from parascale.files.json_text import parse_json
from parascale.files.npz import Archive
from parascale.files.rows import separate_by_blanks
from parascale.types import Array

_SAMPLE_BYTES = 100_000


@dataclass(frozen=True)
class Sample:
    """The beginning of a file, or a folder.

    Attributes
    ----------
    path : Path
    text : str
        The beginning of a file, with newlines as line ends; empty for a folder or an archive.
    arrays : set of str
        Names of the arrays in a NumPy archive; empty for anything else.
    rows : list of list of str
        Words of the rows of numbers in a text, without comments and a header; empty for anything else.
    """

    path: Path
    text: str = ""
    arrays: frozenset[str] = frozenset()
    rows: tuple[tuple[str, ...], ...] = ()

    @property
    def columns(self) -> int:
        """Count of numbers in a row of text."""
        return len(self.rows[0]) if self.rows else 0

    @property
    def values(self) -> Array:
        """The first rows of text as numbers, (T, columns); none where a word among them is no number."""
        # The last row of a long file may be cut short.
        rows = [row for row in self.rows[:100] if len(row) == self.columns]
        try:
            return np.array(rows, np.float64).reshape(len(rows), self.columns)
        except ValueError:
            return np.zeros((0, self.columns))

    @property
    def json_columns(self) -> int:
        """Count of values in the first row of a JSON list of rows."""
        if not self.text.lstrip().startswith("["):
            return 0
        try:
            # The first row alone: the rest of the file may be long.
            row = parse_json(f"[{self.text.partition(']')[0].rpartition('[')[2]}]", str(self.path))
        except InputError:
            return 0
        return len(row) if isinstance(row, list) else 0

    def has_file(self, pattern: str) -> bool:
        """Whether the path is a folder with a file, named or by a pattern."""
        return self.path.is_dir() and any(self.path.glob(pattern))

    def has_key(self, key: str) -> bool:
        """Whether the text is JSON with a key."""
        return self.text.lstrip().startswith(("{", "[")) and f'"{key}"' in self.text


def take_sample(path: Path) -> Sample:
    """Read the beginning of a file.

    Raises
    ------
    InputError
        Where it cannot be read, or is a broken archive.
    """
    if path.is_dir():
        return Sample(path)
    try:
        with path.open("rb") as file:
            head = file.read(_SAMPLE_BYTES)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if head.startswith(b"PK"):
        with Archive(path) as archive:
            return Sample(path, arrays=frozenset(archive.names))
    text = decode_text(head, "replace")
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    rows = [tuple(line.split()) for line in map(separate_by_blanks, lines)]
    if len(rows) > 1 and (len(rows[0]) != len(rows[1]) or not _is_numeric(rows[0])):
        del rows[0]
    return Sample(path, text, rows=tuple(rows) if rows and _is_numeric(rows[0]) else ())


def _is_numeric(words: tuple[str, ...]) -> bool:
    try:
        return bool(list(map(float, words)))
    except ValueError:
        return False
