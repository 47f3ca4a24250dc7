"""The comfyui generator against a ComfyUI server.

PARASCALE_TEST_COMFYUI=HOST:PORT names a real one; without it, a server of the test's own plays back what a real one
said (tests/fixtures/comfyui_exchange.json), which the tests that need no models run against either way.
"""

import dataclasses
import io
import json
import sys
import types
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest
from comfyui_server import EXCHANGE, PICTURES, REAL, Recorded, node, play_recording
from PIL import Image

from parascale.errors import Cancelled, InputError
from parascale.generators import GENERATORS
from parascale.generators.comfy.address import VARIABLE, check_address
from parascale.generators.comfy.server import ComfyServer
from parascale.generators.comfy.workflow import fill_workflow, read_workflow, slots_of
from parascale.media.video_file import read_video
from parascale.retime import fit_to_training

ROOT = Path(__file__).parents[2]
WORKFLOWS = ROOT / "integrations" / "comfyui" / "workflows"


@pytest.fixture
def recorded(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    with play_recording() as address:
        yield address


@pytest.fixture
def make(make_request, tmp_path):
    """Generate by a workflow, and return the result."""

    def generate(workflow, server, progress=None, cancelled=None, shot=None, **values):
        path = tmp_path / "workflow.json"
        path.write_text(json.dumps(workflow))
        centres = np.zeros((9, 3))
        centres[:, 2] = np.linspace(0, 0.4, 9)
        request = dataclasses.replace(
            make_request(centres, 96, 64), generator="comfyui", prompt="a desk", seed=7,
            parameters={"server": server, "workflow": str(path)} | values,
        )  # fmt: skip
        request = request if shot is None else dataclasses.replace(request, shot=shot)
        return GENERATORS["comfyui"].generate(request, tmp_path, progress, cancelled)

    return generate


def test_a_workflow_makes_the_video(recorded, make, capsys) -> None:
    server = REAL or recorded
    with capsys.disabled():
        print(f"\ncomfyui against {REAL or 'the recorded exchange of ' + EXCHANGE['server']}")
    parts = []
    result = make(PICTURES, server, lambda part, phase: parts.append((part, phase)))
    film = read_video(result.files["video"], 99)
    assert film.shape == (9, 64, 96, 3)
    assert np.abs(film[0].astype(int) - film[-1]).mean() < 3
    assert [part for part, _ in parts] == sorted(part for part, _ in parts)
    assert "the workflow takes no camera" in result.summary["warnings"][-1]
    if not REAL:
        ((path, asked),) = Recorded.asked
        assert path == "/prompt"
        assert asked["prompt"]["1"]["inputs"]["image"] == f"parascale/{next(iter(Recorded.uploads))}"
        assert asked["prompt"]["2"]["inputs"]["amount"] == 9
        picture = np.asarray(Image.open(io.BytesIO(next(iter(Recorded.uploads.values())))))
        assert picture.shape == (64, 96, 3)
        assert "parascale: length=amount" in {phase for _, phase in parts}


def test_240_frames_at_24_come_back_as_ten_seconds(recorded, make, make_request) -> None:
    """The workflow is asked for 4n + 1 frames at the rate of training, and what is more is cut off."""
    centres = np.zeros((240, 3))
    centres[:, 2] = np.linspace(0, 0.4, 240)
    trained = GENERATORS["comfyui"].trained
    fitted = fit_to_training(make_request(centres, 96, 64, fps=24.0).shot, trained.fps, 0)
    Recorded.frames = 161
    result = make(PICTURES, recorded, shot=fitted)
    assert Recorded.asked[0][1]["prompt"]["2"]["inputs"]["amount"] == 161
    assert len(read_video(result.files["video"], 999)) == result.summary["frames"] == 160
    assert result.summary["fps"] == 16


def test_a_lost_connection_loses_no_job(recorded, make) -> None:
    Recorded.drops = True
    assert make(PICTURES, recorded).summary["frames"] == 9


def test_a_refused_workflow_and_a_failing_node_are_told_in_the_servers_words(recorded, make) -> None:
    Recorded.refuses = True
    with pytest.raises(InputError, match=r"refused /prompt: Prompt outputs .*\(CLIPLoader: Value not in list, clip"):
        make(PICTURES, recorded)
    Recorded.refuses = False
    failed = {"prompt_id": "PROMPT", "node_type": "KSampler", "exception_message": "out of memory\nat line 1"}
    Recorded.messages = [*Recorded.messages[:9], {"type": "execution_error", "data": failed}]
    with pytest.raises(InputError, match=r"failed in KSampler: out of memory$"):
        make(PICTURES, recorded)


def test_a_refused_workflow_leaves_no_connection_open(recorded, make, monkeypatch) -> None:
    opened = []
    open_socket = ComfyServer._open_socket
    monkeypatch.setattr(ComfyServer, "_open_socket", lambda self: opened.append(open_socket(self)) or opened[-1])
    Recorded.refuses = True
    with pytest.raises(InputError, match="refused /prompt"):
        make(PICTURES, recorded)
    assert [each._socket.fileno() for each in opened] == [-1]


def test_a_server_that_was_started_anew_is_said_to_have_lost_the_workflow(recorded, make) -> None:
    Recorded.drops = Recorded.forgets = True
    Recorded.nonsense = {"/history/PROMPT": b"{}"}
    with pytest.raises(InputError, match="has lost the workflow"):
        make(PICTURES, recorded)


def test_a_failure_that_was_missed_is_read_in_the_history(recorded, make) -> None:
    Recorded.drops = True
    failed = {"node_type": "VAEDecode", "exception_message": "out of memory"}
    history = {"outputs": {}, "status": {"status_str": "error", "messages": [["execution_error", failed]]}}
    Recorded.nonsense = {"/history/PROMPT": json.dumps({"PROMPT": history}).encode()}
    with pytest.raises(InputError, match="failed in VAEDecode: out of memory"):
        make(PICTURES, recorded)


NONSENSE = {
    "/upload/image": [b"[]", b"{}", b'{"name": 3}', b"<html>", b""],
    "/prompt": [b"[]", b"{}", b'{"prompt_id": null}', b"<html>"],
    "/history/PROMPT": [
        b'{"PROMPT": {"outputs": []}}',
        b'{"PROMPT": {"outputs": {"3": []}}}',
        b'{"PROMPT": {"outputs": {"3": {"images": [{"filename": 3}, 5, null]}}}}',
        b'{"PROMPT": {"outputs": {}, "status": {"status_str": "error", "messages": [3, ["x"]]}}}',
        b"<html>",
    ],
    "/view": [b"", b"not a picture", b"\x89PNG\r\n\x1a\n"],
}


@pytest.mark.parametrize(("path", "answer"), [(path, answer) for path, all_ in NONSENSE.items() for answer in all_])
def test_a_server_that_answers_nonsense_is_refused_in_a_sentence(recorded, make, path: str, answer: bytes) -> None:
    Recorded.nonsense = {path: answer}
    with pytest.raises(InputError, match=r"ComfyUI|neither a video nor pictures"):
        make(PICTURES, recorded)


def test_messages_that_are_not_comfyuis_are_passed_over(recorded, make) -> None:
    ours = {"prompt_id": "PROMPT"}
    strange = [
        b"not json", b"[]", b"3", b"\xff\xfe", {"type": "progress", "data": ours | {"max": "many"}},
        {"type": "progress", "data": ours | {"max": 4}}, {"type": "execution_cached", "data": ours | {"nodes": 3}},
        {"type": "progress", "data": ours | {"value": 1e9, "max": 4, "node": []}}, {"type": 5, "data": []},
    ]  # fmt: skip
    Recorded.messages = strange + Recorded.messages
    assert make(PICTURES, recorded).summary["frames"] == 9


def test_cancelling_stops_the_server_too(recorded, make) -> None:
    Recorded.messages = Recorded.messages[:9]
    with pytest.raises(Cancelled):
        make(PICTURES, recorded, cancelled=Recorded.queued.is_set)
    assert [path for path, _ in Recorded.asked] == ["/prompt", "/queue", "/interrupt"]
    assert Recorded.asked[-1][1] == {"prompt_id": "PROMPT"}


def test_a_workflow_saved_with_a_mark_is_read_and_one_of_broken_nodes_refused(tmp_path) -> None:
    path = tmp_path / "workflow.json"
    path.write_text(json.dumps(PICTURES), encoding="utf-8-sig")
    assert read_workflow(path) == PICTURES
    for part in ("inputs", "_meta"):
        path.write_text(json.dumps({"1": node("LoadImage", "parascale: picture", image="") | {part: []}}))
        with pytest.raises(InputError, match="not a workflow in API format"):
            read_workflow(path)


def test_too_few_frames_are_refused(recorded, make) -> None:
    Recorded.frames = 4
    with pytest.raises(InputError, match="made 4 frames and the shot has 9"):
        make(PICTURES, recorded)


def test_no_server_is_said_with_its_address(make) -> None:
    with pytest.raises(InputError, match=r"no ComfyUI server answers at 127\.0\.0\.1:9"):
        make(PICTURES, "127.0.0.1:9")


def test_only_this_machine_and_the_operators_servers_are_spoken_to(monkeypatch) -> None:
    monkeypatch.setenv(VARIABLE, "render.local:8188, 10.0.0.7:9000")
    assert check_address("127.0.0.1") == ("127.0.0.1", 8188)
    assert check_address("[::1]:8189") == ("::1", 8189)
    assert check_address("localhost:8188") == ("localhost", 8188)
    assert check_address("render.local:8188") == ("render.local", 8188)
    assert check_address("10.0.0.7:9000") == ("10.0.0.7", 9000)
    for other in ("10.0.0.7:8188", "169.254.169.254:80", "example.com:8188", "render.local:22"):
        with pytest.raises(InputError, match=VARIABLE):
            check_address(other)
    for broken in ("", ":8188", "a:b", "127.0.0.1:0", "127.0.0.1:99999", "http://127.0.0.1:8188", "u@127.0.0.1:80"):
        with pytest.raises(InputError):
            check_address(broken)


@pytest.mark.parametrize("name", ["plain", "wan-fun-camera", "wan-vace"])
def test_the_workflows_of_the_project_take_what_they_say(name) -> None:
    workflow = read_workflow(WORKFLOWS / f"{name}.json")
    slots = slots_of(workflow)
    taken = {
        "plain": {"picture", "length", "fps"},
        "wan-fun-camera": {"picture", "camera", "prompt", "negative_prompt", "seed", "steps", "fps"},
        "wan-vace": {"control_video", "mask_video", "prompt", "negative_prompt", "seed", "steps", "width", "height",
                     "length", "fps"},
    }[name]  # fmt: skip
    assert set(slots) == taken
    filled = fill_workflow(workflow, {slot: f"<{slot}>" for slot in taken})
    for slot, places in slots.items():
        assert all(filled[node]["inputs"][name] == f"<{slot}>" for node, name in places)


@pytest.mark.parametrize(
    ("workflow", "said"),
    [
        ({"nodes": [], "links": []}, "editor's own format"),
        ({"1": {"inputs": {}}}, "API format"),
        ({"1": node("A")}, "has no node titled"),
        ({"1": node("A", "parascale: colour", colour=1)}, "the slots are picture"),
        ({"1": node("A", "parascale: seed", text="")}, "has no input for seed"),
        ({"1": node("A", "parascale: seed=noise", seed=1)}, "has no input for seed"),
    ],
)
def test_a_workflow_that_cannot_be_filled_is_refused(workflow, said, tmp_path) -> None:
    path = tmp_path / "w.json"
    path.write_text(json.dumps(workflow))
    with pytest.raises(InputError, match=said):
        read_workflow(path)


def test_the_node_reads_what_is_uploaded_and_what_is_exported_and_nothing_outside(
    recorded, make, make_request, tmp_path, monkeypatch
) -> None:
    torch = pytest.importorskip("torch")
    from parascale.conditioning.tensor_file import find_tensor_format, write_tensor
    from parascale.conditioning.wan_fun import camera_latents

    inputs = tmp_path / "input"
    inputs.mkdir()
    monkeypatch.setitem(sys.modules, "folder_paths", types.SimpleNamespace(get_input_directory=lambda: str(inputs)))
    spec = spec_from_file_location("nodes", ROOT / "integrations" / "comfyui" / "parascale_nodes" / "__init__.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    loader = module.NODE_CLASS_MAPPINGS["ParaScaleLoadCamera"]()

    camera = {"9": node("ParaScaleLoadCamera", "parascale: camera", camera_file="")} | PICTURES
    make(camera, recorded, units_per_depth=2.0)
    name = next(name for name in Recorded.uploads if name.endswith(".npz"))
    (inputs / name).write_bytes(Recorded.uploads[name])
    latents, *size = loader.load(name)
    assert size == [96, 64, 9]
    centres = np.zeros((9, 3))
    centres[:, 2] = np.linspace(0, 0.8, 9)
    shot = make_request(centres, 96, 64).shot
    torch.testing.assert_close(latents, torch.from_numpy(camera_latents(shot.trajectory)))

    write_tensor(shot, inputs / "exported.npz", find_tensor_format("wan-fun-latents"))
    torch.testing.assert_close(loader.load("exported.npz")[0], latents)
    (tmp_path / "outside.npz").write_bytes(b"x")
    assert loader.VALIDATE_INPUTS("exported.npz") is True
    assert "no camera file" in loader.VALIDATE_INPUTS("../outside.npz")
    assert "no camera file" in loader.VALIDATE_INPUTS(str(tmp_path / "outside.npz"))


def test_a_pose_workflow_is_given_wan_fun_rows(recorded, make) -> None:
    poses = {"9": node("Text", "parascale: poses, prompt=note, seed", text="", note="", seed=0)} | PICTURES
    make(poses, recorded, units_per_depth=1.0)
    inputs = Recorded.asked[0][1]["prompt"]["9"]["inputs"]
    assert (inputs["note"], inputs["seed"]) == ("a desk", 7)
    rows = [line.split() for line in inputs["text"].splitlines()[1:]]
    assert [len(row) for row in rows] == [19] * 9
    assert float(rows[-1][18]) == pytest.approx(-0.4)  # world to camera: forward is against z
