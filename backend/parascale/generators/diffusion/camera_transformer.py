"""Wan2.1-Fun Control-Camera in diffusers: the transformer with its camera adapter, and its image conditioning."""

import torch
from diffusers import WanImageToVideoPipeline, WanTransformer3DModel
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.utils.torch_utils import randn_tensor
from PIL.Image import Image
from torch import Tensor, nn

from parascale.generators.diffusion.wan import encode_video

# What follows the sizes in `prepare_latents`: type, device, generator, latents, the last picture.
_Rest = tuple[torch.dtype, torch.device, torch.Generator | None, Tensor | None, Tensor | None]


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside a straight path."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(dim, dim, 3, padding=1)
        self.relu = nn.ReLU()
        self.conv2 = nn.Conv2d(dim, dim, 3, padding=1)

    def forward(self, features: Tensor) -> Tensor:
        """Map (N, dim, h, w) to the same shape."""
        added: Tensor = self.conv2(self.relu(self.conv1(features)))
        return features + added


class CameraAdapter(nn.Module):
    """From packed Plücker maps to what is added to the patch embedding.

    Parameters
    ----------
    channels : int
        Of the camera latents: 6 Plücker components times 4 frames.
    dim : int
        Width of the transformer.
    downscale : int
        Pixels across that are shuffled into channels; the convolution halves what is left.
    """

    def __init__(self, channels: int, dim: int, downscale: int) -> None:
        super().__init__()
        self.shuffle = nn.PixelUnshuffle(downscale)
        self.conv = nn.Conv2d(channels * downscale**2, dim, kernel_size=2, stride=2)
        self.residual_blocks = nn.Sequential(ResidualBlock(dim))

    def forward(self, latents: Tensor) -> Tensor:
        """Map (B, channels, F, H, W) to (B, dim, F, H / 16, W / 16)."""
        batch, _, frames = latents.shape[:3]
        features: Tensor = self.conv(self.shuffle(latents.transpose(1, 2).flatten(0, 1)))
        features = self.residual_blocks(features)
        return features.unflatten(0, (batch, frames)).transpose(1, 2)


class WanCameraTransformer(WanTransformer3DModel):
    """Wan's transformer with a camera adapter whose output is added to the patch embedding.

    Parameters
    ----------
    camera_channels, camera_downscale : int
        As `CameraAdapter`.
    **config
        As `WanTransformer3DModel`.
    """

    def __init__(self, camera_channels: int = 24, camera_downscale: int = 8, **config: object) -> None:
        super().__init__(**config)
        self.control_adapter = CameraAdapter(camera_channels, self.patch_embedding.out_channels, camera_downscale)
        self._camera: Tensor | None = None
        self.patch_embedding.register_forward_hook(self._add_camera)

    def _add_camera(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if self._camera is None:
            return output
        added: Tensor = self.control_adapter(self._camera.to(output.device, output.dtype))
        return output + added

    def forward(
        self, *args: object, attention_kwargs: dict[str, Tensor] | None = None, **kwargs: object
    ) -> Transformer2DModelOutput | tuple[Tensor, ...]:
        """Run as `WanTransformer3DModel`; ``attention_kwargs["camera_latents"]`` is (B, 24, F, H, W)."""
        others = dict(attention_kwargs or {})
        self._camera = others.pop("camera_latents", None)
        try:
            return super().forward(*args, attention_kwargs=others, **kwargs)
        finally:
            self._camera = None


class WanCameraPipeline(WanImageToVideoPipeline):
    """Image to video as the Control-Camera models are conditioned; without a picture they take zeros.

    Attributes
    ----------
    use_image : bool
        Whether the next run is conditioned on its picture.
    """

    use_image = True

    def encode_image(self, image: Image, device: torch.device | None = None) -> Tensor:
        """Return CLIP's tokens of the picture, (1, tokens, dim); zeros where it is not used."""
        if self.use_image:
            return super().encode_image(image, device)
        vision = self.image_encoder.config
        tokens = (vision.image_size // vision.patch_size) ** 2 + 1
        return torch.zeros(1, tokens, vision.hidden_size, device=device)

    def prepare_latents(
        self,
        image: Tensor,
        batch_size: int,
        channels: int,
        height: int,
        width: int,
        num_frames: int,
        *rest: *_Rest,
    ) -> tuple[Tensor, Tensor]:
        """Return noise and what is joined to it.

        Models of 2.1 take the picture's latent, encoded as a film of one frame, and zeros in latent space; those of
        2.2 the mask and the latents of a film that is grey after its first frame.
        """
        spare = self.transformer.config.in_channels - channels
        if self.use_image and spare != channels:
            prepared: tuple[Tensor, Tensor] = super().prepare_latents(
                image, batch_size, channels, height, width, num_frames, *rest
            )
            return prepared
        dtype, device, generator, latents, _ = rest
        frames = (num_frames - 1) // self.vae_scale_factor_temporal + 1
        size = (height // self.vae_scale_factor_spatial, width // self.vae_scale_factor_spatial)
        if latents is None:
            shape = (batch_size, channels, frames, *size)
            latents = randn_tensor(shape, generator=generator, device=device, dtype=dtype)
        condition = torch.zeros(batch_size, spare, frames, *size, device=device, dtype=dtype)
        if self.use_image:
            condition[:, :, :1] = encode_video(self.vae, image.unsqueeze(2), device).to(condition)
        return latents.to(device, dtype), condition
