"""The commands of who runs a backend: serve, keys, doctor --connect, jobs --watch."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from parascale.link.kinds.depth import DepthRequest
from parascale.link.local import connect

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    return tmp_path


@pytest.fixture
def serve(home: Path) -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Start `parascale serve --json` and wait until it serves."""
    running: list[subprocess.Popen[str]] = []

    def start(*options: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "parascale.cli", "serve", "--bind", "tcp://127.0.0.1:*", "--json"]
        command += ["--state", str(home / "state"), *map(str, options)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()


def address_of(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    told = ""
    while not told.rstrip().endswith("}"):
        told += process.stdout.readline()
    return str(json.loads(told)["address"])


@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "stopped")]
)
def test_a_backend_that_is_told_to_end_exits_as_documented(
    serve: Callable[..., "subprocess.Popen[str]"], home: Path, number: int, code: int, word: str
) -> None:
    process = serve("--log", home / "events.log", "--log-format", "json")
    address_of(process)
    os.kill(process.pid, number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == code
    assert err.splitlines()[-1] == f"parascale: {word}"
    assert not (home / "state" / "backend.json").exists()
    events = [json.loads(line) for line in (home / "events.log").read_text().splitlines()]
    assert events[0]["event"] == "started"
    assert all({"time", "level", "logger"} <= set(event) for event in events)


def test_clients_are_added_listed_and_revoked(
    parascale: Run, serve: Callable[..., "subprocess.Popen[str]"], home: Path
) -> None:
    keys, guest = home / "keys", home / "guest"
    parascale("keys", "new", keys)
    parascale("keys", "add", "guest", "--keys", keys, "-o", guest)
    assert set(json.loads(parascale("keys", "list", "--keys", keys, "--json").stdout)["clients"]) == {"client", "guest"}
    assert (guest / "client.key_secret").stat().st_mode & 0o077 == 0
    assert "may connect already" in parascale("keys", "add", "guest", "--keys", keys, "-o", guest, code=3).stderr
    address = address_of(serve("--keys", keys))
    begin = time.monotonic()
    told = json.loads(parascale("doctor", "--connect", address, "--keys", guest, "--json").stdout)
    took = time.monotonic() - begin
    assert told["workers"] == 1
    assert told["waiting"] == 0
    # Both read one clock: what lies between is no more than the time it took to ask.
    assert abs(told["clock_ahead"]) < took
    assert "free" in parascale("doctor", "--connect", address, "--keys", guest).stdout
    for name in ("guest", "client"):
        parascale("keys", "team", name, "fx", "--keys", keys)
    assert json.loads(parascale("keys", "list", "--keys", keys, "--json").stdout)["teams"]["guest"] == "fx"
    assert json.loads(parascale("jobs", "--team", "--connect", address, "--keys", guest, "--json").stdout) == {
        "jobs": []
    }
    assert json.loads(parascale("release", "--connect", address, "--keys", guest, "--json").stdout) == {"released": 0}
    parascale("keys", "revoke", "guest", "--keys", keys)
    refused = parascale("doctor", "--connect", address, "--keys", guest, code=3).stderr
    assert "does not know this client's key" in refused
    assert (
        "no client nobody may connect: client may"
        in parascale("keys", "revoke", "nobody", "--keys", keys, code=3).stderr
    )


@pytest.mark.timeout(900)
def test_jobs_are_watched(serve: Callable[..., "subprocess.Popen[str]"], home: Path) -> None:
    address = address_of(serve())
    watching = subprocess.Popen(
        [sys.executable, "-m", "parascale.cli", "jobs", "--watch", "--json", "--connect", address],
        stdout=subprocess.PIPE,
        text=True,
    )
    is_seen = threading.Event()

    def read() -> None:
        assert watching.stdout is not None
        for line in watching.stdout:
            if json.loads(line)["state"] == "failed":
                is_seen.set()

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        end = time.monotonic() + 240
        with connect(address) as client:
            # What fails before the other has begun to watch is not told.
            while not is_seen.wait(1.0):
                assert time.monotonic() < end
                client.wait(client.submit(DepthRequest(np.zeros((4, 4, 3), np.uint8), "no-such-model")))
        watching.send_signal(signal.SIGINT)
        assert watching.wait(120) == 130
    finally:
        watching.kill()
        reader.join(120)
        watching.communicate(timeout=120)


def test_a_model_is_put_on_the_list_and_taken_off(parascale: Run, home: Path) -> None:
    (home / "model").mkdir()
    parascale("weights", "add", "house", home / "model")
    assert json.loads(parascale("weights", "list", "--json").stdout)["added"] == {"house": str(home / "model")}
    assert "choose another name" in parascale("weights", "add", "depth-pro", home / "model", code=3).stderr
    parascale("weights", "remove", "house")
    assert "no model house" in parascale("weights", "remove", "house", code=3).stderr
