"""Real clips solved by a backend: the file goes over, the shot comes back, cancel works inside native code."""

from pathlib import Path

import cv2
import numpy as np
import OpenEXR
import pytest

from parascale.camera import Trajectory
from parascale.errors import Cancelled, InputError
from parascale.files.shot_file import read_shot
from parascale.link.client import Client
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.kinds.verify import VerifyRequest
from parascale.link.limits import LARGEST_SKETCH, SKETCH
from parascale.parallax.shot import Shot
from parascale.service.jobs import JobContext, run_job
from parascale.service.shot_pictures import write_track_picture

pytestmark = pytest.mark.slow

CLIP = "clips/street_walk_generated.mp4"


@pytest.mark.realdata
def test_a_clip_is_solved_by_a_backend(client: Client, testdata: Path, tmp_path: Path) -> None:
    job = client.submit(SolveRequest(testdata / CLIP, start=0, end=33))
    phases: set[str] = set()
    status = client.wait(job, lambda fraction, phase: phases.add(phase))
    assert (status.state, status.message) == ("done", "")
    assert len(phases) > 1
    result = client.fetch(job, tmp_path)
    shot = read_shot(result.files["shot"])
    assert len(shot) == result.summary["frames"] == 33
    assert shot.name == "street_walk_generated"
    assert shot.unit == "unit-depth"
    assert shot.median_depth[0] == 1.0
    assert np.isfinite(shot.trajectory.centres).all()


def test_a_folder_of_exr_frames_is_uploaded_and_solved(client: Client, tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    light = np.random.default_rng(2).random((60, 80, 3), np.float32).repeat(4, axis=0).repeat(4, axis=1)
    for number in range(1, 4):
        OpenEXR.File({"type": OpenEXR.scanlineimage}, {"RGB": light}).write(str(frames / f"frame.{number:04d}.exr"))
    job = client.submit(SolveRequest(frames, fps=12.5))
    status = client.wait(job)
    assert (status.state, status.message) == ("done", "")
    shot = read_shot(client.fetch(job, tmp_path / "solved").files["shot"])
    assert (len(shot), shot.motion_class, shot.trajectory.width, shot.fps) == (3, "static", 320, 12.5)
    assert shot.provenance["source"] == "frames"


def test_what_a_folder_is_refused_for_names_it_as_its_owner_does(client: Client, tmp_path: Path) -> None:
    folder = tmp_path / "two scenes"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for shot, size in enumerate((8, 20)):
        coarse = rng.integers(110 * shot, 110 * shot + 140, (240 // size + 1, 340 // size + 1, 3), np.uint8)
        wide = np.kron(coarse, np.ones((size, size, 1), np.uint8))
        for frame in range(6):
            picture = wide[:240, 2 * frame : 2 * frame + 320]
            cv2.imwrite(str(folder / f"inputs.{6 * shot + frame:04d}.png"), picture)
    status = client.wait(client.submit(SolveRequest(folder)))
    assert (status.state, status.message) == ("failed", "two scenes holds 2 shots")
    # Names that only begin like the store's folder stay.
    (folder / "inputs.0000.png").write_bytes(b"broken")
    status = client.wait(client.submit(SolveRequest(folder)))
    assert status.state == "failed"
    assert "inputs.0000.png" in status.message


def test_a_refused_clip_leaves_a_picture_of_where_it_breaks(tmp_path: Path) -> None:
    folder, results = tmp_path / "grey", tmp_path / "results"
    for each in (folder, results):
        each.mkdir()
    for frame in range(4):
        cv2.imwrite(str(folder / f"{frame:04d}.png"), np.full((270, 480, 3), 90, np.uint8))
    context = JobContext("grey", results, lambda fraction, phase: None, lambda: False)
    with pytest.raises(InputError, match="too little to follow"):
        run_job(SolveRequest(folder), context)
    assert [path.name for path in results.iterdir()] == [SKETCH]
    assert cv2.imread(str(results / SKETCH)).shape == (540 + 80, 960, 3)


def test_any_drawing_fits_into_what_is_sent_of_a_job(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (620, 960, 3), np.uint8)
    cv2.imwrite(str(tmp_path / "tracks.png"), noise)
    write_track_picture(tmp_path / "tracks.png", tmp_path / SKETCH)
    assert (tmp_path / SKETCH).stat().st_size <= LARGEST_SKETCH
    shape = cv2.imread(str(tmp_path / SKETCH)).shape
    assert shape[0] / shape[1] == pytest.approx(620 / 960, abs=0.02)


@pytest.mark.realdata
def test_a_solve_stops_when_cancelled(client: Client, testdata: Path) -> None:
    job = client.submit(SolveRequest(testdata / CLIP))
    fractions = [0.0]
    with pytest.raises(Cancelled):
        client.wait(job, lambda fraction, phase: fractions.append(fraction), lambda: fractions[-1] > 0.3)
    assert client.status(job).state == "cancelled"


def test_a_generated_video_is_verified_by_a_backend(client: Client, tmp_path: Path) -> None:
    width, height, frames = 416, 240, 25
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, 0, 3] = np.linspace(0, 0.3, frames)
    lens = np.array([400.0, 400.0, width / 2, height / 2])
    shot = Shot(
        "slide", 16.0, Trajectory(poses, lens, np.arange(frames) / 16, width, height), np.ones(frames), "unit-depth"
    )
    noise = np.random.default_rng(2).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    image = np.ascontiguousarray(noise.repeat(4, axis=0).repeat(4, axis=1))
    ramp = np.linspace(0.7, 1.6, height, dtype=np.float32)[::-1, None] + np.zeros((1, width), np.float32)
    made = client.submit(GenerationRequest(shot, "preview", image, np.ascontiguousarray(ramp)))
    assert client.wait(made).state == "done"
    video = client.fetch(made, tmp_path / "made").files["video"]
    job = client.submit(VerifyRequest(video, shot))
    status = client.wait(job)
    assert (status.state, status.message) == ("done", "")
    result = client.fetch(job, tmp_path / "verified")
    assert result.summary["frames"] == frames
    assert result.summary["rot_err"] < 0.5
    assert len(read_shot(result.files["shot"])) == frames
