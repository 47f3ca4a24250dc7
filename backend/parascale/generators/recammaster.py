"""ReCamMaster: a film is taken again along another path, which is given in metres."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.conditioning.relative import recammaster_vectors
from parascale.errors import InputError
from parascale.generators.generator import ScaleClass
from parascale.generators.picture import check_aspect, fit_image, fit_trajectory
from parascale.generators.settings import REQUIREMENTS, Settings, common_parameters, require_packages
from parascale.generators.units import UNITS_PER_DEPTH, units_per_depth
from parascale.generators.weights import locate
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.parameters import Parameter, resolve_parameters
from parascale.link.request import JobResult
from parascale.types import CancelCheck, Progress

if TYPE_CHECKING:
    from parascale.generators.diffusion.run import Run

PARTS = "wan2.1-t2v-1.3B-parts"
MULTIPLE = 16


class ReCamMaster:
    """ReCamMaster on Wan2.1-T2V-1.3B."""

    name = "recammaster"
    scale_class: ScaleClass = "B"
    requirements = REQUIREMENTS

    def describe(self) -> tuple[Parameter, ...]:
        """Describe its parameters."""
        return (
            Parameter(
                "source_video",
                "str",
                "",
                description="The film to take again, a file on the backend; the picture, standing still, if empty.",
            ),
            UNITS_PER_DEPTH,
            *common_parameters(steps=50, guidance=5.0, long_side=832),
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
        settings, source = Settings.of(values), str(values["source_video"])
        require_packages(self.name)
        units = units_per_depth(self.name, values, request.shot, metric=True)
        path = fit_trajectory(request.shot.trajectory, MULTIPLE, settings.long_side)
        pictures = _source(source, request, path)

        import torch

        from parascale.generators.diffusion.run import Run, as_film
        from parascale.generators.diffusion.wan import encode_video

        run = Run(request, settings, path, progress, cancelled)
        if not source:
            run.warnings.append("no source_video was given: the picture, standing still, was taken for it")
        folder = locate(settings.weights, self.name)
        parts = folder if (folder / "vae").is_dir() and not values["parts"] else locate(str(values["parts"]), PARTS)
        pipeline = run.pipeline((folder, parts), lambda: _build(run, folder, parts))
        run.sketch(directory, lambda film: encode_video(pipeline.vae, film, run.place.device))
        run.report(0.05, "encoding the source")
        camera = torch.from_numpy(recammaster_vectors(path, units.value))[None]
        with torch.no_grad():
            latents = encode_video(pipeline.vae, as_film(pictures), run.place.device)
        frames = run.denoise(pipeline, attention_kwargs={"source_latents": latents, "camera": camera})
        return run.finish(directory, frames, units, "1.3B")


def _source(source: str, request: GenerationRequest, path: Trajectory) -> NDArray[np.uint8]:
    """Return the film to take again, (T, H, W, 3) uint8: as many frames, of the same size, as the path has."""
    if not source:
        check_aspect("image", request.image, request.shot.trajectory)
        return np.repeat(fit_image(request.image, path)[None], len(path), axis=0)
    from parascale.media.video_file import read_video

    film = read_video(Path(source).expanduser(), len(path))
    if len(film) < len(request.shot):
        raise InputError(f"{source} has {len(film)} frames and the shot {len(request.shot)}: take a longer film")
    check_aspect("source video", film[0], request.shot.trajectory)
    kept = np.minimum(np.arange(len(path)), len(film) - 1)
    return np.stack([fit_image(film[frame], path) for frame in kept])


def _build(run: "Run", folder: Path, parts: Path) -> Any:
    from diffusers import WanPipeline

    from parascale.generators.diffusion.checkpoint import elements, read_ckpt, read_config
    from parascale.generators.diffusion.parts import part_sizes
    from parascale.generators.diffusion.recapture_transformer import ReCaptureTransformer
    from parascale.generators.diffusion.wan import load_parts, load_transformer, scheduler, transformer_config

    files = sorted(folder.glob("*.ckpt"))
    if len(files) != 1:
        raise InputError(
            f"{folder} holds {len(files)} .ckpt files where one is needed: `parascale weights fetch recammaster`"
        )
    run.loading("loading the transformer")
    state = read_ckpt(files[0])
    if "blocks.0.cam_encoder.weight" not in state:
        raise InputError(
            f"{files[0]} has no camera encoder: it is a plain Wan model, `parascale weights fetch recammaster`"
        )
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    config = transformer_config(read_config(parts / "transformer"), shapes, parts / "transformer")
    run.check_memory(
        {"transformer": elements(shapes)} | part_sizes(parts),
        dim=config["num_attention_heads"] * config["attention_head_dim"],
        ffn_dim=config["ffn_dim"],
        layers=config["num_layers"],
        length=2,
    )
    transformer = load_transformer(lambda: ReCaptureTransformer(**config), state, run.place.dtype, files[0])
    return WanPipeline(
        **load_parts(parts, run.place.dtype, run.loading), scheduler=scheduler(), transformer=transformer
    )
