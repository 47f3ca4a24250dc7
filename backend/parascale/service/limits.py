"""What clients may take of a server: the limits an operator sets."""

from dataclasses import dataclass

MAX_JOBS = 500
"""Jobs a client may have under way, and those it is told of."""

KEPT = 7 * 24 * 3600.0
"""Seconds for which a job that failed, was cancelled or lost is remembered."""

UPLOAD_KEPT = 24 * 3600.0
"""Seconds for which a job waits for files that do not come."""

SPARE_DISK, SPARE_SHARE = 256 << 20, 0.05
"""Bytes of the disk that no job may take, but no larger share of it: what the journal and running workers need."""


@dataclass(frozen=True)
class Limits:
    """What all clients together and each of them may take.

    Attributes
    ----------
    quota : int
        Bytes of all jobs in the store.
    client_quota : int
        Bytes of one client's jobs, announced ones included.
    client_jobs : int
        Jobs of one client under way.
    results_kept : float or None
        Seconds after which a result is deleted; None keeps it until its client deletes it.
    stall : float
        Multiplies the time without progress after which a job of each kind counts as hung.
    worker_memory : int
        Bytes of main memory a worker may take; 0 is 80 % of the machine's.
    """

    quota: int = 50 << 30
    client_quota: int = 50 << 30
    client_jobs: int = MAX_JOBS
    results_kept: float | None = None
    stall: float = 1.0
    worker_memory: int = 0
