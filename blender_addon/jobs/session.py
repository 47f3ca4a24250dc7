"""The jobs of this Blender: submitted, followed and fetched through the one connection to a backend.

All of it happens on the main thread and never waits for the network: `Session.poll` is what the timer calls.
"""

import contextlib
import logging
import tempfile
import time
import uuid
from collections.abc import Mapping
from pathlib import Path

import bpy

from parascale.errors import InputError, Notice
from parascale.link.messages import JobStatus
from parascale.link.request import Request
from parascale.link.start_lock import StartLock
from parascale.types import Json, to_json_values

from ..advice import sentence
from ..settings import settings_of_scene
from ..settings.preferences import backend_choice, results_folder
from ..steps import Steps
from . import journal, thumbnails
from .connection import Connection, has_link
from .journal import Job
from .presence import Presence

MAX_MESSAGES_PER_POLL = 32
# How long another Blender that starts may take to look through the journal.
LOCK_SECONDS = 2.0

log = logging.getLogger("parascale.addon")


class Session:
    """The connection, and all jobs of the journal: by id, oldest first."""

    def __init__(self) -> None:
        self.connection = Connection()
        self.presence = Presence()
        self.jobs = self._take_jobs()
        # Jobs whose results an operator waits for; the timer leaves them alone.
        self.claimed: set[str] = set()
        # Whether jobs of an earlier Blender were looked for.
        self.has_looked_back = False
        # When the open file was opened, seconds since 1970.
        self.file_opened = time.time()

    def _take_jobs(self) -> dict[str, Job]:
        """Read the journal: all that has ended, and the open jobs that no Blender follows, ours from now on."""
        # One at a time: two that start together would both take them. Blender starts where nothing can be locked, too.
        lock = StartLock(journal.folder() / "taking-over")
        lock.acquire(LOCK_SECONDS)
        try:
            jobs = journal.load()
            ours = {key: job for key, job in jobs.items() if not job.is_open or self.presence.take_over(job.session)}
            for job in ours.values():
                if job.is_open:
                    job.session = self.presence.session
                    with contextlib.suppress(OSError):  # a full disk keeps no Blender from starting
                        journal.save(job)
        finally:
            lock.release()
        return ours

    def connect(self) -> Steps[None]:
        """Connect to the backend of the preferences, unless one is connected already."""
        if not self.connection.is_open:
            choice = backend_choice()
            if choice is None:
                raise InputError("no backend: set it in Preferences")
            yield from self.connection.open(choice)
            self._mark_lost_jobs()

    def reconnect(self) -> None:
        """Connect to a backend that runs already, if an earlier Blender left jobs open with it."""
        if not self.pending_jobs() or not has_link():
            return
        try:
            if self.connection.open_running():
                self._mark_lost_jobs()
        except (InputError, OSError) as error:
            log.warning("the backend of earlier jobs cannot be reached: %s", error)

    def _mark_lost_jobs(self) -> None:
        assert self.connection.client is not None
        known = {status.job_id: status for status in self.connection.client.jobs()}
        for job in self.pending_jobs():
            status = known.get(job.id)
            if status is None or not (status.received or status.final):
                self.set_state(job, "lost", "the backend never had all of it: submit it again")

    def submit(self, job: Job, request: Request) -> None:
        """Write a job to the journal, then hand it over; `poll` does the rest. One that is refused has failed."""
        assert self.connection.client is not None
        job.session = self.presence.session
        self.jobs[job.id] = job
        journal.save(job)
        try:
            self.connection.client.start_submit(request, job.id)
        except (InputError, OSError) as error:
            self.set_state(job, "failed", sentence(error))
            raise

    def cancel(self, job: Job) -> None:
        """Ask the backend to stop a job."""
        if self.connection.client is None:
            raise InputError("no backend is connected: start it in Preferences")
        self.connection.client.cancel(job.id)

    def follow_job(self, job: Job) -> Steps[None]:
        """Follow a job until its result is fetched; closing these steps cancels it."""
        self.claimed.add(job.id)
        try:
            while job.state != "fetched":
                self.poll()
                if not job.is_open:
                    raise InputError(job.message or f"{job.title} is {job.state}")
                self.connection.check()
                yield job.fraction, job.phase or job.state
        except GeneratorExit:
            try:
                self.cancel(job)
            except InputError as error:
                log.warning("%s could not be cancelled: %s", job.id, error)
            raise
        finally:
            self.claimed.discard(job.id)

    def poll(self) -> list[Job]:
        """Take in one bounded batch of messages; return the jobs that changed."""
        if self.connection.client is None:
            return []
        from parascale.link.events import Fetched, JobChanged

        changed = []
        for event in self.connection.client.pump(MAX_MESSAGES_PER_POLL):
            job = self.jobs.get(event.job.job_id if isinstance(event, JobChanged) else event.job_id)
            if job is None or job.state == "used":
                continue
            before = job.state
            if isinstance(event, JobChanged):
                self.update_job(job, event.job)
            elif isinstance(event, Fetched):
                job.state, job.fraction, job.phase = "fetched", 1.0, ""
                job.summary = to_json_values(event.result.summary)
                job.files = {role: str(path) for role, path in event.result.files.items()}
            else:
                job.state, job.message = "failed", sentence(event.message)
            changed.append(job)
            if job.state != before:
                journal.save(job)
        return changed

    def update_job(self, job: Job, status: JobStatus) -> None:
        """Take over what the backend reports of a job; begin to fetch the result of one that is done."""
        if job.state == "fetched":
            return
        job.state, job.fraction, job.phase = status.state, status.fraction, status.phase
        job.message = sentence(Notice(status.message, status.remedy, status.choices))
        if not job.is_open:
            # What it was doing, or what its worker ended with, is no news to whoever cancelled it.
            job.phase = ""
            job.message = "Cancelled: Retry starts it again" if status.state == "cancelled" else job.message
        job.remedy, job.choices = status.remedy, list(status.choices)
        job.shots = list(status.choices) if status.remedy == "shot" else []
        if status.sketch:
            thumbnails.save_sketch(job, status.sketch)
        if job.shots:
            thumbnails.cut_shots(job)
        if status.state == "running" and not job.started:
            job.started = time.time()
        if status.state == "done":
            assert self.connection.client is not None
            # Results of a saved file go where the preferences say, others to a temporary folder.
            saved = job.blend and Path(job.blend).parent.is_dir()
            temporary = Path(tempfile.gettempdir()) / "parascale"
            folder = results_folder(Path(job.blend).parent) if saved else temporary
            self.connection.client.start_fetch(job.id, folder / job.id)

    def pending_jobs(self) -> list[Job]:
        """Return the jobs whose end or result the backend still has to send."""
        return [job for job in self.jobs.values() if job.is_open and job.state != "fetched"]

    def newest_jobs(self, count: int) -> list[Job]:
        """Return the newest jobs first."""
        return list(reversed(self.jobs.values()))[:count]

    def belongs_to_open_file(self, job: Job) -> bool:
        """Whether a job was submitted from the open file: another file must not receive its result unasked."""
        if any(settings_of_scene(scene).job_id == job.id for scene in bpy.data.scenes):
            return True
        if job.blend:
            return job.blend == bpy.data.filepath
        return not bpy.data.filepath and job.created >= self.file_opened

    def set_state(self, job: Job, state: str, message: str = "") -> None:
        """Give a job another state, with the reason if it ended badly, and write that to the journal."""
        job.state, job.message = state, message
        journal.save(job)

    def forget(self, job: Job) -> None:
        """Remove a job from the journal."""
        self.jobs.pop(job.id, None)
        journal.forget(job)


_current: Session | None = None


def start() -> None:
    """Begin the session of this Blender."""
    global _current  # noqa: PLW0603 - one Blender has one session
    _current = Session()
    _current.reconnect()


def stop() -> None:
    """End the session; its open jobs go on, and the next Blender takes them up."""
    global _current  # noqa: PLW0603
    if _current is not None:
        _current.connection.close()
        _current.presence.leave()
    _current = None


def has_backend() -> bool:
    """Whether a backend is connected, or could be."""
    return has_link() and (current().connection.is_open or backend_choice() is not None)


def current() -> Session:
    """Return the session."""
    assert _current is not None, "the add-on is not enabled"
    return _current


def new_job(request: Request, title: str, scene: bpy.types.Scene, record: Mapping[str, Json]) -> Job:
    """Make a job for a scene of the open file, with an id of its own; the record is what it keeps of the request."""
    return Job(
        id=uuid.uuid4().hex,
        kind=request.kind,
        title=title,
        created=time.time(),
        blend=bpy.data.filepath,
        scene=scene.name,
        request=dict(record),
    )
