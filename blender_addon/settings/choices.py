"""The choices of the settings as Blender shows them: (name, label, tooltip) and perhaps (icon, number)."""

from collections.abc import Iterable

from parascale.parallax import lens, methods, settings
from parascale.retime import modes
from parascale.types import Choice


def items_of(choices: Iterable[Choice]) -> tuple[tuple[str, str, str], ...]:
    """Turn rows of a table into the items of an enum property."""
    return tuple((choice.name, choice.label, choice.description) for choice in choices)


METHODS = items_of(methods.METHODS.values())
LENSES = items_of(lens.LENSES.values())
SIZES = items_of(settings.SIZES.values())
SOLVERS = items_of(settings.SOLVERS.values())
HORIZONS = items_of(settings.HORIZONS.values())
PRESETS = items_of(choice for choice, _ in settings.PRESETS.values())
MATCHES = (
    ("FIRST", "First Frame", "The camera starts on its anchor"),
    ("MIDDLE", "Middle", "The camera passes its anchor halfway"),
    ("LAST", "Last Frame", "The camera ends on its anchor"),
    ("FRAME", "Frame", "The camera stands on its anchor at a frame of the scene"),
)
FOCUS_PULLS = (
    ("OWN", "Own", "The camera keeps its own focus"),
    (
        "REFERENCE",
        "Reference",
        "Key the distance so that the focus lies where the reference's subject lies in its depth",
    ),
    ("SUBJECT", "Subject", "Key the distance so that the focus stays on the target's subject"),
)
COMPARISONS = (
    ("OFF", "Off", "Show the target alone"),
    ("BESIDE", "Beside", "Show the film in a corner of the viewport"),
    ("OVER", "Over", "Show the film over the camera's view"),
)
RETIMINGS = (("NONE", "As It Is", "The move keeps the reference's timing"), *items_of(modes.MODES.values()))
TIMINGS = (
    ("SECONDS", "Match Seconds", "The move lasts as long as the reference, whatever the frame rates"),
    ("FRAMES", "Match Frames", "Every frame of the reference becomes one frame of the scene"),
)
STATISTICS = (
    ("FRAME", "Whole Frame", "Median depth of the whole frame, on both sides"),
    ("OBJECTS", "Subject", "Median depth of chosen objects, and of a box in the reference's first frame"),
    ("FOCUS", "Focus", "Focus object or focus distance of the target camera and of the reference camera"),
    ("SURFACE", "Surface", "A surface and a point of the reference, both clicked in the viewport"),
)
STARTS = (
    ("CAMERA", "Scene Camera", "Start at the scene camera, with its lens", "CAMERA_DATA", 0),
    ("VIEWPORT", "Viewport", "Start at the view of the 3D viewport", "VIEW3D", 1),
)
PICTURES = (
    ("RENDER", "Render", "Render the first frame", "RENDER_STILL", 0),
    ("VIEWPORT", "Viewport", "Take what the 3D viewport shows through the camera", "VIEW3D", 1),
    ("FILE", "File", "Take a picture file that shows the first frame", "FILE_IMAGE", 2),
    ("RESULT", "Render Result", "Take what was rendered last: render the first frame before", "RENDER_RESULT", 3),
    ("IMAGE", "Current Image", "Take the picture that an open Image Editor shows", "IMAGE_DATA", 4),
)
DEPTH_SOURCES = (
    ("MODEL", "Model", "A depth model estimates it, on the backend", "SHADERFX", 0),
    ("FILE", "File", "A depth map from a file: EXR, 16-bit PNG, .npy or .npz", "FILE_IMAGE", 1),
    ("CONSTANT", "None", "No map: the photo is a wall at a stated distance", "MESH_PLANE", 2),
)
ROLES = (
    ("NONE", "None", ""),
    ("REFERENCE", "Reference Camera", ""),
    ("ANCHOR", "Anchor", ""),
    ("CAMERA", "Calibrated Camera", ""),
)
