"""Loading checkpoints into models: every tensor that is missing, left over or of another shape is a refusal."""

import json
import pickle
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import torch
from accelerate import init_empty_weights
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from parascale.errors import InputError
from parascale.weights.headers import READERS, Headers, TensorHeader, checkpoint_files, read_headers, shapes_of

State = dict[str, Tensor]
Shapes = Mapping[str, tuple[int, ...]]
Rename = Callable[[dict[str, Any]], dict[str, Any]]

M = TypeVar("M", bound=nn.Module)

# As safetensors writes them.
_TYPES = {
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3",
    torch.float8_e5m2: "F8_E5M2",
    torch.int64: "I64",
    torch.uint8: "U8",
}
# What ComfyUI and others store beside scaled 8 bit matrices: their factors, and marks that nothing is computed with.
_SCALES = (".scale_weight", ".weight_scale")
_MARKS = (".scale_input", ".input_scale", ".comfy_quant")
_MARK_NAMES = ("scaled_fp8", "spiece_model")


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


def load_model(make: Callable[[], M], source: Path, dtype: torch.dtype, rename: Rename | None = None) -> M:
    """Build a model and fill it from a checkpoint, whose names and shapes are compared before it is read.

    Parameters
    ----------
    make : callable
        Builds the model; its parameters take no memory yet.
    source : Path
        A checkpoint's folder or file.
    dtype : torch.dtype
        Of all but what the model keeps in single precision.
    rename : callable, optional
        Gives a dict of tensors by the checkpoint's names the model's own names; the values stay as they are.

    Raises
    ------
    InputError
        Where a file is missing or cut short; a tensor is missing, left over, of another shape or type.
    """
    model = check_model(make, source, rename)
    state = _renamed(unscale(read_state(source)), model, rename)
    if any(hasattr(value, "quant_type") for value in state.values()):
        _prepare_quantized(model, state, dtype)
    fill(model, state, dtype)
    return model


def check_model(make: Callable[[], M], source: Path, rename: Rename | None = None) -> M:
    """Build a model that takes no memory, and compare it with a checkpoint by its headers; see `load_model`."""
    with init_empty_weights():
        model = make()
    headers = read_headers(source)
    _refuse_types(headers, source)
    kept = {name: shape for name, shape in shapes_of(headers).items() if not _is_auxiliary(name)}
    wanted = {name: tuple(value.shape) for name, value in model.state_dict().items()}
    check_tensors(wanted, _renamed(kept, model, rename), source)
    return model


def _renamed(tensors: dict[str, Any], model: nn.Module, rename: Rename | None) -> dict[str, Any]:
    """Give tensors the model's names, those that diffusers itself has given up included."""
    named = rename(tensors) if rename else tensors
    fix = getattr(model, "_fix_state_dict_keys_on_load", None)
    return dict(fix(named)) if fix else named


def check_tensors(wanted: Shapes, found: Shapes, source: Path) -> None:
    """Compare a checkpoint with what a model has place for.

    Raises
    ------
    InputError
        Where a tensor is missing, left over or of another shape; it is named.
    """
    missing, extra = sorted(wanted.keys() - found.keys()), sorted(found.keys() - wanted.keys())
    if missing:
        raise InputError(f"{source} lacks {_some(missing)}: it is another model's checkpoint, or not whole")
    if extra:
        raise InputError(f"{source} holds {_some(extra)}, which the model has no place for: it is another checkpoint")
    for name, shape in wanted.items():
        if found[name] != shape:
            raise InputError(f"{source}: {name} is {found[name]} where its config.json makes it {shape}")


def check_report(report: Mapping[str, Any], unused: tuple[str, ...], source: Path) -> None:
    """Refuse what a transformers model was loaded with gaps from: its loader fills them with random numbers.

    Parameters
    ----------
    report : mapping
        What ``from_pretrained(output_loading_info=True)`` returns.
    unused : tuple of str
        Parts of the names of published tensors that the model has no use for.
    source : Path

    Raises
    ------
    InputError
        As `check_tensors`.
    """
    missing = sorted(report["missing_keys"])
    extra = sorted(name for name in report["unexpected_keys"] if not any(part in name for part in unused))
    wrong = sorted(report["mismatched_keys"], key=str)
    if missing:
        raise InputError(f"{source} lacks {_some(missing)}: it is another model's checkpoint, or not whole")
    if wrong:
        name, found, wanted = wrong[0]
        raise InputError(f"{source}: {name} is {tuple(found)} where its config.json makes it {tuple(wanted)}")
    if extra:
        raise InputError(f"{source} holds {_some(extra)}, which the model has no place for: it is another checkpoint")


def read_state(source: Path) -> State:
    """Read the tensors of a checkpoint: a folder or a file.

    Raises
    ------
    InputError
        Where a file is missing, cut short or something else.
    """
    state: State = {}
    for path in checkpoint_files(source):
        state |= _read_file(path)
    return state


