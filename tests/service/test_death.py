"""Processes that die, hang or are stopped: one job pays, nothing is lost."""

import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from holding import held

from parascale.errors import Cancelled, InputError
from parascale.link.client import Client
from parascale.link.keys import client_keys, server_key
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.limits import CHUNK, SILENCE
from parascale.link.local import connect, find_backend, start_backend
from parascale.service.limits import Limits
from parascale.service.server import Server
from parascale.service.worker_process import WorkerProcess

pytestmark = pytest.mark.slow

Make = Callable[..., GenerationRequest]
Until = Callable[..., None]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def halves(folder: Path, pattern: str) -> int:
    """Count the chunks of files that are still on their way."""
    return sum(path.stat().st_size for path in folder.glob(pattern)) // CHUNK


def pump_until(client: Client, until: Until, holds: Callable[[], bool]) -> None:
    def pumped() -> bool:
        client.pump(1)
        return holds()

    until(pumped)


def wait_for_start(client: Client, job: str, until: Until) -> None:
    until(lambda: client.status(job).state == "running")


def test_a_job_whose_worker_was_killed_is_tried_again(house: Any, make_request: Make, until: Until) -> None:
    client = house.start()
    client.hello()
    (worker,) = house.workers()
    with held(worker):
        job = client.submit(make_request(frames=200, width=320, height=180))
        until(lambda: client.status(job).state == "running")
        os.kill(worker, signal.SIGKILL)
    status = client.wait(job)
    assert (status.state, status.message) == ("done", "")
    assert worker not in house.workers()


def test_a_job_whose_workers_die_three_times_fails_with_the_evidence_and_costs_no_other(
    house: Any, long_request: GenerationRequest, make_request: Make, until: Until
) -> None:
    client = house.start()
    doomed = client.submit(long_request)
    waiting = client.submit(make_request())
    killed: set[int] = set()
    while not client.status(doomed).final:
        for worker in set(house.workers()) - killed:
            if client.status(doomed).state == "running":
                os.kill(worker, signal.SIGKILL)
                killed.add(worker)
        time.sleep(0.05)
    status = client.status(doomed)
    assert status.state == "failed"
    assert "was ended by SIGKILL" in status.message
    assert "tried 3 times" in status.message
    assert len(killed) >= 3
    assert client.wait(waiting).state == "done"


def test_a_worker_that_ignores_cancel_is_ended(
    house: Any, long_request: GenerationRequest, make_request: Make, until: Until
) -> None:
    client = house.start()
    stuck = client.submit(long_request)
    until(lambda: client.status(stuck).state == "running")
    (worker,) = house.workers()
    os.kill(worker, signal.SIGSTOP)
    assert client.cancel(stuck).state == "cancelling"
    with pytest.raises(Cancelled):
        client.wait(stuck)
    assert client.status(stuck).message == ""
    assert not alive(worker)
    assert client.wait(client.submit(make_request())).state == "done"


def test_a_hung_worker_is_ended(
    serving: Any, long_request: GenerationRequest, make_request: Make, until: Until
) -> None:
    with serving(worker_silence=3.0) as server, connect(server.address) as client:
        pool = server._dispatcher._pool
        hung = client.submit(long_request)
        for _ in range(3):  # it is tried again twice
            pool._silence = math.inf  # until it works: a slow machine starts it slowly
            until(lambda: client.status(hung).fraction > 0)
            (worker,) = pool.workers
            os.kill(worker.pid, signal.SIGSTOP)
            pool._silence = 3.0
            until(lambda: worker not in pool.workers)  # noqa: B023
        pool._silence = math.inf
        status = client.wait(hung)
        assert status.state == "failed"
        assert "gave no sign of life for 3 s and was ended; tried 3 times" in status.message
        assert client.wait(client.submit(make_request())).state == "done"


def test_a_worker_that_is_asked_where_it_is_before_it_can_tell_goes_on(tmp_path: Path) -> None:
    worker = WorkerProcess(tmp_path / "empty")
    try:
        worker.ask_where()  # while it still starts
        assert worker.read() is not None
        worker.ask_where()  # while it has no job
        assert worker.read() is not None
    finally:
        worker.end()
        worker.reports.close()


def test_a_killed_backend_is_told_in_one_sentence(house: Any, long_request: GenerationRequest, until: Until) -> None:
    client = house.start()
    job = client.submit(long_request)
    until(lambda: client.status(job).state == "running")
    house.kill()
    with pytest.raises(InputError, match=f"stopped answering: start it again, its jobs are kept .job {job}"):
        client.wait(job)


