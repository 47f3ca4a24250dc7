"""What every generator of video is."""

from pathlib import Path
from typing import Literal, Protocol

from parascale.link.kinds.generate import GenerationRequest
from parascale.link.parameters import Parameter
from parascale.link.request import JobResult
from parascale.types import CancelCheck, Progress

ScaleClass = Literal["A", "B", "C", "D"]


class Generator(Protocol):
    """A model, or a program, that makes a video along a camera path.

    Attributes
    ----------
    name : str
        What requests call it.
    scale_class : "A", "B", "C" or "D"
        What its camera input means: raw units, metric, scale-erasing, depth-rendered.
    requirements : tuple of str
        Importable packages it needs beyond the base.
    """

    @property
    def name(self) -> str: ...  # noqa: D102 - described above

    @property
    def scale_class(self) -> ScaleClass: ...  # noqa: D102

    @property
    def requirements(self) -> tuple[str, ...]: ...  # noqa: D102

    def describe(self) -> tuple[Parameter, ...]:
        """Describe the parameters it takes; answers without importing what it needs."""

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
            Takes the fraction done, 0 .. 1, and the phase.
        cancelled : callable, optional
            Asked between frames or denoising steps; where it answers True the work stops.

        Raises
        ------
        InputError
            Where the request cannot be met; the message says why.
        Cancelled
            Where ``cancelled`` answered True; no file is left.
        """
