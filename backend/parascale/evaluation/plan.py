"""What an evaluation does: scenes, moves, methods."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from parascale.errors import InputError
from parascale.evaluation.methods import METHODS

# The scenes, two of each scale, each with the paper's name for scenes of its size.
SCENES = {
    "cosmos": "cosmic/aerial",
    "valley": "cosmic/aerial",
    "street": "architectural",
    "court": "architectural",
    "room": "human/room",
    "kitchen": "human/room",
    "desk": "tabletop",
    "bench": "tabletop",
}
MOVES = ("arc", "dolly in", "dolly out", "truck", "crane", "orbit", "handheld", "compound")
# A reference scene and a target scene: every scale to every scale, between the first scenes and between the second.
FIRST, SECOND = list(SCENES)[::2], list(SCENES)[1::2]
REGIMES = tuple(f"{reference}-{target}" for scenes in (FIRST, SECOND) for reference in scenes for target in scenes)
# `metric` is `raw` here: both sides are in metres. The oracle searches, at twelve times the cost of the others.
DEFAULT_METHODS = tuple(method for method in METHODS if method not in ("metric", "global-oracle"))
QUICK_REGIMES, QUICK_METHODS = ("cosmos-desk", "street-room"), ("closed-loop", "static", "raw")
QUICK_MOVES = ("dolly in", "truck")
# The generator that is none: Blender renders the target scene along the path.
RENDER = "render"


@dataclass(frozen=True)
class Plan:
    """What is evaluated.

    Attributes
    ----------
    regimes : sequence of str
        "REFERENCE-TARGET", each one of `SCENES`.
    methods, moves : sequence of str
        Of `METHODS` and `MOVES`.
    generator : str or None
        Who makes a video along every path: `RENDER`, or the name of a generator; None makes none.
    frames : int
    size : (int, int)
        Width and height of clips, in pixels.

    Raises
    ------
    InputError
        Where a name is unknown.
    """

    regimes: Sequence[str] = REGIMES
    methods: Sequence[str] = DEFAULT_METHODS
    moves: Sequence[str] = MOVES
    generator: str | None = None
    frames: int = 81
    size: tuple[int, int] = (832, 480)

    def __post_init__(self) -> None:
        sides = [name for regime in self.regimes for name in sides_of(regime)]
        checks = ("scene", sides, SCENES), ("method", self.methods, METHODS), ("move", self.moves, MOVES)
        for what, names, known in checks:
            for name in names:
                if name not in known:
                    raise InputError(f"there is no {what} {name!r}: take one of {', '.join(known)}")


def quick(plan: Plan) -> Plan:
    """Return the part of a plan that takes minutes: two moves, 33 frames; of all regimes and methods a few."""
    return replace(
        plan,
        regimes=QUICK_REGIMES if plan.regimes == REGIMES else plan.regimes,
        methods=QUICK_METHODS if plan.methods == DEFAULT_METHODS else plan.methods,
        moves=QUICK_MOVES if plan.moves == MOVES else plan.moves,
        frames=33,
    )


def sides_of(regime: str) -> tuple[str, str]:
    """Split a regime into its reference scene and its target scene."""
    source, dash, target = regime.partition("-")
    if not dash:
        raise InputError(f"{regime!r} is no regime: write REFERENCE-TARGET, as in {REGIMES[0]}")
    return source, target


def scales_of(regime: str) -> tuple[str, str]:
    """Give the scales of a regime's reference and target, in the paper's names."""
    source, target = sides_of(regime)
    return SCENES.get(source, source), SCENES.get(target, target)
