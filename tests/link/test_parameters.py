"""Requests and parameters check themselves."""

from typing import Any

import numpy as np
import pytest

from parascale.errors import InputError
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.parameters import Parameter, resolve_parameters
from parascale.parallax.shot import Shot

SCHEMA = (
    Parameter("steps", "int", 20, 1, 100),
    Parameter("guidance", "float", 5.0, minimum=0.0),
    Parameter("sampler", "choice", "unipc", choices=("unipc", "euler")),
    Parameter("tiled", "bool", False),
    Parameter("negative", "str", ""),
)


def test_defaults_fill_what_is_not_given() -> None:
    assert resolve_parameters(SCHEMA, {"steps": 4}) == {
        "steps": 4,
        "guidance": 5.0,
        "sampler": "unipc",
        "tiled": False,
        "negative": "",
    }


def test_a_whole_number_is_a_number() -> None:
    assert resolve_parameters(SCHEMA, {"guidance": 3})["guidance"] == 3.0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"steps": 0}, "a whole number from 1 to 100"),
        ({"steps": 2.5}, "a whole number from 1 to 100"),
        ({"steps": True}, "a whole number"),
        ({"guidance": -1}, "a number of at least 0"),
        ({"guidance": float("nan")}, "a number of at least 0"),
        ({"sampler": "ddim"}, "one of unipc, euler"),
        ({"tiled": 1}, "true or false"),
        ({"negative": 1}, "a text"),
        ({"speed": 1}, "unknown parameter speed: this generator knows steps"),
    ],
)
def test_a_wrong_value_says_what_is_asked(given: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        resolve_parameters(SCHEMA, given)


@pytest.mark.parametrize(
    "changes",
    [
        {"image": np.zeros((4, 4, 4), np.uint8)},
        {"image": np.zeros((4, 4, 3), np.float32)},
        {"image": np.zeros((0, 4, 3), np.uint8)},
        {"depth_map": np.zeros((4, 4), np.float64)},
        {"depth_map": np.zeros((4, 4, 1), np.float32)},
        {"seed": -1},
        {"seed": 2**63},
    ],
)
def test_a_request_of_another_shape_is_refused(shot: Shot, changes: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        GenerationRequest(**{"shot": shot, "generator": "g", "image": np.zeros((4, 4, 3), np.uint8)} | changes)
