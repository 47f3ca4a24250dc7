"""What a backend decides about the jobs that the last one left unfinished."""

import logging
import time

from parascale.errors import InputError
from parascale.link.messages import FINAL
from parascale.logs import log_event
from parascale.service.admission import generator_of
from parascale.service.journal import Job, Journal
from parascale.service.lifecycle import Tries, next_state
from parascale.service.store import Store, read_submission

log = logging.getLogger(__name__)


def recover(journal: Journal, store: Store) -> None:
    """Queue again what ran when the last backend died, or end it; find out what jobs from before an update ask for.

    Raises
    ------
    sqlite3.OperationalError
        Where the disk is full.
    """
    for job in journal.in_states(["running", "cancelling"]):
        state, _ = next_state(job.state, "backend-dies", Tries(job.attempts, job.hangs))
        message = f"the backend died {job.attempts} times while it ran this job, which is not tried again"
        if state in FINAL:
            journal.change(job, state=state, message=message if state == "lost" else "", ended=time.time())
            store.remove(*job.key)
        else:
            journal.change(job, state=state)
        log_event(log, state, job=job.job, kind=job.kind, reason="the backend died")
    for job in journal.in_states(["queued"]):
        if job.kind == "generate" and not job.generator and (generator := _generator_in_store(store, job)):
            journal.change(job, generator=generator)


def _generator_in_store(store: Store, job: Job) -> str:
    try:
        found = read_submission(store.of(*job.key))
    except (OSError, InputError):  # its worker finds out what is wrong with it
        return ""
    return "" if found is None else generator_of(found[0])
