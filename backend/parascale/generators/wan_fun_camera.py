"""Wan2.1-Fun Control-Camera: Plücker maps of the path steer an image-to-video model."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from parascale.conditioning.wan_fun import MULTIPLE, camera_latents
from parascale.errors import InputError
from parascale.generators.generator import ScaleClass
from parascale.generators.picture import check_aspect, fit_image, fit_trajectory, scale_path
from parascale.generators.scale_class import erasing_model
from parascale.generators.settings import REQUIREMENTS, Settings, common_parameters, require_packages
from parascale.generators.units import UNITS_PER_DEPTH, units_per_depth
from parascale.generators.weights import locate
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.parameters import Parameter, resolve_parameters
from parascale.link.request import JobResult
from parascale.types import CancelCheck, Progress

if TYPE_CHECKING:
    from parascale.generators.diffusion.run import Run

MODELS = ("1.3B", "14B", "2.2-A14B")
PARTS = "wan2.1-i2v-parts"
# Wan2.2's two halves, the first for the noise above this share of it.
HALVES, BOUNDARY = ("high_noise_model", "low_noise_model"), 0.9
# Numbers joined to each of the 16 of a latent pixel: the picture's, and in 2.2 a mask of 4 more.
JOINED = (16, 20)


class WanFunCamera:
    """Wan2.1-Fun-V1.1 Control-Camera 1.3B and 14B, and Wan2.2-Fun A14B."""

    name = "wan-fun-camera"
    scale_class: ScaleClass = "A"
    requirements = REQUIREMENTS

    def describe(self) -> tuple[Parameter, ...]:
        """Describe its parameters."""
        return (
            Parameter("model", "choice", "1.3B", choices=MODELS, description="Which of the published models."),
            Parameter("use_image", "bool", True, description="Start from the picture; off makes all from the prompt."),
            UNITS_PER_DEPTH,
            *common_parameters(steps=50, guidance=6.0, long_side=832),
            Parameter("parts", "str", "", description="Folder of VAE and encoders; the published ones if empty."),
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
        settings, model = Settings.of(values), str(values["model"])
        require_packages(self.name)
        units = units_per_depth(self.name, values, request.shot)
        if values["use_image"]:
            check_aspect("image", request.image, request.shot.trajectory)
        path = fit_trajectory(request.shot.trajectory, MULTIPLE, settings.long_side)

        import torch
        from PIL import Image

        from parascale.generators.diffusion.run import Run
        from parascale.generators.diffusion.wan import encode_video

        run = Run(request, settings, path, progress, cancelled)
        folder = locate(settings.weights, f"{self.name}-{model}")
        parts = folder if (folder / "vae").is_dir() and not values["parts"] else locate(str(values["parts"]), PARTS)
        pipeline = run.pipeline((folder, parts), lambda: _build(run, folder, parts))
        pipeline.use_image = bool(values["use_image"])
        run.sketch(directory, lambda film: encode_video(pipeline.vae, film, run.place.device))
        latents = torch.from_numpy(camera_latents(scale_path(path, units.value)))
        frames = run.denoise(
            pipeline,
            image=Image.fromarray(fit_image(request.image, path)),
            attention_kwargs={"camera_latents": latents.to(run.place.device, run.place.dtype)},
        )
        return run.finish(directory, frames, units, model)


def _build(run: "Run", folder: Path, parts: Path) -> Any:
    """Load the pipeline; a folder with two halves is Wan2.2's."""
    from parascale.generators.diffusion.camera_transformer import WanCameraPipeline
    from parascale.generators.diffusion.parts import part_sizes
    from parascale.generators.diffusion.wan import load_parts, scheduler

    halves = [folder / half for half in HALVES] if (folder / HALVES[0]).is_dir() else [folder]
    models = [_described(half) for half in halves]
    config, clip = models[0][0], "image_dim" in models[0][0]
    numbers = {half.name: count for half, (_, count) in zip(halves, models, strict=True)}
    run.check_memory(
        numbers | part_sizes(parts, clip=clip),
        dim=config["num_attention_heads"] * config["attention_head_dim"],
        ffn_dim=config["ffn_dim"],
        layers=config["num_layers"],
    )
    others = load_parts(parts, run.place.dtype, run.loading, clip=clip)
    transformers = [_load(run, half, known) for half, (known, _) in zip(halves, models, strict=True)]
    second = transformers[1] if len(transformers) > 1 else None
    return WanCameraPipeline(
        **others,
        scheduler=scheduler(),
        transformer=transformers[0],
        transformer_2=second,
        boundary_ratio=None if second is None else BOUNDARY,
    )


def _described(folder: Path) -> tuple[dict[str, Any], int]:
    """Return a transformer's settings in diffusers' words, and how many numbers it has."""
    from parascale.generators.diffusion.checkpoint import elements, read_config, read_shapes
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
            f"{folder} has no camera adapter: it is a Control or an InP model, take Control-Camera, which "
            "`parascale weights fetch wan-fun-camera-1.3B` gets"
        )
    translated = transformer_config(config, shapes, folder)
    joined = translated["in_channels"] - translated["out_channels"]
    if translated["out_channels"] != JOINED[0] or joined not in JOINED:
        raise InputError(
            f"{folder} takes {translated['in_channels']} channels, where Wan2.1-Fun takes 32 and Wan2.2-Fun A14B 36: "
            "take one of these"
        )
    channels = int(config.get("in_dim_control_adapter", 24))
    downscale = int(config.get("downscale_factor_control_adapter", 8))
    return translated | {"camera_channels": channels, "camera_downscale": downscale}, elements(shapes)


def _load(run: "Run", folder: Path, config: dict[str, Any]) -> Any:
    from parascale.generators.diffusion.camera_transformer import WanCameraTransformer
    from parascale.generators.diffusion.checkpoint import read_state
    from parascale.generators.diffusion.wan import load_transformer

    run.loading("loading the transformer")
    return load_transformer(lambda: WanCameraTransformer(**config), read_state(folder), run.place.dtype, folder)
