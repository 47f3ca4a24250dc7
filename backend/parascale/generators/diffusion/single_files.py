"""Encoders and VAEs as people have them: a diffusers folder, or one file of ComfyUI's or Wan's own names."""

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan
from diffusers.loaders.single_file_utils import convert_wan_vae_to_diffusers
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

from parascale.errors import InputError
from parascale.generators.diffusion.checkpoint import Shapes, check_model, load_model
from parascale.generators.diffusion.parts import load_diffusers, load_transformers
from parascale.weights.headers import read_headers, shapes_of

# Of Wan's own text encoder (models_t5_umt5-xxl-enc-bf16.pth), by transformers' names; N is the block.
_T5_BLOCK = {
    "attn.q.weight": "layer.0.SelfAttention.q.weight",
    "attn.k.weight": "layer.0.SelfAttention.k.weight",
    "attn.v.weight": "layer.0.SelfAttention.v.weight",
    "attn.o.weight": "layer.0.SelfAttention.o.weight",
    "pos_embedding.embedding.weight": "layer.0.SelfAttention.relative_attention_bias.weight",
    "norm1.weight": "layer.0.layer_norm.weight",
    "norm2.weight": "layer.1.layer_norm.weight",
    "ffn.gate.0.weight": "layer.1.DenseReluDense.wi_0.weight",
    "ffn.fc1.weight": "layer.1.DenseReluDense.wi_1.weight",
    "ffn.fc2.weight": "layer.1.DenseReluDense.wo.weight",
}
_T5 = {"token_embedding.weight": "shared.weight", "norm.weight": "encoder.final_layer_norm.weight"}
# What Wan2.2's VAE has and its tensors do not tell (Wan2.2 42bf4cf, wan/modules/vae2_2.py).
_VAE_2_2: dict[str, Any] = {
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "is_residual": True,
    "temperal_downsample": [False, True, True],
    "scale_factor_spatial": 16,
    "latents_mean": [
        -0.2289, -0.0052, -0.1323, -0.2339, -0.2799, 0.0174, 0.1838, 0.1557, -0.1382, 0.0542, 0.2813, 0.0891, 0.157,
        -0.0098, 0.0375, -0.1825, -0.2246, -0.1207, -0.0698, 0.5109, 0.2665, -0.2108, -0.2158, 0.2502, -0.2055,
        -0.0322, 0.1109, 0.1567, -0.0729, 0.0899, -0.2799, -0.123, -0.0313, -0.1649, 0.0117, 0.0723, -0.2839, -0.2083,
        -0.052, 0.3748, 0.0152, 0.1957, 0.1433, -0.2944, 0.3573, -0.0548, -0.1681, -0.0667,
    ],
    "latents_std": [
        0.4765, 1.0364, 0.4514, 1.1677, 0.5313, 0.499, 0.4818, 0.5013, 0.8158, 1.0344, 0.5894, 1.0901, 0.6885, 0.6165,
        0.8454, 0.4978, 0.5759, 0.3523, 0.7135, 0.6804, 0.5833, 1.4146, 0.8986, 0.5659, 0.7069, 0.5338, 0.4889, 0.4917,
        0.4069, 0.4999, 0.6866, 0.4093, 0.5709, 0.6065, 0.6415, 0.4944, 0.5726, 1.2042, 0.5458, 1.6887, 0.3971, 1.06,
        0.3943, 0.5537, 0.5444, 0.4089, 0.7468, 0.7744,
    ],
}  # fmt: skip
# A residual block of Wan's VAEs, by diffusers' names.
_RESIDUAL = {
    "residual.0": "norm1",
    "residual.2": "conv1",
    "residual.3": "norm2",
    "residual.6": "conv2",
    "shortcut": "conv_shortcut",
}
# Of CLIP's ViT-H.
_HEADS = 16
_TIED = "encoder.embed_tokens.weight"


def load_text_encoder(path: Path, dtype: torch.dtype) -> nn.Module:
    """Load UMT5 from a transformers folder, ComfyUI's single file or Wan's own; see `load_model`."""
    if path.is_dir():
        return load_transformers(UMT5EncoderModel, path, dtype)
    config = _umt5_config(umt5_names(shapes_of(read_headers(path))), path)
    model: UMT5EncoderModel = load_model(lambda: UMT5EncoderModel(config), path, dtype, umt5_names)
    model.tie_weights()
    return model


