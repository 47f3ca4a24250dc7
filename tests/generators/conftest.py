"""Requests for a preview of a textured wall, and checkpoints of tiny models with random weights."""

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from model_parts import animatediff_parts, easyanimate_parts, ltx_parts, sana_parts

from parascale.camera import Trajectory
from parascale.link.kinds.generate import GenerationRequest
from parascale.parallax.shot import Shot


@pytest.fixture(scope="session")
def texture() -> Callable[[int, int], np.ndarray]:
    """Make a smooth random picture that structure from motion could follow."""

    def make(width: int, height: int) -> np.ndarray:
        noise = np.random.default_rng(3).uniform(0, 255, (height, width, 1)).astype(np.float32)
        smooth = cv2.normalize(cv2.GaussianBlur(noise, (0, 0), 2.0), None, 20, 235, cv2.NORM_MINMAX)
        return np.repeat(smooth[..., None], 3, axis=-1).astype(np.uint8)

    return make


@pytest.fixture(scope="session")
def make_request(texture) -> Callable[..., GenerationRequest]:
    """Make a request along given camera centres, axes unturned, through a wall at depth 1."""

    def make(centres, width=160, height=96, image=None, depth_map="wall", fps=16.0, parameters=None):
        centres = np.asarray(centres, float)
        poses = np.tile(np.eye(4), (len(centres), 1, 1))
        poses[:, :3, 3] = centres
        intrinsics = np.array([0.9 * width, 0.9 * width, width / 2, height / 2])
        trajectory = Trajectory(poses, intrinsics, np.arange(len(centres)) / fps, width, height)
        shot = Shot("wall", fps, trajectory, np.ones(len(centres)), unit="unit-depth")
        if isinstance(depth_map, str):
            depth_map = np.ones((height, width), np.float32)
        image = texture(width, height) if image is None else image
        return GenerationRequest(shot, "preview", image, depth_map, parameters=parameters or {})

    return make


NEEDS_TORCH = "the generation extra is not installed: pip install 'parascale[generate]'"


def published_shapes(
    *, dim, ffn, layers, in_dim, out_dim=16, text_dim=4096, freq_dim=256, clip=None, camera=False, recapture=False
) -> dict[str, tuple[int, ...]]:
    """Names and shapes of a Wan checkpoint as published, typed from the description of its layers."""

    def linear(name, inputs, outputs):
        return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}

    def attention(name, *, picture=False):
        found = {f"{name}.norm_{part}.weight": (dim,) for part in "qk"}
        for part in "qkvo":
            found |= linear(f"{name}.{part}", dim, dim)
        if picture:
            found |= linear(f"{name}.k_img", dim, dim) | linear(f"{name}.v_img", dim, dim)
            found[f"{name}.norm_k_img.weight"] = (dim,)
        return found

    shapes = {"patch_embedding.weight": (dim, in_dim, 1, 2, 2), "patch_embedding.bias": (dim,)}
    shapes |= linear("text_embedding.0", text_dim, dim) | linear("text_embedding.2", dim, dim)
    shapes |= linear("time_embedding.0", freq_dim, dim) | linear("time_embedding.2", dim, dim)
    shapes |= linear("time_projection.1", dim, 6 * dim)
    shapes |= linear("head.head", dim, 4 * out_dim) | {"head.modulation": (1, 2, dim)}
    for number in range(layers):
        block = f"blocks.{number}"
        shapes |= {f"{block}.modulation": (1, 6, dim), f"{block}.norm3.weight": (dim,), f"{block}.norm3.bias": (dim,)}
        shapes |= attention(f"{block}.self_attn") | attention(f"{block}.cross_attn", picture=clip is not None)
        shapes |= linear(f"{block}.ffn.0", dim, ffn) | linear(f"{block}.ffn.2", ffn, dim)
        if recapture:
            shapes |= linear(f"{block}.cam_encoder", 12, dim) | linear(f"{block}.projector", dim, dim)
    if clip is not None:
        shapes |= {"img_emb.proj.0.weight": (clip,), "img_emb.proj.0.bias": (clip,)}
        shapes |= linear("img_emb.proj.1", clip, clip) | linear("img_emb.proj.3", clip, dim)
        shapes |= {"img_emb.proj.4.weight": (dim,), "img_emb.proj.4.bias": (dim,)}
    if camera:
        shapes |= {"control_adapter.conv.weight": (dim, 1536, 2, 2), "control_adapter.conv.bias": (dim,)}
        for number in (1, 2):
            name = f"control_adapter.residual_blocks.0.conv{number}"
            shapes |= {f"{name}.weight": (dim, dim, 3, 3), f"{name}.bias": (dim,)}
    return shapes


