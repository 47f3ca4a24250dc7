"""The optional parts of the package, what each brings, and how the want of one is said."""

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
    "depth": {
        "torch": "torch",
        "transformers": "transformers",
        "huggingface_hub": "huggingface_hub",
        "safetensors": "safetensors",
    },
    "generate": {
        "torch": "torch",
        "diffusers": "diffusers",
        "transformers": "transformers",
        "accelerate": "accelerate",
        "safetensors": "safetensors",
        "ftfy": "ftfy",
        "gguf": "gguf",
        "peft": "peft",
        "google.protobuf": "protobuf",
        "sentencepiece": "sentencepiece",
    },
    "evaluate": {"matplotlib": "matplotlib"},
    "view": {"rerun": "rerun-sdk"},
    "cluster": {"ray": "ray"},
    "bpy": {"bpy": "bpy"},
}
"""By extra: the name a package is imported with, and the name it is installed by."""

_BASE = {"numpy": "numpy", "rich": "rich", "typer": "typer", "zmq": "pyzmq"}  # what every installation has
_PREFERRED = ("preview", *EXTRAS)  # of several extras that bring a package, the first: the smallest


def is_installed(module: str) -> bool:
    """Tell whether a module can be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # its package is missing, or was taken out of `sys.modules`
        return False


def missing_package(error: ImportError, what: str) -> InputError | None:
    """Word a failed import as a refusal; None where the module is of none of our extras, which is a mistake of ours.

    Parameters
    ----------
    error : ImportError
    what : str
        What needs the package, for the message.
    """
    module = error.name or ""
    known = {name.partition(".")[0]: name for name in (*_BASE, *(name for part in EXTRAS.values() for name in part))}
    name = known.get(module.partition(".")[0])
    if name is None:
        return None
    extra = next((extra for extra in _PREFERRED if name in EXTRAS[extra]), "")
    package = EXTRAS[extra][name] if extra else _BASE[name]
    why = "" if isinstance(error, ModuleNotFoundError) else f", which cannot be loaded ({error})"
    return InputError(f"{what} needs {package}{why}", "extra", [extra])


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
    missing = [module for module in modules if not is_installed(module)]
    if missing:
        raise InputError(f"{what} needs {', '.join(missing)}", "extra", [extra])
