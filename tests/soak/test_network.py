"""A bad network: connections that stall and break; files still arrive byte for byte."""

import contextlib
import os
import random
import re
import selectors
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from holding import held, worker_of

from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.keys import client_keys
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.limits import CHUNK
from parascale.link.local import Backend

T = TypeVar("T")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]


SECONDS = 600.0
RIGHT_WITHIN = 5.0  # seconds


class BadNetwork:
    """A relay on loopback that cuts connections after a random number of bytes, stalls, and loses all now and then."""

    def __init__(self, address: str, chance: random.Random) -> None:
        host, port = address.removeprefix("tcp://").split(":")
        self._there = host, int(port)
        self._chance = chance
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.1)
        self._over = threading.Event()
        self.cuts = self.losses = 0
        self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self._thread = threading.Thread(target=self._relay)
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()
        self._server.close()

    def _relay(self) -> None:
        while not self._over.is_set():
            try:
                here, _ = self._server.accept()
            except TimeoutError:
                continue
            with here, socket.create_connection(self._there) as there:
                self._pass_on(here, there, self._chance.randrange(1 << 10, 24 << 20))
                self.cuts += 1

    def _pass_on(self, here: socket.socket, there: socket.socket, count: int) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(here, selectors.EVENT_READ, there)
            selector.register(there, selectors.EVENT_READ, here)
            while count > 0 and not self._over.is_set():
                for key, _ in selector.select(0.1):
                    source = key.fileobj
                    assert isinstance(source, socket.socket)
                    try:
                        data = source.recv(1 << 16)
                        key.data.sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
                    count -= len(data)
                    if self._chance.random() < 0.001:
                        time.sleep(self._chance.uniform(0.0, 0.3))
                    if self._chance.random() < 0.0005:
                        self._lose_all(selector, self._chance.uniform(0.2, 1.5))
                        return

    def _lose_all(self, selector: selectors.BaseSelector, seconds: float) -> None:
        """Take what comes and pass nothing on, as where packets are dropped; neither end is told."""
        end = time.monotonic() + seconds
        self.losses += 1
        while time.monotonic() < end:
            for key, _ in selector.select(0.05):
                assert isinstance(key.fileobj, socket.socket)
                with contextlib.suppress(OSError):
                    if not key.fileobj.recv(1 << 16):
                        return


@pytest.fixture
def network(backend: Backend, chance: random.Random) -> Iterator[BadNetwork]:
    network = BadNetwork(backend.address, chance)
    yield network
    network.close()


def insist(work: Callable[..., T], *arguments: Any) -> T:
    """Try again what a person would try again: each attempt goes on where the last one stopped."""
    for _ in range(20):
        try:
            return work(*arguments)
        except InputError as error:
            if not re.search("stopped answering|No backend answers", str(error)):
                raise
    raise AssertionError("it never got through")


def test_files_arrive_over_a_bad_network(
    backend: Backend,
    network: BadNetwork,
    share: float,
    make_request: Callable[..., GenerationRequest],
    tmp_path: Path,
) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(os.urandom(70 * CHUNK + 17))
    end = time.monotonic() + SECONDS * share
    number, late = 0, 0.0
    with Client(network.address, backend.server_key, client_keys()) as client, backend.connect() as beside:
        while time.monotonic() < end:
            number += 1
            job = f"1{number:031x}"
            assert backend.process is not None
            assert beside.hello()
            with held(worker_of(backend.process.pid)):  # else it fails, and its files go, unseen
                insist(client.submit, SolveRequest(clip), job)
                (stored,) = tmp_path.glob(f"state/jobs/*/{job}/inputs/clip.mp4")
                assert stored.read_bytes() == clip.read_bytes()
            assert insist(client.wait, job).state == "failed"
            video = f"2{number:031x}"
            insist(client.submit, make_request(number, frames=200), video)
            assert beside.wait(video).state == "done"
            done = time.monotonic()
            assert insist(client.wait, video).state == "done"
            late = max(late, time.monotonic() - done)
            assert late < RIGHT_WITHIN
            out = tmp_path / "out" / video
            insist(client.fetch, video, out)
            for path in out.iterdir():
                (original,) = tmp_path.glob(f"state/jobs/*/{video}/results/{path.name}")
                assert path.read_bytes() == original.read_bytes()
    print(f"{2 * number} jobs, {network.cuts} cuts, {network.losses} losses; right after {late:.1f} s at most")
    assert network.cuts > 0
