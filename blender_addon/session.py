"""The one connection to a backend, and the jobs that go through it.

All of it happens on the main thread and never waits for the network: `Session.tick` is what the timer calls.
"""

import importlib.util
import logging
import tempfile
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from parascale.errors import InputError

from . import backend_lists, journal, parameters, thumbnails
from .journal import Job
from .settings import settings_of_scene
from .steps import Steps, in_thread, sentence

if TYPE_CHECKING:
    from parascale.link.client import Client
    from parascale.link.local import Backend
    from parascale.link.messages import JobStatus, Welcome
    from parascale.link.requests import JobResult, Request

    from .preferences import BackendChoice

TICK_SECONDS = 0.1
MESSAGES_A_TICK = 32

log = logging.getLogger("parascale.addon")


class Session:
    """A client, where connected, and all jobs the journal knows.

    Attributes
    ----------
    jobs : dict of str to Job
        By id, oldest first.
    claimed : set of str
        Jobs whose results an operator waits for; the timer leaves them alone.
    file_opened : float
        When the file at hand was opened, seconds since 1970.
    client, backend, welcome
        The connection, the process this Blender started, and what the backend said of itself; None where not there.
    """

    def __init__(self) -> None:
        self.jobs = journal.load()
        self.claimed: set[str] = set()
        self.file_opened = time.time()
        self.client: Client | None = None
        self.backend: Backend | None = None
        self.welcome: Welcome | None = None

    def connect(self, choice: "BackendChoice") -> Steps[None]:
        """Connect to the user's backend, started where it is this machine's own and none runs yet.

        Raises
        ------
        InputError
            Where it cannot be started, does not answer, or lies on another machine and Blender may not go online.
        """
        if self.trouble() is None:
            return
        from parascale.link import local

        self.disconnect()
        yield 0.0, "Connecting to the backend"
        if choice.address:
            if not (bpy.app.online_access or is_local(choice.address)):
                raise InputError("Blender may not go online: allow it in Preferences, under System > Network")
            client = local.connect(choice.address, choice.keys)
        else:
            backend = yield from in_thread(lambda _: local.start_backend(choice.executable))
            if backend.process is not None:
                self.backend = backend
            client = backend.connect()
        try:
            # Whoever does not answer must not hold up the interface.
            welcome = yield from in_thread(lambda _: client.hello())
        except BaseException:
            client.close()
            raise
        self._greet(client, welcome)

    def take_up(self) -> None:
        """Connect to a backend that runs already, where an earlier Blender left jobs open with it."""
        if not self.waiting() or not has_link():
            return
        from parascale.link import local

        try:
            backend = local.find_backend()
            if backend is not None:
                client = backend.connect()
                self._greet(client, client.hello())
        except (InputError, OSError) as error:
            log.warning("the backend of earlier jobs is not reached: %s", error)

    def _greet(self, client: "Client", welcome: "Welcome") -> None:
        self.client = client
        self.welcome = welcome
        backend_lists.set_generators(welcome.generators)
        parameters.register(welcome.generators)
        known = {status.job_id: status for status in client.jobs()}
        for job in self.waiting():
            status = known.get(job.id)
            if status is None or not (status.received or status.final):
                job.state, job.message = "lost", "the backend never had all of it: submit it again"
                journal.save(job)

    def disconnect(self) -> None:
        """Hang up; jobs go on."""
        if self.client is not None:
            self.client.close()
        self.client = self.welcome = None

    def stop_backend(self) -> None:
        """Stop the backend this Blender started, where it did."""
        self.disconnect()
        if self.backend is not None:
            self.backend.stop()
        self.backend = None

    def submit(self, job: Job, request: "Request") -> None:
        """Write a job down, then hand it over; `tick` does the rest.

        Raises
        ------
        InputError
            Where it cannot be handed over; the job has failed then.
        """
        assert self.client is not None
        self.jobs[job.id] = job
        journal.save(job)
        try:
            self.client.start_submit(request, job.id)
        except (InputError, OSError) as error:
            self.fail(job, sentence(error))
            raise

    def cancel(self, job: Job) -> None:
        """Ask a job to stop."""
        if self.client is None:
            raise InputError("no backend is connected: start it in Preferences")
        self.client.cancel(job.id)

    def followed(self, job: Job) -> Steps[None]:
        """Follow a job until its result is here; closing these steps cancels it.

        Raises
        ------
        InputError
            Where it fails, is cancelled or lost, or the backend is gone.
        """
        self.claimed.add(job.id)
        try:
            while job.state != "fetched":
                self.tick()
                if not job.is_open:
                    raise InputError(job.message or f"{job.title} is {job.state}")
                self.check_connection()
                yield job.fraction, job.phase or job.state
        except GeneratorExit:
            self._cancel_quietly(job)
            raise
        finally:
            self.claimed.discard(job.id)

    def tick(self) -> list[Job]:
        """Do one bounded batch of messages; return the jobs that changed."""
        if self.client is None:
            return []
        changed = []
        for event in self.client.pump(MESSAGES_A_TICK):
            status = getattr(event, "job", None)
            job = self.jobs.get(status.job_id if status is not None else getattr(event, "job_id", ""))
            if job is None or job.state == "used":
                continue
            before = job.state
            self._apply(job, event)
            changed.append(job)
            if job.state != before:
                journal.save(job)
        return changed

    def trouble(self) -> str | None:
        """Say why the backend cannot be reached; None while all is well."""
        if self.client is None:
            return "no backend is connected"
        process = self.backend.process if self.backend else None
        if process is not None and process.poll() is not None:
            return "the backend has ended"
        return self.client.trouble

    def check_connection(self) -> None:
        """Refuse to wait for a backend that is gone.

        Raises
        ------
        InputError
            With the sentence to show.
        """
        trouble = self.trouble()
        if trouble:
            raise InputError(f"{trouble}: start it again in Preferences, and open jobs go on")

    def waiting(self) -> list[Job]:
        """Jobs of which something is still to come from the backend."""
        return [job for job in self.jobs.values() if job.is_open and job.state != "fetched"]

    def belongs_here(self, job: Job) -> bool:
        """Whether a job was submitted from the file at hand: another file must not receive its result unasked."""
        if any(settings_of_scene(scene).job_id == job.id for scene in bpy.data.scenes):
            return True
        if job.blend:
            return job.blend == bpy.data.filepath
        return not bpy.data.filepath and job.created >= self.file_opened

    def mark_used(self, job: Job) -> None:
        """Note that a result has been put to use."""
        job.state = "used"
        journal.save(job)

    def fail(self, job: Job, reason: str) -> None:
        """Note that a job came to nothing, and why."""
        job.state, job.message = "failed", reason
        journal.save(job)

    def forget(self, job: Job) -> None:
        """Strike a job off the journal."""
        self.jobs.pop(job.id, None)
        journal.forget(job)

    def _apply(self, job: Job, event: object) -> None:
        from parascale.link.client import Fetched, FetchFailed, JobChanged, SubmitRefused

        if isinstance(event, JobChanged):
            self._note(job, event.job)
        elif isinstance(event, Fetched):
            self._note_result(job, event.result)
        elif isinstance(event, (SubmitRefused, FetchFailed)):
            job.state, job.message = "failed", event.message

    def _note(self, job: Job, status: "JobStatus") -> None:
        if job.state == "fetched":
            return
        job.state, job.fraction, job.phase, job.message = status.state, status.fraction, status.phase, status.message
        if status.sketch:
            thumbnails.show(job, status.sketch)
        if status.state == "running" and not job.started:
            job.started = time.time()
        if status.state == "done":
            assert self.client is not None
            self.client.start_fetch(job.id, results_folder(job))

    def _note_result(self, job: Job, result: "JobResult") -> None:
        job.state, job.fraction, job.phase = "fetched", 1.0, ""
        job.summary = dict(result.summary)
        job.files = {role: str(path) for role, path in result.files.items()}

    def _cancel_quietly(self, job: Job) -> None:
        try:
            self.cancel(job)
        except InputError as error:
            log.warning("%s could not be cancelled: %s", job.id, error)


