"""Where jobs are taken in, handed to workers and followed to their end."""

import contextlib
import itertools
import json
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Unpack

import zmq

from parascale.errors import InputError, Remedy
from parascale.link import messages as m
from parascale.link.kinds import KINDS
from parascale.link.limits import PAGE
from parascale.link.state import JOURNAL_FILE
from parascale.logs import log_event
from parascale.service.access import Owner
from parascale.service.admission import RefusedError, check_submission, stall_of
from parascale.service.evidence import exit_reason, where_it_was
from parascale.service.journal import Job, JobChanges, Journal, new_job
from parascale.service.lifecycle import Event, Tries, next_state
from parascale.service.limits import KEPT, UPLOAD_KEPT, Limits
from parascale.service.pool import Pool, WorkerHandle
from parascale.service.store import INPUTS, REQUEST, RESULTS, Store, payload_hash, read_submission
from parascale.service.transfers import Downloads, Key, Uploads

log = logging.getLogger(__name__)

_SWEEP = 3600.0  # seconds between two looks for jobs to forget
_RETRY = 1.0  # seconds before what the journal did not take is tried again
_MAX_MESSAGE = 500
Answer = tuple[m.Message] | tuple[m.Message, list[bytes]]


class Dispatcher:
    """Jobs: journal, store, workers and transfers together.

    Parameters
    ----------
    state : Path
        Folder of the journal and the store; ours already.
    context : zmq.Context
    workers : int
        Jobs at a time.
    limits : Limits
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
        limits: Limits,
        worker_silence: float,
        announce: Callable[[str, m.JobStatus], None],
        send: Callable[[bytes, m.Message], None],
    ) -> None:
        try:
            self._journal = Journal(state / JOURNAL_FILE)
            self._store = Store(state / "jobs", self._journal.identity)
        except OSError as error:
            raise InputError(f"the state folder {state} cannot be written: {error.strerror}") from error
        self._limits = limits
        self._silence = worker_silence
        self._announce = announce
        self._uploads = Uploads(send)
        self._downloads = Downloads()
        self._stalls: dict[int, float] = {}
        self._pending: deque[Callable[[], None]] = deque()
        self._waits_until = 0.0
        self._swept = -_SWEEP
        self._recovered = False
        self.trouble = ""
        self._store.sweep({self._store.of(*key) for key in self._journal.with_files()})
        with self._journal_may_fail():
            self._recover()
        self._pool = Pool(context, workers, worker_silence, state / "empty", limits.worker_memory)

    @property
    def socket(self) -> "zmq.Socket[bytes]":
        """Readable when a worker says something."""
        return self._pool.socket

    @property
    def busy(self) -> bool:
        """Whether a job runs or could run."""
        return self._journal.has_work()

    def health(self) -> tuple[int, int, int, int, tuple[str, ...]]:
        """Return the number of workers, of running and of waiting jobs, the bytes free, and what is wrong."""
        free = self._store.free
        troubles = [text for text in (self.trouble, self._pool.trouble) if text]
        if free < self._store.spare:
            troubles.append(f"the disk of the state folder has {free / 1e6:.0f} MB left")
        return self._pool.count, *self._journal.count_work(), free, tuple(troubles)

    def close(self) -> None:
        """End the workers; what they were doing is done again by the next server."""
        self._pool.close()
        with contextlib.suppress(sqlite3.Error):  # where the disk is full, it counts as one more attempt
            for job in self._journal.in_states(["running", "cancelling"]):
                self._happen(job, "backend-stops")
        self._uploads.close()
        self._journal.close()

    def handle(self, owner: Owner, peer: bytes, message: m.Message, frames: list[bytes]) -> Answer | None:
        """Do what a client asks and return the answer.

        Raises
        ------
        RefusedError
            Where it cannot be.
        InputError
            Where it is malformed.
        """
        key = owner.key
        if isinstance(message, m.Submit):
            return (m.Status(message.request, self._submit(owner, peer, message, frames)),)
        if isinstance(message, m.Ask):
            return (m.Status(message.request, self._status(self._find(key, message.job))),)
        if isinstance(message, m.AskAll):
            return (self._list(key, message),)
        if isinstance(message, m.Cancel):
            return (m.Status(message.request, self._status(self._cancel(self._find(key, message.job)))),)
        return self._handle_files(key, message, frames)

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
            self._pending.append(partial(self._handle_report, worker, report))
        if time.monotonic() < self._waits_until:
            return
        with self._journal_may_fail():
            if not self._recovered:
                self._recover()
            while self._pending:
                self._do(self._pending[0])
                self._pending.popleft()
            for worker in self._pool.workers:
                self._check_worker(worker)
            self._pool.fill()
            while (idle := self._pool.idle()) and (job := self._journal.next_ready()):
                self._start(idle, job)
            for key in self._uploads:
                self._request_chunks(key)
            if time.monotonic() - self._swept >= _SWEEP:
                self._swept = time.monotonic()
                self._forget_old()
                self._store.keep_ballast()

    def _do(self, what: Callable[[], None]) -> None:
        """Do what has to be done once; a mistake of ours in it ends here, a journal that is full does not."""
        try:
            what()
        except sqlite3.OperationalError:
            raise
        except Exception:
            log.exception("a worker's report was dropped")

    @contextlib.contextmanager
    def _journal_may_fail(self) -> Iterator[None]:
        """Keep what the journal does not take, because the disk is full, for later; nothing is announced before."""
        try:
            yield
        except sqlite3.OperationalError as error:
            self.note_full_disk(error)
        else:
            self.trouble = ""

    def note_full_disk(self, error: sqlite3.OperationalError) -> None:
        """Wait before the journal is written again, and give it the room that was kept for it."""
        self._waits_until = time.monotonic() + _RETRY
        if not self.trouble:
            self.trouble = f"the journal cannot be written: {error}"
            log.warning("%s; it is tried again", self.trouble)
        self._store.drop_ballast()

    # Taking in

    def _submit(self, owner: Owner, peer: bytes, submit: m.Submit, frames: list[bytes]) -> m.JobStatus:
        check_submission(owner, submit, frames)
        payload = payload_hash(submit, frames)
        job = self._journal.find(owner.key, submit.job)
        if job is None:
            job = self._take_in(owner, submit, frames, payload)
        elif job.payload != payload:
            raise RefusedError("conflict", f"job {submit.job} was submitted before and asks for something else")
        if job.state == "queued" and not job.received:
            try:
                self._uploads.start(job, self._folder(job) / INPUTS, peer)
            except InputError as error:
                job = self._fail(job, str(error))
        return self._status(job)

    def _take_in(self, owner: Owner, submit: m.Submit, frames: list[bytes], payload: str) -> Job:
        size = sum(map(len, frames)) + sum(file.size for file in submit.files)
        self._check_room(owner, size)
        try:
            self._store.write(owner.key, submit, frames)
        except OSError as error:
            raise RefusedError("quota", f"the backend cannot store the job: {error.strerror}") from error
        try:
            job = self._journal.add(
                new_job(owner.key, submit.job, submit.kind, submit.label, payload, submit.files, size)
            )
        except sqlite3.Error:
            self._store.remove(owner.key, submit.job)
            raise
        log_event(log, "accepted", job=job.job, client=owner.name, kind=job.kind, bytes=size)
        return job

    def _check_room(self, owner: Owner, size: int) -> None:
        """Refuse a job for which there is no room: of all, of its client, or on the disk."""
        announced, count = self._journal.totals(owner.key)
        limit, here = min(self._limits.quota, self._limits.client_quota), self._journal.bytes_here()
        if announced + size > limit or here + size > self._limits.quota:
            raise RefusedError(
                "quota",
                f"the backend's store has room for {limit / 1e9:.3g} GB of a client's jobs and "
                f"{max(0, min(limit - announced, self._limits.quota - here)) / 1e9:.3g} GB are left: "
                "fetch and delete finished jobs",
            )
        if count >= self._limits.client_jobs:
            raise RefusedError("quota", f"this client has {count} jobs under way: wait for some or cancel them")
        free = self._store.free - self._store.spare - self._uploads.expected
        if size > free:
            raise RefusedError(
                "quota",
                f"the backend's disk has room for {max(0, free) / 1e9:.3g} GB and the job needs {size / 1e9:.3g} GB",
            )

    def _receive_chunk(self, owner: str, message: m.Chunk | m.NoChunk, frames: list[bytes]) -> None:
        key = owner, message.job
        try:
            expected = self._uploads.take(key, message, frames)
        except InputError as error:
            self._give_up(key, str(error))
            return
        if expected:
            self._request_chunks(key)

    def _request_chunks(self, key: Key) -> None:
        try:
            complete = self._uploads.pull(key)
        except InputError as error:
            self._give_up(key, str(error))
            return
        if complete:
            self._happen(self._find(*key), "receive", received=True)
            self._uploads.drop(key)

    def _give_up(self, key: Key, message: str) -> None:
        """Take no more of a job's files, and have it fail as soon as the journal can be written."""
        self._uploads.drop(key)
        self._pending.append(lambda: self._settle_upload(key, message))

    def _settle_upload(self, key: Key, message: str) -> None:
        job = self._find(*key)
        if not job.final:
            self._fail(job, message)

    # Working

    def _start(self, worker: WorkerHandle, job: Job) -> None:
        folder = self._folder(job)
        try:
            found = read_submission(folder) if (folder / REQUEST).is_file() else None
        except (OSError, InputError):  # the worker finds out what is wrong with it
            found = None
        if not (folder / REQUEST).is_file():
            self._happen(job, "lose", message="what was submitted is no longer in the store: submit it again")
            return
        stall = KINDS[job.kind].stall if found is None else stall_of(found[0])
        self._stalls[worker.number] = self._limits.stall * stall
        self._happen(job, "start", started=time.time(), ended=None)
        worker.take(job.key)
        worker.run(str(folder), job.payload)

    def _handle_report(self, worker: WorkerHandle, report: m.FromWorker | None) -> None:
        if report is None:
            self._end_worker(worker, "worker-dies", "")
            return
        if isinstance(report, m.Beat) or worker.key is None or report.job != worker.key[1]:
            return
        job = self._find(*worker.key)
        if isinstance(report, m.Progress):
            worker.note_progress(report)
            self._announce(job.owner, self._status(job))
            return
        if isinstance(report, m.Finished):
            size = job.size + sum(file.size for file in report.files)
            self._happen(job, "finish", summary=report.summary, results=report.files, size=size)
        elif isinstance(report, m.Failed):
            self._fail(job, report.message, report.remedy, report.choices)
        else:
            self._happen(job, "stop")
        worker.free()

    def _check_worker(self, worker: WorkerHandle) -> None:
        """End a worker that hangs, does not stop, or takes too much memory."""
        if self._pool.is_silent(worker):
            self._end_worker(worker, "worker-dies", f"gave no sign of life for {self._silence:g} s and was ended")
        elif self._pool.is_too_large(worker):
            assert worker.key is not None
            message = f"the job takes more than the {self._pool.memory / 1e9:.3g} GB of memory it may take"
            self._fail(self._find(*worker.key), message)
            worker.free()
            self._pool.remove(worker)
        elif worker.key is not None and time.monotonic() - worker.moved > self._stalls[worker.number]:
            worker.ask_where()
            told = f"made no progress for {self._stalls[worker.number]:g} s while {worker.phase}"
            self._end_worker(worker, "hang", told + where_it_was(self._store.of(*worker.key)))

    def _end_worker(self, worker: WorkerHandle, event: Event, reason: str) -> None:
        """End a worker that is dead, hung or does not stop; its job is tried again, or is over."""
        code = self._pool.remove(worker)
        self._stalls.pop(worker.number, None)
        if worker.key is not None:
            self._pending.append(partial(self._settle, worker.key, event, reason or exit_reason(code)))

    def _settle(self, key: Key, event: Event, reason: str) -> None:
        """Write what becomes of the job whose worker is gone."""
        job = self._find(*key)
        log_event(log, event, job=job.job, kind=job.kind, reason=reason, attempts=job.attempts)
        tries = f"{job.attempts} times" if job.attempts > 1 else "once"
        message = f"its worker {reason}; tried {tries}"
        self._happen(job, event, message=message[:_MAX_MESSAGE])

    def _cancel(self, job: Job) -> Job:
        worker = self._pool.on(job.key)
        if job.final or job.state == "cancelling" or (job.state == "running" and worker is None):
            return job
        job = self._happen(job, "cancel")
        if worker is not None:
            worker.cancel(KINDS[job.kind].grace)
        return job

    def _fail(self, job: Job, message: str, remedy: Remedy = "", choices: tuple[str, ...] = ()) -> Job:
        choices = _shortened(choices)
        return self._happen(job, "fail", message=message[:_MAX_MESSAGE], remedy=remedy, choices=choices)

    def _happen(self, job: Job, event: Event, **values: Unpack[JobChanges]) -> Job:
        """Write to the journal what follows an event, then do what belongs to it, and tell the job's owner."""
        state, tries = next_state(job.state, event, Tries(job.attempts, job.hangs))
        values["state"], values["attempts"], values["hangs"] = state, tries.attempts, tries.hangs
        if state in m.FINAL:
            values["ended"] = time.time()
        elif state == "queued":  # tried again: nothing of the last time is told
            values["message"], values["ended"] = "", None
        before, job = job.state, self._journal.change(job, **values)
        if state in m.FINAL:
            self._uploads.drop(job.key)
        if state in m.DEAD:
            self._store.remove(*job.key)  # nobody can ask for its files
        if state != before:
            log_event(log, state, job=job.job, kind=job.kind, message=job.message)
        self._announce(job.owner, self._status(job))
        return job

    def _forget_old(self) -> None:
        """Forget the dead after a while, delete old results, and give up waiting for files that do not come."""
        now = time.time()
        self._journal.forget_dead(now - KEPT)
        for job in self._journal.in_states(["queued"]):
            if not job.received and job.created < now - UPLOAD_KEPT and not self._uploads.is_active(job.key):
                self._happen(job, "lose", message="its files never came: submit it again")
        if self._limits.results_kept is not None:
            for job in self._journal.done_before(now - self._limits.results_kept):
                log_event(log, "expired", job=job.job, kind=job.kind)
                self._delete(job)

    # Giving out

    def _list(self, owner: str, message: m.AskAll) -> m.StatusAll:
        """Return the next page of a client's jobs."""
        jobs = self._journal.of(owner, self._limits.client_jobs)
        if message.after:
            ids = [job.job for job in jobs]
            jobs = jobs[ids.index(message.after) + 1 :] if message.after in ids else []
        page: list[m.JobStatus] = []
        size = 0
        for job in jobs:
            status = self._status(job)
            size += len(json.dumps(asdict(status), ensure_ascii=False).encode())
            if page and size > PAGE:
                return m.StatusAll(message.request, tuple(page), more=True)
            page.append(status)
        return m.StatusAll(message.request, tuple(page))

    def _send_chunk(self, owner: str, message: m.Pull) -> Answer:
        try:
            job = self._done(owner, message.job)
            data = self._downloads.read(job, self._folder(job) / RESULTS, message.chunk)
        except InputError as error:
            return (m.NoChunk(message.job, message.chunk, str(error)),)
        return m.Chunk(message.job, message.chunk), [data]

    def _delete(self, job: Job) -> None:
        if not job.final:
            raise RefusedError("not-done", f"job {job.job} is {job.state}: cancel it first")
        self._downloads.drop(job.key)
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
        if worker is not None and not job.final:
            return job.status(worker.fraction, worker.phase, worker.sketch, worker.left(job.started))
        if job.state == "queued" and not job.received:
            return job.status(self._uploads.fraction(job.key), "waiting for files")
        return job.status(0.0, "waiting for a worker" if job.state == "queued" else "")

    def _folder(self, job: Job) -> Path:
        return self._store.of(job.owner, job.job)

    def _recover(self) -> None:
        """Decide about the jobs that the last server left unfinished."""
        for job in self._journal.in_states(["running", "cancelling"]):
            state, _ = next_state(job.state, "backend-dies", Tries(job.attempts, job.hangs))
            message = f"the backend died {job.attempts} times while it ran this job, which is not tried again"
            if state in m.FINAL:
                lost = message if state == "lost" else ""
                self._journal.change(job, state=state, message=lost, ended=time.time())
                self._store.remove(*job.key)
            else:
                self._journal.change(job, state=state)
            log_event(log, state, job=job.job, kind=job.kind, reason="the backend died")
        self._recovered = True


def _shortened(choices: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first choices, as many as leave room for others in a header."""
    lengths = itertools.accumulate(map(len, choices))
    return tuple(choice for choice, length in zip(choices, lengths, strict=True) if length <= _MAX_MESSAGE)
