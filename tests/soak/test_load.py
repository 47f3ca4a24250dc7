"""Many clients at once, hostile ones among them: every job exactly once, nobody held up, memory flat."""

import json
import os
import random
import socket
import statistics
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from bare_client import bare_socket, header, memory

from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.keys import add_client, client_keys, new_keys, server_key
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.limits import MAX_FRAME
from parascale.link.local import connect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads memory from /proc"),
]

MESSAGES, JOBS, CLIENTS, STRANGERS = 100_000, 2000, 8, 2000
Make = Callable[..., GenerationRequest]


@pytest.fixture
def share() -> float:
    """Share of the whole test that is run."""
    return float(os.environ.get("PARASCALE_SOAK", "0.1"))


@pytest.fixture
def chance() -> random.Random:
    seed = random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}")
    return random.Random(seed)


def fsync_seconds(folder: Path) -> float:
    """Return the median time of one small write that waits for the disk."""
    times = []
    with (folder / "probe").open("wb") as file:
        for _ in range(30):
            begin = time.monotonic()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.monotonic() - begin)
    return statistics.median(times)


def test_each_of_many_jobs_of_many_clients_is_done_once(tmp_path: Path, share: float, make_request: Make) -> None:
    from parascale.service.journal import Journal
    from parascale.service.server import Server

    count = max(CLIENTS, round(JOBS * share)) // CLIENTS
    fsync = fsync_seconds(tmp_path)
    server = Server("tcp://127.0.0.1:*", tmp_path / "state", workers=2)
    serving = threading.Thread(target=server.run)
    serving.start()
    seconds: list[float] = []
    wrong: list[str] = []

    def work(number: int) -> None:
        with connect(server.address) as client:
            for each in range(count):
                job = f"{number * count + each:032x}"
                begin = time.monotonic()
                client.submit(make_request(number * count + each, frames=2), job)
                seconds.append(time.monotonic() - begin)
            for each in range(count):
                job = f"{number * count + each:032x}"
                if client.wait(job).state != "done":
                    wrong.append(job)
                client.fetch(job, tmp_path / "out" / job)
                client.delete(job)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    server.stop()
    serving.join()
    print(f"{CLIENTS * count} jobs; submit {1000 * statistics.median(seconds):.1f} ms, fsync {1000 * fsync:.1f} ms")
    assert wrong == []
    assert len(list((tmp_path / "out").iterdir())) == CLIENTS * count
    journal = Journal(tmp_path / "state" / "journal.sqlite")
    assert journal.of(client_keys().public.decode(), 9) == []
    journal.close()
    assert not list((tmp_path / "state").glob("jobs/*/*"))


def hostile_message(chance: random.Random) -> list[bytes]:
    """Make a message that is nested, huge, replayed, of many frames, or nearly right."""
    kind = chance.randrange(6)
    if kind == 0:
        depth = chance.choice([40, 500, 5000])
        return [b'{"parascale": 3, "type": "submit", "fields": ' + b"[" * depth + b"]" * depth + b"}"]
    if kind == 1:
        return [header("ask-all", request=1, after=""), *[b""] * chance.choice([0, 1, 16])]
    if kind == 2:
        return [header("pull", job="a" * 32, chunk="0" * 64)]
    if kind == 3:
        files = [{"role": "reference", "name": "x", "size": MAX_FRAME * 9, "chunks": ["0" * 64] * 9}]
        fields = {"folder": False, "focal": None}
        job = f"{chance.randrange(3):032x}"
        return [header("submit", request=1, job=job, kind="solve", label="", fields=fields, arrays=[], files=files)]
    if kind == 4:
        return [chance.randbytes(chance.choice([0, 9, 900, 9000]))]
    return [header("hello", request=chance.randrange(1 << 40))]


def test_hostile_clients_hold_nobody_up_and_fill_nothing(
    tmp_path: Path, share: float, chance: random.Random, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    new_keys(tmp_path / "keys")
    add_client(tmp_path / "keys", "good", tmp_path / "good")
    command = [sys.executable, "-m", "parascale.cli", "serve", "--bind", "tcp://127.0.0.1:*", "--json"]
    command += ["--state", str(tmp_path / "state"), "--keys", str(tmp_path / "keys"), "--log", str(tmp_path / "log")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = ""
    while not told.rstrip().endswith("}"):
        told += process.stdout.readline()
    address = json.loads(told)["address"]
    host, port = address.removeprefix("tcp://").split(":")
    strangers: list[socket.socket] = []
    try:
        with Client(address, server_key(tmp_path / "keys"), client_keys(tmp_path / "good")) as good:
            times = []
            before = 0
            left = round(MESSAGES * share)
            while left > 0:
                with bare_socket(address, server_key(tmp_path / "keys"), client_keys(tmp_path / "keys")) as mad:
                    for _ in range(min(500, left)):
                        mad.send_multipart(hostile_message(chance))
                        left -= 1
                        if left % 10 == 0:
                            begin = time.monotonic()
                            good.jobs()
                            times.append(time.monotonic() - begin)
                    if len(strangers) < STRANGERS * share:
                        strangers.extend(
                            socket.create_connection((host, int(port)), timeout=5) for _ in range(round(50 * share) + 1)
                        )
                        strangers[-1].sendall(chance.randbytes(64))
                    end = time.monotonic() + 5
                    while mad.poll(50) and time.monotonic() < end:
                        mad.recv_multipart()
                before = before or memory(process.pid)
            after = memory(process.pid)
            p99 = statistics.quantiles(times, n=100)[98]
            print(f"p99 {1000 * p99:.1f} ms of {len(times)}; memory {before >> 20} MiB, then {after >> 20} MiB")
            assert p99 < 0.1
            assert after < 1.1 * before + (8 << 20)
            try:
                good.hello()
            except InputError as error:
                raise AssertionError("a good client was shut out") from error
    finally:
        for stranger in strangers:
            stranger.close()
        process.terminate()
        assert process.wait(30) == 143
