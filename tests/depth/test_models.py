"""Tiny models of every family through the estimator, held against the library's own preparation."""

import json
import sys
from pathlib import Path

import huggingface_hub
import numpy as np
import pytest
import torch
from transformers import AutoModelForDepthEstimation
from transformers.models.dpt.image_processing_pil_dpt import DPTImageProcessorPil
from transformers.models.zoedepth.image_processing_pil_zoedepth import ZoeDepthImageProcessorPil

from parascale.depth.models import load_estimator
from parascale.errors import InputError
from parascale.weights.catalogue import DEPTH_MODELS, find_weights
from parascale.weights.hub import locate

KINDS = {
    "depth-anything-relative": "relative",
    "depth-anything-metric": "metric",
    "depth-pro": "metric",
    "zoedepth": "metric",
}


def resized(values: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
    return torch.nn.functional.interpolate(values.reshape(1, 1, *values.shape[-2:]), size, mode="bilinear")[0, 0]


@pytest.mark.parametrize("name", KINDS)
def test_every_family_gives_the_depth_of_every_pixel(models, picture, name) -> None:
    estimate = load_estimator(str(models[name])).estimate(picture)
    assert estimate.values.shape == picture.shape[:2]
    assert estimate.values.dtype == np.float32
    assert estimate.kind == KINDS[name]
    assert 0 < estimate.uncertainty < 1
    # Of the model itself, not of the 8-bit picture its pipeline draws.
    assert len(np.unique(estimate.values)) > 1000
    assert np.isfinite(estimate.depth_map()).any()


@pytest.mark.parametrize("name", ["depth-anything-relative", "depth-anything-metric"])
def test_depth_anything_is_fed_as_its_own_library_feeds_it(models, picture, name) -> None:
    processor = DPTImageProcessorPil.from_pretrained(models[name])
    model = AutoModelForDepthEstimation.from_pretrained(models[name]).eval()
    with torch.inference_mode():
        predicted = model(**processor(picture, return_tensors="pt")).predicted_depth
    expected = resized(predicted, picture.shape[:2]).numpy()
    estimate = load_estimator(str(models[name])).estimate(picture)
    # The library rounds the resized picture to 8 bits, which is half a step of 255.
    np.testing.assert_allclose(estimate.values, expected, atol=0.02 * np.ptp(expected))


def test_zoedepth_is_fed_as_its_own_library_feeds_it(models, picture) -> None:
    processor = ZoeDepthImageProcessorPil.from_pretrained(models["zoedepth"])
    model = AutoModelForDepthEstimation.from_pretrained(models["zoedepth"]).eval()
    with torch.inference_mode():
        predicted = model(**processor(picture, return_tensors="pt")).predicted_depth
    # 60 rows get int(3 sqrt(60 / 2)) = 16 more on each side, 100 columns 21.
    expected = resized(predicted, (60 + 2 * 16, 100 + 2 * 21))[16:-16, 21:-21].numpy()
    estimate = load_estimator(str(models["zoedepth"])).estimate(picture)
    np.testing.assert_allclose(estimate.values, expected, atol=0.02 * np.ptp(expected))


def test_depth_pro_gives_metres_and_the_lens(models, picture) -> None:
    model = AutoModelForDepthEstimation.from_pretrained(models["depth-pro"]).eval()
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None] / 127.5 - 1
    with torch.inference_mode():
        fed = torch.nn.functional.interpolate(pixels, (128, 128), mode="bilinear")
        out = model(pixel_values=fed)
    (degrees,) = out.field_of_view.tolist()
    focal = 50 / np.tan(np.radians(degrees / 2))
    # Its output is inverse depth as a lens of one picture width would see it.
    expected = 1 / resized(out.predicted_depth * 100 / focal, (60, 100)).numpy()
    estimate = load_estimator(str(models["depth-pro"])).estimate(picture)
    np.testing.assert_allclose(estimate.intrinsics, [focal, focal, 50, 30], rtol=1e-6)
    np.testing.assert_allclose(estimate.values, expected, rtol=1e-3)


def test_the_same_picture_gives_the_same_depth(models, picture) -> None:
    first, second = (load_estimator(str(models["zoedepth"])).estimate(picture).values for _ in range(2))
    np.testing.assert_array_equal(first, second)


@pytest.mark.parametrize("size", [(7, 5), (31, 400), (480, 832)])
def test_pictures_of_any_size_serve(models, size) -> None:
    image = np.random.default_rng(3).integers(0, 256, (*size, 3), np.uint8)
    assert load_estimator(str(models["depth-anything-metric"])).estimate(image).values.shape == size
    assert load_estimator(str(models["zoedepth"])).estimate(image).values.shape == size


def test_a_folder_without_a_model_says_what_is_needed(tmp_path) -> None:
    with pytest.raises(InputError, match=r"holds no depth model: a config\.json .* is needed, or MoGe's model\.pt"):
        load_estimator(str(tmp_path))


def test_another_kind_of_model_is_named(tmp_path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    with pytest.raises(InputError, match="the kind 'bert', which is no depth model we know: depth_anything"):
        load_estimator(str(tmp_path))


def test_weights_that_are_broken_are_one_sentence(models, tmp_path) -> None:
    for path in models["zoedepth"].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match="cannot be read: ") as caught:
        load_estimator(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_missing_library_is_named(models, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(InputError, match="the depth model needs torch") as caught:
        load_estimator(str(models["zoedepth"]))
    assert (caught.value.notice.remedy, caught.value.notice.choices) == ("extra", ("depth",))


def test_moge_without_its_package_is_one_sentence(tmp_path, monkeypatch) -> None:
    (tmp_path / "model.pt").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "moge", None)
    with pytest.raises(InputError, match="this depth model needs moge"):
        load_estimator(str(tmp_path))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache of the hub's client."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("model", DEPTH_MODELS)
def test_weights_that_are_not_here_come_with_the_name_that_gets_them(hub, model) -> None:
    for name in (model, find_weights(model).repository):
        with pytest.raises(InputError, match="not on this machine") as caught:
            locate(name)
        assert (caught.value.notice.remedy, caught.value.notice.choices) == ("weights", (model,))


def test_another_id_of_the_hub_is_its_own_name(hub) -> None:
    with pytest.raises(InputError, match="not on this machine") as caught:
        locate("someone/depth")
    assert (caught.value.notice.remedy, caught.value.notice.choices) == ("weights", ("someone/depth",))


def test_weights_that_were_fetched_are_found(hub) -> None:
    folder = hub / "models--apple--DepthPro-hf"
    (folder / "refs").mkdir(parents=True)
    (folder / "refs" / "main").write_text("0" * 40)
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True)
    (snapshot / "config.json").write_text("{}")
    assert locate("depth-pro") == locate("apple/DepthPro-hf") == snapshot


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "a/b/c"])
def test_a_folder_that_is_not_there_is_one_sentence(hub, name) -> None:
    with pytest.raises(InputError, match="is neither a folder on this machine nor OWNER/NAME on the hub"):
        locate(name)


def test_an_unknown_name_is_answered_with_the_known_ones(hub) -> None:
    with pytest.raises(InputError, match="no depth model 'deepdepth': take one of depth-anything-v2-small"):
        load_estimator("deepdepth")
