"""Wan's VAEs in one file: ComfyUI's `wan2.2_vae.safetensors`, which has the names of Wan2.2's own."""

import re
import shutil

import numpy as np
import pytest

from parascale.errors import InputError
from parascale.generators import GENERATORS
from parascale.media.video_file import read_video

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")

# Of wan/modules/vae2_2.py (Wan2.2 42bf4cf), by diffusers' names.
LAYERS = {
    "norm1": "residual.0", "conv1": "residual.2", "norm2": "residual.3", "conv2": "residual.6",
    "conv_shortcut": "shortcut",
}  # fmt: skip
ENDS = {
    "encoder.conv_in.": "encoder.conv1.", "decoder.conv_in.": "decoder.conv1.", "encoder.norm_out.": "encoder.head.0.",
    "encoder.conv_out.": "encoder.head.2.", "decoder.norm_out.": "decoder.head.0.",
    "decoder.conv_out.": "decoder.head.2.", "post_quant_conv.": "conv2.", "quant_conv.": "conv1.",
}  # fmt: skip


def wans_name(name: str) -> str:
    """Give a tensor of the residual VAE its name in Wan2.2's file."""
    for own, wans in ENDS.items():
        if name.startswith(own):
            return wans + name.removeprefix(own)
    if middle := re.fullmatch(r"(\w+)\.mid_block\.(resnets|attentions)\.(\d)\.(.+)\.(\w+)", name):
        side, kind, number, layer, tensor = middle.groups()
        place = "1" if kind == "attentions" else str(2 * int(number))
        return f"{side}.middle.{place}.{LAYERS.get(layer, layer)}.{tensor}"
    side, way, block, rest = re.fullmatch(r"(\w+)\.(down|up)_blocks\.(\d)\.(.+)", name).groups()
    nested = f"{side}.{way}samples.{block}.{way}samples."
    if inner := re.fullmatch(r"resnets\.(\d)\.(\w+)\.(\w+)", rest):
        number, layer, tensor = inner.groups()
        return f"{nested}{number}.{LAYERS[layer]}.{tensor}"
    return f"{nested}{2 if way == 'down' else 3}.{rest.removeprefix(f'{way}sampler.')}"


@pytest.fixture(scope="module")
def vae():
    """A residual VAE of few channels, with the mean and spread that Wan2.2's latents have."""
    from model_parts import wan_vae_2_2

    from parascale.generators.diffusion.single_files import _VAE_2_2

    torch.manual_seed(0)
    names = ("latents_mean", "latents_std")
    return wan_vae_2_2(8, 8, **{name: _VAE_2_2[name] for name in names}).eval()


@pytest.fixture
def file(vae, tmp_path):
    from safetensors.torch import save_file

    path = tmp_path / "wan2.2_vae.safetensors"
    save_file({wans_name(name): tensor for name, tensor in vae.state_dict().items()}, path)
    return path


def own_settings(model) -> dict[str, object]:
    return {name: value for name, value in model.config.items() if not name.startswith("_")}


def test_a_single_file_of_wan_2_2_encodes_and_decodes_as_the_folder_does(vae, file) -> None:
    from parascale.generators.diffusion.single_files import load_vae

    loaded = load_vae(file, torch.float32)
    assert own_settings(loaded) == own_settings(vae)
    film = torch.rand(1, 3, 5, 32, 32) * 2 - 1
    with torch.no_grad():
        latents = vae.encode(film).latent_dist.mode()
        torch.testing.assert_close(loaded.encode(film).latent_dist.mode(), latents, rtol=0, atol=0)
        torch.testing.assert_close(loaded.decode(latents).sample, vae.decode(latents).sample, rtol=0, atol=0)


def test_the_names_are_those_of_wans_own_file() -> None:
    """A few of 196, as wan/modules/vae2_2.py nests them."""
    from model_parts import wan_vae_2_2

    named = {wans_name(name): tuple(tensor.shape) for name, tensor in wan_vae_2_2(8, 8).state_dict().items()}
    assert len(named) == 196
    assert named["encoder.conv1.weight"] == (8, 12, 3, 3, 3)
    assert named["encoder.downsamples.1.downsamples.2.time_conv.weight"] == (16, 16, 3, 1, 1)
    assert named["decoder.upsamples.0.upsamples.3.resample.1.weight"] == (32, 32, 3, 3)
    assert named["decoder.upsamples.2.upsamples.0.shortcut.weight"] == (16, 32, 1, 1, 1)
    assert named["encoder.middle.1.to_qkv.weight"] == (96, 32, 1, 1)
    assert named["decoder.head.2.weight"] == (12, 8, 3, 3, 3)


def test_the_5b_makes_the_same_video_by_the_file_and_the_folder(vae, file, ask, tiny_models, tmp_path) -> None:
    from parascale.generators.identify import identify

    by_folder, by_file = tmp_path / "folder", tmp_path / "file"
    for folder in (by_folder, by_file):
        for name in ("text_encoder", "tokenizer"):
            shutil.copytree(tiny_models.parts_5b / name, folder / name)
    vae.save_pretrained(by_folder / "vae")
    shutil.move(file, by_file / file.name)
    films = []
    for parts in (by_folder, by_file):
        where = {"weights": str(tiny_models.fun_5b), "parts": str(parts), "model": "2.2-5B"}
        result = GENERATORS["wan-fun-camera"].generate(ask("wan-fun-camera", **where), tmp_path)
        films.append(read_video(result.files["video"], 99))
    assert np.array_equal(*films)
    found = identify(tiny_models.fun_5b, by_file)
    assert found.is_whole
    assert found.parts["vae"] == by_file / file.name
    assert identify(by_file / file.name).part == "vae"


def test_each_model_takes_the_vae_of_its_own_latents(file, tmp_path) -> None:
    """ComfyUI keeps both in one folder."""
    from diffusers import AutoencoderKLWan
    from safetensors.torch import save_file

    from parascale.weights.parts import find_part

    other = tmp_path / "wan_2.1_vae.safetensors"
    save_file(AutoencoderKLWan(base_dim=8).state_dict(), other)
    assert find_part("vae", [tmp_path], "wan2.2-vae") == file
    assert find_part("vae", [tmp_path], "wan2.1-vae") == other


@pytest.mark.parametrize("lost", ["decoder.upsamples.0.upsamples.0.residual.2.weight", "conv2.weight"])
def test_a_file_that_is_not_whole_is_refused_by_name(lost, file) -> None:
    from safetensors.torch import load_file, save_file

    from parascale.generators.diffusion.single_files import load_vae

    save_file({name: tensor for name, tensor in load_file(file).items() if name != lost}, file)
    with pytest.raises(InputError, match=r"wan2\.2_vae\.safetensors"):
        load_vae(file, torch.float32)
