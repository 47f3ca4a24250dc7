"""The journal: one small file per job, so that no job is lost when Blender closes, crashes or undoes."""

import json
import logging
from dataclasses import asdict, dataclass, field
from pathlib import Path

import bpy

from parascale.types import Json

from ..settings.preferences import ADDON

UNDER_WAY = ("submitted", "queued", "running", "cancelling")
# A job is open until the backend has ended it and, if it is done, its result has been inserted.
OPEN_STATES = (*UNDER_WAY, "done", "fetched")

log = logging.getLogger("parascale.addon")


@dataclass
class Job:
    """A job as this Blender knows it; times are in seconds since 1970."""

    id: str  # UUID in hex, made here
    kind: str
    title: str
    created: float
    # The file (empty if it was not saved) and the scene it was submitted from, and where a video begins in that.
    blend: str = ""
    scene: str = ""
    frame_start: int = 1
    fps: float = 0.0
    # The request without its arrays; kept on the strip.
    request: dict[str, Json] = field(default_factory=dict)
    # The backend's (queued, running, cancelling, done, failed, cancelled, lost), or ours: submitted, fetched, used.
    state: str = "submitted"
    fraction: float = 0.0
    phase: str = ""
    message: str = ""
    # Paths of the fetched files by role, and the backend's summary of the result.
    files: dict[str, str] = field(default_factory=dict)
    summary: dict[str, Json] = field(default_factory=dict)
    started: float = 0.0  # 0 while it waits
    # Frame ranges START:END, one of which to choose, of a clip that could not be solved because it holds several.
    shots: list[str] = field(default_factory=list)
    # What mends its failure, and the choices of that (see `parascale.errors.Remedy`).
    remedy: str = ""
    choices: list[str] = field(default_factory=list)
    # The Blender that submitted it (see `Presence`).
    session: str = ""

    @property
    def is_open(self) -> bool:
        """Whether its end, its result or the insertion is still to come."""
        return self.state in OPEN_STATES

    @property
    def has_result(self) -> bool:
        """Whether there is a result to insert, for the first time or again."""
        return bool(self.files) and self.state in ("fetched", "used", "failed")

    def seconds_left(self, now: float) -> float | None:
        """Estimate the remaining time from the fraction done; None if too little is done for an estimate."""
        if self.state != "running" or not self.started or self.fraction < 0.02:
            return None
        return max(0.0, now - self.started) * (1 - self.fraction) / self.fraction


def folder() -> Path:
    """Return the folder of the journal."""
    return Path(bpy.utils.extension_path_user(ADDON, path="jobs", create=True))


def save(job: Job) -> None:
    """Write a job's entry; a crash leaves the old entry or the new one."""
    path = folder() / f"{job.id}.json"
    partial = path.with_suffix(".part")
    partial.write_text(json.dumps(asdict(job), allow_nan=False), encoding="utf-8")
    partial.replace(path)


def load() -> dict[str, Job]:
    """Read all jobs, oldest first; an entry that cannot be read is logged and left in place."""
    jobs = []
    for path in folder().glob("*.json"):
        try:
            jobs.append(Job(**json.loads(path.read_text(encoding="utf-8"))))
        except (OSError, ValueError, TypeError) as error:
            log.warning("journal entry %s cannot be read: %s", path, error)
    return {job.id: job for job in sorted(jobs, key=lambda job: job.created)}


def picture_of_shot(job: Job, number: int) -> Path:
    """Return where the picture of a shot is kept, counted from 0, of a clip that holds several."""
    return folder() / f"{job.id}-{number}.png"


def forget(job: Job) -> None:
    """Remove a job's entry and pictures."""
    for suffix in ("json", "png"):
        (folder() / f"{job.id}.{suffix}").unlink(missing_ok=True)
    for number in range(len(job.shots)):
        picture_of_shot(job, number).unlink(missing_ok=True)
