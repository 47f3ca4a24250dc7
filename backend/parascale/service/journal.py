"""The truth about jobs: an SQLite file that is on disk before anything in it is announced."""

import dataclasses
import json
import math
import os
import sqlite3
import time
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypedDict, Unpack, get_args

from parascale.errors import InputError, Remedy
from parascale.link.codec import build, shallow
from parascale.link.messages import DEAD, FINAL, FileInfo, JobState, JobStatus

VERSION = 4

_SCHEMA = """
CREATE TABLE jobs (
    owner TEXT NOT NULL,
    job TEXT NOT NULL,
    kind TEXT NOT NULL,
    label TEXT NOT NULL,
    payload TEXT NOT NULL,
    files TEXT NOT NULL,
    received INTEGER NOT NULL,
    state TEXT NOT NULL,
    message TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    size INTEGER NOT NULL,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    summary TEXT NOT NULL DEFAULT '{}',
    results TEXT NOT NULL DEFAULT '[]',
    remedy TEXT NOT NULL DEFAULT '',
    choices TEXT NOT NULL DEFAULT '[]',
    hangs INTEGER NOT NULL DEFAULT 0,
    number INTEGER NOT NULL DEFAULT 0,
    generator TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (owner, job)
) WITHOUT ROWID
"""

_FROM_VERSION_1 = (
    "ALTER TABLE jobs ADD COLUMN remedy TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE jobs ADD COLUMN choices TEXT NOT NULL DEFAULT '[]'",
)
_FROM_VERSION_2 = (
    "ALTER TABLE jobs ADD COLUMN hangs INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE jobs ADD COLUMN number INTEGER NOT NULL DEFAULT 0",
    # The order they came in, which no clock that jumps back can change any more.
    """UPDATE jobs SET number = (
        SELECT COUNT(*) FROM jobs AS other
        WHERE (other.created, other.owner, other.job) <= (jobs.created, jobs.owner, jobs.job)
    )""",
)
_FROM_VERSION_3 = ("ALTER TABLE jobs ADD COLUMN generator TEXT NOT NULL DEFAULT ''",)
_IDENTITY = ("CREATE TABLE identity (id TEXT NOT NULL)",)
_INDICES = (
    "CREATE INDEX by_task ON jobs (state, received, kind, generator, number)",
    "CREATE INDEX by_number ON jobs (number)",
    "CREATE INDEX by_owner ON jobs (owner, state, size)",
    "CREATE INDEX by_size ON jobs (received, state, size)",
)

_DEAD = repr(DEAD)  # reads as SQL too
_NOT_DEAD = repr(tuple(state for state in get_args(JobState) if state not in DEAD))
_UNDER_WAY = repr(tuple(state for state in get_args(JobState) if state not in FINAL))

_JSON = ("files", "summary", "results", "choices")
"""The columns that hold JSON."""


class StateInUseError(InputError):
    """Another backend runs on the state folder."""


@dataclass(frozen=True)
class Job:
    """A job as the journal holds it.

    Attributes
    ----------
    owner : str
        The client's public key, Z85.
    job : str
        Its id.
    payload : str
        SHA-256 (hex) of all that was submitted.
    files : tuple of FileInfo
        What it needs from its client.
    received : bool
        Whether the files are here.
    attempts : int
        How often it was started.
    size : int
        Bytes it takes in the store.
    summary, results : dict, tuple of FileInfo
        What it left behind.
    remedy, choices : Remedy, tuple of str
        What would mend its failure.
    hangs : int
        How often it was ended because it made no progress.
    number : int
        The order in which jobs came in; given by the journal.
    generator : str
        The known generator that a job asks for; empty where it asks for none.
    """

    owner: str
    job: str
    kind: str
    label: str
    payload: str
    files: tuple[FileInfo, ...]
    received: bool
    state: JobState
    message: str
    attempts: int
    size: int
    created: float
    started: float | None
    ended: float | None
    summary: dict[str, object]
    results: tuple[FileInfo, ...]
    remedy: Remedy = ""
    choices: tuple[str, ...] = ()
    hangs: int = 0
    number: int = field(default=0, compare=False)
    generator: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """Owner and id."""
        return self.owner, self.job

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL

    def status(self, fraction: float = 0.0, phase: str = "", sketch: str = "", left: float | None = None) -> JobStatus:
        """Return what its client may know."""
        return JobStatus(
            job_id=self.job,
            kind=self.kind,
            label=self.label,
            state=self.state,
            received=self.received,
            fraction=1.0 if self.state == "done" else fraction,
            phase=phase,
            message=self.message,
            created=self.created,
            started=self.started,
            ended=self.ended,
            sketch=sketch,
            remedy=self.remedy,
            choices=self.choices,
            left=left,
        )


class JobChanges(TypedDict, total=False):
    """The values of a job that change."""

    received: bool
    state: JobState
    message: str
    remedy: Remedy
    choices: tuple[str, ...]
    attempts: int
    hangs: int
    size: int
    started: float | None
    ended: float | None
    summary: dict[str, object]
    results: tuple[FileInfo, ...]
    generator: str


