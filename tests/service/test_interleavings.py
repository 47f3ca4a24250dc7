"""What comes together waits for the disk together: each message has its own outcome all the same."""

import hashlib
import logging
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import zmq

from parascale.link import messages as m
from parascale.link.arrays import describe, to_frames
from parascale.link.kinds.generate import GenerationRequest
from parascale.service.access import Owner
from parascale.service.admission import RefusedError
from parascale.service.dispatcher import Dispatcher
from parascale.service.limits import Limits
from parascale.service.pool import LocalPool
from parascale.service.store import REQUEST, Store

Make = Callable[..., GenerationRequest]

OWNER, PEER, JOB = Owner("key", "user", local=True), b"peer", "a" * 32
DATA = b"no video"
CLIP = m.FileInfo("reference", "clip.mp4", len(DATA), (hashlib.sha256(DATA).hexdigest(),))
SOLVE = m.Submit(
    1,
    JOB,
    "solve",
    "solve clip.mp4",
    dict.fromkeys(("focal", "fov", "end", "depth_model", "fps")) | {"folder": False, "start": 0, "subjects": []},
    (),
    (CLIP,),
)


class Desk:
    """A dispatcher without a socket: what it sends is kept, and messages are given to it together."""

    def __init__(self, state: Path) -> None:
        state.mkdir()
        self.sent: list[m.Message] = []
        self.again: list[m.Message] = []
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        self.dispatcher = Dispatcher(
            state,
            lambda: LocalPool(self._context, 1, 60.0, state / "empty"),
            Limits(),
            60.0,
            lambda _owner, _job: None,
            lambda peer, message, frames=(): self.sent.append(message),
        )

    def bring(self, *messages: m.Message, frames: list[bytes] | None = None) -> list[m.Message]:
        """Have messages handled together, and return what was answered; the last one has the frames."""
        before = len(self.sent)
        with self.dispatcher.together():
            for message in messages:
                given = frames or [] if message is messages[-1] else []
                self.dispatcher.handle(OWNER, PEER, message, given, partial(self.again.append, message))
            self.dispatcher.turn()
        return [message for message in self.sent[before:] if not isinstance(message, m.Pull)]

    def run(self, job: str) -> m.JobStatus:
        """Turn until a job has ended."""
        end = time.monotonic() + 60
        while True:
            (told,) = self.bring(m.Ask(9, job))
            assert isinstance(told, m.Status)
            if told.job.final:
                return told.job
            assert time.monotonic() < end
            time.sleep(0.01)

    def close(self) -> None:
        self.dispatcher.close()
        self._context.term()


@pytest.fixture
def desk(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Desk]:
    desk = Desk(tmp_path / "state")
    yield desk
    desk.close()
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.fixture
def preview(make_request: Make) -> tuple[m.Submit, list[bytes]]:
    packed = make_request().pack()
    frames = [bytes(frame) for frame in to_frames(packed.arrays)]
    return m.Submit(1, JOB, "generate", packed.label, dict(packed.fields), describe(packed.arrays), ()), frames


def test_a_job_that_is_deleted_and_submitted_again_at_once_is_whole(
    desk: Desk, preview: tuple[m.Submit, list[bytes]]
) -> None:
    submit, frames = preview
    for ends in ("done", "done", "done"):
        desk.bring(submit, frames=frames)
        assert desk.run(JOB).state == ends
        deleted, status = desk.bring(m.Delete(2, JOB), replace(submit, request=3), frames=frames)
        assert (deleted, getattr(status, "request", 0)) == (m.Deleted(2, JOB), 3)
        assert desk.run(JOB).state == "done"
        desk.bring(m.Delete(4, JOB))


def test_a_job_that_is_cancelled_cleaned_and_submitted_again_at_once_is_whole(
    desk: Desk, preview: tuple[m.Submit, list[bytes]]
) -> None:
    submit, frames = preview
    desk.bring(SOLVE)
    for _ in range(3):
        *_, told = desk.bring(m.Cancel(2, JOB), m.Clean(3), submit, frames=frames)
        assert isinstance(told, m.Status)
        assert told.job.state in ("queued", "running")
        assert desk.run(JOB).state == "done"
        *_, told = desk.bring(m.Delete(4, JOB), SOLVE)
        assert isinstance(told, m.Status)
        assert told.job.state == "queued"


@pytest.mark.parametrize("cancelled_first", [True, False])
def test_the_last_chunk_and_a_cancel_at_once(desk: Desk, cancelled_first: bool) -> None:
    desk.bring(SOLVE)
    desk.bring()
    assert any(isinstance(message, m.Pull) for message in desk.sent)
    cancel, chunk = m.Cancel(2, JOB), m.Chunk(JOB, CLIP.chunks[0])
    if cancelled_first:
        desk.bring(cancel, chunk, frames=[DATA])
    else:
        with desk.dispatcher.together():
            desk.dispatcher.handle(OWNER, PEER, chunk, [DATA], lambda: None)
            desk.dispatcher.handle(OWNER, PEER, cancel, [], lambda: None)
            desk.dispatcher.turn()
    assert desk.run(JOB).state == "cancelled"
    assert desk.run(JOB).message == ""


