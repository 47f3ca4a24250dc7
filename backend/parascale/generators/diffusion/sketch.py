"""What a video looks like while it is denoised: a guess at the latents without their noise, as colours."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

# Pixels along the longer side of a sketch.
LONGEST = 96
# Keeps the fit from following the noise of the picture where there are few pixels.
_RIDGE = 1e-3


class Sketch:
    """An affine map from a latent pixel to a colour, fitted to a picture and its own latents.

    So every model's latents can be looked at, without its decoder and without numbers learnt elsewhere.

    Parameters
    ----------
    latent : (C, h, w) Tensor
        Of the picture, as the model denoises them.
    picture : (H, W, 3) uint8
    """

    def __init__(self, latent: Tensor, picture: NDArray[np.uint8]) -> None:
        channels, rows, columns = latent.shape
        small = Image.fromarray(picture).resize((columns, rows), Image.Resampling.BOX)
        colours = torch.from_numpy(np.array(small)).reshape(-1, 3).double() / 255
        pixels = _with_one(latent.detach().double().cpu().reshape(channels, -1).T)
        square = pixels.T @ pixels + _RIDGE * len(pixels) * torch.eye(channels + 1, dtype=torch.float64)
        self._map = torch.linalg.solve(square, pixels.T @ colours)
        self._before: tuple[Tensor, float] | None = None

    def step(self, latents: Tensor, sigma: float) -> Tensor | None:
        """Guess latents without noise, from those of two steps.

        Flow matching moves along x = (1 - sigma) x0 + sigma noise, so x0 = x - sigma dx / dsigma.

        Parameters
        ----------
        latents : (1, C, F, h, w) Tensor
            After a step.
        sigma : float
            The noise that is left in them.

        Returns
        -------
        (C, F, h, w) Tensor or None
            None at the first step.
        """
        now = latents[0].detach().float().cpu()
        before, self._before = self._before, (now, sigma)
        if before is None or before[1] == sigma:
            return None
        return now - sigma * (now - before[0]) / (sigma - before[1])

    def draw(self, latent: Tensor) -> NDArray[np.uint8]:
        """Turn the latents of a frame, (C, h, w), into a picture (h, w, 3) uint8."""
        channels, rows, columns = latent.shape
        colours = _with_one(latent.double().cpu().reshape(channels, -1).T) @ self._map
        shown: NDArray[np.uint8] = (colours.clamp(0, 1) * 255).round().byte().reshape(rows, columns, 3).numpy()
        return shown

    def show(self, latents: Tensor, sigma: float, path: Path) -> None:
        """Take a step, and write the frame in the middle of the video as it looks now."""
        guessed = self.step(latents, sigma)
        if guessed is None:
            return
        picture = Image.fromarray(self.draw(guessed[:, guessed.shape[1] // 2]))
        picture.thumbnail((LONGEST, LONGEST))
        picture.save(path, format="PNG")


def _with_one(pixels: Tensor) -> Tensor:
    return torch.cat([pixels, torch.ones(len(pixels), 1, dtype=pixels.dtype)], dim=1)
