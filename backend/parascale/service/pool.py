"""The server's side of the workers: reads their reports, starts and ends those of this machine."""

import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

import zmq

from parascale.errors import InputError
from parascale.link.codec import decode
from parascale.link.messages import Beat, Cancel, Failed, Finished, FromWorker, Progress, Run, Stopped
from parascale.link.resources import Resources
from parascale.service.evidence import exit_reason, where_it_was
from parascale.service.worker_handle import ADDRESS, END, WorkerHandle
from parascale.service.worker_process import WorkerProcess, machine_memory

log = logging.getLogger(__name__)

MEMORY_SHARE = 0.8
"""Of a machine's main memory, that all workers on it together may take."""

_MAX_PAUSE = 30.0  # seconds between two starts of a worker that dies at once
_LOOK = 1.0  # seconds between two looks at a worker's memory
_JOIN = 0.5  # seconds for the end of a pipe to be seen; what a worker left behind may keep it open


class Pool(ABC):
    """All workers of a server.

    Parameters
    ----------
    context : zmq.Context
    count : int
        How many, at most.
    silence : float
        Seconds without a sign of life after which a worker counts as hung.

    Attributes
    ----------
    trouble : str
        What keeps it from starting workers, one sentence; empty where nothing does.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", count: int, silence: float) -> None:
        self.count = count
        self.trouble = ""
        self._silence = silence
        self._workers: dict[int, WorkerHandle] = {}
        self._started = 0
        self._pause, self._resume = 0.0, 0.0
        self.socket = context.socket(zmq.PULL)
        self.socket.bind(ADDRESS)

    @abstractmethod
    def _new(self, number: int, resources: Resources) -> WorkerHandle:
        """Start a worker.

        Raises
        ------
        OSError
            Where that cannot be now.
        """

    @abstractmethod
    def fill(self) -> None:
        """Start the workers that are kept ready."""

    @abstractmethod
    def assign(self, wanted: Sequence[Resources]) -> list[WorkerHandle | None]:
        """Return a worker for each of some jobs, by what they need; None where one has to wait."""

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers.values():
            worker.end()
        self.socket.close(0)

    @property
    def workers(self) -> list[WorkerHandle]:
        """All workers."""
        return list(self._workers.values())

    @property
    def has_room(self) -> bool:
        """Whether another job could run now."""
        return sum(worker.key is not None for worker in self._workers.values()) < self.count

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
                message = None if header == END else decode(header)
            except InputError as error:
                log.warning("worker %d sent what is no message: %s", worker.number, error)
                message = None
            if message is None or isinstance(message, Progress | Finished | Failed | Stopped | Beat):
                found.append((worker, message))
        return found

    def is_silent(self, worker: WorkerHandle) -> bool:
        """Tell whether a worker gives no sign of life."""
        return worker.ready and time.monotonic() - worker.heard > self._silence

    def is_too_large(self, worker: WorkerHandle) -> bool:
        """Tell whether a worker takes more memory than it may; looked at once a second."""
        now = time.monotonic()
        if worker.key is None or now - worker.looked < _LOOK:
            return False
        worker.looked = now
        return worker.memory > worker.limit

    def release(self) -> int:
        """End the workers that ran a job and have none now: a new one holds no GPU. Return how many there were."""
        idle = [worker for worker in self._workers.values() if worker.used and worker.key is None]
        for worker in idle:
            del self._workers[worker.number]
            worker.end()
        return len(idle)

    def remove(self, worker: WorkerHandle) -> str:
        """End a worker and return how it ended, in words."""
        self._workers.pop(worker.number, None)
        lived = time.monotonic() - worker.started
        self._pause = 0.0 if worker.key is not None or lived > _MAX_PAUSE else min(_MAX_PAUSE, 2 * self._pause + 1)
        self._resume = time.monotonic() + self._pause
        reason = worker.end()
        log.info("worker %d %s", worker.number, reason)
        return reason

    def _start(self, resources: Resources) -> WorkerHandle | None:
        """Start a worker; one that dies at once is not started again at once."""
        if time.monotonic() < self._resume:
            return None
        self._started += 1
        try:
            worker = self._workers[self._started] = self._new(self._started, resources)
        except OSError as error:  # descriptors, processes or memory ran out: it is tried again
            self.trouble = f"no worker can be started: {error.strerror}"
            log.warning("%s", self.trouble)
            self._resume = time.monotonic() + 1.0
            return None
        self.trouble = ""
        return worker


class LocalWorker(WorkerHandle):
    """A worker process of this machine."""

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", number: int, folder: Path, limit: int) -> None:
        super().__init__(number, limit)
        self._process = WorkerProcess(folder)
        self._folder = folder
        self._thread = threading.Thread(target=self._listen, args=(context,), daemon=True)
        self._thread.start()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def memory(self) -> int:
        """See `WorkerHandle`."""
        return self._process.memory

    def run(self, folder: Path, payload: str) -> None:
        """See `WorkerHandle`."""
        assert self.key is not None
        self._folder = folder
        self._process.send(Run(self.key[1], str(folder), payload))

    def end(self) -> str:
        """See `WorkerHandle`."""
        code = self._process.end()
        self._thread.join(_JOIN)
        return "did not end when it was killed" if code is None else exit_reason(code)

    def _ask_where(self) -> None:
        self._process.ask_where()

    def _wrote_where(self) -> bool:
        return bool(where_it_was(self._folder))

    def _stop(self) -> None:
        assert self.key is not None
        self._process.send(Cancel(0, self.key[1]))

    def _listen(self, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        number = str(self.number).encode()
        with context.socket(zmq.PUSH) as push, self._process.reports:
            push.linger = 0
            push.connect(ADDRESS)
            with contextlib.suppress(InputError, OSError):
                while (message := self._process.read()) is not None:
                    push.send_multipart([number, message[0]])
            with contextlib.suppress(zmq.ZMQError):
                push.send_multipart([number, END])


class LocalPool(Pool):
    """Worker processes of this machine, all kept ready.

    Parameters
    ----------
    context, count, silence
        As `Pool` takes them.
    folder : Path
        Made where missing; the working folder of the workers, in which nothing is.
    memory : int
        Bytes of main memory a worker may take; 0 is its share of the machine's.
    """

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", count: int, silence: float, folder: Path, memory: int = 0
    ) -> None:
        super().__init__(context, count, silence)
        self._context = context
        self._folder = folder
        self._memory = memory or round(MEMORY_SHARE * machine_memory() / count)

    def fill(self) -> None:
        """See `Pool`."""
        while len(self._workers) < self.count and self._start(Resources()) is not None:
            pass

    def assign(self, wanted: Sequence[Resources]) -> list[WorkerHandle | None]:
        """See `Pool`; each worker has all that this machine has."""
        idle = iter([worker for worker in self._workers.values() if worker.key is None])
        return [next(idle, None) for _ in wanted]

    def _new(self, number: int, resources: Resources) -> WorkerHandle:
        return LocalWorker(self._context, number, self._folder, self._memory)
