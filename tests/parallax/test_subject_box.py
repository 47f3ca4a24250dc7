"""What a user points at: text in, a box or a click out."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parascale.errors import InputError
from parascale.parallax.subject_box import SubjectBox, parse_subject_box

pixels = st.integers(-5000, 5000).map(float)
sides = st.integers(1, 5000).map(float)


@given(pixels, pixels, st.none() | st.tuples(sides, sides), st.none() | st.integers(0, 5000))
def test_a_box_is_read_from_its_own_text(
    x: float, y: float, size: tuple[float, float] | None, frame: int | None
) -> None:
    box = SubjectBox("a man", x, y, *(size or (None, None)), frame=frame)
    assert parse_subject_box(str(box)) == box


def test_a_subject_without_a_name_is_numbered() -> None:
    assert parse_subject_box("12.5,40") == SubjectBox("subject", 12.5, 40)
    assert parse_subject_box("1,2,3,4@7", 2) == SubjectBox("subject 2", 1, 2, 3, 4, 7)


@pytest.mark.parametrize(
    "text", ["", "12", "1,2,3", "1,2,3,4,5", "a,b", "1,2@", "1,2@-3", "1;2", "1,2,0,4", "1,2,3,-4", "=1,2x", "nan,2"]
)
def test_what_is_no_box_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(InputError, match="subject"):
        parse_subject_box(text)
