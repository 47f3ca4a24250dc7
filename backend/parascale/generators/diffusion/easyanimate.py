"""EasyAnimate's control pipeline as diffusers 0.42 has it, made to run."""

from diffusers import EasyAnimateControlPipeline
from torch import Tensor


class EasyAnimateCameraPipeline(EasyAnimateControlPipeline):
    """The control pipeline, whose call names an argument and a method that it does not have.

    Both are as in `diffusers.EasyAnimatePipeline`, where the call was copied from.
    """

    def encode_prompt(self, *args: object, text_encoder_index: int = 0, **kwargs: object) -> tuple[Tensor, ...]:
        """Encode prompts; there is one text encoder, whatever its number."""
        encoded: tuple[Tensor, ...] = super().encode_prompt(*args, **kwargs)
        return encoded

    def encode_film(self, film: Tensor) -> Tensor:
        """Encode a film (B, 3, T, H, W), -1 .. 1, to latents as they are denoised."""
        latents: Tensor = self.vae.encode(film.to(self._execution_device, self.vae.dtype)).latent_dist.mode()
        return latents * self.vae.config.scaling_factor

    def decode_latents(self, latents: Tensor) -> Tensor:
        """Decode to a film (B, 3, T, H, W), -1 .. 1."""
        film: Tensor = self.vae.decode(latents / self.vae.config.scaling_factor, return_dict=False)[0]
        return film
