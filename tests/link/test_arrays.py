"""Arrays as frames: exact, or refused before anything is made of them."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.link import messages as m
from parascale.link.arrays import describe, from_frames, to_frames
from parascale.link.codec import decode, encode
from parascale.link.limits import MAX_FRAME

DTYPES = st.sampled_from(["uint8", "int32", "int64", "float32", "float64", ">f8", ">i4"])
ARRAYS = DTYPES.flatmap(lambda dtype: hnp.arrays(dtype, hnp.array_shapes(max_dims=4, max_side=5)))


@given(st.dictionaries(st.text(min_size=1, max_size=8), ARRAYS, max_size=4))
def test_arrays_come_back_as_they_were(arrays: dict[str, NDArray[Any]]) -> None:
    back = from_frames(describe(arrays), [bytes(frame) for frame in to_frames(arrays)])
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert back[name].shape == array.shape
        assert back[name].dtype == array.dtype.newbyteorder("=")
        assert back[name].tobytes() == array.astype(array.dtype.newbyteorder("=")).tobytes()


def test_views_and_strides_do_not_matter() -> None:
    image = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)[::-1, ::2]
    back = from_frames(describe({"i": image}), [bytes(f) for f in to_frames({"i": image})])
    assert np.array_equal(back["i"], image)


def test_big_arrays_travel_in_frames_under_the_cap() -> None:
    big = np.arange(3 * MAX_FRAME // 8 + 7, dtype=np.float64)
    frames = [bytes(frame) for frame in to_frames({"big": big})]
    assert [len(frame) for frame in frames] == [MAX_FRAME, MAX_FRAME, MAX_FRAME, 56]
    assert np.array_equal(from_frames(describe({"big": big}), frames)["big"], big)


INFO = m.ArrayInfo("a", "float32", (2, 3))


@pytest.mark.parametrize("frames", [[], [b"x" * 23], [b"x" * 25], [b"x" * 24, b""], [b"x" * 12, b"x" * 12]])
def test_more_or_fewer_bytes_than_announced_are_refused(frames: list[bytes]) -> None:
    with pytest.raises(InputError):
        from_frames([INFO], frames)


@pytest.mark.parametrize("dtype", ["object", "float16", "complex128", "str", "O", "uint8,uint8", "datetime64[s]"])
def test_a_type_that_is_not_on_the_list_is_refused(dtype: str) -> None:
    info = {"name": "a", "dtype": dtype, "shape": [1]}
    submit = {"parascale": 3, "type": "submit", "request": 1, "job": "", "kind": "solve", "label": "", "fields": {}}
    with pytest.raises(InputError, match="dtype is not one of"):
        decode(json.dumps(submit | {"arrays": [info], "files": []}).encode())


def test_objects_are_not_packed() -> None:
    with pytest.raises(InputError, match="dtype"):
        describe({"a": np.array([print])})


@pytest.mark.parametrize(
    "shape", [(), (0,), (3, 0), (-1,), (-1, -6), (2**62,), (2**62, 2**62), (1, 1, 1, 1, 1), (2**28, 2)]
)
def test_shapes_that_hold_nothing_or_too_much_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        from_frames([m.ArrayInfo("a", "uint8", shape)], [b"x"])


def test_arrays_together_stay_under_the_cap() -> None:
    infos = [m.ArrayInfo(str(number), "uint8", (1 << 26,)) for number in range(5)]
    with pytest.raises(InputError, match="are allowed"):
        from_frames(infos, [])


def test_a_name_stands_once() -> None:
    with pytest.raises(InputError, match="same name"):
        from_frames([INFO, INFO], [b"x" * 24, b"x" * 24])


def test_no_more_arrays_than_a_message_may_hold() -> None:
    many = {str(number): np.zeros(1, np.uint8) for number in range(17)}
    with pytest.raises(InputError, match="17 arrays"):
        describe(many)


def test_the_header_of_an_array_survives_the_wire() -> None:
    submit = m.Submit(1, "a" * 32, "generate", "", {}, (INFO,), ())
    assert decode(encode(submit)) == submit
