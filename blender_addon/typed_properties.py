"""Blender's properties for a type checker: ``method: str = EnumProperty(...)``.

None takes keys or drivers: each is one value for a whole move, whichever frame is shown. What may be animated is a
plain custom property.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import bpy

# To the stubs a property is the object that declares it; to whoever reads it, its value.
Property = Callable[..., Any]


def _plain(declare: Property) -> Property:
    """Declare without ANIMATABLE, which is Blender's default."""
    return partial(declare, options=set())


BoolProperty: Property = _plain(bpy.props.BoolProperty)
CollectionProperty: Property = _plain(bpy.props.CollectionProperty)
EnumProperty: Property = _plain(bpy.props.EnumProperty)
FloatProperty: Property = _plain(bpy.props.FloatProperty)
FloatVectorProperty: Property = _plain(bpy.props.FloatVectorProperty)
IntProperty: Property = _plain(bpy.props.IntProperty)
IntVectorProperty: Property = _plain(bpy.props.IntVectorProperty)
PointerProperty: Property = _plain(bpy.props.PointerProperty)
ObjectProperty: Property = partial(PointerProperty, type=bpy.types.Object)
StringProperty: Property = _plain(bpy.props.StringProperty)


def expose_properties(cls: type) -> None:
    """Move the properties that a class and its bases declare to their annotations, where Blender looks for them."""
    declaration = type(bpy.props.BoolProperty())
    for base in cls.__mro__:
        for name, value in list(vars(base).items()):
            if isinstance(value, declaration):
                base.__annotations__[name] = value
                delattr(base, name)
