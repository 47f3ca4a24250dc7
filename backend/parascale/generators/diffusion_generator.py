"""The base of the generators that run a diffusion model."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from parascale.extras import require
from parascale.generators.generator import Generator
from parascale.generators.picture import check_aspect, fit_trajectory
from parascale.generators.settings import REQUIREMENTS
from parascale.generators.units import units_per_depth
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.parameters import Scalar, resolve_parameters
from parascale.link.request import JobResult
from parascale.types import CancelCheck, Progress
from parascale.weights.hub import locate

if TYPE_CHECKING:
    from parascale.generators.diffusion.run import Run


class DiffusionGenerator(Generator):
    """A generator whose video a diffusion pipeline denoises.

    Attributes
    ----------
    multiple : int
        Width and height of the video are multiples of this, in pixels.
    model : str
        What the result calls the model if no parameter "model" chooses one.
    """

    requirements: ClassVar[tuple[str, ...]] = REQUIREMENTS
    multiple: ClassVar[int] = 16
    model: ClassVar[str] = ""

    def check(self, request: GenerationRequest, values: Mapping[str, Scalar]) -> None:
        """Refuse a request that this model cannot meet, before anything heavy is imported.

        Raises
        ------
        InputError
        """
        if values.get("use_image", True):
            check_aspect("image", request.image, request.shot.trajectory)

    @abstractmethod
    def make_frames(self, run: "Run") -> NDArray[np.uint8]:
        """Load the pipeline and denoise the frames, (T, H, W, 3) uint8 sRGB."""

    def generate(
        self,
        request: GenerationRequest,
        directory: Path,
        progress: Progress | None = None,
        cancelled: CancelCheck | None = None,
    ) -> JobResult:
        """Write ``result.mp4``; see `Generator`."""
        values = resolve_parameters(self.describe(), request.parameters)
        self.check(request, values)
        require(self.name, "generate", self.requirements)
        units = units_per_depth(self.name, self.scale_class, values, request.shot)
        long_side = int(values["long_side"])
        path = fit_trajectory(request.shot.trajectory, self.multiple, long_side, self.trained.frame_step)

        from parascale.generators.diffusion.run import Run

        run = Run(request, values, path, units, directory, progress, cancelled)
        return run.finish(self.make_frames(run), str(values.get("model", self.model)))

    def locate(self, run: "Run") -> Path:
        """Return the folder of the model's weights; see `parascale.weights.hub.locate`."""
        model = run.values.get("model")
        return locate(run.settings.weights or (f"{self.name}-{model}" if model else self.name))

    def locate_parts(self, run: "Run", folder: Path, published: str) -> Path:
        """Return the folder of the VAE and the encoders: the weights' own if they bring them, else the published."""
        given = str(run.values["parts"])
        return folder if (folder / "vae").is_dir() and not given else locate(given or published)