class Journal:
    """All jobs of a server. Holding it open keeps a second server out.

    Parameters
    ----------
    path : Path
        The SQLite file; made where missing.

    Raises
    ------
    InputError
        Where another server holds it, or it is no journal of this version.
    """

    def __init__(self, path: Path) -> None:
        if _version_of(path) > VERSION:  # before SQLite opens it: not a byte of it changes
            raise _newer(path, _version_of(path))
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        try:
            # One thread at a time uses it, but not the one that opened it where a program serves from a thread.
            self._base = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
            self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.execute("BEGIN EXCLUSIVE")
            self._create(path)
            self._base.execute("COMMIT")
            (self.identity,) = self._base.execute("SELECT id FROM identity").fetchone()
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StateInUseError(f"another backend is running on {path.parent}", "state-folder") from error
            raise InputError(f"the journal {path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path} is not a journal ({error})", "state-folder") from error
        self._base.row_factory = sqlite3.Row
        self._before = 0

    def _create(self, path: Path) -> None:
        (version,) = self._base.execute("PRAGMA user_version").fetchone()
        if version == VERSION:  # nothing is written: it opens where the disk is full
            return
        if version > VERSION:
            raise _newer(path, version)
        query = "SELECT name FROM sqlite_master WHERE type = 'index' AND sql != ''"
        for (index,) in self._base.execute(query).fetchall():
            self._base.execute(f"DROP INDEX {index}")
        second = (*_FROM_VERSION_2, *_IDENTITY, *_FROM_VERSION_3)
        steps = {0: (_SCHEMA, *_IDENTITY), 1: (*_FROM_VERSION_1, *second), 2: second, 3: _FROM_VERSION_3}
        for statement in (*steps[version], *_INDICES):
            self._base.execute(statement)
        if version < 3:
            self._base.execute("INSERT INTO identity VALUES (?)", (uuid.uuid4().hex,))
        self._base.execute(f"PRAGMA user_version = {VERSION}")

    def begin(self) -> None:
        """Have what is written from now on wait for the disk together, at `commit`."""
        if not self._base.in_transaction:
            self._base.execute("BEGIN")
            self._before = self._base.total_changes

    @property
    def waits_for_disk(self) -> bool:
        """Whether something was written since `begin`."""
        return self._base.in_transaction and self._base.total_changes != self._before

    def commit(self) -> None:
        """Return when all that was written since `begin` is on disk; where the disk is full, none of it is."""
        try:
            if self._base.in_transaction:
                self._base.execute("COMMIT")
        except sqlite3.OperationalError:
            self.roll_back()
            raise

    def roll_back(self) -> None:
        """Take back what was written since `begin`."""
        if self._base.in_transaction:
            self._base.execute("ROLLBACK")

    def close(self) -> None:
        """Let another server in."""
        self._base.close()

    def add(self, job: Job) -> Job:
        """Write a new job and return it with its number; it is on disk when this returns."""
        (last,) = self._base.execute("SELECT COALESCE(MAX(number), 0) FROM jobs").fetchone()
        job = dataclasses.replace(job, number=last + 1)
        values = shallow(job)
        for name in _JSON:
            values[name] = json.dumps(values[name], allow_nan=False, default=shallow)
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        self._base.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", values)  # noqa: S608 - names of our fields
        return job

    def change(self, job: Job, **values: Unpack[JobChanges]) -> Job:
        """Write new values of a job and return it; they are on disk when this returns."""
        changed = dataclasses.replace(job, **values)
        row = {name: value for name, value in shallow(changed).items() if name in values}
        for name in values.keys() & set(_JSON):
            row[name] = json.dumps(row[name], allow_nan=False, default=shallow)
        assignments = ", ".join(f"{name} = :{name}" for name in row)
        self._base.execute(
            f"UPDATE jobs SET {assignments} WHERE owner = :owner AND job = :job",  # noqa: S608 - names of our fields
            row | {"owner": job.owner, "job": job.job},
        )
        return changed

    def remove(self, job: Job) -> None:
        """Forget a job."""
        self._base.execute("DELETE FROM jobs WHERE owner = ? AND job = ?", job.key)

    def find(self, owner: str, job: str) -> Job | None:
        """Return a job; None where there is none."""
        row = self._base.execute("SELECT * FROM jobs WHERE owner = ? AND job = ?", (owner, job)).fetchone()
        return None if row is None else _job(row)

    def of(self, owner: str, limit: int, others: Iterable[str] = ()) -> list[Job]:
        """Return the youngest jobs of a client, and others, oldest first; the dead are left out before all others."""
        owners = [owner, *others]
        marks = ", ".join("?" * len(owners))
        rows = self._base.execute(
            f"SELECT * FROM jobs WHERE owner IN ({marks}) ORDER BY state IN {_DEAD}, number DESC LIMIT ?",  # noqa: S608
            (*owners, limit),
        ).fetchall()
        return sorted(map(_job, rows), key=lambda job: job.number)

    def in_states(self, states: Sequence[JobState]) -> list[Job]:
        """Return all jobs in some states, oldest first."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT * FROM jobs WHERE state IN ({marks}) ORDER BY number"  # noqa: S608 - only marks
        return [_job(row) for row in self._base.execute(query, states).fetchall()]

    def forget_dead(self, before: float = math.inf, owner: str | None = None) -> int:
        """Forget the dead jobs that ended before some time, of one client or of all; return how many there were."""
        query = f"DELETE FROM jobs WHERE state IN {_DEAD} AND ended < ? AND owner = COALESCE(?, owner)"  # noqa: S608
        return self._base.execute(query, (before, owner)).rowcount

    def with_files(self) -> list[tuple[str, str]]:
        """Return owner and id of the jobs that have files in the store: all but the dead."""
        rows = self._base.execute(f"SELECT owner, job FROM jobs WHERE state IN {_NOT_DEAD}")  # noqa: S608
        return [(row["owner"], row["job"]) for row in rows]

    def has_work(self) -> bool:
        """Tell whether a job runs or could run."""
        return any(self.count_work())

    def count_work(self) -> tuple[int, int]:
        """Count the jobs that run, and those that wait for a worker."""
        (running,) = self._base.execute("SELECT COUNT(*) FROM jobs WHERE state IN ('running', 'cancelling')").fetchone()
        (waiting,) = self._base.execute("SELECT COUNT(*) FROM jobs WHERE state = 'queued' AND received = 1").fetchone()
        return running, waiting

    def done_before(self, before: float) -> list[Job]:
        """Return the jobs that were done before some time."""
        query = "SELECT * FROM jobs WHERE state = 'done' AND ended < ?"
        return [_job(row) for row in self._base.execute(query, (before,)).fetchall()]

    def ready(self, count: int) -> list[Job]:
        """Return the oldest queued jobs whose files are here, so many of each kind and generator, oldest first.

        What one of them waits for, such as a GPU, keeps the others from nothing.
        """
        query = "SELECT DISTINCT kind, generator FROM jobs WHERE state = 'queued' AND received = 1"
        tasks = self._base.execute(query).fetchall()
        query = "SELECT * FROM jobs WHERE state = 'queued' AND received = 1 AND kind = ? AND generator = ?"
        query += " ORDER BY number LIMIT ?"
        rows = [row for task in tasks for row in self._base.execute(query, (*task, count)).fetchall()]
        return sorted(map(_job, rows), key=lambda job: job.number)

    def bytes_here(self) -> int:
        """Return the bytes of all jobs whose files are here, but for the dead."""
        query = f"SELECT COALESCE(SUM(size), 0) FROM jobs WHERE state IN {_NOT_DEAD} AND received = 1"  # noqa: S608
        return int(self._base.execute(query).fetchone()[0])

    def totals(self, owner: str) -> tuple[int, int]:
        """Return the bytes of one client's jobs but the dead, announced or here, and how many have not ended."""
        sums = f"COALESCE(SUM(size), 0), COALESCE(SUM(state IN {_UNDER_WAY}), 0)"
        query = f"SELECT {sums} FROM jobs WHERE owner = ? AND state IN {_NOT_DEAD}"  # noqa: S608
        size, count = self._base.execute(query, (owner,)).fetchone()
        return int(size), int(count)


