"""Messages as bytes and back: one strict decoder over frozen dataclasses.

A header is a JSON object ``{"parascale": 3, "type": "...", ...}`` with the fields of its dataclass, all of them and no
others. What does not fit is refused with a sentence that names the field.
"""

import dataclasses
import functools
import json
import math
import re
import types
import typing
from typing import NoReturn, TypeVar, get_args, get_origin

import numpy as np

from parascale.errors import InputError
from parascale.link import messages
from parascale.link.limits import MAX_DEPTH, MAX_FRAME, PROTOCOL

M = TypeVar("M")

MARK = "parascale"
"""Every header's first field; its value is the version of the protocol."""

_WHOLE = 2**63
_TEXT = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKET = bytes(set(range(256)) - set(b"[]{}"))


class VersionError(InputError):
    """The other end speaks another version of the protocol."""


def _type_name(cls: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "-", cls.__name__).lower()


_TYPES: dict[str, type] = {_type_name(cls): cls for cls in get_args(messages.Message)}


def encode(message: messages.Message) -> bytes:
    """Return the header of a message.

    Raises
    ------
    InputError
        Where it is over the cap of one frame or holds what JSON cannot.
    """
    header = {MARK: PROTOCOL, "type": _type_name(type(message)), **dataclasses.asdict(message)}
    try:
        data = json.dumps(header, allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"a {header['type']} message cannot be written as JSON: {error}") from error
    if len(data) > MAX_FRAME:
        raise InputError(f"a {header['type']} message has {len(data)} bytes where {MAX_FRAME} are allowed")
    return data


def decode(data: bytes, oldest: int = PROTOCOL) -> messages.Message:
    """Return the message of a header.

    Parameters
    ----------
    data : bytes
    oldest : int
        The oldest version of the protocol that is taken.

    Raises
    ------
    VersionError
        Where the protocol version is another.
    InputError
        Where it is no header: broken JSON, an unknown type, a field too many, too few or of another type.
    """
    header = _json(data)
    if not isinstance(header, dict):
        raise InputError("a header is not a JSON object")
    version = header.pop(MARK, None)
    if type(version) is not int or not oldest <= version <= PROTOCOL:
        raise VersionError(f"protocol version {version!r} is not {PROTOCOL}: both ends need the same ParaScale")
    kind = header.pop("type", None)
    if not isinstance(kind, str) or kind not in _TYPES:
        raise InputError(f"message type {kind!r} is unknown")
    return typing.cast("messages.Message", build(_TYPES[kind], header, kind))


def build(cls: type[M], value: object, where: str) -> M:
    """Return a dataclass from a JSON object that has its fields, all of them and no others.

    Raises
    ------
    InputError
        Where it does not.
    """
    return typing.cast("M", _of_dataclass(cls, value, where))


def parse(cls: type[M], text: str | bytes, where: str) -> M:
    """Return a dataclass from JSON text; see `build`."""
    return build(cls, _json(text), where)


def _json(data: str | bytes) -> object:
    if len(data) > MAX_FRAME:
        raise InputError(f"a header has {len(data)} bytes where {MAX_FRAME} are allowed")
    try:
        raw = data if isinstance(data, bytes) else data.encode()
        if _depth(raw) > MAX_DEPTH:
            raise InputError(f"a header is nested too deeply: {MAX_DEPTH} levels are allowed")
        return json.loads(raw.decode(), object_pairs_hook=_once, parse_constant=_no_constant)
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"a header is not JSON: {error}") from error


def _depth(data: bytes) -> int:
    """Return how deep lists and objects are nested: before parsing, as each level takes a parser's stack."""
    brackets = np.frombuffer(_TEXT.sub(b"", data).translate(None, _NO_BRACKET), np.uint8)
    steps = np.where((brackets == ord("[")) | (brackets == ord("{")), 1, -1)
    return int(np.cumsum(steps).max(initial=0))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise ValueError("a name stands twice")
    return names


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


@functools.cache
def _fields(cls: type) -> dict[str, object]:
    hints = typing.get_type_hints(cls)
    return {field.name: hints[field.name] for field in dataclasses.fields(cls)}


def _of_dataclass(cls: type, value: object, where: str) -> object:
    if not isinstance(value, dict):
        raise InputError(f"{where} is not an object")
    fields = _fields(cls)
    for name in value:
        if name not in fields:
            raise InputError(f"{where} has an unknown field {name[:40]!r}")
    for name in fields:
        if name not in value:
            raise InputError(f"{where} lacks the field {name!r}")
    return cls(**{name: _value(hint, value[name], f"{where}.{name}") for name, hint in fields.items()})


def _value(hint: object, value: object, where: str) -> object:
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return _of_dataclass(hint, value, where)
    origin = get_origin(hint)
    if origin is tuple:
        if not isinstance(value, list):
            raise InputError(f"{where} is not a list")
        return tuple(_value(get_args(hint)[0], item, f"{where}[{index}]") for index, item in enumerate(value))
    if origin is dict:
        return _of_dict(get_args(hint)[1], value, where)
    if origin is typing.Literal:
        if not isinstance(value, str) or value not in get_args(hint):
            raise InputError(f"{where} is not one of {', '.join(get_args(hint))}")
        return value
    if origin in (types.UnionType, typing.Union):
        return _of_union(get_args(hint), value, where)
    return _checked(value, where) if hint is object else _of_scalar(hint, value, where)


def _of_dict(hint: object, value: object, where: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise InputError(f"{where} is not an object")
    return {name: _value(hint, item, f"{where}.{name[:40]}") for name, item in value.items()}


def _of_union(hints: tuple[object, ...], value: object, where: str) -> object:
    if value is None and type(None) in hints:
        return None
    exact = [hint for hint in hints if hint is type(value)]
    rest = [hint for hint in hints if hint is not type(None)]
    return _value((exact or rest)[0], value, where)


def _of_scalar(hint: object, value: object, where: str) -> object:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        _checked(value, where)
        value = float(value)
    if type(value) is not hint:
        raise InputError(f"{where} is not of type {getattr(hint, '__name__', hint)}")
    return _checked(value, where)


def _checked(value: object, where: str) -> object:
    """Let any JSON value pass, but for numbers no machine holds and text no file takes."""
    if isinstance(value, dict):
        return {str(_checked(name, where)): _checked(item, f"{where}.{name[:40]}") for name, item in value.items()}
    if isinstance(value, list):
        return [_checked(item, where) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        raise InputError(f"{where} is not finite")
    if isinstance(value, int) and not -_WHOLE <= value < _WHOLE:
        raise InputError(f"{where} does not fit into 64 bits")
    if isinstance(value, str) and not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InputError(f"{where} is not valid text")
    return value
