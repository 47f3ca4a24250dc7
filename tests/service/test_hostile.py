"""What a client that is let in, or a stranger, can do to a backend: it stays up, small, and of use to others."""

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import zmq
from bare_client import answer, bare_socket, header, memory, next_answer
from new_kind import run_with_kind

from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.keys import client_keys, new_keys, server_key
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveFields, SolveRequest
from parascale.link.limits import BEAT, MAX_FRAME, MAX_PARTS
from parascale.link.local import connect
from parascale.service.connections import MAX_CONNECTIONS, MAX_STRANGERS
from parascale.service.limits import Limits

Make = Callable[..., GenerationRequest]

SUBMIT: dict[str, Any] = {"request": 1, "job": "e" * 32, "kind": "solve", "label": "x", "arrays": [], "files": []}
FIELDS = dict.fromkeys(field.name for field in fields(SolveFields)) | {"folder": False, "start": 0, "subjects": []}
SUBMIT |= {"fields": FIELDS}


@pytest.fixture
def dealer(shared: Any) -> Iterator[Any]:
    with bare_socket(shared.backend.address, shared.backend.server_key, client_keys()) as bare:
        yield bare


@pytest.mark.parametrize("depth", [33, 495, 5000, 170_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_no_depth_of_nesting_ends_the_backend(
    shared: Any, dealer: Any, client: Client, depth: int, opening: str, closing: str
) -> None:
    data = b'{"parascale": 3, "type": "submit", "request": 7, "fields": '
    data += (opening * depth + "1" + closing * depth).encode() + b"}"
    assert len(data) <= MAX_FRAME
    refused = answer(dealer, data)
    assert (refused["type"], refused["code"]) == ("refused", "malformed")
    assert "nested too deeply" in refused["message"]
    assert client.hello()


def test_brackets_in_texts_are_not_nesting(dealer: Any) -> None:
    told = answer(dealer, header("ask", request=3, job='["\\' * 200))
    assert told["code"] == "unknown-job"


@pytest.mark.parametrize(
    "fields",
    [
        {"job": 2**63 - 1},
        {"job": "\x00" * 500},
        {"job": "ü" * 5000},
        {"job": "a\nb" * 100},
        {"request": -1, "job": "a" * 32},
        {"request": 2**63 - 1, "job": "a" * 32},
    ],
)
@pytest.mark.parametrize("kind", ["ask", "cancel", "ask-result", "delete", "pull", "chunk", "no-chunk"])
def test_whatever_a_message_holds_is_answered_or_dropped(
    dealer: Any, client: Client, kind: str, fields: dict[str, Any]
) -> None:
    given = {"request": 9, "job": "x", "chunk": "\ud83d\ude00", "message": "m"} | fields
    names = {"pull": ("job", "chunk"), "chunk": ("job", "chunk"), "no-chunk": ("job", "chunk", "message")}
    dealer.send(header(kind, **{name: given[name] for name in names.get(kind, ("request", "job"))}))
    dealer.send(header("hello", request=77))
    while next_answer(dealer)["type"] != "welcome":
        pass
    assert client.hello()


def test_unread_answers_hold_little_memory(shared: Any, client: Client, make_request: Make) -> None:
    client.hello()
    job = client.submit(make_request(frames=60, width=640, height=360))
    assert client.wait(job).state == "done"
    with bare_socket(shared.backend.address, shared.backend.server_key, client_keys()) as mute:
        result = answer(mute, header("ask-result", request=1, job=job))
        chunk = next(chunk for file in result["files"] for chunk in file["chunks"] if file["size"] > MAX_FRAME)
        before = memory(shared.pid)
        for _ in range(300):  # 300 MiB of answers
            mute.send(header("pull", job=job, chunk=chunk))
        for _ in range(20):
            assert client.hello()
            time.sleep(0.05)
        assert memory(shared.pid) - before < 60 << 20
    client.delete(job)


def loop_ticks(pid: int) -> int:
    """Return the time of the processor that the loop of a backend has taken: a busy machine's clock proves nothing."""
    fields = Path(f"/proc/{pid}/task/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


@pytest.mark.parametrize(("count", "size"), [(150, MAX_FRAME), (600_000, 0)])
def test_a_message_of_many_frames_is_cut_off_before_it_is_whole(
    shared: Any, client: Client, count: int, size: int
) -> None:
    client.hello()
    before, most, slowest, longest = memory(shared.pid), 0, 0.0, 0.0
    ticks = os.sysconf("SC_CLK_TCK")
    with bare_socket(shared.backend.address, shared.backend.server_key, client_keys()) as endless:
        answer(endless, header("hello", request=1))
        watch = endless.get_monitor_socket(zmq.EVENT_DISCONNECTED)
        piece = b"x" * size
        for _ in range(count):
            endless.send(piece, zmq.SNDMORE)
        endless.send(b"")
        end = time.monotonic() + 30
        while not watch.poll(0):
            assert time.monotonic() < end, "it went through"
            asked, begin = time.monotonic(), loop_ticks(shared.pid)
            client.hello()
            slowest = max(slowest, (loop_ticks(shared.pid) - begin) / ticks)
            longest = max(longest, time.monotonic() - asked)
            most = max(most, memory(shared.pid) - before)
        endless.disable_monitor()
        watch.close(0)
    assert most < 100 << 20
    assert slowest < 2.0  # seconds of the processor in which the frames that came held somebody up
    assert longest < 20.0  # and of the clock: a loop that waits takes no processor


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """Keys of a server with two clients: the first's folder, and ``other`` beside it."""
    from parascale.link.keys import add_client

    new_keys(tmp_path / "keys")
    add_client(tmp_path / "keys", "other", tmp_path / "other")
    return tmp_path / "keys"


def test_a_client_that_sends_too_many_frames_is_shut_out_and_others_are_not(
    serving: Any, two: Path, tmp_path: Path
) -> None:
    with serving(keys=two) as server, connect(server.address, tmp_path / "other") as good:
        good.hello()
        with bare_socket(server.address, server_key(two), client_keys(two)) as mad:
            mad.send_multipart([header("hello", request=1), *[b""] * (2 * MAX_PARTS)])
            mad.send(header("hello", request=2))
            assert next_answer(mad)["code"] == "revoked"
        assert good.hello()
        with connect(server.address, two) as again, pytest.raises(InputError):
            again.hello()


def test_idle_strangers_shut_nobody_out(serving: Any, make_request: Make) -> None:
    with serving() as server, connect(server.address) as early:
        early.hello()
        host, port = server.address.removeprefix("tcp://").split(":")
        strangers: list[socket.socket] = []
        try:
            strangers.extend(socket.create_connection((host, int(port)), timeout=60) for _ in range(3 * MAX_STRANGERS))
            assert early.wait(early.submit(make_request())).state == "done"
            with connect(server.address) as late:
                assert late.hello()
            (worker,) = server._dispatcher._pool.workers
            os.kill(worker.pid, 9)
            assert early.wait(early.submit(make_request(seed=1))).state == "done"
            with server._connections._lock:
                assert len(server._connections._known) <= MAX_STRANGERS + 2
        finally:
            for stranger in strangers:
                stranger.close()


def test_a_client_has_so_many_connections_and_no_more(serving: Any) -> None:
    with serving() as server:
        clients = [connect(server.address) for _ in range(MAX_CONNECTIONS + 2)]
        for client in clients[:MAX_CONNECTIONS]:
            assert client.hello()
        for client in clients[MAX_CONNECTIONS:]:
            with pytest.raises(InputError):
                client.hello()
        with server._connections._lock:
            owners = [known.owner for known in server._connections._known.values()]
        assert len(owners) - owners.count(None) <= MAX_CONNECTIONS
        for client in clients:
            client.close()


def test_a_worker_that_cannot_be_started_ends_nothing(
    serving: Any, make_request: Make, until: Callable[..., None]
) -> None:
    """Descriptors run out: the pool says so, and goes on when there are some again."""
    import resource

    with serving() as server, connect(server.address) as client:
        client.hello()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        (worker,) = server._dispatcher._pool.workers
        held = []
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) + 2, hard))
            try:
                while True:
                    held.append(os.open("/dev/null", os.O_RDONLY))
            except OSError:
                pass
            os.kill(worker.pid, 9)
            until(lambda: "no worker can be started" in server._dispatcher._pool.trouble)
        finally:
            for descriptor in held:
                os.close(descriptor)
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert client.wait(client.submit(make_request())).state == "done"


