"""Wan's original checkpoints as diffusers knows them, and the parts all of its pipelines have."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import torch
from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler, UniPCMultistepScheduler
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from torch import Tensor, nn
from transformers import AutoTokenizer, CLIPImageProcessor

from parascale.errors import InputError
from parascale.generators.diffusion.checkpoint import Shapes, integer, load_model, read_config
from parascale.generators.diffusion.parts import load_parts
from parascale.generators.diffusion.single_files import (
    check_width,
    load_image_encoder,
    load_text_encoder,
    load_vae,
)
from parascale.weights.catalogue import WAN_VAES
from parascale.weights.headers import read_headers, shapes_of

_SIZES = ("num_attention_heads", "attention_head_dim", "in_channels", "out_channels", "ffn_dim", "num_layers")
_OPTIONAL: dict[str, object] = {"text_dim": 4096, "freq_dim": 256, "eps": 1e-6, "cross_attn_norm": True}
# What all published Wan transformers have; a file without a config.json does not say it.
_HEAD_DIM = 128
# ComfyUI writes this before every name of some files.
_PREFIX = "model.diffusion_model."


def wan_shapes(source: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes of a Wan transformer's tensors, by Wan's own names."""
    return {name.removeprefix(_PREFIX): shape for name, shape in shapes_of(read_headers(source)).items()}


def transformer_config(shapes: Shapes, source: Path, settings: Path | None = None) -> dict[str, object]:
    """Describe an original Wan transformer in diffusers' words.

    Parameters
    ----------
    shapes : mapping of str to tuple
        Of the checkpoint's tensors.
    source : Path
        The checkpoint.
    settings : Path, optional
        Folder of a config.json with dim, num_heads, num_layers, ffn_dim, in_dim, out_dim, or diffusers' own names for
        these; without one, the shapes alone count, as for ComfyUI's files.

    Raises
    ------
    InputError
        Where a setting is missing, or the shapes are not Wan's.
    """
    config = _config_of(shapes, source) if settings is None else _translate(read_config(settings), settings)
    image = shapes.get("img_emb.proj.0.weight")
    if image is not None:
        dim = integer(config, "num_attention_heads", source) * integer(config, "attention_head_dim", source)
        config |= {"image_dim": image[0], "added_kv_proj_dim": dim}
    return config


def _translate(config: Mapping[str, object], source: Path) -> dict[str, object]:
    if "num_attention_heads" in config:
        translated = {name: integer(config, name, source) for name in _SIZES}
    else:
        heads = integer(config, "num_heads", source)
        translated = {"num_attention_heads": heads, "attention_head_dim": integer(config, "dim", source) // heads}
        own_names = {
            "in_channels": "in_dim",
            "out_channels": "out_dim",
            "ffn_dim": "ffn_dim",
            "num_layers": "num_layers",
        }
        translated |= {name: integer(config, own, source) for name, own in own_names.items()}
    return translated | {name: config.get(name, default) for name, default in _OPTIONAL.items()}


def _config_of(shapes: Shapes, source: Path) -> dict[str, object]:
    try:
        dim, channels, *patch = shapes["patch_embedding.weight"]
        if dim % _HEAD_DIM:
            raise InputError(
                f"{source} has no config.json, and no published Wan model is {dim} wide: it was not fetched whole"
            )
        return _OPTIONAL | {
            "num_attention_heads": dim // _HEAD_DIM,
            "attention_head_dim": _HEAD_DIM,
            "in_channels": channels,
            "out_channels": shapes["head.head.weight"][0] // (patch[0] * patch[1] * patch[2]),
            "ffn_dim": shapes["blocks.0.ffn.0.weight"][0],
            "num_layers": sum(name.startswith("blocks.") and name.endswith(".ffn.0.weight") for name in shapes),
            "text_dim": shapes["text_embedding.0.weight"][1],
            "freq_dim": shapes["time_embedding.0.weight"][1],
        }
    except (KeyError, ValueError, IndexError) as error:
        raise InputError(f"{source} is not a Wan transformer, or not whole ({error} is missing)") from error


def settings_of(source: Path) -> Path | None:
    """Return the folder whose config.json describes a checkpoint: its own; None for a single file."""
    return source if (source / "config.json").is_file() else None


def block_size(config: Mapping[str, object], source: Path) -> dict[str, int]:
    """Return what `Run.check_memory` needs of a transformer's settings in diffusers' names."""
    dim = integer(config, "num_attention_heads", source) * integer(config, "attention_head_dim", source)
    vae = WAN_VAES.get(integer(config, "out_channels", source))
    return {
        "dim": dim,
        "ffn_dim": integer(config, "ffn_dim", source),
        "layers": integer(config, "num_layers", source),
        # Two latents across.
        "token": 2 * (8 if vae is None else vae.pixels),
    }


def load_transformer(make: Callable[[], nn.Module], source: Path, dtype: torch.dtype) -> nn.Module:
    """Build a transformer and fill it from a checkpoint with Wan's original names; see `load_model`."""
    return load_model(make, source, dtype, convert_wan_transformer_to_diffusers)


def scheduler(shift: float = 5.0) -> FlowMatchEulerDiscreteScheduler:
    """Return the Euler scheduler of VideoX-Fun's own scripts.

    Its sigmas are diffusers' own: sampler "Flow" of examples/wan2.1_fun and wan2.2_fun, whose ``shift`` is that of
    config/wan2.1/wan_civitai.yaml and config/wan2.2/wan_civitai_i2v.yaml, 5; the scripts' own variable of that name
    counts for their other samplers only (VideoX-Fun 804a425).
    """
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=shift)


