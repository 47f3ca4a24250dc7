"""Where jobs are taken in, handed to workers and followed to their end."""

import contextlib
import itertools
import logging
import signal
import sqlite3
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import zmq

from parascale.errors import InputError, Remedy
from parascale.link import messages as m
from parascale.link.arrays import from_frames
from parascale.link.codec import build
from parascale.link.kinds import KINDS
from parascale.link.limits import JOB_ID
from parascale.link.transfer import Receiver, Sender, check_files
from parascale.service.journal import Job, JobChanges, Journal, new_job
from parascale.service.pool import Pool, WorkerHandle
from parascale.service.store import INPUTS, REQUEST, RESULTS, Store, payload_hash

log = logging.getLogger(__name__)

MAX_JOBS = 500
"""Jobs a client may have under way, and those it is told of."""

KEPT = 7 * 24 * 3600.0
"""Seconds for which a job that failed, was cancelled or lost is remembered, and one is waited for that never came."""

MAX_ATTEMPTS = 3
"""Starts of a job that each ended with the server's death, after which it is taken for the reason."""

_SWEEP = 3600.0  # seconds between two looks for jobs to forget
_MAX_LABEL = 200
_MAX_MESSAGE = 500
_SENDERS = 16
Key = tuple[str, str]
Answer = tuple[m.Message] | tuple[m.Message, list[bytes]]


class RefusedError(InputError):
    """What a client asked for cannot be; the code is for programs."""

    def __init__(self, code: m.Refusal, message: str) -> None:
        super().__init__(message)
        self.code: m.Refusal = code


@dataclass(eq=False)
class _Upload:
    receiver: Receiver
    peer: bytes


