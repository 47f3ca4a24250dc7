"""A client of a backend: submits jobs, follows them, fetches what they leave behind."""

import itertools
import time
import uuid
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from parascale.errors import Cancelled, InputError
from parascale.link import messages as m
from parascale.link.arrays import ARRAYS_FILE, describe, to_frames, travel_as_file
from parascale.link.connection import Connection
from parascale.link.events import Event, Fetched, FetchFailed, JobChanged, SubmitRefused
from parascale.link.keys import Keys
from parascale.link.limits import JOB_ID, SILENCE
from parascale.link.messages import FileInfo
from parascale.link.request import JobResult, Packed, Request
from parascale.link.transfer import Receiver, Sender, check_files, describe_bytes
from parascale.types import CancelCheck, Progress

_TICK = 0.004  # seconds of work a call of `pump` may begin with another message
_PAUSE = 0.05  # seconds a blocking call sleeps at most before it looks around
_POLL = 1.0  # seconds between two questions about a job that is waited for
_AGAIN = 5.0  # seconds without a word after which what waits for one is said again
_STOPPING = 15.0  # seconds a cancelled job may take to stop


E = TypeVar("E", SubmitRefused, Fetched, FetchFailed)
R = TypeVar("R", bound=m.Message)
_Question = m.Hello | m.Ask | m.AskAll | m.Cancel | m.Delete | m.Clean | m.Release
_REPEATABLE = m.Hello | m.Ask | m.AskAll | m.Cancel  # questions whose answer is the same when they are asked twice


@dataclass(eq=False)
class _Submission:
    header: m.Submit
    frames: list[memoryview]
    sender: Sender
    accepted: bool = False
    refusal: str = ""
    heard: float = field(default_factory=time.monotonic)


@dataclass(eq=False)
class _Download:
    request: int
    directory: Path
    summary: dict[str, object]
    receiver: Receiver | None = None
    asked: float = field(default_factory=time.monotonic)