def umt5_names(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tensors of a single file transformers' names."""
    named = {}
    for name, value in tensors.items():
        block = re.fullmatch(r"blocks\.(\d+)\.(.+)", name)
        if block:
            named[f"encoder.block.{block[1]}.{_T5_BLOCK.get(block[2], block[2])}"] = value
        else:
            named[_T5.get(name, name)] = value
    if "shared.weight" in named:
        named.setdefault(_TIED, named["shared.weight"])
    return named


def _umt5_config(shapes: Shapes, path: Path) -> UMT5Config:
    first = "encoder.block.0.layer"
    try:
        vocabulary, width = shapes["shared.weight"]
        buckets, heads = shapes[f"{first}.0.SelfAttention.relative_attention_bias.weight"]
        return UMT5Config(
            vocab_size=vocabulary,
            d_model=width,
            d_kv=shapes[f"{first}.0.SelfAttention.q.weight"][0] // heads,
            d_ff=shapes[f"{first}.1.DenseReluDense.wi_0.weight"][0],
            num_heads=heads,
            num_layers=sum(name.endswith(".SelfAttention.q.weight") for name in shapes),
            relative_attention_num_buckets=buckets,
            feed_forward_proj="gated-gelu",
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} is not a UMT5 text encoder, or not whole ({error} is missing)") from error


def load_vae(path: Path, dtype: torch.dtype) -> nn.Module:
    """Load Wan's VAE from a diffusers folder, or from one file of Wan2.1's or Wan2.2's; see `load_model`."""
    if path.is_dir():
        return load_diffusers(AutoencoderKLWan, path, dtype)
    config = _vae_config(vae_names(shapes_of(read_headers(path))), path)
    model: AutoencoderKLWan = load_model(lambda: AutoencoderKLWan(**config), path, dtype, vae_names)
    return model


def vae_names(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Give the tensors of a VAE's single file diffusers' names."""
    if "decoder.conv1.weight" not in tensors:
        return dict(tensors)
    # diffusers' converter knows Wan2.1's blocks; those of Wan2.2 are nested.
    return dict(convert_wan_vae_to_diffusers({_nested_block(name): value for name, value in tensors.items()}))


def _nested_block(name: str) -> str:
    found = re.fullmatch(r"(encoder|decoder)\.(down|up)samples\.(\d+)\.\2samples\.(\d+)\.(.+)", name)
    if found is None:
        return name
    side, way, block, number, rest = found.groups()
    layer, _, tensor = rest.rpartition(".")
    if layer in _RESIDUAL:
        return f"{side}.{way}_blocks.{block}.resnets.{number}.{_RESIDUAL[layer]}.{tensor}"
    return f"{side}.{way}_blocks.{block}.{way}sampler.{rest}"


def _vae_config(shapes: Shapes, path: Path) -> dict[str, Any]:
    try:
        config = {
            "base_dim": shapes["encoder.conv_in.weight"][0],
            "decoder_base_dim": shapes["decoder.norm_out.gamma"][0],
            "z_dim": shapes["post_quant_conv.weight"][0],
        }
    except (KeyError, IndexError) as error:
        raise InputError(f"{path} is not a VAE of Wan's, or not whole ({error} is missing)") from error
    return config | (_VAE_2_2 if config["z_dim"] == len(_VAE_2_2["latents_mean"]) else {})


def load_image_encoder(path: Path, dtype: torch.dtype) -> nn.Module:
    """Load CLIP's ViT-H picture encoder from a transformers folder, or ComfyUI's single file; see `load_model`."""
    if path.is_dir():
        return load_transformers(CLIPVisionModel, path, dtype)
    config = _clip_config(_clip_names(shapes_of(read_headers(path))), path, _HEADS)
    model: CLIPVisionModel = load_model(lambda: CLIPVisionModel(config), path, dtype, _clip_names)
    return model


def _clip_names(tensors: Mapping[str, Any]) -> dict[str, Any]:
    """Keep what the picture's encoder has, by transformers' names."""
    others = ("text_model.", "text_projection.", "visual_projection.", "logit_scale")
    kept = (name for name in tensors if not name.startswith(others) and not name.endswith("position_ids"))
    return {name.removeprefix("vision_model."): tensors[name] for name in kept}


def _clip_config(shapes: Shapes, path: Path, heads: int) -> CLIPVisionConfig:
    try:
        width, _, patch, _ = shapes["embeddings.patch_embedding.weight"]
        positions = shapes["embeddings.position_embedding.weight"][0]
        return CLIPVisionConfig(
            hidden_size=width,
            intermediate_size=shapes["encoder.layers.0.mlp.fc1.weight"][0],
            num_hidden_layers=sum(name.endswith(".mlp.fc1.weight") for name in shapes),
            num_attention_heads=heads,
            patch_size=patch,
            image_size=math.isqrt(positions - 1) * patch,
            hidden_act="gelu",
        )
    except (KeyError, ValueError) as error:
        raise InputError(f"{path} is not CLIP's picture encoder, or not whole ({error} is missing)") from error


# By part: how its tensors are named, the one that tells how wide what it gives is, along which side, and what that is.
_WIDTHS: dict[str, tuple[Callable[[Mapping[str, Any]], dict[str, Any]], str, int, str]] = {
    "vae": (vae_names, "post_quant_conv.weight", 0, "latents of {} channels"),
    "text_encoder": (umt5_names, "shared.weight", 1, "words {} numbers wide"),
    "image_encoder": (_clip_names, "embeddings.class_embedding", 0, "pictures {} numbers wide"),
}


def check_width(part: str, path: Path, width: int) -> None:
    """Refuse a part that gives something else than the transformer takes, by its headers.

    Raises
    ------
    InputError
        Where it is another model's.
    """
    rename, name, side, what = _WIDTHS[part]
    found = rename(shapes_of(read_headers(path))).get(name)
    if found is not None and found[side] != width:
        raise InputError(
            f"{path} gives {what.format(found[side])} where the transformer takes {width}: it is another model's"
        )


def check_part(part: str, path: Path) -> None:
    """Compare a part of Wan's pipelines with its own headers: a text encoder, a VAE, a picture encoder.

    Raises
    ------
    InputError
        As `check_tensors`.
    """
    shapes = shapes_of(read_headers(path))
    if part == "text_encoder":
        text = _umt5_config(umt5_names(shapes), path)
        check_model(lambda: UMT5EncoderModel(text), path, umt5_names)
    elif part == "image_encoder":
        vision = _clip_config(_clip_names(shapes), path, 1)  # no shape tells the heads
        check_model(lambda: CLIPVisionModel(vision), path, _clip_names)
    elif part == "vae" and path.is_dir():
        check_model(lambda: AutoencoderKLWan.from_config(AutoencoderKLWan.load_config(path)), path)
    elif part == "vae":
        config = _vae_config(vae_names(shapes), path)
        check_model(lambda: AutoencoderKLWan(**config), path, vae_names)
