"""The lock on a state folder under which its backend is found, started, joined and ended."""

import contextlib
import os
import sys
import time
from pathlib import Path
from types import TracebackType

from parascale.errors import InputError
from parascale.link.state import claim_state_folder

LOCK_FILE = "backend.lock"

_PAUSE = 0.02  # seconds between two tries
_PATIENCE = 120.0  # seconds that others may take before we give up

if sys.platform == "win32":
    import msvcrt

    def _lock(file: int) -> None:
        msvcrt.locking(file, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(file: int) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def try_lock(path: Path, *, make: bool = False) -> int | None:
    """Lock a file, made where asked; return its descriptor, None where it is missing or another's.

    The system takes the lock from whoever ends, however they end.
    """
    try:
        file = os.open(path, os.O_RDWR | (os.O_CREAT if make else 0), 0o600)
    except OSError:
        return None
    try:
        _lock(file)
    except OSError:
        os.close(file)
        return None
    return file


class StartLock:
    """A lock that the system takes from whoever ends, however they end.

    Who holds it may rely on it that the backend it finds does not end and that nobody else starts one.

    Parameters
    ----------
    state : Path
        The state folder; made where missing.

    Raises
    ------
    InputError
        Where the folder cannot be written or is not a backend's; on entering, where another program holds the lock too
        long.
    """

    def __init__(self, state: Path) -> None:
        self._state = state
        self._file: int | None = None
        try:
            claim_state_folder(state)
        except OSError as error:
            raise self._unwritable(error) from error

    def acquire(self, patience: float) -> bool:
        """Take the lock within some seconds; tell whether it is ours now."""
        if self._file is not None:
            return True
        try:
            file = os.open(self._state / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise self._unwritable(error) from error
        end = time.monotonic() + patience
        while True:
            with contextlib.suppress(OSError):
                _lock(file)
                self._file = file
                return True
            if time.monotonic() >= end:
                os.close(file)
                return False
            time.sleep(_PAUSE)

    def release(self) -> None:
        """Give the lock back where it is ours."""
        if self._file is not None:
            os.close(self._file)
        self._file = None

    def __enter__(self) -> "StartLock":
        if not self.acquire(_PATIENCE):
            raise InputError(f"another program has been starting a backend on {self._state} for {_PATIENCE:g} s")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()

    def _unwritable(self, error: OSError) -> InputError:
        return InputError(f"the state folder {self._state} cannot be written: {error.strerror}", "state-folder")
