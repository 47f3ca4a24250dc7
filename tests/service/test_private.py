"""Private backends: several programs share one, it outlives the one that started it, and nothing stays behind."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from holding import held, worker_of

from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.local import Backend, find_backend, join_backend, start_backend
from parascale.link.start_lock import StartLock
from parascale.service.lifetime import LINGER
from parascale.service.server import Server, start_when_free

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="tells by /proc what ended"),
]

Make = Callable[..., GenerationRequest]
Until = Callable[..., None]

STARTER = """
import os, signal, sys
from pathlib import Path
from parascale.link.local import join_backend, start_backend
state = Path(sys.argv[1])
kept = start_backend(state=state) if sys.argv[2] == "held" else join_backend(state=state)
print("started", flush=True)
sys.stdin.readline()
os.kill(os.getpid(), signal.SIGKILL)
"""


def pid_of(state: Path) -> int:
    return int(json.loads((state / "backend.json").read_text())["pid"])


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def family(pid: int) -> list[int]:
    """Return a process and its children."""
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


def start_elsewhere(state: Path, how: str) -> "subprocess.Popen[str]":
    """Have another program start the backend; it kills itself when its input closes."""
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, state, how], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert starter.stdout is not None
    assert starter.stdout.readline() == "started\n"
    return starter


@pytest.mark.parametrize("how", ["held", "joined"])
def test_a_starter_that_is_killed_leaves_the_jobs_of_others_alone(
    state: Path, how: str, make_request: Make, until: Until, tmp_path: Path
) -> None:
    starter = start_elsewhere(state, how)
    backend, client = join_backend(state=state)
    assert backend.process is None
    with client:
        client.hello()
        processes = family(pid_of(state))
        with held(worker_of(pid_of(state))):
            job = client.submit(make_request(frames=200, width=320, height=180))
            until(lambda: client.status(job).state == "running")
            starter.communicate()
            assert starter.returncode == -signal.SIGKILL
        assert client.wait(job).state == "done"
        assert client.status(job).started is not None
        assert client.fetch(job, tmp_path / "out").files["video"].is_file()
        time.sleep(LINGER + 1.5)
        assert client.wait(client.submit(make_request())).state == "done"  # the last client counts, not the last job
    until(lambda: not any(map(alive, processes)))
    assert not (state / "backend.json").exists()


def test_a_backend_ends_by_itself_when_its_last_client_is_gone(state: Path, until: Until) -> None:
    clients = [join_backend(state=state)[1] for _ in range(2)]
    processes = family(pid_of(state))
    clients[0].close()
    time.sleep(LINGER + 1.5)
    assert all(map(alive, processes))
    clients[1].close()
    until(lambda: not any(map(alive, processes)))
    assert find_backend(state) is None


def test_a_backend_nobody_joins_ends_by_itself(state: Path, until: Until) -> None:
    starter = start_elsewhere(state, "joined")
    processes = family(pid_of(state))
    starter.kill()
    starter.communicate()
    until(lambda: not any(map(alive, processes)))


def test_a_job_whose_client_is_gone_is_finished_first(state: Path, make_request: Make, until: Until) -> None:
    client = join_backend(state=state)[1]
    client.hello()
    pid = pid_of(state)
    with held(worker_of(pid_of(state))), client:
        job = client.submit(make_request(frames=400, width=320, height=180))
        until(lambda: client.status(job).state == "running")
    until(lambda: not alive(pid))
    with join_backend(state=state)[1] as client:
        assert client.status(job).state == "done"


def test_a_job_whose_files_never_came_keeps_no_backend(state: Path, until: Until, tmp_path: Path) -> None:
    from parascale.link.kinds.solve import SolveRequest

    clip = tmp_path / "clip.mp4"
    clip.write_bytes(os.urandom(60 << 20))
    with join_backend(state=state)[1] as client:
        pid = pid_of(state)
        job = client.start_submit(SolveRequest(clip))
        until(lambda: client.pump(1) or any(status.job_id == job for status in client.jobs()))
        assert not client.status(job).received
    until(lambda: not alive(pid))


def test_stopping_ends_the_backend_at_once_and_keeps_its_job(
    state: Path, long_request: GenerationRequest, until: Until
) -> None:
    backend = start_backend(state=state)
    with backend.connect() as client:
        job = client.submit(long_request)
        until(lambda: client.status(job).state == "running")
    processes = family(pid_of(state))
    backend.stop()
    assert not any(map(alive, processes))
    assert not (state / "backend.json").exists()
    with join_backend(state=state)[1] as client:
        assert client.status(job).state in ("queued", "running")
        client.cancel(job)


def test_stopping_leaves_the_backend_to_others(
    state: Path, long_request: GenerationRequest, make_request: Make
) -> None:
    backend = start_backend(state=state)
    pid = pid_of(state)
    with join_backend(state=state)[1] as client:
        job = client.submit(long_request)
        backend.stop()
        assert client.status(job).state in ("queued", "running")  # it did not wait for it
        assert alive(pid)
        client.cancel(job)
        assert client.wait(client.submit(make_request())).state == "done"
    assert backend.process is not None
    assert backend.process.wait(20) == 0
    assert not (state / "backend.json").exists()


def test_stopping_a_hung_backend_ends_it(state: Path) -> None:
    backend = start_backend(state=state)
    assert backend.process is not None
    os.kill(backend.process.pid, signal.SIGSTOP)
    backend.stop()
    assert backend.process.returncode == -signal.SIGKILL


def test_whoever_joins_while_a_backend_leaves_is_served(state: Path) -> None:
    """Join at every moment of the end: just before it, in it, and after it."""
    for round_ in range(8):
        with join_backend(state=state)[1] as client:
            assert client.jobs() == ()
        time.sleep(LINGER - 0.35 + round_ * 0.2)
    with join_backend(state=state)[1] as client:
        assert client.jobs() == ()


def test_many_start_at_once_and_get_the_same(state: Path) -> None:
    found: list[tuple[Backend, Client]] = []
    threads = [threading.Thread(target=lambda: found.append(join_backend(state=state))) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({backend.address for backend, _ in found}) == 1
    assert len(found) == 10
    for _, client in found:
        client.close()


def test_a_backend_does_not_end_while_somebody_looks_for_one(state: Path, until: Until) -> None:
    join_backend(state=state)[1].close()
    pid = pid_of(state)
    with StartLock(state):
        time.sleep(LINGER + 1.5)
        assert alive(pid)
    until(lambda: not alive(pid))


def test_a_lock_ends_with_its_holder(state: Path) -> None:
    code = f"""
import os, signal
from pathlib import Path
from parascale.link.start_lock import StartLock
lock = StartLock(Path({str(state)!r}))
assert lock.acquire(0)
print("held", flush=True)
input()
"""
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    lock = StartLock(state)
    assert not lock.acquire(0.2)
    holder.kill()
    holder.communicate()
    assert lock.acquire(1.0)
    lock.release()


def test_a_backend_of_ones_own_waits_for_a_private_one_to_leave(state: Path) -> None:
    join_backend(state=state)[1].close()
    server = start_when_free("tcp://127.0.0.1:*", state, 1, None)
    server.stop()
    server.run()
    with join_backend(state=state)[1], pytest.raises(InputError, match="another backend is running on"):
        start_when_free("tcp://127.0.0.1:*", state, 1, None)


def test_a_state_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    for start in (join_backend, start_backend):
        with pytest.raises(InputError, match=r"the state folder .* cannot be written"):
            start(state=tmp_path / "file")  # type: ignore[operator]
    with pytest.raises(InputError, match=r"the state folder .* cannot be written"):
        Server("tcp://127.0.0.1:*", tmp_path / "file")
