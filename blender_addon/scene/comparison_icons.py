"""The pictures of a comparison as icons, cut from the image that is kept in the file."""

import bpy.utils.previews
import numpy as np
from bpy.utils.previews import ImagePreviewCollection

from parascale.blender.untyped import untyped

from .shot_comparison import KeptComparison, cut_sheet

_previews: ImagePreviewCollection | None = None
# Digest of what the icons show.
_shown = ""


def icons_of_comparison(kept: KeptComparison) -> list[int]:
    """Return the icons of a comparison's pictures, row by row."""
    global _previews, _shown
    if _previews is None or _shown != kept.digest:
        clear()
        _previews, _shown = bpy.utils.previews.new(), kept.digest
        for number, picture in enumerate(cut_sheet(kept)):
            preview = untyped(_previews.new(str(number)))
            preview.image_size = picture.shape[1::-1]
            # Blender's pictures begin at the bottom.
            preview.image_pixels_float.foreach_set(np.ascontiguousarray(picture[::-1]).ravel())
    return [int(preview.icon_id) for preview in _previews.values()]


def clear() -> None:
    """Free all icons."""
    global _previews, _shown
    if _previews is not None:
        bpy.utils.previews.remove(_previews)
    _previews, _shown = None, ""