_current: Session | None = None


def start() -> None:
    """Begin the session of this Blender and its timer."""
    global _current  # noqa: PLW0603 - one Blender has one session
    _current = Session()
    _current.take_up()
    bpy.app.handlers.load_post.append(_on_load)
    bpy.app.timers.register(on_timer, first_interval=TICK_SECONDS, persistent=True)


def stop() -> None:
    """End the session; what its backend has not done goes on when one is started again."""
    global _current  # noqa: PLW0603
    if _on_load in bpy.app.handlers.load_post:
        bpy.app.handlers.load_post.remove(_on_load)
    if bpy.app.timers.is_registered(on_timer):
        bpy.app.timers.unregister(on_timer)
    if _current is not None:
        _current.stop_backend()
    _current = None


def current() -> Session:
    """Return the session."""
    assert _current is not None, "the add-on is not enabled"
    return _current


def new_job(kind: str, title: str, scene: bpy.types.Scene) -> Job:
    """Make a job with an id of its own, for a scene of the file at hand."""
    return Job(
        id=uuid.uuid4().hex, kind=kind, title=title, created=time.time(), blend=bpy.data.filepath, scene=scene.name
    )


def results_folder(job: Job) -> Path:
    """Return where a job's results go: beside the file it was submitted from, a temporary folder where it had none."""
    from . import preferences

    if job.blend and Path(job.blend).parent.is_dir():
        return Path(bpy.path.abspath(preferences.results_folder(), start=str(Path(job.blend).parent))) / job.id
    return Path(tempfile.gettempdir()) / "parascale" / job.id


