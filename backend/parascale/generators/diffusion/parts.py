"""Parts of a pipeline, each in its folder as diffusers lays them."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import diffusers

from parascale.errors import InputError
from parascale.generators.diffusion.checkpoint import elements, read_shapes

T = TypeVar("T")


def scheduler_of(folder: Path) -> diffusers.SchedulerMixin:
    """Load the scheduler a diffusers folder names: they have used several.

    Raises
    ------
    InputError
        Where there is none.
    """

    def make(path: Path) -> diffusers.SchedulerMixin:
        config = diffusers.FlowMatchEulerDiscreteScheduler.load_config(path)
        return getattr(diffusers, config["_class_name"]).from_config(config)

    return load_part(folder / "scheduler", make)


def load_parts(
    folder: Path, makers: Mapping[str, Callable[[Path], object]], report: Callable[[str], None]
) -> dict[str, object]:
    """Load parts of a pipeline, each from its folder, and return them by name; see `load_part`."""
    parts = {}
    for name, make in makers.items():
        report(f"loading the {name.replace('_', ' ')}")
        parts[name] = load_part(folder / name, make)
    return parts


def load_part(path: Path, make: Callable[[Path], T]) -> T:
    """Load a part of a pipeline from its folder.

    Raises
    ------
    InputError
        Where it is missing or broken.
    """
    if not path.is_dir():
        raise InputError(
            f"{path.parent} holds no folder {path.name}: it is no diffusers folder, or was not fetched whole"
        )
    try:
        return make(path)
    except Exception as error:  # three libraries' errors, with texts of many lines
        sentence = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} cannot be loaded ({sentence.rstrip('.')}): fetch the weights again") from error


def part_sizes(folder: Path, *, clip: bool = False) -> dict[str, int]:
    """Count the numbers of the models beside the transformer.

    Raises
    ------
    InputError
        Where one is missing or cut short.
    """
    names = ("vae", "text_encoder", *(("image_encoder",) if clip else ()))
    for name in names:
        if not (folder / name).is_dir():
            raise InputError(f"{folder} holds no folder {name}: it is no diffusers folder, or was not fetched whole")
    return {name: elements(read_shapes(folder / name)) for name in names}
