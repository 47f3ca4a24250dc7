"""Camera motion taken from a film and given to another: the maps of AnimateDiff's temporal attention (MotionMaster).

What every pixel of a film attends to in other frames is how it moves. Where things move by themselves, the maps are cut
out and filled from around them by Laplace's equation, which leaves the camera's motion (arXiv 2404.15789, one-shot).
"""

from collections.abc import Callable
from typing import Any

import torch
from diffusers import AnimateDiffPipeline, DDIMInverseScheduler
from diffusers.models.attention_processor import Attention
from torch import Tensor
from torch.nn import functional

# The share of the noise at which a film's maps are taken: early enough for its motion, late enough for its layout.
DEPTH = 0.4
# Relaxations of a map: a hole of half its width is filled to a thousandth.
_PASSES = 400


class TemporalAttention:
    """Self-attention over frames whose map can be recorded, and replaced.

    Attributes
    ----------
    recording : bool
    map : (N, heads, F, F) Tensor or None
        Recorded, of every pixel; put in where it is there and ``recording`` is off.
    """

    def __init__(self) -> None:
        self.recording = False
        self.map: Tensor | None = None

    def __call__(self, attn: Attention, hidden_states: Tensor, *_: Any, **__: Any) -> Tensor:
        """Attend: (batch N, F, C) to the same shape."""
        heads = attn.heads
        query, key, value = (
            layer(hidden_states).unflatten(-1, (heads, -1)).transpose(1, 2)
            for layer in (attn.to_q, attn.to_k, attn.to_v)
        )
        if self.recording or self.map is None:
            shares = (query @ key.transpose(-1, -2) * attn.scale).softmax(-1)
            if self.recording:
                self.map = shares
        else:
            shares = self.map.repeat(len(value) // len(self.map), 1, 1, 1)
        attended = (shares.to(value.dtype) @ value).transpose(1, 2).flatten(2)
        projected: Tensor = attn.to_out[0](attended)
        return projected


class MotionTransfer:
    """The temporal layers of a pipeline in the decoder of its network, and what they were told.

    Parameters
    ----------
    pipeline : AnimateDiffPipeline
    """

    def __init__(self, pipeline: AnimateDiffPipeline) -> None:
        self._pipeline = pipeline
        self.layers: list[TemporalAttention] = []
        for name, module in pipeline.unet.named_modules():
            if isinstance(module, Attention) and name.startswith("up_blocks") and ".motion_modules." in name:
                module.set_processor(layer := TemporalAttention())
                self.layers.append(layer)

    def forget(self) -> None:
        """Let the layers attend by themselves again."""
        for layer in self.layers:
            layer.map, layer.recording = None, False

    def learn(self, latents: Tensor, moving: Tensor | None, steps: int, report: Callable[[float], None]) -> None:
        """Invert a film and keep its maps, without those of what moves by itself.

        Parameters
        ----------
        latents : (1, 4, F, h, w) Tensor
        moving : (F, H, W) bool Tensor or None
            True where things move by themselves.
        steps : int
            Of the whole way into noise, of which `DEPTH` is gone.
        report : callable
            Takes the fraction done.
        """
        self.forget()
        unet, scheduler = self._pipeline.unet, DDIMInverseScheduler.from_config(self._pipeline.scheduler.config)
        scheduler.set_timesteps(steps, device=latents.device)
        with torch.no_grad():
            prompt, _ = self._pipeline.encode_prompt("", latents.device, 1, do_classifier_free_guidance=False)
        prompt = prompt.repeat_interleave(latents.shape[2], dim=0)
        taken = scheduler.timesteps[: max(1, round(DEPTH * steps))]
        for number, timestep in enumerate(taken):
            report(number / len(taken))
            for layer in self.layers:
                layer.recording = number + 1 == len(taken)
            with torch.no_grad():
                noise = unet(latents, timestep, encoder_hidden_states=prompt).sample
            latents = scheduler.step(noise, timestep, latents).prev_sample
        shape = latents.shape[-2:]
        for layer in self.layers:
            layer.recording = False
            if moving is not None and layer.map is not None:
                layer.map = without(layer.map, moving, shape)


def without(maps: Tensor, moving: Tensor, shape: tuple[int, int]) -> Tensor:
    """Fill the maps of pixels that move by themselves from those around.

    Parameters
    ----------
    maps : (N, heads, F, F) Tensor
        Of N pixels, row by row, at some power of two below ``shape``.
    moving : (F, H, W) bool Tensor
        In any frame is in all: a map spans the frames.
    shape : (int, int)
        Rows and columns of the latents.

    Returns
    -------
    (N, heads, F, F) Tensor
        Each row still sums to 1, as an average of rows that do.
    """
    rows, columns = grid(len(maps), shape)
    ever = moving.any(0)[None, None].float().to(maps.device)
    hole = functional.adaptive_max_pool2d(ever, (rows, columns))[0, 0] > 0
    if hole.all() or not hole.any():
        return maps
    field = maps.float().flatten(1).T.reshape(-1, rows, columns)
    filled = torch.where(hole, field[:, ~hole].mean(1)[:, None, None], field)
    for _ in range(_PASSES):
        around = functional.pad(filled[None], (1, 1, 1, 1), mode="replicate")[0]
        mean = (around[:, :-2, 1:-1] + around[:, 2:, 1:-1] + around[:, 1:-1, :-2] + around[:, 1:-1, 2:]) / 4
        filled = torch.where(hole, mean, field)
    return filled.reshape(len(field), -1).T.reshape(maps.shape).to(maps.dtype)


def grid(count: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a layer of so many pixels: those of the latents, halved, rounded up, until they fit."""
    rows, columns = shape
    while rows * columns > count:
        rows, columns = (rows + 1) // 2, (columns + 1) // 2
    if rows * columns != count:
        raise ValueError(f"{count} pixels are no halving of {shape[0]}x{shape[1]}")
    return rows, columns
