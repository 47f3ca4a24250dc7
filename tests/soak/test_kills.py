"""Backends and workers killed again and again: every accepted job is found and comes to an end."""

import contextlib
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.local import start_backend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds workers through /proc"),
]


ROUNDS = 50


def workers_on(state: Path) -> Iterator[str]:
    """Yield the processes that work in a state folder: all workers do."""
    for where in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if where.readlink() == state / "empty":
                yield where.parent.name
        except OSError:
            continue


def fetched(folder: Path, accepted: Iterable[str]) -> list[str]:
    return [job for job in accepted if (folder / "out" / job).is_dir()]


def compare_with_uninterrupted(client: Client, request: GenerationRequest, result: Path) -> None:
    """Have a job done again, and compare the bytes."""
    again = client.submit(request)
    assert client.wait(again).state == "done"
    for path in client.fetch(again, result.parents[1] / "again" / again).files.values():
        assert path.read_bytes() == (result / path.name).read_bytes()
    client.delete(again)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_no_accepted_job_is_forgotten(
    tmp_path: Path, share: float, chance: random.Random, make_request: Callable[..., GenerationRequest]
) -> None:
    rounds = round(ROUNDS * share)
    accepted: dict[str, tuple[int, int]] = {}
    number = 0
    for _ in range(rounds):
        backend = start_backend(state=tmp_path)
        assert backend.process is not None
        with backend.connect() as client:
            assert set(accepted) <= {job.job_id for job in client.jobs()}
            death = time.monotonic() + chance.uniform(0.1, 4.0)
            while not accepted or time.monotonic() < death:
                frames = chance.choice([2, 40, 400])
                job = client.submit(make_request(number, frames=frames))
                accepted[job] = number, frames
                number += 1
                if chance.random() < 0.2:
                    client.cancel(chance.choice(list(accepted)))
                if chance.random() < 0.2:
                    for worker in children(backend.process.pid):
                        with contextlib.suppress(ProcessLookupError):  # one that ended meanwhile
                            os.kill(worker, signal.SIGKILL)
                time.sleep(chance.uniform(0.0, 1.0))
            os.kill(backend.process.pid, signal.SIGKILL)
            backend.process.wait()
            with pytest.raises(InputError, match="stopped answering"):
                client.status(next(iter(accepted)))
    print(f"{rounds} rounds, {len(accepted)} jobs")
    backend = start_backend(state=tmp_path)
    try:
        with backend.connect() as client:
            for job in accepted:
                while not (status := client.status(job)).final:
                    time.sleep(0.05)
                assert status.state in ("done", "cancelled") or status.message
                if status.state == "done":
                    result = client.fetch(job, tmp_path / "out" / job)
                    assert result.files["video"].stat().st_size > 0
                client.delete(job)
            for job in chance.sample(done := fetched(tmp_path, accepted), min(5, len(done))):
                compare_with_uninterrupted(client, make_request(*accepted[job]), tmp_path / "out" / job)
            assert client.jobs() == ()
    finally:
        backend.stop()
    assert not list((tmp_path / "jobs").glob("*/*"))
    assert not list(tmp_path.rglob("*.part"))
    assert list(workers_on(tmp_path)) == []
