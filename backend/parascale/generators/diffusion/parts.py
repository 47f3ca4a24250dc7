"""Parts of a pipeline, each from its own folder or file, every tensor accounted for."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import diffusers
import torch
from torch import nn
from transformers.utils.logging import disable_progress_bar

from parascale.errors import InputError
from parascale.generators.diffusion.checkpoint import check_model, check_report, load_model
from parascale.weights.headers import count_numbers, read_headers

T = TypeVar("T")

_WITHOUT_NUMBERS = ("tokenizer", "image_processor")

# Tensors of published encoders that are no part of what is used of them.
_UNUSED = ("position_ids", "visual_projection.", "text_model.", "text_projection.", "logit_scale")


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
    sources: Mapping[str, Path], makers: Mapping[str, Callable[[Path], object]], report: Callable[[str], None]
) -> dict[str, object]:
    """Load parts of a pipeline, each from its own folder or file, and return them by name; see `load_part`."""
    parts = {}
    for name, make in makers.items():
        report(f"loading the {name.replace('_', ' ')}")
        parts[name] = load_part(sources[name], make)
    return parts


def load_part(path: Path, make: Callable[[Path], T]) -> T:
    """Load a part of a pipeline.

    Raises
    ------
    InputError
        Where it is missing or broken.
    """
    if not path.exists():
        raise InputError(
            f"{path.parent} holds no folder {path.name}: it is no diffusers folder, or was not fetched whole"
        )
    try:
        return make(path)
    except InputError:
        raise
    except Exception as error:  # three libraries' errors, with texts of many lines
        sentence = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"{path} cannot be loaded ({sentence.rstrip('.')}): fetch the weights again") from error


def load_diffusers(kind: Any, folder: Path, dtype: torch.dtype) -> nn.Module:
    """Load a diffusers model by its config.json; see `load_model`.

    Raises
    ------
    InputError
        As `load_model`; where the folder is another model's.
    """
    config = kind.load_config(folder)
    if config.get("_class_name", kind.__name__) != kind.__name__:
        raise InputError(f"{folder} holds a {config['_class_name']} where a {kind.__name__} is needed")
    return load_model(lambda: kind.from_config(config), folder, dtype)


def check_diffusers(kind: Any, folder: Path) -> None:
    """Compare a diffusers model's checkpoint with its config.json, by its headers; see `load_model`.

    Raises
    ------
    InputError
    """
    load_part(folder, lambda path: check_model(lambda: kind.from_config(kind.load_config(path)), path))


def load_transformers(kind: Any, folder: Path, dtype: torch.dtype) -> nn.Module:
    """Load a transformers model, whose loader makes up what it does not find: its own report is checked.

    Raises
    ------
    InputError
        Where a file is cut short, or a tensor is missing, left over or of another shape.
    """
    read_headers(folder)
    disable_progress_bar()
    model, report = kind.from_pretrained(
        folder, dtype=dtype, output_loading_info=True, ignore_mismatched_sizes=True, local_files_only=True
    )
    check_report(report, _UNUSED, folder)
    loaded: nn.Module = model.eval()
    return loaded


def part_sizes(sources: Mapping[str, Path]) -> dict[str, int]:
    """Count the numbers of the models beside the transformer, by their headers.

    Raises
    ------
    InputError
        Where one is missing or cut short.
    """
    for path in sources.values():
        if not path.exists():
            raise InputError(
                f"{path.parent} holds no folder {path.name}: it is no diffusers folder, or was not fetched whole"
            )
    models = {name: path for name, path in sources.items() if name not in _WITHOUT_NUMBERS}
    return {name: count_numbers(read_headers(path)) for name, path in models.items()}
