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
from collections.abc import Callable
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


@functools.cache
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
    cls: type = type(message)
    header = {MARK: PROTOCOL, "type": _type_name(cls), **shallow(message)}
    try:
        data = _WRITER.encode(header).encode()
    except (TypeError, ValueError) as error:
        raise InputError(f"a {header['type']} message cannot be written as JSON: {error}") from error
    if len(data) > MAX_FRAME:
        raise InputError(f"a {header['type']} message has {len(data)} bytes where {MAX_FRAME} are allowed")
    return data


def shallow(value: object) -> dict[str, object]:
    """Return the fields of a dataclass by their names, as `json.dumps` takes it: `dataclasses.asdict` copies deeply.

    Raises
    ------
    TypeError
        Where it is none.
    """
    if not dataclasses.is_dataclass(value):
        raise TypeError(f"{type(value).__name__} is no JSON")
    return dict(vars(value))


_WRITER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"), default=shallow)


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
    hint: type = cls
    try:
        return typing.cast("M", _reader(hint)(value))
    except _MisfitError as misfit:
        raise InputError(f"{where}{misfit.where} {misfit.problem}") from None


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
        return _READER.decode(raw.decode())
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"a header is not JSON: {error}") from error


def _depth(data: bytes) -> int:
    """Return at least how deep lists and objects are nested: before parsing, as each level takes a parser's stack."""
    if (opened := data.count(b"[") + data.count(b"{")) <= MAX_DEPTH:
        return opened
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


_READER = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)


class _MisfitError(Exception):
    """A value does not fit; where it is in what was read is put together on the way out."""

    def __init__(self, problem: str, where: str = "") -> None:
        super().__init__(problem)
        self.problem, self.where = problem, where


_Reader = Callable[[object], object]


@functools.cache
def _reader(hint: object) -> _Reader:
    """Return what checks and reads the JSON of a type, made once for each: most of a message's time is spent here."""
    if dataclasses.is_dataclass(hint):
        assert isinstance(hint, type)
        return _dataclass_reader(hint)
    origin = get_origin(hint)
    if origin is tuple:
        return _tuple_reader(_reader(get_args(hint)[0]))
    if origin is dict:
        return _dict_reader(_reader(get_args(hint)[1]))
    if origin is typing.Literal:
        return _literal_reader(get_args(hint))
    if origin in (types.UnionType, typing.Union):
        return _union_reader(get_args(hint))
    return _checked if hint is object else _scalar_reader(hint)


def _dataclass_reader(cls: type) -> _Reader:
    hints = typing.get_type_hints(cls)
    readers = {field.name: _reader(hints[field.name]) for field in dataclasses.fields(cls)}

    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _MisfitError("is not an object")
        if value.keys() != readers.keys():
            raise _misfit_of_fields(value, tuple(readers))
        made = {}
        for name, reader in readers.items():
            try:
                made[name] = reader(value[name])
            except _MisfitError as misfit:
                misfit.where = f".{name}{misfit.where}"
                raise
        return cls(**made)

    return read


def _misfit_of_fields(value: dict[str, object], names: tuple[str, ...]) -> _MisfitError:
    for name in value:
        if name not in names:
            return _MisfitError(f"has an unknown field {name[:40]!r}")
    return _MisfitError(f"lacks the field {next(name for name in names if name not in value)!r}")


def _tuple_reader(reader: _Reader) -> _Reader:
    def read(value: object) -> object:
        if not isinstance(value, list):
            raise _MisfitError("is not a list")
        made = []
        for index, item in enumerate(value):
            try:
                made.append(reader(item))
            except _MisfitError as misfit:
                misfit.where = f"[{index}]{misfit.where}"
                raise
        return tuple(made)

    return read


def _dict_reader(reader: _Reader) -> _Reader:
    def read(value: object) -> object:
        if not isinstance(value, dict):
            raise _MisfitError("is not an object")
        made = {}
        for name, item in value.items():
            try:
                made[_checked(name)] = reader(item)
            except _MisfitError as misfit:
                misfit.where = f".{name[:40]}{misfit.where}"
                raise
        return made

    return read


def _literal_reader(values: tuple[str, ...]) -> _Reader:
    def read(value: object) -> object:
        if not isinstance(value, str) or value not in values:
            raise _MisfitError(f"is not one of {', '.join(values)}")
        return value

    return read


def _union_reader(hints: tuple[object, ...]) -> _Reader:
    exact = {hint: _reader(hint) for hint in hints}
    first = next(_reader(hint) for hint in hints if hint is not type(None))

    def read(value: object) -> object:
        if value is None and type(None) in exact:
            return None
        cls: object = type(value)
        return exact.get(cls, first)(value)

    return read


def _scalar_reader(hint: object) -> _Reader:
    name = getattr(hint, "__name__", hint)

    def read(value: object) -> object:
        if hint is float and type(value) is int:
            value = float(_whole(value))
        if type(value) is not hint:
            raise _MisfitError(f"is not of type {name}")
        return _checked(value)

    return read


def _whole(value: int) -> int:
    if not -_WHOLE <= value < _WHOLE:
        raise _MisfitError("does not fit into 64 bits")
    return value


def _checked(value: object) -> object:
    """Let any JSON value pass, but for numbers no machine holds and text no file takes."""
    check = _CHECKS.get(type(value))
    return value if check is None else check(value)


def _finite(value: float) -> float:
    if not math.isfinite(value):
        raise _MisfitError("is not finite")
    return value


def _text(value: str) -> str:
    if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        raise _MisfitError("is not valid text")
    return value


def _checked_list(value: list[object]) -> list[object]:
    return [_checked(item) for item in value]


def _checked_dict(value: dict[str, object]) -> dict[str, object]:
    made = {}
    for name, item in value.items():
        try:
            made[str(_checked(name))] = _checked(item)
        except _MisfitError as misfit:
            misfit.where = f".{name[:40]}{misfit.where}"
            raise
    return made


_CHECKS: dict[type, Callable[..., object]] = {
    str: _text,
    int: _whole,
    float: _finite,
    list: _checked_list,
    dict: _checked_dict,
}
"""What is checked of each type of JSON value; nothing of those that are not named."""
