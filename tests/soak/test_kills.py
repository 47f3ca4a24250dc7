"""Backends and workers killed again and again: every accepted job is found and comes to an end."""

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from parascale.errors import InputError
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.local import start_backend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds workers through /proc"),
]


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_no_accepted_job_is_forgotten(
    tmp_path: Path, soak_seconds: float, make_request: Callable[..., GenerationRequest]
) -> None:
    chance = random.Random(7)
    end = time.monotonic() + soak_seconds
    accepted: dict[str, int] = {}
    number = 0
    while time.monotonic() < end:
        backend = start_backend(state=tmp_path)
        assert backend.process is not None
        with backend.connect() as client:
            assert set(accepted) <= {job.job_id for job in client.jobs()}
            death = time.monotonic() + chance.uniform(0.1, 4.0)
            while time.monotonic() < death:
                job = client.submit(make_request(number, frames=chance.choice([2, 40, 400])))
                accepted[job] = number
                number += 1
                if chance.random() < 0.2:
                    client.cancel(chance.choice(list(accepted)))
                if chance.random() < 0.2:
                    for worker in children(backend.process.pid):
                        os.kill(worker, signal.SIGKILL)
                time.sleep(chance.uniform(0.0, 1.0))
            os.kill(backend.process.pid, signal.SIGKILL)
            backend.process.wait()
            with pytest.raises(InputError, match="stopped answering"):
                client.status(next(iter(accepted)))
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
            assert client.jobs() == ()
    finally:
        backend.stop()
    assert not list((tmp_path / "jobs").glob("*/*"))
