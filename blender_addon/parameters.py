"""A generator's own parameters as properties of the scene, made of the schema the backend sends.

Each generator gets a group of its own, so that its ranges and tooltips are Blender's, and its values are stored in
the file like any other setting.
"""

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, IntProperty, PointerProperty, StringProperty

from parascale.errors import InputError

from . import backend_lists

if TYPE_CHECKING:
    from parascale.link.messages import GeneratorInfo
    from parascale.link.requests import Parameter, Scalar

_INT = 2**31 - 1
_FLOAT = 1e30

_registered: "dict[str, tuple[tuple[Parameter, ...], type[bpy.types.PropertyGroup]]]" = {}


def register(generators: "tuple[GeneratorInfo, ...]") -> None:
    """Give scenes the parameters of generators; those known already with the same schema stay as they are."""
    for generator in generators:
        known = _registered.get(generator.name)
        if known is not None and known[0] == generator.parameters:
            continue
        if known is not None:
            _remove(generator.name)
        if generator.parameters:
            fields = {parameter.name: _property(parameter) for parameter in generator.parameters}
            group = type(
                f"Parameters_{_plain(generator.name)}", (bpy.types.PropertyGroup,), {"__annotations__": fields}
            )
            bpy.utils.register_class(group)
            setattr(bpy.types.Scene, _attribute(generator.name), PointerProperty(type=group))
            _registered[generator.name] = generator.parameters, group


def unregister() -> None:
    """Undo `register`; what files hold stays in them."""
    for name in list(_registered):
        _remove(name)


def group_of(scene: bpy.types.Scene, generator: str) -> Any:
    """Return the group of a generator's parameters; None where it has none or no backend was asked yet."""
    return getattr(scene, _attribute(generator)) if generator in _registered else None


def values(scene: bpy.types.Scene, generator: str) -> "dict[str, Scalar]":
    """Return a generator's parameters by name; empty where it has none."""
    group = group_of(scene, generator)
    if group is None:
        return {}
    return {parameter.name: getattr(group, parameter.name) for parameter in _registered[generator][0]}


def set_values(scene: bpy.types.Scene, generator: str, given: "dict[str, Scalar]") -> None:
    """Set parameters by name.

    Raises
    ------
    InputError
        Where the generator no longer takes one of them.
    """
    group = group_of(scene, generator)
    for name, value in given.items():
        try:
            setattr(group, name, value)
        except (AttributeError, TypeError) as error:
            raise InputError(f"{generator} takes no {name} of {value!r} any more: set it anew") from error


def refuse_unknown(generator: str) -> None:
    """Refuse a generator that the connected backend does not have.

    Raises
    ------
    InputError
        With those it has.
    """
    names = backend_lists.generators_like("")
    if names and generator not in names:
        raise InputError(f"the backend has no generator {generator!r}: choose one of {', '.join(names)}")


def _remove(name: str) -> None:
    delattr(bpy.types.Scene, _attribute(name))
    bpy.utils.unregister_class(_registered.pop(name)[1])


def _property(parameter: "Parameter") -> Any:
    label = parameter.name.replace("_", " ").title()
    common: dict[str, Any] = {
        "name": label,
        "description": parameter.description.rstrip("."),
        "default": parameter.default,
    }
    low, high = parameter.minimum, parameter.maximum
    if parameter.kind == "int":
        lowest, highest = -_INT if low is None else max(-_INT, int(low)), _INT if high is None else min(_INT, int(high))
        return IntProperty(**common, min=lowest, max=highest)
    if parameter.kind == "float":
        return FloatProperty(**common, min=-_FLOAT if low is None else low, max=_FLOAT if high is None else high)
    if parameter.kind == "choice":
        return EnumProperty(**common, items=[(choice, choice, "") for choice in parameter.choices])
    return BoolProperty(**common) if parameter.kind == "bool" else StringProperty(**common)


def _attribute(generator: str) -> str:
    return f"parascale_{_plain(generator)}"


def _plain(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
