"""What a client tells of its jobs from `Client.pump`."""

from dataclasses import dataclass

from parascale.link.messages import JobStatus
from parascale.link.request import JobResult


@dataclass(frozen=True)
class JobChanged:
    """A job of ours changed."""

    job: JobStatus


@dataclass(frozen=True)
class SubmitRefused:
    """A job was not taken, and why."""

    job_id: str
    message: str


@dataclass(frozen=True)
class Fetched:
    """A fetch that `Client.start_fetch` began is over; the files are in their folder."""

    job_id: str
    result: JobResult


@dataclass(frozen=True)
class FetchFailed:
    """A fetch that `Client.start_fetch` began cannot be finished, and why."""

    job_id: str
    message: str


Event = JobChanged | SubmitRefused | Fetched | FetchFailed
