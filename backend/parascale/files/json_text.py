"""JSON in and out: values that are checked as they are read, finite numbers, tables of a fixed width."""

import json
import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from parascale.errors import InputError
from parascale.files.disk import read_text
from parascale.types import Array, Json


def read_json(path: Path) -> Json:
    """Read a JSON file.

    Raises
    ------
    InputError
        Where it cannot be read or is not JSON: with line and column.
    """
    return parse_json(read_text(path), str(path))


def parse_json(text: str, source: str, *, unique_keys: bool = False) -> Json:
    """As `read_json`, of a text; refuses a key that appears twice in an object where ``unique_keys`` says so."""

    def check_keys(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        found = dict(pairs)
        if len(found) < len(pairs):
            keys = [key for key, _ in pairs]
            twice = next(key for key in keys if keys.count(key) > 1)
            raise InputError(f"{source}: the key {_quote(twice)} appears twice")
        return found

    try:
        return cast("Json", json.loads(text, object_pairs_hook=check_keys if unique_keys else None))
    except InputError:
        raise
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InputError(f"{source}, {where}: this is not JSON, or it is cut short ({error.msg})") from None
    except (ValueError, RecursionError) as error:  # a number of too many digits; brackets nested too deep
        raise InputError(f"{source}: this is not JSON: {error}") from None


def format_json_rows(rows: Sequence[object]) -> str:
    """Write a list as JSON, one item a line."""
    return "[\n" + ",\n".join(json.dumps(row, allow_nan=False) for row in rows) + "\n]\n"


def parse_table(value: Json, columns: int, where: str) -> Array:
    """Turn a list of lists of ``columns`` finite numbers into an array.

    Raises
    ------
    InputError
        Where it is anything else: with the number of the frame, from 0.
    """
    if not isinstance(value, list) or not value:
        raise InputError(f"{where} not a list of frames, each of {columns} numbers")
    return np.array([parse_numbers(row, (columns,), f"{where}, frame {frame}") for frame, row in enumerate(value)])


def parse_numbers(value: Json, shape: tuple[int, ...], where: str) -> Array:
    """Turn nested lists of finite numbers into an array of the given shape.

    Raises
    ------
    InputError
        Where they are of another shape, or something in them is not a finite number.
    """
    flat: list[float] = []
    _flatten(value, shape, where, flat)
    return np.array(flat, np.float64).reshape(shape)


def _flatten(value: Json, shape: tuple[int, ...], where: str, flat: list[float]) -> None:
    if not shape:
        flat.append(parse_number(value, where))
        return
    if not isinstance(value, list) or len(value) != shape[0]:
        found = f"{len(value)} values" if isinstance(value, list) else json.dumps(value)[:40]
        raise InputError(f"{where}: {found} in place of a list of {' x '.join(map(str, shape))} numbers")
    for item in value:
        _flatten(item, shape[1:], where, flat)


def parse_number(value: Json, where: str) -> float:
    """Check that a JSON value is a finite number.

    Raises
    ------
    InputError
        Where it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InputError(f"{where}: {json.dumps(value)[:40]} is not a number")
    try:
        result = float(value)
    except OverflowError:
        result = math.inf
    if not math.isfinite(result):
        raise InputError(f"{where}: a number is not finite")
    return result


@dataclass(frozen=True)
class JsonObject:
    """A JSON object whose values are checked as they are read: a refusal says where they stand.

    Attributes
    ----------
    values : dict
    where : str
        What to call the object in messages.
    joint : str
        What stands there between the object and one of its keys.
    """

    values: dict[str, Json]
    where: str
    joint: str = ": "

    @classmethod
    def of(cls, value: Json, where: str, joint: str = ": ") -> "JsonObject":
        """Check that a value is an object."""
        if not isinstance(value, dict):
            raise InputError(f"{where} must be a JSON object")
        return cls(value, where, joint)

    def check_keys(self, required: Collection[str], optional: Collection[str] = ()) -> None:
        """Refuse an object that lacks a key, or has an unknown one."""
        for key in sorted({*required} - self.values.keys()):
            raise InputError(f"{self.where}: the key {_quote(key)} is missing")
        for key in sorted(self.values.keys() - {*required, *optional}):
            raise InputError(f"{self.where}: the key {_quote(key)} is unknown")

    def has(self, key: str) -> bool:
        """Whether a key has a value other than null."""
        return self.values.get(key) is not None

    def place(self, key: str) -> str:
        """Return what to call the value of a key in messages."""
        return f'{self.where}{self.joint}"{key}"'

    def number(self, key: str) -> float:
        """Read a finite number."""
        return parse_number(self.values.get(key), self.place(key))

    def number_or_nan(self, key: str) -> float:
        """Read a finite number; null, or no such key, is NaN."""
        return self.number(key) if self.has(key) else math.nan

    def numbers(self, key: str, shape: tuple[int, ...]) -> Array:
        """Read nested lists of finite numbers as an array."""
        return parse_numbers(self.values.get(key), shape, self.place(key))

    def whole(self, key: str) -> int:
        """Read a whole number that 64 bits hold."""
        value = self.values.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**62:
            return value
        raise InputError(f"{self.place(key)} must be a whole number")

    def text(self, key: str) -> str:
        """Read a text."""
        value = self.values.get(key)
        if isinstance(value, str):
            return value
        raise InputError(f"{self.place(key)} must be text")

    def inner(self, key: str) -> "JsonObject":
        """Read an object inside this one; without the key it is empty."""
        return self.of(self.values.get(key, {}), self.place(key), ", ")

    def items(self, key: str, each: str = "frame") -> list[tuple[str, Json]]:
        """Read a list: what to call every item in messages, and the item; without the key it is empty."""
        value = self.values.get(key, [])
        if not isinstance(value, list):
            raise InputError(f"{self.place(key)} must be a list")
        return [(f"{self.place(key)}, {each} {index}", item) for index, item in enumerate(value)]

    def require_finite(self) -> None:
        """Refuse an object that holds a number which is not finite, however deep."""
        _require_finite(self.values, self.where)


def _require_finite(value: Json, where: str) -> None:
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where}: a number is not finite")
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        _require_finite(child, f"{where}, {_quote(key)}")


def _quote(key: object) -> str:
    """Give a key as JSON writes it, cut to what a sentence bears: it may hold line breaks, or a whole file."""
    return json.dumps(key)[:80]
