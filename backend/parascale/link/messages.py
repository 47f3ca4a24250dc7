"""Everything the two ends of the wire, and a server and its workers, say to each other."""

from dataclasses import dataclass
from typing import Literal

from parascale.errors import Remedy
from parascale.link.parameters import Parameter

JobState = Literal["queued", "running", "cancelling", "done", "failed", "cancelled", "lost"]
Dtype = Literal["uint8", "int32", "int64", "float32", "float64"]
Refusal = Literal["malformed", "version", "unknown-job", "conflict", "quota", "not-done"]

ScaleClass = Literal["A", "B", "C", "D"]

FINAL = ("done", "failed", "cancelled", "lost")


@dataclass(frozen=True)
class ArrayInfo:
    """What the raw bytes after the header are: C order, little endian."""

    name: str
    dtype: Dtype
    shape: tuple[int, ...]


@dataclass(frozen=True)
class FileInfo:
    """A file as its receiver needs to know it: the SHA-256 (hex) of each of its chunks, in order."""

    role: str
    name: str
    size: int
    chunks: tuple[str, ...]


@dataclass(frozen=True)
class JobStatus:
    """Where a job stands.

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
        Whether all its files have arrived: from here on the client may leave.
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

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to the job."""
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
    """

    fps: float = 0.0
    frame_step: int = 1
    best_frames: int = 0
    max_frames: int = 0


@dataclass(frozen=True)
class GeneratorInfo:
    """A generator as a client sees it.

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
class Hello:
    """Client: tell me who you are and what you can do."""

    request: int


@dataclass(frozen=True)
class Submit:
    """Client: run this. Its arrays follow as frames; its files are pulled."""

    request: int
    job: str
    kind: str
    label: str
    fields: dict[str, object]
    arrays: tuple[ArrayInfo, ...]
    files: tuple[FileInfo, ...]


@dataclass(frozen=True)
class Ask:
    """Client: tell me where this job stands."""

    request: int
    job: str


@dataclass(frozen=True)
class AskAll:
    """Client: tell me where all my jobs stand."""

    request: int


@dataclass(frozen=True)
class Cancel:
    """Client to server, server to worker: stop this job."""

    request: int
    job: str


@dataclass(frozen=True)
class AskResult:
    """Client: tell me what this job left behind."""

    request: int
    job: str


@dataclass(frozen=True)
class Delete:
    """Client: forget this job and its files."""

    request: int
    job: str


@dataclass(frozen=True)
class Pull:
    """Either side: send me the chunk with this SHA-256."""

    job: str
    chunk: str


@dataclass(frozen=True)
class Chunk:
    """Either side: here it is, in the one frame that follows."""

    job: str
    chunk: str


@dataclass(frozen=True)
class NoChunk:
    """Either side: I cannot send it."""

    job: str
    chunk: str
    message: str


@dataclass(frozen=True)
class Welcome:
    """Server: this is what I am."""

    request: int
    version: str
    protocol: int
    generators: tuple[GeneratorInfo, ...]
    devices: tuple[str, ...]


@dataclass(frozen=True)
class Status:
    """Server: the answer about one job, to the one who asked."""

    request: int
    job: JobStatus


@dataclass(frozen=True)
class StatusAll:
    """Server: the answer about all jobs of the one who asked."""

    request: int
    jobs: tuple[JobStatus, ...]


@dataclass(frozen=True)
class Result:
    """Server: what a job left behind; its files wait to be pulled."""

    request: int
    job: str
    summary: dict[str, object]
    files: tuple[FileInfo, ...]


@dataclass(frozen=True)
class Deleted:
    """Server: the job and its files are gone."""

    request: int
    job: str


@dataclass(frozen=True)
class Refused:
    """Server: no, and why. ``request`` is 0 where the question could not be read."""

    request: int
    code: Refusal
    message: str


@dataclass(frozen=True)
class Changed:
    """Server: a job of yours changed; nobody asked."""

    job: JobStatus


@dataclass(frozen=True)
class Beat:
    """Server to its clients, worker to its server: I am alive."""


@dataclass(frozen=True)
class Run:
    """Server to worker: run the job in this folder, whose submission had this hash."""

    job: str
    folder: str
    payload: str


@dataclass(frozen=True)
class Progress:
    """Worker: how far it is, and what it looks like by now, a small PNG in Base64, empty where that is as before."""

    job: str
    fraction: float
    phase: str
    sketch: str = ""


@dataclass(frozen=True)
class Finished:
    """Worker: done; the files lie in the job's folder."""

    job: str
    summary: dict[str, object]
    files: tuple[FileInfo, ...]


@dataclass(frozen=True)
class Failed:
    """Worker: it cannot be done, why, and what would mend it."""

    job: str
    message: str
    remedy: Remedy = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Stopped:
    """Worker: cancelled, as asked."""

    job: str


FromClient = Hello | Submit | Ask | AskAll | Cancel | AskResult | Delete | Pull | Chunk | NoChunk
FromServer = (
    Welcome | Status | StatusAll | Result | Deleted | Refused | Changed | Beat | Pull | Chunk | NoChunk
)  # fmt: skip
ToWorker = Run | Cancel
FromWorker = Progress | Finished | Failed | Stopped | Beat
Message = FromClient | FromServer | ToWorker | FromWorker
