"""Jobs from submission to deletion, over real sockets and processes."""

import contextlib
import socket
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import pytest

from parascale import __version__
from parascale.cli.advice import sentence
from parascale.errors import Cancelled, InputError
from parascale.link.client import Client
from parascale.link.events import Fetched, JobChanged, SubmitRefused
from parascale.link.keys import client_keys
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.limits import CHUNK, PROTOCOL

Make = Callable[..., GenerationRequest]


def test_a_backend_says_what_it_can_do(client: Client) -> None:
    welcome = client.hello()
    assert (welcome.version, welcome.protocol) == (__version__, PROTOCOL)
    preview = {generator.name: generator for generator in welcome.generators}["preview"]
    assert preview.scale_class == "D"
    assert welcome.devices[0].startswith("CPU")


def test_a_video_comes_back(client: Client, make_request: Make, tmp_path: Path) -> None:
    job = client.submit(make_request(frames=5))
    told: list[tuple[float, str]] = []
    status = client.wait(job, lambda *args: told.append(args))
    assert (status.state, status.fraction, status.message) == ("done", 1.0, "")
    assert told
    result = client.fetch(job, tmp_path / "out")
    with av.open(result.files["video"]) as video:
        assert sum(1 for _ in video.decode(video=0)) == 5
    assert result.summary["frames"] == 5
    client.delete(job)


def test_a_result_can_be_fetched_twice_and_is_gone_when_deleted(
    client: Client, make_request: Make, tmp_path: Path
) -> None:
    job = client.submit(make_request())
    client.wait(job)
    first = client.fetch(job, tmp_path / "a")
    second = client.fetch(job, tmp_path / "b")
    assert first.files["video"].read_bytes() == second.files["video"].read_bytes()
    client.delete(job)
    with pytest.raises(InputError, match="there is no job"):
        client.status(job)
    with pytest.raises(InputError, match="there is no job"):
        client.fetch(job, tmp_path / "c")


def test_the_same_submission_twice_is_one_job(client: Client, make_request: Make) -> None:
    job = client.submit(make_request())
    before = len(client.jobs())
    assert client.submit(make_request(), job) == job
    assert len(client.jobs()) == before
    assert client.wait(job).state == "done"
    assert client.submit(make_request(), job) == job
    assert client.status(job).state == "done"


def test_the_same_id_with_another_payload_is_refused(client: Client, make_request: Make) -> None:
    job = client.submit(make_request())
    with pytest.raises(InputError, match="submitted before and asks for something else"):
        client.submit(make_request(seed=1), job)
    assert client.wait(job).state == "done"


@pytest.mark.parametrize("job", ["", "x", "A" * 32, "../" + "a" * 29, "a" * 33])
def test_an_id_that_is_none_is_refused(client: Client, make_request: Make, job: str) -> None:
    with pytest.raises(InputError, match="no job id"):
        client.submit(make_request(), job or "-")
    with pytest.raises(InputError):
        client.status(job)


def test_an_unknown_generator_names_the_known(client: Client, make_request: Make) -> None:
    request = make_request()
    job = client.submit(GenerationRequest(request.shot, "nope", request.image))
    status = client.wait(job)
    assert status.state == "failed"
    assert "preview" in status.message
    with pytest.raises(InputError, match="is failed: there is no generator 'nope'"):
        client.fetch(job, Path("never"))


