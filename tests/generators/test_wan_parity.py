"""The camera transformers against plain re-derivations from the published description of their layers."""

import json
import math

import pytest

from parascale.errors import InputError

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")
functional = torch.nn.functional

CAMERA = {
    "1.3B": {"dim": 1536, "ffn": 8960, "heads": 12, "layers": 30, "in_dim": 32, "clip": 1280},
    "14B": {"dim": 5120, "ffn": 13824, "heads": 40, "layers": 40, "in_dim": 32, "clip": 1280},
    "2.2-A14B": {"dim": 5120, "ffn": 13824, "heads": 40, "layers": 40, "in_dim": 36, "clip": None},
}
# 32 tensors a block where it sees CLIP's picture, else 27; 15 around them, 8 for that picture, 6 for the camera.
TENSORS = {"1.3B": 989, "14B": 40 * 32 + 29, "2.2-A14B": 40 * 27 + 21}
RECAPTURE = {"dim": 1536, "ffn": 8960, "heads": 12, "layers": 30, "in_dim": 16, "clip": None}
TINY = {"dim": 24, "ffn": 32, "heads": 2, "layers": 2, "text_dim": 32}


def config_of(size, **more):
    """A config.json in the published names."""
    names = {"dim": "dim", "ffn": "ffn_dim", "heads": "num_heads", "layers": "num_layers", "in_dim": "in_dim"}
    found = {names[name]: value for name, value in size.items() if name in names}
    return found | {"out_dim": 16, "freq_dim": 256, "eps": 1e-6, "text_dim": size.get("text_dim", 4096)} | more


def shapes_of(wan_shapes, size, **kind):
    return wan_shapes(**{name: value for name, value in size.items() if name != "heads"}, **kind)


def build(make, config, state, folder):
    from accelerate import init_empty_weights
    from diffusers.loaders.single_file_utils import convert_wan_transformer_to_diffusers

    from parascale.generators.diffusion.checkpoint import check_tensors, fill
    from parascale.generators.diffusion.wan import transformer_config

    shapes = {name: tuple(tensor.shape) for name, tensor in state.items()}
    (folder / "config.json").write_text(json.dumps(config))
    translated = transformer_config(shapes, folder, folder)
    with init_empty_weights():
        model = make(**translated)
    named = convert_wan_transformer_to_diffusers(dict(state))
    wanted, found = ({name: tuple(t.shape) for name, t in tensors.items()} for tensors in (model.state_dict(), named))
    check_tensors(wanted, found, folder)
    fill(model, named, torch.float32)
    return model


# --- the plain model: original names, no diffusers ---


def linear(state, name, x):
    return functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])


def rms(state, name, x):
    return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + 1e-6) * state[f"{name}.weight"]


def norm(x, eps=1e-6):
    return functional.layer_norm(x, x.shape[-1:], eps=eps)


