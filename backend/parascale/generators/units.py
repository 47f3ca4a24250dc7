"""From median depths to a generator's own units."""

from collections.abc import Mapping
from dataclasses import dataclass

from parascale.generators.profile import profile_of
from parascale.link.messages import ScaleClass
from parascale.link.parameters import Parameter, Scalar
from parascale.parallax.shot import Shot

UNITS_PER_DEPTH = Parameter(
    "units_per_depth",
    "float",
    0.0,
    0.0,
    None,
    description="The model's units for one median depth of the picture; 0 takes the profile's.",
)


@dataclass(frozen=True)
class Units:
    """What a path in median depths is multiplied by.

    Attributes
    ----------
    value : float
    source : str
        Where it comes from, one sentence.
    warnings : tuple of str
    metric : bool
        Whether they are metres.
    """

    value: float
    source: str
    warnings: tuple[str, ...] = ()
    metric: bool = False


def units_per_depth(generator: str, scale_class: ScaleClass, values: Mapping[str, Scalar], shot: Shot) -> Units:
    """Choose a generator's units per depth: the parameter's, the shot's metres for class B, the profile's.

    Parameters
    ----------
    generator : str
    scale_class : "A", "B", "C" or "D"
        Of the generator. The path of C and D needs no units.
    values : mapping
        Resolved parameters; those of A and B hold `UNITS_PER_DEPTH`.
    shot : Shot
        In the unit-depth gauge.
    """
    if scale_class in ("C", "D"):
        return Units(1.0, "not used" if scale_class == "C" else "by construction")
    metric = scale_class == "B"
    asked = float(values[UNITS_PER_DEPTH.name])
    if asked > 0:
        return Units(asked, "asked for", metric=metric)
    if metric and shot.metres_per_unit is not None:
        return Units(shot.metres_per_unit, "metres of the shot's first median depth", metric=True)
    profile = profile_of(generator)
    if profile.scale_class == "C":
        erased = f"{generator} erases the path's scale, as a probe on this machine found: calibration has no effect"
        return Units(profile.units_per_depth, profile.source, (erased,), metric)
    if profile.measured:
        return Units(profile.units_per_depth, profile.source, (), metric)
    if metric:
        reason = "the shot does not say how many metres deep it is"
    else:
        reason = f"{generator} was not measured on this machine"
    warning = (
        f"{reason}, so units_per_depth={profile.units_per_depth:g} is assumed: all motion may come out too strong or "
        "too weak by one factor, which verification measures"
    )
    return Units(profile.units_per_depth, profile.source, (warning,), metric)
