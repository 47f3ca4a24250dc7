"""The truth about jobs: an SQLite file that is on disk before anything in it is announced."""

import dataclasses
import json
import math
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict, Unpack

from parascale.errors import InputError, Remedy
from parascale.link.codec import build
from parascale.link.messages import DEAD, FINAL, FileInfo, JobState, JobStatus

VERSION = 2

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
    PRIMARY KEY (owner, job)
) WITHOUT ROWID
"""

_FROM_VERSION_1 = (
    "ALTER TABLE jobs ADD COLUMN remedy TEXT NOT NULL DEFAULT ''",
    "ALTER TABLE jobs ADD COLUMN choices TEXT NOT NULL DEFAULT '[]'",
)

_DEAD = repr(DEAD)  # reads as SQL too

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

    @property
    def key(self) -> tuple[str, str]:
        """Owner and id."""
        return self.owner, self.job

    @property
    def final(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in FINAL

    def status(self, fraction: float = 0.0, phase: str = "", sketch: str = "") -> JobStatus:
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
        )


class JobChanges(TypedDict, total=False):
    """The values of a job that change."""

    received: bool
    state: JobState
    message: str
    remedy: Remedy
    choices: tuple[str, ...]
    attempts: int
    size: int
    started: float | None
    ended: float | None
    summary: dict[str, object]
    results: tuple[FileInfo, ...]


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
        try:
            # One thread at a time uses it, but not the one that opened it where a program serves from a thread.
            self._base = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
            self._base.execute("PRAGMA locking_mode = EXCLUSIVE")
            self._base.execute("PRAGMA journal_mode = WAL")
            self._base.execute("PRAGMA synchronous = FULL")
            self._base.execute("BEGIN EXCLUSIVE")
            self._create(path)
            self._base.execute("COMMIT")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                raise StateInUseError(f"another backend is running on {path.parent}", "state-folder") from error
            raise InputError(f"the journal {path} cannot be opened: {error}") from error
        except sqlite3.DatabaseError as error:
            raise InputError(f"{path} is not a journal ({error})", "state-folder") from error
        self._base.row_factory = sqlite3.Row

    def _create(self, path: Path) -> None:
        (version,) = self._base.execute("PRAGMA user_version").fetchone()
        if version == 0:
            self._base.execute(_SCHEMA)
        elif version == 1:
            for statement in _FROM_VERSION_1:
                self._base.execute(statement)
        elif version != VERSION:
            raise InputError(f"the journal {path} has version {version}, not {VERSION}", "state-folder")
        self._base.execute(f"PRAGMA user_version = {VERSION}")

    def close(self) -> None:
        """Let another server in."""
        self._base.close()

    def add(self, job: Job) -> None:
        """Write a new job; it is on disk when this returns."""
        values = dataclasses.asdict(job)
        for name in _JSON:
            values[name] = json.dumps(values[name], allow_nan=False)
        names = ", ".join(values)
        marks = ", ".join(f":{name}" for name in values)
        self._base.execute(f"INSERT INTO jobs ({names}) VALUES ({marks})", values)  # noqa: S608 - names of our fields

    def change(self, job: Job, **values: Unpack[JobChanges]) -> Job:
        """Write new values of a job and return it; they are on disk when this returns."""
        changed = dataclasses.replace(job, **values)
        stored = dataclasses.asdict(changed)
        row = {name: json.dumps(stored[name], allow_nan=False) if name in _JSON else stored[name] for name in values}
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

    def of(self, owner: str, limit: int) -> list[Job]:
        """Return the youngest jobs of a client, oldest first; the dead are left out before all others."""
        rows = self._base.execute(
            f"SELECT * FROM jobs WHERE owner = ? ORDER BY state IN {_DEAD}, created DESC, job LIMIT ?",  # noqa: S608
            (owner, limit),
        ).fetchall()
        return sorted(map(_job, reversed(rows)), key=lambda job: job.created)

    def in_states(self, states: Sequence[JobState]) -> list[Job]:
        """Return all jobs in some states, oldest first."""
        marks = ", ".join("?" * len(states))
        query = f"SELECT * FROM jobs WHERE state IN ({marks}) ORDER BY created, job"  # noqa: S608 - only marks
        return [_job(row) for row in self._base.execute(query, states).fetchall()]

    def forget_dead(self, before: float = math.inf, owner: str | None = None) -> int:
        """Forget the dead jobs that ended before some time, of one client or of all; return how many there were."""
        query = f"DELETE FROM jobs WHERE state IN {_DEAD} AND ended < ? AND owner = COALESCE(?, owner)"  # noqa: S608
        return self._base.execute(query, (before, owner)).rowcount

    def with_files(self) -> list[tuple[str, str]]:
        """Return owner and id of the jobs that have files in the store: all but the dead."""
        rows = self._base.execute(f"SELECT owner, job FROM jobs WHERE state NOT IN {_DEAD}")  # noqa: S608
        return [(row["owner"], row["job"]) for row in rows]

    def has_work(self) -> bool:
        """Tell whether a job runs or could run."""
        query = "SELECT 1 FROM jobs WHERE state IN ('running', 'cancelling') OR (state = 'queued' AND received) LIMIT 1"
        return self._base.execute(query).fetchone() is not None

    def next_ready(self) -> Job | None:
        """Return the oldest queued job whose files are here."""
        row = self._base.execute(
            "SELECT * FROM jobs WHERE state = 'queued' AND received = 1 ORDER BY created, job LIMIT 1"
        ).fetchone()
        return None if row is None else _job(row)

    def totals(self, owner: str) -> tuple[int, int]:
        """Return the bytes of all jobs but the dead, and the number of one client's jobs that have not ended."""
        query = f"SELECT COALESCE(SUM(size), 0) FROM jobs WHERE state NOT IN {_DEAD}"  # noqa: S608
        (size,) = self._base.execute(query).fetchone()
        query = f"SELECT COUNT(*) FROM jobs WHERE owner = ? AND state NOT IN {FINAL!r}"  # noqa: S608
        (count,) = self._base.execute(query, (owner,)).fetchone()
        return int(size), int(count)


def new_job(owner: str, job: str, kind: str, label: str, payload: str, files: tuple[FileInfo, ...], size: int) -> Job:
    """Return a job that was just submitted."""
    return Job(
        owner, job, kind, label, payload, files, not files, "queued", "", 0, size, time.time(), None, None, {}, ()
    )


def _job(row: sqlite3.Row) -> Job:
    values = {name: row[name] for name in row.keys()}  # noqa: SIM118 - a Row is no mapping
    for name in _JSON:
        values[name] = json.loads(values[name])
    values["received"] = bool(values["received"])
    return build(Job, values, "job")
