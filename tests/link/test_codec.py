"""Headers: what is written is read back, and nothing else is."""

import contextlib
import dataclasses
import json
import math
import types
import typing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parascale.errors import InputError
from parascale.link import messages as m
from parascale.link.codec import MARK, VersionError, decode, encode
from parascale.link.limits import MAX_FRAME, PROTOCOL
from parascale.link.parameters import Parameter

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
WHOLE = st.integers(-(2**63), 2**63 - 1)
NUMBER = st.floats(allow_nan=False, allow_infinity=False)
SCALAR = st.one_of(st.booleans(), WHOLE, NUMBER, TEXT)
JSON = st.recursive(
    st.one_of(st.none(), SCALAR),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=8,
)
PLAIN = {int: WHOLE, float: NUMBER, str: TEXT, bool: st.booleans(), type(None): st.none(), object: JSON}


def values(hint: Any) -> st.SearchStrategy[Any]:
    if hint in PLAIN:
        return PLAIN[hint]
    if dataclasses.is_dataclass(hint):
        hints = typing.get_type_hints(hint)
        return st.builds(hint, **{f.name: values(hints[f.name]) for f in dataclasses.fields(hint)})
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple:
        return st.lists(values(arguments[0]), max_size=3).map(tuple)
    if origin is dict:
        return st.dictionaries(TEXT, values(arguments[1]), max_size=3)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    assert origin in (types.UnionType, typing.Union), hint
    return st.one_of(*(values(argument) for argument in arguments))


ANY_MESSAGE = st.one_of(*(values(cls) for cls in typing.get_args(m.Message)))


@given(ANY_MESSAGE)
def test_every_message_comes_back_as_it_was(message: m.Message) -> None:
    assert decode(encode(message)) == message


@given(ANY_MESSAGE)
def test_types_come_back_as_they_were(message: m.Message) -> None:
    assert repr(decode(encode(message))) == repr(message)


@given(st.binary(max_size=200))
def test_noise_is_refused_in_one_sentence(data: bytes) -> None:
    with pytest.raises(InputError):
        decode(data)


@given(JSON)
def test_json_that_is_no_message_is_refused(value: Any) -> None:
    with pytest.raises(InputError):
        decode(json.dumps(value).encode())


@given(ANY_MESSAGE, st.data())
def test_damaged_headers_are_read_whole_or_refused(message: m.Message, data: st.DataObject) -> None:
    header = bytearray(encode(message))
    header[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.integers(0, 255))
    with contextlib.suppress(InputError):
        assert decode(encode(decode(bytes(header)))) == decode(bytes(header))


def header(**changes: Any) -> bytes:
    base = {MARK: PROTOCOL, "type": "ask", "request": 3, "job": "a" * 32}
    return json.dumps({name: value for name, value in (base | changes).items() if value is not ...}).encode()


def test_a_header_written_by_hand_is_read() -> None:
    assert decode(header()) == m.Ask(3, "a" * 32)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"extra": 1}, "unknown field 'extra'"),
        ({"job": ...}, "lacks the field 'job'"),
        ({"job": 4}, "ask.job is not of type str"),
        ({"job": None}, "ask.job is not of type str"),
        ({"request": "3"}, "ask.request is not of type int"),
        ({"request": True}, "ask.request is not of type int"),
        ({"request": 3.0}, "ask.request is not of type int"),
        ({"request": 2**63}, "does not fit into 64 bits"),
        ({"type": "run-away"}, "type 'run-away' is unknown"),
        ({"type": ["ask"]}, "is unknown"),
        ({"type": ...}, "type None is unknown"),
        ({"job": "\ud800"}, "is not valid text"),
    ],
)
def test_a_wrong_field_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        decode(header(**changes))


@pytest.mark.parametrize("version", [0, 1, 99, "1", 1.0, True, None, ...])
def test_another_version_is_refused_as_that(version: object) -> None:
    with pytest.raises(VersionError, match="both ends need the same ParaScale"):
        decode(header(**{MARK: version}))


@pytest.mark.parametrize(
    "data",
    [
        b'{"parascale": 3, "type": "hello", "request": NaN}',
        b'{"parascale": 3, "type": "hello", "request": Infinity}',
        b'{"parascale": 3, "type": "hello", "request": 1, "request": 2}',
        b'{"parascale": 3, "type": "progress", "job": "a", "fraction": 1e999, "phase": ""}',
        b'{"parascale": 3, "type": "hello", "request": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe{}",
        '{"parascale": 3, "type": "hello", "request": 1}'.encode("utf-16"),
        b"",
    ],
)
def test_traps_in_json_are_refused(data: bytes) -> None:
    with pytest.raises(InputError):
        decode(data)


def test_a_header_over_the_cap_is_neither_written_nor_read() -> None:
    long = m.Failed("a" * 32, "x" * MAX_FRAME)
    with pytest.raises(InputError, match="are allowed"):
        encode(long)
    with pytest.raises(InputError, match="are allowed"):
        decode(b" " * (MAX_FRAME + 1))


def test_numbers_json_lacks_are_not_written() -> None:
    with pytest.raises(InputError):
        encode(m.Progress("a" * 32, math.nan, ""))


def test_a_whole_number_may_stand_for_a_float() -> None:
    message = decode(b'{"parascale": 3, "type": "progress", "job": "a", "fraction": 1, "phase": "", "sketch": ""}')
    assert isinstance(message, m.Progress)
    assert type(message.fraction) is float


def test_a_parameter_keeps_the_type_of_its_default() -> None:
    for default in (1, 1.0, True, "1"):
        info = m.GeneratorInfo("g", "A", (), (Parameter("p", "int", default),))
        message = decode(encode(m.Welcome(1, "0", 1, (info,), (), m.Health(0.0, 0.0, 1, 0, 0, 0))))
        assert isinstance(message, m.Welcome)
        assert type(message.generators[0].parameters[0].default) is type(default)
