"""What a job needs of the machine that runs it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Resources:
    """What is kept for one job where several machines share the work.

    Attributes
    ----------
    gpus : float
        GPUs; a fraction shares one.
    memory : int
        Bytes of main memory.
    """

    gpus: float = 0.0
    memory: int = 2 << 30