def announced(number: int, size: int) -> bytes:
    """A submission that announces a file of some size."""
    chunks = ["0" * 64] * -(-size // MAX_FRAME)
    file = {"role": "reference", "name": "clip.mp4", "size": size, "chunks": chunks}
    return header("submit", **(SUBMIT | {"job": f"{number:032x}", "files": [file]}))


def test_what_one_client_announces_takes_no_room_of_another(
    serving: Any, two: Path, make_request: Make, tmp_path: Path
) -> None:
    limits = Limits(quota=4 << 30, client_quota=2 << 30)
    for _ in range(2):  # also after a restart
        with serving(keys=two, limits=limits) as server:
            with bare_socket(server.address, server_key(two), client_keys(two)) as greedy:
                told = [answer(greedy, announced(number, 500 << 20)) for number in range(8)]
                assert [each["type"] for each in told].count("refused") == 4
                assert {each["code"] for each in told if each["type"] == "refused"} == {"quota"}
            with connect(server.address, tmp_path / "other") as other:
                assert other.wait(other.submit(make_request())).state == "done"


def test_a_job_that_takes_too_much_memory_fails(
    serving: Any, long_request: GenerationRequest, make_request: Make
) -> None:
    with serving(limits=Limits(worker_memory=40 << 20)) as server, connect(server.address) as client:
        status = client.wait(client.submit(long_request))
        assert status.state == "failed"
        assert "takes more than the 0.0419 GB of memory" in status.message
        pool = server._dispatcher._pool
        pool._memory = 1 << 40
        for worker in pool.workers:
            worker.limit = 1 << 40
        assert client.wait(client.submit(make_request())).state == "done"


def test_a_long_list_of_jobs_comes_in_pages(serving: Any, tmp_path: Path) -> None:
    import dataclasses

    from parascale.service.journal import Journal, new_job

    (tmp_path / "state").mkdir()
    journal = Journal(tmp_path / "state" / "journal.sqlite")
    journal._base.execute("BEGIN")
    ids = [f"{number:032x}" for number in range(500)]
    for job in ids:
        wide = "\U0001f600"
        new = new_job(client_keys().public.decode(), job, "solve", wide * 200, "hash", (), 0)
        choices = (wide * 480,)
        journal.add(dataclasses.replace(new, state="failed", message=wide * 500, choices=choices, ended=time.time()))
    journal._base.execute("COMMIT")
    journal.close()
    for _ in range(2):
        with serving() as server, connect(server.address) as client:
            assert [job.job_id for job in client.jobs()] == ids


def test_folders_that_are_not_ours_are_refused_and_left_alone(tmp_path: Path) -> None:
    from parascale.service.server import Server

    precious = tmp_path / "jobs" / ("a" * 16) / ("b" * 32) / "film.mov"
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match="is not the state folder of a backend"):
        Server("tcp://127.0.0.1:*", tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("how", ["new journal", "link to an owner", "link to the jobs"])
def test_no_folder_without_our_mark_is_removed(serving: Any, make_request: Make, tmp_path: Path, how: str) -> None:
    with serving() as server, connect(server.address) as client:
        kept = client.submit(make_request())
        assert client.wait(kept).state == "done"
    jobs = tmp_path / "state" / "jobs"
    precious = tmp_path / "elsewhere" / ("a" * 16) / ("b" * 32) / "film.mov"
    precious.parent.mkdir(parents=True)
    precious.write_text("precious")
    if how == "new journal":
        for path in (tmp_path / "state").glob("journal.sqlite*"):
            path.unlink()
        precious = next(jobs.glob(f"*/{kept}/request"))
    elif how == "link to an owner":
        (jobs / ("a" * 16)).symlink_to(precious.parents[1])
    else:
        jobs.rename(tmp_path / "moved")
        jobs.symlink_to(tmp_path / "elsewhere")
    for _ in range(2):
        with serving() as server, connect(server.address) as client:
            client.hello()
            assert precious.exists()
            assert client.wait(client.submit(make_request(seed=4))).state == "done"
    assert precious.exists()


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"curve\n", None])
def test_a_key_file_that_is_empty_or_vanishes_ends_nothing(
    serving: Any, two: Path, content: bytes | None, tmp_path: Path
) -> None:
    with serving(keys=two) as server:
        broken = two / "clients" / "broken.key"
        if content is None:
            broken.symlink_to(tmp_path / "nowhere")
        else:
            broken.write_bytes(content)
        with connect(server.address, two) as client:
            assert client.hello()


