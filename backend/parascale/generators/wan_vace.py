"""Wan2.1-VACE: the preview shows the path, and the model repaints its holes."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.generator import register
from parascale.generators.picture import fit_image
from parascale.generators.preview import checked_depth
from parascale.generators.settings import REQUIREMENTS, common_parameters
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter, Scalar

if TYPE_CHECKING:
    from diffusers import DiffusionPipeline

    from parascale.generators.diffusion.run import Run

MODELS = ("1.3B", "14B")
# What VACE was trained to see where there is nothing.
GREY = 127


@register
class WanVace(DiffusionGenerator):
    """Wan2.1-VACE 1.3B and 14B, led by the picture warped through its depth."""

    name = "wan-vace"
    scale_class = "D"
    trained = Trained(fps=16.0, frame_step=4)
    requirements = (*REQUIREMENTS, "numba")

    def describe(self) -> tuple[Parameter, ...]:
        """See `Generator`."""
        return (
            Parameter("model", "choice", "1.3B", choices=MODELS, description="Which of the published models."),
            Parameter("strength", "float", 1.0, 0, 2, description="How strictly the warped picture is followed."),
            *common_parameters(steps=50, guidance=5.0, long_side=832),
        )

    def check(self, request: GenerationRequest, values: Mapping[str, Scalar]) -> None:
        """See `DiffusionGenerator`."""
        checked_depth(request)

    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """See `DiffusionGenerator`."""
        from PIL import Image

        from parascale.generators.diffusion.wan import encode_video

        folder = self.locate(run)
        pipeline = run.pipeline((folder,), lambda: _build(run, folder))
        run.sketch(lambda film: encode_video(pipeline.vae, film, run.device))
        film, mask = warp_picture(run)
        return run.denoise(
            pipeline,
            video=[Image.fromarray(picture) for picture in film],
            mask=[Image.fromarray(holes).convert("RGB") for holes in mask],
            conditioning_scale=float(run.values["strength"]),
        )


def warp_picture(run: "Run") -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Warp the picture of a request along the path.

    Returns
    -------
    film : (T, H, W, 3) uint8
        Grey where the picture does not show what the camera sees.
    mask : (T, H, W) uint8
        255 where the model is to paint, 0 where it is to keep.
    """
    from parascale.projection.warper import Warper

    path = run.path
    views = [path.view(frame) for frame in range(len(path))]
    warper = Warper(fit_image(run.request.image, path), checked_depth(run.request), views[0], views)
    film = np.empty((len(path), path.height, path.width, 3), np.uint8)
    mask = np.zeros(film.shape[:3], np.uint8)
    for frame, view in enumerate(views):
        run.report(0.1 * frame / len(path), "warping the picture")
        picture, holes = warper.render(view)
        film[frame] = np.where(holes[..., None], np.uint8(GREY), picture)
        mask[frame][holes] = 255
    return film, mask


def _build(run: "Run", folder: Path) -> "DiffusionPipeline":
    from diffusers import WanVACEPipeline, WanVACETransformer3DModel

    from parascale.errors import InputError
    from parascale.generators.diffusion.checkpoint import elements, read_config, read_shapes
    from parascale.generators.diffusion.parts import load_part, part_sizes, scheduler_of
    from parascale.generators.diffusion.wan import block_size, load_wan_parts

    transformer = folder / "transformer"
    config, shapes = read_config(transformer), read_shapes(transformer)
    if not any(name.startswith("vace_blocks") for name in shapes):
        raise InputError(f"{folder} is not a VACE model", "weights", ["wan-vace-1.3B"])
    numbers = {"transformer": elements(shapes)} | part_sizes(folder)
    run.check_memory(numbers, **block_size(config, transformer))
    parts = load_wan_parts(folder, run.dtype, run.loading)
    run.loading("loading the transformer")
    model = load_part(transformer, lambda path: WanVACETransformer3DModel.from_pretrained(path, torch_dtype=run.dtype))
    return WanVACEPipeline(**parts, scheduler=scheduler_of(folder), transformer=model)
