"""Facts that lower rooms report, worded for the command line."""

from typing import get_args

import pytest

from parascale.cli.advice import ADVICE, sentence
from parascale.errors import InputError, Notice, Remedy


def test_every_remedy_is_worded() -> None:
    assert set(ADVICE) == set(get_args(Remedy)) - {"", "shot"}


@pytest.mark.parametrize(
    ("notice", "expected"),
    [
        (Notice("the clip is empty"), "the clip is empty"),
        (
            Notice("no lens in the file; assuming 60 degrees", "fov"),
            "no lens in the file; assuming 60 degrees: override with --fov",
        ),
        (
            Notice("x.blend has no camera 'a'", "blend-camera", ("b", "c")),
            "x.blend has no camera 'a': name one with --camera (b, c)",
        ),
        (
            Notice("EXR needs OpenEXR", "extra", ("depth",)),
            "EXR needs OpenEXR: pip install 'parascale[depth]'",
        ),
        (
            Notice("x.mp4 holds 2 shots", "shot", ("0:12", "12:30")),
            "x.mp4 holds 2 shots: choose one with --shot 1 (--start 0 --end 12), or --shot 2 (--start 12 --end 30)",
        ),
    ],
)
def test_the_option_follows_the_fact(notice: Notice, expected: str) -> None:
    assert sentence(notice) == expected
    assert sentence(InputError(notice.message, notice.remedy, notice.choices)) == expected
