"""Jobs that failed, were cancelled or lost: told for a week, and never in the way of new ones."""

import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parascale.errors import Cancelled, InputError
from parascale.link.client import Client
from parascale.link.keys import client_keys
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.local import connect
from parascale.link.messages import FileInfo, JobState
from parascale.service.journal import Job, Journal, new_job
from parascale.service.limits import KEPT, MAX_JOBS, UPLOAD_KEPT, Limits

Make = Callable[..., GenerationRequest]

DAY = 24 * 3600.0


@pytest.fixture
def remember(tmp_path: Path) -> Callable[..., None]:
    """Write jobs of this user into the journal of a backend that does not run yet."""

    def write(
        count: int, state: JobState, *, age: float = 0.0, size: int = 0, files: tuple[FileInfo, ...] = ()
    ) -> None:
        (tmp_path / "state").mkdir(exist_ok=True)
        journal = Journal(tmp_path / "state" / "journal.sqlite")
        journal._base.execute("BEGIN")
        for number in range(count):
            job = f"{abs(hash((state, age))) % 16**12:012x}{number:020x}"
            then = time.time() - age
            new: Job = new_job(client_keys().public.decode(), job, "solve", "solve clip.mp4", "hash", files, size)
            ended = None if state == "queued" else then
            journal.add(dataclasses.replace(new, state=state, created=then, ended=ended))
        journal._base.execute("COMMIT")
        journal.close()

    return write


def states(client: Client) -> list[str]:
    return [job.state for job in client.jobs()]


@pytest.mark.parametrize("state", ["failed", "cancelled", "lost"])
def test_no_number_of_dead_jobs_refuses_a_new_one(
    serving: Any, remember: Callable[..., None], make_request: Make, state: JobState
) -> None:
    remember(3 * MAX_JOBS, state, size=1 << 30)
    with serving() as server, connect(server.address) as client:
        job = client.submit(make_request())
        assert client.wait(job).state == "done"
        assert job in [known.job_id for known in client.jobs()]


def test_as_many_results_as_there_is_room_for_are_kept(
    serving: Any, remember: Callable[..., None], make_request: Make
) -> None:
    remember(MAX_JOBS, "done")
    with serving() as server, connect(server.address) as client:
        assert client.wait(client.submit(make_request())).state == "done"


def test_too_many_jobs_under_way_are_refused(serving: Any, remember: Callable[..., None], make_request: Make) -> None:
    remember(MAX_JOBS, "queued", files=(FileInfo("reference", "clip.mp4", 1, ("0" * 64,)),))
    with serving() as server, connect(server.address) as client:
        with pytest.raises(InputError, match=f"{MAX_JOBS} jobs under way"):
            client.submit(make_request())
        client.cancel(client.jobs()[0].job_id)
        assert client.submit(make_request())


def test_the_dead_are_forgotten_after_a_week(serving: Any, remember: Callable[..., None]) -> None:
    remember(2, "failed", age=KEPT - DAY)
    remember(3, "cancelled", age=KEPT + DAY)
    remember(1, "done", age=KEPT + DAY)
    with serving() as server, connect(server.address) as client:
        assert sorted(states(client)) == ["done", "failed", "failed"]


def test_a_job_whose_files_did_not_come_in_a_day_is_lost(serving: Any, remember: Callable[..., None]) -> None:
    files = (FileInfo("reference", "clip.mp4", 1, ("0" * 64,)),)
    remember(1, "queued", age=UPLOAD_KEPT + 600, files=files)
    remember(1, "queued", age=UPLOAD_KEPT - 600, files=files)
    with serving() as server, connect(server.address) as client:
        assert states(client) == ["lost", "queued"]


def test_cleaning_forgets_the_dead_alone(
    serving: Any,
    remember: Callable[..., None],
    make_request: Make,
    long_request: GenerationRequest,
    until: Callable[..., None],
) -> None:
    remember(700, "failed")
    remember(600, "done")
    with serving() as server, connect(server.address) as client:
        running = client.submit(long_request)
        until(lambda: client.status(running).state == "running")
        assert client.clean() == 700
        assert client.clean() == 0
        assert set(states(client)) == {"done", "running"}
        client.cancel(running)
        with pytest.raises(Cancelled):
            client.wait(running)
        assert client.clean() == 1
        with pytest.raises(InputError, match="there is no job"):
            client.status(running)


def test_what_a_dead_job_was_given_is_removed_and_its_sentence_kept(
    shared: Any, client: Client, tmp_path: Path, long_request: GenerationRequest
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video " * 1000)
    failed = client.submit(SolveRequest(clip))
    message = client.wait(failed).message
    cancelled = client.submit(long_request)
    client.cancel(cancelled)
    with pytest.raises(Cancelled):
        client.wait(cancelled)
    for job in (failed, cancelled):
        assert not list(shared.state.glob(f"jobs/*/{job}"))
    assert client.status(failed).message == message
    assert client.submit(SolveRequest(clip), failed) == failed
    assert client.status(failed).state == "failed"


def test_dead_jobs_of_a_full_store_make_room(serving: Any, make_request: Make, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video " * 4000)
    with serving(limits=Limits(quota=60_000, client_quota=60_000)) as server, connect(server.address) as client:
        for _ in range(4):
            assert client.wait(client.submit(SolveRequest(clip))).state == "failed"
        assert client.wait(client.submit(make_request())).state == "done"