def test_a_revoked_client_is_cut_off_within_two_beats(
    serving: Any, two: Path, tmp_path: Path, until: Callable[..., None]
) -> None:
    from parascale.link.keys import revoke_client

    with (
        serving(keys=two) as server,
        connect(server.address, two) as revoked,
        connect(server.address, tmp_path / "other") as other,
    ):
        assert revoked.hello()
        assert other.hello()
        key = client_keys(two).public.decode()
        assert key in server._connections.owners()
        revoke_client(two, "client")
        beats, beat = list[float](), server._beat
        server._beat = lambda: beats.append(time.monotonic()) or beat()
        until(lambda: len(beats) >= 2)
        assert key not in server._connections.owners()
        assert 2 * BEAT <= 2.0
        until(lambda: revoked.pump() == [] and not revoked._connection._open)
        with pytest.raises(InputError, match="does not know this client's key"):
            revoked.hello()
        assert other.hello()


def test_a_large_upload_that_goes_on_holds_nobody_up(serving: Any, two: Path, tmp_path: Path) -> None:
    """What is here of it is hashed again, a little at a time."""
    clip, size, job = tmp_path / "clip.mp4", 512 << 20, "5" * 32
    with clip.open("wb") as file:
        file.truncate(size)
    request = SolveRequest(clip)
    with serving(keys=two) as server, connect(server.address, two) as client:
        client.start_submit(request, job)
        while not (parts := list((tmp_path / "state").glob(f"jobs/*/{job}/inputs/*.part"))):
            client.pump()
    with parts[0].open("r+b") as file:
        file.truncate(size - 1)
    with serving(keys=two) as server, connect(server.address, two) as client:
        turn, looks = server._dispatcher.turn, list[float]()

        def timed() -> None:
            before = time.thread_time()
            turn()
            if server._dispatcher._uploads.is_looking:
                looks.append(time.thread_time() - before)

        server._dispatcher.turn = timed
        client.start_submit(request, job)
        while not client.status(job).received:
            client.pump()
    # What others ask is answered between two turns; the processor's time, as a busy machine's clock proves nothing.
    assert len(looks) > 10
    assert max(looks) < sum(looks) / 4


