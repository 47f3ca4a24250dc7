"""`parascale weights` against a hub of the test's own: the real client, a small server."""

import hashlib
import json
import subprocess
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from parascale.weights.catalogue import CATALOGUE

pytest.importorskip(
    "huggingface_hub", reason="the generation extra is not installed: pip install 'parascale[generate]'"
)

Run = Callable[..., subprocess.CompletedProcess[str]]
COMMIT = "0123456789abcdef0123456789abcdef01234567"


class Hub(BaseHTTPRequestHandler):
    """Answers for any repository: what it holds, and its files."""

    files: ClassVar[dict[str, bytes]] = {}
    sent: ClassVar[list[str]] = []
    lost: ClassVar[set[str]] = set()

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/models/"):
            siblings = [{"rfilename": name, "size": len(content)} for name, content in self.files.items()]
            told = {"id": "x/y", "sha": COMMIT, "siblings": siblings, "cardData": {"license": "apache-2.0"}}
            if "/tree/" in path:
                told = [{"type": "file", "path": n, "size": len(c), "oid": COMMIT} for n, c in self.files.items()]
            self._send(json.dumps(told).encode(), "application/json", {}, body=body)
            return
        name = path.partition(f"/resolve/{COMMIT}/")[2]
        if name in self.lost:
            self.send_error(404)
            return
        content = self.files[name]
        if body:
            self.sent.append(path)
        tag = {"ETag": f'"{hashlib.sha1(content).hexdigest()}"', "X-Repo-Commit": COMMIT}
        self._send(content, "application/octet-stream", tag, body=body)

    def _send(self, content: bytes, kind: str, headers: dict[str, str], *, body: bool) -> None:
        self.send_response(200)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def log_message(self, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Hub]]:
    Hub.files = {"config.json": b"{}", "diffusion_pytorch_model.safetensors": bytes(2_000_000), "README.md": b"no"}
    Hub.sent, Hub.lost = [], set()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.setenv("HF_HUB_DISABLE_XET", "1")
    for name in ("HF_HUB_OFFLINE", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    yield Hub
    server.shutdown()
    thread.join()
    server.server_close()


def test_nothing_is_downloaded_without_a_yes(parascale: Run, hub: type[Hub]) -> None:
    done = parascale("weights", "fetch", "wan-vace-1.3B", code=3)
    assert "Wan-AI/Wan2.1-VACE-1.3B-diffusers: 0.0 GB, licence apache-2.0" in done.stderr
    assert "nothing was downloaded: say --yes" in done.stderr
    assert hub.sent == []


@pytest.mark.slow
def test_weights_come_with_what_they_need_and_only_what_is_needed(parascale: Run, hub: type[Hub]) -> None:
    hub.files |= {f"{part}/config.json": b"{}" for part in ("vae", "image_encoder", "text_encoder", "transformer")}
    folders = json.loads(parascale("weights", "fetch", "wan-fun-camera-1.3B", "--yes", "--json").stdout)["folders"]
    model, *parts = map(Path, folders)
    assert {path.name for path in model.iterdir()} == {"config.json", "diffusion_pytorch_model.safetensors"}
    assert (model / "diffusion_pytorch_model.safetensors").stat().st_size == 2_000_000
    names = {path.name for folder in parts for path in folder.iterdir()}
    assert names == {"image_encoder", "text_encoder", "vae"}
    listed = json.loads(parascale("weights", "list", "--json").stdout)["weights"]
    here = {item["name"]: item["folder"] for item in listed}
    assert here["wan-fun-camera-1.3B"] == str(model)
    assert here["wan-vace-1.3B"] is None
    assert set(here) == {item.name for item in CATALOGUE}
    generators = json.loads(parascale("doctor", "--json").stdout)["generators"]
    assert generators["wan-fun-camera"]["weights"]["wan-fun-camera-1.3B"] == str(model)


@pytest.mark.slow
def test_a_broken_download_is_not_taken_for_whole_and_goes_on(parascale: Run, hub: type[Hub]) -> None:
    hub.files = {"config.json": b"{}", "transformer/diffusion_pytorch_model.safetensors": bytes(1000)}
    hub.lost = {"transformer/diffusion_pytorch_model.safetensors"}
    done = parascale("weights", "fetch", "wan-vace-1.3B", "--yes", code=3)
    assert "could not be downloaded" in done.stderr
    assert "run the command again to go on" in done.stderr
    listed = json.loads(parascale("weights", "list", "--json").stdout)["weights"]
    assert {item["name"]: item["folder"] for item in listed}["wan-vace-1.3B"] is None
    hub.lost = set()
    folder, *_ = json.loads(parascale("weights", "fetch", "wan-vace-1.3B", "--yes", "--json").stdout)["folders"]
    assert (Path(folder) / "transformer" / "diffusion_pytorch_model.safetensors").stat().st_size == 1000


@pytest.mark.slow
def test_any_repository_and_depth_models_are_fetched_by_name(parascale: Run, hub: type[Hub]) -> None:
    (folder,) = json.loads(parascale("weights", "fetch", "someone/some-model", "--yes", "--json").stdout)["folders"]
    assert (Path(folder) / "README.md").is_file()
    (folder,) = json.loads(parascale("weights", "fetch", "zoedepth", "--yes", "--json").stdout)["folders"]
    assert {path.name for path in Path(folder).iterdir()} == {"config.json"}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nothing", "`parascale weights list` names all"),
        ("a/b/c", "neither a folder on this machine nor OWNER/NAME on the hub"),
        (".", "is a folder of this machine already"),
    ],
)
def test_a_wrong_name_gets_one_sentence(parascale: Run, name: str, said: str) -> None:
    assert said in parascale("weights", "fetch", name, code=3).stderr


@pytest.mark.slow
def test_a_hub_that_does_not_answer_is_said(parascale: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "the hub does not answer for" in parascale("weights", "fetch", "wan-vace-14B", "--yes", code=3).stderr


def test_doctor_tells_of_every_generator_what_a_backend_tells(parascale: Run) -> None:
    from parascale.service.describe import describe_generators

    told = json.loads(parascale("doctor", "--json").stdout)
    assert {name: item["scale_class"] for name, item in told["generators"].items()} == {
        info.name: info.scale_class for info in describe_generators()
    }
    assert told["devices"][0].startswith("CPU")
    text = parascale("doctor").stdout
    assert "generator wan-fun-camera" in text
    assert "raw units" in text
