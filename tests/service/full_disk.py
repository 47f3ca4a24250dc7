"""Run by a test on a small disk of its own: fills it under a backend, and watches what the backend does."""

import sys
import threading
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.local import connect
from parascale.link.request import Request
from parascale.parallax.shot import Shot
from parascale.service.server import Server

disk = Path(sys.argv[1])
outside = disk.parent


@contextmanager
def backend():
    server = Server("tcp://127.0.0.1:*", disk / "state")
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        with connect(server.address) as client:
            yield client
        assert thread.is_alive(), "the backend ended"
    finally:
        server.stop()
        thread.join()


def request(seed: int) -> GenerationRequest:
    poses = np.tile(np.eye(4), (3, 1, 1))
    path = Trajectory(poses, np.array([64.0, 64.0, 32.0, 18.0]), np.arange(3) / 16, 64, 36)
    image = np.random.default_rng(seed).integers(0, 256, (36, 64, 3), dtype=np.uint8)
    shot = Shot("slide", 16.0, path, np.ones(3), "unit-depth")
    return GenerationRequest(shot, "preview", image, np.ones((36, 64), np.float32), seed=seed)


def refused(client: Client, wanted: Request) -> str:
    return refusal(lambda: client.submit(wanted))


def refusal(ask: Callable[[], object]) -> str:
    try:
        ask()
    except InputError as error:
        return str(error)
    raise AssertionError("it was taken")


def fill() -> None:
    for size in (1 << 20, 1 << 12, 1):
        try:
            with (disk / "filler").open("ab", buffering=0) as file:
                while True:
                    file.write(b"x" * size)
        except OSError:
            continue


clip = outside / "clip.mp4"
clip.write_bytes(np.random.default_rng(1).bytes(30 << 20))
with backend() as client:
    assert "disk has room for" in refused(client, SolveRequest(clip))
    assert client.wait(client.submit(request(0))).state == "done"
    clip.write_bytes(np.random.default_rng(1).bytes(12 << 20))
    job = client.start_submit(SolveRequest(clip))
    with connect(client.address) as other:  # the first sends nothing of its file before the disk is full
        while job not in [known.job_id for known in other.jobs()]:
            time.sleep(0.01)
    fill()
    end = time.monotonic() + 60
    while not (status := client.status(job)).final and time.monotonic() < end:
        client.pump()
    assert status.state == "failed", status
    assert "cannot be written" in status.message, status
    fill()
    told = refused(client, request(1))
    assert "disk" in told or "store" in told, told
    fill()
    assert "disk is full" in refusal(client.clean)  # where the journal itself cannot grow
fill()
with backend() as client:
    assert "done" in [job.state for job in client.jobs()]
    (disk / "filler").unlink()
    end = time.monotonic() + 60
    while client.hello().health.troubles:
        assert time.monotonic() < end
    assert client.wait(client.submit(request(2))).state == "done"
print("held")
