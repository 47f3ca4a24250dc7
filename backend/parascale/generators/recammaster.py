"""ReCamMaster: a film is taken again along another path, which is given in metres."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parascale.conditioning.relative import recammaster_vectors
from parascale.errors import InputError
from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.generator import register
from parascale.generators.inspection import Inspection
from parascale.generators.picture import check_aspect
from parascale.generators.settings import PARTS, SHIFT, WAN_NEGATIVE_PROMPT, common_parameters
from parascale.generators.source_film import film_at
from parascale.generators.units import UNITS_PER_DEPTH
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter, Scalar

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from parascale.generators.diffusion.run import Run

PUBLISHED = {"vae": "wan2.1-vae", "text_encoder": "umt5-xxl", "tokenizer": "umt5-xxl"}
# Of inference_recammaster.py and its scheduler (fcf98bc).
TRAINED_SIZE = (832, 480)
STEPS, GUIDANCE, SHIFT_OF_MODEL = 50, 5.0, 5.0


@register
class ReCamMaster(DiffusionGenerator):
    """ReCamMaster on Wan2.1-T2V-1.3B: 81 frames of 832x480, trained at 15 a second (MultiCamVideo)."""

    name = "recammaster"
    scale_class = "B"
    # Not in pieces: a piece that begins elsewhere than the source does was never trained.
    trained = Trained(fps=15.0, frame_step=4, best_frames=81, long_side=832)
    model = "1.3B"

    def describe(self) -> tuple[Parameter, ...]:
        """See `Generator`."""
        return (
            Parameter(
                "source_video",
                "file",
                "",
                description="The film to take again; the picture, standing still, if empty.",
            ),
            UNITS_PER_DEPTH,
            *common_parameters(steps=STEPS, guidance=GUIDANCE, long_side=832, negative_prompt=WAN_NEGATIVE_PROMPT),
            SHIFT,
            PARTS,
        )

    def check(self, request: GenerationRequest, values: Mapping[str, Scalar]) -> None:
        """See `DiffusionGenerator`."""
        if not values["source_video"]:
            check_aspect("image", request.image, request.shot.trajectory)

    def inspect(self, weights: Path) -> Inspection:
        """See `DiffusionGenerator`."""
        from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

        from parascale.generators.diffusion.checkpoint import check_model
        from parascale.generators.diffusion.recapture_transformer import ReCaptureTransformer
        from parascale.generators.diffusion.wan import block_size, widths_of
        from parascale.weights.headers import count_numbers, read_headers

        checkpoint = _checkpoint(weights)
        config = _described(checkpoint, checkpoint.parent / "transformer")
        check_model(partial(ReCaptureTransformer, **config), checkpoint, convert_wan_transformer_to_diffusers)
        numbers = {"transformer": count_numbers(read_headers(checkpoint))}
        block = block_size(config, checkpoint)
        return Inspection(self.name, self.model, numbers, block, PUBLISHED, length=2, widths=widths_of(config))

    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """See `DiffusionGenerator`."""
        import torch

        from parascale.generators.diffusion.run import as_film
        from parascale.generators.diffusion.wan import encode_video, shifted_sigmas

        pictures = _source(run)
        weights = _checkpoint(self.locate(run))
        parts = self.locate_parts(run, weights, PUBLISHED)
        pipeline = run.pipeline((weights, *parts.values()), lambda: _build(run, weights, parts))
        run.sketch(lambda film: encode_video(pipeline.vae, film, run.device))
        run.report(0.05, "encoding the source")
        camera = torch.from_numpy(recammaster_vectors(run.path, run.scale))[None]
        with torch.no_grad():
            latents = encode_video(pipeline.vae, as_film(pictures), run.device)
        pipeline.scheduler.sigmas_of_run = shifted_sigmas(
            run.settings.steps, float(run.values["shift"]) or SHIFT_OF_MODEL
        )
        return run.denoise(pipeline, attention_kwargs={"source_latents": latents, "camera": camera})


def _source(run: "Run") -> NDArray[np.uint8]:
    """Return the film to take again, (T, H, W, 3) uint8: at the path's times, in its size."""
    source, path = str(run.values["source_video"]), run.path
    if not source:
        run.warnings.append("no source_video was given: the picture, standing still, was taken for it")
        return np.repeat(run.picture[None], len(path), axis=0)
    if path.size != TRAINED_SIZE:
        run.warnings.append("recammaster was trained at {}x{} and makes {}x{} here".format(*TRAINED_SIZE, *path.size))
    times = path.times[: run.piece.frames] - path.times[0]
    film = film_at(Path(source).expanduser(), times, path.size)
    kept = np.minimum(np.arange(len(path)), len(film) - 1)
    return np.asarray(film[kept], np.uint8)


def _checkpoint(weights: Path) -> Path:
    """Return the checkpoint: the file itself, or the only one of a folder, of torch or of ComfyUI."""
    if weights.is_file():
        return weights
    for suffix in ("*.ckpt", "*.safetensors", "*.gguf"):
        files = sorted(weights.glob(suffix))
        if len(files) > 1:
            raise InputError(f"{weights} holds {len(files)} {suffix[1:]} files where one is needed")
        if files:
            return files[0]
    raise InputError(f"{weights} holds no .ckpt file: it was not fetched whole", "weights", ["recammaster"])


def _described(weights: Path, settings: Path) -> dict[str, object]:
    """Return the transformer's settings in diffusers' words: of the base model's folder where it is there."""
    from parascale.generators.diffusion.wan import transformer_config, wan_shapes

    shapes = wan_shapes(weights)
    if "blocks.0.cam_encoder.weight" not in shapes:
        raise InputError(f"{weights} has no camera encoder: it is a plain Wan model", "weights", ["recammaster"])
    return transformer_config(shapes, weights, settings if (settings / "config.json").is_file() else None)


def _build(run: "Run", weights: Path, parts: Mapping[str, Path]) -> "DiffusionPipeline":
    from diffusers import WanPipeline

    from parascale.generators.diffusion.parts import part_sizes
    from parascale.generators.diffusion.recapture_transformer import GivenSigmasScheduler, ReCaptureTransformer
    from parascale.generators.diffusion.wan import (
        block_size,
        load_transformer,
        load_wan_parts,
    )
    from parascale.weights.headers import count_numbers, read_headers

    config = _described(weights, parts["vae"].parent / "transformer")
    numbers = {"transformer": count_numbers(read_headers(weights))} | part_sizes(parts)
    run.check_memory(numbers, block_size(config, weights), length=2)
    others = load_wan_parts(parts, config, run.dtype, run.loading)
    run.loading("loading the transformer")
    transformer = load_transformer(lambda: ReCaptureTransformer(**config), weights, run.dtype)
    return WanPipeline(**others, scheduler=GivenSigmasScheduler(), transformer=transformer)
