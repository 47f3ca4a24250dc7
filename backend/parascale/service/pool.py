"""The server's side of the workers: starts them, reads their reports, ends them."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import zmq

from parascale.errors import InputError
from parascale.link.codec import decode, encode
from parascale.link.messages import Beat, Cancel, Failed, Finished, FromWorker, Progress, Run, Stopped
from parascale.service.framing import read_message, write_message

log = logging.getLogger(__name__)

_ADDRESS = "inproc://workers"
_END = b""
_MAX_PAUSE = 30.0  # seconds between two starts of a worker that dies at once
_LOOK = 1.0  # seconds between two looks at a worker's memory
_MEMORY_SHARE = 0.8  # of the machine's, that all workers together may take
_MAX_PHASE = 100
_TELLING = 0.05  # the fraction from which the rest of the time can be told
_DUMP = 0.1  # seconds a worker gets to write where it is
_OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}


class WorkerHandle:
    """One worker process, as its supervisor sees it.

    Attributes
    ----------
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
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", number: int, folder: Path) -> None:
        self.number = number
        self.key: tuple[str, str] | None = None
        self.fraction, self.phase, self.sketch = 0.0, "", ""
        self.started = self.heard = self.moved = self.looked = time.monotonic()
        self.deadline: float | None = None
        command = [sys.executable, "-m", "parascale.service.worker"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            # An empty folder, so that no relative path means anything; and nothing is fetched but by the operator.
            cwd=folder,
            env=os.environ | _OFFLINE | {"PYTHONUNBUFFERED": "1"} | _absolute_python_path(),
        )
        self._thread = threading.Thread(target=self._listen, args=(context,), daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def take(self, key: tuple[str, str]) -> None:
        """Note which job is meant for it."""
        self.key, self.fraction, self.phase, self.deadline = key, 0.0, "starting", None
        self.sketch, self.moved = "", time.monotonic()

    def run(self, folder: str, payload: str) -> None:
        """Have it run its job."""
        assert self.key is not None
        self._send(Run(self.key[1], folder, payload))

    def note_progress(self, report: Progress) -> None:
        """Take over how far its job is."""
        self.fraction, self.phase = report.fraction, report.phase[:_MAX_PHASE]
        self.sketch = report.sketch or self.sketch
        self.moved = time.monotonic()

    def left(self, started: float | None) -> float | None:
        """Return the seconds its job still takes, by the progress so far; None where that cannot be told yet."""
        if started is None or self.fraction < _TELLING:
            return None
        return max(0.0, time.time() - started) * (1 - self.fraction) / self.fraction

    def ask_where(self) -> None:
        """Have it write where it is to its standard error and its job's folder, before it is ended."""
        if hasattr(signal, "SIGUSR1"):
            with contextlib.suppress(OSError):
                os.kill(self._process.pid, signal.SIGUSR1)
            time.sleep(_DUMP)

    @property
    def memory(self) -> int:
        """Bytes of main memory it takes; 0 where the system does not tell."""
        try:
            pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        except (OSError, ValueError, IndexError):
            return 0
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cancel(self, grace: float) -> None:
        """Ask it to stop its job, and end it where it does not."""
        assert self.key is not None
        self.deadline = time.monotonic() + grace
        self._send(Cancel(0, self.key[1]))

    def free(self) -> None:
        """Note that its job is over."""
        self.key, self.fraction, self.phase, self.deadline = None, 0.0, "", None

    def end(self) -> int:
        """End it, with all it started, and return its exit code (negative: the signal)."""
        if hasattr(os, "killpg"):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)
        else:
            self._process.kill()
        code = self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        self._thread.join()
        return code

    def _send(self, message: Run | Cancel) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError):  # a worker that just died is noticed by the end of its pipe
            write_message(self._process.stdin, encode(message))

    def _listen(self, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        assert self._process.stdout is not None
        number = str(self.number).encode()
        with context.socket(zmq.PUSH) as push, self._process.stdout as reports:
            push.linger = 0
            push.connect(_ADDRESS)
            with contextlib.suppress(InputError, OSError):
                while (message := read_message(reports)) is not None:
                    push.send_multipart([number, message[0]])
            with contextlib.suppress(zmq.ZMQError):
                push.send_multipart([number, _END])


class Pool:
    """All workers of a server.

    Parameters
    ----------
    context : zmq.Context
    count : int
        How many.
    silence : float
        Seconds without a sign of life after which a worker counts as hung.
    folder : Path
        Made where missing; the working folder of the workers, in which nothing is.
    memory : int
        Bytes of main memory a worker may take; 0 is its share of the machine's.
    """

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", count: int, silence: float, folder: Path, memory: int = 0
    ) -> None:
        self._context = context
        self.count = count
        self._silence = silence
        self._folder = folder
        self.memory = memory or round(_MEMORY_SHARE * _machine_memory() / count)
        self.trouble = ""
        self._workers: dict[int, WorkerHandle] = {}
        self._started = 0
        self._pause, self._resume = 0.0, 0.0
        self.socket = context.socket(zmq.PULL)
        self.socket.bind(_ADDRESS)

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers.values():
            worker.end()
        self.socket.close(0)

    def fill(self) -> None:
        """Start the workers that are missing; one that dies at once is not started again at once."""
        while len(self._workers) < self.count and time.monotonic() >= self._resume:
            self._started += 1
            try:
                self._folder.mkdir(mode=0o700, exist_ok=True)
                self._workers[self._started] = WorkerHandle(self._context, self._started, self._folder)
                self.trouble = ""
            except OSError as error:  # descriptors, processes or memory ran out: it is tried again
                self.trouble = f"no worker can be started: {error.strerror}"
                log.warning("%s", self.trouble)
                self._resume = time.monotonic() + 1.0

    def idle(self) -> WorkerHandle | None:
        """Return a worker with nothing to do."""
        return next((worker for worker in self._workers.values() if worker.key is None), None)

    def on(self, key: tuple[str, str]) -> WorkerHandle | None:
        """Return the worker that runs a job."""
        return next((worker for worker in self._workers.values() if worker.key == key), None)

    def reports(self) -> list[tuple[WorkerHandle, FromWorker | None]]:
        """Return what workers said since; None where one is dead, or says what no worker says."""
        found: list[tuple[WorkerHandle, FromWorker | None]] = []
        while self.socket.poll(0):
            number, header = self.socket.recv_multipart()
            worker = self._workers.get(int(number))
            if worker is None:
                continue
            worker.heard = time.monotonic()
            try:
                message = None if header == _END else decode(header)
            except InputError as error:
                log.warning("worker %d sent what is no message: %s", worker.number, error)
                message = None
            if message is None or isinstance(message, Progress | Finished | Failed | Stopped | Beat):
                found.append((worker, message))
        return found

    @property
    def workers(self) -> list[WorkerHandle]:
        """All workers."""
        return list(self._workers.values())

    def is_silent(self, worker: WorkerHandle) -> bool:
        """Tell whether a worker gives no sign of life, or did not stop its job in time."""
        now = time.monotonic()
        return (worker.deadline is not None and now > worker.deadline) or now - worker.heard > self._silence

    def is_too_large(self, worker: WorkerHandle) -> bool:
        """Tell whether a worker takes more memory than it may; looked at once a second."""
        now = time.monotonic()
        if worker.key is None or now - worker.looked < _LOOK:
            return False
        worker.looked = now
        return worker.memory > self.memory

    def remove(self, worker: WorkerHandle) -> int:
        """End a worker and return its exit code (negative: the signal)."""
        self._workers.pop(worker.number, None)
        lived = time.monotonic() - worker.started
        self._pause = 0.0 if worker.key is not None or lived > _MAX_PAUSE else min(_MAX_PAUSE, 2 * self._pause + 1)
        self._resume = time.monotonic() + self._pause
        code = worker.end()
        log.info("worker %d ended with %d", worker.number, code)
        return code


def _machine_memory() -> int:
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
