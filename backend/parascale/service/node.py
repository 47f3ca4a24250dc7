"""What runs on a node of a cluster: the same worker as everywhere, its job's files brought, its results given out.

Nodes and the backend trust each other; a client's bytes reach a node as the files of its job, and nothing else of it.
"""

import contextlib
import os
import queue
import shutil
import threading
import time
from pathlib import Path

from parascale import __version__
from parascale.errors import InputError
from parascale.link.codec import decode, encode
from parascale.link.messages import Cancel, Finished, Run
from parascale.link.paths import state_folder
from parascale.link.start_lock import try_lock
from parascale.link.transfer import Sender
from parascale.service.evidence import where_it_was
from parascale.service.store import RESULTS, WHERE
from parascale.service.worker_process import WorkerProcess, machine_memory

_PATIENCE = 1.0  # seconds for which a question for reports waits for one
_BATCH = 64


class NodeWorker:
    """One worker of a node; its methods are called from afar, several at a time.

    What a killed one left in its folder is removed by the next one on the node.
    """

    def __init__(self) -> None:
        self._folder, self._lock = _claim_folder(state_folder() / "cluster")
        self._job = self._folder / "job"
        self._sender = Sender([])
        self._said: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._process = WorkerProcess(self._folder / "empty")
        threading.Thread(target=self._listen, daemon=True).start()

    def hello(self) -> tuple[str, int, str]:
        """Return the version, the bytes of main memory of the node, and its name."""
        return __version__, machine_memory(), os.uname().nodename if hasattr(os, "uname") else ""

    def clear(self) -> None:
        """Remove the files of the last job, and make room for the next one's."""
        shutil.rmtree(self._job, ignore_errors=True)
        self._job.mkdir(mode=0o700)

    def write(self, name: str, data: bytes) -> None:
        """Append to a file of the job; ``name`` is relative to its folder."""
        path = self._job / name
        path.parent.mkdir(mode=0o700, exist_ok=True)
        with path.open("ab") as file:
            file.write(data)

    def run(self, job: str, payload: str) -> None:
        """Have the worker run the job whose files were written."""
        self._process.send(Run(job, str(self._job), payload))

    def cancel(self, job: str) -> None:
        """Ask the worker to stop its job."""
        self._process.send(Cancel(0, job))

    def where(self) -> str:
        """Return where the worker is, as a traceback."""
        self._process.ask_where()
        end = time.monotonic() + _PATIENCE
        while not where_it_was(self._job) and time.monotonic() < end:
            time.sleep(0.01)
        return (self._job / WHERE).read_text(errors="replace")

    def reports(self) -> tuple[int, list[bytes], bool]:
        """Wait a moment; return the worker's memory, what it said since, and whether it lives."""
        said: list[bytes] = []
        with contextlib.suppress(queue.Empty):
            message = self._said.get(timeout=_PATIENCE)
            while message is not None and len(said) < _BATCH:
                said.append(message)
                message = self._said.get_nowait()
            if message is None:
                self._said.put(None)
                return 0, said, False
            said.append(message)
        return self._process.memory, said, True

    def chunk(self, chunk: str) -> bytes:
        """Return a chunk of the job's results."""
        return self._sender.read(chunk)

    def close(self) -> str:
        """End the worker and remove its folder; return how it ended."""
        code = self._process.end()
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._lock)
        return str(code)

    def _listen(self) -> None:
        with contextlib.suppress(InputError, OSError):
            while (message := self._process.read()) is not None:
                report = decode(message[0])
                if isinstance(report, Finished):
                    self._sender = Sender([(file, self._job / RESULTS / file.name) for file in report.files])
                self._said.put(encode(report))
        self._said.put(None)


def _claim_folder(parent: Path) -> tuple[Path, int]:
    """Make a folder and lock it; remove those whose owner is gone."""
    parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    for left in parent.iterdir():
        lock = try_lock(left / "lock") if left.is_dir() and not left.is_symlink() else None
        if lock is not None:
            shutil.rmtree(left, ignore_errors=True)
            os.close(lock)
    folder = parent / os.urandom(8).hex()
    folder.mkdir(mode=0o700)
    lock = try_lock(folder / "lock", make=True)
    assert lock is not None
    return folder, lock
