"""Every adapter at its published size with random numbers, on a GPU: `make gpu`. Nothing is downloaded.

What is measured is written to build/gpu.md, which goes into docs/generators.md with the card's name. The same steps are
taken on a processor at tiny size, so that they run where there is no GPU.
"""

import copy
import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from model_parts import WAN, WHOLE, animatediff_parts, vace_transformer, wan_parts

from parascale.generators import GENERATORS
from parascale.generators.diffusion_generator import DiffusionGenerator
from parascale.generators.motionmaster import FILM
from parascale.media.video_file import read_video
from parascale.media.video_writer import VideoWriter

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")

NO_GPU = "make gpu measures on a CUDA GPU, and torch finds none: run it on a machine with one"
gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason=NO_GPU)
pytestmark = pytest.mark.slow
TABLE = Path(__file__).parents[2] / "build" / "gpu.md"
# Memory against the estimate, and levels of 255 by which bf16 on a GPU may be off from fp32 on a processor, on average.
MEMORY_TOLERANCE, LEVELS = 0.15, 10.0
# What is told first once the models are there: MotionMaster follows its source before it reads the prompt.
LOADED = ("following the source's motion", "reading the prompt")


@dataclasses.dataclass(frozen=True)
class Row:
    """What a run took."""

    name: str
    offload: str
    tiling: bool
    loading: float
    step: float
    estimate: int
    peak: int

    def __str__(self) -> str:
        tiled = ", tiling" if self.tiling else ""
        memory = f"{self.estimate / 1e9:.1f} | {self.peak / 1e9:.1f}"
        return f"| {self.name} | {self.offload}{tiled} | {self.loading:.0f} | {self.step:.1f} | {memory} |"


def write_random(make: Callable[[], "torch.nn.Module"], folder: Path) -> None:
    """Write a model of diffusers or transformers, its numbers random, without ever building it in memory."""
    from accelerate import init_empty_weights

    with init_empty_weights():
        model = make()
    if hasattr(model, "tie_weights"):
        model.tie_weights()
    # Of tensors that are one, the first.
    kept = {name for name, _ in (*model.named_parameters(), *model.named_buffers())}
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items() if name in kept}
    folder.mkdir(parents=True, exist_ok=True)
    of_diffusers = hasattr(model, "save_config")
    model.save_config(folder) if of_diffusers else model.config.save_pretrained(folder)
    write_tensors(shapes, folder / f"{'diffusion_pytorch_model' if of_diffusers else 'model'}.safetensors")


def write_tensors(shapes: dict[str, tuple[int, ...]], path: Path) -> None:
    """Write random numbers in bf16: norms about 1, the rest of a size that neither dies out nor blows up."""
    from safetensors.torch import save_file

    def tensor(name: str, shape: tuple[int, ...]) -> "torch.Tensor":
        values = torch.randn(shape, dtype=torch.bfloat16)
        if "norm" in name and name.endswith(("weight", "gamma")):
            return 1 + 0.1 * values
        return values / max(1, int(np.prod(shape[1:]))) ** 0.5 if len(shape) > 1 else 0.1 * values

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: tensor(name, shape) for name, shape in shapes.items()}, path, metadata={"format": "pt"})


def write_wan_parts(folder: Path, size: str, tokens: object) -> None:
    from transformers import CLIPImageProcessor

    for part, make in wan_parts(tiny=size == "tiny").items():
        write_random(make, folder / part)
    side = 32 if size == "tiny" else 224
    CLIPImageProcessor(crop_size=side, size={"shortest_edge": side}).save_pretrained(folder / "image_processor")
    tokens.save_pretrained(folder / "tokenizer")


def write_wan_fun(folder: Path, size: str, named_shapes: Callable, tokens: object) -> dict[str, str]:
    block, text = WAN[size], 32 if size == "tiny" else 4096
    sizes = {name: block[name] for name in ("dim", "ffn", "layers")}
    shapes = named_shapes(**sizes, in_dim=32, text_dim=text, clip=1280, camera=True)
    write_tensors(shapes, folder / "weights" / "diffusion_pytorch_model.safetensors")
    config = {"dim": block["dim"], "ffn_dim": block["ffn"], "num_layers": block["layers"], "num_heads": block["heads"],
              "in_dim": 32, "out_dim": 16, "text_dim": text, "freq_dim": 256}  # fmt: skip
    (folder / "weights" / "config.json").write_text(json.dumps(config))
    write_wan_parts(folder / "parts", size, tokens)
    return {"weights": str(folder / "weights"), "parts": str(folder / "parts")}


