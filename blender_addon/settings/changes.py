"""Who reacts when a setting changes: rooms above add themselves, so that the settings import none of them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import bpy

reactions: list[Callable[[bpy.types.ID], None]] = []
"""Called with the datablock whose setting changed."""

_pauses = 0


def notify(settings: bpy.types.PropertyGroup, _context: object = None) -> None:
    """Call the reactions to a changed setting."""
    owner = settings.id_data
    if owner is not None and not _pauses:
        for react in reactions:
            react(owner)


@contextmanager
def paused() -> Iterator[None]:
    """Let settings change without a reaction."""
    global _pauses  # noqa: PLW0603 - callbacks have no other way to know
    _pauses += 1
    try:
        yield
    finally:
        _pauses -= 1


@contextmanager
def as_one_change(settings: bpy.types.PropertyGroup) -> Iterator[None]:
    """React once to several settings that change together."""
    with paused():
        yield
    notify(settings)
