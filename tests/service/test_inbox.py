"""What one client sends holds up the others no more than a message of it takes."""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from parascale.link import client as link_client
from parascale.link import messages as m
from parascale.link.codec import decode
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.limits import CHUNK, IN_FLIGHT
from parascale.link.local import connect
from parascale.link.transfer import describe_bytes
from parascale.service.inbox import MAX_WAITING, MAX_WAITING_BYTES, Inbox, Incoming
from parascale.service.journal import new_job
from parascale.service.limits import MAX_JOBS
from parascale.service.server import Server
from parascale.service.transfers import Uploads


def message(key: str, number: int, size: int = 1) -> Incoming:
    return Incoming(str(number).encode(), key, (), size)


def test_each_client_has_its_turn() -> None:
    inbox = Inbox()
    for number in range(5):
        inbox.put(message("mad", number))
    inbox.put(message("good", 9))
    handled: list[str] = []

    def handle(incoming: Incoming) -> None:
        handled.append(incoming.key)
        time.sleep(0.03)  # longer than a turn

    inbox.work_off(handle)
    assert handled == ["mad", "good"]
    inbox.work_off(handle)
    assert handled == ["mad", "good", "mad"]
    assert inbox


def test_messages_of_a_client_stay_in_order_and_are_all_handled() -> None:
    inbox = Inbox()
    for number in range(9):
        assert inbox.put(message("a" if number % 3 else "b", number))
    handled: list[tuple[str, int]] = []
    while inbox:
        inbox.work_off(lambda incoming: handled.append((incoming.key, int(incoming.peer))))
    assert [number for key, number in handled if key == "b"] == [0, 3, 6]
    assert [number for key, number in handled if key == "a"] == [1, 2, 4, 5, 7, 8]


def test_only_so_much_of_a_client_waits() -> None:
    inbox = Inbox()
    assert [inbox.put(message("mad", number)) for number in range(MAX_WAITING + 1)] == [True] * MAX_WAITING + [False]
    assert inbox.is_full
    assert inbox.put(message("good", 0))
    large = Inbox()
    assert [large.put(message("mad", number, 40 << 20)) for number in range(3)] == [True, True, False]


def test_what_many_uploads_of_a_client_send_ahead_has_room(tmp_path: Path) -> None:
    asked: list[m.Message] = []

    def send(peer: bytes, message: m.Message, frames: Sequence[bytes] = ()) -> None:
        asked.append(message)

    clip = describe_bytes("reference", "clip.mp4", b"".join(bytes([number]) * CHUNK for number in range(12)))
    uploads = Uploads(send)
    for number in range(32):
        uploads.start(new_job("owner", f"{number:032x}", "solve", "", "", (clip,), 1), tmp_path / str(number), b"peer")
        for key in uploads:
            uploads.pull(key, math.inf)
        assert len(asked) >= min(IN_FLIGHT, number + 1)
    assert len({message.job for message in asked if isinstance(message, m.Pull)}) == 32
    assert len(asked) * CHUNK <= MAX_WAITING_BYTES
    assert MAX_JOBS < MAX_WAITING
    uploads.close()
    again = len(asked)
    uploads.start(new_job("owner", "f" * 32, "solve", "", "", (clip,), 1), tmp_path / "last", b"peer")
    uploads.pull(("owner", "f" * 32), math.inf)
    assert len(asked) - again == IN_FLIGHT
    uploads.close()


def test_what_a_backend_drops_is_said_again(
    serving: Callable[..., AbstractContextManager[Server]],
    make_request: Callable[..., GenerationRequest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(link_client, "_AGAIN", 0.2)
    with serving() as server:
        dropped: list[type[m.Message]] = []
        put = server._inbox.put

        def forget_once(incoming: Incoming) -> bool:
            kind = type(decode(incoming.parts[0].bytes))
            if kind in (m.Submit, m.AskResult) and kind not in dropped:
                dropped.append(kind)
                return False
            return put(incoming)

        monkeypatch.setattr(server._inbox, "put", forget_once)
        with connect(server.address) as client:
            job = client.submit(make_request())
            assert client.wait(job, timeout=60).state == "done"
            assert client.fetch(job, tmp_path / "out").files
        assert dropped == [m.Submit, m.AskResult]
