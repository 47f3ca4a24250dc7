"""What a backend can be asked to do, and what it gives back."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.parallax.shot import Shot

ParameterKind = Literal["int", "float", "str", "bool", "choice"]
Scalar = str | int | float | bool


@dataclass(frozen=True)
class Parameter:
    """One setting of a generator, described so that a user interface can draw it.

    Attributes
    ----------
    name : str
    kind : "int", "float", "str", "bool" or "choice"
    default : str, int, float or bool
        Taken where a request does not name the parameter.
    minimum, maximum : float or None
        Bounds of a number, inclusive; None where open.
    choices : tuple of str
        What a "choice" may be.
    description : str
        One sentence for a tooltip.
    """

    name: str
    kind: ParameterKind
    default: Scalar
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    description: str = ""

    def check(self, value: Scalar) -> Scalar:
        """Return the value as this parameter's type.

        Raises
        ------
        InputError
            Where the value has another type or is out of range.
        """
        if not self._has_kind(value):
            raise InputError(f"parameter {self.name} is {value!r}: it must be {self._asked()}")
        if self.kind == "float":
            value = float(value)
        low, high = self.minimum, self.maximum
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            out = not math.isfinite(value) or (low is not None and value < low) or (high is not None and value > high)
            if out:
                raise InputError(f"parameter {self.name} is {value}: it must be {self._asked()}")
        return value

    def _has_kind(self, value: Scalar) -> bool:
        if self.kind == "bool":
            return isinstance(value, bool)
        if self.kind == "choice":
            return value in self.choices
        if self.kind == "str":
            return isinstance(value, str)
        kinds = int if self.kind == "int" else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)

    def _asked(self) -> str:
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        noun = {"bool": "true or false", "str": "a text", "int": "a whole number", "float": "a number"}[self.kind]
        if self.minimum is not None and self.maximum is not None:
            return f"{noun} from {self.minimum:g} to {self.maximum:g}"
        if self.minimum is not None:
            return f"{noun} of at least {self.minimum:g}"
        if self.maximum is not None:
            return f"{noun} of at most {self.maximum:g}"
        return noun


def resolve_parameters(schema: tuple[Parameter, ...], given: Mapping[str, Scalar]) -> dict[str, Scalar]:
    """Check given parameters against a generator's schema and fill in the defaults.

    Raises
    ------
    InputError
        Where a parameter is unknown, has another type, or is out of range.
    """
    unknown = sorted(set(given) - {parameter.name for parameter in schema})
    if unknown:
        known = ", ".join(parameter.name for parameter in schema) or "none"
        raise InputError(f"unknown parameter {unknown[0]}: this generator knows {known}")
    return {parameter.name: parameter.check(given.get(parameter.name, parameter.default)) for parameter in schema}


@dataclass(frozen=True, eq=False)
class GenerationRequest:
    """A video asked for: a path through a picture.

    Attributes
    ----------
    shot : Shot
        The camera path, in the target's unit-depth gauge (Z'_0 = 1).
    generator : str
        Name of the generator.
    image : (H, W, 3) uint8
        The conditioning image, sRGB, as seen by the first camera of the shot.
    depth_map : (h, w) float32 or None
        z-depth of the image in the same gauge; non-finite where there is no surface.
    prompt : str
    seed : int
        0 .. 2^63 - 1.
    parameters : mapping
        The generator's own parameters; defaults where not given.

    Raises
    ------
    InputError
        Where the image or depth map has another shape or type.
    """

    shot: Shot
    generator: str
    image: NDArray[np.uint8]
    depth_map: NDArray[np.float32] | None = None
    prompt: str = ""
    seed: int = 0
    parameters: Mapping[str, Scalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_image(self.image)
        if self.depth_map is not None:
            depth_map = self.depth_map
            if depth_map.dtype != np.float32 or depth_map.ndim != 2 or depth_map.size == 0:
                raise InputError(
                    f"the depth map is {depth_map.dtype} of shape {depth_map.shape} where float32 (h, w) is needed"
                )
        if not 0 <= self.seed < 2**63:
            raise InputError(f"the seed {self.seed} is not between 0 and 2^63 - 1")


@dataclass(frozen=True)
class SolveRequest:
    """A reference to be solved.

    Attributes
    ----------
    reference : Path
        A video file, or a folder of images.
    focal : float or None
        Focal length in pixels at the clip's own resolution; None where unknown.
    fov : float or None
        Horizontal field of view in degrees; None where unknown.
    start, end : int, int or None
        Frame range, start inclusive, end exclusive; None is the end of the clip.
    depth_model : str or None
        Gives the depth, aligned to the solved points, as `DepthRequest` names it; None takes that of the tracks.
    """

    reference: Path
    focal: float | None = None
    fov: float | None = None
    start: int = 0
    end: int | None = None
    depth_model: str | None = None


@dataclass(frozen=True, eq=False)
class DepthRequest:
    """A picture whose depth is to be estimated.

    Attributes
    ----------
    image : (H, W, 3) uint8
        sRGB.
    model : str
        A published depth model by name; or, on the backend's machine, a folder of weights; or OWNER/NAME on the hub.

    Raises
    ------
    InputError
        Where the image has another shape or type, or no model is named.
    """

    image: NDArray[np.uint8]
    model: str

    def __post_init__(self) -> None:
        _check_image(self.image)
        if not self.model:
            raise InputError("no depth model is named: take one of those that `parascale weights list` shows")


@dataclass(frozen=True, eq=False)
class VerifyRequest:
    """A video to be solved again and held against the shot it was made for.

    Attributes
    ----------
    video : Path
    shot : Shot
        The path that was asked for.
    """

    video: Path
    shot: Shot


Request = GenerationRequest | SolveRequest | DepthRequest | VerifyRequest


@dataclass(frozen=True)
class JobResult:
    """What a job leaves behind.

    Attributes
    ----------
    summary : dict
        JSON values.
    files : dict of str to Path
        By role: "video", "hole_mask", "shot", "points", "depth_map".
    """

    summary: dict[str, Any]
    files: dict[str, Path]


def _check_image(image: NDArray[np.uint8]) -> None:
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or image.size == 0:
        raise InputError(f"the image is {image.dtype} of shape {image.shape} where uint8 (H, W, 3) is needed")
