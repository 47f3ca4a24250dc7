"""Published depth models."""

from dataclasses import dataclass

from parascale.errors import InputError

_TRANSFORMERS = ("config.json", "preprocessor_config.json", "model.safetensors")
_MOGE = ("model.pt",)


@dataclass(frozen=True)
class Model:
    """Published weights of a depth model.

    Attributes
    ----------
    name : str
        What `--depth-model` and `parascale weights fetch` call it.
    repository : str
        Id on the Hugging Face hub.
    files : tuple of str
        Patterns of the files that are needed.
    licence : str
    description : str
        One sentence for a tooltip.
    needs : tuple of str
        Names of other weights it is of no use without.
    """

    name: str
    repository: str
    files: tuple[str, ...]
    licence: str
    description: str
    needs: tuple[str, ...] = ()


CATALOGUE: tuple[Model, ...] = (
    Model(
        "depth-anything-v2-small",
        "depth-anything/Depth-Anything-V2-Small-hf",
        _TRANSFORMERS,
        "Apache-2.0",
        "Relative inverse depth of any picture; small and quick",
    ),
    Model(
        "depth-anything-v2-indoor-small",
        "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf",
        _TRANSFORMERS,
        "see its page",
        "Metres, for rooms",
    ),
    Model(
        "depth-anything-v2-outdoor-small",
        "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf",
        _TRANSFORMERS,
        "see its page",
        "Metres, for streets and landscapes",
    ),
    Model(
        "depth-pro",
        "apple/DepthPro-hf",
        _TRANSFORMERS,
        "Apple ASCL",
        "Metres and the field of view; sharp edges, large and slow",
    ),
    Model("zoedepth", "Intel/zoedepth-nyu-kitti", _TRANSFORMERS, "MIT", "Metres, for rooms and streets"),
    Model(
        "moge-2",
        "Ruicheng/moge-2-vitl-normal",
        _MOGE,
        "MIT",
        "Metres and the field of view; needs the package moge",
    ),
)


def published(name: str) -> Model:
    """Return a model of the catalogue.

    Raises
    ------
    InputError
        Where there is none of that name.
    """
    for model in CATALOGUE:
        if model.name == name:
            return model
    raise InputError(f"there is no depth model {name!r}: take one of {', '.join(model.name for model in CATALOGUE)}")
