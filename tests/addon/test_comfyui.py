"""From a calibrated camera through a ComfyUI server to a strip; PARASCALE_TEST_COMFYUI names a real one."""

import io
import json
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
import pytest
from comfyui_server import EXCHANGE, MODELS, PICTURES, REAL, Recorded, play_recording

pytestmark = pytest.mark.usefixtures("backend")
FRAMES = 9
WORKFLOWS = Path(__file__).parents[2] / "integrations" / "comfyui" / "workflows"
UNET = {"wan-fun-camera": "wan2.1_fun_camera", "wan-vace": "wan2.1_vace"}


@pytest.fixture
def server(capsys: pytest.CaptureFixture[str]) -> Callable[[str], Iterator[str]]:
    """Give the real server's address, or that of the recording of a workflow, and print which."""

    @contextmanager
    def serve(workflow: str = "") -> Iterator[str]:
        recorded = (MODELS if workflow else EXCHANGE)["server"]
        with capsys.disabled():
            print(f"\ncomfyui {workflow} against {REAL or 'the recorded exchange of ' + recorded}")
        if REAL:
            skip_without_models(workflow)
            yield REAL
            return
        with play_recording(workflow) as address:
            Recorded.frames = FRAMES
            yield address

    return serve


def skip_without_models(workflow: str) -> None:
    if not workflow:
        return
    with urllib.request.urlopen(f"http://{REAL}/object_info/UNETLoader", timeout=30) as answer:
        (names, *_) = json.load(answer)["UNETLoader"]["input"]["required"]["unet_name"]
    if not any(name.startswith(UNET[workflow]) for name in names):
        pytest.skip(f"the ComfyUI server at {REAL} has no model named {UNET[workflow]}*")


def generate(desk: bpy.types.Scene, shot_file: Callable[..., Path], server: str, workflow: Path) -> bpy.types.Strip:
    """Calibrate a camera, generate by a workflow, and give the strip."""
    from bl_ext.user_default.parascale.settings import generators

    bpy.ops.parascale.import_shot(filepath=str(shot_file(count=FRAMES)))
    bpy.ops.parascale.create_camera()
    settings = desk.parascale
    settings.long_side, settings.workbench = 96, True
    bpy.ops.parascale.test_backend()
    settings.generator = "comfyui"
    given = generators.parameters_of(desk, "comfyui")
    assert given is not None
    given.server, given.workflow, given.long_side, given.steps = server, str(workflow), 96, 2

    assert bpy.ops.parascale.generate() == {"FINISHED"}
    editor = desk.sequence_editor
    (strip,) = editor.strips if hasattr(editor, "strips") else editor.sequences
    return strip


def check_strip(strip: bpy.types.Strip) -> dict:
    """Check that a strip plays the frames that were asked for, and give its request."""
    from parascale.blender.strips import request_of, span

    asked = request_of(strip)
    assert asked["generator"] == "comfyui"
    assert asked["result"]["frames"] == asked["frames"] == FRAMES
    assert asked["fps"] == 16
    start, end = span(strip)
    # 9 frames at 16 a second last 13.5 frames at 24 a second.
    assert (start, end - start in (13, 14)) == (1, True)
    assert Path(bpy.path.abspath(strip.filepath)).is_file()
    return asked


def test_a_workflow_on_a_server_becomes_a_strip(
    desk: bpy.types.Scene, shot_file: Callable[..., Path], server: Callable, tmp_path: Path
) -> None:
    workflow = tmp_path / "workflow.json"
    workflow.write_text(json.dumps(PICTURES))
    with server() as address:
        asked = check_strip(generate(desk, shot_file, address, workflow))
    assert any("takes no camera" in warning for warning in asked["result"]["warnings"])
    if not REAL:
        ((path, prompt),) = Recorded.asked
        assert path == "/prompt"
        assert prompt["prompt"]["2"]["inputs"]["amount"] == FRAMES
        assert prompt["prompt"]["1"]["inputs"]["image"] == f"parascale/{next(iter(Recorded.uploads))}"


@pytest.mark.parametrize("workflow", sorted(UNET))
def test_a_workflow_with_a_model_becomes_a_strip(
    workflow: str, desk: bpy.types.Scene, shot_file: Callable[..., Path], server: Callable
) -> None:
    """The project's own workflows, as they are: the path reaches the model as latents, or as the warped picture."""
    with server(workflow) as address:
        asked = check_strip(generate(desk, shot_file, address, WORKFLOWS / f"{workflow}.json"))
    assert not any("takes no camera" in warning for warning in asked["result"]["warnings"])
    if REAL:
        return
    ((path, prompt),) = Recorded.asked
    nodes = prompt["prompt"]
    uploads = {f"parascale/{name}": content for name, content in Recorded.uploads.items()}
    assert path == "/prompt"
    if workflow == "wan-fun-camera":
        assert uploads[nodes["5"]["inputs"]["image"]][:4] == b"\x89PNG"
        latents = np.load(io.BytesIO(uploads[nodes["9"]["inputs"]["camera_file"]]))["camera_latents"]
        assert latents.shape[-4:-2] == (24, (FRAMES - 1) // 4 + 1)
        assert np.abs(latents[..., -1, :, :]).max() > 0
    else:
        control, mask = (nodes[node]["inputs"]["file"] for node in ("4", "6"))
        assert {control, mask} <= set(uploads)
        assert control != mask
