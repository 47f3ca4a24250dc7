"""Many clients at once, hostile ones among them: every job exactly once, nobody held up, memory flat."""

import collections
import json
import os
import random
import socket
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import load_client
import pytest
from bare_client import bare_socket, header, memory
from served import served

from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.keys import add_client, client_keys, new_keys, server_key
from parascale.link.limits import MAX_FRAME

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads memory from /proc"),
]

MESSAGES, JOBS, CLIENTS, STRANGERS = 100_000, 2000, 8, 2000


class DiskProbe:
    """Times small writes that wait for the disk, ten a second, while something else is measured."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "probe"
        self._over = threading.Event()
        self._times: list[float] = []
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> "DiskProbe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def median(self) -> float:
        """Seconds."""
        return statistics.median(self._times)

    def _run(self) -> None:
        with self._path.open("wb") as file:
            while not self._over.wait(0.1):
                begin = time.perf_counter()
                file.write(b"x" * 4096)
                file.flush()
                os.fsync(file.fileno())
                self._times.append(time.perf_counter() - begin)


def test_each_of_many_jobs_of_many_clients_is_done_once(tmp_path: Path, share: float) -> None:
    from parascale.service.journal import Journal

    count = max(CLIENTS, round(JOBS * share)) // CLIENTS
    begin = time.monotonic()
    with served(tmp_path, "--workers", "2") as (address, _):
        command = [sys.executable, load_client.__file__, address]
        clients = [
            subprocess.Popen([*command, str(number), str(count), str(tmp_path / "out")], stdout=subprocess.PIPE)
            for number in range(CLIENTS)
        ]
        with DiskProbe(tmp_path) as disk:
            told = [json.loads(client.communicate()[0]) for client in clients]
    seconds = [second for one in told for second in one["seconds"]]
    median, allowed = statistics.median(seconds), 1.5 * disk.median + 0.002
    print(
        f"{CLIENTS * count} jobs in {time.monotonic() - begin:.0f} s; submit to accepted {1000 * median:.1f} ms, "
        f"fsync beside it {1000 * disk.median:.1f} ms, which allows {1000 * allowed:.1f} ms"
    )
    assert [job for one in told for job in one["wrong"]] == []
    assert len(list((tmp_path / "out").iterdir())) == CLIENTS * count
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    done = collections.Counter(event["job"] for event in events if event.get("event") == "done")
    assert done == {f"{job:032x}": 1 for job in range(CLIENTS * count)}
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
        return [header("ask-all", request=1, after="", team=False), *[b""] * chance.choice([0, 1, 16])]
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
    new_keys(tmp_path / "keys")
    add_client(tmp_path / "keys", "good", tmp_path / "good")
    strangers: list[socket.socket] = []
    with served(tmp_path, "--keys", str(tmp_path / "keys")) as (address, pid):
        host, port = address.removeprefix("tcp://").split(":")
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
                before = before or memory(pid)
            after = memory(pid)
            p99 = statistics.quantiles(times, n=100)[98]
            print(f"p99 {1000 * p99:.1f} ms of {len(times)}; memory {before >> 20} MiB, then {after >> 20} MiB")
            assert p99 < 0.1
            assert after < 1.1 * before + (8 << 20)
            try:
                good.hello()
            except InputError as error:
                raise AssertionError("a good client was shut out") from error
        for stranger in strangers:
            stranger.close()