def has_link() -> bool:
    """Whether this build can talk to a backend at all."""
    return importlib.util.find_spec("zmq") is not None


def is_local(address: str) -> bool:
    """Whether an address is on this machine."""
    from parascale.link.sockets import is_loopback

    try:
        return is_loopback(address)
    except InputError:
        return False


def connected() -> bool:
    """Whether a backend answers."""
    return _current is not None and _current.trouble() is None


def owns_backend() -> bool:
    """Whether the backend was started from this Blender."""
    return _current is not None and _current.backend is not None


def find_job(job_id: str) -> Job | None:
    """Return a job by its id; None where there is no such job."""
    return _current.jobs.get(job_id) if _current else None


def newest_jobs(count: int) -> list[Job]:
    """Return the newest jobs first."""
    return list(reversed(_current.jobs.values()))[:count] if _current else []


def state_text() -> str:
    """Say in one line what the backend is."""
    if not has_link():
        return "This build has no link to a backend"
    if _current is None or _current.client is None:
        return "No backend connected"
    if trouble := _current.trouble():
        return sentence(trouble)
    address = _current.client.address
    place = "on this machine" if is_local(address) else f"at {address}"
    return f"Backend {_current.welcome.version} {place}" if _current.welcome else f"Backend {place}"


def on_timer() -> float:
    """Do one batch, and bring in what has arrived."""
    from . import jobs_list

    now = current()
    changed = bool(now.tick())
    # Looked at every time: a result may have waited for its file to be opened again.
    for job in list(now.jobs.values()):
        if job.state == "fetched" and job.id not in now.claimed and now.belongs_here(job):
            _insert(now, job)
            changed = True
    if changed:
        _redraw()
    jobs_list.sync()
    return TICK_SECONDS


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]  # the stubs say nothing of it
def _on_load(_path: str) -> None:
    current().file_opened = time.time()


def _insert(now: Session, job: Job) -> None:
    """Bring a result in by the operator, so that it is one undo step."""
    try:
        bpy.ops.parascale.insert_result("EXEC_DEFAULT", True, job_id=job.id)  # type: ignore[attr-defined]  # ours
    except RuntimeError as error:
        if job.state != "failed":
            now.fail(job, sentence(str(error).removeprefix("Error: ")))


def _redraw() -> None:
    window_manager: Any = bpy.context.window_manager
    for window in window_manager.windows:
        for area in window.screen.areas:
            if area.type in ("VIEW_3D", "SEQUENCE_EDITOR", "PREFERENCES"):
                area.tag_redraw()
