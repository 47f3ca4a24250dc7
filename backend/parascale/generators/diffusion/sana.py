"""SANA-WM's pipeline as diffusers has it, with what a sketch needs."""

from diffusers import SanaWMPipeline
from torch import Tensor


class SanaCameraPipeline(SanaWMPipeline):
    """The pipeline, that also encodes a film."""

    def encode_film(self, film: Tensor) -> Tensor:
        """Encode a film of one frame (1, 3, 1, H, W), -1 .. 1, to latents as they are denoised."""
        latents: Tensor = self._encode_first_frame(film[:, :, 0], self._execution_device, self.vae.dtype)
        return latents
