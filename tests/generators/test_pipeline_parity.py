"""Whole pipelines against their authors' published code: final latents of tiny random models.

The latents below are those of VideoX-Fun 804a425 (`WanFunControlPipeline`, `Wan2_2FunControlPipeline`,
`Wan2_2VaceFunPipeline`), VACE 48eb44f over Wan2.1 9737cba (`WanVace`), ReCamMaster 39c0dc2
(`WanVideoReCamMasterPipeline`), EasyAnimate c2a70d1 (`EasyAnimateControlPipeline`) and Sana 40151c8
(`SanaMSVideoCamCtrl`, `prepare_camera`, `LTXFlowEuler`), run once on a processor in single precision with these
weights, inputs and noise. Their text encoders and CLIP, of fixed sizes, were replaced by what ours give, EasyAnimate's
and Sana's VAE by diffusers'; VAE, transformer, conditioning, guidance and sampler are else theirs.
"""

import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from model_parts import sana_parts

NEEDS = "the generation extra is not installed: pip install 'parascale[generate]'"
torch = pytest.importorskip("torch", reason=NEEDS)
pytest.importorskip("diffusers", reason=NEEDS)

STEPS, GUIDANCE = 4, 6.0
# The 5B's latents are half as fine; ReCamMaster's transformer is written for pictures of one size.
SMALL, COARSE, TRAINED = (64, 32, 9), (128, 64, 9), (832, 480, 5)
HALVES = ("high ", "low ")
TRANSFORMER = {
    "num_attention_heads": 2, "attention_head_dim": 12, "in_channels": 32, "out_channels": 16, "text_dim": 32,
    "freq_dim": 256, "ffn_dim": 32, "num_layers": 2, "eps": 1e-6, "cross_attn_norm": True,
}  # fmt: skip
# Every n-th number, 24 of each.
GOLDEN = {
    "wan-fun with picture": [
        0.4892445, 1.124135, -0.1491687, -1.144941, 2.253351, 0.9970672, -4.374351, 0.026502, 2.223554, 1.044922,
        -0.4517205, -1.749593, 0.04593115, -0.8693179, 1.748794, -1.172474, 2.941792, -1.194946, -0.02365017,
        -0.8799468, -1.296017, 0.1515832, 0.3211369, -1.076947,
    ],
    "wan-fun without picture": [
        0.4824219, 1.102059, 0.1809241, -1.425091, 1.040082, 1.144575, -4.791935, -0.8855807, 2.38559, 1.423545,
        -0.570944, -1.352726, -0.1417886, -0.5505661, 1.322954, -0.4114332, 2.462668, -0.220367, -1.43911, -1.536665,
        -1.532324, 0.7871959, 0.63099, -1.430349,
    ],
    "wan-fun 2.2 A14B with picture": [
        -1.498945, -1.200138, 1.808349, -0.9477456, -1.029073, -0.8173252, -1.732899, -0.02663059, 2.3288, 1.427712,
        -0.1157967, -1.426853, -0.008878008, -0.6015484, 3.987441, 0.3624658, 0.8335093, -1.726995, 2.177656,
        0.7330491, 0.644313, -0.9685274, -1.463146, 0.6626281,
    ],
    "wan-fun 2.2 A14B without picture": [
        -1.54497, -1.38747, 1.87703, -1.672654, -0.9960386, -0.922643, -2.129528, -0.03461884, 2.3299, 1.855761,
        -0.02283058, -1.448407, 0.7170427, -0.6958151, 3.904325, 0.650745, 0.9981335, -1.730432, 1.337342, 0.6388968,
        0.7408124, -1.301659, -1.524105, 0.6263855,
    ],
    "wan-fun 2.2 5B with picture": [
        0.1047133, 1.110222, 0.1922678, 0.3170596, -0.6511046, 0.261091, 0.06524646, -0.6915587, 0.2720801, 0.2398524,
        2.287649, 0.07741018, 0.2678715, -0.6213285, 1.165369, -0.6117708, -0.1936283, -0.1324277, -0.9126558,
        0.5419739, 0.3093524, -1.771568, -0.02449706, 0.0709132,
    ],
    "wan-fun 2.2 5B without picture": [
        -2.131336, -0.4793717, -3.955209, 2.598748, -0.2702738, -1.062457, -0.640041, 0.1707135, 2.398185, 3.028372,
        1.83894, -1.002076, 0.9860628, -1.659044, -0.06078756, 2.536294, 0.02789828, 0.9824557, -0.05351416,
        -3.875391, 0.6213045, 0.8460465, 1.602493, 0.3726452,
    ],
    "vace 2.2 A14B": [
        -1.002639, 0.1504829, 2.815356, -3.912851, 0.4863158, -1.858836, -2.540018, 1.331091, 0.6943882, 3.078292,
        0.4027737, -2.400478, 0.9388299, 0.2227044, 2.02335, -1.92751, 1.3112, 0.1431037, -0.9398664, -1.042222,
        1.413828, -0.9535884, -0.3060384, 1.456068,
    ],
    "vace": [
        -1.434123, 0.8357729, 1.346714, -1.40116, 1.11277, -0.2479683, -4.13999, -0.5522133, 1.310919, 1.756682,
        -1.212712, -2.209728, -0.4064288, -0.9239947, 2.856216, -2.023825, 2.444922, 0.5052991, -0.1144558, -1.306757,
        1.825837, 0.1199645, 0.01261747, -1.488439,
    ],
    "recammaster": [
        -1.42489, 1.063044, -0.3434622, -1.116814, -1.908519, 0.873651, -0.2912944, -0.984145, -0.3035604, 1.8419,
        3.477261, -0.4240276, -0.08876194, -0.803975, 0.8925737, 1.554947, -0.3521009, 0.05458856, 0.6452825, 1.122601,
        -0.6057783, -0.3365806, 1.425818, -1.521237,
    ],
    "easyanimate": [
        0.7435791, 0.1799714, -1.963587, 1.064809, 0.2326068, -0.1576916, -1.868572, -1.120023, -0.3769912, -2.851393,
        -2.321322, -1.499385, 1.441335, -0.5481531, 2.593887, -0.2768858, -0.7361509, -1.466512, -0.04417644, -1.568645,
        0.1103354, 0.8602464, 1.392478, -0.9186623,
    ],
    "sana-wm": [
        3.01852, 6.270217, 8.415364, 4.519223, -2.062252, -0.7799859, -0.09779176, -3.118228, -2.016595, 4.229727,
        -1.661521, -1.001169, 6.333575, -4.073905, -4.31399, 0.413423, -3.808846, -3.016327, 4.081675, 1.036345,
        1.973263, 0.001459583, -1.038289, 0.7224626,
    ],
}  # fmt: skip