@pytest.fixture(scope="session")
def wan_shapes():
    """Give `published_shapes`."""
    return published_shapes


@pytest.fixture(scope="session")
def random_state():
    """Make a checkpoint of given shapes: random, of a size that neither dies out nor blows up."""
    torch = pytest.importorskip("torch", reason=NEEDS_TORCH)

    def make(shapes, seed=0):
        generator = torch.Generator().manual_seed(seed)

        def tensor(name, shape):
            values = torch.randn(shape, generator=generator)
            if "norm" in name and name.endswith("weight"):
                return 1 + 0.1 * values
            fan = int(np.prod(shape[1:])) if len(shape) > 1 else 1
            return values * (0.1 if len(shape) == 1 else 1 / np.sqrt(fan))

        return {name: tensor(name, shape) for name, shape in shapes.items()}

    return make


TINY = {"dim": 24, "ffn": 32, "layers": 2, "text_dim": 32}


def tiny_tokenizer(*, chat=False):
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["<pad>", "</s>", "<unk>", "a", "desk", "with", "lamp", "user", "assistant"]
    model = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    tokens = PreTrainedTokenizerFast(
        tokenizer_object=model, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", padding_side="right"
    )
    if chat:
        tokens.chat_template = (
            "{% for m in messages %}{{ m['role'] }} {% for c in m['content'] %}{{ c['text'] }} {% endfor %}{% endfor %}"
            "{% if add_generation_prompt %}assistant{% endif %}"
        )
    return tokens


@pytest.fixture(scope="session")
def tiny_tokens():
    """Give `tiny_tokenizer`."""
    pytest.importorskip("transformers", reason=NEEDS_TORCH)
    return tiny_tokenizer()


@pytest.fixture(scope="session")
def tiny_chat_tokens():
    """Give a `tiny_tokenizer` with a chat template, as EasyAnimate's Qwen2-VL has."""
    pytest.importorskip("transformers", reason=NEEDS_TORCH)
    return tiny_tokenizer(chat=True)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory, random_state) -> SimpleNamespace:
    """Folders of every generator's checkpoint as published, with models of a few thousand random numbers."""
    pytest.importorskip("diffusers", reason=NEEDS_TORCH)
    import torch

    torch.set_num_threads(1)  # models this small only wait for each other's threads
    root = tmp_path_factory.mktemp("weights")
    _save_wan_parts(root / "wan-parts")
    folders = SimpleNamespace(root=root, parts=root / "wan-parts")
    folders.fun = _save_original(root / "wan-fun", random_state, clip=4, in_dim=32, camera=True)
    folders.fun_22 = root / "wan-fun-2.2"
    for seed, half in enumerate(("high_noise_model", "low_noise_model")):
        _save_original(folders.fun_22 / half, random_state, in_dim=36, camera=True, seed=seed)
    folders.fun_5b = _save_original(
        root / "wan-fun-5b", random_state, in_dim=100, out_dim=48, camera=True, downscale=16
    )
    folders.parts_5b = _save_parts_5b(root / "wan-parts-5b", folders.parts)
    folders.vace_22 = _save_vace_22(root / "vace-2.2", random_state, folders.parts)
    folders.control = _save_original(root / "wan-control", random_state, clip=4, in_dim=48)
    folders.recammaster = _save_recammaster(root / "recammaster", random_state)
    folders.vace = _save_vace(root / "vace", folders.parts)
    folders.easyanimate = _save_easyanimate(root / "easyanimate")
    folders.sana = _save_sana(root / "sana-wm")
    folders.ltx, folders.ltx_lora = _save_ltx(root / "ltx")
    folders.stable_diffusion, folders.motion_adapter = _save_animatediff(root)
    return folders


