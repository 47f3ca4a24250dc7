"""The parameters of a generator: described, checked, filled in with defaults."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from parascale.errors import InputError

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
            raise InputError(f"parameter {self.name} is {value!r}: it must be {self._expected()}")
        if self.kind == "float":
            value = float(value)
        low, high = self.minimum, self.maximum
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            out = not math.isfinite(value) or (low is not None and value < low) or (high is not None and value > high)
            if out:
                raise InputError(f"parameter {self.name} is {value}: it must be {self._expected()}")
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

    def _expected(self) -> str:
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
