"""Blender's properties with the types of their values, so that a type checker knows what `settings.method` is."""

import inspect


def expose_properties(cls: type) -> None:
    """Give Blender the properties that a class declares as ``name: Annotated[type, Property(...)]``.

    Blender looks for a property itself in the annotations, of the class and of its bases.
    """
    for base in cls.__mro__:
        declared = inspect.get_annotations(base)
        found = {name: hint.__metadata__[0] for name, hint in declared.items() if hasattr(hint, "__metadata__")}
        if found:
            base.__annotations__ = declared | found