def _save_wan_parts(folder: Path) -> None:
    import torch
    from diffusers import AutoencoderKLWan
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

    torch.manual_seed(0)
    vae = AutoencoderKLWan(
        base_dim=3, z_dim=16, dim_mult=[1, 1, 1, 1], num_res_blocks=1, temperal_downsample=[False, True, True]
    )
    text = UMT5Config(
        vocab_size=32,
        d_model=32,
        d_kv=8,
        d_ff=37,
        num_layers=2,
        num_heads=4,
        relative_attention_num_buckets=8,
        pad_token_id=0,
        eos_token_id=1,
    )
    vision = CLIPVisionConfig(
        hidden_size=4,
        projection_dim=4,
        num_hidden_layers=2,
        num_attention_heads=2,
        image_size=32,
        intermediate_size=16,
        patch_size=4,
    )
    vae.save_pretrained(folder / "vae")
    UMT5EncoderModel(text).save_pretrained(folder / "text_encoder")
    tiny_tokenizer().save_pretrained(folder / "tokenizer")
    CLIPVisionModel(vision).save_pretrained(folder / "image_encoder")
    CLIPImageProcessor(crop_size=32, size={"shortest_edge": 32}).save_pretrained(folder / "image_processor")
    (folder / "transformer").mkdir()
    config = {
        "_class_name": "WanTransformer3DModel",
        "num_attention_heads": 2,
        "attention_head_dim": 12,
        "in_channels": 16,
        "out_channels": 16,
        "text_dim": 32,
        "freq_dim": 256,
        "ffn_dim": 32,
        "num_layers": 2,
        "image_dim": None,
    }
    (folder / "transformer" / "config.json").write_text(json.dumps(config))


def _save_parts_5b(folder: Path, parts: Path) -> Path:
    import shutil

    import torch
    from diffusers import AutoencoderKLWan

    torch.manual_seed(3)
    for name in ("text_encoder", "tokenizer"):
        shutil.copytree(parts / name, folder / name)
    AutoencoderKLWan(
        base_dim=4, decoder_base_dim=4, z_dim=48, dim_mult=[1, 1, 1, 1], num_res_blocks=1, in_channels=12,
        out_channels=12, patch_size=2, is_residual=True, temperal_downsample=[False, True, True],
        scale_factor_spatial=16, latents_mean=[0.0] * 48, latents_std=[1.0] * 48,
    ).save_pretrained(folder / "vae")  # fmt: skip
    return folder


def _save_vace_22(folder: Path, random_state, parts: Path) -> Path:
    """Wan2.2-VACE-Fun A14B as published: two halves with Wan's own names, the parts of VACE beside them."""
    import json
    import shutil

    from safetensors.torch import save_file

    for name in ("vae", "text_encoder", "tokenizer"):
        shutil.copytree(parts / name, folder / name)
    shapes = published_shapes(**TINY, in_dim=16) | {
        "vace_patch_embedding.weight": (24, 96, 1, 2, 2),
        "vace_patch_embedding.bias": (24,),
        "vace_blocks.0.before_proj.weight": (24, 24),
        "vace_blocks.0.before_proj.bias": (24,),
        "vace_blocks.0.after_proj.weight": (24, 24),
        "vace_blocks.0.after_proj.bias": (24,),
    }
    shapes |= {f"vace_{name}": shape for name, shape in shapes.items() if name.startswith("blocks.0.")}
    config = {
        "dim": 24, "ffn_dim": 32, "freq_dim": 256, "text_dim": 32, "in_dim": 16, "out_dim": 16, "num_heads": 2,
        "num_layers": 2, "vace_layers": [0], "vace_in_dim": 96,
    }  # fmt: skip
    for seed, half in enumerate(("high_noise_model", "low_noise_model")):
        (folder / half).mkdir()
        (folder / half / "config.json").write_text(json.dumps(config))
        save_file(random_state(shapes, seed), folder / half / "diffusion_pytorch_model.safetensors")
    return folder