class VaceScheduler(UniPCMultistepScheduler):
    """VACE's own sampler: UniPC over sigmas that are even from 0.999 to 0, where diffusers' are from 1 to 0.001.

    As ``FlowUniPCMultistepScheduler`` (wan/utils/fm_solvers_unipc.py, Wan2.1 9737cba), with which
    vace/models/wan/wan_vace.py (VACE 48eb44f) samples.
    """

    def __init__(self, shift: float) -> None:
        super().__init__(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=shift)

    def set_timesteps(self, num_inference_steps: int, device: torch.device | None = None) -> None:
        """See `UniPCMultistepScheduler`."""
        first = 1 - 1 / self.config.num_train_timesteps
        super().set_timesteps(sigmas=np.linspace(first, 0, num_inference_steps + 1)[:-1], device=device)


def shifted_sigmas(steps: int, shift: float) -> list[float]:
    """Return sigmas that are even from 1 towards 0, the last left out, and shifted once.

    sigma' = shift sigma / (1 + (shift - 1) sigma), as ReCamMaster has them (``FlowMatchScheduler(shift=5, sigma_min=0,
    extra_one_step=True)`` in diffsynth/pipelines/wan_video_recammaster.py, fcf98bc): with 50 steps and shift 5 the
    last is 0.0926. A scheduler of shift 1 takes them as they are.
    """
    return [shift * sigma / (1 + (shift - 1) * sigma) for sigma in (1 - step / steps for step in range(steps))]


def widths_of(config: Mapping[str, object]) -> dict[str, int]:
    """Return how wide what each part gives has to be, of a transformer's settings in diffusers' names."""
    wanted = {"vae": "out_channels", "text_encoder": "text_dim", "image_encoder": "image_dim"}
    return {part: width for part, name in wanted.items() if isinstance(width := config.get(name), int)}


def load_wan_parts(
    sources: Mapping[str, Path],
    config: Mapping[str, object],
    dtype: torch.dtype,
    report: Callable[[str], None],
) -> dict[str, object]:
    """Load VAE, text encoder and tokenizer, and CLIP's image encoder where it is among the sources.

    Parameters
    ----------
    sources : mapping of str to Path
    config : mapping
        Of the transformer, in diffusers' names.
    dtype : torch.dtype
    report : callable

    Raises
    ------
    InputError
        If one is missing, broken or another model's.
    """
    for part, width in widths_of(config).items():
        if part in sources:
            check_width(part, sources[part], width)
    makers: dict[str, Callable[[Path], object]] = {
        # The VAE shows banding in half precision.
        "vae": lambda path: load_vae(path, torch.float32),
        "text_encoder": lambda path: load_text_encoder(path, dtype),
        "tokenizer": lambda path: AutoTokenizer.from_pretrained(path, local_files_only=True),
        "image_encoder": lambda path: load_image_encoder(path, torch.float32),
        "image_processor": lambda path: CLIPImageProcessor.from_pretrained(path, local_files_only=True),
    }
    return load_parts(sources, {name: make for name, make in makers.items() if name in sources}, report)


def normalised(vae: AutoencoderKLWan, latents: Tensor) -> Tensor:
    """Bring the VAE's latents to the scale the transformer works in, single precision."""
    shape = (1, -1, 1, 1, 1)
    mean = torch.tensor(vae.config.latents_mean, device=latents.device).view(shape)
    deviation = torch.tensor(vae.config.latents_std, device=latents.device).view(shape)
    return (latents.float() - mean) / deviation


def encode_video(vae: AutoencoderKLWan, video: Tensor, device: torch.device) -> Tensor:
    """Encode a video without sampling noise.

    Parameters
    ----------
    vae : AutoencoderKLWan
    video : (B, 3, T, H, W) Tensor
        -1 .. 1.
    device : torch.device

    Returns
    -------
    (B, C, (T + 3) / 4, H / 8, W / 8) Tensor
    """
    latents = vae.encode(video.to(device, vae.dtype)).latent_dist.mode()
    return normalised(vae, latents)