def test_a_cancel_that_comes_as_the_worker_dies_is_kept(
    desk: Desk, preview: tuple[m.Submit, list[bytes]], until: Callable[..., None]
) -> None:
    submit, frames = preview
    desk.bring(submit, frames=frames)
    (worker,) = desk.dispatcher._pool.workers
    until(lambda: desk.bring() == [] and worker.key is not None)  # what it says of the job is heard in a later turn
    desk.dispatcher._end_worker(worker, "worker-dies", "")
    with desk.dispatcher.together():  # before it is written what becomes of the job
        desk.dispatcher.handle(OWNER, PEER, m.Cancel(2, JOB), [], lambda: None)
    assert desk.run(JOB).state == "cancelled"


def test_announced_files_of_jobs_that_come_together_take_their_room_each(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 100 << 20
    info = m.FileInfo("reference", "clip.mp4", size, ("0" * 64,) * 100)
    monkeypatch.setattr(type(desk.dispatcher._store), "free", size + desk.dispatcher._store.spare + (1 << 20))
    desk.bring(replace(SOLVE, files=(info,)))
    with pytest.raises(RefusedError, match="disk has room for"):
        desk.bring(replace(SOLVE, job="b" * 32, files=(info,)))
    desk.bring(m.Cancel(3, JOB))
    with pytest.raises(RefusedError, match="disk has room for"):
        desk.bring(replace(SOLVE, job="c" * 32, files=(info,)), replace(SOLVE, job="d" * 32, files=(info,)))


def test_a_job_that_is_deleted_in_the_same_breath_takes_no_room(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    size = 100 << 20
    info = m.FileInfo("reference", "clip.mp4", size, ("0" * 64,) * 100)
    monkeypatch.setattr(type(desk.dispatcher._store), "free", size + desk.dispatcher._store.spare + (1 << 20))
    large = replace(SOLVE, files=(info,))
    refused, *_ = desk.bring(large, m.Cancel(2, JOB), m.Delete(3, JOB))
    assert isinstance(refused, m.Refused)
    (told,) = desk.bring(replace(large, job="b" * 32))
    assert isinstance(told, m.Status)


def test_what_is_still_being_removed_takes_no_new_job_of_its_name_along(tmp_path: Path) -> None:
    store = Store(tmp_path / "jobs", "journal")
    held = threading.Event()
    store._aside.submit(held.wait)
    for _ in range(3):
        store.write("owner", SOLVE, [])
        store.remove("owner", JOB)
    store.write("owner", SOLVE, [])
    held.set()
    store.close()
    folder = store.of("owner", JOB)
    assert (folder / REQUEST).is_file()
    assert list(folder.parent.iterdir()) == [folder]


def fill_journal(desk: Desk) -> None:
    """Take submissions until the journal takes no more: it may have no more pages, as on a full disk."""
    base = desk.dispatcher._journal._base
    (pages,) = base.execute("PRAGMA page_count").fetchone()
    base.execute(f"PRAGMA max_page_count = {pages}")
    for number in range(200):
        with desk.dispatcher.together():
            desk.dispatcher.handle(OWNER, PEER, replace(SOLVE, job=f"{number:032x}"), [], lambda: None)
        if desk.dispatcher.trouble:
            return
    raise AssertionError("the journal never was full")


def test_where_the_disk_is_full_each_message_is_handled_again_by_itself(
    desk: Desk, tmp_path: Path, until: Callable[..., None]
) -> None:
    fill_journal(desk)
    assert "disk is full" in desk.dispatcher.trouble
    until(lambda: not list(tmp_path.glob("state/jobs/[!.]*/.*")))
    stored = set(tmp_path.glob("state/jobs/[!.]*/*"))
    first = replace(SOLVE, job="0" * 32)
    asked = m.Ask(5, first.job)
    (told,) = desk.bring(asked)  # nothing waits for the disk: answered at once
    assert isinstance(told, m.Status)
    cancel = m.Cancel(6, first.job)
    new = [replace(SOLVE, job=f"f{number:031x}") for number in range(60)]
    desk.again.clear()
    assert desk.bring(cancel, asked, *new) == []
    assert desk.again[:2] == [cancel, asked]
    until(lambda: set(tmp_path.glob("state/jobs/[!.]*/*")) == stored)
    desk.dispatcher._journal._base.execute("PRAGMA max_page_count = 100000")
    assert [type(message) for message in desk.bring(cancel, asked, *new)] == [m.Status] * 62


def test_a_full_disk_is_called_one(desk: Desk) -> None:
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    refusal = desk.dispatcher.note_full_disk(error)
    assert refusal.code == "quota"
    assert "disk is full" in str(refusal)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    refusal = desk.dispatcher.note_full_disk(error)
    assert refusal.code == "busy"


def test_a_clock_that_jumps_ahead_deletes_nothing(
    desk: Desk, preview: tuple[m.Submit, list[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    submit, frames = preview
    desk.bring(submit, frames=frames)
    assert desk.run(JOB).state == "done"
    desk.dispatcher._limits = Limits(results_kept=3600.0)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 1e8)
    desk.dispatcher._swept = -1e9
    desk.bring()
    assert desk.run(JOB).state == "done"
