"""Noise, from strangers and from a client gone mad: the backend stays up, small, and of use to others."""

import json
import os
import random
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zmq

from parascale.link.codec import MARK
from parascale.link.keys import client_keys
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.limits import PROTOCOL
from parascale.link.local import Backend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads memory from /proc"),
]

GROWTH = 150 << 20
SECONDS = 90.0
GREETING = b"\xff" + b"\0" * 8 + b"\x7f\3\1" + b"CURVE".ljust(20, b"\0") + b"\0" * 32


def memory(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def raw(chance: random.Random, address: str) -> None:
    """Say something to the port that is no ZeroMQ, or only begins so."""
    host, port = address.removeprefix("tcp://").split(":")
    with socket.create_connection((host, int(port))) as stranger:
        stranger.settimeout(0.2)
        try:
            stranger.sendall(chance.choice([b"", GREETING]) + chance.randbytes(chance.choice([1, 64, 4096, 1 << 20])))
            stranger.recv(64)
        except OSError:
            pass


def noise(chance: random.Random, jobs: list[str]) -> list[bytes]:
    """Make a message that is almost right, or not at all."""
    if chance.random() < 0.2:
        return [chance.randbytes(chance.randrange(200)) for _ in range(chance.randrange(1, 4))]
    values: list[Any] = [
        0,
        1,
        -1,
        2**63,
        1.5,
        True,
        None,
        "",
        "a" * 32,
        "../x",
        [],
        {},
        [1],
        {"a": 1},
        chance.choice(jobs),
    ]
    names = ["request", "job", "kind", "label", "fields", "arrays", "files", "chunk", "message", "more"]
    kinds = [
        "hello",
        "submit",
        "ask",
        "ask-all",
        "ask-result",
        "cancel",
        "pull",
        "chunk",
        "no-chunk",
        "run",
        "beat",
        "x",
    ]
    header = {MARK: chance.choice([*[PROTOCOL] * 4, 0, 99, "2"]), "type": chance.choice(kinds)}
    header |= {name: chance.choice(values) for name in names if chance.random() < 0.6}
    data = bytearray(json.dumps(header).encode())
    if chance.random() < 0.2:
        data[chance.randrange(len(data))] = chance.randrange(256)
    return [
        bytes(data),
        *(chance.randbytes(chance.choice([0, 8, 1000])) for _ in range(chance.choice([0, 0, 0, 1, 3]))),
    ]


def test_noise_harms_nobody(
    backend: Backend,
    share: float,
    chance: random.Random,
    make_request: Callable[..., GenerationRequest],
    tmp_path: Path,
) -> None:
    assert backend.process is not None
    keys = client_keys()
    context: zmq.Context[Any] = zmq.Context()
    with backend.connect() as client:
        kept = client.submit(make_request(0))
        client.wait(kept)
        before = memory(backend.process.pid)
        end = time.monotonic() + SECONDS * share
        while time.monotonic() < end:
            mad = context.socket(zmq.DEALER)
            mad.linger = 0
            mad.curve_publickey, mad.curve_secretkey = keys.public, keys.secret
            mad.curve_serverkey = backend.server_key
            mad.connect(backend.address)
            for _ in range(300):
                mad.send_multipart(noise(chance, [kept]))
            raw(chance, backend.address)
            assert client.hello()
            while mad.poll(20):
                mad.recv_multipart()
            mad.close()
        assert memory(backend.process.pid) - before < GROWTH
        assert client.wait(client.submit(make_request(1))).state == "done"
        assert client.fetch(kept, tmp_path / "out").files["video"].exists()
    context.term()
