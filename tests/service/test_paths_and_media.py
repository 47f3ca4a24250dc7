"""What a client can make the backend read: the files it sent, models on the operator's list, and nothing else."""

import os
import shutil
import struct
import subprocess
import threading
import zlib
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.keys import add_client, new_keys
from parascale.link.kinds.depth import DepthRequest
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.local import connect
from parascale.link.parameters import Parameter, resolve_paths
from parascale.media.video_file import VideoFile
from parascale.parallax.shot import Shot
from parascale.service.models import add_model

Make = Callable[..., GenerationRequest]


@pytest.fixture
def remote(serving: Any, tmp_path: Path) -> Any:
    """Serve a client that has keys of its own, as one of another machine has."""
    new_keys(tmp_path / "keys")
    add_client(tmp_path / "keys", "guest", tmp_path / "guest")
    with serving(keys=tmp_path / "keys") as server, connect(server.address, tmp_path / "guest") as client:
        yield client


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """A film that no client of this test may see: orange all over."""
    from parascale.media.video_writer import VideoWriter

    path = tmp_path / "secret" / "film.mp4"
    path.parent.mkdir()
    orange = np.full((64, 96, 3), (255, 128, 0), np.uint8)
    with VideoWriter(path, 96, 64, 25.0) as writer:
        for _ in range(30):
            writer.write(orange)
    return path


PLAYLISTS = {
    "hls": "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1.2,\n{}\n#EXT-X-ENDLIST\n",
    "concat": "ffconcat version 1.0\nfile '{}'\n",
    "concat without a head": "file '{}'\n",
    "sdp": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na={}\n",
    "dash": '<?xml version="1.0"?><MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static"><Period><AdaptationSet '
    'mimeType="video/mp4"><Representation id="1"><BaseURL>{}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    "svg": '<svg xmlns="http://www.w3.org/2000/svg" width="96" height="64"><image href="file://{}"/></svg>',
}


@pytest.mark.parametrize("name", ["x.m3u8", "x.mp4", "x.mov", "x.ffconcat", "x.txt"])
@pytest.mark.parametrize("kind", sorted(PLAYLISTS))
def test_no_file_has_another_file_opened(film: Path, tmp_path: Path, kind: str, name: str) -> None:
    trap = tmp_path / name
    trap.write_text(PLAYLISTS[kind].format(film))
    with pytest.raises(InputError):
        next(VideoFile(trap).frames())


def test_no_name_has_its_neighbours_opened(tmp_path: Path) -> None:
    for number in range(3):
        Image.new("RGB", (96, 64), (number * 40, 0, 0)).save(tmp_path / f"n{number}.jpg")
    Image.new("RGB", (96, 64), (0, 0, 255)).save(tmp_path / "n%d.jpg")
    frames = list(VideoFile(tmp_path / "n%d.jpg").frames())
    assert len(frames) == 1
    assert frames[0].picture[0, 0, 2] > 200


def test_nothing_is_fetched(tmp_path: Path) -> None:
    asked: list[str] = []

    class Bait(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Bait)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        address = f"127.0.0.1:{server.server_port}"
        for number, (kind, text) in enumerate(sorted(PLAYLISTS.items())):
            for scheme in ("http://", "tcp://", "crypto:http://", "cache:http://"):
                trap = tmp_path / f"{number}.{kind[:3]}"
                trap.write_text(text.format(f"{scheme}{address}/{kind}"))
                with pytest.raises(InputError):
                    next(VideoFile(trap).frames())
        for name in (f"http:/{address}/x", f"tcp:/{address}", f"concat:{tmp_path}/a|b"):
            with pytest.raises(InputError, match="does not exist"):
                next(VideoFile(Path(name)).frames())
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert asked == []


def test_an_uploaded_playlist_brings_back_nothing(client: Client, film: Path, tmp_path: Path) -> None:
    trap = tmp_path / "clip.m3u8"
    trap.write_text(PLAYLISTS["hls"].format(film))
    status = client.wait(client.submit(SolveRequest(trap)))
    assert status.state == "failed"
    assert "is not a video that can be read" in status.message


