"""Depth models of the library transformers: Depth Anything (and DPT), Depth Pro, ZoeDepth.

Pictures are prepared here, as each model's ``preprocessor_config.json`` says: the library's own way needs torchvision
for two of the three. Depth is the ``predicted_depth``, never the 8-bit picture its pipeline makes.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForDepthEstimation
from transformers.utils import logging

from parascale.depth.estimate import Estimate
from parascale.errors import InputError

T = TypeVar("T")

FAMILIES = ("depth_anything", "dpt", "depth_pro", "zoedepth")

# ZoeDepth mirrors the border of a picture outwards, to keep its depth from bending there: by 3 sqrt(length / 2).
_ZOE_PADDING = 3
# PIL's numbers for ways to resample.
_MODES = {0: "nearest-exact", 2: "bilinear", 3: "bicubic"}
_MULTIPLES = {"depth_anything": 14, "dpt": 1, "zoedepth": 32}
_IMAGENET = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_HALF = ([0.5] * 3, [0.5] * 3)


class TransformersEstimator:
    """A depth model of one of `FAMILIES` from a folder of weights; see `parascale.depth.estimate.Estimator`.

    The folder holds ``config.json``, ``preprocessor_config.json`` and ``model.safetensors``.

    Raises
    ------
    InputError
        If the folder cannot be read.
    """

    def __init__(self, name: str, folder: Path, family: str) -> None:
        logging.disable_progress_bar()  # of reading a file: the terminal shows the job's own
        self.name = name
        self._family = family
        self._device = _select_device()
        try:
            self._preparation: Mapping[str, object] = json.loads((folder / "preprocessor_config.json").read_text())
            model = AutoModelForDepthEstimation.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, dtype=torch.float32
            )
        except Exception as error:  # the library raises whatever its parts raise
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"the depth model in {folder} cannot be read: {reason}") from error
        self._model = model.to(self._device).eval()

    def estimate(self, image: NDArray[np.uint8]) -> Estimate:
        """See `parascale.depth.estimate.Estimator`."""
        height, width = image.shape[:2]
        with torch.inference_mode():
            pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).permute(2, 0, 1)[None].float()
            predicted = self._model(pixel_values=self._prepared(pixels * self._setting("rescale_factor", 1 / 255)))
            values = predicted.predicted_depth.reshape(1, 1, *predicted.predicted_depth.shape[-2:]).float()
            padding = self._padding(height, width)
            size = (height + 2 * padding[0], width + 2 * padding[1])
            values = functional.interpolate(values, size, mode="bilinear", align_corners=False)
            values = values[0, 0, padding[0] : padding[0] + height, padding[1] : padding[1] + width]
            seen = values.cpu().numpy()
        if self._family == "depth_pro":
            return _depth_pro(seen, getattr(predicted, "field_of_view", None))
        stated = getattr(self._model.config, "depth_estimation_type", "relative")
        metric = self._family == "zoedepth" or stated == "metric"
        return Estimate(seen.astype(np.float32), "metric" if metric else "relative")

    def _setting(self, name: str, default: T) -> T:
        value = self._preparation.get(name)
        return default if value is None else cast("T", value)

    def _padding(self, height: int, width: int) -> tuple[int, int]:
        if self._family != "zoedepth" or not self._setting("do_pad", True):
            return 0, 0
        down, across = (int(math.sqrt(length / 2) * _ZOE_PADDING) for length in (height, width))
        return min(down, height - 1), min(across, width - 1)

    def _prepared(self, pixels: Tensor) -> Tensor:
        """Pad, resize and normalise a picture (1, 3, h, w) of values 0 .. 1."""
        zoe, pro = self._family == "zoedepth", self._family == "depth_pro"
        down, across = self._padding(*pixels.shape[-2:])
        if down or across:
            pixels = functional.pad(pixels, (across, across, down, down), mode="reflect")
        mode = _MODES.get(self._setting("resample", 3 if not (zoe or pro) else 2), "bilinear")
        size = self._input_size(*pixels.shape[-2:])
        if mode == "nearest-exact":
            pixels = functional.interpolate(pixels, size, mode=mode)
        else:
            # What the weights were trained with: ZoeDepth aligns corners, Depth Pro takes single samples.
            pixels = functional.interpolate(pixels, size, mode=mode, align_corners=zoe, antialias=not (zoe or pro))
        # Cubic sampling overshoots, which pictures of 8 bits do not.
        pixels = pixels.clamp(0, 1)
        mean, deviation = _HALF if pro or zoe else _IMAGENET
        mean, deviation = self._setting("image_mean", mean), self._setting("image_std", deviation)
        shaped = [torch.tensor(values, device=pixels.device).reshape(1, 3, 1, 1) for values in (mean, deviation)]
        return (pixels - shaped[0]) / shaped[1]

    def _input_size(self, height: int, width: int) -> tuple[int, int]:
        """Size the model is given a picture at; see the library's DPT image processor."""
        size = self._setting("size", {"height": 1536, "width": 1536})
        down, across = size["height"] / height, size["width"] / width
        if self._family == "depth_pro" or not self._setting("do_resize", True):
            return (size["height"], size["width"]) if self._family == "depth_pro" else (height, width)
        if self._setting("keep_aspect_ratio", False):
            # As little as possible: along the side whose scale is closer to 1.
            down = across = across if abs(1 - across) < abs(1 - down) else down
        step = self._setting("ensure_multiple_of", _MULTIPLES[self._family])
        rows, columns = (
            max(round(scale * length / step), 1) * step for scale, length in ((down, height), (across, width))
        )
        return int(rows), int(columns)


def _depth_pro(canonical: NDArray[np.float32], field_of_view: Tensor | None) -> Estimate:
    """Depth Pro predicts inverse depth for a focal length of one picture width, and the field of view beside it."""
    height, width = canonical.shape
    inverse = np.clip(canonical, 1e-4, 1e4)
    if field_of_view is None:
        return Estimate((1 / inverse).astype(np.float32), "scaleless")
    angle = math.radians(float(field_of_view.reshape(-1)[0]))
    if not 0 < angle < math.pi:
        raise InputError("the depth model finds no field of view in this picture: try another model")
    focal = 0.5 * width / math.tan(angle / 2)
    depth = 1 / np.clip(canonical * (width / focal), 1e-4, 1e4)
    return Estimate(depth.astype(np.float32), "metric", np.array([focal, focal, width / 2, height / 2]))


def _select_device() -> str:
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"
