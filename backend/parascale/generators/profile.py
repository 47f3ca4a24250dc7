"""Profiles: how far a generator's camera goes, in its own units, for a step of one median depth."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parascale.errors import InputError
from parascale.link.messages import ScaleClass
from parascale.link.parameters import Scalar
from parascale.link.paths import state_folder

FORMAT, VERSION = "parascale-profile", 1


@dataclass(frozen=True)
class Profile:
    """A generator's response to camera motion.

    Attributes
    ----------
    generator : str
    scale_class : "A", "B", "C" or "D"
    units_per_depth : float
        The generator's units that make a step of one median depth.
    measured : bool
        Whether `parascale probe` measured it; otherwise it is assumed.
    source : str
        Where the value comes from, one sentence.
    slope : float or None
        Of ln realised over ln asked: 1 where twice the path gives twice the motion, 0 where the scale is erased.
    spread : float or None
        Standard deviation of ln(realised / asked) over images, moves and gains.
    saturates_at : float or None
        The smallest gain, in median depths of path, from which on the response falls behind.
    parameters : mapping
        The generator's parameters it was measured with.
    response : tuple of mapping
        One a video: move, image, gain, asked, realised.
    """

    generator: str
    scale_class: ScaleClass
    units_per_depth: float
    measured: bool
    source: str
    slope: float | None = None
    spread: float | None = None
    saturates_at: float | None = None
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    response: tuple[Mapping[str, Any], ...] = ()

    def __post_init__(self) -> None:
        if not (math.isfinite(self.units_per_depth) and self.units_per_depth > 0):
            raise InputError(f"units_per_depth of {self.generator} is {self.units_per_depth}: it must be above 0")


def profile_of(generator: str) -> Profile:
    """Return the profile in use: the user's own in the state folder, else the one that is shipped.

    Raises
    ------
    InputError
        Where the user's own cannot be read.
    """
    own = own_profile(generator)
    return read_profile(own if own.exists() else Path(__file__).parent / "profiles" / f"{generator}.json")


def own_profile(generator: str) -> Path:
    """Return where a user's own profile is looked for."""
    return state_folder() / "profiles" / f"{generator}.json"


def read_profile(path: Path) -> Profile:
    """Read a profile.

    Raises
    ------
    InputError
        Where it is no profile that this version reads.
    """
    try:
        document = json.loads(path.read_text())
        if document.pop("format") != FORMAT:
            raise InputError(f"{path} is not a profile", "probe")
        version = document.pop("version")
        if version != VERSION:
            raise InputError(f"{path} is a profile of version {version}, this program reads {VERSION}: update it")
        response = tuple(document.pop("response", ()))
        return Profile(**document, response=response)
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is not a profile that can be read", "probe") from error


def profile_to_json(profile: Profile) -> str:
    """Return a profile as the text of its file."""
    values = {name: getattr(profile, name) for name in Profile.__dataclass_fields__}
    values = {name: value for name, value in values.items() if value is not None}
    return json.dumps({"format": FORMAT, "version": VERSION} | values | {"response": list(profile.response)}, indent=2)
