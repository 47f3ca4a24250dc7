"""Wan2.1-VACE: the preview shows the path, and the model repaints its holes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.generators.diffusion.experts import find_halves
from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.generator import register
from parascale.generators.inspection import Inspection
from parascale.generators.preview import checked_depth
from parascale.generators.settings import PARTS, REQUIREMENTS, SHIFT, WAN_NEGATIVE_PROMPT, common_parameters
from parascale.generators.warped import warp_piece
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter, Scalar

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline, SchedulerMixin
    from torch import nn

    from parascale.generators.diffusion.run import Run

MODELS = ("1.3B", "14B", "2.2-A14B")
PUBLISHED = {"vae": "wan2.1-vae", "text_encoder": "umt5-xxl", "tokenizer": "umt5-xxl"}
# Inactive and reactive pixels, 16 channels each, and 64 of the mask.
VACE_CHANNELS = 96
# Wan2.2's half for much noise works above this share of it (config/wan2.2/wan_civitai_t2v.yaml, VideoX-Fun 804a425).
BOUNDARY = 0.875
# Of vace/vace_wan_inference.py (VACE 48eb44f), and of the same yaml.
SHIFT_OF_2_1, SHIFT_OF_2_2 = 16.0, 12.0


@register
class WanVace(DiffusionGenerator):
    """Wan2.1-VACE 1.3B and 14B and Wan2.2-VACE-Fun A14B, led by the picture warped through its depth.

    Steps and guidance are those of VACE's vace/vace_wan_inference.py (48eb44f), for 2.2 of VideoX-Fun's
    examples/wan2.2_vace_fun (804a425), which are the same.
    """

    name = "wan-vace"
    scale_class = "D"
    trained = Trained(fps=16.0, frame_step=4, best_frames=81, long_side=1280, splits=True)
    requirements = (*REQUIREMENTS, "numba")

    def describe(self) -> tuple[Parameter, ...]:
        """See `Generator`."""
        return (
            Parameter("model", "choice", "1.3B", choices=MODELS, description="Which of the published models."),
            Parameter("strength", "float", 1.0, 0, 2, description="How strictly the warped picture is followed."),
            *common_parameters(steps=50, guidance=5.0, long_side=832, negative_prompt=WAN_NEGATIVE_PROMPT),
            SHIFT,
            PARTS,
        )

    def check(self, request: GenerationRequest, values: Mapping[str, Scalar]) -> None:
        """See `DiffusionGenerator`."""
        checked_depth(request)

    def inspect(self, weights: Path) -> Inspection:
        """See `DiffusionGenerator`."""
        from diffusers import WanVACETransformer3DModel
        from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

        from parascale.generators.diffusion.checkpoint import check_model
        from parascale.generators.diffusion.wan import block_size, widths_of
        from parascale.weights.headers import count_numbers, read_headers

        halves = _halves(weights)
        for source, original, config in halves:
            rename = convert_wan_transformer_to_diffusers if original else None
            make = WanVACETransformer3DModel if original else WanVACETransformer3DModel.from_config
            check_model(partial(make, **config) if original else partial(make, config), source, rename)
        block = block_size(halves[0][2], halves[0][0])
        model = "2.2-A14B" if len(halves) > 1 else {1536: "1.3B", 5120: "14B"}.get(block["dim"], "")
        numbers = {source.name: count_numbers(read_headers(source)) for source, *_ in halves}
        widths = widths_of(halves[0][2])
        return Inspection(self.name, model, numbers, block, PUBLISHED, widths=widths)

    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """See `DiffusionGenerator`."""
        from PIL import Image

        from parascale.generators.diffusion.wan import encode_video

        weights = self.locate(run)
        parts = self.locate_parts(run, weights, PUBLISHED)
        pipeline = run.pipeline((weights, *parts.values()), lambda: _build(run, weights, parts))
        run.sketch(lambda film: encode_video(pipeline.vae, film, run.device))
        film, mask = warp_piece(run)
        return run.denoise(
            pipeline,
            video=[Image.fromarray(picture) for picture in film],
            mask=[Image.fromarray(holes).convert("RGB") for holes in mask],
            conditioning_scale=float(run.values["strength"]),
        )


def _build(run: "Run", weights: Path, parts: Mapping[str, Path]) -> "DiffusionPipeline":
    from diffusers import WanVACEPipeline

    from parascale.generators.diffusion.parts import part_sizes
    from parascale.generators.diffusion.wan import block_size, load_wan_parts
    from parascale.weights.headers import count_numbers, read_headers

    described = _halves(weights)
    numbers = {half.name: count_numbers(read_headers(half)) for half, *_ in described}
    run.check_memory(numbers | part_sizes(parts), block_size(described[0][2], described[0][0]))
    others = load_wan_parts(parts, described[0][2], run.dtype, run.loading)
    transformers = [_load(run, half, config, original=original) for half, original, config in described]
    second = transformers[1] if len(transformers) > 1 else None
    return WanVACEPipeline(
        **others,
        scheduler=_scheduler(weights, float(run.values["shift"]), two_halves=second is not None),
        transformer=transformers[0],
        transformer_2=second,
        boundary_ratio=_boundary(weights) if second is not None else None,
    )


def _halves(weights: Path) -> list[tuple[Path, bool, dict[str, Any]]]:
    """Return the transformers of a folder, and what `_described` says of each."""
    halves = find_halves(weights)
    if len(halves) == 1 and (weights / "transformer").is_dir():
        halves = (weights / "transformer",)
    return [(half, *_described(half)) for half in halves]


def _described(source: Path) -> tuple[bool, dict[str, Any]]:
    """Return whether a transformer has Wan's own names, and its settings in diffusers' words."""
    from parascale.generators.diffusion.checkpoint import read_config
    from parascale.generators.diffusion.wan import settings_of, transformer_config, wan_shapes

    shapes, settings = wan_shapes(source), settings_of(source)
    blocks = {name.split(".")[1] for name in shapes if name.startswith("vace_blocks.")}
    if not blocks:
        raise InputError(f"{source} is not a VACE model", "weights", ["wan-vace-1.3B"])
    if "vace_patch_embedding.weight" in shapes and "head.head.weight" not in shapes and settings is not None:
        return False, dict(read_config(settings))
    config: dict[str, Any] = transformer_config(shapes, source, settings)
    layers = config["num_layers"]
    own = {} if settings is None else read_config(settings)
    config["vace_layers"] = own.get("vace_layers") or list(range(0, layers, layers // len(blocks)))
    config["vace_in_channels"] = own.get("vace_in_dim") or VACE_CHANNELS
    return True, config


def _load(run: "Run", source: Path, config: dict[str, Any], *, original: bool) -> "nn.Module":
    from diffusers import WanVACETransformer3DModel

    from parascale.generators.diffusion.parts import load_diffusers, load_part
    from parascale.generators.diffusion.wan import load_transformer

    run.loading("loading the transformer")
    if original:
        return load_transformer(lambda: WanVACETransformer3DModel(**config), source, run.dtype)
    return load_part(source, lambda path: load_diffusers(WanVACETransformer3DModel, path, run.dtype))


def _scheduler(weights: Path, shift: float, *, two_halves: bool) -> "SchedulerMixin":
    """Return VACE's own sampler, for Wan2.2 VideoX-Fun's; another one that a diffusers folder names is kept."""
    from diffusers import UniPCMultistepScheduler

    from parascale.generators.diffusion.parts import scheduler_of
    from parascale.generators.diffusion.wan import VaceScheduler, scheduler

    shift = shift or (SHIFT_OF_2_2 if two_halves else SHIFT_OF_2_1)
    own = scheduler_of(weights) if (weights / "scheduler").is_dir() else None
    if own is None and two_halves:
        return scheduler(shift)
    if own is None or (type(own) is UniPCMultistepScheduler and not two_halves):
        return VaceScheduler(shift)
    key = "flow_shift" if "flow_shift" in own.config else "shift"
    return type(own).from_config(own.config, **{key: shift})


def _boundary(weights: Path) -> float:
    """Return the boundary that a diffusers folder's model_index.json names, else the published one."""
    import json

    try:
        named = json.loads((weights / "model_index.json").read_text()).get("boundary_ratio")
    except (OSError, ValueError, AttributeError):
        named = None
    return float(named) if isinstance(named, int | float) else BOUNDARY
