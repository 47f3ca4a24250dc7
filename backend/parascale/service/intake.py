"""Where jobs are taken in: room is checked, what was submitted is kept, and the journal is told of it."""

import logging
import sqlite3
from functools import partial

from parascale.link import messages as m
from parascale.service.access import Owner
from parascale.service.admission import RefusedError, check_submission, generator_of
from parascale.service.batch import Batch
from parascale.service.journal import Job, Journal, new_job
from parascale.service.limits import Limits
from parascale.service.store import INPUTS, Store, payload_hash
from parascale.service.transfers import Key, Uploads

log = logging.getLogger(__name__)


class Intake:
    """The submissions of clients.

    Parameters
    ----------
    journal, store, limits, uploads, batch
        Those of the server.
    """

    def __init__(self, journal: Journal, store: Store, limits: Limits, uploads: Uploads, batch: Batch) -> None:
        self._journal = journal
        self._store = store
        self._limits = limits
        self._uploads = uploads
        self._batch = batch
        self._announced: dict[Key, int] = {}  # bytes of the files of jobs that are not on disk yet

    def submit(self, owner: Owner, submit: m.Submit, frames: list[bytes]) -> bool:
        """Take a job in, or find that it is here already; tell whether it was not.

        Raises
        ------
        RefusedError
            Where there is no room for it, or it is another job than the one of that id.
        InputError
            Where it is malformed.
        """
        check_submission(owner, submit, frames)
        payload = payload_hash(submit, frames)
        job = self._journal.find(owner.key, submit.job)
        if job is None:
            self._take_in(owner, submit, frames, payload)
        elif job.payload != payload:
            raise RefusedError("conflict", f"job {submit.job} was submitted before and asks for something else")
        return job is None

    def start_upload(self, job: Job, peer: bytes) -> None:
        """Ask for the files of a job that is on disk now.

        Raises
        ------
        InputError
            Where its folder cannot be written.
        """
        if job.state == "queued" and not job.received:
            self._uploads.start(job, self._store.of(*job.key) / INPUTS, peer)

    def _take_in(self, owner: Owner, submit: m.Submit, frames: list[bytes], payload: str) -> None:
        size = sum(map(len, frames)) + sum(file.size for file in submit.files)
        self._check_room(owner, size)
        if self._store.of(owner.key, submit.job).exists():  # of a job that is forgotten as soon as that is on disk
            self._batch.settle()
        remove = partial(self._store.remove, owner.key, submit.job)
        try:
            self._store.write(owner.key, submit, frames)
        except OSError as error:
            raise RefusedError("quota", f"the backend cannot store the job: {error.strerror}") from error
        try:
            what = submit.job, submit.kind, submit.label, payload, submit.files, size
            self._journal.add(new_job(owner.key, *what, generator=generator_of(submit)))
        except sqlite3.Error:
            remove()
            raise
        self._announced[owner.key, submit.job] = sum(file.size for file in submit.files)
        forget = partial(self._announced.pop, (owner.key, submit.job), None)
        self._batch.undo_with(forget)
        self._batch.undo_with(remove)
        self._batch.follow_up(forget)  # its upload counts instead, where it is not deleted in the same breath

    def _check_room(self, owner: Owner, size: int) -> None:
        """Refuse a job for which there is no room: of all, of its client, or on the disk."""
        announced, count = self._journal.totals(owner.key)
        limit, here = min(self._limits.quota, self._limits.client_quota), self._journal.bytes_here()
        if announced + size > limit or here + size > self._limits.quota:
            raise RefusedError(
                "quota",
                f"the backend's store has room for {limit / 1e9:.3g} GB of a client's jobs and "
                f"{max(0, min(limit - announced, self._limits.quota - here)) / 1e9:.3g} GB are left: "
                "fetch and delete finished jobs",
            )
        if count >= self._limits.client_jobs:
            raise RefusedError("quota", f"this client has {count} jobs under way: wait for some or cancel them")
        free = self._store.free - self._store.spare - self._uploads.expected - sum(self._announced.values())
        if size > free:
            raise RefusedError(
                "quota",
                f"the backend's disk has room for {max(0, free) / 1e9:.3g} GB and the job needs {size / 1e9:.3g} GB",
            )
