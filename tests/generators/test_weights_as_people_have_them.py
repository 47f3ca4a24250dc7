"""Weights as people have them: ComfyUI's single files, fp8, GGUF, shards without an index, Wan's own parts."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from parascale.cli.advice import sentence
from parascale.errors import InputError
from parascale.generators import GENERATORS
from parascale.media.video_file import read_video

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")

pytestmark = pytest.mark.slow


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))


@pytest.fixture(scope="module")
def state(random_state, wan_shapes):
    """A Control-Camera transformer of one head of 128, as all published ones have."""
    return random_state(wan_shapes(dim=128, ffn=64, layers=2, text_dim=32, in_dim=32, clip=4, camera=True), seed=5)


@pytest.fixture
def film(ask, tmp_path):
    def make(weights, **how):
        request = ask("wan-fun-camera", weights=str(weights), **how)
        result = GENERATORS["wan-fun-camera"].generate(request, tmp_path)
        return read_video(result.files["video"], 99).astype(int)

    return make


@pytest.fixture
def plain(state, tmp_path, film):
    """The video of the same transformer in the published layout."""
    from safetensors.torch import save_file

    folder = tmp_path / "plain"
    folder.mkdir()
    config = {"dim": 128, "ffn_dim": 64, "freq_dim": 256, "text_dim": 32, "in_dim": 32, "out_dim": 16, "num_heads": 1,
              "num_layers": 2}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))
    save_file(state, folder / "diffusion_pytorch_model.safetensors")
    return film(folder)


def comfy_scaled_fp8(state):
    """Give a transformer as ComfyUI stores it: a prefix, fp8 matrices with a factor each, a mark."""
    stored = {}
    for name, tensor in state.items():
        if tensor.dim() == 2 and name.startswith("blocks."):
            factor = tensor.abs().max() / 448
            stored[f"model.diffusion_model.{name}"] = (tensor / factor).to(torch.float8_e4m3fn)
            stored[f"model.diffusion_model.{name.removesuffix('.weight')}.scale_weight"] = factor.reshape(1)
        else:
            stored[f"model.diffusion_model.{name}"] = tensor
    return stored | {"scaled_fp8": torch.zeros(2, dtype=torch.float8_e4m3fn)}


def test_comfyuis_single_file_needs_no_config(state, plain, film, tmp_path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "wan2.1_fun_camera_bf16.safetensors"
    save_file({f"model.diffusion_model.{name}": tensor for name, tensor in state.items()}, path)
    assert np.array_equal(film(path), plain)


def test_scaled_fp8_is_multiplied_out(state, plain, film, tmp_path) -> None:
    from safetensors.torch import save_file

    from parascale.generators.diffusion.checkpoint import unscale

    path = tmp_path / "wan2.1_fun_camera_fp8_scaled.safetensors"
    save_file(comfy_scaled_fp8(state), path)
    assert np.abs(film(path) - plain).mean() < 3
    opened = unscale(comfy_scaled_fp8(state))
    matrices = [name for name in state if state[name].dim() == 2 and name.startswith("blocks.")]
    assert len(matrices) > 20
    for name in matrices:
        found, wanted = opened[f"model.diffusion_model.{name}"], state[name]
        assert (found - wanted).norm() < 0.04 * wanted.norm()  # three bits of mantissa


def test_a_gguf_file_is_computed_with_as_it_is(state, plain, film, tmp_path) -> None:
    gguf = pytest.importorskip("gguf")

    path = tmp_path / "wan2.1-fun-camera-Q8_0.gguf"
    writer = gguf.GGUFWriter(str(path), "wan")
    for name, tensor in state.items():
        numbers = tensor.numpy()
        if tensor.dim() == 2 and name.startswith("blocks."):
            kind = gguf.GGMLQuantizationType.Q8_0
            writer.add_tensor(name, gguf.quants.quantize(numbers, kind), raw_dtype=kind)
        else:
            writer.add_tensor(name, numbers)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    assert np.abs(film(path) - plain).mean() < 3


def test_shards_without_an_index_are_joined_and_a_missing_one_named(state, plain, film, tmp_path) -> None:
    from safetensors.torch import save_file

    folder = tmp_path / "shards"
    folder.mkdir()
    shutil.copy(tmp_path / "plain" / "config.json", folder)
    names = sorted(state)
    for number in range(3):
        part = {name: state[name] for name in names[number::3]}
        save_file(part, folder / f"diffusion_pytorch_model-0000{number + 1}-of-00003.safetensors")
    assert np.array_equal(film(folder), plain)
    (folder / "diffusion_pytorch_model-00002-of-00003.safetensors").unlink()
    with pytest.raises(InputError, match=r"lacks diffusion_pytorch_model-00002-of-00003\.safetensors, 1 of 3 files"):
        film(folder)


def test_two_single_files_are_the_halves_of_wan_2_2(random_state, wan_shapes, film, tiny_models, tmp_path) -> None:
    from safetensors.torch import save_file

    folder = tmp_path / "comfy"
    folder.mkdir()
    shapes = wan_shapes(dim=128, ffn=64, layers=2, text_dim=32, in_dim=36, camera=True)
    for seed, half in enumerate(("high", "low")):
        save_file(random_state(shapes, seed), folder / f"wan2.2_fun_camera_{half}_noise_14B_bf16.safetensors")
    both = film(folder, model="2.2-A14B", steps=6)
    save_file(random_state(shapes, 7), folder / "wan2.2_fun_camera_low_noise_14B_bf16.safetensors")
    assert np.abs(both - film(folder, model="2.2-A14B", steps=6)).max() > 2
    (folder / "wan2.2_fun_camera_high_noise_14B_bf16.safetensors").unlink()
    with pytest.raises(InputError, match="0 files for much noise and 1 for little"):
        film(folder, model="2.2-A14B")


WAN_T5 = {
    "SelfAttention.relative_attention_bias": "pos_embedding.embedding",
    "layer.0.SelfAttention": "attn",
    "layer.0.layer_norm": "norm1",
    "layer.1.layer_norm": "norm2",
    "layer.1.DenseReluDense.wi_0": "ffn.gate.0",
    "layer.1.DenseReluDense.wi_1": "ffn.fc1",
    "layer.1.DenseReluDense.wo": "ffn.fc2",
}


@pytest.mark.parametrize("form", ["comfy", "comfy fp8", "wan"])
def test_a_text_encoder_in_one_file_gives_the_same_video(form, film, tiny_models, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    parts = tmp_path / "parts"
    shutil.copytree(tiny_models.parts, parts)
    shutil.rmtree(parts / "text_encoder")
    state = load_file(tiny_models.parts / "text_encoder" / "model.safetensors")
    state.pop("encoder.embed_tokens.weight", None)
    if form == "wan":
        named = {}
        for name, tensor in state.items():
            new = name.removeprefix("encoder.").replace("block.", "blocks.", 1)
            for own, wans in WAN_T5.items():
                new = new.replace(f"layer.0.{own}" if own.startswith("Self") else own, wans)
            new = {"shared.weight": "token_embedding.weight", "final_layer_norm.weight": "norm.weight"}.get(new, new)
            named[new] = tensor
        torch.save(named, parts / "models_t5_umt5-xxl-enc-bf16.pth")
    elif form == "comfy fp8":
        low = {name: t.to(torch.float8_e4m3fn) if t.dim() > 1 else t for name, t in state.items()}
        save_file(low | {"spiece_model": torch.zeros(9, dtype=torch.uint8)}, parts / "umt5_xxl_fp8.safetensors")
    else:
        save_file(state, parts / "umt5_xxl_fp16.safetensors")
    one, other = film(tiny_models.fun), film(tiny_models.fun, parts=str(parts))
    assert np.array_equal(one, other) or (form == "comfy fp8" and np.abs(one - other).mean() < 3)


def test_a_picture_encoder_in_one_file_is_read_by_its_shapes(tmp_path) -> None:
    from safetensors.torch import save_file
    from transformers import CLIPVisionConfig, CLIPVisionModel

    from parascale.generators.diffusion.single_files import load_image_encoder

    config = CLIPVisionConfig(
        hidden_size=32, projection_dim=4, num_hidden_layers=2, num_attention_heads=16, image_size=32,
        intermediate_size=16, patch_size=4, hidden_act="gelu",
    )  # fmt: skip
    model = CLIPVisionModel(config)
    state = {f"vision_model.{name.removeprefix('vision_model.')}": t for name, t in model.state_dict().items()}
    save_file(state | {"visual_projection.weight": torch.zeros(4, 32)}, tmp_path / "clip_vision_h.safetensors")
    pixels = torch.randn(1, 3, 32, 32)
    loaded = load_image_encoder(tmp_path / "clip_vision_h.safetensors", torch.float32)
    torch.testing.assert_close(loaded(pixels).last_hidden_state, model(pixels).last_hidden_state)


def test_one_umt5_serves_all_wan_models() -> None:
    from parascale.generators import recammaster, wan_fun_camera, wan_vace
    from parascale.weights.catalogue import CATALOGUE, find_weights

    text = {model["text_encoder"] for model in (recammaster.PUBLISHED, wan_vace.PUBLISHED)} | {
        wan_fun_camera.TEXT_ENCODER
    }
    assert text == {"umt5-xxl"}
    wan = [weights for weights in CATALOGUE if weights.name.startswith(("wan-", "recammaster"))]
    assert all("umt5-xxl" in weights.needs for weights in wan)
    assert not any("text_encoder" in pattern for weights in wan for pattern in weights.files)
    assert find_weights("KwaiVGI/ReCamMaster-Wan2.1") is find_weights("KlingTeam/ReCamMaster-Wan2.1")


def test_weights_fetched_under_a_former_id_are_found(tmp_path, monkeypatch) -> None:
    from huggingface_hub import constants

    from parascale.weights.hub import locate

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    commit = "0" * 40
    folder = tmp_path / "hub" / "models--KwaiVGI--ReCamMaster-Wan2.1"
    (folder / "snapshots" / commit).mkdir(parents=True)
    (folder / "snapshots" / commit / "step20000.ckpt").write_bytes(b"x")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text(commit)
    assert locate("recammaster") == folder / "snapshots" / commit


# --- weights check ---


@pytest.mark.parametrize(
    ("folder", "generator", "model"),
    [
        ("fun", "wan-fun-camera", ""),
        ("fun_22", "wan-fun-camera", "2.2-A14B"),
        ("recammaster", "recammaster", "1.3B"),
        ("vace", "wan-vace", ""),
        ("vace_22", "wan-vace", "2.2-A14B"),
        ("easyanimate", "easyanimate-camera", ""),
        ("sana", "sana-wm", "1.6B"),
        ("ltx", "ltx", ""),
    ],
)
def test_weights_are_told_by_their_headers(folder, generator, model, tiny_models) -> None:
    from parascale.generators.identify import identify

    parts = tiny_models.parts if generator.startswith(("wan", "recam")) else None
    if folder == "recammaster":
        settings = tiny_models.recammaster / "transformer"
        shutil.copytree(tiny_models.parts / "transformer", settings, dirs_exist_ok=True)
    found = identify(getattr(tiny_models, folder), parts)
    assert (found.inspection.generator, found.inspection.model) == (generator, model)
    assert found.is_whole
    assert set(found.memory) == {"none", "model", "group", "sequential"}
    assert min(found.memory.values()) > 0
    assert found.precision == "f32"


def test_motionmasters_weights_are_told_and_make_a_step(tiny_models, tmp_path) -> None:
    from parascale.generators.identify import identify, try_step

    alone = identify(tiny_models.stable_diffusion)
    assert alone.inspection.generator == "motionmaster"
    assert "weights fetch animatediff-adapter" in sentence(alone.parts["adapter"])
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "adapter").symlink_to(tiny_models.motion_adapter)
    found = identify(tiny_models.stable_diffusion, tmp_path / "parts")
    assert found.is_whole
    assert min(found.memory.values()) > 0
    assert try_step(found) > 0


def test_what_is_no_generators_is_said(tiny_models, tmp_path) -> None:
    from safetensors.torch import save_file

    from parascale.generators.identify import identify

    with pytest.raises(InputError, match="a Wan model that sees no camera"):
        identify(tiny_models.control)
    save_file({"blocks.0.lora_A.weight": torch.zeros(2, 2)}, tmp_path / "lora.safetensors")
    with pytest.raises(InputError, match="is a LoRA"):
        identify(tmp_path / "lora.safetensors")
    save_file({"a": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="none of its 1 tensors is known"):
        identify(tmp_path / "other.safetensors")
    assert identify(tiny_models.parts / "text_encoder").part == "text_encoder"


def test_the_command_prints_what_it_found(typed, tiny_models) -> None:
    """In this process: another would read torch and diffusers anew for every command."""
    check = ("weights", "check", tiny_models.fun, "--no-step")
    code, said, _ = typed(*check, "--parts", tiny_models.parts)
    assert code == 0
    assert f"{tiny_models.fun}: wan-fun-camera, " in said
    assert "GB by offload" in said
    assert "(81 frames of 832x480 in bf16, estimated)" in said
    told = json.loads(typed(*check, "--json")[1])
    assert told["generator"] == "wan-fun-camera"
    assert told["parts"]["vae"] is None
    code, _, said = typed("weights", "check", tiny_models.control)
    assert code == 3
    assert "sees no camera" in said


def test_a_command_checks_weights_and_denoises_a_step(tiny_models, tmp_path) -> None:
    from parascale.generators.identify import identify, try_step

    found = identify(tiny_models.fun, tiny_models.parts)
    assert try_step(found, tiny_models.parts) > 0
    alone = identify(tiny_models.fun)
    assert not alone.is_whole
    assert "run `parascale weights fetch umt5-xxl`" in sentence(alone.parts["text_encoder"])
    copy = Path(shutil.copytree(tiny_models.fun, tmp_path / "copy"))
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"num_layers": 3}))
    with pytest.raises(InputError, match=r"lacks blocks\.2\."):
        identify(copy, tiny_models.parts)
