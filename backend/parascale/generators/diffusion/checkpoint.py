"""Reading checkpoints: tensors and settings of a folder, as published, with a sentence for all that can be wrong."""

import json
import math
import pickle
import struct
from collections.abc import Iterable, Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from parascale.errors import InputError

State = dict[str, Tensor]

# A safetensors header longer than this is no header.
_LONGEST_HEADER = 100 << 20


def read_config(folder: Path) -> dict[str, object]:
    """Read a model's config.json.

    Raises
    ------
    InputError
        Where there is none, or it is no JSON object.
    """
    path = folder / "config.json"
    try:
        config = json.loads(path.read_text())
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no config.json: it is no checkpoint folder, or was not fetched whole"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read: fetch the weights again") from error
    if not isinstance(config, dict):
        raise InputError(f"{path} is no JSON object: fetch the weights again")
    return config


def integer(config: Mapping[str, object], name: str, source: Path) -> int:
    """Return a positive whole number of a model's config.json.

    Raises
    ------
    InputError
        If it is missing or something else.
    """
    value = config.get(name)
    if not isinstance(value, int) or value < 1:
        raise InputError(f"{source}: config.json has no {name}: it is another model's, or not whole")
    return value


def safetensors_files(folder: Path) -> list[Path]:
    """Return the files of a folder's checkpoint: what its index names, else its only one.

    Raises
    ------
    InputError
        Where there are none, or one that the index names is missing.
    """
    indices = sorted(folder.glob("*.safetensors.index.json"))
    if indices:
        try:
            names = sorted(set(json.loads(indices[0].read_text())["weight_map"].values()))
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{indices[0]} cannot be read: fetch the weights again") from error
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise InputError(
                f"{folder} lacks {missing[0]}, {len(missing)} of {len(names)} files: fetch the weights again"
            )
        return [folder / name for name in names]
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise InputError(f"{folder} holds no .safetensors file: it is no checkpoint folder, or was not fetched whole")
    if len(files) > 1:
        raise InputError(f"{folder} holds {len(files)} .safetensors files and no index that joins them: keep one")
    return files


def read_header(path: Path) -> dict[str, tuple[int, ...]]:
    """Read the names and shapes of a safetensors file's tensors, without the tensors.

    Raises
    ------
    InputError
        Where the file is cut short or something else.
    """
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LONGEST_HEADER:
                raise ValueError("no header")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        shapes = {name: tuple(entry["shape"]) for name, entry in header.items()}
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{path} is no safetensors file, or is cut short: fetch the weights again") from error
    if path.stat().st_size < 8 + length + end:
        raise InputError(
            f"{path} is cut short ({path.stat().st_size} of {8 + length + end} bytes): fetch the weights again"
        )
    return shapes


def read_shapes(folder: Path) -> dict[str, tuple[int, ...]]:
    """Read the names and shapes of a checkpoint folder's tensors.

    Raises
    ------
    InputError
        As `safetensors_files` and `read_header`.
    """
    shapes: dict[str, tuple[int, ...]] = {}
    for path in safetensors_files(folder):
        shapes |= read_header(path)
    return shapes


def elements(shapes: dict[str, tuple[int, ...]]) -> int:
    """Count the numbers of all tensors."""
    return sum(math.prod(shape) for shape in shapes.values())


def read_state(folder: Path) -> State:
    """Read the tensors of a checkpoint folder.

    Raises
    ------
    InputError
        Where a file is missing, cut short or something else.
    """
    state: State = {}
    for path in safetensors_files(folder):
        try:
            state |= load_file(path)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path} is no safetensors file, or is cut short: fetch the weights again") from error
    return state


def read_ckpt(path: Path) -> State:
    """Read the tensors of a torch checkpoint; nothing else in it is run or made.

    Raises
    ------
    InputError
        Where it is cut short, or holds something else than tensors.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} is no checkpoint of tensors, or is cut short: fetch the weights again") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path} holds no named tensors: it is not this model's checkpoint")
    return dict(state)


def fill(model: nn.Module, state: State, dtype: torch.dtype, source: Path) -> None:
    """Give a model on the meta device its tensors; those it wants to keep exact stay in single precision.

    Parameters
    ----------
    model : nn.Module
    state : dict of str to Tensor
        By the model's own names; is emptied.
    dtype : torch.dtype
    source : Path
        Where they come from, for what is said.

    Raises
    ------
    InputError
        Where a tensor is missing, left over or of another shape.
    """
    exact = tuple(getattr(model, "_keep_in_fp32_modules", None) or ())
    wanted = model.state_dict()
    _refuse_others(wanted, state, source)
    single = {name for name in wanted if any(part in name.split(".") for part in exact)}
    converted = {name: state.pop(name).to(torch.float32 if name in single else dtype) for name in list(state)}
    model.load_state_dict(converted, strict=True, assign=True)
    model.requires_grad_(False).eval()


def _refuse_others(wanted: State, found: State, source: Path) -> None:
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing:
        raise InputError(f"{source} lacks {_some(missing)}: it is another model's checkpoint, or not whole")
    if extra:
        raise InputError(f"{source} holds {_some(extra)}, which the model has no place for: it is another checkpoint")
    for name, tensor in wanted.items():
        if found[name].shape != tensor.shape:
            raise InputError(
                f"{source}: {name} is {tuple(found[name].shape)} where its config.json makes it {tuple(tensor.shape)}"
            )


def _some(names: Iterable[str]) -> str:
    first, *others = names
    return first + (f" and {len(others)} more tensors" if others else "")