def test_a_killed_backend_finds_its_job_again(house: Any, make_request: Make, until: Until, tmp_path: Path) -> None:
    client = house.start()
    client.hello()
    (worker,) = house.workers()
    with held(worker):
        job = client.submit(make_request(frames=150, width=320, height=180))
        until(lambda: client.status(job).state == "running")
        house.kill()
    until(lambda: not alive(worker))
    again = house.start()
    assert [status.job_id for status in again.jobs()] == [job]
    assert again.wait(job).state == "done"
    assert again.fetch(job, tmp_path / "out").files["video"].stat().st_size > 0


def test_a_client_that_waits_lives_through_a_restart_at_the_same_address(
    serving: Any, make_request: Make, until: Until
) -> None:
    with serving() as first:
        client = connect(first.address)
        client.hello()
        (worker,) = first._dispatcher._pool.workers
        os.kill(worker.pid, signal.SIGSTOP)  # until the backend ends it
        job = client.submit(make_request(frames=200, width=320, height=180))
        until(lambda: client.status(job).state == "running")
    with client, serving(first.address):
        assert client.wait(job).state == "done"


def test_a_job_that_ends_the_backend_each_time_is_lost(
    house: Any, long_request: GenerationRequest, make_request: Make, until: Until
) -> None:
    client = house.start()
    job = client.submit(long_request)
    for _ in range(3):
        wait_for_start(client, job, until)
        house.kill()
        client = house.start()
    status = client.status(job)
    assert status.state == "lost"
    assert "died 3 times" in status.message
    assert client.wait(client.submit(make_request())).state == "done"


def test_what_was_submitted_and_is_gone_is_lost(
    house: Any, long_request: GenerationRequest, make_request: Make
) -> None:
    client = house.start()
    client.submit(long_request)
    job = client.submit(make_request())
    house.kill()
    (folder,) = house.state.glob(f"jobs/*/{job}")
    shutil.rmtree(folder)
    client = house.start()
    for status in client.jobs():
        client.cancel(status.job_id) if status.job_id != job else None
    status = client.wait(job)
    assert status.state == "lost"
    assert "submit it again" in status.message


def test_half_written_folders_are_swept(house: Any, make_request: Make) -> None:
    client = house.start()
    kept = client.submit(make_request())
    client.wait(kept)
    house.kill()
    (folder,) = house.state.glob(f"jobs/*/{kept}")
    halves = [folder.parent / f".{'e' * 32}", folder.parent / ("f" * 32)]
    for half in halves:
        shutil.copytree(folder, half)
    client = house.start()
    assert client.status(kept).state == "done"
    assert list(folder.parent.iterdir()) == [folder]


def test_an_upload_goes_on_where_the_killed_backend_stopped(house: Any, tmp_path: Path, until: Until) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(os.urandom(60 * CHUNK + 99))
    client = house.start()
    job = client.start_submit(SolveRequest(clip))
    jobs = house.state / "jobs"
    pump_until(client, until, lambda: halves(jobs, "*/*/inputs/*.part") > 20)
    house.kill()
    stored_chunks = halves(jobs, "*/*/inputs/*.part")
    assert 20 < stored_chunks < 60
    again = house.start()
    assert again.status(job).phase == "waiting for files"
    sent = 0
    push = again._send_chunk

    def count(message: Any) -> None:
        nonlocal sent
        sent += 1
        push(message)

    again._send_chunk = count
    again.submit(SolveRequest(clip), job)
    assert sent <= 61 - stored_chunks
    (stored,) = jobs.glob("*/*/inputs/clip.mp4")
    assert stored.read_bytes() == clip.read_bytes()


def test_a_fetch_goes_on_where_the_killed_backend_stopped(
    house: Any, make_request: Make, tmp_path: Path, until: Until
) -> None:
    client = house.start()
    job = client.submit(make_request(frames=60, width=640, height=360))
    assert client.wait(job).state == "done"
    out = tmp_path / "out"
    client.start_fetch(job, out)
    pump_until(client, until, lambda: halves(out, "*.part") >= 2)
    house.kill()
    client.close()
    house.clients.remove(client)
    assert halves(out, "*.part") >= 2
    result = house.start().fetch(job, tmp_path / "out")
    (original,) = house.state.glob(f"jobs/*/{job}/results/{result.files['video'].name}")
    assert result.files["video"].read_bytes() == original.read_bytes()
    assert not list(out.glob("*.part"))


def test_a_second_backend_on_the_same_state_is_refused(house: Any) -> None:
    house.start()
    with pytest.raises(InputError, match="another backend is running on"):
        Server("tcp://127.0.0.1:*", house.state)


def test_start_takes_the_backend_that_runs(house: Any) -> None:
    house.start()
    other = start_backend(state=house.state)
    assert other.process is None
    assert other.address == house.backend.address
    other.stop()
    assert house.connect().hello()


def test_a_stale_note_is_no_backend(house: Any, until: Until) -> None:
    house.start()
    house.kill()
    assert (house.state / "backend.json").exists()
    # A worker that was just being started may hold the port for a moment longer.
    until(lambda: find_backend(house.state) is None)


