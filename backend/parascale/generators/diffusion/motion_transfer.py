"""Camera motion taken from a film and given to another: the scores of AnimateDiff's temporal attention (MotionMaster).

What every pixel of a film attends to in other frames is how it moves. Where things move by themselves, the scores are
cut out and filled from around by Laplace's equation, which leaves the camera's motion (arXiv 2404.15789, one-shot).
"""

from collections.abc import Callable

import torch
from diffusers import AnimateDiffPipeline, DDIMInverseScheduler
from diffusers.models.attention_processor import Attention
from torch import Tensor
from torch.nn import functional

# The share of the way into noise at which a film's scores are taken: 15 steps of 25, as published.
DEPTH = 0.6


class TemporalAttention:
    """Self-attention over frames whose scores can be recorded, and replaced.

    Attributes
    ----------
    recording : bool
    scores : (N, heads, F, F) Tensor or None
        Recorded, of every pixel, before the softmax; put in where they are there and ``recording`` is off.
    """

    def __init__(self) -> None:
        self.recording = False
        self.scores: Tensor | None = None

    def __call__(self, attn: Attention, hidden_states: Tensor, *_: object, **__: object) -> Tensor:
        """Attend: (batch N, F, C) to the same shape."""
        query, key, value = (
            layer(hidden_states).unflatten(-1, (attn.heads, -1)).transpose(1, 2)
            for layer in (attn.to_q, attn.to_k, attn.to_v)
        )
        if self.recording or self.scores is None:
            scores = query @ key.transpose(-1, -2) * attn.scale
            if self.recording:
                self.scores = scores
        else:
            scores = self.scores.repeat(len(value) // len(self.scores), 1, 1, 1)
        attended = (scores.softmax(-1).to(value.dtype) @ value).transpose(1, 2).flatten(2)
        projected: Tensor = attn.to_out[0](attended)
        return projected


class MotionTransfer:
    """The temporal layers of a pipeline, and what they were told.

    Parameters
    ----------
    pipeline : AnimateDiffPipeline
    """

    def __init__(self, pipeline: AnimateDiffPipeline) -> None:
        self._pipeline = pipeline
        self.layers: list[TemporalAttention] = []
        for name, module in pipeline.unet.named_modules():
            if isinstance(module, Attention) and ".motion_modules." in name:
                module.set_processor(layer := TemporalAttention())
                self.layers.append(layer)

    def forget(self) -> None:
        """Let the layers attend by themselves again."""
        for layer in self.layers:
            layer.scores, layer.recording = None, False

    def learn(self, latents: Tensor, moving: Tensor | None, steps: int, report: Callable[[float], None]) -> None:
        """Invert a film and keep its scores, without those of what moves by itself.

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
            with torch.no_grad():
                noise = unet(latents, timestep, encoder_hidden_states=prompt).sample
            latents = scheduler.step(noise, timestep, latents).prev_sample
        for layer in self.layers:
            layer.recording = True
        with torch.no_grad():
            unet(latents, taken[-1], encoder_hidden_states=prompt)
        shape = latents.shape[-2:]
        for layer in self.layers:
            layer.recording = False
            if moving is not None and layer.scores is not None:
                layer.scores = without(layer.scores, moving, shape)


def without(scores: Tensor, moving: Tensor, shape: tuple[int, int]) -> Tensor:
    """Fill the scores of pixels that move by themselves from those around: Laplace's equation, free at the border.

    Parameters
    ----------
    scores : (N, heads, F, F) Tensor
        Of N pixels, row by row, at some power of two below ``shape``.
    moving : (F, H, W) bool Tensor
        In any frame is in all: a pixel's scores span the frames.
    shape : (int, int)
        Rows and columns of the latents.

    Returns
    -------
    (N, heads, F, F) Tensor
    """
    rows, columns = grid(len(scores), shape)
    ever = moving.any(0)[None, None].float()
    hole = functional.adaptive_max_pool2d(ever, (rows, columns))[0, 0].flatten() > 0
    if hole.all() or not hole.any():
        return scores
    number = torch.arange(rows * columns).reshape(rows, columns)
    pairs = torch.cat(
        [
            torch.stack([number[:, :-1].flatten(), number[:, 1:].flatten()], 1),
            torch.stack([number[:-1].flatten(), number[1:].flatten()], 1),
        ]
    )
    graph = torch.zeros(rows * columns, rows * columns)
    graph[pairs[:, 0], pairs[:, 1]] = graph[pairs[:, 1], pairs[:, 0]] = 1
    inside = torch.diag(graph.sum(1)[hole]) - graph[hole][:, hole]
    field = scores.float().flatten(1)
    around = graph[hole][:, ~hole].to(field.device) @ field[~hole]
    filled = field.clone()
    filled[hole] = torch.linalg.solve(inside.to(field.device), around)
    return filled.reshape(scores.shape).to(scores.dtype)


def grid(count: int, shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a layer of so many pixels: those of the latents, halved, rounded up, until they fit."""
    rows, columns = shape
    while rows * columns > count:
        rows, columns = (rows + 1) // 2, (columns + 1) // 2
    if rows * columns != count:
        raise ValueError(f"{count} pixels are no halving of {shape[0]}x{shape[1]}")
    return rows, columns
