"""Wan's original checkpoints as diffusers knows them, and the parts all of its pipelines have."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from torch import Tensor, nn
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPVisionModel, UMT5EncoderModel

from parascale.errors import InputError
from parascale.generators.diffusion.checkpoint import State, fill
from parascale.generators.diffusion.parts import load_part

Shapes = Mapping[str, tuple[int, ...]]
Report = Callable[[str], None]


def transformer_config(config: Mapping[str, Any], shapes: Shapes, source: Path) -> dict[str, Any]:
    """Translate the config.json of an original Wan transformer to diffusers' names.

    Parameters
    ----------
    config : mapping
        With dim, num_heads, num_layers, ffn_dim, in_dim, out_dim; diffusers' own names are taken as they are.
    shapes : mapping of str to tuple
        Names and shapes of the checkpoint's tensors, which tell whether it sees CLIP's picture.
    source : Path
        For what is said.

    Raises
    ------
    InputError
        Where a setting is missing.
    """
    image = shapes.get("img_emb.proj.0.weight")
    if "num_attention_heads" in config:
        names = ("num_attention_heads", "attention_head_dim", "in_channels", "out_channels", "ffn_dim", "num_layers")
        optional = {"text_dim": 4096, "freq_dim": 256, "eps": 1e-6, "cross_attn_norm": True}
        translated = {name: _setting(config, name, source) for name in names}
    else:
        heads, dim = _setting(config, "num_heads", source), _setting(config, "dim", source)
        optional = {"text_dim": 4096, "freq_dim": 256, "eps": 1e-6, "cross_attn_norm": True}
        translated = {
            "num_attention_heads": heads,
            "attention_head_dim": dim // heads,
            "in_channels": _setting(config, "in_dim", source),
            "out_channels": _setting(config, "out_dim", source),
            "ffn_dim": _setting(config, "ffn_dim", source),
            "num_layers": _setting(config, "num_layers", source),
        }
    translated |= {name: config.get(name, default) for name, default in optional.items()}
    if image is not None:
        dim = translated["num_attention_heads"] * translated["attention_head_dim"]
        translated |= {"image_dim": image[0], "added_kv_proj_dim": dim}
    return translated


def _setting(config: Mapping[str, Any], name: str, source: Path) -> int:
    value = config.get(name)
    if not isinstance(value, int) or value < 1:
        raise InputError(f"{source}: config.json has no {name}: it is no Wan transformer's, or not whole")
    return value


def load_transformer(make: Callable[[], nn.Module], state: State, dtype: torch.dtype, source: Path) -> nn.Module:
    """Build a transformer and fill it from a checkpoint with Wan's original names.

    Raises
    ------
    InputError
        Where the checkpoint is another model's.
    """
    with init_empty_weights():
        model = make()
    fill(model, convert_wan_transformer_to_diffusers(state), dtype, source)
    return model


def scheduler() -> FlowMatchEulerDiscreteScheduler:
    """Return the scheduler Wan's camera models were published with: Euler, shift 5."""
    return FlowMatchEulerDiscreteScheduler(num_train_timesteps=1000, shift=5.0)


def load_parts(folder: Path, dtype: torch.dtype, report: Report, *, clip: bool = False) -> dict[str, Any]:
    """Load VAE, text encoder and tokenizer, and CLIP's image encoder where asked, from a folder as diffusers lays it.

    Raises
    ------
    InputError
        Where one is missing or broken.
    """
    makers: dict[str, Callable[[Path], Any]] = {
        # The VAE shows banding in half precision.
        "vae": lambda path: AutoencoderKLWan.from_pretrained(path, torch_dtype=torch.float32),
        "text_encoder": lambda path: UMT5EncoderModel.from_pretrained(path, dtype=dtype),
        "tokenizer": lambda path: AutoTokenizer.from_pretrained(path, local_files_only=True),
    }
    if clip:
        makers["image_encoder"] = lambda path: CLIPVisionModel.from_pretrained(path, dtype=torch.float32)
        makers["image_processor"] = lambda path: CLIPImageProcessor.from_pretrained(path, local_files_only=True)
    parts = {}
    for name, make in makers.items():
        report(f"loading the {name.replace('_', ' ')}")
        parts[name] = load_part(folder / name, make)
    return parts


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
