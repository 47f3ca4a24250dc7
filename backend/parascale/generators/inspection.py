"""What weights are, told by their headers: which generator they are for, and what is missing."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Inspection:
    """Weights of a generator, every tensor of which has been compared with the model.

    Attributes
    ----------
    generator : str
    model : str
        Which of its models, as its parameter "model" calls it; empty where that is not told.
    numbers : mapping of str to int
        How many numbers each transformer, and each part that comes with it, has.
    block : mapping of str to int
        What `parascale.generators.diffusion.memory.estimate` takes of the model: dim, ffn_dim, layers, token, decoder.
    parts : mapping of str to str
        By part that the pipeline needs beside the transformer, the published weights that hold it.
    length : int
        How many times the film's length the transformer sees.
    film : (int, int, int)
        Frames, width and height that memory is estimated for.
    widths : mapping of str to int
        By part, how wide what it gives has to be.
    """

    generator: str
    model: str
    numbers: Mapping[str, int]
    block: Mapping[str, int]
    parts: Mapping[str, str] = field(default_factory=dict)
    length: int = 1
    film: tuple[int, int, int] = (81, 832, 480)
    widths: Mapping[str, int] = field(default_factory=dict)