def bomb(path: Path, side: int) -> Path:
    """Write a PNG of few bytes and side^2 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    packed = zlib.compress(b"\0" * 1000)  # what it unpacks to does not matter: it is refused by its head
    data = chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)
    return path


def test_a_picture_that_unpacks_to_gigabytes_is_refused_by_its_size(client: Client, tmp_path: Path) -> None:
    (tmp_path / "frames").mkdir()
    for number in range(3):
        bomb(tmp_path / "frames" / f"{number}.png", 40_000)
    for reference in (tmp_path / "frames", bomb(tmp_path / "clip.png", 40_000)):
        status = client.wait(client.submit(SolveRequest(reference)))
        assert status.state == "failed"
        assert "40000x40000" in status.message or "too large a picture" in status.message


def test_a_shot_of_16000_squares_is_refused_by_its_size(make_request: Make) -> None:
    lens = np.array([16000.0, 16000.0, 8000.0, 8000.0])
    path = Trajectory(np.tile(np.eye(4), (3, 1, 1)), lens, np.arange(3) / 16, 16000, 16000)
    shot = Shot("huge", 16.0, path, np.ones(3), "unit-depth")
    with pytest.raises(InputError, match="16000x16000 where 40 megapixels are allowed"):
        GenerationRequest(shot, "preview", np.zeros((4, 4, 3), np.uint8))


@pytest.mark.parametrize("parameter", ["weights", "parts", "lora", "source_video"])
def test_a_remote_client_names_no_path(remote: Client, make_request: Make, tmp_path: Path, parameter: str) -> None:
    import dataclasses

    request = dataclasses.replace(make_request(), generator="recammaster")
    there, nowhere = tmp_path, tmp_path / "nowhere"
    told = set()
    for path in (there, nowhere, "~", "jobs", "../keys", "owner/name"):
        with pytest.raises(InputError) as refused:
            remote.submit(dataclasses.replace(request, parameters={parameter: str(path)}))
        told.add(str(refused.value).replace(repr(str(path)), "PATH"))
    assert len(told) == 1  # what is there and what is not cannot be told apart


def test_a_remote_client_names_no_depth_model_by_a_path(remote: Client, tmp_path: Path) -> None:
    image = np.zeros((4, 4, 3), np.uint8)
    (tmp_path / "clip.mp4").write_bytes(b"x")
    for model in (str(tmp_path), "/etc", "some/repository", "nothing"):
        with pytest.raises(InputError, match="is not on the backend's list"):
            remote.submit(DepthRequest(image, model))
        with pytest.raises(InputError, match="is not on the backend's list"):
            remote.submit(SolveRequest(tmp_path / "clip.mp4", depth_model=model))


def test_a_generator_that_runs_what_a_request_says_is_for_the_local_user(remote: Client, make_request: Make) -> None:
    import dataclasses

    with pytest.raises(InputError, match="comfyui is for the user of the backend's machine alone"):
        remote.submit(dataclasses.replace(make_request(), generator="comfyui"))


def test_a_name_on_the_operators_list_is_taken(remote: Client, tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    add_model("house-depth", tmp_path / "model")
    status = remote.wait(remote.submit(DepthRequest(np.zeros((4, 4, 3), np.uint8), "house-depth")))
    assert status.state == "failed"
    assert f"{tmp_path / 'model'} holds no depth model" in status.message


def test_every_text_of_a_job_that_a_worker_opens_is_checked() -> None:
    """A field or parameter of text is a model, a file, or known to be opened by nobody."""
    import dataclasses

    from parascale.generators import GENERATORS
    from parascale.link.kinds import KINDS

    harmless = {"generator", "prompt"}
    for request in KINDS.values():
        texts = {each.name for each in dataclasses.fields(request.fields_type) if "str" in str(each.type)}
        assert texts - harmless - set(request.models) - {"parameters"} == set(), request.kind
    for generator in GENERATORS.values():
        if generator.local_only:
            continue
        texts = {parameter.name for parameter in generator.describe() if parameter.kind == "str"}
        assert texts <= {"negative_prompt"}, generator.name


def test_paths_are_of_the_program_that_names_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    schema = (Parameter("weights", "path", ""), Parameter("source_video", "file", ""), Parameter("note", "str", ""))
    (tmp_path / "model").mkdir()
    (tmp_path / "clip.mp4").write_bytes(b"x")
    monkeypatch.chdir(tmp_path)
    given = {"weights": "model", "source_video": "clip.mp4", "note": "model"}
    parameters, files = resolve_paths(schema, given)
    assert parameters == {"weights": str(tmp_path / "model"), "note": "model"}
    assert files == {"source_video": tmp_path / "clip.mp4"}
    assert resolve_paths(schema, {"weights": "wan-fun-camera-1.3B"})[0] == {"weights": "wan-fun-camera-1.3B"}
    with pytest.raises(InputError, match="there is no file nothing"):
        resolve_paths(schema, {"source_video": "nothing.mp4"})


def test_workers_have_no_folder_of_their_own_and_no_network_of_models(shared: Any, client: Client) -> None:
    client.hello()
    (worker,) = shared.workers()
    where = Path(os.readlink(f"/proc/{worker}/cwd"))
    assert where == shared.state / "empty"
    assert list(where.iterdir()) == []
    told = Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")
    assert {b"HF_HUB_OFFLINE=1", b"TRANSFORMERS_OFFLINE=1"} <= set(told)


@pytest.mark.skipif(shutil.which("unshare") is None, reason="makes a small disk in a namespace of its own")
def test_a_full_disk_fails_jobs_with_a_sentence_and_ends_nothing(tmp_path: Path) -> None:
    """On a disk of 24 MB that others fill: jobs are refused or fail, the backend goes on, and starts again."""
    disk = tmp_path / "disk"
    disk.mkdir()
    script = Path(__file__).with_name("full_disk.py")
    command = f"mount -t tmpfs -o size=24m tmpfs {disk} && exec {shutil.which('env')} python {script} {disk}"
    import sys

    command = command.replace(" python ", f" {sys.executable} ")
    probe = subprocess.run(["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", str(disk)], check=False)
    if probe.returncode:
        pytest.skip("this machine lends no namespace")
    done = subprocess.run(["unshare", "-rm", "sh", "-c", command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[-1] == "held"
