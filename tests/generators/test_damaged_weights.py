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
    "recammaster": {"weights": ("",), "parts": ("vae", "text_encoder")},
    "wan-vace": {"weights": ("transformer", "vae", "text_encoder")},
    "wan-vace 2.2": {"weights": ("high_noise_model", "low_noise_model", "vae")},
    "easyanimate-camera": {"weights": ("transformer", "vae", "text_encoder")},
    "motionmaster": {"weights": ("unet", "vae", "text_encoder"), "adapter": ("",)},
    "sana-wm": {"weights": ("transformer", "vae", "text_encoder")},
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
    else:
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
        "wan-vace 2.2": {"weights": str(tiny_models.vace_22), "model": "2.2-A14B"},
        "motionmaster": {"source_video": str(source_clip)},
        "sana-wm": {"width": 64, "height": 64},
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


@pytest.mark.parametrize(("family", "parameter", "part"), PARTS)
def test_fp8_is_computed_in_the_precision_that_is_asked_for(family, parameter, part, damaged, tmp_path) -> None:
    request, folder = damaged(family, parameter, part, "fp8")
    header = json.loads(json.dumps({name: str(t.dtype) for name, t in read(model_file(folder)).items()}))
    assert any("float8" in dtype for dtype in header.values())
    result = GENERATORS[request.generator].generate(request, tmp_path)
    assert result.summary["frames"] == 9