def write_wan_vace(folder: Path, size: str, _named_shapes: Callable, tokens: object) -> dict[str, str]:
    write_random(lambda: vace_transformer(size), folder / "weights" / "transformer")
    write_wan_parts(folder / "weights", size, tokens)
    return {"weights": str(folder / "weights")}


def write_recammaster(folder: Path, size: str, named_shapes: Callable, tokens: object) -> dict[str, str]:
    sizes = {name: WAN[size][name] for name in ("dim", "ffn", "layers")}
    text = 32 if size == "tiny" else 4096
    write_wan_parts(folder / "parts", size, tokens)
    (folder / "parts" / "transformer").mkdir()
    config = {"num_attention_heads": WAN[size]["heads"], "attention_head_dim": sizes["dim"] // WAN[size]["heads"],
              "ffn_dim": sizes["ffn"], "num_layers": sizes["layers"], "in_channels": 16, "out_channels": 16,
              "text_dim": text, "freq_dim": 256}  # fmt: skip
    (folder / "parts" / "transformer" / "config.json").write_text(json.dumps(config))
    shapes = named_shapes(**sizes, in_dim=16, text_dim=text, recapture=True)
    state = {name: 0.02 * torch.randn(shape, dtype=torch.bfloat16) for name, shape in shapes.items()}
    torch.save(state, folder / "step20000.ckpt")
    return {"weights": str(folder), "parts": str(folder / "parts")}


def write_motionmaster(folder: Path, size: str, _named_shapes: Callable, tokens: object) -> dict[str, object]:
    for part, make in animatediff_parts(tiny=size == "tiny").items():
        write_random(make, folder / part)
    tokens = copy.deepcopy(tokens)
    tokens.model_max_length = 77
    tokens.save_pretrained(folder / "tokenizer")
    pictures = np.random.default_rng(3).integers(0, 256, (FILM[0], 64, 64, 3), dtype=np.uint8)
    with VideoWriter(folder / "source.mp4", 64, 64, 8.0) as film:
        for picture in pictures:
            film.write(picture)
    # The step that is timed, the second of two, is given the motion too.
    return {"weights": str(folder), "adapter": str(folder / "adapter"), "source_video": str(folder / "source.mp4"),
            "share": 1.0}  # fmt: skip


# The numbers of their transformers, in billions.
BILLIONS = {"sana-wm": 2.6, "ltx": 19.0, "easyanimate-camera": 12.0}


def write_whole(name: str, size: str, folder: Path, tokens: object) -> dict[str, str]:
    from diffusers import FlowMatchEulerDiscreteScheduler

    for part, make in WHOLE[name](tiny=size == "tiny").items():
        write_random(make, folder / part)
    tokens.save_pretrained(folder / "tokenizer")
    FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=name == "ltx").save_pretrained(folder / "scheduler")
    if name != "ltx":
        return {"weights": str(folder)}
    layer, width = "transformer.transformer_blocks.0.attn1.to_q", 16 if size == "tiny" else 4096
    write_tensors(
        {f"{layer}.lora_A.weight": (4, width), f"{layer}.lora_B.weight": (width, 4)}, folder / "lora" / "ic.safetensors"
    )
    return {"weights": str(folder), "lora": str(folder / "lora")}


WRITERS = {"recammaster": write_recammaster, "wan-fun-camera": write_wan_fun, "wan-vace": write_wan_vace,
           "motionmaster": write_motionmaster}  # fmt: skip
SIZES = [
    ("recammaster", "1.3B"),
    *((name, size) for name in ("wan-fun-camera", "wan-vace") for size in ("1.3B", "14B")),
]
SIZES += [(name, "") for name in ("motionmaster", *WHOLE)]
# Frames and size in pixels that each is measured at: what it was trained at.
SHAPES = {"sana-wm": (161, (1280, 704)), "ltx": (121, (768, 512)), "easyanimate-camera": (49, (672, 384)),
          "motionmaster": (FILM[0], FILM[1:])}  # fmt: skip


@pytest.fixture
def write_model(wan_shapes, tiny_tokens, tiny_chat_tokens, tmp_path):
    """Write a model of a generator at a size, and return the parameters that name it."""

    def write(name: str, size: str) -> dict[str, object]:
        if name in WHOLE:
            return write_whole(name, size, tmp_path / "model", tiny_chat_tokens)
        return WRITERS[name](tmp_path / "model", size, wan_shapes, tiny_tokens)

    return write


