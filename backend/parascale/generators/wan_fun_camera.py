"""Wan2.1-Fun Control-Camera: Plücker maps of the path steer an image-to-video model."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parascale.conditioning.wan_fun import MULTIPLE, camera_latents
from parascale.errors import InputError
from parascale.generators.diffusion.experts import find_halves
from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.generator import register
from parascale.generators.inspection import Inspection
from parascale.generators.picture import scale_path
from parascale.generators.scale_class import erasing_model
from parascale.generators.settings import PARTS, SHIFT, WAN_NEGATIVE_PROMPT, common_parameters
from parascale.generators.units import UNITS_PER_DEPTH
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter, Scalar
from parascale.weights.catalogue import WAN_VAES

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from parascale.generators.diffusion.run import Run

MODELS = ("1.3B", "14B", "2.2-A14B", "2.2-5B")
TEXT_ENCODER = "umt5-xxl"
# Wan2.2's half for much noise works above this share of it.
BOUNDARY = 0.9
# Channels of a mask that says which frames are given, and of the camera latents: 6 Plücker components of 4 frames.
MASK, CAMERA_CHANNELS = 4, 24


@register
class WanFunCamera(DiffusionGenerator):
    """Wan2.1-Fun-V1.1 Control-Camera 1.3B and 14B, and Wan2.2-Fun A14B and 5B.

    Steps, guidance, shift and negative prompt are those of VideoX-Fun's examples/wan2.1_fun and wan2.2_fun (804a425),
    frames and rate those of its README: 81 at 16, for the 5B 121 at 24.
    """

    name = "wan-fun-camera"
    scale_class = "A"
    trained = Trained(fps=16.0, frame_step=4, best_frames=81, long_side=1344, splits=True)
    multiple = MULTIPLE

    def describe(self) -> tuple[Parameter, ...]:
        """See `Generator`."""
        return (
            Parameter("model", "choice", "1.3B", choices=MODELS, description="Which of the published models."),
            Parameter("use_image", "bool", True, description="Start from the picture; off makes all from the prompt."),
            UNITS_PER_DEPTH,
            *common_parameters(steps=50, guidance=6.0, long_side=832, negative_prompt=WAN_NEGATIVE_PROMPT),
            SHIFT,
            PARTS,
        )

    def trained_at(self, values: Mapping[str, Scalar]) -> Trained:
        """See `Generator`."""
        if values["model"] == "2.2-5B":
            return dataclasses.replace(self.trained, fps=24.0, best_frames=121)
        return self.trained

    def multiple_at(self, values: Mapping[str, Scalar]) -> int:
        """See `DiffusionGenerator`."""
        return 2 * MULTIPLE if values["model"] == "2.2-5B" else MULTIPLE

    def inspect(self, weights: Path) -> Inspection:
        """See `DiffusionGenerator`."""
        from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

        from parascale.generators.diffusion.camera_transformer import WanCameraTransformer
        from parascale.generators.diffusion.checkpoint import check_model
        from parascale.generators.diffusion.wan import block_size, widths_of

        halves = _halves(weights)
        for half in halves:
            check_model(partial(WanCameraTransformer, **half.config), half.source, convert_wan_transformer_to_diffusers)
        block = block_size(halves[0].config, halves[0].source)
        model = "2.2-A14B" if len(halves) > 1 else _SIZES.get(block["dim"], "")
        numbers = {half.source.name: half.numbers for half in halves}
        trained = self.trained_at({"model": model})
        film = (trained.best_frames, 832, 480)
        return Inspection(
            self.name, model, numbers, block, _published_parts(halves[0]), film=film, widths=widths_of(halves[0].config)
        )

    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """See `DiffusionGenerator`."""
        import torch
        from PIL import Image

        from parascale.generators.diffusion.wan import encode_video

        weights = self.locate(run)
        halves = _halves(weights)
        parts = self.locate_parts(run, weights, _published_parts(halves[0]))
        pipeline = run.pipeline((weights, *parts.values()), lambda: _build(run, halves, parts))
        pipeline.use_image = run.use_image
        run.sketch(lambda film: encode_video(pipeline.vae, film, run.device))
        latents = torch.from_numpy(camera_latents(scale_path(run.path, run.scale)))
        return run.denoise(
            pipeline,
            image=Image.fromarray(run.picture),
            attention_kwargs={"camera_latents": latents.to(run.device, run.dtype)},
        )


# By the transformer's width, which of the published models it is.
_SIZES = {1536: "1.3B", 5120: "14B", 3072: "2.2-5B"}


@dataclass(frozen=True)
class _Transformer:
    """A transformer before it is loaded: its settings in diffusers' words, and how many numbers it has."""

    source: Path
    config: dict[str, Any]
    numbers: int

    @property
    def latent(self) -> int:
        """Channels of the latents."""
        return int(self.config["out_channels"])

    @property
    def has_mask(self) -> bool:
        """Whether it is told which frames are given, as Wan2.2's are."""
        return bool(self.config["in_channels"] == 2 * self.latent + MASK)

    @property
    def needs_partner(self) -> bool:
        """Whether it is the half of a pair: all with a mask that share the VAE of Wan2.1 are."""
        return self.has_mask and self.latent in WAN_VAES and WAN_VAES[self.latent].name == "wan2.1-vae"


