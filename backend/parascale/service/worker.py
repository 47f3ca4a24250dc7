"""A worker: runs one job after the other, told so over its pipe, and ends when the pipe closes."""

import base64
import contextlib
import faulthandler
import logging
import math
import os
import queue
import signal
import sys
import threading
import time
from pathlib import Path
from typing import IO, BinaryIO, NoReturn

from parascale.errors import Cancelled, InputError
from parascale.extras import missing_package
from parascale.link.codec import decode, encode
from parascale.link.limits import BEAT, LARGEST_SKETCH, SKETCH
from parascale.link.messages import Beat, Cancel, Failed, FileInfo, Finished, FromWorker, Progress, Run, Stopped
from parascale.link.request import JobResult
from parascale.link.transfer import describe_file
from parascale.logs import log_level
from parascale.service.framing import read_message, write_message
from parascale.service.jobs import JobContext, run_job
from parascale.service.store import RESULTS, WHERE, read_request
from parascale.types import to_json_values

log = logging.getLogger(__name__)

_NICE = 5  # the server answers its clients, and a user's programs go on, while jobs take all processors
_PROGRESS = 0.1  # seconds between two reports of progress
_MAX_MESSAGE = 400


class Worker:
    """What runs in the worker's process.

    Parameters
    ----------
    orders, reports : binary file
        The two ends of the pipe.
    """

    def __init__(self, orders: BinaryIO, reports: BinaryIO) -> None:
        self._orders = orders
        self._reports = reports
        self._writing = threading.Lock()
        self._runs: queue.SimpleQueue[Run] = queue.SimpleQueue()
        self._where: IO[str] | None = None
        self._cancelled: set[str] = set()
        self._told = 0.0

    def work(self) -> NoReturn:
        """Run jobs until the pipe closes."""
        threading.Thread(target=self._listen, daemon=True).start()
        threading.Thread(target=self._beat, daemon=True).start()
        while True:
            order = self._runs.get()
            try:
                self._report(self._outcome(order))
            except InputError as error:
                self._report(Failed(order.job, f"the job's result cannot be told: {error}"[:_MAX_MESSAGE]))

    def _outcome(self, order: Run) -> FromWorker:
        try:
            return self._run(order)
        except Cancelled:
            return Stopped(order.job)
        except InputError as error:
            return Failed(order.job, error.notice.message[:_MAX_MESSAGE], error.notice.remedy, error.notice.choices)
        except MemoryError:
            return Failed(order.job, "the backend has too little memory for this job")
        except OSError as error:
            log.exception("job %s", order.job)
            return Failed(order.job, f"the backend cannot read or write its files: {error.strerror or error}")
        except Exception as error:
            log.exception("job %s", order.job)
            told = str(error)[:_MAX_MESSAGE]
            return Failed(order.job, f"the job broke with {type(error).__name__}: {told} (more in the backend's log)")

    def _run(self, order: Run) -> Finished:
        folder = Path(order.folder)
        if hasattr(signal, "SIGUSR1"):
            self._where = (folder / WHERE).open("w")
            faulthandler.register(signal.SIGUSR1, self._where, all_threads=False)
        label, request = read_request(folder, order.payload)
        results = folder / RESULTS
        results.mkdir(exist_ok=True)
        context = JobContext(
            label.partition(" ")[2],
            results,
            lambda fraction, phase: self._progress(order.job, fraction, phase, results / SKETCH),
            lambda: order.job in self._cancelled,
        )
        try:
            result = run_job(request, context)
        except InputError:
            # What there is to choose from is shown before the refusal is.
            if sketch := _taken(results / SKETCH):
                self._report(Progress(order.job, 0.0, "", sketch))
            raise
        except ImportError as error:
            raise missing_package(error, "this job") or error from error
        return Finished(order.job, dict(to_json_values(result.summary)), _collect(result, results))

    def _progress(self, job: str, fraction: float, phase: str, sketch: Path) -> None:
        now = time.monotonic()
        if now - self._told >= _PROGRESS and math.isfinite(fraction):
            self._told = now
            self._report(Progress(job, min(1.0, max(0.0, float(fraction))), phase, _taken(sketch)))

    def _report(self, message: FromWorker) -> None:
        with self._writing:
            write_message(self._reports, encode(message))

    def _listen(self) -> None:
        with contextlib.suppress(InputError, OSError):
            while (message := read_message(self._orders)) is not None:
                order = decode(message[0])
                if isinstance(order, Run):
                    self._runs.put(order)
                elif isinstance(order, Cancel):
                    self._cancelled.add(order.job)
        _leave()

    def _beat(self) -> None:
        while True:
            time.sleep(BEAT)
            try:
                self._report(Beat())
            except OSError:
                _leave()


def _taken(sketch: Path) -> str:
    """Take a sketch that was left since the last time, in Base64; empty where there is none or it is too large."""
    if not sketch.exists():
        return ""
    content = sketch.read_bytes()
    sketch.unlink()
    return base64.b64encode(content).decode() if len(content) <= LARGEST_SKETCH else ""


def _collect(result: JobResult, folder: Path) -> tuple[FileInfo, ...]:
    infos = []
    for role, path in result.files.items():
        info = describe_file(role, path)
        path.replace(folder / info.name)
        infos.append(info)
    return tuple(infos)


def _leave() -> NoReturn:
    """End now, with everything this worker started: nobody is left to report to."""
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(os.getpgrp(), signal.SIGKILL)
    os._exit(1)


def main() -> NoReturn:
    """Take the pipe off standard input and output, so that a library that prints cannot break a message."""
    logging.basicConfig(level=log_level() or logging.WARNING, format="worker: %(name)s: %(message)s")
    if hasattr(signal, "SIGUSR1"):  # until a job is there, nothing answers it
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    if hasattr(os, "nice"):
        os.nice(_NICE)
    orders = os.fdopen(os.dup(0), "rb")
    reports = os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(sys.stderr.fileno(), 1)
    Worker(orders, reports).work()


if __name__ == "__main__":
    main()
