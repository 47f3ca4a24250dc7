"""Where jobs are taken in, handed to workers and followed to their end."""

import contextlib
import itertools
import logging
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Unpack

import zmq

from parascale.errors import InputError, Remedy
from parascale.link import messages as m
from parascale.link.kinds import KINDS
from parascale.link.state import JOURNAL_FILE
from parascale.logs import log_event
from parascale.service.access import Owner
from parascale.service.admission import RefusedError, demand_of
from parascale.service.batch import Batch
from parascale.service.clock import SteadyClock
from parascale.service.evidence import where_it_was
from parascale.service.intake import Intake
from parascale.service.journal import Job, JobChanges, Journal
from parascale.service.lifecycle import Event, Tries, next_state
from parascale.service.limits import KEPT, UPLOAD_KEPT, Limits
from parascale.service.listing import first_page
from parascale.service.pool import Pool
from parascale.service.recovery import recover
from parascale.service.store import BALLAST_BYTES, REQUEST, RESULTS, Store
from parascale.service.transfers import Downloads, Key, Send, Uploads
from parascale.service.worker_handle import WorkerHandle

log = logging.getLogger(__name__)

_SWEEP = 3600.0  # seconds between two looks for jobs to forget
_RETRY = 1.0  # seconds before what the journal did not take is tried again
_LOOK = 0.01  # seconds of a turn for what is here of uploads that were interrupted
_MAX_MESSAGE = 500


