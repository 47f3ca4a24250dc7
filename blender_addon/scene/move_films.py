"""The example moves as icons that play: drawn one after another while a panel shows them, at rest while none does.

Blender's own previews of assets are single pictures, so the library's moves play here.
"""

import time

import bpy.utils.previews
import numpy as np
from bpy.utils.previews import ImagePreviewCollection

from parascale.blender.untyped import untyped

from .example_moves import MOVES, example_shot
from .move_pictures import film_of_move

PICTURES, SIZE = 20, 96
PICTURE_SECONDS = 0.1

_previews: ImagePreviewCollection | None = None
# Whether a panel has shown them since it was last to be redrawn.
_is_shown = False


def icon_of_move(name: str) -> int:
    """Return the icon of a move as it is now, and go on playing; 0 until it is drawn."""
    global _is_shown  # noqa: PLW0603 - what panels show is one for the whole Blender
    _is_shown = True
    key = f"{name} {int(time.monotonic() / PICTURE_SECONDS) % PICTURES}"
    return int(_previews[key].icon_id) if _previews is not None and key in _previews else 0


def play() -> bool:
    """Draw the next move that has no pictures yet; return whether a panel shows the moves, and has to be redrawn.

    One that is redrawn asks for the next time, so a slow one is not asked twice and a closed one never.
    """
    global _is_shown  # noqa: PLW0603
    if not _is_shown:
        return False
    _is_shown = False
    missing = next((name for name in MOVES if _previews is None or f"{name} 0" not in _previews), None)
    if missing is not None:
        _draw(missing)
    return True


def clear() -> None:
    """Free all icons."""
    global _previews  # noqa: PLW0603
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
    _previews = None


def _draw(name: str) -> None:
    global _previews  # noqa: PLW0603 - Blender wants the collection removed once, by its maker
    if _previews is None:
        _previews = bpy.utils.previews.new()
    for number, picture in enumerate(film_of_move(example_shot(name), PICTURES, SIZE)):
        preview = untyped(_previews.new(f"{name} {number}"))
        preview.image_size = (SIZE, SIZE)
        # Blender's pictures begin at the bottom.
        preview.image_pixels_float.foreach_set((picture[::-1].astype(np.float32) / 255).ravel())
