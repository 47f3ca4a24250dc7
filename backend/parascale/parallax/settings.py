"""How to calibrate."""

import math
from collections.abc import Collection
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Self

import numpy as np

from parascale.errors import InputError
from parascale.parallax.lens import LENSES
from parascale.parallax.methods import METHODS
from parascale.parallax.residuals import Weights
from parascale.types import Array, Choice

HORIZONS = {
    horizon.name: horizon
    for horizon in (
        Choice("keep", "Keep", "Turn about the target's vertical where the reference turns about its own"),
        Choice("free", "Free", "Turn about the camera's own axes, as the reference does"),
    )
}

SOLVERS = {
    solver.name: solver
    for solver in (
        Choice("march", "March", "Decide step by step: the Parallax Number is met on every step that has room"),
        Choice("optimise", "Optimise", "Weigh all poses at once; the march is kept where that is worse in any measure"),
    )
}

SIZES = {
    size.name: size
    for size in (
        Choice("free", "Free", "The subject's size in the picture is what comes of the path"),
        Choice("dolly", "Dolly", "Keep its size by a dolly, which may change the Parallax Number within a budget"),
        Choice("lens", "Lens", "Keep its size by zooming"),
    )
}

_TABLES: dict[str, Collection[str]] = {
    "method": METHODS,
    "lens": LENSES,
    "horizon": HORIZONS,
    "solver": SOLVERS,
    "size": SIZES,
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
"""Settings by name, and what each sets; `Settings` itself is verbatim."""

DEFAULT_PRESET = "shot"
"""The preset that front ends start from: docs/framing.md argues it."""


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
        The same, unless the reference's own median depth changes by more from one frame to the next, as its view does.
    framing : float
        By which part, 0 .. 1, the camera is turned to hold the target's subject where the reference holds its own.
    horizon : str
        One of `HORIZONS`.
    clearance : float or None
        Distance to surfaces that is kept, in the target's unit; 0 is off, None the larger of near clip and 0.1 Z'.
    anchor_frame : int
        The frame of the reference that the anchor stands for; negative ones count from the end.
    midpoint : bool
        Whether ``closed-loop`` and ``felt`` take the gain of a step from both of its ends, so that a shot of few frames
        walks the path of one of many. P is then met over the step, and not at its start, by which ``pce`` counts.
    solver : str
        One of `SOLVERS`.
    weights : Weights
        Of the optimisation.
    rounds : int
        How often the optimisation measures the depth again, and corrections are smoothed; 1 is a quick draft.
    strength_along, strength_across : float
        Multiply, beside ``strength``, the part of each step along the optical axis and the part across it.
    size : str
        One of `SIZES`.
    size_budget : float
        Largest abs(ln P'/P) that a dolly may cost.

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
    midpoint: bool = False
    solver: str = "march"
    weights: Weights = field(default_factory=Weights)
    rounds: int = 3
    strength_along: float = 1.0
    strength_across: float = 1.0
    size: str = "free"
    size_budget: float = 0.1

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
        kept = self.framing > 0 or self.horizon != "free" or self.clearance != 0
        return not kept and self.solver == "march" and self.size != "dolly"

    def __post_init__(self) -> None:
        for name, table in _TABLES.items():
            if getattr(self, name) not in table:
                raise InputError(f"the {name} {getattr(self, name)!r} is not one of {', '.join(table)}")
        if self.size == "dolly" and self.solver == "optimise":
            raise InputError("a dolly that keeps the subject's size is made by the march: optimise without it")
        if not 0 <= self.framing <= 1:
            raise InputError(f"the framing is {self.framing} and must be a number from 0 to 1")
        if self.rounds < 1:
            raise InputError(f"the rounds of the optimisation are {self.rounds} and must be at least 1")
        strength = np.asarray(self.strength, np.float64)
        if not (np.isfinite(strength).all() and (strength >= 0).all()):
            raise InputError("the strength must be a finite number of at least 0")
        scales = ("strength_along", "strength_across", "size_budget")
        for name in ("smooth", "max_gain_change", "max_gain_step", "max_jump", "clearance", *scales):
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
        strength = np.asarray(self.strength, np.float64).tolist()
        return {**vars(self), "strength": strength, "weights": asdict(self.weights)}
