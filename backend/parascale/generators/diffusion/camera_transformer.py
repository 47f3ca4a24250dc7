"""Wan2.1-Fun Control-Camera in diffusers: the transformer with its camera adapter, and its image conditioning."""

import numpy as np
import torch
from diffusers import WanImageToVideoPipeline, WanTransformer3DModel
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from diffusers.pipelines.wan.pipeline_wan_i2v import get_module_execution_device
from diffusers.utils.torch_utils import randn_tensor
from PIL.Image import Image
from torch import Tensor, nn
from torch.nn import functional

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

    Attributes
    ----------
    joined : (B, C, F, h, w) Tensor or None
        What is joined to the latents where the pipeline does not do it: Wan2.2's 5B.
    """

    def __init__(self, camera_channels: int = 24, camera_downscale: int = 8, **config: object) -> None:
        super().__init__(**config)
        self.joined: Tensor | None = None
        self.control_adapter = CameraAdapter(camera_channels, self.patch_embedding.out_channels, camera_downscale)
        self._camera: Tensor | None = None
        self.patch_embedding.register_forward_hook(self._add_camera)

    def _add_camera(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        if self._camera is None:
            return output
        added: Tensor = self.control_adapter(self._camera.to(output.device, output.dtype))
        return output + added

    def forward(
        self,
        hidden_states: Tensor,
        *args: object,
        attention_kwargs: dict[str, Tensor] | None = None,
        **kwargs: object,
    ) -> Transformer2DModelOutput | tuple[Tensor, ...]:
        """Run as `WanTransformer3DModel`; ``attention_kwargs["camera_latents"]`` is (B, 24, F, H, W)."""
        others = dict(attention_kwargs or {})
        self._camera = others.pop("camera_latents", None)
        if self.joined is not None:
            hidden_states = torch.cat([hidden_states, self.joined.to(hidden_states)], dim=1)
        try:
            return super().forward(hidden_states, *args, attention_kwargs=others, **kwargs)
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
        """Return CLIP's tokens of the whole picture, (1, tokens, dim); zeros where it is not used.

        It is squeezed to a square, as VideoX-Fun's ``CLIPModel`` does (videox_fun/models/wan_image_encoder.py), where
        transformers' processor would cut the sides off.
        """
        vision = self.image_encoder.config
        if not self.use_image:
            tokens = (vision.image_size // vision.patch_size) ** 2 + 1
            return torch.zeros(1, tokens, vision.hidden_size, device=device)
        device = get_module_execution_device(self.image_encoder)
        mean, deviation = (
            torch.tensor(values, device=device).view(1, 3, 1, 1)
            for values in (self.image_processor.image_mean, self.image_processor.image_std)
        )
        pixels = torch.from_numpy(np.array(image.convert("RGB"))).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
        square = functional.interpolate(pixels, (vision.image_size,) * 2, mode="bicubic", align_corners=False)
        seen = ((square / 2 + 0.5 - mean) / deviation).to(self.image_encoder.dtype)
        states: Tensor = self.image_encoder(seen, output_hidden_states=True).hidden_states[-2]
        return states.to(self._execution_device)

    def prepare_latents(
        self,
        image: Tensor,
        batch_size: int,
        channels: int,
        height: int,
        width: int,
        num_frames: int,
        *rest: *_Rest,
    ) -> tuple[Tensor, ...]:
        """Return noise, and what is joined to it or kept of it.

        Models of 2.1 take the picture's latent, encoded as a film of one frame, and zeros in latent space; those of
        2.2 the mask and the latents of a film that is grey after its first frame. 2.2's 5B takes both: its first
        frame is never noised, at a timestep of its own (videox_fun/pipeline/pipeline_wan2_2_fun_control.py), which is
        what diffusers calls expanded timesteps.
        """
        dtype, device, generator, latents, _ = rest
        frames = (num_frames - 1) // self.vae_scale_factor_temporal + 1
        size = (height // self.vae_scale_factor_spatial, width // self.vae_scale_factor_spatial)
        if latents is None:
            shape = (batch_size, channels, frames, *size)
            latents = randn_tensor(shape, generator=generator, device=device, dtype=dtype)
        latents = latents.to(device, dtype)
        condition = torch.zeros(
            batch_size, self.transformer.config.in_channels - channels, frames, *size, device=device, dtype=dtype
        )
        if self.use_image:
            self._show(image, condition, channels, num_frames)
        if not self.config.expand_timesteps:
            return latents, condition
        self.transformer.joined = condition
        kept = torch.ones(1, 1, frames, *size, device=device, dtype=dtype)
        if self.use_image:
            kept[:, :, 0] = 0
        return latents, condition[:, -channels:, :1], kept

    def _show(self, image: Tensor, condition: Tensor, channels: int, num_frames: int) -> None:
        """Write the picture into what is joined to the latents, and the mask where there is room for one."""
        film = image.unsqueeze(2)
        masks = condition.shape[1] - channels
        if masks:
            grey = film.new_zeros(*film.shape[:2], num_frames - 1, *film.shape[3:])
            condition[:, masks:] = encode_video(self.vae, torch.cat([film, grey], dim=2), condition.device)
            condition[:, :masks, 0] = 1
        else:
            condition[:, :, :1] = encode_video(self.vae, film, condition.device)
