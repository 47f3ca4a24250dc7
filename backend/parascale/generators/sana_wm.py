"""SANA-WM: a world model whose camera path is given in metres."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.generator import register
from parascale.generators.inspection import Inspection
from parascale.generators.picture import scale_path
from parascale.generators.settings import common_parameters
from parascale.generators.units import UNITS_PER_DEPTH
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from parascale.generators.diffusion.run import Run

TRAINED_SIZE = (1280, 704)
FILM = (161, *TRAINED_SIZE)
# Two latent pixels: its VAE pads by mirroring.
SMALLEST = 64
MODELS = ("transformer", "vae", "text_encoder")


@register
class SanaWM(DiffusionGenerator):
    """SANA-WM 1.6B, its first stage, by diffusers' own pipeline.

    Steps, guidance, frames, rate and size are the defaults of `diffusers.SanaWMPipeline` 0.42.1: 60, 5.0, 161 at 16 of
    1280x704. The refiner, its second stage, is not run: it changes textures.
    """

    name = "sana-wm"
    scale_class = "B"
    trained = Trained(fps=16.0, frame_step=8, best_frames=FILM[0], long_side=1280, splits=True)
    multiple = 32
    model = "1.6B"

    def describe(self) -> tuple[Parameter, ...]:
        """See `Generator`."""
        return (UNITS_PER_DEPTH, *common_parameters(steps=60, guidance=5.0, long_side=1280, lora=False))

    def inspect(self, weights: Path) -> Inspection:
        """See `DiffusionGenerator`."""
        from diffusers import AutoencoderKLLTX2Video, SanaWMTransformer3DModel

        from parascale.generators.diffusion.parts import check_diffusers, part_sizes

        check_diffusers(SanaWMTransformer3DModel, weights / "transformer")
        check_diffusers(AutoencoderKLLTX2Video, weights / "vae")
        numbers = part_sizes({name: weights / name for name in MODELS})
        return Inspection(self.name, self.model, numbers, _block_size(weights), film=FILM)

    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """See `DiffusionGenerator`."""
        from PIL import Image

        if min(run.path.size) < SMALLEST:
            raise InputError(f"sana-wm makes no video smaller than {SMALLEST}x{SMALLEST} pixels")
        if run.path.size != TRAINED_SIZE:
            run.warnings.append(
                "sana-wm was trained at {}x{} and makes {}x{} here".format(*TRAINED_SIZE, *run.path.size)
            )
        folder = self.locate(run)
        pipeline = run.pipeline((folder,), lambda: _build(run, folder))
        run.sketch(pipeline.encode_film)
        metric = scale_path(run.path, run.scale)
        return run.denoise(
            pipeline,
            image=Image.fromarray(run.picture),
            c2w=metric.camera_to_world,
            intrinsics=np.asarray(metric.intrinsics, np.float32),
        )


def _block_size(folder: Path) -> dict[str, int]:
    from parascale.generators.diffusion.checkpoint import integer, read_config

    source = folder / "transformer"
    config = read_config(source)
    dim = integer(config, "hidden_size", source)
    return {"dim": dim, "ffn_dim": 3 * dim, "layers": integer(config, "num_layers", source), "token": 32}


def _build(run: "Run", folder: Path) -> "DiffusionPipeline":
    import torch
    from diffusers import AutoencoderKLLTX2Video, SanaWMTransformer3DModel
    from transformers import AutoTokenizer, Gemma2ForCausalLM

    from parascale.generators.diffusion.parts import (
        load_diffusers,
        load_parts,
        load_transformers,
        part_sizes,
        scheduler_of,
    )
    from parascale.generators.diffusion.sana import SanaCameraPipeline

    sizes = part_sizes({name: folder / name for name in MODELS})
    run.check_memory(sizes, _block_size(folder))
    dtype = run.dtype
    makers: dict[str, Callable[[Path], object]] = {
        "vae": lambda path: load_diffusers(AutoencoderKLLTX2Video, path, torch.float32),
        "text_encoder": lambda path: load_transformers(Gemma2ForCausalLM, path, dtype),
        "tokenizer": lambda path: AutoTokenizer.from_pretrained(path, local_files_only=True),
        "transformer": lambda path: load_diffusers(SanaWMTransformer3DModel, path, dtype),
    }
    parts = load_parts({name: folder / name for name in makers}, makers, run.loading)
    return SanaCameraPipeline(**parts, scheduler=scheduler_of(folder))
