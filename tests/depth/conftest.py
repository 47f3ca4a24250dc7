"""Tiny depth models of every family, with random weights, in the layout they are published in."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers

# Of the published preprocessor_config.json, but for the size.
_PREPARATION = {
    "depth-anything": {
        "do_resize": True,
        "size": {"height": 70, "width": 70},
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 14,
        "resample": 3,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "image_processor_type": "DPTImageProcessor",
    },
    "depth-pro": {
        "do_resize": True,
        "size": {"height": 128, "width": 128},
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "image_processor_type": "DepthProImageProcessorFast",
    },
    "zoedepth": {
        "do_resize": True,
        "size": {"height": 64, "width": 96},
        "keep_aspect_ratio": True,
        "ensure_multiple_of": 32,
        "do_pad": True,
        "resample": 2,
        "do_rescale": True,
        "rescale_factor": 1 / 255,
        "do_normalize": True,
        "image_mean": [0.5, 0.5, 0.5],
        "image_std": [0.5, 0.5, 0.5],
        "image_processor_type": "ZoeDepthImageProcessor",
    },
}


def _depth_anything(kind: str) -> transformers.PreTrainedModel:
    backbone = transformers.Dinov2Config(
        image_size=70,
        patch_size=14,
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        reshape_hidden_states=False,
    )
    config = transformers.DepthAnythingConfig(
        backbone_config=backbone,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=8,
        depth_estimation_type=kind,
        max_depth=20 if kind == "metric" else 1,
    )
    return transformers.DepthAnythingForDepthEstimation(config)


def _depth_pro() -> transformers.PreTrainedModel:
    vit = {
        "model_type": "dinov2",
        "image_size": 32,
        "patch_size": 8,
        "hidden_size": 16,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
    }
    config = transformers.DepthProConfig(
        patch_size=32,
        fusion_hidden_size=8,
        intermediate_hook_ids=[2, 1],
        intermediate_feature_dims=[8, 8],
        scaled_images_ratios=[0.25, 0.5, 1],
        scaled_images_overlap_ratios=[0.0, 0.5, 0.25],
        scaled_images_feature_dims=[8, 8, 8],
        merge_padding_value=1,
        use_fov_model=True,
        image_model_config=vit,
        patch_model_config=vit,
        fov_model_config=vit,
    )
    return transformers.DepthProForDepthEstimation(config)


def _zoedepth() -> transformers.PreTrainedModel:
    backbone = transformers.BeitConfig(
        image_size=64,
        patch_size=16,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=4,
        num_attention_heads=2,
        use_relative_position_bias=True,
        reshape_hidden_states=False,
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    config = transformers.ZoeDepthConfig(
        backbone_config=backbone,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=16,
        bottleneck_features=16,
        num_attractors=[4, 4, 4, 1],
        bin_embedding_dim=8,
        num_relative_features=8,
        bin_configurations=[{"name": "nyu", "n_bins": 8, "min_depth": 1e-3, "max_depth": 10.0}],
    )
    return transformers.ZoeDepthForDepthEstimation(config)


MODELS: dict[str, Callable[[], transformers.PreTrainedModel]] = {
    "depth-anything-relative": lambda: _depth_anything("relative"),
    "depth-anything-metric": lambda: _depth_anything("metric"),
    "depth-pro": _depth_pro,
    "zoedepth": _zoedepth,
}


def shuffled(model: transformers.PreTrainedModel) -> transformers.PreTrainedModel:
    """Spread the weights, so that the depth is no constant, and put its middle, and the field of view, at 1 and 60."""
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if weight.ndim > 1:
                torch.nn.init.xavier_normal_(weight)
            elif name in ("head.conv3.bias", "head.layers.4.bias"):
                weight.fill_(1.0)
            elif name == "fov_model.head.layers.4.bias":
                weight.fill_(60.0)
    return model


def write_models(folder: Path) -> dict[str, Path]:
    """Write every model into a folder of its own, by family."""
    folders = {}
    for name, build in MODELS.items():
        torch.manual_seed(7)
        folders[name] = folder / name
        shuffled(build()).save_pretrained(folders[name])
        family = next(key for key in _PREPARATION if name.startswith(key))
        (folders[name] / "preprocessor_config.json").write_text(json.dumps(_PREPARATION[family]))
    return folders


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of weights by family."""
    return write_models(tmp_path_factory.mktemp("weights"))


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def parascale(tmp_path: Path) -> Run:
    """Run the console script as a user does, in a folder of the test's own."""

    def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "parascale.cli", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=tmp_path)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def picture() -> np.ndarray:
    """A smooth coloured picture, 100x60."""
    y, x = np.mgrid[0:60, 0:100]
    channels = [np.sin(x / 17 + y / 11), np.cos(x / 9 - y / 23), np.sin(x * y / 600)]
    return np.rint(127.5 + 120 * np.stack(channels, axis=-1)).astype(np.uint8)
