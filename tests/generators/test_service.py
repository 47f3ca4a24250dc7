"""The diffusion generators as a user reaches them: a calibrated shot goes to a backend, an mp4 comes back."""

import dataclasses
from base64 import b64decode
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from parascale.camera import Trajectory
from parascale.cli.advice import sentence
from parascale.errors import Cancelled, Notice
from parascale.link.local import start_backend
from parascale.media.video_file import read_video
from parascale.media.video_writer import VideoWriter
from parascale.parallax.calibrate import calibrate
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.shot import Shot
from parascale.projection.depth_map import DepthMapSource

pytest.importorskip("diffusers", reason="the generation extra is not installed: pip install 'parascale[generate]'")

pytestmark = pytest.mark.slow
NAMES = ("wan-fun-camera", "recammaster", "wan-vace", "easyanimate-camera")


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    """A real backend with one worker, which has to live through all that goes wrong here."""
    with pytest.MonkeyPatch.context() as patch:
        home = tmp_path_factory.mktemp("home")
        patch.setenv("XDG_STATE_HOME", str(home))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_HOME", str(home / "hub"))
        patch.setenv("OMP_NUM_THREADS", "1")
        backend = start_backend(state=home / "state")
        yield backend
        backend.stop()


@pytest.fixture
def client(backend):
    with backend.connect() as client:
        yield client


@pytest.fixture
def do(client, tmp_path):
    """Have a job done; its result, or the sentence it failed with."""

    def run(request):
        status = client.wait(client.submit(request))
        if status.state != "done":
            assert status.state == "failed"
            return sentence(Notice(status.message, status.remedy, status.choices))
        folder = tmp_path / status.job_id
        folder.mkdir()
        return client.fetch(status.job_id, folder)

    return run


@pytest.fixture(scope="module")
def calibrated():
    """A solved-looking reference of 9 frames, calibrated closed-loop against a depth map 7 units deep."""
    rng = np.random.default_rng(4)
    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, :3, 3] = np.cumsum(rng.normal([0.02, -0.01, 0.05], 0.005, (9, 3)), axis=0)
    path = Trajectory(poses, np.array([43.2, 43.2, 24, 16]), np.arange(9) / 16, 48, 32)
    reference = Shot("reference", 16.0, path, np.linspace(1, 0.8, 9), unit="unit-depth")
    depth = np.full((32, 48), 7.0)
    depth[:, 30:] = 4.0
    anchor = path.view(0)
    found = calibrate(reference, DepthMapSource(depth, anchor), anchor, unit="m", metres_per_unit=1.0)
    np.testing.assert_allclose(found.shot.parallax_number, reference.parallax_number, rtol=1e-9)
    return found.shot, (depth / found.shot.median_depth[0]).astype(np.float32)


def workers(backend) -> list[int]:
    children = Path(f"/proc/{backend.process.pid}/task/{backend.process.pid}/children")
    if not children.exists():
        return []
    return [
        int(child)
        for child in children.read_text().split()
        if b"parascale.service.worker" in Path(f"/proc/{child}/cmdline").read_bytes()
    ]


@pytest.mark.parametrize("name", NAMES)
def test_a_calibrated_shot_comes_back_as_a_video(name, do, ask, calibrated) -> None:
    shot, depth = calibrated
    units = {} if name == "wan-vace" else {"units_per_depth": 0.0}
    request = dataclasses.replace(ask(name, shot=to_unit_depth(shot), **units), depth_map=depth)
    result = do(request)
    assert not isinstance(result, str), result
    assert read_video(result.files["video"], 99).shape == (9, 32, 48, 3)
    assert result.summary["frames"] == 9
    assert result.summary["seed"] == 7
    if name == "recammaster":
        assert result.summary["units_per_depth"] == pytest.approx(shot.median_depth[0])


def test_the_training_free_baseline_takes_the_motion_of_a_clip(do, ask, texture, tmp_path) -> None:
    wide = texture(80, 32)
    with VideoWriter(tmp_path / "clip.mp4", 48, 32, 16.0) as clip:
        for frame in range(9):
            clip.write(np.ascontiguousarray(wide[:, 2 * frame : 2 * frame + 48]))
    result = do(ask("motionmaster", source_video=str(tmp_path / "clip.mp4")))
    assert not isinstance(result, str), result
    assert read_video(result.files["video"], 99).shape == (9, 32, 48, 3)


def test_the_worker_lives_through_all_that_can_be_wrong(do, ask, backend, tiny_models, tmp_path) -> None:
    import torch

    assert not isinstance(do(ask("wan-fun-camera")), str)
    before = workers(backend)
    cut = tmp_path / "cut"
    cut.mkdir()
    for path in tiny_models.fun.iterdir():
        (cut / path.name).write_bytes(path.read_bytes()[:-64] if path.suffix == ".safetensors" else path.read_bytes())
    huge = ask("wan-fun-camera", frames=401, width=4096, height=4096, long_side=4096)
    huge = dataclasses.replace(huge, image=huge.image[:16, :16], depth_map=None)
    wrong = {
        "run `parascale weights fetch wan-fun-camera-14B`": ask("wan-fun-camera", weights="", model="14B"),
        "it is a Control or an InP model, not Control-Camera": ask("wan-fun-camera", weights=str(tiny_models.control)),
        "fetch the weights again": ask("wan-fun-camera", weights=str(cut)),
        "GB, this processor's memory has": huge,
        "parameter steps is 0": ask("wan-fun-camera", steps=0),
    }
    if not torch.cuda.is_available() and not torch.backends.mps.is_available():
        wrong["needs a GPU and torch"] = ask("wan-fun-camera", device="auto")
    for said, request in wrong.items():
        told = do(request)
        assert isinstance(told, str)
        assert said in told
        assert "\n" not in told
    assert not isinstance(do(ask("wan-fun-camera")), str)
    assert workers(backend) == before


@pytest.fixture
def long_request(ask):
    """Half a minute of work, unless it is stopped."""
    return ask("wan-fun-camera", steps=200, frames=81, width=96, height=64)


def test_cancelling_a_job_stops_it_between_steps(client, long_request) -> None:
    job, phases = client.submit(long_request), []
    with pytest.raises(Cancelled):
        client.wait(job, lambda fraction, phase: phases.append(phase), lambda: phases[-1].startswith("step"))
    assert client.status(job).state == "cancelled"
    assert "decoding the video" not in phases


def test_a_client_sees_the_video_as_it_comes_into_being(client, long_request) -> None:
    job, sketches = client.submit(long_request), []
    with pytest.raises(Cancelled):
        client.wait(job, lambda fraction, phase: sketches.append(client.status(job).sketch), lambda: any(sketches))
    with Image.open(BytesIO(b64decode(next(filter(None, reversed(sketches)))))) as picture:
        assert picture.size == (12, 8)
    assert client.status(job).sketch == ""


def test_a_backend_describes_the_generators_it_has(client) -> None:
    from parascale.generators import GENERATORS

    told = {info.name: info for info in client.hello().generators}
    assert set(told) == set(GENERATORS)
    for name, generator in GENERATORS.items():
        assert told[name].parameters == generator.describe()
        assert told[name].scale_class == generator.scale_class
        assert told[name].trained == generator.trained