@pytest.mark.parametrize("how", ["ended", "held"])
def test_a_handshake_that_does_not_end_well_is_not_called_a_wrong_key_nor_an_absent_backend(how: str) -> None:
    """ZeroMQ does not say why: neither do we."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()
    held: list[socket.socket] = []

    def meddle() -> None:
        listener.settimeout(0.1)
        while not over.is_set():
            try:
                held.append(listener.accept()[0])
            except TimeoutError:
                continue
            if how == "ended":
                held.pop().close()

    thread = threading.Thread(target=meddle)
    thread.start()
    keys = client_keys()
    address = f"tcp://127.0.0.1:{listener.getsockname()[1]}"
    told = "was ended [0-9]+ times" if how == "ended" else "(was ended [0-9]+ times|does not come to its end)"
    try:
        with Client(address, keys.public, keys, timeout=4.0) as client:
            with pytest.raises(InputError, match=f"the handshake with what answers at {address} {told}") as refused:
                client.hello()
            assert "for a reason that is not known" in str(refused.value)
            assert not refused.value.notice.remedy
    finally:
        over.set()
        thread.join()
        for connection in (*held, listener):
            connection.close()


RUN = """
import time


def run(request, context):
    context.progress(0.5, "counting sheep")
    deadlocked()


def deadlocked():
    time.sleep(600)
"""

CLIENT = """
import sys, threading, time
from pathlib import Path
from parascale.link.kinds.sleep import NewRequest
from parascale.link.local import connect
from parascale.service.server import Server

server = Server("tcp://127.0.0.1:*", Path(sys.argv[1]) / "state")
thread = threading.Thread(target=server.run)
thread.start()
stalls, shortened = server._dispatcher._stalls, False
with connect(server.address) as client:
    job = client.submit(NewRequest("x"))
    while not (status := client.status(job)).final:
        if status.phase == "counting sheep":  # from then on it stands still: a slow machine is slow before
            if not shortened:
                print(*stalls.values(), end="|")  # what the kind itself allows
            shortened = True
            stalls.update(dict.fromkeys(stalls, 6.0))
        time.sleep(0.05)
    print(status.state, status.message, sep="|")
server.stop()
thread.join()
"""


def test_a_job_without_progress_is_tried_once_more_and_fails_with_the_evidence(tmp_path: Path) -> None:
    """The worker gives signs of life all the time: it is the job that stands still."""
    done = run_with_kind(tmp_path, "sleep", RUN, CLIENT, stall=1234.5)
    allowed, state, message = done.stdout.strip().split("|")
    assert (allowed, state) == ("1234.5", "failed"), done.stderr
    assert "made no progress for 6 s while counting sheep (in deadlocked, sleep.py line 11)" in message
    assert "tried 2 times" in message
