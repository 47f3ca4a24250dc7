"""Wan's original checkpoints as diffusers knows them, and the parts all of its pipelines have."""

from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from accelerate import init_empty_weights
from diffusers import AutoencoderKLWan, FlowMatchEulerDiscreteScheduler
from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers
from torch import Tensor, nn
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPVisionModel, UMT5EncoderModel

from parascale.generators.diffusion.checkpoint import State, fill, integer
from parascale.generators.diffusion.parts import load_parts

Shapes = Mapping[str, tuple[int, ...]]

_SIZES = ("num_attention_heads", "attention_head_dim", "in_channels", "out_channels", "ffn_dim", "num_layers")
_OPTIONAL = {"text_dim": 4096, "freq_dim": 256, "eps": 1e-6, "cross_attn_norm": True}


def transformer_config(config: Mapping[str, object], shapes: Shapes, source: Path) -> dict[str, object]:
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
    image = shapes.get("img_emb.proj.0.weight")
    if image is not None:
        dim = translated["num_attention_heads"] * translated["attention_head_dim"]
        translated |= {"image_dim": image[0], "added_kv_proj_dim": dim}
    return translated | {name: config.get(name, default) for name, default in _OPTIONAL.items()}


def block_size(config: Mapping[str, object], source: Path) -> dict[str, int]:
    """Return what `Run.check_memory` needs of a transformer's settings in diffusers' names: dim, ffn_dim, layers."""
    dim = integer(config, "num_attention_heads", source) * integer(config, "attention_head_dim", source)
    return {
        "dim": dim,
        "ffn_dim": integer(config, "ffn_dim", source),
        "layers": integer(config, "num_layers", source),
    }


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


def load_wan_parts(
    folder: Path, dtype: torch.dtype, report: Callable[[str], None], *, clip: bool = False
) -> dict[str, object]:
    """Load VAE, text encoder and tokenizer, and if wanted CLIP's image encoder, from a folder as diffusers lays it.

    Raises
    ------
    InputError
        If one is missing or broken.
    """
    makers: dict[str, Callable[[Path], object]] = {
        # The VAE shows banding in half precision.
        "vae": lambda path: AutoencoderKLWan.from_pretrained(path, torch_dtype=torch.float32),
        "text_encoder": lambda path: UMT5EncoderModel.from_pretrained(path, dtype=dtype),
        "tokenizer": lambda path: AutoTokenizer.from_pretrained(path, local_files_only=True),
    }
    if clip:
        makers["image_encoder"] = lambda path: CLIPVisionModel.from_pretrained(path, dtype=torch.float32)
        makers["image_processor"] = lambda path: CLIPImageProcessor.from_pretrained(path, local_files_only=True)
    return load_parts(folder, makers, report)


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
