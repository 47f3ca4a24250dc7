"""LTX-2 in context: the preview shows the path, and the model takes it for its reference."""

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.generator import register
from parascale.generators.inspection import Inspection
from parascale.generators.preview import checked_depth
from parascale.generators.settings import LTX_NEGATIVE_PROMPT, REQUIREMENTS, common_parameters
from parascale.generators.warped import warp_piece
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter, Scalar
from parascale.weights.hub import locate

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from parascale.generators.diffusion.run import Run

# The published in-context LoRA that takes a film for its reference, not edges, depth or a skeleton.
IN_CONTEXT = "ltx-detailer"
FILM = (121, 768, 512)
MODELS = ("transformer", "vae", "audio_vae", "text_encoder", "connectors", "vocoder")
# Blocks that spatio-temporal guidance leaves out, of LTX-2 and of LTX-2.3 (diffusers 0.42.1, `LTX2Pipeline.__call__`).
GUIDANCE_BLOCK, GUIDANCE_BLOCK_OF_2_3 = 29, 28


@register
class Ltx(DiffusionGenerator):
    """LTX-2 19B and LTX-2.3, with an in-context LoRA, led by the picture warped through its depth.

    Steps, guidance, 121 frames at 24 a second, 768x512 and the negative prompt are the defaults of
    `diffusers.LTX2InContextPipeline` 0.42.1. Its sound is thrown away, and its second stage, which doubles the size, is
    not run.
    """

    name = "ltx"
    scale_class = "D"
    trained = Trained(fps=24.0, frame_step=8, best_frames=FILM[0], long_side=FILM[1], splits=True)
    requirements = (*REQUIREMENTS, "numba")
    multiple = 32
    model = "LTX-2"

    def describe(self) -> tuple[Parameter, ...]:
        """See `Generator`."""
        return (
            Parameter("strength", "float", 1.0, 0, 1, description="How strictly the warped picture is followed."),
            *common_parameters(
                steps=30, guidance=3.0, long_side=768, negative_prompt=LTX_NEGATIVE_PROMPT, sketches=False
            ),
        )

    def check(self, request: GenerationRequest, values: Mapping[str, Scalar]) -> None:
        """See `DiffusionGenerator`."""
        checked_depth(request)

    def inspect(self, weights: Path) -> Inspection:
        """See `DiffusionGenerator`."""
        from parascale.generators.diffusion.parts import check_diffusers, part_sizes

        for name, kind in _kinds(weights).items():
            check_diffusers(kind, weights / name)
        numbers = part_sizes({name: weights / name for name in MODELS})
        return Inspection(self.name, "", numbers, _block_size(weights), film=FILM)

    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """See `DiffusionGenerator`."""
        import torch
        from diffusers.pipelines.ltx2.pipeline_ltx2_condition import LTX2VideoCondition
        from diffusers.pipelines.ltx2.pipeline_ltx2_ic_lora import LTX2ReferenceCondition
        from PIL import Image

        folder, lora = self.locate(run), _lora_file(locate(run.settings.lora or IN_CONTEXT))
        run.settings = dataclasses.replace(run.settings, lora=str(lora))
        pipeline = run.pipeline((folder, lora), lambda: _build(run, folder))
        film, holes = warp_piece(run)
        is_2_3 = bool(pipeline.transformer.config.cross_attn_mod)
        return run.denoise(
            pipeline,
            conditions=[LTX2VideoCondition(frames=Image.fromarray(run.picture), index=0, strength=1.0)],
            reference_conditions=[LTX2ReferenceCondition(frames=[Image.fromarray(picture) for picture in film])],
            reference_downscale_factor=_downscale_of(lora),
            conditioning_attention_strength=float(run.values["strength"]),
            # What the picture does not show is not looked at.
            conditioning_attention_mask=torch.from_numpy(1 - holes / 255.0).float()[None, None].to(run.device),
            frame_rate=run.request.shot.fps,
            use_cross_timestep=is_2_3,
            spatio_temporal_guidance_blocks=[GUIDANCE_BLOCK_OF_2_3 if is_2_3 else GUIDANCE_BLOCK],
        )


def _lora_file(path: Path) -> Path:
    files = sorted(path.glob("*.safetensors")) if path.is_dir() else [path]
    if len(files) != 1 or not files[0].is_file():
        raise InputError(f"the LoRA {path} is no .safetensors file, nor a folder with exactly one")
    return files[0]


def _downscale_of(lora: Path) -> int:
    """Return how many times smaller than the video a LoRA's reference is, by its file's own words."""
    from safetensors import safe_open

    with safe_open(lora, "pt") as file:
        return int((file.metadata() or {}).get("reference_downscale_factor", 1))


def _block_size(folder: Path) -> dict[str, int]:
    from parascale.generators.diffusion.checkpoint import integer, read_config

    source = folder / "transformer"
    config = read_config(source)
    heads, width, layers = (
        integer(config, name, source) for name in ("num_attention_heads", "attention_head_dim", "num_layers")
    )
    return {"dim": heads * width, "ffn_dim": 4 * heads * width, "layers": layers, "token": 32}


def _kinds(folder: Path) -> dict[str, type]:
    """Return diffusers' classes of the parts; LTX-2.3 has another vocoder."""
    import diffusers
    from diffusers.pipelines.ltx2 import LTX2TextConnectors
    from diffusers.pipelines.ltx2.vocoder import LTX2Vocoder, LTX2VocoderWithBWE

    from parascale.generators.diffusion.checkpoint import read_config

    vocoder = read_config(folder / "vocoder").get("_class_name")
    return {
        "transformer": diffusers.LTX2VideoTransformer3DModel,
        "vae": diffusers.AutoencoderKLLTX2Video,
        "audio_vae": diffusers.AutoencoderKLLTX2Audio,
        "connectors": LTX2TextConnectors,
        "vocoder": LTX2VocoderWithBWE if vocoder == LTX2VocoderWithBWE.__name__ else LTX2Vocoder,
    }


def _build(run: "Run", folder: Path) -> "DiffusionPipeline":
    from diffusers import LTX2InContextPipeline
    from transformers import AutoTokenizer, Gemma3ForConditionalGeneration

    from parascale.generators.diffusion.parts import (
        load_diffusers,
        load_parts,
        load_transformers,
        part_sizes,
        scheduler_of,
    )

    sizes = part_sizes({name: folder / name for name in MODELS})
    # Twice the tokens, the reference's with the video's, of half as many latent frames as are counted.
    run.check_memory(sizes, _block_size(folder))
    makers: dict[str, Callable[[Path], object]] = {
        "text_encoder": lambda path: load_transformers(Gemma3ForConditionalGeneration, path, run.dtype),
        "tokenizer": lambda path: AutoTokenizer.from_pretrained(path, local_files_only=True),
    }
    for name, kind in _kinds(folder).items():
        makers[name] = lambda path, kind=kind: load_diffusers(kind, path, run.dtype)  # type: ignore[misc]
    parts = load_parts({name: folder / name for name in makers}, makers, run.loading)
    return LTX2InContextPipeline(**parts, scheduler=scheduler_of(folder))
