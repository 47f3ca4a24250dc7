"""The backend's generators, known once one is connected, and their own parameters as properties of the scene.

Each generator gets a property group of its own, made from the schema that the backend sends: ranges and tooltips are
Blender's, and the values are stored in the file like any other setting.
"""

import math

import bpy

from parascale.errors import InputError
from parascale.link.messages import GeneratorInfo
from parascale.link.parameters import Parameter, Scalar

from .. import typed_properties as properties

# What Blender's number properties can hold.
MAX_INT = 2**31 - 1
MAX_FLOAT = 1e30

_generators: dict[str, GeneratorInfo] = {}
_groups: dict[str, tuple[tuple[Parameter, ...], type[bpy.types.PropertyGroup]]] = {}


def register_generators(generators: tuple[GeneratorInfo, ...]) -> None:
    """Take over what the backend can run, and give scenes the parameters; a group whose schema is the same stays."""
    _generators.clear()
    _generators.update({generator.name: generator for generator in generators})
    for name, generator in _generators.items():
        if name in _groups:
            if _groups[name][0] == generator.parameters:
                continue
            _remove_group(name)
        if generator.parameters:
            fields = {parameter.name: _make_property(parameter) for parameter in generator.parameters}
            group = type(f"Parameters_{_identifier(name)}", (bpy.types.PropertyGroup,), {"__annotations__": fields})
            bpy.utils.register_class(group)
            setattr(bpy.types.Scene, _attribute(name), properties.PointerProperty(type=group))
            _groups[name] = generator.parameters, group


def unregister_generators() -> None:
    """Undo `register_generators`; what files hold stays in them."""
    _generators.clear()
    for name in list(_groups):
        _remove_group(name)


def find_generator(name: str) -> GeneratorInfo | None:
    """Return the backend's description of a generator; None if it has no such one or none is connected yet."""
    return _generators.get(name)


def search_generators(text: str) -> list[str]:
    """Return the names of the generators that contain a text."""
    return [name for name in _generators if text.lower() in name.lower()]


def refuse_unknown_generator(name: str) -> None:
    """Refuse a generator that the connected backend does not have."""
    if _generators and name not in _generators:
        raise InputError(f"the backend has no generator {name!r}: choose one of {', '.join(_generators)}")


def parameters_of(scene: bpy.types.Scene, generator: str) -> bpy.types.PropertyGroup | None:
    """Return the group of a generator's parameters; None if it has none or no backend was asked yet."""
    return getattr(scene, _attribute(generator)) if generator in _groups else None


def parameter_values(scene: bpy.types.Scene, generator: str) -> dict[str, Scalar]:
    """Return a generator's parameters by name; empty if it has none."""
    group = parameters_of(scene, generator)
    if group is None:
        return {}
    return {parameter.name: getattr(group, parameter.name) for parameter in _groups[generator][0]}


def _remove_group(name: str) -> None:
    delattr(bpy.types.Scene, _attribute(name))
    bpy.utils.unregister_class(_groups.pop(name)[1])


def _make_property(parameter: Parameter) -> object:
    common = {
        "name": parameter.name.replace("_", " ").title(),
        "description": parameter.description.rstrip("."),
        "default": parameter.default,
    }
    low = -math.inf if parameter.minimum is None else parameter.minimum
    high = math.inf if parameter.maximum is None else parameter.maximum
    if parameter.kind == "int":
        return properties.IntProperty(**common, min=int(max(low, -MAX_INT)), max=int(min(high, MAX_INT)))
    if parameter.kind == "float":
        return properties.FloatProperty(**common, min=max(low, -MAX_FLOAT), max=min(high, MAX_FLOAT))
    if parameter.kind == "choice":
        return properties.EnumProperty(**common, items=[(choice, choice, "") for choice in parameter.choices])
    if parameter.kind == "bool":
        return properties.BoolProperty(**common)
    subtype = "FILE_PATH" if parameter.kind in ("path", "file") else "NONE"
    return properties.StringProperty(**common, subtype=subtype)


def _attribute(generator: str) -> str:
    return f"parascale_{_identifier(generator)}"


def _identifier(name: str) -> str:
    return "".join(letter if letter.isalnum() else "_" for letter in name)