def _read_file(path: Path) -> State:
    if path.suffix == ".gguf":
        from diffusers.models.model_loading_utils import load_gguf_checkpoint

        try:
            return dict(load_gguf_checkpoint(str(path)))
        except (ValueError, OSError) as error:
            raise InputError(f"{path} cannot be read ({_sentence(error)})") from error
    if path.suffix == ".safetensors":
        try:
            state: State = load_file(path)
        except (SafetensorError, OSError) as error:
            raise InputError(f"{path} is no safetensors file, or is cut short: fetch the weights again") from error
        return state
    return _load_torch(path, "cpu")


def _load_torch(path: Path, place: str) -> State:
    """Read the tensors of a torch checkpoint; nothing else in it is run or made."""
    try:
        state = torch.load(path, map_location=place, weights_only=True, mmap=True)
    except (RuntimeError, OSError, EOFError, ValueError, pickle.UnpicklingError) as error:
        raise InputError(f"{path} is no checkpoint of tensors, or is cut short: fetch the weights again") from error
    state = state.get("state_dict", state) if isinstance(state, dict) else {}
    if not state or not all(isinstance(value, Tensor) for value in state.values()):
        raise InputError(f"{path} holds no named tensors: it is not this model's checkpoint")
    return dict(state)


def _read_torch_headers(path: Path) -> Iterator[tuple[str, TensorHeader]]:
    """Read a torch checkpoint without its numbers; nothing in it is run."""
    for name, tensor in _load_torch(path, "meta").items():
        yield name, TensorHeader(tuple(tensor.shape), _TYPES.get(tensor.dtype, "other"), tensor.nbytes)


READERS.update(dict.fromkeys((".ckpt", ".pt", ".pth"), _read_torch_headers))


def unscale(state: State) -> State:
    """Multiply 8 bit matrices by the factors that are stored beside them, and drop marks.

    ComfyUI's scaled fp8 files hold W = scale * W8, one factor a matrix or a row.
    """
    factors = {name: value for name, value in state.items() if name.endswith(_SCALES)}
    kept = {name: value for name, value in state.items() if not _is_auxiliary(name)}
    for name, factor in factors.items():
        matrix = f"{name.rpartition('.')[0]}.weight"
        if matrix in kept:
            scale = factor.float()
            kept[matrix] = kept[matrix].float() * (scale[:, None] if scale.dim() == 1 and scale.numel() > 1 else scale)
    return kept


def _is_auxiliary(name: str) -> bool:
    return name.endswith((*_SCALES, *_MARKS)) or name.rpartition(".")[2] in _MARK_NAMES


def _refuse_types(headers: Headers, source: Path) -> None:
    """Refuse matrices of whole numbers: a quantization that only another program knows."""
    for name, header in headers.items():
        if header.dtype in ("U8", "I8", "I32") and len(header.shape) > 1 and not _is_auxiliary(name):
            raise InputError(
                f"{source}: {name} is quantized in a way ({header.dtype}) that is not supported: take the bf16, fp16, "
                "fp8 or GGUF files"
            )


def _prepare_quantized(model: nn.Module, state: State, dtype: torch.dtype) -> None:
    """Give a model layers that compute with a GGUF file's blocks as they are; other tensors are opened."""
    from diffusers import GGUFQuantizationConfig
    from diffusers.quantizers.auto import DiffusersAutoQuantizer
    from diffusers.quantizers.gguf.utils import GGUFLinear, dequantize_gguf_tensor

    quantizer = DiffusersAutoQuantizer.from_config(GGUFQuantizationConfig(compute_dtype=dtype))
    quantizer.preprocess_model(
        model, device_map=None, state_dict=state, keep_in_fp32_modules=list(_exact_modules(model))
    )
    linear = {f"{name}.weight" for name, module in model.named_modules() if isinstance(module, GGUFLinear)}
    for name, value in state.items():
        if hasattr(value, "quant_type") and name not in linear:
            state[name] = dequantize_gguf_tensor(value).reshape(model.get_parameter(name).shape)


def _exact_modules(model: nn.Module) -> tuple[str, ...]:
    return tuple(getattr(model, "_keep_in_fp32_modules", None) or ())


def fill(model: nn.Module, state: State, dtype: torch.dtype) -> None:
    """Give a model on the meta device its tensors; those it wants to keep exact stay in single precision.

    Parameters
    ----------
    model : nn.Module
    state : dict of str to Tensor
        All that the model wants, by its own names; is emptied.
    dtype : torch.dtype
    """
    exact = _exact_modules(model)

    def convert(name: str) -> Tensor:
        value = state.pop(name)
        if not value.is_floating_point():
            return value
        return value.to(torch.float32 if any(part in name.split(".") for part in exact) else dtype)

    quantized = [name for name, value in state.items() if hasattr(value, "quant_type")]
    for name in quantized:  # stored as bytes, whose shape is not that of the matrix
        module, _, own = name.rpartition(".")
        model.get_submodule(module).register_parameter(own, state.pop(name))
    found = model.load_state_dict({name: convert(name) for name in list(state)}, strict=False, assign=True)
    assert not found.unexpected_keys
    assert set(found.missing_keys) <= set(quantized)
    model.requires_grad_(False).eval()


def _some(names: Iterable[str]) -> str:
    first, *others = names
    return first + (f" and {len(others)} more tensors" if others else "")


def _sentence(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