def _save_original(
    folder: Path, random_state, *, in_dim, out_dim=16, clip=None, camera=False, downscale=8, seed=0
) -> Path:
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    config = {
        "_class_name": "WanTransformer3DModel",
        "model_type": "i2v",
        "dim": 24,
        "ffn_dim": 32,
        "freq_dim": 256,
        "text_dim": 32,
        "in_dim": in_dim,
        "out_dim": out_dim,
        "num_heads": 2,
        "num_layers": 2,
        "eps": 1e-6,
    }
    if camera:
        config |= {"add_control_adapter": True, "in_dim_control_adapter": 24}
    (folder / "config.json").write_text(json.dumps(config))
    shapes = published_shapes(**TINY, in_dim=in_dim, out_dim=out_dim, clip=clip, camera=camera)
    if camera:
        shapes["control_adapter.conv.weight"] = (TINY["dim"], 24 * downscale**2, 2, 2)
    state = random_state(shapes, seed)
    save_file(state, folder / "diffusion_pytorch_model.safetensors")
    return folder


def _save_recammaster(folder: Path, random_state) -> Path:
    import torch

    folder.mkdir()
    torch.save(random_state(published_shapes(**TINY, in_dim=16, recapture=True)), folder / "step20000.ckpt")
    return folder


def _save_vace(folder: Path, parts: Path) -> Path:
    import shutil

    import torch
    from diffusers import UniPCMultistepScheduler, WanVACETransformer3DModel

    torch.manual_seed(1)
    for name in ("vae", "text_encoder", "tokenizer"):
        shutil.copytree(parts / name, folder / name)
    transformer = WanVACETransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        text_dim=32,
        ffn_dim=32,
        num_layers=3,
        vace_layers=[0, 2],
        vace_in_channels=96,
        rope_max_seq_len=32,
    )
    transformer.save_pretrained(folder / "transformer")
    scheduler = UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=3.0)
    scheduler.save_pretrained(folder / "scheduler")
    return folder


def _save_easyanimate(folder: Path) -> Path:
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler

    torch.manual_seed(2)
    for part, make in easyanimate_parts(tiny=True).items():
        make().save_pretrained(folder / part)
    tiny_tokenizer(chat=True).save_pretrained(folder / "tokenizer")
    FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
    return folder


def _save_sana(folder: Path) -> Path:
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler

    torch.manual_seed(4)
    models = {part: make() for part, make in sana_parts(tiny=True).items()}
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():  # what is zero at the start of training would tell nothing of the camera
        for parameter in models["transformer"].parameters():
            if not parameter.abs().sum():
                parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    for part, model in models.items():
        model.save_pretrained(folder / part)
    tiny_tokenizer().save_pretrained(folder / "tokenizer")
    FlowMatchEulerDiscreteScheduler().save_pretrained(folder / "scheduler")
    return folder


