"""A shot of any length and rate comes back as long as it was, at a rate the model knows."""

import dataclasses

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.generators import GENERATORS
from parascale.generators.pieces import split_shot
from parascale.link.messages import Trained
from parascale.link.parameters import resolve_parameters
from parascale.media.frames import open_frames
from parascale.media.video_file import read_video
from parascale.parallax.shot import Shot
from parascale.retime import fit_to_training

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")


def dolly(frames: int, fps: float, travel: float = 0.4, size: tuple[int, int] = (48, 32)) -> Shot:
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, 2, 3] = np.linspace(0, travel, frames)
    width, height = size
    intrinsics = np.array([0.9 * width, 0.9 * width, width / 2, height / 2])
    path = Trajectory(poses, intrinsics, np.arange(frames) / fps, width, height)
    return Shot("dolly", fps, path, 1 - poses[:, 2, 3], unit="unit-depth")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(GENERATORS) - {"comfyui"}))
def test_240_frames_at_24_come_back_as_ten_seconds(name, ask, tmp_path, source_film_of_ten_seconds) -> None:
    size = (64, 64) if name in ("sana-wm", "ltx") else (48, 32)  # their VAE takes no less
    generator, shot = GENERATORS[name], dolly(240, 24.0, size=size)
    sources = {"source_video": str(source_film_of_ten_seconds)} if name in ("recammaster", "motionmaster") else {}
    request = ask("wan-fun-camera" if name == "preview" else name, shot=shot, width=size[0], height=size[1], **sources)
    if name == "preview":
        request = dataclasses.replace(request, generator="preview", parameters={})
    trained = generator.trained_at(resolve_parameters(generator.describe(), request.parameters))
    fitted = fit_to_training(shot, trained.fps, 0 if trained.splits else trained.best_frames)
    result = generator.generate(dataclasses.replace(request, shot=fitted), tmp_path)
    info = open_frames(result.files["video"]).info
    assert len(read_video(result.files["video"], 999)) == result.summary["frames"] == len(fitted)
    assert info.fps == pytest.approx(fitted.fps, rel=1e-3)
    assert (len(fitted) - 1) / info.fps == pytest.approx(239 / 24, abs=1.01 / info.fps)
    if trained.splits:
        assert info.fps == pytest.approx(trained.fps)
        parts = int(np.ceil((len(fitted) - 1) / (trained.best_frames - 1)))
        said = " ".join(result.summary["warnings"])
        assert (f"were made in {parts} parts of at most {trained.best_frames}" in said) == (parts > 1)


@pytest.fixture
def source_film_of_ten_seconds(texture, tmp_path):
    from parascale.media.video_writer import VideoWriter

    wide = texture(80, 32)
    with VideoWriter(tmp_path / "ten.mp4", 48, 32, 30.0) as clip:
        for frame in range(300):
            clip.write(np.ascontiguousarray(wide[:, frame // 10 : frame // 10 + 48]))
    return tmp_path / "ten.mp4"


@pytest.mark.parametrize("frames", [1, 80, 81, 82, 160, 161, 162, 241, 1000])
def test_pieces_cover_the_shot_and_share_a_frame(frames) -> None:
    shot = dolly(frames, 16.0)
    trained = Trained(fps=16.0, frame_step=4, best_frames=81, splits=True)
    pieces = list(split_shot(shot, trained, 16, 48))
    assert sum(piece.frames for piece in pieces) - (len(pieces) - 1) == frames
    assert all(len(piece.path) % 4 == 1 and len(piece.path) <= 81 for piece in pieces)
    assert all(piece.frames > 30 for piece in pieces) or frames < 82
    start = 0
    for piece in pieces:
        first = shot.trajectory.camera_to_world[start]
        np.testing.assert_array_equal(piece.path.camera_to_world[0], first)
        assert piece.depth == pytest.approx(shot.median_depth[start])
        start += piece.frames - 1


@pytest.mark.slow
def test_a_piece_begins_with_the_last_frame_of_the_one_before_in_its_own_depths(ask, tmp_path, monkeypatch) -> None:
    """Half way the scene is half as deep, so the model's path is twice as long for the same centres."""
    from parascale.generators.diffusion.run import Run

    seen, denoise = [], Run.denoise

    def watch(self, pipeline, **inputs):
        seen.append((self.piece, inputs))
        return denoise(self, pipeline, **inputs)

    monkeypatch.setattr(Run, "denoise", watch)
    shot = dolly(161, 16.0, travel=0.5)
    shot = dataclasses.replace(shot, median_depth=np.linspace(1, 0.25, 161))
    result = GENERATORS["wan-fun-camera"].generate(ask("wan-fun-camera", shot=shot, units_per_depth=1.0), tmp_path)
    video = read_video(result.files["video"], 999).astype(int)
    (_, first), (piece, second) = seen
    picture = np.asarray(second["image"]).astype(int)
    assert np.abs(picture - video[80]).mean() < 6
    assert piece.depth == pytest.approx(0.625)
    near, far = (inputs["attention_kwargs"]["camera_latents"][0, :12, -1].abs().max() for inputs in (first, second))
    assert float(far / near) == pytest.approx(1 / 0.625, rel=1e-3)


def test_beyond_training_is_said_with_its_numbers() -> None:
    from parascale.generators.pieces import beyond_training

    trained = Trained(fps=16.0, best_frames=81, long_side=832)
    said = " ".join(beyond_training("x", dolly(120, 30.0), trained, 121, 1280))
    for number in ("16", "30", "81", "121", "832", "1280"):
        assert number in said
    assert beyond_training("x", dolly(81, 16.0), trained, 81, 832) == []


FITS = [
    (16, 0, 160, 16),
    (23.976, 0, 240, 24),
    (0, 0, 240, 24),
    (15, 81, 81, 80 / (239 / 24)),
    (8, 16, 16, 15 / (239 / 24)),
]


@pytest.mark.parametrize(("fps", "best", "frames", "rate"), FITS)
def test_a_shot_is_fitted_to_the_rate_and_length_of_training(fps, best, frames, rate) -> None:
    fitted = fit_to_training(dolly(240, 24.0), fps, best)
    assert len(fitted) == frames
    assert fitted.fps == pytest.approx(rate)
    np.testing.assert_allclose(fitted.trajectory.times, np.arange(frames) / rate, atol=1e-9)