@pytest.fixture
def measure(ask, tmp_path, monkeypatch):
    """Generate, and return what it took."""
    from parascale.generators.diffusion import run

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    needs = []
    check = run.check_memory

    def spy(name, need, offload, device, **how):
        needs.append(need.of(offload))
        check(name, need, offload, device, **how)

    monkeypatch.setattr(run, "check_memory", spy)

    def take(name, size, *, offload="none", tiling=False, frames=9, shape=(48, 32), device="cpu", **values) -> Row:
        marks = {}
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats()
        how = {"offload": offload, "tiling": tiling, "device": device}
        request = ask(name, frames=frames, width=shape[0], height=shape[1], **how, **values)
        started = time.monotonic()
        GENERATORS[name].generate(request, tmp_path, lambda part, phase: marks.setdefault(phase, time.monotonic()))
        first, second = (marks[phase] for phase in ("step 1 of 2", "decoding the video"))
        peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
        loading = min(marks[phase] for phase in marks if phase in LOADED) - started
        return Row(f"{name} {size}", offload, tiling, loading, second - first, needs[-1], peak)

    return take


@pytest.mark.parametrize("name", sorted(WRITERS | WHOLE))
def test_the_steps_that_are_measured_run_on_a_processor_too(name, measure, write_model) -> None:
    shape = (64, 64) if name in ("sana-wm", "ltx", "motionmaster") else (48, 32)
    row = measure(name, "tiny", shape=shape, **write_model(name, "tiny"))
    assert row.estimate > 0
    assert row.step > 0
    assert str(row).count("|") == 7


def test_every_generator_that_runs_a_model_here_is_measured() -> None:
    assert {name for name, found in GENERATORS.items() if isinstance(found, DiffusionGenerator)} == {*dict(SIZES)}
    assert {*dict(SIZES)} == {*WRITERS, *WHOLE}


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_the_sizes_that_are_measured_are_the_published_ones(name) -> None:
    from accelerate import init_empty_weights

    with init_empty_weights():
        count = sum(tensor.numel() for tensor in WHOLE[name]()["transformer"]().parameters())
    print(name, count)
    assert count / 1e9 == pytest.approx(BILLIONS[name], rel=0.15)


@gpu
@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("name", "size"), SIZES)
def test_a_published_size_takes_the_memory_that_is_estimated(name, size, measure, write_model) -> None:
    values = write_model(name, size)
    if name in ("wan-fun-camera", "wan-vace"):
        values["model"] = size
    how = [("none", False), ("none", True), ("model", False), ("group", False), ("sequential", False)]
    frames, shape = SHAPES.get(name, (81, (832, 480)))
    rows = [
        measure(name, size, offload=offload, tiling=tiling, frames=frames, shape=shape, device="cuda", **values)
        for offload, tiling in how
    ]
    TABLE.parent.mkdir(exist_ok=True)
    with TABLE.open("a") as table:
        table.write(f"{torch.cuda.get_device_name()}, {size}\n" + "\n".join(map(str, rows)) + "\n")
    for row in rows:
        assert row.peak == pytest.approx(row.estimate, rel=MEMORY_TOLERANCE), str(row)


def levels_between(ask, tmp_path, name: str, one: dict, other: dict) -> float:
    """Return by how many levels of 255 two films differ on average."""
    films = []
    for values in (one, other):
        result = GENERATORS[name].generate(ask(name, **values), tmp_path)
        films.append(read_video(result.files["video"], 99).astype(float))
    return float(np.abs(films[0] - films[1]).mean())


SINGLE, HALF = {"device": "cpu", "precision": "fp32"}, {"precision": "bf16"}
COMPARED = ("wan-fun-camera", "wan-vace", "easyanimate-camera")


@gpu
@pytest.mark.parametrize("name", COMPARED)
def test_a_gpu_in_bf16_makes_the_film_of_a_processor_in_fp32(name, ask, tmp_path) -> None:
    assert levels_between(ask, tmp_path, name, SINGLE, HALF | {"device": "cuda"}) < LEVELS


@pytest.mark.parametrize("name", COMPARED)
def test_a_processor_in_bf16_makes_the_film_of_one_in_fp32(name, ask, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    levels = levels_between(ask, tmp_path, name, SINGLE, HALF | {"device": "cpu"})
    print(name, levels)
    assert levels < LEVELS
