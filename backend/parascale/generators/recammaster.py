"""ReCamMaster: a film is taken again along another path, which is given in metres."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parascale.conditioning.relative import recammaster_vectors
from parascale.errors import InputError
from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.generator import register
from parascale.generators.picture import check_aspect, fit_image
from parascale.generators.settings import common_parameters
from parascale.generators.units import UNITS_PER_DEPTH
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter, Scalar

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from parascale.generators.diffusion.run import Run

PARTS = "wan2.1-t2v-1.3B-parts"


@register
class ReCamMaster(DiffusionGenerator):
    """ReCamMaster on Wan2.1-T2V-1.3B."""

    name = "recammaster"
    scale_class = "B"
    trained = Trained(fps=15.0, frame_step=4)
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
            *common_parameters(steps=50, guidance=5.0, long_side=832),
            Parameter("parts", "path", "", description="Folder of VAE and encoders; the published ones if empty."),
        )

    def check(self, request: GenerationRequest, values: Mapping[str, Scalar]) -> None:
        """See `DiffusionGenerator`."""
        if not values["source_video"]:
            check_aspect("image", request.image, request.shot.trajectory)

    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """See `DiffusionGenerator`."""
        import torch

        from parascale.generators.diffusion.run import as_film
        from parascale.generators.diffusion.wan import encode_video

        pictures = _source(run)
        folder = self.locate(run)
        parts = self.locate_parts(run, folder, PARTS)
        pipeline = run.pipeline((folder, parts), lambda: _build(run, folder, parts))
        run.sketch(lambda film: encode_video(pipeline.vae, film, run.device))
        run.report(0.05, "encoding the source")
        camera = torch.from_numpy(recammaster_vectors(run.path, run.units.value))[None]
        with torch.no_grad():
            latents = encode_video(pipeline.vae, as_film(pictures), run.device)
        return run.denoise(pipeline, attention_kwargs={"source_latents": latents, "camera": camera})


def _source(run: "Run") -> NDArray[np.uint8]:
    """Return the film to take again, (T, H, W, 3) uint8: as many frames, of the same size, as the path has."""
    source, request, path = str(run.values["source_video"]), run.request, run.path
    if not source:
        run.warnings.append("no source_video was given: the picture, standing still, was taken for it")
        return np.repeat(fit_image(request.image, path)[None], len(path), axis=0)
    from parascale.media.video_file import read_video

    film = read_video(Path(source).expanduser(), len(path))
    if len(film) < len(request.shot):
        raise InputError(f"{source} has {len(film)} frames and the shot {len(request.shot)}: take a longer film")
    check_aspect("source video", film[0], request.shot.trajectory)
    kept = np.minimum(np.arange(len(path)), len(film) - 1)
    return np.stack([fit_image(film[frame], path) for frame in kept])


def _build(run: "Run", folder: Path, parts: Path) -> "DiffusionPipeline":
    from diffusers import WanPipeline

    from parascale.generators.diffusion.checkpoint import elements, read_ckpt, read_config
    from parascale.generators.diffusion.parts import part_sizes
    from parascale.generators.diffusion.recapture_transformer import ReCaptureTransformer
    from parascale.generators.diffusion.wan import (
        block_size,
        load_transformer,
        load_wan_parts,
        scheduler,
        transformer_config,
    )

    files = sorted(folder.glob("*.ckpt"))
    if len(files) != 1:
        raise InputError(f"{folder} holds {len(files)} .ckpt files where one is needed", "weights", ["recammaster"])
    run.loading("loading the transformer")
    state = read_ckpt(files[0])
    if "blocks.0.cam_encoder.weight" not in state:
        raise InputError(f"{files[0]} has no camera encoder: it is a plain Wan model", "weights", ["recammaster"])
    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    config = transformer_config(read_config(parts / "transformer"), shapes, parts / "transformer")
    numbers = {"transformer": elements(shapes)} | part_sizes(parts)
    run.check_memory(numbers, **block_size(config, parts / "transformer"), length=2)
    transformer = load_transformer(lambda: ReCaptureTransformer(**config), state, run.dtype, files[0])
    return WanPipeline(**load_wan_parts(parts, run.dtype, run.loading), scheduler=scheduler(), transformer=transformer)
