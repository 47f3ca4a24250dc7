"""The published depth models, for lists of the interface."""

# The published ones. Their catalogue is the backend's alone.
DEPTH_MODELS = (
    "depth-anything-v2-small",
    "depth-anything-v2-indoor-small",
    "depth-anything-v2-outdoor-small",
    "depth-pro",
    "zoedepth",
    "moge-2",
)


def depth_models_like(text: str) -> list[str]:
    """Return the names of published depth models that contain a text."""
    return [name for name in DEPTH_MODELS if text.lower() in name]
