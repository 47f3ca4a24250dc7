"""MotionMaster, the training-free baseline: a film's camera motion, given to AnimateDiff by its attention maps."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.generators.generator import ScaleClass
from parascale.generators.picture import check_aspect, fit_image, fit_trajectory
from parascale.generators.settings import REQUIREMENTS, Settings, common_parameters, require_packages
from parascale.generators.units import Units
from parascale.generators.weights import locate
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.parameters import Parameter, resolve_parameters
from parascale.link.request import JobResult
from parascale.types import CancelCheck, Progress

if TYPE_CHECKING:
    from parascale.generators.diffusion.run import Run

MULTIPLE = 8
ADAPTER = "animatediff-adapter"
# AnimateDiff's layers over time were made for no more.
LONGEST = 32
UNSEEN = "motionmaster follows the source video's own motion: it sees neither the path nor the picture, nor any scale"


class MotionMaster:
    """MotionMaster, one-shot, in AnimateDiff on Stable Diffusion 1.5."""

    name = "motionmaster"
    scale_class: ScaleClass = "C"
    requirements = REQUIREMENTS

    def describe(self) -> tuple[Parameter, ...]:
        """Describe its parameters."""
        return (
            Parameter("source_video", "str", "", description="The reference whose motion is taken, on the backend."),
            Parameter("moving", "str", "", description="A film on the backend, white where things move by themselves."),
            Parameter(
                "share", "float", 0.6, 0, 1, description="Of the steps, from the first on, that are given the motion."
            ),
            *common_parameters(steps=25, guidance=7.5, long_side=512, lora=False, sketches=False),
            Parameter("adapter", "str", "", description="Folder of the motion adapter; the published one if empty."),
        )

    def generate(
        self,
        request: GenerationRequest,
        directory: Path,
        progress: Progress | None = None,
        cancelled: CancelCheck | None = None,
    ) -> JobResult:
        """Write ``result.mp4``.

        See `parascale.generators.generator.Generator`.
        """
        values = resolve_parameters(self.describe(), request.parameters)
        settings, source, moving = Settings.of(values), str(values["source_video"]), str(values["moving"])
        require_packages(self.name)
        if len(request.shot) > LONGEST:
            raise InputError(
                f"{self.name} makes at most {LONGEST} frames and the shot has {len(request.shot)}: retime it"
            )
        if not source:
            raise InputError(f"{self.name} needs a source_video: the reference clip, a file on the backend")
        path = fit_trajectory(request.shot.trajectory, MULTIPLE, settings.long_side, group=1)
        film = _film(source, path)
        mask = None if not moving else _film(moving, path)[..., 0] > 127

        import torch

        from parascale.generators.diffusion.motion_transfer import MotionTransfer
        from parascale.generators.diffusion.run import LOADED, Run, as_film

        run = Run(request, settings, path, progress, cancelled)
        run.warnings.append(UNSEEN)
        folder, adapter = locate(settings.weights, self.name), locate(str(values["adapter"]), ADAPTER)
        pipeline = run.pipeline((folder, adapter), lambda: _build(run, folder, adapter))
        transfer = MotionTransfer(pipeline)
        with torch.no_grad():
            frames = as_film(film)[0].transpose(0, 1).to(run.place.device, pipeline.vae.dtype)
            latents = pipeline.vae.encode(frames).latent_dist.mode() * pipeline.vae.config.scaling_factor
        transfer.learn(
            latents.transpose(0, 1)[None].to(run.place.dtype),
            None if mask is None else torch.from_numpy(mask),
            settings.steps,
            lambda part: run.report(LOADED * part, "following the source's motion"),
        )
        given = round(float(values["share"]) * settings.steps)
        if not given:
            transfer.forget()
        pictures = run.denoise(pipeline, after=lambda step: transfer.forget() if step + 1 >= given else None)
        return run.finish(directory, pictures, Units(1.0, "not used"), "AnimateDiff")


def _film(source: str, path: Trajectory) -> NDArray[np.uint8]:
    """Return as many frames, of the same size, as the path has, spread over the whole film."""
    from parascale.media.video_file import read_video

    film = read_video(Path(source).expanduser(), 10_000)
    if len(film) < len(path):
        raise InputError(f"{source} has {len(film)} frames and the shot {len(path)}: take a longer film")
    check_aspect("source video", film[0], path)
    kept = np.round(np.linspace(0, len(film) - 1, len(path))).astype(int)
    return np.stack([fit_image(film[frame], path) for frame in kept])


def _build(run: "Run", folder: Path, adapter: Path) -> Any:
    from diffusers import AnimateDiffPipeline, AutoencoderKL, DDIMScheduler, MotionAdapter, UNet2DConditionModel
    from transformers import AutoTokenizer, CLIPTextModel

    from parascale.generators.diffusion.checkpoint import elements, read_config, read_shapes
    from parascale.generators.diffusion.parts import load_part, part_sizes

    config = read_config(folder / "unet")
    width = config["block_out_channels"][0]
    numbers = {"unet": elements(read_shapes(folder / "unet")), "adapter": elements(read_shapes(adapter))}
    run.check_memory(numbers | part_sizes(folder), dim=width, ffn_dim=4 * width, layers=1, token=8, length=4)
    dtype = run.place.dtype
    makers: dict[str, Callable[[Path], Any]] = {
        "vae": lambda path: AutoencoderKL.from_pretrained(path, torch_dtype=dtype),
        "text_encoder": lambda path: CLIPTextModel.from_pretrained(path, dtype=dtype),
        "tokenizer": lambda path: AutoTokenizer.from_pretrained(path, local_files_only=True),
        "unet": lambda path: UNet2DConditionModel.from_pretrained(path, torch_dtype=dtype),
    }
    parts = {}
    for name, make in makers.items():
        run.loading(f"loading the {name.replace('_', ' ')}")
        parts[name] = load_part(folder / name, make)
    run.loading("loading the motion adapter")
    motion = load_part(adapter, lambda path: MotionAdapter.from_pretrained(path, torch_dtype=dtype))
    # The schedule AnimateDiff was trained with.
    scheduler = DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="linear", clip_sample=False, steps_offset=1
    )
    return AnimateDiffPipeline(**parts, motion_adapter=motion, scheduler=scheduler)
