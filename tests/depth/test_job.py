"""The depth job: by itself, by a backend, and by the command."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from parascale.depth.models import load_estimator
from parascale.depth.reference_depth import with_model_depth
from parascale.errors import Cancelled, InputError
from parascale.files.shot_file import read_shot
from parascale.link.client import Client
from parascale.link.kinds.depth import DepthRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.local import start_backend
from parascale.link.request import JobResult
from parascale.service.jobs import JobContext, run_job
from parascale.types import CancelCheck, Progress

FAMILIES = ["depth-anything-relative", "depth-anything-metric", "depth-pro", "zoedepth"]


def estimate_depth(
    request: DepthRequest,
    folder: Path,
    progress: Progress = lambda _fraction, _phase: None,
    cancelled: CancelCheck = lambda: False,
) -> JobResult:
    """Run the job here, without a backend."""
    return run_job(request, JobContext("photo", folder, progress, cancelled))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("home")))
        backend = start_backend(state=tmp_path_factory.mktemp("backend") / "state")
        try:
            with backend.connect() as client:
                yield client
        finally:
            backend.stop()


def test_a_job_leaves_the_map_and_what_to_know_of_it(models, picture, tmp_path) -> None:
    told: list[tuple[float, str]] = []
    request = DepthRequest(picture, str(models["depth-pro"]))
    result = estimate_depth(request, tmp_path, lambda *step: told.append(step))
    depth = np.load(result.files["depth_map"], allow_pickle=False)
    assert depth.shape == (60, 100)
    assert depth.dtype == np.float32
    assert (depth > 0).all()
    facts = result.summary
    assert facts["kind"] == "metric"
    assert facts["percentiles"] == {
        name: pytest.approx(float(np.percentile(depth, int(name)))) for name in ("10", "50", "90")
    }
    assert facts["surface_share"] == 1.0
    assert facts["intrinsics"] == pytest.approx([86.602540, 86.602540, 50, 30])
    assert facts["uncertainty"] == 0.1
    assert [phase for _, phase in told] == ["Loading the depth model", "Estimating depth", "Writing the depth map"]
    json.dumps(facts, allow_nan=False)


def test_a_relative_map_has_its_median_at_one(models, picture, tmp_path) -> None:
    result = estimate_depth(DepthRequest(picture, str(models["depth-anything-relative"])), tmp_path)
    assert result.summary["percentiles"]["50"] == pytest.approx(1.0)
    assert result.summary["kind"] == "relative"
    assert result.summary["intrinsics"] is None


def test_cancelling_leaves_nothing_behind(models, picture, tmp_path) -> None:
    asked: list[bool] = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 1

    with pytest.raises(Cancelled):
        estimate_depth(DepthRequest(picture, str(models["zoedepth"])), tmp_path, cancelled=cancelled)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("image", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)])
def test_what_is_no_picture_is_refused(image: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"the image is .* where uint8 \(H, W, 3\) is needed"):
        DepthRequest(image, "zoedepth")


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_a_backend_estimates_by_every_family(client, models, picture, tmp_path, family) -> None:
    job = client.submit(DepthRequest(picture, str(models[family])))
    told: list[float] = []
    status = client.wait(job, lambda share, _: told.append(share))
    assert (status.state, status.message) == ("done", "")
    fetched = client.fetch(job, tmp_path)
    here = estimate_depth(DepthRequest(picture, str(models[family])), tmp_path)
    there = np.load(fetched.files["depth_map"], allow_pickle=False)
    np.testing.assert_allclose(there, np.load(here.files["depth_map"]), rtol=1e-4)
    assert fetched.summary["kind"] == here.summary["kind"]


@pytest.mark.slow
def test_a_backend_without_the_weights_says_how_to_get_them(client, picture) -> None:
    status = client.wait(client.submit(DepthRequest(picture, "depth-anything-v2-small")))
    if status.state == "done":
        pytest.skip("these weights are on this machine")
    assert status.state == "failed"
    assert "are not on this machine" in status.message
    assert (status.remedy, status.choices) == ("weights", ("depth-anything-v2-small",))


@pytest.mark.realdata
@pytest.mark.slow
@pytest.mark.parametrize("family", ["depth-anything-relative", "depth-anything-metric"])
def test_a_backend_solves_a_clip_with_the_depth_of_a_model(client, models, testdata, tmp_path, family) -> None:
    clip = testdata / "clips/street_walk_generated.mp4"
    told: list[tuple[float, str]] = []
    shots = []
    for name, model in (("tracks", None), ("model", str(models[family]))):
        told.clear()
        job = client.submit(SolveRequest(clip, end=33, depth_model=model))
        status = client.wait(job, lambda *step: told.append(step))
        assert (status.state, status.message) == ("done", "")
        shots.append(read_shot(client.fetch(job, tmp_path / name).files["shot"]))
    shares, phases = zip(*told, strict=True)
    assert list(shares) == sorted(shares)
    assert "Estimating depth" in phases
    tracks, modelled = shots
    here = with_model_depth(tracks, clip, load_estimator(str(models[family])))
    assert modelled.median_depth[0] == 1.0
    np.testing.assert_allclose(modelled.median_depth, here.median_depth, rtol=1e-3)
    np.testing.assert_allclose(modelled.parallax_number, here.parallax_number, rtol=1e-3, atol=1e-6)
    assert modelled.provenance["depth_model"] == str(models[family])
    assert "depth_model" not in tracks.provenance
    assert not np.allclose(modelled.median_depth, tracks.median_depth, rtol=1e-2)


@pytest.mark.slow
def test_a_solve_without_the_weights_says_so_before_it_begins(client, tmp_path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"never read")
    status = client.wait(client.submit(SolveRequest(clip, depth_model="depth-pro")))
    if "no video" in status.message:
        pytest.skip("these weights are on this machine")
    assert status.state == "failed"
    assert "are not on this machine" in status.message
    assert (status.remedy, status.choices) == ("weights", ("depth-pro",))


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def photo(picture: np.ndarray, tmp_path: Path) -> Path:
    Image.fromarray(picture).save(tmp_path / "photo.png")
    return tmp_path / "photo.png"


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_the_command_writes_the_map(client, parascale: Run, models, photo: Path, family: str) -> None:
    out = photo.with_name("depth.npy")
    done = parascale("depth", photo, "--model", models[family], "-o", out, "--connect", client.address, "--json")
    facts = json.loads(done.stdout)
    assert facts["files"] == {"depth_map": str(out)}
    assert sorted(facts["percentiles"]) == ["10", "50", "90"]
    assert np.load(out).shape == (60, 100)
    assert ("unknown shift" in done.stderr) == (family == "depth-anything-relative")


@pytest.mark.slow
def test_the_command_starts_a_backend_and_refuses_in_one_sentence(parascale: Run, photo: Path, tmp_path: Path) -> None:
    done = parascale("depth", photo, "--model", tmp_path, "-o", tmp_path / "depth.npy", code=3)
    assert "holds no depth model" in done.stderr
    done = parascale("depth", photo, "--model", "zoedepth", "-o", tmp_path / "d.exr", code=3)
    assert done.stderr.endswith("the output must end in .npy\n")
    assert not list(tmp_path.glob("*.npy"))
