"""The base of the generators that run a diffusion model."""

from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.extras import require
from parascale.generators.generator import Generator
from parascale.generators.inspection import Inspection
from parascale.generators.picture import check_aspect
from parascale.generators.pieces import Piece, beyond_training, split_shot
from parascale.generators.preview import depth_warnings
from parascale.generators.settings import REQUIREMENTS
from parascale.generators.units import units_per_depth
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.messages import Trained
from parascale.link.parameters import Scalar, resolve_parameters
from parascale.link.request import JobResult
from parascale.link.resources import Resources
from parascale.types import CancelCheck, Progress
from parascale.weights.hub import locate
from parascale.weights.parts import find_part

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
    reads_prompt : bool
        Whether a prompt is of use.
    """

    requirements: ClassVar[tuple[str, ...]] = REQUIREMENTS
    resources: ClassVar[Resources] = Resources(gpus=1.0, memory=16 << 30)
    multiple: ClassVar[int] = 16
    model: ClassVar[str] = ""
    reads_prompt: ClassVar[bool] = True

    def check(self, request: GenerationRequest, values: Mapping[str, Scalar]) -> None:
        """Refuse a request that this model cannot meet, before anything heavy is imported.

        Raises
        ------
        InputError
        """
        if values.get("use_image", True):
            check_aspect("image", request.image, request.shot.trajectory)

    def inspect(self, weights: Path) -> Inspection:
        """Compare weights with this model, by their headers alone.

        Raises
        ------
        InputError
            Where they are another model's, or something is missing, left over or of another shape.
        """
        raise InputError(f"the weights of {self.name} cannot be checked without being loaded")

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
        said = depth_warnings(request)
        require(self.name, "generate", self.requirements)
        units = units_per_depth(self.name, self.scale_class, values, request.shot)

        from parascale.generators.diffusion.run import Run

        trained = self.trained_at(values)
        pieces = list(split_shot(request.shot, trained, self.multiple_at(values), int(values["long_side"])))
        warnings = [*units.warnings, *said, *self._beyond(request, trained, pieces)]
        film: list[NDArray[np.uint8]] = []
        for piece in pieces:
            lead = piece.after(film[-1][-1]) if film else piece
            run = Run(request, values, lead, units, directory, progress, cancelled)
            frames = self.make_frames(run)
            film.append(frames[1:] if film else frames)
            warnings += [text for text in run.warnings if text not in warnings]
        return run.finish(np.concatenate(film), str(values.get("model", self.model)), warnings)

    def multiple_at(self, values: Mapping[str, Scalar]) -> int:
        """Return the ``multiple`` of the model that is chosen."""
        return self.multiple

    def _beyond(self, request: GenerationRequest, trained: Trained, pieces: list[Piece]) -> list[str]:
        path = pieces[0].path
        said = beyond_training(self.name, request.shot, trained, max(len(p.path) for p in pieces), max(path.size))
        if len(pieces) > 1:
            said.append(
                f"{len(request.shot)} frames were made in {len(pieces)} parts of at most {trained.best_frames}, as "
                f"{self.name} was trained; each begins with the last frame of the one before"
            )
        if self.reads_prompt and not request.prompt.strip():
            said.append(f"no prompt was given: {self.name} was trained with one, and does better with what is seen")
        return said

    def locate(self, run: "Run") -> Path:
        """Return the folder, or single file, of the model's weights; see `parascale.weights.hub.locate`."""
        model = run.values.get("model")
        return locate(run.settings.weights or (f"{self.name}-{model}" if model else self.name))

    def locate_parts(self, run: "Run", weights: Path, published: Mapping[str, str]) -> dict[str, Path]:
        """Return the folder, or single file, of the VAE and of every encoder.

        Parameters
        ----------
        run : Run
        weights : Path
            Of the model: may bring them itself.
        published : mapping of str to str
            By part, the published weights that hold it.
        """
        given = str(run.values["parts"])
        bases = [*([locate(given)] if given else []), weights if weights.is_dir() else weights.parent]
        return {part: find_part(part, bases, name) for part, name in published.items()}
