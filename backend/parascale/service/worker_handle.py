"""A worker as its supervisor sees it, wherever it runs."""

import time
from abc import ABC, abstractmethod
from pathlib import Path

from parascale.link.messages import Progress

ADDRESS = "inproc://workers"
"""Where the threads that listen to workers report: the number of the worker, then its message."""

END = b""
"""The message of a worker that is gone."""

_MAX_PHASE = 100
_TELLING_WHERE = 2.0  # seconds that a hung worker gets to write where it is
_LAST_WORD = 0.2  # seconds in which progress that it made before that is heard
_TELLING = 0.05  # the fraction from which the rest of the time can be told


class WorkerHandle(ABC):
    """One worker.

    Attributes
    ----------
    number : int
        Its own among those of a pool.
    limit : int
        Bytes of main memory it may take.
    ready : bool
        Whether it can take a job.
    used : bool
        Whether it has run a job.
    key : (str, str) or None
        Owner and id of the job it runs.
    fraction, phase : float, str
        How far it is.
    sketch : str
        What its job looks like so far.
    heard : float
        When it last gave a sign of life, monotonic seconds.
    moved : float
        When its job last made progress, or began, monotonic seconds.
    deadline : float or None
        When it is ended, because the cancelled job did not stop.
    asked : float or None
        When it was asked where it is, because its job made no progress.
    """

    def __init__(self, number: int, limit: int) -> None:
        self.number, self.limit = number, limit
        self.ready, self.used = True, False
        self.key: tuple[str, str] | None = None
        self.fraction, self.phase, self.sketch = 0.0, "", ""
        self.started = self.heard = self.moved = self.looked = time.monotonic()
        self.deadline: float | None = None
        self.asked: float | None = None

    @property
    @abstractmethod
    def memory(self) -> int:
        """Bytes of main memory it takes; 0 where that is not known."""

    @abstractmethod
    def run(self, folder: Path, payload: str) -> None:
        """Have it run its job."""

    @abstractmethod
    def _ask_where(self) -> None:
        """Have it write where it is to its job's folder, without waiting for that."""

    @abstractmethod
    def _wrote_where(self) -> bool:
        """Tell whether it wrote where it is."""

    @abstractmethod
    def end(self) -> str:
        """End it, with all it started, and return how it ended, in words."""

    @abstractmethod
    def _stop(self) -> None:
        """Ask it to stop its job."""

    def take(self, key: tuple[str, str]) -> None:
        """Note which job is meant for it."""
        self.key, self.fraction, self.phase, self.deadline = key, 0.0, "starting", None
        self.sketch, self.moved, self.used, self.asked = "", time.monotonic(), True, None

    def note_progress(self, report: Progress) -> None:
        """Take over how far its job is."""
        self.fraction, self.phase = report.fraction, report.phase[:_MAX_PHASE]
        self.sketch = report.sketch or self.sketch
        self.moved, self.asked = time.monotonic(), None

    @property
    def is_late(self) -> bool:
        """Whether the job that it was to stop goes on."""
        return self.deadline is not None and time.monotonic() > self.deadline

    def has_hung(self, seconds: float) -> bool:
        """Tell whether its job made no progress for so long, and it wrote where it is, or had the time to."""
        now = time.monotonic()
        if now - self.moved <= seconds:
            return False
        if self.asked is None:
            self.asked = now
            self._ask_where()
        return now - self.asked > (_LAST_WORD if self._wrote_where() else _TELLING_WHERE)

    def left(self, started: float | None) -> float | None:
        """Return the seconds its job still takes, by the progress so far; None where that cannot be told yet."""
        if started is None or self.fraction < _TELLING:
            return None
        return max(0.0, time.time() - started) * (1 - self.fraction) / self.fraction

    def cancel(self, key: tuple[str, str], grace: float) -> None:
        """Ask it to stop a job, if it still runs it; it is late where it does not."""
        if self.key == key:
            self.deadline = time.monotonic() + grace
            self._stop()

    def free(self) -> None:
        """Note that its job is over."""
        self.key, self.fraction, self.phase, self.deadline = None, 0.0, "", None