def _save_ltx(folder: Path) -> tuple[Path, Path]:
    """LTX-2 as diffusers lays it, and an in-context LoRA of its transformer."""
    import torch
    from diffusers import FlowMatchEulerDiscreteScheduler
    from safetensors.torch import save_file

    torch.manual_seed(6)
    for part, make in ltx_parts(tiny=True).items():
        make().save_pretrained(folder / part)
    tiny_tokenizer().save_pretrained(folder / "tokenizer")
    FlowMatchEulerDiscreteScheduler(
        use_dynamic_shifting=True, base_shift=0.95, max_shift=2.05, base_image_seq_len=1024, shift_terminal=0.1
    ).save_pretrained(folder / "scheduler")
    layer, generator = "transformer.transformer_blocks.0.attn1.to_q", torch.Generator().manual_seed(7)
    lora = folder.with_name(f"{folder.name}-lora") / "ic.safetensors"
    lora.parent.mkdir()
    pair = {"A": torch.randn(4, 16, generator=generator), "B": torch.randn(16, 4, generator=generator)}
    tensors = {f"{layer}.lora_{side}.weight": tensor for side, tensor in pair.items()}
    save_file(tensors, lora, metadata={"reference_downscale_factor": "2"})
    return folder, lora


def _save_animatediff(root: Path) -> tuple[Path, Path]:
    import torch

    torch.manual_seed(0)
    folder, adapter = root / "stable-diffusion", root / "motion-adapter"
    for part, make in animatediff_parts(tiny=True).items():
        make().save_pretrained(adapter if part == "adapter" else folder / part)
    tokens = tiny_tokenizer()
    tokens.model_max_length = 77
    tokens.save_pretrained(folder / "tokenizer")
    _wake(adapter)
    return folder, adapter


def _wake(adapter):
    """A new adapter's ways out are zero, as at the start of training: give them numbers, so that it does something."""
    import torch
    from safetensors.torch import load_file, save_file

    path = adapter / "diffusion_pytorch_model.safetensors"
    state = load_file(path)
    generator = torch.Generator().manual_seed(1)
    shaken = {name: t + 0.5 * torch.randn(t.shape, generator=generator) for name, t in state.items()}
    save_file({name: shaken[name] if "proj_out" in name else t for name, t in state.items()}, path)


@pytest.fixture
def source_clip(texture, tmp_path) -> Path:
    """A clip of 9 frames of 48x32 at 16 a second."""
    from parascale.media.video_writer import VideoWriter

    wide = texture(80, 32)
    with VideoWriter(tmp_path / "source.mp4", 48, 32, 16.0) as clip:
        for frame in range(9):
            clip.write(np.ascontiguousarray(wide[:, 2 * frame : 2 * frame + 48]))
    return tmp_path / "source.mp4"


@pytest.fixture
def ask(make_request, tiny_models):
    """Ask a generator of tiny models for a short dolly, on the processor."""
    given = {
        "wan-fun-camera": {"weights": tiny_models.fun, "parts": tiny_models.parts},
        "recammaster": {"weights": tiny_models.recammaster, "parts": tiny_models.parts, "units_per_depth": 2.0},
        "wan-vace": {"weights": tiny_models.vace},
        "easyanimate-camera": {"weights": tiny_models.easyanimate},
        "sana-wm": {"weights": tiny_models.sana},
        "ltx": {"weights": tiny_models.ltx, "lora": tiny_models.ltx_lora},
        "motionmaster": {"weights": tiny_models.stable_diffusion, "adapter": tiny_models.motion_adapter},
    }

    def make(generator, *, gain=1.0, frames=9, width=48, height=32, seed=7, shot=None, depth_map="wall", **parameters):
        import dataclasses

        centres = np.zeros((frames, 3))
        centres[:, 2] = np.linspace(0, 0.4 * gain, frames)
        request = make_request(centres, width, height, depth_map=depth_map)
        common = {"device": "cpu", "steps": 2}
        values = {name: str(value) if isinstance(value, Path) else value for name, value in given[generator].items()}
        return dataclasses.replace(
            request,
            generator=generator,
            shot=shot or request.shot,
            seed=seed,
            prompt="a desk with a lamp",
            parameters=common | values | parameters,
        )

    return make