def test_a_clip_that_is_no_video_fails_in_one_sentence(client: Client, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video " * 1000)
    status = client.wait(client.submit(SolveRequest(clip)))
    assert status.state == "failed"
    assert "clip.mp4" in status.message
    assert "\n" not in status.message


def test_files_of_many_chunks_arrive(shared: Any, client: Client, tmp_path: Path) -> None:
    clip = tmp_path / "long.mp4"
    clip.write_bytes(bytes(range(256)) * (11 * CHUNK // 256) + b"tail")
    job = client.submit(SolveRequest(clip))
    assert client.status(job).received
    (stored,) = shared.state.glob(f"jobs/*/{job}/inputs/long.mp4")
    assert stored.read_bytes() == clip.read_bytes()
    client.wait(job)
    client.delete(job)
    assert not list(shared.state.glob(f"jobs/*/{job}"))


def test_a_running_job_stops_when_cancelled(client: Client, long_request: GenerationRequest) -> None:
    job = client.submit(long_request)
    with pytest.raises(Cancelled):
        client.wait(job, cancelled=lambda: client.status(job).state == "running")
    assert client.status(job).state == "cancelled"


def test_a_queued_job_never_starts_when_cancelled(
    client: Client, long_request: GenerationRequest, make_request: Make
) -> None:
    running = client.submit(long_request)
    queued = client.submit(make_request())
    status = client.cancel(queued)
    assert (status.state, status.started) == ("cancelled", None)
    client.cancel(running)
    with pytest.raises(Cancelled):
        client.wait(running)


def test_cancelling_what_is_over_changes_nothing(client: Client, make_request: Make) -> None:
    job = client.submit(make_request())
    client.wait(job)
    assert client.cancel(job).state == "done"


def test_a_job_that_is_not_over_is_not_deleted(client: Client, long_request: GenerationRequest) -> None:
    job = client.submit(long_request)
    with pytest.raises(InputError, match="cancel it first"):
        client.delete(job)
    client.cancel(job)
    with pytest.raises(Cancelled):
        client.wait(job)
    client.delete(job)


def test_two_clients_of_one_user_see_the_same_jobs(shared: Any, client: Client, make_request: Make) -> None:
    with shared.backend.connect() as other:
        other.hello()
        job = client.submit(make_request())
        assert other.wait(job).state == "done"
        events: list[Any] = []
        while not any(isinstance(event, JobChanged) and event.job.state == "done" for event in events):
            events += other.pump()
        assert other.status(job) == client.status(job)


def test_pump_alone_does_the_whole_job(
    client: Client, make_request: Make, tmp_path: Path, until: Callable[..., None]
) -> None:
    job = client.start_submit(make_request())
    states: list[str] = []
    fetched: list[Fetched] = []

    def done() -> bool:
        for event in client.pump():
            if isinstance(event, JobChanged) and event.job.job_id == job:
                states.append(event.job.state)
                if event.job.state == "done":
                    client.start_fetch(job, tmp_path)
            elif isinstance(event, Fetched):
                fetched.append(event)
        return bool(fetched)

    until(done)
    assert set(states) - {"queued"} == {"running", "done"}  # where a worker is idle it starts as it is accepted
    assert fetched[0].job_id == job
    assert fetched[0].result.files["video"].stat().st_size > 0


def test_pump_reports_what_is_refused(client: Client, make_request: Make, until: Callable[..., None]) -> None:
    job = client.submit(make_request())
    client.start_submit(make_request(seed=2), job)
    events: list[Any] = []
    until(lambda: events.extend(client.pump()) or any(isinstance(event, SubmitRefused) for event in events))


def test_a_folder_that_cannot_be_written_is_one_sentence(client: Client, make_request: Make, tmp_path: Path) -> None:
    job = client.submit(make_request())
    client.wait(job)
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot be written"):
        client.fetch(job, tmp_path / "file")


def test_nobody_home_is_one_sentence() -> None:
    key = client_keys()
    with (
        Client("tcp://127.0.0.1:9", key.public, key, timeout=0.3) as client,
        pytest.raises(InputError) as refused,
    ):
        client.hello()
    assert sentence(refused.value) == "No backend answers at tcp://127.0.0.1:9: start one with `parascale serve`"


@pytest.mark.parametrize(
    "address", ["", "127.0.0.1:5571", "http://127.0.0.1:5571", "tcp://127.0.0.1", "tcp://:1", "tcp://a:b"]
)
def test_what_is_no_address_is_one_sentence(address: str) -> None:
    with pytest.raises(InputError, match="no address"):
        Client(address, client_keys().public, client_keys())


def test_ids_of_other_jobs_are_unknown(client: Client) -> None:
    with pytest.raises(InputError, match="there is no job"):
        client.cancel(uuid.uuid4().hex)


class Relay:
    """Passes a connection on; swallows all that a client says from when it is told to, then cuts the connection."""

    def __init__(self, address: str) -> None:
        host, port = address.removeprefix("tcp://").split(":")
        self._there = host, int(port)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.address = f"tcp://127.0.0.1:{self._server.getsockname()[1]}"
        self.swallow, self.swallowed = False, False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                here, _ = self._server.accept()
                there = socket.create_connection(self._there)
                for ends in ((here, there), (there, here)):
                    threading.Thread(target=self._pass_on, args=(*ends, ends[0] is here), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, of_client: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 16):
                if of_client and self.swallow:
                    self.swallow, self.swallowed = False, True
                    break
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def test_a_question_that_is_lost_with_its_connection_is_asked_again(
    shared: Any, client: Client, make_request: Make
) -> None:
    job = client.submit(make_request())
    relay = Relay(shared.backend.address)
    with Client(relay.address, shared.backend.server_key, client_keys(), timeout=60.0) as other:
        for ask in (other.hello, other.jobs, lambda: other.status(job), lambda: other.cancel(job)):
            assert ask()
            relay.swallow, relay.swallowed = True, False
            assert ask()  # or it gives up, its patience at an end
            assert relay.swallowed
    relay.close()
