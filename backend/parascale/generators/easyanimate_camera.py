"""EasyAnimate V5.1 Control-Camera: Plücker maps joined to the latents of a video transformer."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parascale.conditioning.plucker import CHANNELS, plucker_maps
from parascale.errors import InputError
from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.generator import register
from parascale.generators.inspection import Inspection
from parascale.generators.picture import scale_path
from parascale.generators.settings import EASYANIMATE_NEGATIVE_PROMPT, common_parameters
from parascale.generators.units import UNITS_PER_DEPTH
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from parascale.generators.diffusion.run import Run

MODELS = ("7B", "12B")
FILM = (49, 672, 384)


@register
class EasyAnimateCamera(DiffusionGenerator):
    """EasyAnimate V5.1 Control-Camera 7B and 12B.

    Steps, guidance, negative prompt, 49 frames at 8 a second are those of EasyAnimate's predict_v2v_control.py
    (c2a70d1).
    """

    name = "easyanimate-camera"
    scale_class = "A"
    trained = Trained(fps=8.0, frame_step=4, best_frames=FILM[0], long_side=1344, splits=True)

    def describe(self) -> tuple[Parameter, ...]:
        """See `Generator`."""
        return (
            Parameter("model", "choice", "7B", choices=MODELS, description="Which of the published models."),
            Parameter("use_image", "bool", True, description="Start from the picture; off makes all from the prompt."),
            UNITS_PER_DEPTH,
            *common_parameters(
                steps=50, guidance=6.0, long_side=672, negative_prompt=EASYANIMATE_NEGATIVE_PROMPT, lora=False
            ),
        )

    def inspect(self, weights: Path) -> Inspection:
        """See `DiffusionGenerator`."""
        from diffusers import AutoencoderKLMagvit, EasyAnimateTransformer3DModel

        from parascale.generators.diffusion.parts import check_diffusers, part_sizes

        block = _described(weights)
        check_diffusers(EasyAnimateTransformer3DModel, weights / "transformer")
        check_diffusers(AutoencoderKLMagvit, weights / "vae")
        numbers = part_sizes({name: weights / name for name in ("transformer", "vae", "text_encoder")})
        return Inspection(self.name, "", numbers, block, film=FILM)

    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """See `DiffusionGenerator`."""
        import torch

        from parascale.generators.diffusion.run import as_film

        folder = self.locate(run)
        pipeline = run.pipeline((folder,), lambda: _build(run, folder))
        run.sketch(pipeline.encode_film)
        maps = torch.from_numpy(plucker_maps(scale_path(run.path, run.scale))).transpose(0, 1)[None]
        first = (as_film(run.picture[None]) + 1) / 2 if run.use_image else None
        return run.denoise(pipeline, control_camera_video=maps, ref_image=first)


def _described(folder: Path) -> dict[str, int]:
    """Return the size of a transformer's block; a model that joins other channels is refused."""
    from parascale.generators.diffusion.checkpoint import integer, read_config

    config = read_config(folder / "transformer")
    latent = integer(read_config(folder / "vae"), "latent_channels", folder / "vae")
    joined = integer(config, "in_channels", folder / "transformer") - latent
    if joined != latent + len(CHANNELS):
        raise InputError(
            f"{folder} joins {joined} channels to the latents where Control-Camera joins {latent + len(CHANNELS)}: "
            "it is another EasyAnimate model",
            "weights",
            ["easyanimate-camera-7B"],
        )
    heads, width, layers = (
        integer(config, name, folder / "transformer")
        for name in ("num_attention_heads", "attention_head_dim", "num_layers")
    )
    dim = heads * width
    return {"dim": dim, "ffn_dim": 4 * dim, "layers": layers}


def _build(run: "Run", folder: Path) -> "DiffusionPipeline":
    from diffusers import AutoencoderKLMagvit, EasyAnimateTransformer3DModel
    from transformers import AutoTokenizer, Qwen2VLForConditionalGeneration

    from parascale.generators.diffusion.easyanimate import EasyAnimateCameraPipeline
    from parascale.generators.diffusion.parts import (
        load_diffusers,
        load_parts,
        load_transformers,
        part_sizes,
        scheduler_of,
    )

    block = _described(folder)
    run.check_memory(part_sizes({name: folder / name for name in ("transformer", "vae", "text_encoder")}), block)
    dtype = run.dtype
    makers: dict[str, Callable[[Path], object]] = {
        "vae": lambda path: load_diffusers(AutoencoderKLMagvit, path, dtype),
        "text_encoder": lambda path: load_transformers(Qwen2VLForConditionalGeneration, path, dtype),
        "tokenizer": lambda path: AutoTokenizer.from_pretrained(path, local_files_only=True),
        "transformer": lambda path: load_diffusers(EasyAnimateTransformer3DModel, path, dtype),
    }
    parts = load_parts({name: folder / name for name in makers}, makers, run.loading)
    return EasyAnimateCameraPipeline(**parts, scheduler=scheduler_of(folder))
