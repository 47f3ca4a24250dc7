"""The server's side of the workers: starts them, reads their reports, ends them."""

import contextlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time

import zmq

from parascale.errors import InputError
from parascale.link.codec import decode, encode
from parascale.link.messages import Beat, Cancel, Failed, Finished, FromWorker, Progress, Run, Stopped
from parascale.service.framing import read_message, write_message

log = logging.getLogger(__name__)

_ADDRESS = "inproc://workers"
_END = b""
_MAX_PAUSE = 30.0  # seconds between two starts of a worker that dies at once


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
    deadline : float or None
        When it is ended, because the cancelled job did not stop.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", number: int) -> None:
        self.number = number
        self.key: tuple[str, str] | None = None
        self.fraction, self.phase, self.sketch = 0.0, "", ""
        self.started = self.heard = time.monotonic()
        self.deadline: float | None = None
        command = [sys.executable, "-m", "parascale.service.worker"]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
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
        self.sketch = ""

    def run(self, folder: str, payload: str) -> None:
        """Have it run its job."""
        assert self.key is not None
        self._send(Run(self.key[1], folder, payload))

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
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", count: int, silence: float) -> None:
        self._context = context
        self._count = count
        self._silence = silence
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
        while len(self._workers) < self._count and time.monotonic() >= self._resume:
            self._started += 1
            self._workers[self._started] = WorkerHandle(self._context, self._started)

    def idle(self) -> WorkerHandle | None:
        """Return a worker with nothing to do."""
        return next((worker for worker in self._workers.values() if worker.key is None), None)

    def on(self, key: tuple[str, str]) -> WorkerHandle | None:
        """Return the worker that runs a job."""
        return next((worker for worker in self._workers.values() if worker.key == key), None)

    def reports(self) -> list[tuple[WorkerHandle, FromWorker | None]]:
        """Return what workers said since; None where one is dead."""
        found: list[tuple[WorkerHandle, FromWorker | None]] = []
        while self.socket.poll(0):
            number, header = self.socket.recv_multipart()
            worker = self._workers.get(int(number))
            if worker is None:
                continue
            worker.heard = time.monotonic()
            message = None if header == _END else decode(header)
            if message is None or isinstance(message, Progress | Finished | Failed | Stopped | Beat):
                found.append((worker, message))
        return found

    def overdue(self) -> list[WorkerHandle]:
        """Return the workers that did not stop in time, and those that hang."""
        now = time.monotonic()
        return [
            worker
            for worker in self._workers.values()
            if (worker.deadline is not None and now > worker.deadline) or now - worker.heard > self._silence
        ]

    def remove(self, worker: WorkerHandle) -> int:
        """End a worker and return its exit code (negative: the signal)."""
        del self._workers[worker.number]
        lived = time.monotonic() - worker.started
        self._pause = 0.0 if worker.key is not None or lived > _MAX_PAUSE else min(_MAX_PAUSE, 2 * self._pause + 1)
        self._resume = time.monotonic() + self._pause
        code = worker.end()
        log.info("worker %d ended with %d", worker.number, code)
        return code
