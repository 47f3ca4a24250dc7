"""The process of a worker, and the pipe to it: started, told, heard and ended by whoever supervises it."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

from parascale.link.codec import encode
from parascale.link.messages import Cancel, Run
from parascale.service.framing import read_message, write_message

_DEATH = 0.5  # seconds a killed process may take to be gone: one in the middle of a call to a driver may never be
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


class WorkerProcess:
    """A worker that runs; it ends, with all it started, when its pipe closes.

    Parameters
    ----------
    folder : Path
        Made where missing; its working folder, in which nothing is, so that no relative path means anything.

    Raises
    ------
    OSError
        Where descriptors, processes or memory ran out.
    """

    def __init__(self, folder: Path) -> None:
        self._has_spoken = False
        folder.mkdir(mode=0o700, exist_ok=True)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "parascale.service.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),  # Windows; elsewhere it does it itself
            cwd=folder,
            # Nothing is fetched but by the operator.
            env=os.environ | _OFFLINE | {"PYTHONUNBUFFERED": "1"} | _absolute_python_path(),
        )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def reports(self) -> BinaryIO:
        """The pipe that its messages come by."""
        assert self._process.stdout is not None
        return self._process.stdout  # type: ignore[return-value]  # a pipe without text is binary

    def read(self) -> tuple[bytes, list[bytes]] | None:
        """Wait for its next message; None where its pipe is closed. See `read_message`."""
        message = read_message(self.reports)
        self._has_spoken |= message is not None
        return message

    @property
    def memory(self) -> int:
        """Bytes of main memory it takes; 0 where the system does not tell."""
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def send(self, message: Run | Cancel) -> None:
        """Tell it something; one that just died is noticed by the end of its pipe."""
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):
            write_message(self._process.stdin, encode(message))

    def ask_where(self) -> None:
        """Have it write where it is to its job's folder, a little later; before it first spoke, asking would end it."""
        if self._has_spoken and hasattr(signal, "SIGUSR1"):
            with contextlib.suppress(OSError):
                os.kill(self._process.pid, signal.SIGUSR1)

    def end(self) -> int | None:
        """End it, with all it started, and return its exit code (negative: the signal); None where it does not die."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            return self._process.wait(_DEATH)
        except subprocess.TimeoutExpired:  # whoever looks for other children reaps it, once it is dead
            return None


def machine_memory() -> int:
    """Return the bytes of main memory of this machine, or of the part of it that this process may use."""
    total = 1 << 44
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):
        total = min(total, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return total


def _absolute_python_path() -> dict[str, str]:
    """Return PYTHONPATH as it counts here: a worker's working folder is another."""
    given = os.environ.get("PYTHONPATH")
    return {} if not given else {"PYTHONPATH": os.pathsep.join(map(os.path.abspath, given.split(os.pathsep)))}
