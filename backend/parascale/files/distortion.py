"""Lens distortion: COLMAP's camera models, whose names and parameters the shot file and nerfstudio share."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from parascale.errors import InputError, Notice
from parascale.types import Array, Json

_BY_COEFFICIENTS = ("SIMPLE_RADIAL", "RADIAL", "OPENCV", "FULL_OPENCV")


@dataclass(frozen=True)
class CameraModel:
    """A camera model of COLMAP.

    Attributes
    ----------
    number : int
        Its id in binary files.
    focals : int
        1 where fx = fy is one parameter, else 2.
    parameters : tuple of str
        Distortion, after focal lengths and principal point.
    """

    number: int
    focals: int
    parameters: tuple[str, ...]


MODELS = {
    "SIMPLE_PINHOLE": CameraModel(0, 1, ()),
    "PINHOLE": CameraModel(1, 2, ()),
    "SIMPLE_RADIAL": CameraModel(2, 1, ("k1",)),
    "RADIAL": CameraModel(3, 1, ("k1", "k2")),
    "OPENCV": CameraModel(4, 2, ("k1", "k2", "p1", "p2")),
    "OPENCV_FISHEYE": CameraModel(5, 2, ("k1", "k2", "k3", "k4")),
    "FULL_OPENCV": CameraModel(6, 2, ("k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6")),
    "FOV": CameraModel(7, 2, ("omega",)),
    "SIMPLE_RADIAL_FISHEYE": CameraModel(8, 1, ("k1",)),
    "RADIAL_FISHEYE": CameraModel(9, 1, ("k1", "k2")),
    "THIN_PRISM_FISHEYE": CameraModel(10, 2, ("k1", "k2", "p1", "p2", "k3", "k4", "sx1", "sy1")),
}
# Where fx and fy differ, the model with two focal lengths and the same distortion.
_TWO_FOCALS = {"SIMPLE_RADIAL": "OPENCV", "RADIAL": "OPENCV", "SIMPLE_RADIAL_FISHEYE": "OPENCV_FISHEYE"} | {
    "RADIAL_FISHEYE": "OPENCV_FISHEYE"
}


def split_parameters(model: str, values: Array) -> tuple[Array, dict[str, object] | None]:
    """Intrinsics fx, fy, cx, cy and the distortion of a COLMAP camera; None for a pinhole."""
    kind = MODELS[model]
    focal = values[: kind.focals]
    intrinsics = np.array([focal[0], focal[-1], *values[kind.focals : kind.focals + 2]])
    coefficients = values[kind.focals + 2 :]
    # A fisheye lens without coefficients is no pinhole.
    if not np.any(coefficients) and "FISHEYE" not in model:
        return intrinsics, None
    return intrinsics, {"model": model} | dict(zip(kind.parameters, coefficients.tolist(), strict=True))


def name_distortion(values: Mapping[str, float]) -> dict[str, Json] | None:
    """Give the simplest model that has the coefficients, of k1 to k6, p1 and p2; None where all are 0."""
    kept = {key for key, value in values.items() if value}
    if not kept:
        return None
    model = next(name for name in _BY_COEFFICIENTS if kept <= set(MODELS[name].parameters))
    return {"model": model} | {key: values.get(key, 0.0) for key in MODELS[model].parameters}


def join_parameters(intrinsics: Array, distortion: Mapping[str, object] | None) -> tuple[str, list[float]]:
    """Model and parameters of a COLMAP camera.

    Raises
    ------
    InputError
        Where COLMAP does not know the model, or a coefficient is not a number.
    """
    fx, fy, cx, cy = intrinsics.tolist()
    if distortion is None:
        return "PINHOLE", [fx, fy, cx, cy]
    model = find_model(distortion)
    if fx != fy:
        model = _TWO_FOCALS.get(model, model)
    kind = MODELS[model]
    return model, [fx, fy, cx, cy][2 - kind.focals :] + [coefficient(distortion, key) for key in kind.parameters]


def find_model(distortion: Mapping[str, object]) -> str:
    """Name of the model, checked.

    Raises
    ------
    InputError
        Where it is not one of `MODELS`.
    """
    model = distortion.get("model")
    if not isinstance(model, str) or model not in MODELS:
        raise InputError(f"the lens distortion model {model!r} is not one of {', '.join(MODELS)}")
    return model


def coefficient(distortion: Mapping[str, object], key: str) -> float:
    """Give a coefficient of a distortion, 0 where it has none.

    Raises
    ------
    InputError
        Where it is not a number.
    """
    value = distortion.get(key, 0.0)
    if not isinstance(value, int | float):
        raise InputError(f"the lens distortion's {key!r} is not a number")
    return float(value)


def common_distortion(
    found: Sequence[Mapping[str, object] | None],
) -> tuple[dict[str, object] | None, tuple[Notice, ...]]:
    """Join the distortions of frames in the simplest model that holds all: what changes is a list of one a frame.

    Where no model holds all, as of a flat lens and a fisheye, it is that of the first, which is said.
    """
    first = None if found[0] is None else dict(found[0])
    if all(distortion == found[0] for distortion in found):
        return first, ()
    kinds = {None if distortion is None else str(distortion["model"]) for distortion in found}
    values = {key: [_number(each, key) for each in found] for each in found if each for key in each if key != "model"}
    if kinds <= {None, *_BY_COEFFICIENTS}:
        kept = {key for key, numbers in values.items() if any(numbers)}
        model = next(name for name in _BY_COEFFICIENTS if kept <= set(MODELS[name].parameters))
    elif len(kinds) == 1:
        model = str(kinds.pop())
    else:
        return first, (Notice("the kind of lens changes from frame to frame: kept the distortion of the first"),)
    each = {key: values.get(key, [0.0]) for key in MODELS[model].parameters}
    return {"model": model} | {key: v[0] if len(set(v)) == 1 else v for key, v in each.items()}, ()


def _number(distortion: Mapping[str, object] | None, key: str) -> float:
    return 0.0 if distortion is None else coefficient(distortion, key)
