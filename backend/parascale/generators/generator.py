"""What every generator of video is."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar, TypeVar

from parascale.link.kinds.generate import GenerationRequest
from parascale.link.messages import ScaleClass, Trained
from parascale.link.parameters import Parameter, Scalar
from parascale.link.request import JobResult
from parascale.link.resources import Resources
from parascale.types import CancelCheck, Progress


class Generator(ABC):
    """A model, or a program, that makes a video along a camera path.

    Attributes
    ----------
    name : str
        What requests call it.
    scale_class : "A", "B", "C" or "D"
        What its camera input means: raw units, metric, scale-erasing, depth-rendered.
    requirements : tuple of str
        Importable packages it needs beyond the base.
    trained : Trained
        Frame rate and number of frames it was trained at.
    stall : float
        Seconds without progress after which it counts as hung: loading weights and a denoising step take minutes.
    resources : Resources
        What it needs of a machine, where several share the work.
    local_only : bool
        Whether it does what a request says beyond making a video, so that only the user of the machine may ask for it.
    """

    name: ClassVar[str]
    scale_class: ClassVar[ScaleClass]
    requirements: ClassVar[tuple[str, ...]]
    trained: ClassVar[Trained] = Trained()
    stall: ClassVar[float] = 3600.0
    resources: ClassVar[Resources] = Resources()
    local_only: ClassVar[bool] = False

    @abstractmethod
    def describe(self) -> tuple[Parameter, ...]:
        """Describe the parameters it takes, without importing what it needs."""

    def trained_at(self, values: Mapping[str, Scalar]) -> Trained:
        """Return what the model that is chosen was trained at."""
        return self.trained

    @abstractmethod
    def generate(
        self,
        request: GenerationRequest,
        directory: Path,
        progress: Progress | None = None,
        cancelled: CancelCheck | None = None,
    ) -> JobResult:
        """Make the video.

        Parameters
        ----------
        request : GenerationRequest
        directory : Path
            Existing folder that takes the files; ``sketch.png`` in it, written before progress is reported, shows what
            the video looks like so far.
        progress : callable, optional
            See `parascale.types.Progress`.
        cancelled : callable, optional
            Called between frames or denoising steps; see `parascale.types.CancelCheck`.

        Raises
        ------
        InputError
            If the request cannot be met.
        Cancelled
            If ``cancelled`` returned True; no file is left.
        """


REGISTERED: list[Generator] = []

G = TypeVar("G", bound=type[Generator])


def register(generator: G) -> G:
    """Add a generator to `parascale.generators.GENERATORS`."""
    REGISTERED.append(generator())
    return generator
