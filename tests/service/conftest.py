"""Real backends in processes of their own, and the means to end them."""

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.link.client import Client
from parascale.link.keys import new_keys
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.local import Backend, start_backend
from parascale.parallax.shot import Shot
from parascale.service.server import Server


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if not sys.platform.startswith("linux"):
        for item in items:
            if "house" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.skip(reason="ends processes by what /proc says of them"))


class House:
    """A state folder and the backend that runs on it."""

    def __init__(self, state: Path) -> None:
        self.state = state
        self.backend: Backend | None = None
        self.clients: list[Client] = []

    def start(self) -> Client:
        """Start the backend and return a client of it."""
        self.backend = start_backend(state=self.state)
        return self.connect()

    def connect(self, **options: float) -> Client:
        assert self.backend is not None
        client = self.backend.connect()
        self.clients.append(client)
        return client

    @property
    def pid(self) -> int:
        assert self.backend is not None
        assert self.backend.process is not None
        return self.backend.process.pid

    def workers(self) -> list[int]:
        """Return the process ids of its workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        found = []
        for child in map(int, children):
            with contextlib.suppress(OSError):  # one that ends meanwhile
                if b"parascale.service.worker" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(child)
        return found

    def kill(self) -> None:
        """End it as the system does where memory runs out."""
        assert self.backend is not None
        assert self.backend.process is not None
        os.kill(self.pid, signal.SIGKILL)
        self.backend.process.wait()
        assert self.backend.process.stdin is not None
        self.backend.process.stdin.close()

    def close(self) -> None:
        for client in self.clients:
            client.close()
        if self.backend is not None:
            self.backend.stop()


@pytest.fixture(scope="session", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep the user's own keys and jobs out of this."""
    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("home")
        patch.setenv("XDG_STATE_HOME", str(folder))
        yield folder


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """A backend of this test's own, not started yet."""
    house = House(tmp_path / "state")
    yield house
    house.close()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """A backend for the tests that leave it as it was."""
    house = House(tmp_path_factory.mktemp("shared") / "state")
    house.start()
    yield house
    house.close()


@pytest.fixture
def client(shared: House) -> Iterator[Client]:
    assert shared.backend is not None
    with shared.backend.connect() as client:
        yield client


@pytest.fixture
def serving(tmp_path: Path) -> Callable[..., AbstractContextManager[Server]]:
    """Serve from a thread of this process: for what the command line does not set."""

    @contextmanager
    def serve(bind: str = "tcp://127.0.0.1:*", **options: Any) -> Iterator[Server]:
        server = Server(bind, tmp_path / "state", **options)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield server
        finally:
            server.stop()
            thread.join()

    return serve


@pytest.fixture
def stranger(tmp_path: Path) -> Path:
    """A folder of keys that no backend knows."""
    new_keys(tmp_path / "stranger")
    return tmp_path / "stranger"


@pytest.fixture(scope="session")
def make_request() -> Callable[..., GenerationRequest]:
    """Make requests for the preview: a second takes some 60 frames of 832x480."""

    def make(
        frames: int = 3, width: int = 64, height: int = 36, seed: int = 0, name: str = "slide"
    ) -> GenerationRequest:
        poses = np.tile(np.eye(4), (frames, 1, 1))
        poses[:, 0, 3] = np.linspace(0, 0.2, frames)
        intrinsics = np.array([width, width, width / 2, height / 2], float)
        path = Trajectory(poses, intrinsics, np.arange(frames) / 16, width, height)
        shot = Shot(name, 16.0, path, np.ones(frames), "unit-depth")
        image = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
        return GenerationRequest(shot, "preview", image, np.ones((height, width), np.float32), seed=seed)

    return make


@pytest.fixture
def long_request(make_request: Callable[..., GenerationRequest]) -> GenerationRequest:
    """A job that is still running when a test has done something to it."""
    return make_request(frames=1500, width=640, height=360)


@pytest.fixture
def until() -> Callable[..., None]:
    """Wait until something holds; the limit only tells a failure from a slow machine."""

    def wait(holds: Callable[[], object], seconds: float = 60.0) -> None:
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, "it never came to hold"
            time.sleep(0.02)

    return wait