def _halves(weights: Path) -> list[_Transformer]:
    halves = [_described(half) for half in find_halves(weights)]
    if len(halves) == 1 and halves[0].needs_partner:
        raise InputError(f"{weights} is one half of a model in two: a folder with both is needed")
    return halves


def _published_parts(transformer: _Transformer) -> dict[str, str]:
    parts = {"vae": WAN_VAES[transformer.latent].name, "text_encoder": TEXT_ENCODER, "tokenizer": TEXT_ENCODER}
    clip = {"image_encoder": "wan2.1-clip", "image_processor": "wan2.1-clip"}
    return parts | (clip if "image_dim" in transformer.config else {})


def _described(source: Path) -> _Transformer:
    from parascale.generators.diffusion.checkpoint import read_config
    from parascale.generators.diffusion.wan import settings_of, transformer_config, wan_shapes
    from parascale.weights.headers import count_numbers, read_headers

    settings, shapes = settings_of(source), wan_shapes(source)
    own = {} if settings is None else read_config(settings)
    erasing = erasing_model(shapes, own)
    if erasing is not None:
        raise InputError(
            f"{source} holds {erasing}, which divides every path by its own length (class C): calibration has no "
            "effect on it; take a Control-Camera model"
        )
    adapter = shapes.get("control_adapter.conv.weight")
    if adapter is None:
        raise InputError(
            f"{source} has no camera adapter: it is a Control or an InP model, not Control-Camera",
            "weights",
            ["wan-fun-camera-1.3B"],
        )
    config: dict[str, Any] = transformer_config(shapes, source, settings)
    config["camera_channels"] = CAMERA_CHANNELS
    config["camera_downscale"] = math.isqrt(adapter[1] // CAMERA_CHANNELS)
    described = _Transformer(source, config, count_numbers(read_headers(source)))
    if described.latent not in WAN_VAES or config["in_channels"] not in (
        2 * described.latent,
        2 * described.latent + MASK,
    ):
        raise InputError(
            f"{source} takes {config['in_channels']} channels and makes {described.latent}, where Wan2.1-Fun takes 32, "
            "Wan2.2-Fun A14B 36 and 5B 100: take one of these"
        )
    return described


def _build(run: "Run", halves: "Sequence[_Transformer]", parts: Mapping[str, Path]) -> "DiffusionPipeline":
    """Load the pipeline; two halves are Wan2.2 A14B's."""
    from parascale.generators.diffusion.camera_transformer import WanCameraPipeline, WanCameraTransformer
    from parascale.generators.diffusion.parts import part_sizes
    from parascale.generators.diffusion.wan import block_size, load_transformer, load_wan_parts, scheduler

    numbers = {half.source.name: half.numbers for half in halves}
    config = halves[0].config
    run.check_memory(numbers | part_sizes(parts), block_size(config, halves[0].source))
    others = load_wan_parts(parts, config, run.dtype, run.loading)
    transformers = []
    for half in halves:
        run.loading("loading the transformer")
        make = partial(WanCameraTransformer, **half.config)
        transformers.append(load_transformer(make, half.source, run.dtype))
    second = transformers[1] if len(transformers) > 1 else None
    return WanCameraPipeline(
        **others,
        scheduler=scheduler(float(run.values["shift"]) or 5.0),
        transformer=transformers[0],
        transformer_2=second,
        boundary_ratio=None if second is None else BOUNDARY,
        expand_timesteps=halves[0].has_mask and not halves[0].needs_partner,
    )
