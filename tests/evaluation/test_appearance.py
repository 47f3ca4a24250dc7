"""FVD and CLIP-SIM: their formulas by hand, and both through tiny random networks in the files people have."""

import math
from pathlib import Path

import numpy as np
import pytest

from parascale.errors import InputError
from parascale.evaluation.appearance import (
    ABSENT,
    Networks,
    appearance_table,
    frechet_distance,
    load_clip,
    load_fvd_network,
    similarity_to_first,
)
from parascale.media.video_writer import VideoWriter

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")


class TinyI3D(torch.nn.Module):
    """Called as the I3D of FVD: mean and spread of every colour of a video."""

    def forward(
        self, videos: torch.Tensor, rescale: bool = False, resize: bool = False, return_features: bool = False
    ) -> torch.Tensor:
        scaled = videos / 127.5 - 1 if rescale else videos
        flat = scaled.flatten(2)
        return torch.cat([flat.mean(2), flat.std(2)], 1)


def write_video(path: Path, pictures: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with VideoWriter(path, pictures.shape[2], pictures.shape[1], 16) as writer:
        for picture in pictures:
            writer.write(picture)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return an evaluation's folder: three reference clips and three videos, the videos brighter by 40."""
    rng = np.random.default_rng(0)
    for number in range(3):
        still = np.repeat(rng.integers(40, 120 + 20 * number, (1, 48, 64, 3)), 12, axis=0).astype(np.uint8)
        write_video(tmp_path / "references" / f"room-{number}.mp4", still)
        write_video(tmp_path / "videos" / f"pair-{number}" / "result.mp4", still + 40)
        write_video(tmp_path / "videos" / f"pair-{number}" / "hole_mask.mp4", 0 * still)
    return tmp_path


@pytest.fixture
def i3d(tmp_path: Path) -> Path:
    path = tmp_path / "i3d.pt"
    torch.jit.script(TinyI3D()).save(str(path))
    return path


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModelWithProjection

    torch.manual_seed(0)
    config = CLIPVisionConfig(
        hidden_size=8, projection_dim=6, num_hidden_layers=2, num_attention_heads=2, image_size=32,
        intermediate_size=16, patch_size=8,
    )  # fmt: skip
    CLIPVisionModelWithProjection(config).save_pretrained(tmp_path / "clip")
    CLIPImageProcessor(crop_size=32, size={"shortest_edge": 32}).save_pretrained(tmp_path / "clip")
    return tmp_path / "clip"


def test_frechet_distance_of_normal_features_is_the_closed_form() -> None:
    # Two clouds with known mean and diagonal covariance: each axis holds its mean, less and more one deviation.
    base = np.array([[x, y] for x in (-1.0, 1.0) for y in (-1.0, 1.0)])
    first, second = base * [1, 2], base * [3, 1] + [4, 0]
    scale = 4 / 3  # of the unbiased covariance of four points
    expected = 16 + scale * ((3 - 1) ** 2 + (2 - 1) ** 2)
    assert frechet_distance(first, second) == pytest.approx(expected)
    assert frechet_distance(first, first) == pytest.approx(0, abs=1e-9)
    # Turned alike, both are as far apart.
    turn = np.array([[0.6, -0.8], [0.8, 0.6]])
    assert frechet_distance(first @ turn, second @ turn) == pytest.approx(expected)
    assert math.isnan(frechet_distance(first[:1], second))


def test_frechet_distance_agrees_with_the_root_of_the_product() -> None:
    from scipy.linalg import sqrtm

    rng = np.random.default_rng(1)
    first, second = rng.normal(size=(60, 5)), rng.normal(size=(40, 5)) @ rng.normal(size=(5, 5)) + 0.3
    a, b = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    means = first.mean(0) - second.mean(0)
    expected = means @ means + np.trace(a + b - 2 * np.real(sqrtm(a @ b)))
    assert frechet_distance(first, second) == pytest.approx(expected, rel=1e-6)


def test_similarity_is_the_mean_cosine_with_the_first() -> None:
    assert similarity_to_first(np.array([[2.0, 0], [5, 0], [0, 1], [-1, 0]])) == pytest.approx(0)
    assert similarity_to_first(np.array([[1.0, 1], [3, 3]])) == pytest.approx(1)


def test_table_says_absent_without_networks(folder: Path) -> None:
    table = appearance_table(folder, Networks())
    assert [row[2] for row in table.rows] == [ABSENT, ABSENT]
    assert table.rows[0][1] == "3"


def test_both_measures_go_through_the_networks_that_are_given(folder: Path, i3d: Path, clip: Path) -> None:
    (fvd, similarity) = (row[2] for row in appearance_table(folder, Networks(i3d, clip)).rows)
    # Each of three means is off by 40 levels of 127.5; the spreads are alike.
    assert fvd == pytest.approx(3 * (40 / 127.5) ** 2, rel=0.05)
    # Frames that stand still are all as the first.
    assert similarity == pytest.approx(1, abs=0.01)


def test_clip_tells_a_video_that_changes(tmp_path: Path, clip: Path) -> None:
    rng = np.random.default_rng(2)
    features = load_clip(clip)
    still = np.repeat(rng.integers(0, 256, (1, 48, 64, 3)), 4, axis=0).astype(np.uint8)
    changing = np.stack([np.full((48, 64, 3), shade, np.uint8) for shade in (0, 90, 180, 255)])
    assert similarity_to_first(features(changing)) < similarity_to_first(features(still)) - 1e-3


def test_files_that_are_no_networks_are_refused(tmp_path: Path, folder: Path, clip: Path) -> None:
    (tmp_path / "x.pt").write_bytes(b"none")
    with pytest.raises(InputError, match="not a TorchScript network"):
        load_fvd_network(tmp_path / "x.pt")
    torch.jit.script(torch.nn.Linear(3, 3)).save(str(tmp_path / "linear.pt"))
    with pytest.raises(InputError, match="not the I3D of FVD"):
        appearance_table(folder, Networks(fvd=tmp_path / "linear.pt"))
    with pytest.raises(InputError, match="no CLIP model"):
        load_clip(tmp_path / "references")
    weights = next(clip.glob("*.safetensors"))
    from safetensors.torch import load_file, save_file

    kept = load_file(weights)
    kept.pop("visual_projection.weight")
    save_file(kept, weights, {"format": "pt"})
    with pytest.raises(InputError, match=r"visual_projection\.weight is missing"):
        load_clip(clip)


def test_a_video_too_short_is_refused(tmp_path: Path, i3d: Path) -> None:
    short = np.zeros((4, 48, 64, 3), np.uint8)
    write_video(tmp_path / "videos" / "pair" / "result.mp4", short)
    write_video(tmp_path / "references" / "room.mp4", short)
    with pytest.raises(InputError, match="has 4 frames, and 10 are needed"):
        appearance_table(tmp_path, Networks(fvd=i3d))