class Dispatcher:
    """Jobs: journal, store, workers and transfers together.

    Parameters
    ----------
    state : Path
        Folder of the journal and the store; ours already.
    make_pool : callable
        Makes the workers.
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
        make_pool: Callable[[], Pool],
        limits: Limits,
        worker_silence: float,
        announce: Callable[[str, m.JobStatus], None],
        send: Send,
    ) -> None:
        try:
            self._journal = Journal(state / JOURNAL_FILE)
            self._store = Store(state / "jobs", self._journal.identity)
        except OSError as error:
            raise InputError(f"the state folder {state} cannot be written: {error.strerror}") from error
        self._limits = limits
        self._silence = worker_silence
        self._announce = announce
        self._send = send
        self._uploads = Uploads(send)
        self._downloads = Downloads()
        self._batch = Batch(self._journal)
        self._intake = Intake(self._journal, self._store, limits, self._uploads, self._batch)
        self._stalls: dict[int, float] = {}
        self._pending: deque[Callable[[], None]] = deque()
        self._waits_until = 0.0
        self._swept = -_SWEEP
        self._clock = SteadyClock()
        self._recovered = False
        self.trouble = ""
        self._store.sweep({self._store.of(*key) for key in self._journal.with_files()})
        with self.together():
            self._recover()
        self._pool = make_pool()

    @property
    def socket(self) -> "zmq.Socket[bytes]":
        """Readable when a worker says something."""
        return self._pool.socket

    @property
    def busy(self) -> bool:
        """Whether a job runs or could run."""
        return self._journal.has_work()

    @property
    def in_haste(self) -> bool:
        """Whether its next turn has something to do in any case."""
        return bool(self._uploads.is_looking or self._pending) and time.monotonic() >= self._waits_until

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
        self._store.close()
        self._journal.close()

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Have what clients and workers bring wait for the disk once; where it is full, none of it has happened.

        Clients are answered after that. Where it fails, each message is handled again by itself.
        """
        try:
            with self._batch.together():
                yield
        except sqlite3.OperationalError as error:
            self.note_full_disk(error)
        else:
            if time.monotonic() >= self._waits_until:
                self.trouble = ""

    def handle(
        self, owner: Owner, peer: bytes, message: m.Message, frames: list[bytes], again: Callable[[], None]
    ) -> None:
        """Do what a client asks, and answer once it is on disk.

        Parameters
        ----------
        owner : Owner
        peer : bytes
        message : Message
        frames : list of bytes
        again : callable
            Handles the message once more, where what it changed cannot be written together with other changes.

        Raises
        ------
        RefusedError
            Where it cannot be.
        InputError
            Where it is malformed.
        """
        if isinstance(message, m.Submit):
            fresh = self._intake.submit(owner, message, frames)
            self._batch.follow_up(partial(self._accept, owner, peer, message, fresh), again)
        elif isinstance(message, m.Pull):
            self._send(peer, *self._read_chunk(owner, message))
        elif isinstance(message, m.Chunk | m.NoChunk):
            self._receive_chunk(owner.key, message, frames)
        else:
            self._batch.follow_up(partial(self._send, peer, self._reply(owner, message)), again)

    def _reply(self, owner: Owner, message: m.Message) -> m.Message:
        """Answer a question in one header."""
        if isinstance(message, m.Ask):
            return m.Status(message.request, self._seen_by(owner, self._find_visible(owner, message.job)))
        if isinstance(message, m.AskAll):
            return self._list(owner, message)
        if isinstance(message, m.AskResult):
            job = _done(self._find_visible(owner, message.job))
            return m.Result(message.request, job.job, job.summary, job.results)
        return self._change(owner.key, message)

    def _change(self, key: str, message: m.Message) -> m.Message:
        """Change a client's own jobs, or the workers."""
        if isinstance(message, m.Cancel):
            return m.Status(message.request, self._status(self._cancel(self._find(key, message.job))))
        if isinstance(message, m.Delete):
            self._delete(self._find(key, message.job))
            return m.Deleted(message.request, message.job)
        if isinstance(message, m.Clean):
            return m.Cleaned(message.request, self._journal.forget_dead(owner=key))
        if isinstance(message, m.Release):
            return m.Released(message.request, self._pool.release())
        raise InputError(f"a server takes no {type(message).__name__}")

    def turn(self) -> None:
        """Hear the workers, end the hung, give work to the idle, ask for what uploads lack; within `together`."""
        for worker, report in self._pool.reports():
            if report is None:
                self._end_worker(worker, "worker-dies", "")
            else:
                self._pending.append(partial(self._handle_report, worker, report))
        if time.monotonic() < self._waits_until:
            return
        if not self._recovered:
            self._recover()
        self._pool.fill()
        for what in list(self._pending):
            self._do(what)
            self._batch.follow_up(self._pending.popleft)
        self._give_work()
        for worker in self._pool.workers:
            self._check_worker(worker)
        end = time.monotonic() + _LOOK
        for key in self._uploads:
            self._request_chunks(key, max(0.0, end - time.monotonic()))
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

    def note_full_disk(self, error: sqlite3.OperationalError) -> RefusedError:
        """Wait before the journal is written again, give it the room that was kept for it, and return a refusal."""
        self._waits_until = time.monotonic() + _RETRY
        full = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL or self._store.free < BALLAST_BYTES
        why = "the backend's disk is full" if full else f"the backend's disk cannot be written ({error})"
        if not self.trouble:
            self.trouble = f"{why}: the journal is written again as soon as it can be"
            log.warning("%s", self.trouble)
        self._store.drop_ballast()
        return RefusedError("quota" if full else "busy", f"{why}: try again when its operator has made room")

    def _recover(self) -> None:
        recover(self._journal, self._store)
        self._batch.follow_up(partial(setattr, self, "_recovered", True))

    # Taking in

    def _accept(self, owner: Owner, peer: bytes, submit: m.Submit, fresh: bool) -> None:
        """Tell a client that its job is on disk, and begin to ask for its files."""
        job = self._journal.find(owner.key, submit.job)
        if job is None:  # deleted in the same breath
            self._send(peer, m.Refused(submit.request, "unknown-job", f"job {submit.job} is deleted"))
            return
        try:
            self._intake.start_upload(job, peer)
        except InputError as error:
            self._give_up(job.key, str(error))
        self._send(peer, m.Status(submit.request, self._status(job)))
        if fresh:
            log_event(log, "accepted", job=job.job, client=owner.name, kind=job.kind, bytes=job.size)

    def _receive_chunk(self, owner: str, message: m.Chunk | m.NoChunk, frames: list[bytes]) -> None:
        key = owner, message.job
        try:
            expected = self._uploads.take(key, message, frames)
        except InputError as error:
            self._give_up(key, str(error))
            return
        if expected:
            self._request_chunks(key)

    def _request_chunks(self, key: Key, seconds: float = 0.0) -> None:
        try:
            complete = self._uploads.pull(key, seconds)
        except InputError as error:
            self._give_up(key, str(error))
            return
        if complete:
            job = self._journal.find(*key)
            if job is not None and job.state == "queued":
                self._happen(job, "receive", received=True)
            self._batch.undo_with(self._uploads.drop(key))

    def _give_up(self, key: Key, message: str) -> None:
        """Take no more of a job's files, and have it fail as soon as the journal can be written."""
        self._uploads.drop(key)
        self._pending.append(partial(self._fail_unfinished, key, message))

    def _fail_unfinished(self, key: Key, message: str) -> None:
        job = self._journal.find(*key)
        if job is not None and not job.final:
            self._fail(job, message)

    # Working

    def _give_work(self) -> None:
        """Start the oldest jobs for which there are workers."""
        if not self._pool.has_room:
            return
        jobs = self._journal.ready(self._pool.count)
        demands = [demand_of(job.kind, job.generator).resources for job in jobs]
        for job, worker in zip(jobs, self._pool.assign(demands), strict=True):
            if worker is not None:
                self._start(worker, job)

    def _start(self, worker: WorkerHandle, job: Job) -> None:
        folder = self._folder(job)
        if not (folder / REQUEST).is_file():
            self._happen(job, "lose", message="what was submitted is no longer in the store: submit it again")
            return
        self._stalls[worker.number] = self._limits.stall * demand_of(job.kind, job.generator).stall
        self._happen(job, "start", started=time.time(), ended=None)
        self._batch.follow_up(partial(worker.take, job.key))
        self._batch.follow_up(partial(worker.run, folder, job.payload))

    def _handle_report(self, worker: WorkerHandle, report: m.FromWorker) -> None:
        if isinstance(report, m.Beat) or worker.key is None or report.job != worker.key[1]:
            return
        job = self._find(*worker.key)
        if isinstance(report, m.Progress):
            worker.note_progress(report)
            self._batch.follow_up(partial(self._announce, job.owner, self._status(job)))
            return
        if isinstance(report, m.Finished):
            size = job.size + sum(file.size for file in report.files)
            self._happen(job, "finish", summary=report.summary, results=report.files, size=size)
        elif isinstance(report, m.Failed):
            self._fail(job, report.message, report.remedy, report.choices)
        else:
            self._happen(job, "stop")
        self._batch.undo_with(partial(setattr, worker, "key", worker.key))
        worker.free()

    def _check_worker(self, worker: WorkerHandle) -> None:
        """End a worker that hangs, does not stop, or takes too much memory."""
        if worker.is_late:
            self._end_worker(worker, "worker-dies", "did not stop and was ended")
        elif self._pool.is_silent(worker):
            self._end_worker(worker, "worker-dies", f"gave no sign of life for {self._silence:g} s and was ended")
        elif self._pool.is_too_large(worker):
            assert worker.key is not None
            message = f"the job takes more than the {worker.limit / 1e9:.3g} GB of memory it may take"
            self._pending.append(partial(self._fail_unfinished, worker.key, message))
            self._pool.remove(worker)
        elif worker.key is not None and worker.has_hung(self._stalls[worker.number]):
            told = f"made no progress for {self._stalls[worker.number]:g} s while {worker.phase}"
            self._end_worker(worker, "hang", told + where_it_was(self._store.of(*worker.key)))

    def _end_worker(self, worker: WorkerHandle, event: Event, reason: str) -> None:
        """End a worker that is dead, hung or does not stop; its job is tried again, or is over."""
        ended = self._pool.remove(worker)
        self._stalls.pop(worker.number, None)
        if worker.key is not None:
            self._pending.append(partial(self._settle, worker.key, event, reason or ended))

    def _settle(self, key: Key, event: Event, reason: str) -> None:
        """Write what becomes of the job whose worker is gone."""
        job = self._find(*key)
        if job.final:  # the last that the worker said was its end
            return
        log_event(log, event, job=job.job, kind=job.kind, reason=reason, attempts=job.attempts)
        tries = f"{job.attempts} times" if job.attempts > 1 else "once"
        message = f"its worker {reason}; tried {tries}"
        self._happen(job, event, message=message[:_MAX_MESSAGE])

    def _cancel(self, job: Job) -> Job:
        worker = self._pool.on(job.key)
        if job.final or job.state == "cancelling":
            return job
        job = self._happen(job, "cancel")
        if worker is not None:
            self._batch.follow_up(partial(worker.cancel, job.key, KINDS[job.kind].grace))
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
            if state == "cancelled":  # as was asked: whatever else became of its worker is for the log
                values["message"] = ""
        elif state == "queued":  # tried again: nothing of the last time is told
            values["message"], values["ended"] = "", None
        before, job = job.state, self._journal.change(job, **values)
        self._batch.follow_up(partial(self._follow_change, job, before))
        return job

    def _follow_change(self, job: Job, before: m.JobState) -> None:
        if job.final:
            self._uploads.drop(job.key)
        if job.state in m.DEAD:
            self._store.remove(*job.key)  # nobody can ask for its files
        if job.state != before:
            log_event(log, job.state, job=job.job, kind=job.kind, message=job.message)
        self._announce(job.owner, self._status(job))

    def _forget_old(self) -> None:
        """Forget the dead after a while, delete old results, and give up waiting for files that do not come."""
        now = self._clock.now()
        self._journal.forget_dead(now - KEPT)
        for job in self._journal.in_states(["queued"]):
            if not job.received and job.created < now - UPLOAD_KEPT and not self._uploads.is_active(job.key):
                self._happen(job, "lose", message="its files never came: submit it again")
        if self._limits.results_kept is not None:
            for job in self._journal.done_before(now - self._limits.results_kept):
                log_event(log, "expired", job=job.job, kind=job.kind)
                self._delete(job)

    # Giving out

    def _list(self, owner: Owner, message: m.AskAll) -> m.StatusAll:
        """Return the next page of a client's jobs, or its team's."""
        jobs = self._journal.of(owner.key, self._limits.client_jobs, owner.mates if message.team else ())
        if message.after:
            ids = [job.job for job in jobs]
            jobs = jobs[ids.index(message.after) + 1 :] if message.after in ids else []
        return first_page(message.request, (self._seen_by(owner, job) for job in jobs))

    def _read_chunk(self, owner: Owner, message: m.Pull) -> tuple[m.Message, list[bytes]]:
        try:
            known = ((key, message.job) for key in (owner.key, *owner.mates))
            key = next((key for key in known if key in self._downloads), None)
            if key is None:
                job = _done(self._find_visible(owner, message.job))
                self._downloads.start(job, self._folder(job) / RESULTS)
                key = job.key
            data = self._downloads.read(key, message.chunk)
        except InputError as error:
            return m.NoChunk(message.job, message.chunk, str(error)), []
        return m.Chunk(message.job, message.chunk), [data]

    def _delete(self, job: Job) -> None:
        if not job.final:
            raise RefusedError("not-done", f"job {job.job} is {job.state}: cancel it first")
        self._journal.remove(job)
        self._batch.follow_up(partial(self._forget, job.key))

    def _forget(self, key: Key) -> None:
        """Remove what is left of a job that was deleted."""
        self._downloads.drop(key)
        self._store.remove(*key)

    # What is known

    def _find(self, owner: str, job_id: str) -> Job:
        job = self._journal.find(owner, job_id)
        if job is None:
            raise RefusedError("unknown-job", f"there is no job {job_id[:40]} of this client")
        return job

    def _find_visible(self, owner: Owner, job_id: str) -> Job:
        """Return a job of a client or, where it has none of that id, of its team."""
        for key in owner.mates:
            if self._journal.find(owner.key, job_id) is None and (job := self._journal.find(key, job_id)) is not None:
                return job
        return self._find(owner.key, job_id)

    def _seen_by(self, owner: Owner, job: Job) -> m.JobStatus:
        """Return where a job stands, with its owner's name where it is another's."""
        status = self._status(job)
        return status if job.owner == owner.key else replace(status, owner=owner.mates[job.owner])

    def _status(self, job: Job) -> m.JobStatus:
        worker = self._pool.on(job.key)
        if worker is not None and not job.final:
            return job.status(worker.fraction, worker.phase, worker.sketch, worker.left(job.started))
        if job.state == "queued" and not job.received:
            return job.status(self._uploads.fraction(job.key), "waiting for files")
        return job.status(0.0, "waiting for a worker" if job.state == "queued" else "")

    def _folder(self, job: Job) -> Path:
        return self._store.of(job.owner, job.job)


def _shortened(choices: tuple[str, ...]) -> tuple[str, ...]:
    """Return the first choices, as many as leave room for others in a header."""
    lengths = itertools.accumulate(map(len, choices))
    return tuple(choice for choice, length in zip(choices, lengths, strict=True) if length <= _MAX_MESSAGE)


def _done(job: Job) -> Job:
    if job.state != "done":
        raise RefusedError("not-done", f"job {job.job} is {job.state}{': ' * bool(job.message)}{job.message}")
    return job