class Client:
    """A connection to one backend. Not for several threads.

    Every blocking method is a loop over `pump`; a user interface calls `pump` from a timer and the ``start_`` methods.
    What was begun survives a backend that is restarted.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT``.
    server_key : bytes
        The backend's public key.
    identity : Keys
        Jobs belong to its public key.
    timeout : float
        Seconds without an answer after which blocking methods give up.

    Raises
    ------
    InputError
        From every blocking method: no backend answers, it refuses us, or it refuses the request.
    """

    def __init__(self, address: str, server_key: bytes, identity: Keys, timeout: float = SILENCE) -> None:
        self._connection = Connection(address, server_key, identity)
        self._timeout = timeout
        self._numbers = itertools.count(1)
        self._questions: dict[int, _Question] = {}
        self._replies: dict[int, m.Message] = {}
        self._jobs: dict[str, m.JobStatus] = {}
        self._submissions: dict[str, _Submission] = {}
        self._downloads: dict[str, _Download] = {}
        self._events: deque[Event] = deque(maxlen=4096)

    def __enter__(self) -> "Client":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; jobs go on, a fetch goes on where it stopped when it is started again."""
        for job_id in list(self._downloads):
            self._drop(job_id)
        self._connection.close()

    @property
    def address(self) -> str:
        """Where the backend is."""
        return self._connection.address

    @property
    def trouble(self) -> str | None:
        """Why the backend cannot be reached, one sentence; None while all is well. Keep calling `pump`."""
        return self._connection.trouble()

    def hello(self) -> m.Welcome:
        """Ask the backend what it is and what it can do."""
        return self._ask(m.Welcome, m.Hello(self._next_request()))

    def submit(self, request: Request, job_id: str | None = None) -> str:
        """Submit a job and return its id once the backend holds everything the job needs.

        Parameters
        ----------
        request : Request
            Of any kind in `parascale.link.kinds`.
        job_id : str, optional
            32 hexadecimal digits; made where none is given. The same id with the same request is the same job.
        """
        job_id = self.start_submit(request, job_id)
        submission = self._submissions[job_id]
        try:
            while job_id in self._submissions:
                self._pump_once(f"job {job_id}")
        finally:
            self._submissions.pop(job_id, None)
        if submission.refusal:  # events that nobody takes may be thousands by now
            self._take_events(SubmitRefused, job_id)
            raise InputError(submission.refusal)
        return job_id

    def start_submit(self, request: Request, job_id: str | None = None) -> str:
        """Begin to submit a job; `pump` does the rest and reports `JobChanged` or `SubmitRefused`."""
        job_id = job_id or uuid.uuid4().hex
        if not JOB_ID.fullmatch(job_id):
            raise InputError(f"{job_id!r} is no job id: 32 hexadecimal digits are needed")
        self._submissions[job_id] = _prepare_submission(self._next_request(), job_id, request.kind, request.pack())
        self._send_submission(job_id)
        return job_id

    def status(self, job_id: str) -> m.JobStatus:
        """Ask where a job stands."""
        return self._ask(m.Status, m.Ask(self._next_request(), job_id)).job

    def jobs(self, *, team: bool = False) -> tuple[m.JobStatus, ...]:
        """Ask where all our jobs stand, and those of our team where that is asked, oldest first."""
        page = self._ask(m.StatusAll, m.AskAll(self._next_request(), team=team))
        jobs = page.jobs
        while page.more:
            page = self._ask(m.StatusAll, m.AskAll(self._next_request(), jobs[-1].job_id, team))
            jobs += page.jobs
        return jobs

    def cancel(self, job_id: str) -> m.JobStatus:
        """Ask a job to stop; one that is over stays as it is."""
        return self._ask(m.Status, m.Cancel(self._next_request(), job_id)).job

    def delete(self, job_id: str) -> None:
        """Have a job that is over forgotten, with its files."""
        self._ask(m.Deleted, m.Delete(self._next_request(), job_id))
        self._jobs.pop(job_id, None)

    def clean(self) -> int:
        """Have our jobs that failed, were cancelled or lost forgotten; return how many there were."""
        return self._ask(m.Cleaned, m.Clean(self._next_request())).count

    def release(self) -> int:
        """Have workers without a job give back what they hold, such as a GPU; return how many did."""
        return self._ask(m.Released, m.Release(self._next_request())).count

    def fetch(self, job_id: str, directory: Path, progress: Progress | None = None) -> JobResult:
        """Bring the files of a job that is done into a folder.

        Parameters
        ----------
        job_id : str
        directory : Path
            Made where missing; what an interrupted fetch left there is used.
        progress : callable, optional
            Takes the fraction done, 0 .. 1, and the phase.
        """
        self.start_fetch(job_id, directory)
        try:
            while (download := self._downloads.get(job_id)) is not None:
                if progress and download.receiver is not None:
                    progress(download.receiver.fraction, "fetching")
                self._pump_once(f"job {job_id}")
        finally:
            self._drop(job_id)
        for failed in self._take_events(FetchFailed, job_id):
            raise InputError(failed.message)
        (fetched,) = self._take_events(Fetched, job_id)
        return fetched.result

    def start_fetch(self, job_id: str, directory: Path) -> None:
        """Begin to fetch; `pump` does the rest and reports `Fetched` or `FetchFailed`."""
        self._drop(job_id)
        self._downloads[job_id] = _Download(self._next_request(), directory, {})
        self._connection.send(m.AskResult(self._downloads[job_id].request, job_id))

    def wait(
        self,
        job_id: str,
        progress: Progress | None = None,
        cancelled: CancelCheck | None = None,
        timeout: float | None = None,
    ) -> m.JobStatus:
        """Follow a job to its end.

        Parameters
        ----------
        job_id : str
        progress : callable, optional
            Takes the fraction done, 0 .. 1, and the phase.
        cancelled : callable, optional
            Where it answers True the job is cancelled.
        timeout : float, optional
            Seconds after which to give up waiting; the job goes on.

        Returns
        -------
        JobStatus
            Done, failed or lost.

        Raises
        ------
        Cancelled
            Where the job ended as cancelled.
        """
        begin = polled = time.monotonic()
        stopping: float | None = None
        status = self.status(job_id)
        while not status.final:
            now = time.monotonic()
            if progress:
                progress(status.fraction, status.phase)
            if stopping is None and cancelled and cancelled():
                self.cancel(job_id)
                stopping = now
            if (timeout and now - begin > timeout) or (stopping and now - stopping > _STOPPING):
                raise InputError(f"job {job_id} is still {status.state} after {now - begin:.0f} s: it goes on")
            if now - polled > _POLL:
                self._connection.send(m.Ask(self._next_request(), job_id))
                polled = now
            self._pump_once(f"job {job_id}")
            status = self._jobs.get(job_id, status)
        if status.state == "cancelled":
            raise Cancelled(f"job {job_id} was cancelled")
        return status

    def pump(self, max_messages: int = 32) -> list[Event]:
        """Do a bounded bit of whatever there is to do, never wait, and return what happened.

        Parameters
        ----------
        max_messages : int
            At most so many messages are taken; less where they take long.
        """
        self._turn(max_messages)
        events = list(self._events)
        self._events.clear()
        return events

    def _turn(self, max_messages: int = 32) -> None:
        end = time.monotonic() + _TICK
        if self._connection.watch():
            self._greet()
        for _ in range(max_messages):
            received = self._connection.receive()
            if received is None:
                break
            self._handle(*received)
            if time.monotonic() > end:
                break
        if self._connection.is_open:
            self._ask_again()
        for job_id in list(self._downloads):
            self._request_chunks(job_id)

    def _greet(self) -> None:
        """Say on a new connection all that an old one, or an old server, may have lost."""
        self._connection.send(m.AskAll(self._next_request()))
        if self._connection.connections > 1:
            for job_id in self._submissions:
                self._send_submission(job_id)
            for question in self._questions.values():
                if isinstance(question, _REPEATABLE):
                    self._connection.send(question)
        for job_id, download in self._downloads.items():
            if download.receiver is None:
                self._connection.send(m.AskResult(download.request, job_id))
            else:
                download.receiver.ask_again()

    def _ask_again(self) -> None:
        """Say again what got no answer: a backend drops what is too much at a time, and what we read too slowly."""
        now = time.monotonic()
        for job_id, submission in self._submissions.items():
            if now - submission.heard > _AGAIN:
                submission.heard = now
                if submission.accepted:
                    self._connection.send(m.Ask(self._next_request(), job_id))
                else:
                    self._send_submission(job_id)
        for job_id, download in self._downloads.items():
            if download.receiver is None and now - download.asked > _AGAIN:
                download.asked = now
                self._connection.send(m.AskResult(download.request, job_id))

    def _send_submission(self, job_id: str) -> None:
        submission = self._submissions[job_id]
        self._connection.send(submission.header, submission.frames)

    def _handle(self, message: m.Message, frames: list[memoryview]) -> None:
        if isinstance(message, m.Status | m.Changed):
            self._update_job(message.job, getattr(message, "request", 0))
        elif isinstance(message, m.StatusAll):
            for job in (job for job in message.jobs if not job.owner):
                self._update_job(job)
            if message.more and message.request not in self._questions:
                self._connection.send(m.AskAll(self._next_request(), message.jobs[-1].job_id))
        elif isinstance(message, m.Refused):
            self._handle_refusal(message)
        elif isinstance(message, m.Pull):
            self._send_chunk(message)
        elif isinstance(message, m.Result):
            self._start_download(message)
        elif isinstance(message, m.Chunk | m.NoChunk):
            self._receive_chunk(message, frames)
        request = getattr(message, "request", 0)
        if request in self._questions:
            self._replies[request] = message

    def _update_job(self, job: m.JobStatus, request: int = 0) -> None:
        if self._jobs.get(job.job_id) != job:
            self._jobs[job.job_id] = job
            self._events.append(JobChanged(job))
        submission = self._submissions.get(job.job_id)
        if submission is not None:
            submission.heard = time.monotonic()
            submission.accepted |= submission.header.request == request
            if submission.accepted and (job.received or job.final):
                del self._submissions[job.job_id]

    def _handle_refusal(self, message: m.Refused) -> None:
        for job_id, submission in list(self._submissions.items()):
            if submission.header.request == message.request:
                del self._submissions[job_id]
                reason = message.message
                if "kind is not one of" in reason:
                    kind = submission.header.kind
                    reason = f"the backend is older and knows no {kind} jobs: install ParaScale anew there"
                submission.refusal = reason
                self._events.append(SubmitRefused(job_id, reason))
        for job_id, download in list(self._downloads.items()):
            if download.request == message.request:
                self._fail(job_id, message.message)

    def _send_chunk(self, message: m.Pull) -> None:
        submission = self._submissions.get(message.job)
        try:
            if submission is None:
                raise InputError("this client does not send that job's files")
            data = submission.sender.read(message.chunk)
        except InputError as error:
            self._connection.send(m.NoChunk(message.job, message.chunk, str(error)))
        else:
            self._connection.send(m.Chunk(message.job, message.chunk), [data])

    def _start_download(self, message: m.Result) -> None:
        download = self._downloads.get(message.job)
        if download is None or download.request != message.request or download.receiver is not None:
            return
        try:
            check_files(message.files)
            download.receiver = Receiver(message.files, download.directory)
        except InputError as error:
            self._fail(message.job, str(error))
        download.summary = dict(message.summary)

    def _receive_chunk(self, message: m.Chunk | m.NoChunk, frames: list[memoryview]) -> None:
        download = self._downloads.get(message.job)
        if download is None or download.receiver is None:
            return
        try:
            if isinstance(message, m.NoChunk):
                raise InputError(message.message)
            download.receiver.take(message.chunk, frames[0] if len(frames) == 1 else b"")
        except InputError as error:
            self._fail(message.job, str(error))

    def _request_chunks(self, job_id: str) -> None:
        download = self._downloads[job_id]
        if download.receiver is None:
            return
        try:
            for chunk in download.receiver.wanted(_TICK):
                self._connection.send(m.Pull(job_id, chunk))
        except InputError as error:
            self._fail(job_id, str(error))
            return
        if download.receiver.complete:
            files = zip(download.receiver.files, download.receiver.paths(), strict=True)
            result = JobResult(dict(download.summary), {info.role: path for info, path in files})
            del self._downloads[job_id]
            self._events.append(Fetched(job_id, result))

    def _drop(self, job_id: str) -> None:
        download = self._downloads.pop(job_id, None)
        if download is not None and download.receiver is not None:
            download.receiver.close()

    def _fail(self, job_id: str, message: str) -> None:
        self._drop(job_id)
        self._events.append(FetchFailed(job_id, message))

    def _next_request(self) -> int:
        return next(self._numbers)

    def _ask(self, answer: type[R], question: _Question) -> R:
        self._questions[question.request] = question
        try:
            self._connection.send(question)
            end = time.monotonic() + self._timeout
            while (reply := self._replies.pop(question.request, None)) is None:
                self._pump_once(f"job {question.job}" if isinstance(question, m.Ask | m.Cancel | m.Delete) else "")
                if time.monotonic() > end:
                    message = self._connection.trouble(0.0) or f"no answer from {self.address}"
                    raise InputError(message, self._connection.remedy)
        finally:
            del self._questions[question.request]
        if isinstance(reply, m.Refused):
            raise InputError(reply.message)
        if not isinstance(reply, answer):
            raise InputError(f"the backend at {self.address} sent an unexpected reply")
        return reply

    def _pump_once(self, what: str) -> None:
        """Turn once, waiting a moment for something to do; give up where the backend is gone."""
        looks = any(each.receiver and each.receiver.is_looking for each in self._downloads.values())
        self._connection.wait(0.0 if looks else _PAUSE)
        self._turn()
        trouble = self._connection.trouble(self._timeout)
        if trouble:
            if what and self._connection.connections:
                trouble = f"{trouble} ({what})"
            raise InputError(trouble, self._connection.remedy)

    def _take_events(self, kind: type[E], job_id: str) -> list[E]:
        """Take events out of the queue that a blocking call answers itself."""
        taken = [event for event in self._events if isinstance(event, kind) and event.job_id == job_id]
        for event in taken:
            self._events.remove(event)
        return taken


def _prepare_submission(request: int, job_id: str, kind: str, packed: Packed) -> _Submission:
    """Prepare what is sent for a job: small arrays follow the header, large ones go as a file."""
    arrays, frames = describe(packed.arrays), to_frames(packed.arrays)
    files: list[tuple[FileInfo, Path | bytes]] = list(packed.files)
    if travel_as_file(arrays):
        data = b"".join(frames)
        files.append((describe_bytes(ARRAYS_FILE, ARRAYS_FILE, data), data))
        frames = []
    infos = tuple(info for info, _ in files)
    check_files(infos)
    header = m.Submit(request, job_id, kind, packed.label, dict(packed.fields), arrays, infos)
    return _Submission(header, frames, Sender(files))
