"""What a file of weights holds, from its header alone: the name, shape and type of every tensor."""

import json
import math
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parascale.errors import InputError
from parascale.extras import require

SINGLE_FILES = (".safetensors", ".gguf", ".ckpt", ".pt", ".pth")
"""The suffixes of files that hold a model's tensors."""

# A safetensors header longer than this is no header.
_LONGEST_HEADER = 100 << 20
_SHARD = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.safetensors")
# What diffusers and transformers call the file that counts where a folder holds variants of it as well.
_PLAIN = ("diffusion_pytorch_model.safetensors", "model.safetensors")
_FP8 = ("F8_E4M3", "F8_E5M2")
_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "F16": 2, "BF16": 2, "I16": 2, "F8_E4M3": 1, "F8_E5M2": 1}


@dataclass(frozen=True)
class TensorHeader:
    """A tensor without its numbers.

    Attributes
    ----------
    shape : tuple of int
    dtype : str
        As safetensors writes it ("F32", "BF16", "F8_E4M3"), or the quantization of a GGUF file ("Q4_K").
    size : int
        Bytes in the file.
    """

    shape: tuple[int, ...]
    dtype: str
    size: int


Headers = Mapping[str, TensorHeader]


def shapes_of(headers: Headers) -> dict[str, tuple[int, ...]]:
    """Return the shapes of tensors by name."""
    return {name: header.shape for name, header in headers.items()}


def count_numbers(headers: Headers) -> int:
    """Count the numbers of all tensors."""
    return sum(math.prod(header.shape) for header in headers.values())


def is_fp8(headers: Headers) -> bool:
    """Tell whether the matrices are stored in 8 bit floating point."""
    return any(header.dtype in _FP8 for header in headers.values() if len(header.shape) > 1)


def checkpoint_files(source: Path) -> list[Path]:
    """Return the files of a checkpoint.

    Parameters
    ----------
    source : Path
        A file; or a folder, of which the files count that its index names, else numbered ones, else the only one.

    Raises
    ------
    InputError
        Where there are none, or one is missing.
    """
    if source.is_file():
        return [source]
    indices = sorted(source.glob("*.safetensors.index.json"))
    if indices:
        return _indexed_files(source, indices[0])
    files = next(filter(None, (sorted(source.glob(f"*{suffix}")) for suffix in SINGLE_FILES)), [])
    if not files:
        raise InputError(f"{source} holds no .safetensors file: it is no checkpoint folder, or was not fetched whole")
    plain = [path for path in files if path.name in _PLAIN]
    if len(files) > 1 and not plain:
        return _numbered_files(source, files)
    return plain[:1] or files


def _indexed_files(folder: Path, index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{index} cannot be read: fetch the weights again") from error
    return _present(folder, names)


def _numbered_files(folder: Path, files: list[Path]) -> list[Path]:
    """Return files named "... 00001-of-00003", whose index is missing."""
    parts = [_SHARD.fullmatch(path.name) for path in files]
    series = {(part["stem"], int(part["count"])) for part in parts if part}
    if len(series) != 1 or not all(parts):
        raise InputError(f"{folder} holds {len(files)} .safetensors files and no index that joins them: keep one")
    ((stem, count),) = series
    return _present(folder, [f"{stem}-{number:05}-of-{count:05}.safetensors" for number in range(1, count + 1)])


def _present(folder: Path, names: list[str]) -> list[Path]:
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise InputError(f"{folder} lacks {missing[0]}, {len(missing)} of {len(names)} files: fetch the weights again")
    return [folder / name for name in names]


def read_headers(source: Path) -> dict[str, TensorHeader]:
    """Read the headers of a checkpoint: of a file, or of all files of a folder.

    Raises
    ------
    InputError
        Where a file is missing, cut short or something else.
    """
    headers: dict[str, TensorHeader] = {}
    for path in checkpoint_files(source):
        headers |= dict(_read_file(path))
    return headers


def _read_file(path: Path) -> Iterator[tuple[str, TensorHeader]]:
    if path.suffix not in READERS:
        raise InputError(f"{path} is a file of torch, which is read where the model is loaded")
    return READERS[path.suffix](path)


def _read_safetensors(path: Path) -> Iterator[tuple[str, TensorHeader]]:
    try:
        with path.open("rb") as file:
            (length,) = struct.unpack("<Q", file.read(8))
            if length > _LONGEST_HEADER:
                raise ValueError("no header")
            header = json.loads(file.read(length))
        header.pop("__metadata__", None)
        end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        found = [(name, _from_entry(entry)) for name, entry in header.items()]
    except (OSError, ValueError, struct.error, KeyError, TypeError, AttributeError, IndexError) as error:
        raise InputError(f"{path} is no safetensors file, or is cut short: fetch the weights again") from error
    size = path.stat().st_size
    if size < 8 + length + end:
        raise InputError(f"{path} is cut short ({size} of {8 + length + end} bytes): fetch the weights again")
    return iter(found)


def _from_entry(entry: dict[str, Any]) -> TensorHeader:
    first, last = entry["data_offsets"]
    shape = tuple(map(int, entry["shape"]))
    dtype = str(entry["dtype"])
    if dtype in _BYTES and last - first != math.prod(shape) * _BYTES[dtype]:
        raise ValueError("sizes that do not fit")
    return TensorHeader(shape, dtype, last - first)


def _read_gguf(path: Path) -> Iterator[tuple[str, TensorHeader]]:
    require("a GGUF file", "generate", ["gguf"])
    from gguf import GGUFReader

    try:
        tensors = GGUFReader(str(path)).tensors
    except (ValueError, OSError, IndexError, KeyError) as error:
        raise InputError(f"{path} is no GGUF file, or is cut short: fetch the weights again") from error
    for tensor in tensors:
        shape = tuple(int(side) for side in reversed(tensor.shape))
        yield tensor.name, TensorHeader(shape, tensor.tensor_type.name, int(tensor.n_bytes))


READERS: dict[str, Callable[[Path], Iterator[tuple[str, TensorHeader]]]] = {
    ".safetensors": _read_safetensors,
    ".gguf": _read_gguf,
}
"""By suffix. `parascale.generators.diffusion.checkpoint` adds torch's own files, which only torch reads."""
