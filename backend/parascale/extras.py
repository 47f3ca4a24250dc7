"""The optional parts of the package, and what each brings: `pip install 'parascale[EXTRA]'`."""

from collections.abc import Iterable
from importlib.util import find_spec

from parascale.errors import InputError

EXTRAS: dict[str, dict[str, str]] = {
    "solve": {
        "pycolmap": "pycolmap",
        "cv2": "opencv-python-headless",
        "av": "av",
        "PIL": "pillow",
        "scipy": "scipy",
        "OpenEXR": "OpenEXR",
    },
    "preview": {"numba": "numba", "av": "av", "OpenEXR": "OpenEXR"},
    "depth": {"torch": "torch", "transformers": "transformers", "huggingface_hub": "huggingface_hub"},
    "generate": {
        "torch": "torch",
        "diffusers": "diffusers",
        "transformers": "transformers",
        "accelerate": "accelerate",
        "safetensors": "safetensors",
        "ftfy": "ftfy",
        "peft": "peft",
    },
    "evaluate": {"matplotlib": "matplotlib"},
    "bpy": {"bpy": "bpy"},
}
"""By extra: the name a package is imported with, and the name it is installed by."""


def require(what: str, extra: str, modules: Iterable[str]) -> None:
    """Refuse work whose packages are missing, without importing them.

    Parameters
    ----------
    what : str
        What needs them, for the message.
    extra : str
        The part of the package that brings them.
    modules : iterable of str
        By the names they are imported with.

    Raises
    ------
    InputError
        If one cannot be imported.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise InputError(f"{what} needs {', '.join(missing)}", "extra", [extra])
