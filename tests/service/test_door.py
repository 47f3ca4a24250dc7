"""Who gets in, and what strangers and broken clients can do: nothing."""

import json
import os
import socket
import stat
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq

from parascale.cli.advice import sentence
from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.codec import MARK
from parascale.link.keys import client_keys, server_key, server_keys
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.limits import MAX_FRAME, PROTOCOL
from parascale.link.local import connect
from parascale.service.server import Server

Make = Callable[..., GenerationRequest]


@pytest.fixture
def dealer(shared: Any) -> Iterator[Any]:
    """A bare socket with the right keys: a client that can say anything."""
    context: zmq.Context[Any] = zmq.Context()
    keys = client_keys()
    bare = context.socket(zmq.DEALER)
    bare.linger = 0
    bare.curve_publickey, bare.curve_secretkey = keys.public, keys.secret
    bare.curve_serverkey = shared.backend.server_key
    bare.connect(shared.backend.address)
    yield bare
    bare.close()
    context.term()


def answer(dealer: Any, *frames: bytes) -> dict[str, Any]:
    """Send frames and return the first answer that is no beat."""
    dealer.send_multipart(frames)
    while True:
        assert dealer.poll(20_000), "no answer"
        header: dict[str, Any] = json.loads(dealer.recv_multipart()[0])
        if header["type"] not in ("beat", "changed"):
            return header


def header(kind: str, /, **fields: Any) -> bytes:
    return json.dumps({MARK: PROTOCOL, "type": kind} | fields).encode()