def test_a_private_backend_ends_with_its_parent(tmp_path: Path, until: Until) -> None:
    code = f"""
import os, signal
from pathlib import Path
from parascale.link.local import start_backend
backend = start_backend(state=Path({str(tmp_path)!r}))
print(backend.process.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=False)
    assert done.returncode < 0
    until(lambda: not alive(int(done.stdout)))
    assert not (tmp_path / "backend.json").exists()


def test_workers_end_with_their_backend_however_it_ends(
    house: Any, long_request: GenerationRequest, until: Until
) -> None:
    client = house.start()
    job = client.submit(long_request)
    until(lambda: client.status(job).state == "running")
    (worker,) = house.workers()
    house.kill()
    until(lambda: not alive(worker))


def test_a_stopped_backend_runs_its_job_when_started_again(
    house: Any, long_request: GenerationRequest, until: Until
) -> None:
    client = house.start()
    job = client.submit(long_request)
    for _ in range(4):  # more often than a dying backend would be forgiven
        wait_for_start(client, job, until)
        house.backend.stop()
        client = house.start()
    assert client.status(job).state in ("queued", "running")
    client.cancel(job)


def test_a_frozen_backend_is_told_in_one_sentence(house: Any) -> None:
    house.start()
    client = house.connect()
    client.hello()
    os.kill(house.pid, signal.SIGSTOP)
    try:
        with pytest.raises(InputError, match="stopped answering"):
            client.hello()
    finally:
        os.kill(house.pid, signal.SIGCONT)
    assert client.hello()


def test_a_program_that_was_busy_itself_does_not_blame_the_backend(house: Any) -> None:
    client = house.start()
    client.hello()
    time.sleep(SILENCE + 1)
    assert client.trouble is None
    client.pump()
    assert client.trouble is None


def test_pump_never_waits_for_a_frozen_backend(house: Any, make_request: Make) -> None:
    house.start()
    client = house.connect()
    client.hello()
    os.kill(house.pid, signal.SIGSTOP)
    try:
        client.start_submit(make_request())
        for _ in range(200):
            assert client.pump() == []
    finally:
        os.kill(house.pid, signal.SIGCONT)


def test_a_backend_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "journal.sqlite").write_bytes(b"no journal" * 100)
    with pytest.raises(InputError, match=r"did not start: .*journal"):
        start_backend(state=tmp_path)
    with pytest.raises(InputError, match="no backend can be started by /no/such/command"):
        start_backend("/no/such/command", tmp_path)


def test_an_address_that_is_taken_is_one_sentence(house: Any, tmp_path: Path) -> None:
    house.start()
    with pytest.raises(InputError, match="cannot be listened on"):
        Server(house.backend.address, tmp_path / "other")


def test_a_full_store_refuses_new_jobs_and_keeps_old_ones(serving: Any, make_request: Make, tmp_path: Path) -> None:
    with serving(limits=Limits(quota=40_000, client_quota=40_000)) as server, connect(server.address) as client:
        first = client.submit(make_request())
        assert client.wait(first).state == "done"
        with pytest.raises(InputError, match="fetch and delete finished jobs"):
            client.submit(make_request(width=160, height=90))
        assert client.fetch(first, tmp_path / "out").files["video"].exists()
        client.delete(first)
        assert client.wait(client.submit(make_request())).state == "done"


def test_another_user_cannot_see_or_touch_a_job(
    serving: Any, make_request: Make, stranger: Path, tmp_path: Path
) -> None:
    first, second, key = client_keys(), client_keys(stranger), server_key(stranger)
    (stranger / "clients" / "first.key").write_text(f'curve\n    public-key = "{first.public.decode()}"\n')
    with (
        serving(keys=stranger) as server,
        Client(server.address, key, first) as mine,
        Client(server.address, key, second) as theirs,
    ):
        job = mine.submit(make_request())
        assert theirs.jobs() == ()
        for touch in (theirs.status, theirs.cancel, theirs.delete):
            with pytest.raises(InputError, match="there is no job"):
                touch(job)
        assert mine.wait(job).state == "done"
        with pytest.raises(InputError, match="there is no job"):
            theirs.fetch(job, tmp_path / "stolen")
        theirs.submit(make_request(seed=3), job)  # an id is one's own: no conflict with another's
        assert theirs.wait(job).state == "done"


@pytest.mark.skipif(not hasattr(os, "getpriority"), reason="reads priorities as Unix has them")
def test_a_worker_gives_way_to_its_server(house: Any, make_request: Make) -> None:
    client = house.start()
    client.wait(client.submit(make_request()))
    (worker,) = house.workers()
    server, given_way = (os.getpriority(os.PRIO_PROCESS, pid) for pid in (house.pid, worker))
    assert given_way == min(19, server + 5)
