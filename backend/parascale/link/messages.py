"""The messages between client and server, and between server and worker."""

from dataclasses import dataclass
from typing import Literal

from parascale.errors import Remedy
from parascale.link.parameters import Parameter

JobState = Literal["queued", "running", "cancelling", "done", "failed", "cancelled", "lost"]
Dtype = Literal["uint8", "int32", "int64", "float32", "float64"]
Refusal = Literal[
    "malformed", "version", "unknown-job", "conflict", "quota", "not-done", "forbidden", "revoked", "busy", "internal"
]  # fmt: skip

ScaleClass = Literal["A", "B", "C", "D"]

DEAD: tuple[JobState, ...] = ("failed", "cancelled", "lost")
"""States of a job that ended and left nothing to fetch."""

FINAL: tuple[JobState, ...] = ("done", *DEAD)


@dataclass(frozen=True)
class ArrayInfo:
    """The header of an array, whose raw bytes follow: C order, little endian."""

    name: str
    dtype: Dtype
    shape: tuple[int, ...]


@dataclass(frozen=True)
class FileInfo:
    """The header of a file, with the SHA-256 (hex) of each of its chunks, in order."""

    role: str
    name: str
    size: int
    chunks: tuple[str, ...]


@dataclass(frozen=True)
class JobStatus:
    """The status of a job.

    Attributes
    ----------
    job_id : str
        32 hexadecimal digits, made by the client.
    kind : str
        As `parascale.link.kinds` names it.
    label : str
        What people call it.
    state : "queued", "running", "cancelling", "done", "failed", "cancelled" or "lost"
    received : bool
        Whether all its files have arrived, so that the client may disconnect.
    fraction : float
        0 .. 1.
    phase : str
        What it is doing.
    message : str
        Why it failed or was lost, one sentence.
    created, started, ended : float
        Seconds since 1970; None where not yet.
    sketch : str
        What it looks like so far, a small PNG in Base64; empty where there is none.
    remedy, choices : Remedy, tuple of str
        What would mend the failure, as `parascale.errors.InputError` states it.
    left : float
        Seconds that a running job still takes, by its progress so far; None where that cannot be told.
    owner : str
        The name of the client of the same team whose job it is; empty where it is one's own.
    """

    job_id: str
    kind: str
    label: str
    state: JobState
    received: bool
    fraction: float
    phase: str
    message: str
    created: float
    started: float | None
    ended: float | None
    sketch: str = ""
    remedy: Remedy = ""
    choices: tuple[str, ...] = ()
    left: float | None = None
    owner: str = ""

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.state in FINAL


@dataclass(frozen=True)
class Trained:
    """What a generator was trained at.

    Attributes
    ----------
    fps : float
        Frames per second; 0 is any.
    frame_step : int
        n of the n k + 1 frames it takes.
    best_frames, max_frames : int
        The number of frames it makes best, and the most it makes; 0 is any.
    long_side : int
        The longer side of the largest pictures it was trained on, in pixels; 0 is any.
    splits : bool
        Whether it makes more than ``best_frames`` in pieces, each going on from the last frame of the one before.
    """

    fps: float = 0.0
    frame_step: int = 1
    best_frames: int = 0
    max_frames: int = 0
    long_side: int = 0
    splits: bool = False


@dataclass(frozen=True)
class GeneratorInfo:
    """The description of a generator.

    Attributes
    ----------
    name : str
    scale_class : "A", "B", "C" or "D"
        What calibration means to it: raw units, metric, scale-erasing, depth-rendered.
    requirements : tuple of str
        What it needs to run.
    parameters : tuple of Parameter
    trained : Trained
    """

    name: str
    scale_class: ScaleClass
    requirements: tuple[str, ...]
    parameters: tuple[Parameter, ...]
    trained: Trained = Trained()


@dataclass(frozen=True)
class Health:
    """How a backend is.

    Attributes
    ----------
    time : float
        Its clock, seconds since 1970.
    uptime : float
        Seconds since it started.
    workers, running, waiting : int
        Jobs at a time, jobs that run, and jobs that wait for a worker, of all clients.
    free : int
        Bytes free on the disk of its state folder.
    troubles : tuple of str
        What keeps it from working, a sentence each.
    """

    time: float
    uptime: float
    workers: int
    running: int
    waiting: int
    free: int
    troubles: tuple[str, ...] = ()


@dataclass(frozen=True)
class Hello:
    """Client: asks for the backend's version, generators and devices."""

    request: int


