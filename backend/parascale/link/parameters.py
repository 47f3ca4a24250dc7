"""The parameters of a generator: described, checked, filled in with defaults."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from parascale.errors import InputError

ParameterKind = Literal["int", "float", "str", "bool", "choice", "path", "file"]
Scalar = str | int | float | bool

_NOUNS: dict[str, str] = {
    "bool": "true or false",
    "str": "a text",
    "int": "a whole number",
    "float": "a number",
    "path": "a name or a path",
    "file": "a file",
}


@dataclass(frozen=True)
class Parameter:
    """One setting of a generator, described so that a user interface can draw it.

    Attributes
    ----------
    name : str
    kind : "int", "float", "str", "bool", "choice", "path" or "file"
        A "path" is a name on the backend's list of weights or, for the user of the backend's machine, a file or folder
        there; a "file" is one that the client has and sends along.
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
        if self.kind in ("str", "path", "file"):
            return isinstance(value, str)
        kinds = int if self.kind == "int" else (int, float)
        return isinstance(value, kinds) and not isinstance(value, bool)

    def _expected(self) -> str:
        if self.kind == "choice":
            return "one of " + ", ".join(self.choices)
        noun = _NOUNS[self.kind]
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


def resolve_paths(
    schema: tuple[Parameter, ...], given: Mapping[str, Scalar]
) -> tuple[dict[str, Scalar], dict[str, Path]]:
    """Prepare parameters for a backend, whose working folder is another: paths absolute, files apart to be sent along.

    Parameters
    ----------
    schema : tuple of Parameter
        Of the generator, as the backend's welcome gives it.
    given : mapping
        As the user gave them; relative paths are of this program's working folder.

    Returns
    -------
    parameters : dict
        A "path" that names nothing here stays as it is: it is a name on the backend's list.
    files : dict of str to Path
        By parameter.

    Raises
    ------
    InputError
        Where a "file" does not exist.
    """
    kinds = {parameter.name: parameter.kind for parameter in schema}
    parameters, files = dict(given), {}
    for name, value in given.items():
        if not isinstance(value, str) or not value or kinds.get(name) not in ("path", "file"):
            continue
        path = Path(value).expanduser().absolute()
        if kinds[name] == "file":
            if not path.is_file():
                raise InputError(f"parameter {name}: there is no file {value}")
            files[name] = path
            del parameters[name]
        elif path.exists():
            parameters[name] = str(path)
    return parameters, files
