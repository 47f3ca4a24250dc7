"""How to calibrate."""

import math
from dataclasses import dataclass

import numpy as np

from parascale.errors import InputError
from parascale.parallax.lens import LENSES
from parascale.parallax.methods import METHODS
from parascale.types import Array


@dataclass(frozen=True, eq=False)
class Settings:
    """How to calibrate.

    Attributes
    ----------
    method : str
        One of `METHODS`.
    strength : float or (T-1,) float64
        Multiplies the asked P; at least 0.
    smooth : float
        Standard deviation in frames of the Gaussian filter over ln s; 0 is off.
    lens : str
        One of `LENSES`.
    max_gain_change : float or None
        Largest abs(ln(s_t / s_0)), strength and lens apart.
    max_gain_step : float or None
        Largest abs(ln s_{t+1} - ln s_t), strength and lens apart.

    Raises
    ------
    InputError
        Where a value is out of its range.
    """

    method: str = "closed-loop"
    strength: float | Array = 1.0
    smooth: float = 0.0
    lens: str = "keep"
    max_gain_change: float | None = None
    max_gain_step: float | None = None

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"the method {self.method!r} is not one of {', '.join(METHODS)}")
        if self.lens not in LENSES:
            raise InputError(f"the lens {self.lens!r} is not one of {', '.join(LENSES)}")
        strength = np.asarray(self.strength, np.float64)
        if not (np.isfinite(strength).all() and (strength >= 0).all()):
            raise InputError("the strength must be a finite number of at least 0")
        for name in ("smooth", "max_gain_change", "max_gain_step"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise InputError(f"{name} is {value} and must be a finite number of at least 0")

    def as_json(self) -> dict[str, object]:
        """Give the settings as JSON values."""
        return {**vars(self), "strength": np.asarray(self.strength, np.float64).tolist()}
