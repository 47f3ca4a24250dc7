"""MoGe-2, where its own package is installed: metric depth, a mask of what has a surface, and the lens."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from parascale.depth.estimate import Estimate
from parascale.errors import InputError


class MogeEstimator:
    """MoGe-2 from a folder that holds ``model.pt``; see `parascale.depth.estimate.Estimator`.

    Raises
    ------
    InputError
        Where the package moge is missing, or the weights cannot be read.
    """

    def __init__(self, name: str, folder: Path) -> None:
        try:
            from moge.model.v2 import MoGeModel
        except ImportError as error:
            raise InputError(
                f"this depth model needs {error.name}: pip install git+https://github.com/microsoft/MoGe.git"
            ) from error
        self.name = name
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        try:
            self._model = MoGeModel.from_pretrained(folder / "model.pt").to(self._device).eval()
        except Exception as error:  # a checkpoint breaks in as many ways as torch can read one
            reason = (str(error).splitlines() or [type(error).__name__])[0]
            raise InputError(f"the depth model in {folder} cannot be read: {reason}") from error

    def estimate(self, image: NDArray[np.uint8]) -> Estimate:
        """See `parascale.depth.estimate.Estimator`."""
        height, width = image.shape[:2]
        pixels = torch.from_numpy(np.ascontiguousarray(image)).to(self._device).permute(2, 0, 1).float() / 255
        found = self._model.infer(pixels, use_fp16=self._device == "cuda")
        depth = found["depth"].float().cpu().numpy().astype(np.float32)
        lens = found["intrinsics"].float().cpu().numpy().astype(np.float64)
        # Its intrinsics count in widths and heights of the picture.
        intrinsics = np.array([lens[0, 0] * width, lens[1, 1] * height, lens[0, 2] * width, lens[1, 2] * height])
        return Estimate(depth, "metric", intrinsics)