@dataclass(frozen=True)
class Submit:
    """Client: submits a job. Its arrays follow as frames; the server pulls its files."""

    request: int
    job: str
    kind: str
    label: str
    fields: dict[str, object]
    arrays: tuple[ArrayInfo, ...]
    files: tuple[FileInfo, ...]


@dataclass(frozen=True)
class Ask:
    """Client: asks for the status of a job."""

    request: int
    job: str


@dataclass(frozen=True)
class AskAll:
    """Client: asks for the status of all its jobs, a page at a time: those after a job, from the first where empty.

    With ``team``, those of the other clients of its team are among them.
    """

    request: int
    after: str = ""
    team: bool = False


@dataclass(frozen=True)
class Cancel:
    """Client to server, server to worker: cancels a job."""

    request: int
    job: str


@dataclass(frozen=True)
class AskResult:
    """Client: asks for the result of a job."""

    request: int
    job: str


@dataclass(frozen=True)
class Delete:
    """Client: deletes a job and its files."""

    request: int
    job: str


@dataclass(frozen=True)
class Clean:
    """Client: deletes all its jobs that failed, were cancelled or lost."""

    request: int


@dataclass(frozen=True)
class Release:
    """Client: has workers without a job give back what they hold, such as a GPU."""

    request: int


@dataclass(frozen=True)
class Pull:
    """Either side: requests the chunk with this SHA-256."""

    job: str
    chunk: str


@dataclass(frozen=True)
class Chunk:
    """Either side: sends a chunk, in the one frame that follows."""

    job: str
    chunk: str


@dataclass(frozen=True)
class NoChunk:
    """Either side: cannot send a chunk, and why."""

    job: str
    chunk: str
    message: str


@dataclass(frozen=True)
class Welcome:
    """Server: the reply to `Hello`."""

    request: int
    version: str
    protocol: int
    generators: tuple[GeneratorInfo, ...]
    devices: tuple[str, ...]
    health: Health


@dataclass(frozen=True)
class Status:
    """Server: the status of one job, in reply to a request."""

    request: int
    job: JobStatus


@dataclass(frozen=True)
class StatusAll:
    """Server: the status of the jobs of a client, in reply to a request; ask for those after the last if ``more``."""

    request: int
    jobs: tuple[JobStatus, ...]
    more: bool = False


@dataclass(frozen=True)
class Result:
    """Server: the result of a job, whose files the client can pull."""

    request: int
    job: str
    summary: dict[str, object]
    files: tuple[FileInfo, ...]


@dataclass(frozen=True)
class Deleted:
    """Server: the job and its files are deleted."""

    request: int
    job: str


@dataclass(frozen=True)
class Cleaned:
    """Server: so many jobs are deleted."""

    request: int
    count: int


@dataclass(frozen=True)
class Released:
    """Server: so many workers gave back what they held."""

    request: int
    count: int


@dataclass(frozen=True)
class Refused:
    """Server: refuses a request, and why; ``request`` is 0 if it could not be read."""

    request: int
    code: Refusal
    message: str


@dataclass(frozen=True)
class Changed:
    """Server: the status of a job that changed, sent without a request."""

    job: JobStatus


@dataclass(frozen=True)
class Beat:
    """Server to clients, worker to server: a heartbeat."""


@dataclass(frozen=True)
class Run:
    """Server to worker: runs the job in this folder, whose submission had this hash."""

    job: str
    folder: str
    payload: str


@dataclass(frozen=True)
class Progress:
    """Worker: progress, and a sketch of the result, a small PNG in Base64; empty if unchanged."""

    job: str
    fraction: float
    phase: str
    sketch: str = ""


@dataclass(frozen=True)
class Finished:
    """Worker: the job is done; its files are in the job's folder."""

    job: str
    summary: dict[str, object]
    files: tuple[FileInfo, ...]


@dataclass(frozen=True)
class Failed:
    """Worker: the job failed, why, and what would mend it."""

    job: str
    message: str
    remedy: Remedy = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stopped:
    """Worker: the job stopped because it was cancelled."""

    job: str


FromClient = Hello | Submit | Ask | AskAll | Cancel | AskResult | Delete | Clean | Release | Pull | Chunk | NoChunk
FromServer = (
    Welcome | Status | StatusAll | Result | Deleted | Cleaned | Released | Refused | Changed | Beat
    | Pull | Chunk | NoChunk
)  # fmt: skip
ToWorker = Run | Cancel
FromWorker = Progress | Finished | Failed | Stopped | Beat
Message = FromClient | FromServer | ToWorker | FromWorker