def numbers_of(name: str, *shape: int) -> "torch.Tensor":
    """Normal numbers that belong to a name."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))


def fill(model: "torch.nn.Module", half: str = "") -> "torch.nn.Module":
    """Fill a model with numbers that belong to its tensors' names, of a size that neither dies out nor blows up."""
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            values = numbers_of(half + name, *tensor.shape)
            if "norm" in name and name.endswith(("weight", "gamma")):
                tensor.copy_(1 + 0.1 * values)
            else:
                fan = int(np.prod(tensor.shape[1:])) if tensor.ndim > 1 else 0
                tensor.copy_(values / np.sqrt(fan) if fan > 1 else 0.1 * values)
    return model.eval()


def tiny_parts(tokenizer: object) -> SimpleNamespace:
    """VAE, text encoder and CLIP of Wan's layout: CLIP's 257 tokens are what its transformer is built for."""
    from diffusers import AutoencoderKLWan
    from transformers import CLIPImageProcessor, CLIPVisionConfig, CLIPVisionModel, UMT5Config, UMT5EncoderModel

    vision = CLIPVisionConfig(
        hidden_size=1280, projection_dim=4, num_hidden_layers=2, num_attention_heads=2, image_size=64,
        intermediate_size=16, patch_size=4,
    )  # fmt: skip
    text = UMT5Config(
        vocab_size=32, d_model=32, d_kv=8, d_ff=37, num_layers=2, num_heads=4, relative_attention_num_buckets=8,
        pad_token_id=0, eos_token_id=1,
    )  # fmt: skip
    return SimpleNamespace(
        vae=fill(AutoencoderKLWan(base_dim=8, z_dim=16)),
        text_encoder=fill(UMT5EncoderModel(text)),
        image_encoder=fill(CLIPVisionModel(vision)),
        image_processor=CLIPImageProcessor(crop_size=64, size={"shortest_edge": 64}),
        tokenizer=tokenizer,
    )


