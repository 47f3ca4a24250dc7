"""JSON in and out for the formats of other tools: finite numbers, tables of a fixed width, one line a frame."""

import json
import math
from collections.abc import Sequence
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
            raise InputError(f"{source}: the key {json.dumps(twice)[:80]} appears twice")
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
