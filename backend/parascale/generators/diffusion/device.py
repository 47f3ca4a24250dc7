"""Where a pipeline runs: its device and precision, what waits in main memory, and what is added to it."""

from collections.abc import Callable
from pathlib import Path

import torch
from diffusers import DiffusionPipeline

from parascale.errors import InputError
from parascale.generators.settings import Settings

_PRECISIONS = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
# Few-step LoRAs are told by their names.
_DISTILLED = ("lightning", "lightx2v", "distill", "4step", "4-step", "8step", "causvid", "accvid", "turbo", "lcm")


def select_device(name: str, settings: Settings) -> tuple[torch.device, torch.dtype]:
    """Choose device and precision.

    Raises
    ------
    InputError
        Where the device asked for, or any GPU, is missing.
    """
    available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    kind = settings.device
    if kind == "auto":
        kind = next((gpu for gpu in ("cuda", "mps") if available[gpu]), "")
        if not kind:
            raise InputError(
                f"{name} needs a GPU and torch {torch.__version__} finds none: run the backend on a machine with one, "
                "or set device=cpu, which takes hours"
            )
    if not available[kind]:
        raise InputError(f"device={kind} is asked for and torch {torch.__version__} finds none: take device=auto")
    default = torch.float32 if kind == "cpu" else torch.bfloat16
    return torch.device(kind), _PRECISIONS.get(settings.precision, default)


def move_to_device(pipeline: DiffusionPipeline, device: torch.device, settings: Settings) -> tuple[str, ...]:
    """Add the LoRA, move the pipeline to its device, and set offloading and tiling, by diffusers' own switches.

    Returns
    -------
    tuple of str
        Warnings, sentences.

    Raises
    ------
    InputError
        Where the LoRA cannot be read.
    """
    warnings = _add_lora(pipeline, settings) if settings.lora else ()
    pipeline.set_progress_bar_config(disable=True)
    if settings.tiling:
        pipeline.vae.enable_tiling()
        pipeline.vae.enable_slicing()
    offload = settings.offload
    if offload != "none" and device.type == "cpu":
        warnings += (f"offload={offload} was ignored: it moves models off a GPU, and this runs on none",)
        offload = "none"
    ways: dict[str, Callable[[], object]] = {
        "none": lambda: pipeline.to(device),
        "model": lambda: pipeline.enable_model_cpu_offload(device=device),
        "sequential": lambda: pipeline.enable_sequential_cpu_offload(device=device),
        "group": lambda: pipeline.enable_group_offload(
            onload_device=device, offload_type="block_level", num_blocks_per_group=1
        ),
    }
    ways[offload]()
    return warnings


def _add_lora(pipeline: DiffusionPipeline, settings: Settings) -> tuple[str, ...]:
    path = Path(settings.lora).expanduser()
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    if len(files) != 1 or not files[0].is_file():
        raise InputError(f"the LoRA {path} is no .safetensors file, nor a folder with exactly one")
    try:
        pipeline.load_lora_weights(str(files[0].parent), weight_name=files[0].name, adapter_name="added")
        pipeline.set_adapters(["added"], [settings.lora_strength])
    except Exception as error:  # peft's and safetensors' own errors, with texts of many lines
        sentence = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"the LoRA {files[0]} does not fit this model: {sentence}") from error
    if any(word in files[0].stem.lower() for word in _DISTILLED):
        return (f"{files[0].name} looks like a few-step LoRA: they weaken camera motion, leave it off to match P",)
    return ()
