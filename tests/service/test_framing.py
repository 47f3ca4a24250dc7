"""Messages in files and pipes: whole, or not there."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parascale.errors import InputError
from parascale.link.limits import MAX_FRAME
from parascale.service.framing import read_message, write_message

FRAMES = st.lists(st.binary(max_size=50), max_size=5)


@given(st.binary(max_size=50), FRAMES, FRAMES)
def test_messages_come_back_one_after_the_other(header: bytes, first: list[bytes], second: list[bytes]) -> None:
    pipe = io.BytesIO()
    write_message(pipe, header, first)
    write_message(pipe, header, second)
    pipe.seek(0)
    assert read_message(pipe) == (header, first)
    assert read_message(pipe) == (header, second)
    assert read_message(pipe) is None


@given(st.binary(max_size=50), FRAMES, st.data())
def test_half_a_message_is_none(header: bytes, frames: list[bytes], data: st.DataObject) -> None:
    pipe = io.BytesIO()
    write_message(pipe, header, frames)
    whole = pipe.getvalue()
    cut = data.draw(st.integers(0, len(whole) - 1))
    assert read_message(io.BytesIO(whole[:cut])) is None


@pytest.mark.parametrize("data", [b"\xff\xff\xff\xff", b"\1\0\0\0" + (MAX_FRAME + 1).to_bytes(4, "little")])
def test_lengths_over_the_cap_are_refused_unread(data: bytes) -> None:
    with pytest.raises(InputError):
        read_message(io.BytesIO(data))
