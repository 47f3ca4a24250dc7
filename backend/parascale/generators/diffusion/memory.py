"""What a run needs of a device's memory, and whether it has it."""

from collections.abc import Mapping
from dataclasses import dataclass

import psutil
import torch

from parascale.errors import InputError

GIGABYTE = 1e9
OFFLOADS = ("none", "model", "group", "sequential")

DECODER = 12_000
"""Bytes a pixel that decoding takes, of Wan's VAE in single precision."""

# Rules of thumb, in numbers a token, read off the models' layers and not measured on a GPU.
_WIDTHS_PER_TOKEN, _FEED_FORWARDS_PER_TOKEN = 10, 2
_TILE_PIXELS = 256 * 256
_SINGLE = 4  # bytes


@dataclass(frozen=True)
class Need:
    """What a run needs, in bytes.

    Attributes
    ----------
    parts : dict of str to int
        Of every model of the pipeline.
    layers : int
        Of the largest model, about equal in size.
    working : int
        Beside the models, at the worst moment.
    """

    parts: dict[str, int]
    layers: int
    working: int

    def of(self, offload: str) -> int:
        """Return what is needed at once under a way of offloading."""
        largest = max(self.parts.values())
        held = {"none": sum(self.parts.values()), "model": largest}.get(offload, largest // self.layers * 2)
        return held + self.working


def estimate(
    numbers: Mapping[str, int],
    film: tuple[int, int, int],
    bytes_per_number: int,
    *,
    dim: int,
    ffn_dim: int,
    layers: int,
    tiling: bool,
    token: int = 16,
    decoder: int = DECODER,
) -> Need:
    """Estimate what a run needs.

    Parameters
    ----------
    numbers : mapping of str to int
        How many numbers each model has; the VAE's are held in single precision.
    film : (int, int, int)
        Frames the transformer sees, width and height in pixels.
    bytes_per_number : int
    dim, ffn_dim, layers : int
        Of the transformer.
    tiling : bool
    token : int
        Pixels across that make a token.
    decoder : int
        Bytes a pixel that decoding takes.
    """
    frames, width, height = film
    parts = {name: count * (_SINGLE if name == "vae" else bytes_per_number) for name, count in numbers.items()}
    working = working_memory(
        frames=frames,
        width=width,
        height=height,
        dim=dim,
        ffn_dim=ffn_dim,
        bytes_per_number=bytes_per_number,
        tiling=tiling,
        token=token,
        decoder=decoder,
    )
    return Need(parts, layers, working)


def working_memory(
    *,
    frames: int,
    width: int,
    height: int,
    dim: int,
    ffn_dim: int,
    bytes_per_number: int,
    tiling: bool,
    token: int = 16,
    decoder: int = DECODER,
) -> int:
    """Estimate the memory beside the models: of a transformer's block, or of decoding, whichever is more."""
    tokens = ((frames + 3) // 4) * (height // token) * (width // token)
    block = tokens * (_WIDTHS_PER_TOKEN * dim + _FEED_FORWARDS_PER_TOKEN * ffn_dim) * bytes_per_number
    camera = 2 * 6 * frames * width * height * bytes_per_number
    decoded = frames * width * height * 3 * 4
    pixels = min(width * height, _TILE_PIXELS) if tiling else width * height
    return max(block + camera, pixels * decoder + decoded)


def free_memory(device: torch.device) -> int:
    """Return the free bytes of a device."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return int(psutil.virtual_memory().available)


def check_memory(name: str, need: Need, offload: str, device: torch.device, *, tiling: bool) -> None:
    """Compare a need with a device.

    Raises
    ------
    InputError
        Where it has too little, with what to try.
    """
    free = free_memory(device)
    if need.of(offload) <= free:
        return
    noun = "processor's memory" if device.type == "cpu" else "GPU"
    ways = () if device.type == "cpu" else OFFLOADS[OFFLOADS.index(offload) + 1 :]
    saving = next((f"offload={way}" for way in ways if need.of(way) <= free), "")
    smaller = "a smaller long_side or fewer frames" if tiling else "tiling=true, a smaller long_side or fewer frames"
    raise InputError(
        f"{name} needs about {need.of(offload) / GIGABYTE:.0f} GB, this {noun} has {free / GIGABYTE:.0f} free: "
        f"try {saving or smaller}"
    )


def too_little(name: str, device: torch.device) -> InputError:
    """Say that memory ran out, estimated or not."""
    return InputError(
        f"{name} ran out of memory on {device.type}: try offload=model, then offload=sequential, tiling=true, "
        "or a smaller long_side"
    )
