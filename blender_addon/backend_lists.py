"""What a backend offers, for lists of the interface; its generators are told once one is connected."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from parascale.link.messages import GeneratorInfo

# The published ones. Their catalogue is the backend's alone.
DEPTH_MODELS = (
    "depth-anything-v2-small",
    "depth-anything-v2-indoor-small",
    "depth-anything-v2-outdoor-small",
    "depth-pro",
    "zoedepth",
    "moge-2",
)

_generators: "tuple[GeneratorInfo, ...]" = ()


def set_generators(generators: "tuple[GeneratorInfo, ...]") -> None:
    """Take note of what the backend can run."""
    global _generators  # noqa: PLW0603 - one Blender has one backend
    _generators = generators


def find_generator(name: str) -> "GeneratorInfo | None":
    """Return what the backend says of a generator; None where it does not know it or says nothing yet."""
    return next((known for known in _generators if known.name == name), None)


def generators_like(text: str) -> list[str]:
    """Return the names of generators that hold a text."""
    return [known.name for known in _generators if text.lower() in known.name.lower()]


def depth_models_like(text: str) -> list[str]:
    """Return the names of published depth models that hold a text."""
    return [name for name in DEPTH_MODELS if text.lower() in name]