class Dispatcher:
    """Jobs: journal, store, workers and transfers together.

    Parameters
    ----------
    state : Path
        Folder of the journal and the store; made where missing.
    context : zmq.Context
    workers : int
        Jobs at a time.
    quota : int
        Bytes of all jobs above which new ones are refused.
    worker_silence : float
        Seconds after which a silent worker is ended.
    announce : callable
        Tells a job's owner that it changed.
    send : callable
        Sends a message to one peer.
    """

    def __init__(
        self,
        state: Path,
        context: "zmq.Context[zmq.Socket[bytes]]",
        workers: int,
        quota: int,
        worker_silence: float,
        announce: Callable[[str, m.JobStatus], None],
        send: Callable[[bytes, m.Message], None],
    ) -> None:
        try:
            state.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._store = Store(state / "jobs")
            self._journal = Journal(state / "journal.sqlite")
        except OSError as error:
            raise InputError(f"the state folder {state} cannot be written: {error.strerror}") from error
        self._quota = quota
        self._silence = worker_silence
        self._announce = announce
        self._send = send
        self._uploads: dict[Key, _Upload] = {}
        self._senders: OrderedDict[Key, Sender] = OrderedDict()
        self._swept = -_SWEEP
        self._recover()
        self._pool = Pool(context, workers, worker_silence)

    @property
    def socket(self) -> "zmq.Socket[bytes]":
        """Readable when a worker says something."""
        return self._pool.socket

    @property
    def busy(self) -> bool:
        """Whether a job runs or could run."""
        return self._journal.has_work()

    def close(self) -> None:
        """End the workers; what they were doing is done again by the next server."""
        self._pool.close()
        with contextlib.suppress(sqlite3.Error):  # where the disk is full, it counts as one more attempt
            for job in self._journal.in_states(["running"]):
                self._journal.change(job, state="queued", attempts=job.attempts - 1)
        for upload in self._uploads.values():
            upload.receiver.close()
        self._journal.close()

    def handle(self, owner: str, peer: bytes, message: m.Message, frames: list[bytes]) -> Answer | None:
        """Do what a client asks and return the answer.

        Raises
        ------
        RefusedError
            Where it cannot be.
        InputError
            Where it is malformed.
        """
        if isinstance(message, m.Submit):
            return (m.Status(message.request, self._submit(owner, peer, message, frames)),)
        if isinstance(message, m.Ask):
            return (m.Status(message.request, self._status(self._find(owner, message.job))),)
        if isinstance(message, m.AskAll):
            jobs = self._journal.of(owner, MAX_JOBS)
            return (m.StatusAll(message.request, tuple(self._status(job) for job in jobs)),)
        if isinstance(message, m.Cancel):
            return (m.Status(message.request, self._status(self._cancel(self._find(owner, message.job)))),)
        return self._handle_files(owner, message, frames)

    def _handle_files(self, owner: str, message: m.Message, frames: list[bytes]) -> Answer | None:
        if isinstance(message, m.AskResult):
            job = self._done(owner, message.job)
            return (m.Result(message.request, job.job, job.summary, job.results),)
        if isinstance(message, m.Delete):
            self._delete(self._find(owner, message.job))
            return (m.Deleted(message.request, message.job),)
        if isinstance(message, m.Clean):
            return (m.Cleaned(message.request, self._journal.forget_dead(owner=owner)),)
        if isinstance(message, m.Pull):
            return self._send_chunk(owner, message)
        if isinstance(message, m.Chunk | m.NoChunk):
            self._receive_chunk(owner, message, frames)
            return None
        raise InputError(f"a server takes no {type(message).__name__}")

    def turn(self) -> None:
        """Hear the workers, end the hung, give work to the idle, ask for what uploads lack."""
        for worker, report in self._pool.reports():
            self._handle_report(worker, report)
        for worker in self._pool.overdue():
            self._end_worker(worker, f"its worker gave no sign of life for {self._silence:g} s and was ended")
        self._pool.fill()
        while (idle := self._pool.idle()) and (job := self._journal.next_ready()):
            self._start(idle, job)
        for key in list(self._uploads):
            self._request_chunks(key)
        if time.monotonic() - self._swept >= _SWEEP:
            self._swept = time.monotonic()
            self._forget_old()

    # Taking in

    def _submit(self, owner: str, peer: bytes, submit: m.Submit, frames: list[bytes]) -> m.JobStatus:
        if not JOB_ID.fullmatch(submit.job):
            raise InputError(f"{submit.job[:40]!r} is no job id: 32 hexadecimal digits are needed")
        if len(submit.label) > _MAX_LABEL:
            raise InputError(f"a label has {len(submit.label)} letters where {_MAX_LABEL} are allowed")
        if submit.kind not in KINDS:
            raise InputError(f"submit.kind is not one of {', '.join(KINDS)}")
        build(KINDS[submit.kind].fields_type, submit.fields, submit.kind)
        check_files(submit.files)
        from_frames(submit.arrays, frames)
        payload = payload_hash(submit, frames)
        job = self._journal.find(owner, submit.job)
        if job is None:
            job = self._take_in(owner, submit, frames, payload)
        elif job.payload != payload:
            raise RefusedError("conflict", f"job {submit.job} was submitted before and asks for something else")
        if job.state == "queued" and not job.received:
            self._start_upload(job, peer)
        return self._status(job)

    def _take_in(self, owner: str, submit: m.Submit, frames: list[bytes], payload: str) -> Job:
        size = sum(map(len, frames)) + sum(file.size for file in submit.files)
        used, count = self._journal.totals(owner)
        if used + size > self._quota:
            raise RefusedError(
                "quota",
                f"the backend's store has room for {self._quota / 1e9:.3g} GB and holds {used / 1e9:.3g} GB: "
                "fetch and delete finished jobs",
            )
        if count >= MAX_JOBS:
            raise RefusedError("quota", f"this client has {count} jobs under way: wait for some or cancel them")
        try:
            self._store.write(owner, submit, frames)
        except OSError as error:
            raise RefusedError("quota", f"the backend cannot store the job: {error.strerror}") from error
        job = new_job(owner, submit.job, submit.kind, submit.label, payload, submit.files, size)
        self._journal.add(job)
        return job

    def _start_upload(self, job: Job, peer: bytes) -> None:
        """Pull the job's files from a peer; where it was another one before, go on from there."""
        upload = self._uploads.get(job.key)
        if upload is None:
            self._uploads[job.key] = _Upload(Receiver(job.files, self._folder(job) / INPUTS), peer)
        elif upload.peer != peer:
            upload.peer = peer
            upload.receiver.ask_again()

    def _receive_chunk(self, owner: str, message: m.Chunk | m.NoChunk, frames: list[bytes]) -> None:
        upload = self._uploads.get((owner, message.job))
        if upload is None:
            return
        try:
            if isinstance(message, m.NoChunk):
                raise InputError(f"the client cannot send its file: {message.message}")
            upload.receiver.take(message.chunk, b"".join(frames))
        except InputError as error:
            self._fail(self._find(owner, message.job), str(error))
            return
        self._request_chunks((owner, message.job))

    def _request_chunks(self, key: Key) -> None:
        upload = self._uploads[key]
        try:
            for chunk in upload.receiver.wanted():
                self._send(upload.peer, m.Pull(key[1], chunk))
        except InputError as error:
            self._fail(self._find(*key), str(error))
            return
        if upload.receiver.complete:
            del self._uploads[key]
            self._change(self._find(*key), received=True)

    # Working

    def _start(self, worker: WorkerHandle, job: Job) -> None:
        if not (self._folder(job) / REQUEST).is_file():
            self._finish(job, state="lost", message="what was submitted is no longer in the store: submit it again")
            return
        worker.take(job.key)
        self._change(job, state="running", attempts=job.attempts + 1, started=time.time(), ended=None)
        worker.run(str(self._folder(job)), job.payload)

    def _handle_report(self, worker: WorkerHandle, report: m.FromWorker | None) -> None:
        if report is None:
            self._end_worker(worker, None)
            return
        if isinstance(report, m.Beat) or worker.key is None or report.job != worker.key[1]:
            return
        job = self._find(*worker.key)
        if isinstance(report, m.Progress):
            worker.fraction, worker.phase = report.fraction, report.phase
            worker.sketch = report.sketch or worker.sketch
            self._announce(job.owner, self._status(job))
            return
        worker.free()
        if isinstance(report, m.Finished):
            size = job.size + sum(file.size for file in report.files)
            self._finish(job, state="done", summary=report.summary, results=report.files, size=size)
        elif isinstance(report, m.Failed):
            self._fail(job, report.message, report.remedy, report.choices)
        else:
            self._finish(job, state="cancelled")

    def _end_worker(self, worker: WorkerHandle, reason: str | None) -> None:
        """End a worker that is dead, hung or does not stop, and with it its job alone."""
        code = self._pool.remove(worker)
        if worker.key is None:
            return
        job = self._find(*worker.key)
        if job.state == "cancelling":
            self._finish(job, state="cancelled")
        else:
            self._fail(job, reason or _exit_reason(code))

    def _cancel(self, job: Job) -> Job:
        if job.state == "queued":
            return self._finish(job, state="cancelled")
        worker = self._pool.on(job.key)
        if job.state == "running" and worker is not None:
            job = self._change(job, state="cancelling")
            worker.cancel(KINDS[job.kind].grace)
        return job

    def _fail(self, job: Job, message: str, remedy: Remedy = "", choices: tuple[str, ...] = ()) -> None:
        choices = _shortened(choices)
        self._finish(job, state="failed", message=message[:_MAX_MESSAGE], remedy=remedy, choices=choices)

    def _finish(self, job: Job, **values: Unpack[JobChanges]) -> Job:
        upload = self._uploads.pop(job.key, None)
        if upload is not None:
            upload.receiver.close()
        values["ended"] = time.time()
        job = self._journal.change(job, **values)
        if job.state in m.DEAD:
            self._store.remove(*job.key)  # nobody can ask for its files
        self._announce(job.owner, self._status(job))
        return job

    def _forget_old(self) -> None:
        """Forget the dead after a while, and give up waiting for files that never come."""
        old = time.time() - KEPT
        self._journal.forget_dead(old)
        for job in self._journal.in_states(["queued"]):
            if not job.received and job.created < old:
                self._finish(job, state="lost", message="its files never came: submit it again")

    # Giving out

    def _send_chunk(self, owner: str, message: m.Pull) -> Answer:
        try:
            job = self._done(owner, message.job)
            if job.key not in self._senders:
                folder = self._folder(job) / RESULTS
                self._senders[job.key] = Sender([(file, folder / file.name) for file in job.results])
                while len(self._senders) > _SENDERS:
                    self._senders.popitem(last=False)
            data = self._senders[job.key].read(message.chunk)
        except InputError as error:
            return (m.NoChunk(message.job, message.chunk, str(error)),)
        return m.Chunk(message.job, message.chunk), [data]

    def _delete(self, job: Job) -> None:
        if not job.final:
            raise RefusedError("not-done", f"job {job.job} is {job.state}: cancel it first")
        self._senders.pop(job.key, None)
        self._journal.remove(job)
        self._store.remove(job.owner, job.job)

    # What is known

    def _find(self, owner: str, job_id: str) -> Job:
        job = self._journal.find(owner, job_id)
        if job is None:
            raise RefusedError("unknown-job", f"there is no job {job_id[:40]} of this client")
        return job

    def _done(self, owner: str, job_id: str) -> Job:
        job = self._find(owner, job_id)
        if job.state != "done":
            raise RefusedError("not-done", f"job {job.job} is {job.state}{': ' * bool(job.message)}{job.message}")
        return job

    def _status(self, job: Job) -> m.JobStatus:
        worker = self._pool.on(job.key)
        if worker is not None:
            return job.status(worker.fraction, worker.phase, worker.sketch)
        upload = self._uploads.get(job.key)
        if job.state == "queued" and not job.received:
            return job.status(upload.receiver.fraction if upload else 0.0, "waiting for files")
        return job.status(0.0, "waiting for a worker" if job.state == "queued" else "")

    def _change(self, job: Job, **values: Unpack[JobChanges]) -> Job:
        job = self._journal.change(job, **values)
        self._announce(job.owner, self._status(job))
        return job

    def _folder(self, job: Job) -> Path:
        return self._store.of(job.owner, job.job)

    def _recover(self) -> None:
        """Decide about the jobs that the last server left unfinished, and sweep up after it."""
        for job in self._journal.in_states(["running", "cancelling"]):
            if job.state == "cancelling":
                self._journal.change(job, state="cancelled", ended=time.time())
            elif job.attempts >= MAX_ATTEMPTS:
                message = f"the backend died {job.attempts} times while it ran this job, which is not tried again"
                self._journal.change(job, state="lost", message=message, ended=time.time())
            else:
                self._journal.change(job, state="queued")
        self._store.sweep({self._store.of(*key) for key in self._journal.with_files()})


def _shortened(choices: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first choices, as many as leave room for 500 jobs in a header."""
    lengths = itertools.accumulate(map(len, choices))
    return tuple(choice for choice, length in zip(choices, lengths, strict=True) if length <= _MAX_MESSAGE)


def _exit_reason(code: int) -> str:
    if code < 0:
        name = signal.Signals(-code).name
        hint = ", which the system does where memory runs out" if -code == signal.SIGKILL else ""
        return f"its worker was ended by {name}{hint}: submit the job again"
    return f"its worker ended with code {code}: submit the job again"
