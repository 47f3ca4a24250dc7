"""ReCamMaster in diffusers: Wan's transformer that sees a source video and a target camera in every block."""

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, WanTransformer3DModel
from diffusers.models.modeling_outputs import Transformer2DModelOutput
from torch import Tensor, nn

POSE = 12


class ReCaptureTransformer(WanTransformer3DModel):
    """Wan's transformer with a camera encoder before and a projector after every self-attention.

    The source's latents follow the target's on the time axis and share its timestep; both halves are told the same
    target camera; what is predicted for the source is dropped.

    Parameters
    ----------
    **config
        As `WanTransformer3DModel`.
    """

    def __init__(self, **config: object) -> None:
        super().__init__(**config)
        dim = self.patch_embedding.out_channels
        self._camera: Tensor | None = None
        self._tokens = 0
        for block in self.blocks:
            block.cam_encoder = nn.Linear(POSE, dim)
            block.projector = nn.Linear(dim, dim)
            block.attn1.register_forward_pre_hook(_Steering(self, block))
            block.attn1.register_forward_hook(_Projecting(block))

    def steer(self, block: nn.Module, hidden: Tensor) -> Tensor:
        """Add a block's encoding of the target camera to all tokens, (B, 2 F h w, dim)."""
        if self._camera is None:
            return hidden
        encoded: Tensor = block.cam_encoder(self._camera.to(hidden.device, hidden.dtype))
        both = torch.cat([encoded, encoded], dim=1)
        return hidden + both.repeat_interleave(self._tokens, dim=1)

    def forward(
        self,
        hidden_states: Tensor,
        *args: object,
        attention_kwargs: dict[str, Tensor] | None = None,
        **kwargs: object,
    ) -> Transformer2DModelOutput | tuple[Tensor, ...]:
        """Run as `WanTransformer3DModel`.

        ``attention_kwargs`` holds ``source_latents`` (B, 16, F, h, w) and ``camera`` (B, F, 12), the relative 3x4
        pose of every latent frame.
        """
        others = dict(attention_kwargs or {})
        source, self._camera = others.pop("source_latents"), others.pop("camera")
        _, down, across = self.config.patch_size
        self._tokens = (hidden_states.shape[3] // down) * (hidden_states.shape[4] // across)
        frames = hidden_states.shape[2]
        try:
            both = torch.cat([hidden_states, source.to(hidden_states)], dim=2)
            predicted = super().forward(both, *args, attention_kwargs=others, **kwargs)
        finally:
            self._camera = None
        if isinstance(predicted, tuple):
            return (predicted[0][:, :, :frames], *predicted[1:])
        predicted.sample = predicted.sample[:, :, :frames]
        return predicted


class GivenSigmasScheduler(FlowMatchEulerDiscreteScheduler):
    """Euler steps over sigmas that are given before a run, for pipelines whose call takes none.

    Attributes
    ----------
    sigmas_of_run : list of float or None
        The next run's, one a step; the last step ends at 0.
    """

    sigmas_of_run: list[float] | None = None

    def set_timesteps(self, num_inference_steps: int | None = None, **kwargs: object) -> None:
        """See `FlowMatchEulerDiscreteScheduler`."""
        if self.sigmas_of_run is None:
            super().set_timesteps(num_inference_steps, **kwargs)
        else:
            super().set_timesteps(sigmas=self.sigmas_of_run, device=kwargs.get("device"))


class _Steering:
    """Pre-hook of a block's self-attention."""

    def __init__(self, model: ReCaptureTransformer, block: nn.Module) -> None:
        self._model, self._block = model, block

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (self._model.steer(self._block, inputs[0]), *inputs[1:])


class _Projecting:
    """Hook of a block's self-attention."""

    def __init__(self, block: nn.Module) -> None:
        self._block = block

    def __call__(self, module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> Tensor:
        projected: Tensor = self._block.projector(output)
        return projected