def memory(pid: int) -> int:
    """Resident bytes of a process."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_a_stranger_on_this_machine_is_refused(shared: Any, stranger: Path) -> None:
    with (
        Client(shared.backend.address, shared.backend.server_key, client_keys(stranger)) as client,
        pytest.raises(InputError, match="does not know this client's key"),
    ):
        client.hello()


def test_a_server_with_another_key_is_not_trusted(shared: Any, stranger: Path) -> None:
    with (
        Client(shared.backend.address, server_key(stranger), client_keys()) as client,
        pytest.raises(InputError, match="does not hold the backend's key"),
    ):
        client.hello()


def test_a_client_without_curve_is_not_heard(shared: Any) -> None:
    context: zmq.Context[Any] = zmq.Context()
    plain = context.socket(zmq.DEALER)
    plain.linger = 0
    plain.connect(shared.backend.address)
    plain.send(header("hello", request=1))
    assert not plain.poll(1000)
    plain.close()
    context.term()


def test_one_raw_socket_cannot_fill_the_memory(shared: Any, client: Client) -> None:
    host, port = shared.backend.address.removeprefix("tcp://").split(":")
    greeting = b"\xff" + b"\0" * 8 + b"\x7f\3\1" + b"CURVE".ljust(20, b"\0") + b"\0" + b"\0" * 31
    endless = b"\1\xff" + os.urandom(255)  # a message of 255 bytes with MORE to come
    huge = b"\2" + (1 << 40).to_bytes(8, "big")  # a message said to be a terabyte
    client.hello()
    before = memory(shared.pid)
    for flood in (endless * 4096, greeting + endless * 4096, greeting + huge + b"x" * MAX_FRAME, os.urandom(1 << 20)):
        with socket.create_connection((host, int(port))) as raw:
            raw.settimeout(1.0)
            sent, end = 0, time.monotonic() + 2.0
            try:
                while sent < 200 << 20 and time.monotonic() < end:
                    sent += raw.send(flood)
            except OSError:
                pass  # hung up on: as it should be
    assert memory(shared.pid) - before < 30 << 20
    assert client.hello()


@pytest.mark.parametrize(
    ("frames", "code"),
    [
        ([b""], "malformed"),
        ([b"not json"], "malformed"),
        ([b"\xff" * 100], "malformed"),
        ([header("hello", request=1, more=2)], "malformed"),
        ([header("hello")], "malformed"),
        ([header("welcome", request=1)], "malformed"),
        ([header("beat")], "malformed"),
        ([header("run", job="a", folder="/")], "malformed"),
        ([header("hello", request=1), b"a frame too many"], "malformed"),
        ([header("ask", request=1, job="a" * 32), b""], "malformed"),
        ([json.dumps({MARK: 99, "type": "hello", "request": 1}).encode()], "version"),
        ([json.dumps({MARK: 99, "shape": "of things to come"}).encode()], "version"),
        ([header("ask", request=1, job="a" * 32)], "unknown-job"),
        ([header("ask-result", request=1, job="../../etc")], "unknown-job"),
    ],
)
def test_what_is_wrong_is_answered_and_harms_nobody(
    dealer: Any, client: Client, frames: list[bytes], code: str
) -> None:
    refused = answer(dealer, *frames)
    assert refused["type"] == "refused"
    assert refused["code"] == code
    assert "\n" not in refused["message"]
    assert client.hello()


SUBMIT: dict[str, Any] = {"request": 1, "job": "e" * 32, "kind": "solve", "label": "x", "arrays": [], "files": []}
SUBMIT |= {"fields": {"folder": False, "focal": None, "fov": None, "start": 0, "end": None, "subjects": []}}


@pytest.mark.parametrize(
    ("changes", "frames"),
    [
        ({"job": "../../../../tmp/x"}, []),
        ({"kind": "pickle"}, []),
        ({"fields": {}}, []),
        ({"fields": SUBMIT["fields"] | {"command": "rm"}}, []),
        ({"label": "x" * 201}, []),
        ({"arrays": [{"name": "a", "dtype": "object", "shape": [1]}]}, [b"x" * 8]),
        ({"arrays": [{"name": "a", "dtype": "uint8", "shape": [2]}]}, [b"x"]),
        ({"arrays": [{"name": "a", "dtype": "uint8", "shape": [2]}]}, []),
        ({"arrays": [{"name": "a", "dtype": "uint8", "shape": [1 << 60]}]}, [b"x"]),
        ({"arrays": [{"name": "a", "dtype": "uint8", "shape": [-1]}]}, [b"x"]),
        ({}, [b"nobody announced this"]),
        ({"files": [{"role": "reference", "name": "../x", "size": 0, "chunks": []}]}, []),
        ({"files": [{"role": "reference", "name": "x", "size": 5, "chunks": []}]}, []),
        ({"files": [{"role": "reference", "name": "x", "size": 1, "chunks": ["zz"]}]}, []),
    ],
)
def test_a_broken_submission_leaves_nothing(
    shared: Any, dealer: Any, changes: dict[str, Any], frames: list[bytes]
) -> None:
    before = sorted(shared.state.glob("jobs/[!.]*/*"))
    refused = answer(dealer, header("submit", **(SUBMIT | changes)), *frames)
    assert (refused["type"], refused["code"]) == ("refused", "malformed")
    assert sorted(shared.state.glob("jobs/[!.]*/*")) == before


def test_a_file_said_to_be_huge_is_refused(shared: Any, dealer: Any) -> None:
    chunks = ["0" * 64] * 2
    file = {"role": "reference", "name": "x.mp4", "size": MAX_FRAME + 1, "chunks": chunks}
    refused = answer(dealer, header("submit", **(SUBMIT | {"files": [file | {"size": 1 << 60}]})))
    assert refused["code"] == "malformed"  # more bytes than its chunks could hold


def test_a_chunk_nobody_asked_for_is_dropped(dealer: Any, client: Client) -> None:
    dealer.send_multipart([header("chunk", job="a" * 32, chunk="0" * 64), b"x" * 1000])
    assert answer(dealer, header("hello", request=5))["type"] == "welcome"


def test_a_frame_over_the_cap_ends_the_connection_only(shared: Any, dealer: Any, client: Client) -> None:
    before = memory(shared.pid)
    dealer.send(b"x" * (64 << 20))
    time.sleep(0.5)
    assert memory(shared.pid) - before < 30 << 20
    assert client.hello()


def test_a_stranger_cannot_read_the_state(serving: Any, tmp_path: Path) -> None:
    with serving():
        assert stat.S_IMODE((tmp_path / "state").stat().st_mode) & 0o077 == 0


def test_other_machines_need_keys(tmp_path: Path) -> None:
    for bind in ("tcp://0.0.0.0:*", "tcp://*:*", "tcp://192.0.2.1:5571"):
        with pytest.raises(InputError) as refused:
            Server(bind, tmp_path)
        assert "parascale keys new" in sentence(refused.value)
    with pytest.raises(InputError, match="name the folder of its keys"):
        connect("tcp://192.0.2.1:5571")


def test_a_key_taken_away_no_longer_connects(serving: Any, stranger: Path) -> None:
    with serving(keys=stranger) as server:
        with connect(server.address, stranger) as client:
            assert client.hello()
        (stranger / "clients" / "client.key").unlink()
        with connect(server.address, stranger) as client, pytest.raises(InputError, match="does not know"):
            client.hello()


def test_a_server_does_not_give_its_secret_away(shared: Any, client: Client) -> None:
    secret = server_keys().secret
    assert secret not in repr(client.hello()).encode()
    assert secret not in (shared.state / "backend.json").read_bytes()
