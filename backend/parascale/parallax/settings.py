"""How to calibrate."""

import math
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from parascale.errors import InputError
from parascale.parallax.lens import LENSES
from parascale.parallax.methods import METHODS
from parascale.types import Array, Choice

HORIZONS = {
    horizon.name: horizon
    for horizon in (
        Choice("keep", "Keep", "Turn about the target's vertical where the reference turns about its own"),
        Choice("free", "Free", "Turn about the camera's own axes, as the reference does"),
    )
}

_SHOT: dict[str, Any] = {"framing": 1.0, "horizon": "keep", "clearance": None, "max_jump": 0.05}

PRESETS: dict[str, tuple[Choice, dict[str, Any]]] = {
    choice.name: (choice, chosen)
    for choice, chosen in (
        (Choice("shot", "Shot", "Keep the Parallax Number together with subject, horizon and clearance"), _SHOT),
        (
            Choice("feels-same", "Feels the Same", "As Shot, and match the image motion itself, through the same lens"),
            _SHOT | {"method": "felt", "lens": "copy"},
        ),
        (Choice("verbatim", "Verbatim", "The paper's method: rotations and steps as they are, nothing else kept"), {}),
    )
}
"""Settings by name, and what each sets. Front ends start from "shot"; `Settings` itself is verbatim."""


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
    max_jump : float or None
        The same, unless the reference's own median depth changes by more from one frame to the next.
    framing : float
        By which part, 0 .. 1, the camera is turned to hold the target's subject where the reference holds its own.
    horizon : str
        One of `HORIZONS`.
    clearance : float or None
        Distance to surfaces that is kept, in the target's unit; 0 is off, None the larger of near clip and 0.1 Z'.
    anchor_frame : int
        The frame of the reference that the anchor stands for; negative ones count from the end.

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
    max_jump: float | None = None
    framing: float = 0.0
    horizon: str = "free"
    clearance: float | None = 0.0
    anchor_frame: int = 0

    @classmethod
    def verbatim(cls, method: str = "closed-loop", **others: Any) -> Self:
        """Give the settings of the paper: rotations and steps verbatim, no limit of any kind."""
        return cls.preset("verbatim", method=method, **others)

    @classmethod
    def preset(cls, name: str, **others: Any) -> Self:
        """Give the settings of one of `PRESETS`, some of them changed.

        Raises
        ------
        InputError
            Where there is none of that name, or a value is out of its range.
        """
        if name not in PRESETS:
            raise InputError(f"the preset {name!r} is not one of {', '.join(PRESETS)}")
        return cls(**(PRESETS[name][1] | others))

    @property
    def is_verbatim(self) -> bool:
        """Whether path and rotations are the reference's own but for the gain."""
        return self.framing == 0 and self.horizon == "free" and self.clearance == 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(f"the method {self.method!r} is not one of {', '.join(METHODS)}")
        if self.lens not in LENSES:
            raise InputError(f"the lens {self.lens!r} is not one of {', '.join(LENSES)}")
        if self.horizon not in HORIZONS:
            raise InputError(f"the horizon {self.horizon!r} is not one of {', '.join(HORIZONS)}")
        if not 0 <= self.framing <= 1:
            raise InputError(f"the framing is {self.framing} and must be a number from 0 to 1")
        strength = np.asarray(self.strength, np.float64)
        if not (np.isfinite(strength).all() and (strength >= 0).all()):
            raise InputError("the strength must be a finite number of at least 0")
        for name in ("smooth", "max_gain_change", "max_gain_step", "max_jump", "clearance"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < math.inf:
                raise InputError(f"{name} is {value} and must be a finite number of at least 0")

    def at_frame_of(self, count: int) -> Self:
        """Give the settings with the anchor's frame counted from the first of ``count`` frames.

        Raises
        ------
        InputError
            Where the reference has no such frame.
        """
        if not -count <= self.anchor_frame < count:
            raise InputError(f"the anchor stands for frame {self.anchor_frame}, and the reference has {count} frames")
        return replace(self, anchor_frame=self.anchor_frame % count)

    def as_json(self) -> dict[str, object]:
        """Give the settings as JSON values."""
        return {**vars(self), "strength": np.asarray(self.strength, np.float64).tolist()}
