"""How long a private backend lives: until its last client and job are gone."""

import os
import threading
import time

from parascale.link.start_lock import StartLock

LINGER = 3.0
"""Seconds without a client and a job after which a private backend ends."""

_FAREWELL = 0.5  # seconds in which the clients of a program that ended are seen to be gone


class Lifetime:
    """Tells when a private backend ends.

    A program may hold it by its standard input. Where that closes, because the program stops it or ends, however it
    ends, the backend ends at once unless others are connected, and puts running jobs back into the queue; where others
    are, it closes its standard output and is held by nobody from then on. A backend that nobody holds ends by itself.

    Parameters
    ----------
    lock : StartLock
        Taken before the backend ends, so that nobody finds one that does.
    held : bool
        Whether the program that started it holds it.
    """

    def __init__(self, lock: StartLock, *, held: bool) -> None:
        self._lock = lock
        self._held = held
        self._left = threading.Event()
        self._farewell: float | None = None
        self._used = time.monotonic()
        if held:
            threading.Thread(target=self._watch, daemon=True).start()

    @property
    def parting(self) -> bool:
        """Whether the program that held it just left."""
        return self._held and self._left.is_set()

    def is_over(self, clients: int, busy: bool) -> bool:
        """Tell whether to end now; the lock is held then.

        Parameters
        ----------
        clients : int
            Connected ones.
        busy : bool
            Whether there is a job to run.
        """
        now = time.monotonic()
        if self._held and not self._left.is_set():
            return False
        if self._held:
            self._farewell = self._farewell or now + _FAREWELL
            if not clients and self._lock.acquire(0):
                return True
            if now < self._farewell:
                return False
            self._held = False
            _close_output()
        if clients or busy:
            self._used = now
        return now - self._used >= LINGER and self._lock.acquire(0)

    def _watch(self) -> None:
        while os.read(0, 4096):
            pass
        self._left.set()


def _close_output() -> None:
    """Tell the program that started us that we stay, and write to nobody from now on."""
    nothing = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    os.close(nothing)