def rotate(x, grid):
    """Rotary embedding over frames, rows and columns: x (B, tokens, heads, width)."""
    width = x.shape[-1]
    sizes = (width - 4 * (width // 6), 2 * (width // 6), 2 * (width // 6))
    places = torch.stack(torch.meshgrid(*map(torch.arange, grid), indexing="ij"), -1).reshape(-1, 3).double()
    angles = [
        places[:, axis, None] / 10000 ** (torch.arange(0, size, 2).double() / size) for axis, size in enumerate(sizes)
    ]
    turn = torch.polar(torch.ones(len(places), width // 2, dtype=torch.float64), torch.cat(angles, 1))
    pairs = torch.view_as_complex(x.double().unflatten(-1, (-1, 2)))
    return torch.view_as_real(pairs * turn[:, None]).flatten(-2).float()


def attend(q, k, v):
    scores = torch.einsum("bihc,bjhc->bhij", q, k) / math.sqrt(q.shape[-1])
    return torch.einsum("bhij,bjhc->bihc", scores.softmax(-1), v).flatten(2)


def heads_of(x, heads):
    return x.unflatten(-1, (heads, -1))


def self_attention(state, name, x, heads, grid):
    q = rotate(heads_of(rms(state, f"{name}.norm_q", linear(state, f"{name}.q", x)), heads), grid)
    k = rotate(heads_of(rms(state, f"{name}.norm_k", linear(state, f"{name}.k", x)), heads), grid)
    return linear(state, f"{name}.o", attend(q, k, heads_of(linear(state, f"{name}.v", x), heads)))


def cross_attention(state, name, x, text, image, heads):
    q = heads_of(rms(state, f"{name}.norm_q", linear(state, f"{name}.q", x)), heads)

    def read(key, value, normed, tokens):
        k = heads_of(rms(state, f"{name}.{normed}", linear(state, f"{name}.{key}", tokens)), heads)
        return attend(q, k, heads_of(linear(state, f"{name}.{value}", tokens), heads))

    seen = read("k", "v", "norm_k", text)
    if image is not None:
        seen = seen + read("k_img", "v_img", "norm_k_img", image)
    return linear(state, f"{name}.o", seen)


def camera_adapter(state, latents):
    """(B, 24, F, H, W) to (B, dim, F, H / 16, W / 16), the shuffle written out: channel c * 64 + row * 8 + column."""
    batch, channels, frames, height, width = latents.shape
    x = latents.permute(0, 2, 1, 3, 4).reshape(batch * frames, channels, height // 8, 8, width // 8, 8)
    x = x.permute(0, 1, 3, 5, 2, 4).reshape(batch * frames, channels * 64, height // 8, width // 8)
    name = "control_adapter"
    x = functional.conv2d(x, state[f"{name}.conv.weight"], state[f"{name}.conv.bias"], stride=2)
    block = f"{name}.residual_blocks.0"
    y = functional.conv2d(x, state[f"{block}.conv1.weight"], state[f"{block}.conv1.bias"], padding=1).relu()
    y = functional.conv2d(y, state[f"{block}.conv2.weight"], state[f"{block}.conv2.bias"], padding=1)
    return (x + y).unflatten(0, (batch, frames)).transpose(1, 2)


def plain_wan(state, size, latents, timestep, text, *, image=None, camera=None, poses=None):
    dim, heads = size["dim"], size["heads"]
    x = functional.conv3d(latents, state["patch_embedding.weight"], state["patch_embedding.bias"], stride=(1, 2, 2))
    if camera is not None:
        x = x + camera_adapter(state, camera)
    grid = x.shape[2:]
    x = x.flatten(2).transpose(1, 2)
    half = 128
    angles = timestep[:, None].double() / 10000 ** (torch.arange(half).double() / half)
    embedded = torch.cat([angles.cos(), angles.sin()], 1).float()
    embedded = linear(state, "time_embedding.2", functional.silu(linear(state, "time_embedding.0", embedded)))
    modulation = linear(state, "time_projection.1", functional.silu(embedded)).unflatten(1, (6, dim))
    text = linear(state, "text_embedding.0", text)
    text = linear(state, "text_embedding.2", functional.gelu(text, approximate="tanh"))
    if image is not None:
        proj = "img_emb.proj"
        image = functional.layer_norm(
            image, image.shape[-1:], state[f"{proj}.0.weight"], state[f"{proj}.0.bias"], eps=1e-5
        )
        image = linear(state, f"{proj}.3", functional.gelu(linear(state, f"{proj}.1", image)))
        image = functional.layer_norm(
            image, image.shape[-1:], state[f"{proj}.4.weight"], state[f"{proj}.4.bias"], eps=1e-5
        )
    for number in range(size["layers"]):
        block = f"blocks.{number}"
        e = (state[f"{block}.modulation"] + modulation).unbind(1)
        shift, scale, gate, shift2, scale2, gate2 = (part[:, None] for part in e)
        y = norm(x) * (1 + scale) + shift
        if poses is not None:
            steered = linear(state, f"{block}.cam_encoder", poses).repeat(1, 2, 1)
            y = y + steered[:, :, None, None].expand(-1, -1, *grid[1:], -1).flatten(1, 3)
        y = self_attention(state, f"{block}.self_attn", y, heads, grid)
        if poses is not None:
            y = linear(state, f"{block}.projector", y)
        x = x + gate * y
        y = functional.layer_norm(x, (dim,), state[f"{block}.norm3.weight"], state[f"{block}.norm3.bias"], eps=1e-6)
        x = x + cross_attention(state, f"{block}.cross_attn", y, text, image, heads)
        y = norm(x) * (1 + scale2) + shift2
        y = linear(state, f"{block}.ffn.2", functional.gelu(linear(state, f"{block}.ffn.0", y), approximate="tanh"))
        x = x + gate2 * y
    shift, scale = (part[:, None] for part in (state["head.modulation"] + embedded[:, None]).unbind(1))
    x = linear(state, "head.head", norm(x) * (1 + scale) + shift)
    x = x.unflatten(1, grid).unflatten(-1, (2, 2, -1))
    return x.permute(0, 6, 1, 2, 4, 3, 5).flatten(3, 4).flatten(4, 5)


def assert_same(found, expected):
    """Equal to 1e-5 of the largest number."""
    torch.testing.assert_close(found, expected, atol=1e-5 * expected.abs().max().item(), rtol=0)


@pytest.fixture
def noise():
    generator = torch.Generator().manual_seed(5)
    return lambda *shape: torch.randn(*shape, generator=generator)


def test_the_camera_adapter_is_as_described(wan_shapes, random_state, noise) -> None:
    from parascale.generators.diffusion.camera_transformer import CameraAdapter

    state = random_state(shapes_of(wan_shapes, TINY, in_dim=32, camera=True))
    adapter = CameraAdapter(24, 24, 8)
    prefix = "control_adapter."
    adapter.load_state_dict({name.removeprefix(prefix): t for name, t in state.items() if name.startswith(prefix)})
    latents = noise(2, 24, 3, 32, 48)
    assert_same(adapter(latents), camera_adapter(state, latents))


@pytest.mark.parametrize("clip", [4, None])
def test_the_camera_transformer_is_as_described(clip, wan_shapes, random_state, noise, tmp_path) -> None:
    from parascale.generators.diffusion.camera_transformer import WanCameraTransformer

    size = TINY | {"in_dim": 32}
    state = random_state(shapes_of(wan_shapes, size, clip=clip, camera=True))
    model = build(WanCameraTransformer, config_of(size), state, tmp_path)
    latents, text, camera = noise(1, 32, 3, 4, 6), noise(1, 512, 32), noise(1, 24, 3, 32, 48)
    image = None if clip is None else noise(1, 257, clip)
    timestep = torch.tensor([400])
    found = model(latents, timestep, text, image, return_dict=False, attention_kwargs={"camera_latents": camera})[0]
    expected = plain_wan(state, size, latents, timestep, text, image=image, camera=camera)
    assert_same(found, expected)
    without = model(latents, timestep, text, image, return_dict=False)[0]
    assert_same(without, plain_wan(state, size, latents, timestep, text, image=image))
    assert (found - without).abs().max() > 1e-2


@pytest.mark.parametrize("height", [4, 8])
def test_the_recapturing_transformer_is_as_described_on_any_grid(
    height, wan_shapes, random_state, noise, tmp_path
) -> None:
    from parascale.generators.diffusion.recapture_transformer import ReCaptureTransformer

    size = TINY | {"in_dim": 16}
    state = random_state(shapes_of(wan_shapes, size, recapture=True))
    model = build(ReCaptureTransformer, config_of(size), state, tmp_path)
    target, source, text, poses = (
        noise(1, 16, 3, height, 6),
        noise(1, 16, 3, height, 6),
        noise(1, 512, 32),
        noise(1, 3, 12),
    )
    timestep = torch.tensor([700])
    steering = {"source_latents": source, "camera": poses}
    found = model(target, timestep, text, return_dict=False, attention_kwargs=steering)[0]
    both = torch.cat([target, source], 2)
    expected = plain_wan(state, size, both, timestep, text, poses=poses)[:, :, :3]
    assert_same(found, expected)


@pytest.mark.parametrize("name", CAMERA)
def test_published_camera_checkpoints_fill_the_whole_model(name, wan_shapes, tmp_path) -> None:
    from parascale.generators.diffusion.camera_transformer import WanCameraTransformer

    size = CAMERA[name]
    shapes = shapes_of(wan_shapes, size, camera=True)
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    model = build(WanCameraTransformer, config_of(size), state, tmp_path)
    assert len(model.state_dict()) == len(shapes) == TENSORS[name]
    total, adapter = (sum(p.numel() for p in part.parameters()) for part in (model, model.control_adapter))
    assert total == sum(math.prod(shape) for shape in shapes.values())
    dim = size["dim"]
    # A 2x2 convolution of 24 x 64 channels, two of 3x3, their biases: 52 and 503 million.
    assert adapter == dim * (4 * 1536 + 18 * dim + 3)
    assert adapter == pytest.approx({1536: 52e6, 5120: 503e6}[dim], rel=0.01)


@pytest.mark.parametrize(("name", "numbers"), [("1.3B", 1_418_996_800), ("14B", 14_288_491_584)])
def test_what_is_under_the_camera_has_the_numbers_of_the_published_base(name, numbers, wan_shapes, tmp_path) -> None:
    """Wan2.1-T2V's own: 5.68 GB in single precision and 28.6 GB in half, as published."""
    from diffusers import WanTransformer3DModel

    size = CAMERA[name] | {"in_dim": 16, "clip": None}
    shapes = shapes_of(wan_shapes, size)
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    model = build(WanTransformer3DModel, config_of(size), state, tmp_path)
    assert sum(p.numel() for p in model.parameters()) == numbers


@pytest.mark.parametrize(("name", "step", "tensors"), [("1.3B", 2, 1264), ("14B", 5, 1331)])
def test_the_published_vace_configs_build_whole(name, step, tensors) -> None:
    """27 tensors a block; a VACE block 2 more for its way out, the first 2 for its way in, 2 for the patches."""
    from accelerate import init_empty_weights
    from diffusers import WanVACETransformer3DModel

    size = CAMERA[name]
    layers = list(range(0, size["layers"], step))
    with init_empty_weights():
        model = WanVACETransformer3DModel(
            num_attention_heads=size["heads"],
            attention_head_dim=128,
            ffn_dim=size["ffn"],
            num_layers=size["layers"],
            vace_layers=layers,
            vace_in_channels=96,
        )
    assert len(model.state_dict()) == tensors == 15 + 27 * size["layers"] + 29 * len(layers) + 4


def test_the_published_recapturing_checkpoint_fills_the_whole_model(wan_shapes, tmp_path) -> None:
    from parascale.generators.diffusion.recapture_transformer import ReCaptureTransformer

    shapes = shapes_of(wan_shapes, RECAPTURE, recapture=True)
    state = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    model = build(ReCaptureTransformer, config_of(RECAPTURE), state, tmp_path)
    assert len(model.state_dict()) == len(shapes) == 30 * 31 + 15
    base, dim = 1_418_996_800, 1536
    assert sum(p.numel() for p in model.parameters()) == base + 30 * dim * (12 + 1 + dim + 1)


@pytest.mark.parametrize("change", ["missing", "extra", "shape"])
def test_a_tensor_out_of_place_is_named(change, wan_shapes, random_state, tmp_path) -> None:
    from parascale.generators.diffusion.camera_transformer import WanCameraTransformer

    size = TINY | {"in_dim": 32}
    state = random_state(shapes_of(wan_shapes, size, camera=True))
    if change == "missing":
        del state["blocks.1.ffn.2.bias"]
    elif change == "extra":
        state["blocks.1.stranger.weight"] = torch.zeros(3)
    else:
        state["blocks.1.ffn.2.bias"] = torch.zeros(7)
    with pytest.raises(InputError, match=r"blocks\.1\.(ffn\.net\.2\.bias|stranger)"):
        build(WanCameraTransformer, config_of(size), state, tmp_path)
