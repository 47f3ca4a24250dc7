"""Weights that are damaged, part by part: every one is refused in a sentence that names the part, none is filled in."""

import json
import shutil
from pathlib import Path

import pytest

from parascale.cli.advice import sentence
from parascale.errors import InputError
from parascale.generators import GENERATORS

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")

pytestmark = pytest.mark.slow

# By generator: the parameter that names a folder, and the parts in it that hold numbers.
FAMILIES = {
    "wan-fun-camera": {"weights": ("",), "parts": ("vae", "text_encoder", "image_encoder")},
    "wan-fun-camera 2.2": {"weights": ("high_noise_model", "low_noise_model")},
    "wan-fun-camera 5B": {"weights": ("",), "parts": ("vae", "text_encoder")},
    "recammaster": {"weights": ("",), "parts": ("vae", "text_encoder")},
    "wan-vace": {"weights": ("transformer", "vae", "text_encoder")},
    "wan-vace 2.2": {"weights": ("high_noise_model", "low_noise_model", "vae")},
    "easyanimate-camera": {"weights": ("transformer", "vae", "text_encoder")},
    "motionmaster": {"weights": ("unet", "vae", "text_encoder"), "adapter": ("",)},
    "sana-wm": {"weights": ("transformer", "vae", "text_encoder")},
    "ltx": {"weights": ("transformer", "vae", "audio_vae", "text_encoder", "connectors", "vocoder"), "lora": ("",)},
}
PARTS = [
    (family, parameter, part) for family, folders in FAMILIES.items() for parameter, parts in folders.items()
    for part in parts
]  # fmt: skip
DAMAGES = ("missing", "truncated", "gaps", "shapes", "family")


def model_file(folder: Path) -> Path:
    return next(path for path in sorted(folder.iterdir()) if path.suffix in (".safetensors", ".ckpt"))


def read(path: Path) -> dict:
    from safetensors.torch import load_file

    return torch.load(path, weights_only=True) if path.suffix == ".ckpt" else load_file(path)


def write(path: Path, state: dict) -> None:
    from safetensors.torch import save_file

    state = {name: tensor.contiguous() for name, tensor in state.items()}
    torch.save(state, path) if path.suffix == ".ckpt" else save_file(state, path, metadata={"format": "pt"})


def damage(folder: Path, how: str) -> None:
    path = model_file(folder)
    if how == "missing":
        path.unlink()
    elif how == "truncated":
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    elif how == "gaps":
        state = read(path)
        write(path, {name: tensor for number, (name, tensor) in enumerate(state.items()) if number % 10 >= 3})
    elif how == "shapes":
        state = read(path)
        name = max(state, key=lambda name: (state[name].dim() > 1, state[name].numel()))
        write(path, state | {name: torch.zeros(*state[name].shape[:-1], state[name].shape[-1] + 1)})
    elif how == "family":
        write(path, {f"model.layers.{number}.mlp.weight": torch.zeros(4, 4) for number in range(3)})
    elif how == "fp8":
        state = read(path)
        write(path, {name: t.to(torch.float8_e4m3fn) if t.dim() > 1 else t for name, t in state.items()})


@pytest.fixture
def damaged(ask, source_clip, tiny_models, tmp_path, monkeypatch):
    """Make a request whose weights are damaged in one part."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    others = {
        "wan-fun-camera 2.2": {"weights": str(tiny_models.fun_22), "model": "2.2-A14B"},
        "wan-fun-camera 5B": {
            "weights": str(tiny_models.fun_5b),
            "parts": str(tiny_models.parts_5b),
            "model": "2.2-5B",
        },
        "wan-vace 2.2": {"weights": str(tiny_models.vace_22), "model": "2.2-A14B"},
        "motionmaster": {"source_video": str(source_clip)},
        "sana-wm": {"width": 64, "height": 64},
        "ltx": {"width": 64, "height": 64, "lora": str(tiny_models.ltx_lora.parent)},
    }

    def make(family, parameter, part, how):
        name = family.split()[0]
        values = dict(ask(name, **others.get(family, {})).parameters)
        folder = tmp_path / "weights" / parameter
        shutil.copytree(Path(str(values[parameter])), folder)
        damage(folder / part, how)
        others[family] = others.get(family, {}) | {parameter: str(folder)}
        return ask(name, **others[family]), folder / part

    return make


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize(("family", "parameter", "part"), PARTS)
def test_a_damaged_part_is_named_in_a_sentence(family, parameter, part, how, damaged, tmp_path) -> None:
    request, folder = damaged(family, parameter, part, how)
    with pytest.raises(InputError) as caught:
        GENERATORS[request.generator].generate(request, tmp_path)
    text = sentence(caught.value)
    assert "\n" not in text
    assert str(folder) in text or str(folder.parent) in text
    assert "meta tensor" not in text
    assert not (tmp_path / "result.mp4").exists()


@pytest.mark.parametrize(
    ("family", "part", "said"),
    [
        ("wan-fun-camera 5B", "vae", "gives latents of 16 channels where the transformer takes 48"),
        ("wan-fun-camera", "vae", "gives latents of 48 channels where the transformer takes 16"),
        ("wan-fun-camera 2.2", "vae", "gives latents of 48 channels where the transformer takes 16"),
        ("recammaster", "vae", "gives latents of 48 channels where the transformer takes 16"),
        ("wan-vace", "vae", "gives latents of 48 channels where the transformer takes 16"),
        ("wan-fun-camera", "text_encoder", "gives words 24 numbers wide where the transformer takes 32"),
        ("wan-fun-camera", "image_encoder", "gives pictures 8 numbers wide where the transformer takes 4"),
    ],
)
def test_a_whole_part_of_another_model_is_refused_by_its_width(
    family, part, said, damaged, tiny_models, tmp_path
) -> None:
    from transformers import CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

    from parascale.generators.identify import identify

    parameter = "weights" if family == "wan-vace" else "parts"
    request, folder = damaged(family, parameter, part, "nothing")
    shutil.rmtree(folder)
    if part == "vae":
        shutil.copytree((tiny_models.parts if "5B" in family else tiny_models.parts_5b) / "vae", folder)
    elif part == "text_encoder":
        text = UMT5Config(vocab_size=32, d_model=24, d_kv=8, d_ff=37, num_layers=1, num_heads=3)
        UMT5EncoderModel(text).save_pretrained(folder)
    else:
        vision = CLIPVisionConfig(
            hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=32, patch_size=4
        )
        CLIPVisionModel(vision).save_pretrained(folder)
    with pytest.raises(InputError, match=said):
        GENERATORS[request.generator].generate(request, tmp_path)
    if family != "recammaster":
        found = identify(Path(str(request.parameters["weights"])), folder.parent)
        assert said in sentence(found.parts[part])


@pytest.mark.parametrize(("family", "parameter", "part"), PARTS)
def test_fp8_is_computed_in_the_precision_that_is_asked_for(family, parameter, part, damaged, tmp_path) -> None:
    request, folder = damaged(family, parameter, part, "fp8")
    header = json.loads(json.dumps({name: str(t.dtype) for name, t in read(model_file(folder)).items()}))
    assert any("float8" in dtype for dtype in header.values())
    result = GENERATORS[request.generator].generate(request, tmp_path)
    assert result.summary["frames"] == 9
