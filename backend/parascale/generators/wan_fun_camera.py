"""Wan2.1-Fun Control-Camera: Plücker maps of the path steer an image-to-video model."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from parascale.conditioning.wan_fun import MULTIPLE, camera_latents
from parascale.errors import InputError
from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.generator import register
from parascale.generators.picture import fit_image, scale_path
from parascale.generators.scale_class import erasing_model
from parascale.generators.settings import common_parameters
from parascale.generators.units import UNITS_PER_DEPTH
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline
    from torch import nn

    from parascale.generators.diffusion.run import Run

MODELS = ("1.3B", "14B", "2.2-A14B")
PARTS = "wan2.1-i2v-parts"
# Wan2.2's two halves, the first for the noise above this share of it.
HALVES, BOUNDARY = ("high_noise_model", "low_noise_model"), 0.9
# Numbers joined to each of the 16 of a latent pixel: the picture's, and in 2.2 a mask of 4 more.
JOINED = (16, 20)


@register
class WanFunCamera(DiffusionGenerator):
    """Wan2.1-Fun-V1.1 Control-Camera 1.3B and 14B, and Wan2.2-Fun A14B."""

    name = "wan-fun-camera"
    scale_class = "A"
    trained = Trained(fps=16.0, frame_step=4)
    multiple = MULTIPLE

    def describe(self) -> tuple[Parameter, ...]:
        """See `Generator`."""
        return (
            Parameter("model", "choice", "1.3B", choices=MODELS, description="Which of the published models."),
            Parameter("use_image", "bool", True, description="Start from the picture; off makes all from the prompt."),
            UNITS_PER_DEPTH,
            *common_parameters(steps=50, guidance=6.0, long_side=832),
            Parameter("parts", "path", "", description="Folder of VAE and encoders; the published ones if empty."),
        )

    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """See `DiffusionGenerator`."""
        import torch
        from PIL import Image

        from parascale.generators.diffusion.wan import encode_video

        folder = self.locate(run)
        parts = self.locate_parts(run, folder, PARTS)
        pipeline = run.pipeline((folder, parts), lambda: _build(run, folder, parts))
        pipeline.use_image = bool(run.values["use_image"])
        run.sketch(lambda film: encode_video(pipeline.vae, film, run.device))
        latents = torch.from_numpy(camera_latents(scale_path(run.path, run.units.value)))
        return run.denoise(
            pipeline,
            image=Image.fromarray(fit_image(run.request.image, run.path)),
            attention_kwargs={"camera_latents": latents.to(run.device, run.dtype)},
        )


def _build(run: "Run", folder: Path, parts: Path) -> "DiffusionPipeline":
    """Load the pipeline; a folder with two halves is Wan2.2's."""
    from parascale.generators.diffusion.camera_transformer import WanCameraPipeline
    from parascale.generators.diffusion.parts import part_sizes
    from parascale.generators.diffusion.wan import block_size, load_wan_parts, scheduler

    halves = [folder / half for half in HALVES] if (folder / HALVES[0]).is_dir() else [folder]
    models = [_described(half) for half in halves]
    config, clip = models[0][0], "image_dim" in models[0][0]
    numbers = {half.name: count for half, (_, count) in zip(halves, models, strict=True)}
    run.check_memory(numbers | part_sizes(parts, clip=clip), **block_size(config, folder))
    others = load_wan_parts(parts, run.dtype, run.loading, clip=clip)
    transformers = [_load(run, half, known) for half, (known, _) in zip(halves, models, strict=True)]
    second = transformers[1] if len(transformers) > 1 else None
    return WanCameraPipeline(
        **others,
        scheduler=scheduler(),
        transformer=transformers[0],
        transformer_2=second,
        boundary_ratio=None if second is None else BOUNDARY,
    )


def _described(folder: Path) -> tuple[dict[str, object], int]:
    """Return a transformer's settings in diffusers' words, and how many numbers it has."""
    from parascale.generators.diffusion.checkpoint import elements, integer, read_config, read_shapes
    from parascale.generators.diffusion.wan import transformer_config

    config, shapes = read_config(folder), read_shapes(folder)
    erasing = erasing_model(shapes, config)
    if erasing is not None:
        raise InputError(
            f"{folder} holds {erasing}, which divides every path by its own length (class C): calibration has no "
            "effect on it; take a Control-Camera model"
        )
    adapter = shapes.get("control_adapter.conv.weight")
    if adapter is None:
        raise InputError(
            f"{folder} has no camera adapter: it is a Control or an InP model, not Control-Camera",
            "weights",
            ["wan-fun-camera-1.3B"],
        )
    translated = transformer_config(config, shapes, folder)
    taken, given = (integer(translated, name, folder) for name in ("in_channels", "out_channels"))
    if given != JOINED[0] or taken - given not in JOINED:
        raise InputError(
            f"{folder} takes {taken} channels, where Wan2.1-Fun takes 32 and Wan2.2-Fun A14B 36: take one of these"
        )
    adapter_settings = {
        "camera_channels": config.get("in_dim_control_adapter", 24),
        "camera_downscale": config.get("downscale_factor_control_adapter", 8),
    }
    return translated | adapter_settings, elements(shapes)


def _load(run: "Run", folder: Path, config: dict[str, object]) -> "nn.Module":
    from parascale.generators.diffusion.camera_transformer import WanCameraTransformer
    from parascale.generators.diffusion.checkpoint import read_state
    from parascale.generators.diffusion.wan import load_transformer

    run.loading("loading the transformer")
    settings = cast("dict[str, int]", config)
    return load_transformer(lambda: WanCameraTransformer(**settings), read_state(folder), run.dtype, folder)
