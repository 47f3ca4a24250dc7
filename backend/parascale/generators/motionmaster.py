"""MotionMaster, the training-free baseline: a film's camera motion, given to AnimateDiff by its attention maps."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.generator import register
from parascale.generators.inspection import Inspection
from parascale.generators.picture import check_aspect, fit_image
from parascale.generators.settings import common_parameters
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter, Scalar
from parascale.weights.hub import locate

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from parascale.generators.diffusion.run import Run

ADAPTER = "animatediff-adapter"
MODELS = ("unet", "vae", "text_encoder")
FILM = (16, 512, 512)
# Numbers a pixel that decoding a frame takes: 3.4 kB in single precision, measured on a processor at 256x256.
DECODED_NUMBERS = 850
# Of the models that `memory` counts for: this one has a latent for every frame.
FRAMES_PER_LATENT = 4
UNSEEN = "motionmaster follows the source video's own motion: it sees neither the path nor the picture, nor any scale"


@register
class MotionMaster(DiffusionGenerator):
    """MotionMaster, one-shot, in AnimateDiff on Stable Diffusion 1.5."""

    name = "motionmaster"
    scale_class = "C"
    # AnimateDiff's layers over time were made for no more than 32 frames.
    trained = Trained(fps=8.0, best_frames=FILM[0], max_frames=32)
    multiple = 8
    model = "AnimateDiff"

    def describe(self) -> tuple[Parameter, ...]:
        """See `Generator`."""
        return (
            Parameter("source_video", "file", "", description="The reference whose motion is taken."),
            Parameter("moving", "file", "", description="A film, white where things move by themselves."),
            Parameter(
                "share", "float", 0.6, 0, 1, description="Of the steps, from the first on, that are given the motion."
            ),
            *common_parameters(steps=25, guidance=7.5, long_side=512, lora=False, sketches=False),
            Parameter("adapter", "path", "", description="Folder of the motion adapter; the published one if empty."),
        )

    def check(self, request: GenerationRequest, values: Mapping[str, Scalar]) -> None:
        """See `DiffusionGenerator`."""
        if len(request.shot) > self.trained.max_frames:
            raise InputError(
                f"{self.name} makes at most {self.trained.max_frames} frames and the shot has {len(request.shot)}: "
                "retime it"
            )
        if not values["source_video"]:
            raise InputError(f"{self.name} needs a source_video: the reference clip")

    def inspect(self, weights: Path) -> Inspection:
        """See `DiffusionGenerator`."""
        from diffusers import AutoencoderKL, UNet2DConditionModel

        from parascale.generators.diffusion.parts import check_diffusers, part_sizes

        check_diffusers(UNet2DConditionModel, weights / "unet")
        check_diffusers(AutoencoderKL, weights / "vae")
        numbers = part_sizes({name: weights / name for name in MODELS})
        parts = {"adapter": ADAPTER}
        return Inspection(
            self.name, self.model, numbers, _block_size(weights, FILM[0], 2), parts, FRAMES_PER_LATENT, FILM
        )

    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """See `DiffusionGenerator`."""
        import torch

        from parascale.generators.diffusion.motion_transfer import MotionTransfer
        from parascale.generators.diffusion.run import LOADED, as_film

        film, moving = _film(str(run.values["source_video"]), run.path), str(run.values["moving"])
        mask = torch.from_numpy(_film(moving, run.path)[..., 0] > 127) if moving else None
        run.warnings.append(UNSEEN)
        folder, adapter = self.locate(run), locate(str(run.values["adapter"]) or ADAPTER)
        pipeline = run.pipeline((folder, adapter), lambda: _build(run, folder, adapter))
        transfer = MotionTransfer(pipeline)
        with torch.no_grad():
            frames = as_film(film)[0].transpose(0, 1).to(run.device, pipeline.vae.dtype)
            latents = pipeline.vae.encode(frames).latent_dist.mode() * pipeline.vae.config.scaling_factor
        steps = run.settings.steps
        transfer.learn(
            latents.transpose(0, 1)[None].to(run.dtype),
            mask,
            steps,
            lambda part: run.report(LOADED * part, "following the source's motion"),
        )
        given = round(float(run.values["share"]) * steps)
        if not given:
            transfer.forget()
        return run.denoise(pipeline, after=lambda step: transfer.forget() if step + 1 >= given else None)


def _film(source: str, path: Trajectory) -> NDArray[np.uint8]:
    """Return as many frames, of the same size, as the path has, spread over the whole film."""
    from parascale.media.video_file import read_video

    film = read_video(Path(source).expanduser(), 10_000)
    if len(film) < len(path):
        raise InputError(f"{source} has {len(film)} frames and the shot {len(path)}: take a longer film")
    check_aspect("source video", film[0], path)
    kept = np.round(np.linspace(0, len(film) - 1, len(path))).astype(int)
    return np.stack([fit_image(film[frame], path) for frame in kept])


def _block_size(folder: Path, frames: int, bytes_per_number: int) -> dict[str, int]:
    from parascale.generators.diffusion.checkpoint import read_config

    widths = cast("list[int]", read_config(folder / "unet")["block_out_channels"])
    # A quarter of the whole is about what its largest block is.
    decoder = frames * DECODED_NUMBERS * bytes_per_number  # all frames are decoded at once
    return {"dim": widths[0], "ffn_dim": 4 * widths[0], "layers": len(widths), "token": 8, "decoder": decoder}


def _build(run: "Run", folder: Path, adapter: Path) -> "DiffusionPipeline":
    from diffusers import AnimateDiffPipeline, AutoencoderKL, DDIMScheduler, MotionAdapter, UNet2DConditionModel
    from transformers import AutoTokenizer, CLIPTextModel

    from parascale.generators.diffusion.parts import (
        load_diffusers,
        load_part,
        load_parts,
        load_transformers,
        part_sizes,
    )

    for name in MODELS:
        if not (folder / name).is_dir():
            raise InputError(f"{folder} holds no folder {name}: it is no diffusers folder, or was not fetched whole")
    models = {name: folder / name for name in MODELS}
    dtype = run.dtype
    block = _block_size(folder, len(run.path), dtype.itemsize)
    run.check_memory(part_sizes({**models, "adapter": adapter}), block, FRAMES_PER_LATENT)
    makers: dict[str, Callable[[Path], object]] = {
        "vae": lambda path: load_diffusers(AutoencoderKL, path, dtype),
        "text_encoder": lambda path: load_transformers(CLIPTextModel, path, dtype),
        "tokenizer": lambda path: AutoTokenizer.from_pretrained(path, local_files_only=True),
        "unet": lambda path: load_diffusers(UNet2DConditionModel, path, dtype),
    }
    parts = load_parts({name: folder / name for name in makers}, makers, run.loading)
    run.loading("loading the motion adapter")
    motion = load_part(adapter, lambda path: load_diffusers(MotionAdapter, path, dtype))
    # The schedule AnimateDiff was trained with.
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="linear", clip_sample=False, steps_offset=1
    )
    pipeline = AnimateDiffPipeline(**parts, motion_adapter=motion, scheduler=scheduler)
    # Its numbers are in the UNet now; kept, they would be moved to the device a second time.
    pipeline.register_modules(motion_adapter=None)
    return pipeline
