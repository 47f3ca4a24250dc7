"""Encoders and VAEs as people have them: a diffusers folder, or one file of ComfyUI's or Wan's own names."""

import math
import re
from collections.abc import Mapping
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
    """Load Wan's VAE from a diffusers folder, or from one file of Wan2.1's; see `load_model`."""
    if path.is_dir():
        return load_diffusers(AutoencoderKLWan, path, dtype)
    original = "decoder.conv1.weight" in read_headers(path)
    model: AutoencoderKLWan = load_model(
        AutoencoderKLWan, path, dtype, convert_wan_vae_to_diffusers if original else None
    )
    return model


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
        original = "decoder.conv1.weight" in shapes
        check_model(AutoencoderKLWan, path, convert_wan_vae_to_diffusers if original else None)