def inputs(width: int, height: int, frames: int) -> SimpleNamespace:
    """Give film (T, H, W, 3) uint8, Plücker maps (1, 6, T, H, W), noise, ReCamMaster's camera, and words of a call."""
    shape = (1, 16, (frames - 1) // 4 + 1, height // 8, width // 8)
    levels = (numbers_of("film", frames, height, width, 3) * 50 + 128).clamp(0, 255)
    return SimpleNamespace(
        film=levels.to(torch.uint8).numpy(),
        plucker=numbers_of("plucker", 1, 6, frames, height, width),
        noise=numbers_of("noise", *shape),
        camera=numbers_of("camera", 1, shape[2], 12),
        call={"width": width, "height": height, "num_frames": frames, "num_inference_steps": STEPS},
    )


def wan_fun_pipeline(parts: SimpleNamespace) -> "object":
    from parascale.generators.diffusion.camera_transformer import WanCameraPipeline, WanCameraTransformer
    from parascale.generators.diffusion.wan import scheduler

    transformer = fill(WanCameraTransformer(24, 8, **TRANSFORMER, image_dim=1280, added_kv_proj_dim=24))
    return WanCameraPipeline(**vars(parts), scheduler=scheduler(5.0), transformer=transformer, transformer_2=None)


def noise_of(pipeline: "object", given: SimpleNamespace) -> "torch.Tensor":
    """Give noise of the shape of a pipeline's latents."""
    frames, height, width, _ = given.film.shape
    channels, scale = pipeline.vae.config.z_dim, pipeline.vae_scale_factor_spatial
    return numbers_of("noise", 1, channels, (frames - 1) // 4 + 1, height // scale, width // scale)


def wan_fun_latents(pipeline: "object", given: SimpleNamespace, *, use_image: bool) -> "torch.Tensor":
    from PIL import Image

    from parascale.conditioning.wan_fun import packed_order

    pipeline.use_image = use_image
    maps = given.plucker[0]
    packed = torch.stack([maps[component, frame] for frame, component in packed_order(maps.shape[1])])
    return pipeline(
        **given.call, image=Image.fromarray(given.film[0]), prompt="a desk", negative_prompt="lamp",
        guidance_scale=GUIDANCE, latents=noise_of(pipeline, given), output_type="latent",
        attention_kwargs={"camera_latents": packed.reshape(1, 24, -1, *maps.shape[2:])},
    ).frames  # fmt: skip


def wan_fun_a14b_pipeline(parts: SimpleNamespace) -> "object":
    """Wan2.2-Fun A14B: two halves with a mask, without CLIP."""
    from parascale.generators.diffusion.camera_transformer import WanCameraPipeline, WanCameraTransformer
    from parascale.generators.diffusion.wan import scheduler
    from parascale.generators.wan_fun_camera import BOUNDARY

    high, low = (fill(WanCameraTransformer(24, 8, **TRANSFORMER | {"in_channels": 36}), half) for half in HALVES)
    kept = {name: getattr(parts, name) for name in ("vae", "text_encoder", "tokenizer")}
    return WanCameraPipeline(
        **kept, scheduler=scheduler(5.0), transformer=high, transformer_2=low, boundary_ratio=BOUNDARY
    )


def wan_fun_5b_pipeline(parts: SimpleNamespace) -> "object":
    """Wan2.2-Fun 5B: one transformer that takes mask and picture too, over the VAE of 48 channels."""
    from diffusers import AutoencoderKLWan

    from parascale.generators.diffusion.camera_transformer import WanCameraPipeline, WanCameraTransformer
    from parascale.generators.diffusion.wan import scheduler

    vae = AutoencoderKLWan(
        base_dim=8, decoder_base_dim=8, z_dim=48, in_channels=12, out_channels=12, patch_size=2, is_residual=True,
        temperal_downsample=[False, True, True], scale_factor_spatial=16,
        latents_mean=numbers_of("mean", 48).tolist(), latents_std=(1 + numbers_of("std", 48).abs()).tolist(),
    )  # fmt: skip
    transformer = fill(WanCameraTransformer(24, 16, **TRANSFORMER | {"in_channels": 100, "out_channels": 48}))
    kept = {name: getattr(parts, name) for name in ("text_encoder", "tokenizer")}
    return WanCameraPipeline(
        **kept, vae=fill(vae), scheduler=scheduler(5.0), transformer=transformer, transformer_2=None,
        expand_timesteps=True,
    )  # fmt: skip


def vace_transformer(half: str = "") -> "object":
    from diffusers import WanVACETransformer3DModel

    from parascale.generators.wan_vace import VACE_CHANNELS

    config = TRANSFORMER | {"in_channels": 16, "vace_layers": [0, 1], "vace_in_channels": VACE_CHANNELS}
    return fill(WanVACETransformer3DModel(**config), half)


def vace_a14b_pipeline(parts: SimpleNamespace) -> "object":
    """Wan2.2-VACE-Fun A14B, in two halves."""
    from diffusers import WanVACEPipeline

    from parascale.generators.diffusion.wan import scheduler
    from parascale.generators.wan_vace import BOUNDARY, SHIFT_OF_2_2

    high, low = (vace_transformer(half) for half in HALVES)
    kept = {name: getattr(parts, name) for name in ("vae", "text_encoder", "tokenizer")}
    return WanVACEPipeline(
        **kept, scheduler=scheduler(SHIFT_OF_2_2), transformer=high, transformer_2=low, boundary_ratio=BOUNDARY
    )


def vace_pipeline(parts: SimpleNamespace) -> "object":
    """Wan2.1-VACE, with VACE's own sampler and shift."""
    from diffusers import WanVACEPipeline

    from parascale.generators.diffusion.wan import VaceScheduler
    from parascale.generators.wan_vace import SHIFT_OF_2_1

    kept = {name: getattr(parts, name) for name in ("vae", "text_encoder", "tokenizer")}
    return WanVACEPipeline(**kept, scheduler=VaceScheduler(SHIFT_OF_2_1), transformer=vace_transformer())


def holes(given: SimpleNamespace) -> np.ndarray:
    """Give a mask (T, H, W) uint8 of what is to be painted: nothing of the first frame."""
    mask = (numbers_of("holes", *given.film.shape[:3]) > 0).to(torch.uint8).numpy() * 255
    mask[0] = 0
    return mask


def vace_latents(pipeline: "object", given: SimpleNamespace) -> "torch.Tensor":
    from PIL import Image

    return pipeline(
        **given.call, prompt="a desk", negative_prompt="lamp", guidance_scale=GUIDANCE,
        video=[Image.fromarray(picture) for picture in given.film],
        mask=[Image.fromarray(picture).convert("RGB") for picture in holes(given)],
        latents=noise_of(pipeline, given), output_type="latent",
    ).frames  # fmt: skip


def recammaster_pipeline(parts: SimpleNamespace) -> "object":
    from diffusers import WanPipeline

    from parascale.generators.diffusion.recapture_transformer import GivenSigmasScheduler, ReCaptureTransformer

    transformer = fill(ReCaptureTransformer(**TRANSFORMER | {"in_channels": 16}))
    kept = {name: getattr(parts, name) for name in ("vae", "text_encoder", "tokenizer")}
    return WanPipeline(**kept, scheduler=GivenSigmasScheduler(), transformer=transformer)


def recammaster_latents(pipeline: "object", given: SimpleNamespace) -> "torch.Tensor":
    from parascale.generators.diffusion.run import as_film
    from parascale.generators.diffusion.wan import encode_video, shifted_sigmas

    with torch.no_grad():
        source = encode_video(pipeline.vae, as_film(given.film), torch.device("cpu"))
    pipeline.scheduler.sigmas_of_run = shifted_sigmas(STEPS, 5.0)
    return pipeline(
        **given.call, prompt="a desk", negative_prompt="lamp", guidance_scale=GUIDANCE,
        latents=given.noise.clone(), output_type="latent",
        attention_kwargs={"source_latents": source, "camera": given.camera},
    ).frames  # fmt: skip


def easyanimate_pipeline(tokenizer: object) -> "object":
    from diffusers import AutoencoderKLMagvit, EasyAnimateTransformer3DModel, FlowMatchEulerDiscreteScheduler

    from parascale.generators.diffusion.easyanimate import EasyAnimateCameraPipeline

    down, up = ("SpatialTemporalDownBlock3D",) * 3, ("SpatialTemporalUpBlock3D",) * 3
    vae = AutoencoderKLMagvit(
        down_block_types=("SpatialDownBlock3D", *down), up_block_types=("SpatialUpBlock3D", *up),
        block_out_channels=(8, 8, 8, 8), latent_channels=4, layers_per_block=1, norm_num_groups=2,
        spatial_group_norm=False,
    )  # fmt: skip
    transformer = EasyAnimateTransformer3DModel(
        num_attention_heads=2, attention_head_dim=16, in_channels=14, out_channels=4, time_embed_dim=32,
        text_embed_dim=16, num_layers=2, sample_width=16, sample_height=16, patch_size=2,
    )  # fmt: skip
    return EasyAnimateCameraPipeline(
        vae=fill(vae), text_encoder=None, tokenizer=tokenizer, transformer=fill(transformer),
        scheduler=FlowMatchEulerDiscreteScheduler(shift=5.0),
    )  # fmt: skip


def easyanimate_call(given: SimpleNamespace) -> dict[str, object]:
    """Give what both are called with: the prompts' embeddings too."""
    latents = numbers_of("easyanimate", 1, 4, *given.noise.shape[2:])
    first = torch.from_numpy(given.film[:1]).permute(3, 0, 1, 2)[None].float() / 255
    words = {
        "prompt_embeds": numbers_of("prompt", 1, 7, 16), "negative_prompt_embeds": numbers_of("negative", 1, 7, 16),
        "prompt_attention_mask": torch.ones(1, 7), "negative_prompt_attention_mask": torch.ones(1, 7),
    }  # fmt: skip
    size = {name: given.call[name] for name in ("width", "height", "num_inference_steps")}
    steer = {"control_camera_video": given.plucker, "ref_image": first, "guidance_scale": GUIDANCE, "latents": latents}
    return words | size | steer | {"output_type": "latent"}


@pytest.fixture(scope="module")
def parts(tiny_tokens: object) -> SimpleNamespace:
    torch.set_num_threads(1)  # models this small only wait for each other's threads
    return tiny_parts(tiny_tokens)


def sampled(latents: "torch.Tensor") -> "torch.Tensor":
    flat = latents.flatten().float()
    return flat[:: len(flat) // 24][:24]


def assert_golden(name: str, latents: "torch.Tensor") -> None:
    expected = torch.tensor(GOLDEN[name])
    found = sampled(latents)
    assert float((found - expected).norm() / expected.norm()) < 1e-4


@pytest.mark.parametrize("use_image", [True, False])
def test_wan_fun_ends_at_the_latents_of_videox_fun(parts: SimpleNamespace, use_image: bool) -> None:
    latents = wan_fun_latents(wan_fun_pipeline(parts), inputs(*SMALL), use_image=use_image)
    assert_golden(f"wan-fun {'with' if use_image else 'without'} picture", latents)


@pytest.mark.parametrize("use_image", [True, False])
@pytest.mark.parametrize("model", ["A14B", "5B"])
def test_wan_fun_2_2_ends_at_the_latents_of_videox_fun(parts: SimpleNamespace, model: str, use_image: bool) -> None:
    pipeline = {"A14B": wan_fun_a14b_pipeline, "5B": wan_fun_5b_pipeline}[model](parts)
    latents = wan_fun_latents(pipeline, inputs(*{"A14B": SMALL, "5B": COARSE}[model]), use_image=use_image)
    assert_golden(f"wan-fun 2.2 {model} {'with' if use_image else 'without'} picture", latents)


def test_vace_ends_at_the_latents_of_its_authors(parts: SimpleNamespace) -> None:
    assert_golden("vace", vace_latents(vace_pipeline(parts), inputs(*SMALL)))


def test_vace_2_2_ends_at_the_latents_of_videox_fun(parts: SimpleNamespace) -> None:
    assert_golden("vace 2.2 A14B", vace_latents(vace_a14b_pipeline(parts), inputs(*SMALL)))


@pytest.mark.slow
def test_recammaster_ends_at_the_latents_of_its_authors(parts: SimpleNamespace) -> None:
    assert_golden("recammaster", recammaster_latents(recammaster_pipeline(parts), inputs(*TRAINED)))


def test_easyanimate_ends_at_the_latents_of_its_authors(tiny_tokens: object) -> None:
    torch.set_num_threads(1)
    given = inputs(*SMALL)
    latents = easyanimate_pipeline(tiny_tokens)(**easyanimate_call(given), num_frames=SMALL[2]).frames
    assert_golden("easyanimate", latents)


def sana_pipeline(tokenizer: object) -> "object":
    """SANA-WM of three blocks: with a gated delta rule, with softmax, and the first kind again."""
    from diffusers import FlowMatchEulerDiscreteScheduler, SanaWMTransformer3DModel

    from parascale.generators.diffusion.sana import SanaCameraPipeline

    transformer = SanaWMTransformer3DModel(
        in_channels=8, num_layers=3, hidden_size=112, num_attention_heads=1, linear_head_dim=112, softmax_every_n=2,
        caption_channels=16, chunk_plucker_post_attn_blocks=3, mlp_ratio=1.0, mixed_precision="fp32",
    )  # fmt: skip
    others = {part: fill(make()) for part, make in sana_parts(tiny=True).items() if part != "transformer"}
    scheduler = FlowMatchEulerDiscreteScheduler(shift=9.8)
    return SanaCameraPipeline(tokenizer=tokenizer, transformer=fill(transformer), scheduler=scheduler, **others)


def sana_path(frames: int) -> np.ndarray:
    """A path off the origin that turns about two axes."""
    poses = np.tile(np.eye(4), (frames, 1, 1))
    for number, pose in enumerate(poses):
        yaw, pitch = 0.3 + 0.02 * number, 0.1 - 0.01 * number
        turn = np.array([[np.cos(yaw), 0, np.sin(yaw)], [0, 1, 0], [-np.sin(yaw), 0, np.cos(yaw)]])
        tilt = np.array([[1, 0, 0], [0, np.cos(pitch), -np.sin(pitch)], [0, np.sin(pitch), np.cos(pitch)]])
        pose[:3, :3], pose[:3, 3] = turn @ tilt, (3 + 0.1 * number, -1 + 0.05 * number, 2 + 0.3 * number)
    return poses


def test_sana_wm_ends_at_the_latents_of_its_authors(tiny_tokens: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from PIL import Image

    # Both attend in bf16, which rounds them apart by 1e-5.
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.float)
    torch.set_num_threads(1)
    width, height, frames = 128, 64, 17
    picture = (numbers_of("film", 1, height, width, 3) * 50 + 128).clamp(0, 255).to(torch.uint8).numpy()[0]
    latents = sana_pipeline(tiny_tokens)(
        prompt="a desk", negative_prompt="lamp", image=Image.fromarray(picture), c2w=sana_path(frames),
        intrinsics=np.tile(np.array([100, 101, width / 2, height / 2], np.float32), (frames, 1)), width=width,
        height=height, num_frames=frames, num_inference_steps=STEPS, guidance_scale=5.0,
        generator=torch.Generator().manual_seed(5), output_type="latent",
    ).frames  # fmt: skip
    assert_golden("sana-wm", latents)


def test_sana_wms_generator_makes_what_its_pipeline_makes(ask, tiny_models, tmp_path, monkeypatch) -> None:
    """By diffusers' own `SanaWMPipeline`, given the metres of the path."""
    from diffusers import SanaWMPipeline
    from PIL import Image

    from parascale.generators import GENERATORS
    from parascale.generators.diffusion.run import Run

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    made = []
    denoise = Run.denoise

    def keep(self, pipeline, **inputs):
        made.append((denoise(self, pipeline, **inputs), self, pipeline))
        return made[-1][0]

    monkeypatch.setattr(Run, "denoise", keep)
    request = ask("sana-wm", width=64, height=64, units_per_depth=2.5)
    GENERATORS["sana-wm"].generate(request, tmp_path)
    (frames, run, pipeline), shot = made[0], request.shot
    metres = shot.trajectory.camera_to_world.copy()
    metres[:, :3, 3] *= 2.5
    theirs = SanaWMPipeline(**pipeline.components)(
        prompt=request.prompt, negative_prompt="", image=Image.fromarray(request.image), c2w=metres,
        intrinsics=shot.trajectory.intrinsics, width=64, height=64, num_frames=len(shot), num_inference_steps=2,
        guidance_scale=run.settings.guidance, generator=torch.Generator().manual_seed(request.seed),
    ).frames  # fmt: skip
    assert np.array_equal(frames, np.round(np.clip(theirs, 0, 1) * 255).astype(np.uint8))