def _version_of(path: Path) -> int:
    """Return the version in the head of a journal's file; 0 where there is none."""
    try:
        with path.open("rb") as file:
            head = file.read(100)
    except FileNotFoundError:
        return 0
    except OSError as error:
        raise InputError(f"the journal {path} cannot be opened: {error.strerror}", "state-folder") from error
    return int.from_bytes(head[60:64], "big") if len(head) == 100 and head.startswith(b"SQLite format 3\0") else 0


def _newer(path: Path, version: int) -> InputError:
    return InputError(
        f"the journal {path} has version {version}, not {VERSION}: a newer ParaScale wrote it", "state-folder"
    )


def new_job(
    owner: str,
    job: str,
    kind: str,
    label: str,
    payload: str,
    files: tuple[FileInfo, ...],
    size: int,
    *,
    generator: str = "",
) -> Job:
    """Return a job that was just submitted."""
    return Job(
        owner,
        job,
        kind,
        label,
        payload,
        files,
        received=not files,
        state="queued",
        message="",
        attempts=0,
        size=size,
        created=time.time(),
        started=None,
        ended=None,
        summary={},
        results=(),
        generator=generator,
    )


def _job(row: sqlite3.Row) -> Job:
    """Return the job of a row: the columns are of their types, and what is JSON was written by `Journal`."""
    values = dict(zip(row.keys(), row, strict=True))
    for name in _JSON:
        values[name] = json.loads(values[name])
    for name in ("files", "results"):
        values[name] = tuple(build(FileInfo, each, name) for each in values[name])
    return Job(**values | {"received": bool(values["received"]), "choices": tuple(values["choices"])})
