"""Blender's properties for a type checker: ``method: str = EnumProperty(...)``."""

from collections.abc import Callable
from functools import partial
from typing import Any

import bpy

# To the stubs a property is the object that declares it; to whoever reads it, its value.
Property = Callable[..., Any]
BoolProperty: Property = bpy.props.BoolProperty
CollectionProperty: Property = bpy.props.CollectionProperty
EnumProperty: Property = bpy.props.EnumProperty
FloatProperty: Property = bpy.props.FloatProperty
FloatVectorProperty: Property = bpy.props.FloatVectorProperty
IntProperty: Property = bpy.props.IntProperty
IntVectorProperty: Property = bpy.props.IntVectorProperty
PointerProperty: Property = bpy.props.PointerProperty
ObjectProperty: Property = partial(PointerProperty, type=bpy.types.Object)
StringProperty: Property = bpy.props.StringProperty


def expose_properties(cls: type) -> None:
    """Move the properties that a class and its bases declare to their annotations, where Blender looks for them."""
    declaration = type(bpy.props.BoolProperty())
    for base in cls.__mro__:
        for name, value in list(vars(base).items()):
            if isinstance(value, declaration):
                base.__annotations__[name] = value
                delattr(base, name)
