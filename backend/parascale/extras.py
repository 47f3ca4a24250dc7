"""Packages that only parts of the work need: from each module to what installs it."""

from dataclasses import dataclass
from importlib.util import find_spec

from parascale.errors import InputError


@dataclass(frozen=True)
class Package:
    """A package that an extra of ours installs.

    Attributes
    ----------
    name : str
        As package indexes know it.
    extras : tuple of str
        The extras that have it, the smallest first; none where every installation has it.
    """

    name: str
    extras: tuple[str, ...] = ()


PACKAGES: dict[str, Package] = {
    "accelerate": Package("accelerate", ("generate",)),
    "av": Package("av", ("preview", "solve")),
    "bpy": Package("bpy", ("bpy",)),
    "cv2": Package("opencv-python-headless", ("solve",)),
    "diffusers": Package("diffusers", ("generate",)),
    "ftfy": Package("ftfy", ("generate",)),
    "google": Package("protobuf", ("generate",)),
    "huggingface_hub": Package("huggingface_hub", ("depth",)),
    "matplotlib": Package("matplotlib", ("evaluate",)),
    "numba": Package("numba", ("preview",)),
    "OpenEXR": Package("OpenEXR", ("preview", "solve")),
    "peft": Package("peft", ("generate",)),
    "PIL": Package("pillow", ("solve",)),
    "pycolmap": Package("pycolmap", ("solve",)),
    "rerun": Package("rerun-sdk", ("view",)),
    "rich": Package("rich"),
    "safetensors": Package("safetensors", ("depth", "generate")),
    "scipy": Package("scipy", ("solve",)),
    "sentencepiece": Package("sentencepiece", ("generate",)),
    "torch": Package("torch", ("depth", "generate")),
    "transformers": Package("transformers", ("depth", "generate")),
    "zmq": Package("pyzmq"),
}
"""By the name of the module that is imported."""


def is_installed(module: str) -> bool:
    """Tell whether a module can be imported, without importing it."""
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def is_missing_package(error: ImportError) -> bool:
    """Tell whether an import failed for want of a package of the table, and not for a mistake of ours."""
    return _module(error) in PACKAGES


def missing_package(error: ImportError, what: str = "this", extra: str | None = None) -> InputError:
    """Word a failed import as a refusal with the extra that mends it.

    Parameters
    ----------
    error : ImportError
    what : str
        What needs the package.
    extra : str, optional
        The extra to name where several have the package.
    """
    module = _module(error)
    package = PACKAGES.get(module, Package(module or str(error)))
    wanted = extra or next(iter(package.extras), "")
    if isinstance(error, ModuleNotFoundError):
        return InputError(f"{what} needs {package.name}, which is not installed", "extra", [wanted])
    return InputError(f"{what} needs {package.name}, which cannot be loaded ({error})", "extra", [wanted])


def _module(error: ImportError) -> str:
    return (error.name or "").partition(".")[0]
