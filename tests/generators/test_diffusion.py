import dataclasses
import itertools
import json
import shutil

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.cli.advice import sentence
from parascale.errors import Cancelled, InputError
from parascale.generators import GENERATORS
from parascale.generators.scale_class import erasing_model
from parascale.media.video_file import read_video
from parascale.parallax.gauge import scale_gauge, to_unit_depth
from parascale.parallax.shot import Shot

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")

pytestmark = pytest.mark.slow
NAMES = ("wan-fun-camera", "recammaster", "wan-vace", "easyanimate-camera")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    """Keep the user's own profiles and weights out of this, and the network."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


@pytest.fixture
def run(tmp_path):
    """Generate, and return the result."""

    def generate(request, **how):
        return GENERATORS[request.generator].generate(request, tmp_path, **how)

    return generate


@pytest.fixture
def film(ask, run):
    """Generate, and return the film's pixels."""
    return lambda generator, **how: read_video(run(ask(generator, **how)).files["video"], 99).astype(int)


@pytest.fixture
def conditioning(ask, run, monkeypatch):
    """Return what a generator tells its pipeline, which is not run."""

    class Told(Exception):
        pass

    def tell(generator, **how):
        from parascale.generators.diffusion.run import Run

        def stop(self, pipeline, **inputs):
            raise Told(inputs)

        with monkeypatch.context() as patch:
            patch.setattr(Run, "denoise", stop)
            with pytest.raises(Told) as caught:
                run(ask(generator, **how))
        return caught.value.args[0]

    return tell


# --- control is live ---


@pytest.mark.parametrize("name", NAMES)
def test_the_camera_moves_the_picture_and_a_seed_repeats_it(name, film) -> None:
    depth = np.ones((32, 48), np.float32)
    depth[:, 30:] = 0.6  # a wall alone would look the same to a warped picture from nearer
    one = film(name, depth_map=depth)
    assert one.shape == (9, 32, 48, 3)
    assert np.array_equal(one, film(name, depth_map=depth))
    assert np.abs(one - film(name, depth_map=depth, gain=4)).max() > 2
    assert np.abs(one - film(name, depth_map=depth, seed=8)).max() > 2


def test_sana_wm_follows_a_path_in_metres(film, conditioning, ask) -> None:
    near, far = (film("sana-wm", gain=gain, width=64, height=64, units_per_depth=5.0) for gain in (1, 8))
    assert near.shape == (9, 64, 64, 3)
    assert np.array_equal(near, film("sana-wm", width=64, height=64, units_per_depth=5.0))
    assert np.abs(near - far).max() > 2
    shot = dataclasses.replace(ask("sana-wm", width=64, height=64).shot, metres_per_unit=3.0)
    assert conditioning("sana-wm", shot=shot, width=64, height=64)["c2w"][-1, 2, 3] == pytest.approx(1.2)


def test_sana_wm_says_how_small_it_can_go(ask, run) -> None:
    with pytest.raises(InputError, match="no video smaller than 64x64"):
        run(ask("sana-wm"))


def test_units_per_depth_multiply_the_path_and_leave_directions(conditioning) -> None:
    one, three = (
        conditioning("wan-fun-camera", units_per_depth=units)["attention_kwargs"]["camera_latents"]
        for units in (1.0, 4.0)
    )
    assert torch.equal(three[:, :12], 4 * one[:, :12])
    assert torch.equal(three[:, 12:], one[:, 12:])
    assert one[:, :12].abs().max() > 0.01


@pytest.mark.parametrize("exponent", [-3, 2, 7])
@pytest.mark.parametrize(
    ("name", "pick"),
    [
        ("wan-fun-camera", lambda told: told["attention_kwargs"]["camera_latents"]),
        ("easyanimate-camera", lambda told: told["control_camera_video"]),
        ("recammaster", lambda told: told["attention_kwargs"]["camera"]),
    ],
)
def test_the_scale_of_the_target_cancels_to_the_bit(name, pick, exponent, conditioning) -> None:
    angle = np.linspace(0.2, 0.5, 9)
    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, 0, 0] = poses[:, 2, 2] = np.cos(angle)
    poses[:, 0, 2], poses[:, 2, 0] = np.sin(angle), -np.sin(angle)
    poses[:, :3, 3] = np.cumsum(np.random.default_rng(0).normal([0.3, -0.1, 0.9], 0.3, (9, 3)), axis=0)
    path = Trajectory(poses, np.array([43.2, 43.2, 24, 16]), np.arange(9) / 16, 48, 32)
    shot = Shot("orbit", 16.0, path, np.linspace(3.7, 4.2, 9), metres_per_unit=0.31)
    units = 0.0 if name == "recammaster" else 1.7
    told = [
        pick(conditioning(name, shot=to_unit_depth(same), units_per_depth=units))
        for same in (shot, scale_gauge(shot, 2.0**exponent))
    ]
    assert torch.equal(*told)
    assert told[0].abs().max() > 0.1


def test_metres_are_the_shots_own_where_it_knows_them(conditioning, ask) -> None:
    shot = dataclasses.replace(ask("recammaster").shot, metres_per_unit=3.0)
    camera = conditioning("recammaster", shot=shot, units_per_depth=0.0)["attention_kwargs"]["camera"]
    assert camera[0, -1].tolist() == pytest.approx([1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 1.2], abs=1e-6)


def test_holes_are_grey_and_masked_white(conditioning) -> None:
    told = conditioning("wan-vace", frames=5, gain=-1.0)
    film, mask = (np.stack([np.asarray(picture) for picture in told[name]]) for name in ("video", "mask"))
    assert (mask[0] == 0).all()
    holes = mask[-1][..., 0] == 255
    assert 0.1 < holes.mean() < 0.9
    assert (film[-1][holes] == 127).all()
    assert (film[-1][~holes] != 127).any()


def test_without_the_picture_zeros_are_joined(film) -> None:
    assert np.abs(film("wan-fun-camera") - film("wan-fun-camera", use_image=False)).max() > 2


@pytest.mark.parametrize("use_image", [True, False])
def test_both_halves_of_wan_2_2_work(use_image, film, tiny_models, monkeypatch) -> None:
    from parascale.generators.diffusion.camera_transformer import WanCameraTransformer

    seen = set()
    forward = WanCameraTransformer.forward

    def watch(self, *args, **kwargs):
        seen.add(id(self))
        assert kwargs["attention_kwargs"]["camera_latents"] is not None
        return forward(self, *args, **kwargs)

    monkeypatch.setattr(WanCameraTransformer, "forward", watch)
    how = {"weights": str(tiny_models.fun_22), "model": "2.2-A14B", "steps": 6, "use_image": use_image}
    assert film("wan-fun-camera", **how).shape == (9, 32, 48, 3)
    assert len(seen) == 2


def test_what_is_joined_is_the_pictures_latent_and_zeros(ask, run, tiny_models, monkeypatch) -> None:
    from parascale.generators.diffusion.camera_transformer import WanCameraTransformer
    from parascale.generators.diffusion.wan import load_wan_parts

    inputs = []
    forward = WanCameraTransformer.forward
    monkeypatch.setattr(
        WanCameraTransformer,
        "forward",
        lambda self, *args, **kwargs: (inputs.append(kwargs), forward(self, *args, **kwargs))[1],
    )
    request = ask("wan-fun-camera")
    run(request)
    joined = inputs[0]["hidden_states"][:, 16:]
    assert (joined[:, :, 1:] == 0).all()
    vae = load_wan_parts({"vae": tiny_models.parts / "vae"}, {}, torch.float32, lambda phase: None)["vae"]
    picture = torch.from_numpy(request.image).permute(2, 0, 1)[None, :, None].float() / 127.5 - 1
    latent = vae.encode(picture).latent_dist.mode()[0, :, 0]
    mean, deviation = (
        torch.tensor(values)[:, None, None] for values in (vae.config.latents_mean, vae.config.latents_std)
    )
    torch.testing.assert_close(joined[0, :, 0], (latent - mean) / deviation, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(("frames", "width", "height"), [(10, 48, 32), (8, 50, 30)])
def test_any_length_and_size_is_brought_to_the_models(frames, width, height, film) -> None:
    found = film("wan-fun-camera", frames=frames, width=width, height=height, long_side=48)
    assert found.shape == (frames, 32, 48, 3)


def test_a_source_film_is_taken_again(film, ask, run, tmp_path) -> None:
    still = film("recammaster")
    source = tmp_path / "source.mp4"
    shutil.copy(run(ask("wan-fun-camera")).files["video"], source)
    assert np.abs(still - film("recammaster", source_video=str(source))).max() > 2
    with pytest.raises(InputError, match=r"lasts 0.56 s and the shot 0.81 s: take a longer film"):
        run(ask("recammaster", frames=13, source_video=str(source)))


# --- how it is run ---


def test_cancelling_stops_between_steps_and_leaves_nothing(ask, run, tmp_path) -> None:
    phases = []
    with pytest.raises(Cancelled):
        run(
            ask("wan-fun-camera", steps=50),
            progress=lambda fraction, phase: phases.append((fraction, phase)),
            cancelled=lambda: any(phase.startswith("step 2 ") for _, phase in phases),
        )
    assert phases[-1][1] == "step 2 of 50"
    assert all(a[0] <= b[0] for a, b in itertools.pairwise(phases))
    assert not (tmp_path / "result.mp4").exists()


def test_half_precision_and_tiling_run(film) -> None:
    plain, half = film("wan-fun-camera"), film("wan-fun-camera", precision="bf16", tiling=True)
    assert 0 < np.abs(plain - half).mean() < 12


def test_group_offloading_changes_no_pixel(film, ask, run, monkeypatch) -> None:
    """Offloaded from and to the processor: the only device here. The switches are diffusers' own."""
    from parascale.generators.diffusion import run as module

    plain = film("wan-fun-camera")

    def group(pipeline, device, settings):
        pipeline.enable_group_offload(onload_device=device, offload_type="block_level", num_blocks_per_group=1)
        return ()

    monkeypatch.setattr(module, "move_to_device", group)
    monkeypatch.setattr(module, "_kept", {})
    assert np.array_equal(plain, film("wan-fun-camera"))


@pytest.mark.parametrize(
    ("offload", "switch"),
    [
        ("none", "to"),
        ("model", "enable_model_cpu_offload"),
        ("group", "enable_group_offload"),
        ("sequential", "enable_sequential_cpu_offload"),
    ],
)
def test_each_way_of_offloading_is_diffusers_own_switch(offload, switch, ask, monkeypatch) -> None:
    """Which needs a GPU to be thrown, so here it is only looked at."""
    from diffusers import DiffusionPipeline

    from parascale.generators.diffusion.device import move_to_device
    from parascale.generators.settings import Settings
    from parascale.link.parameters import resolve_parameters

    thrown = []
    for name in ("to", "enable_model_cpu_offload", "enable_group_offload", "enable_sequential_cpu_offload"):
        monkeypatch.setattr(DiffusionPipeline, name, lambda self, *_, name=name, **__: thrown.append(name))
    schema = GENERATORS["wan-fun-camera"].describe()
    settings = Settings.of(resolve_parameters(schema, {"offload": offload}))
    move_to_device(DiffusionPipeline(), torch.device("cuda"), settings)
    assert thrown == [switch]


def test_a_lora_is_added_and_few_step_ones_are_told_of(ask, run, film, tmp_path) -> None:
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(3)
    state = {}
    for block in range(2):
        for layer in ("q", "v"):
            name = f"diffusion_model.blocks.{block}.self_attn.{layer}"
            state[f"{name}.lora_A.weight"] = torch.randn(4, 24, generator=generator)
            state[f"{name}.lora_B.weight"] = torch.randn(24, 4, generator=generator)
    folder = tmp_path / "lora"
    folder.mkdir()
    save_file(state, folder / "Wan21_lightx2v_4step.safetensors")
    plain = film("wan-fun-camera")
    result = run(ask("wan-fun-camera", lora=str(folder)))
    assert np.abs(plain - read_video(result.files["video"], 99)).max() > 2
    assert any("weaken camera motion" in warning for warning in result.summary["warnings"])
    assert np.array_equal(plain, film("wan-fun-camera", lora=str(folder), lora_strength=0.0))
    with pytest.raises(InputError, match=r"no \.safetensors file"):
        run(ask("wan-fun-camera", lora=str(tmp_path / "nothing")))


def test_an_assumed_unit_is_said(ask, run, tmp_path) -> None:
    warnings = run(ask("wan-fun-camera")).summary["warnings"]
    assert any("units_per_depth=1 is assumed" in warning for warning in warnings)
    own = tmp_path / "home" / "parascale" / "profiles" / "wan-fun-camera.json"
    own.parent.mkdir(parents=True)
    profile = {"format": "parascale-profile", "version": 1, "generator": "wan-fun-camera", "scale_class": "A"}
    own.write_text(json.dumps(profile | {"units_per_depth": 2.5, "measured": True, "source": "probed"}))
    summary = run(ask("wan-fun-camera")).summary
    assert (summary["units_per_depth"], summary["units_source"], summary["warnings"]) == (2.5, "probed", [])


# --- what can be wrong ---


def refused(run, request) -> str:
    with pytest.raises(InputError) as caught:
        run(request)
    text = sentence(caught.value)
    assert "\n" not in text
    return text


def test_no_gpu_is_said_with_what_to_do(ask, run) -> None:
    if torch.cuda.is_available() or torch.backends.mps.is_available():
        pytest.skip("there is a GPU")
    assert "run the backend on a machine with one, or set device=cpu" in refused(run, ask("wan-vace", device="auto"))
    assert "take device=auto" in refused(run, ask("wan-vace", device="cuda"))


@pytest.mark.parametrize(
    ("name", "model", "weights"),
    [
        ("wan-fun-camera", {"model": "14B"}, "wan-fun-camera-14B"),
        ("recammaster", {}, "recammaster"),
        ("wan-vace", {"model": "14B"}, "wan-vace-14B"),
        ("easyanimate-camera", {"model": "12B"}, "easyanimate-camera-12B"),
    ],
)
def test_missing_weights_come_with_the_command(name, model, weights, ask, run) -> None:
    assert f"run `parascale weights fetch {weights}`" in refused(run, ask(name, weights="", **model))
    assert "parascale weights fetch someone/some-model" in refused(run, ask(name, weights="someone/some-model"))
    assert "neither a folder on this machine" in refused(run, ask(name, weights="/no/such/folder"))


def test_a_control_checkpoint_is_told_from_control_camera(ask, run, tiny_models) -> None:
    text = refused(run, ask("wan-fun-camera", weights=str(tiny_models.control)))
    assert "no camera adapter: it is a Control or an InP model, not Control-Camera" in text
    assert "no camera encoder: it is a plain Wan model" in refused(run, plain_recammaster(ask, tiny_models))


def plain_recammaster(ask, tiny_models):
    folder = tiny_models.root / "plain"
    folder.mkdir(exist_ok=True)
    state = torch.load(tiny_models.recammaster / "step20000.ckpt", weights_only=True)
    torch.save({name: t for name, t in state.items() if "cam_encoder" not in name}, folder / "step20000.ckpt")
    return ask("recammaster", weights=str(folder))


def test_scale_erasing_models_are_recognised(ask, run, tiny_models, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "lingbot"
    shutil.copytree(tiny_models.fun, folder)
    path = folder / "diffusion_pytorch_model.safetensors"
    save_file(load_file(path) | {"blocks.0.cam_injector_layer1.weight": torch.zeros(2)}, path)
    text = refused(run, ask("wan-fun-camera", weights=str(folder)))
    assert "lingbot-world" in text
    assert "calibration has no effect" in text


@pytest.mark.parametrize(
    ("names", "config", "model"),
    [
        (["blocks.3.cam_injector_layer1.weight"], {}, "lingbot-world"),
        (["patch_embedding_wancamctrl.weight"], {}, "lingbot-world"),
        (["controlnet_mask_embedding.weight"], {}, "Uni3C"),
        ([], {"normalize_trans": True}, "a model with normalize_trans"),
        ([], {"camera_scale": 2.0}, "a model with camera_scale"),
        (["control_adapter.conv.weight", "blocks.0.cam_encoder.weight"], {"normalize_trans": False}, None),
    ],
)
def test_normalisers_are_told_by_their_layers_and_settings(names, config, model) -> None:
    assert erasing_model(names, config) == model


@pytest.mark.parametrize("use_image", [True, False])
def test_the_5b_of_wan_2_2_works_with_its_own_vae(use_image, film, tiny_models) -> None:
    how = {"weights": str(tiny_models.fun_5b), "parts": str(tiny_models.parts_5b), "model": "2.2-5B"}
    near, far = (film("wan-fun-camera", **how, gain=gain, width=64, height=64, use_image=use_image) for gain in (1, 4))
    assert near.shape == (9, 64, 64, 3)
    assert np.abs(near - far).max() > 2


def test_the_5bs_first_frame_is_the_picture_and_is_never_noised(ask, run, tiny_models, monkeypatch) -> None:
    from parascale.generators.diffusion.camera_transformer import WanCameraTransformer

    seen = []
    forward = WanCameraTransformer.forward

    def watch(self, hidden_states, *args, **kwargs):
        seen.append((hidden_states, self.joined, kwargs["timestep"]))
        return forward(self, hidden_states, *args, **kwargs)

    monkeypatch.setattr(WanCameraTransformer, "forward", watch)
    how = {"weights": str(tiny_models.fun_5b), "parts": str(tiny_models.parts_5b), "model": "2.2-5B"}
    run(ask("wan-fun-camera", **how, width=64, height=64, steps=3))
    for hidden, joined, timestep in seen:
        assert joined.shape[1] == 4 + 48
        assert torch.equal(joined[:, :4, 0], torch.ones_like(joined[:, :4, 0]))
        assert (joined[:, :4, 1:] == 0).all()
        torch.testing.assert_close(hidden[:, :, 0], joined[:, 4:, 0], atol=1e-5, rtol=1e-5)
        tokens = timestep.unflatten(1, (3, -1))
        assert (tokens[:, 0] == 0).all()
        assert (tokens[:, 1:] > 0).all()


def test_a_model_of_other_channels_is_refused(ask, run, tiny_models, random_state, wan_shapes, tmp_path) -> None:
    from safetensors.torch import save_file

    folder = tmp_path / "other"
    shutil.copytree(tiny_models.fun, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"in_dim": 64}))
    state = random_state(wan_shapes(dim=24, ffn=32, layers=2, text_dim=32, in_dim=64, clip=4, camera=True))
    save_file(state, folder / "diffusion_pytorch_model.safetensors")
    assert "takes 64 channels and makes 16" in refused(run, ask("wan-fun-camera", weights=str(folder)))


@pytest.mark.parametrize("half", ["high_noise_model", "low_noise_model"])
def test_one_half_of_wan_2_2_alone_is_refused(half, ask, run, tiny_models) -> None:
    text = refused(run, ask("wan-fun-camera", weights=str(tiny_models.fun_22 / half)))
    assert "one half of a model in two: a folder with both is needed" in text


@pytest.mark.parametrize("how", ["cut", "header", "empty", "pickled", "config", "shard", "no config"])
def test_broken_weights_are_refused_in_one_sentence(how, ask, run, tiny_models, tmp_path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(tiny_models.fun, folder)
    path = folder / "diffusion_pytorch_model.safetensors"
    whole = path.read_bytes()
    if how == "cut":
        path.write_bytes(whole[:-100])
    elif how == "header":
        path.write_bytes(whole[:50])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "pickled":
        path.write_bytes(b"\x80\x02}q\x00.")
    elif how == "config":
        (folder / "config.json").write_text("{")
    elif how == "shard":
        index = {"weight_map": {"a": "diffusion_pytorch_model.safetensors", "b": "missing.safetensors"}}
        (folder / "diffusion_pytorch_model.safetensors.index.json").write_text(json.dumps(index))
    else:
        (folder / "config.json").unlink()
    text = refused(run, ask("wan-fun-camera", weights=str(folder)))
    assert "fetch the weights again" in text or "not fetched whole" in text


@pytest.mark.parametrize("name", ["recammaster", "wan-vace", "easyanimate-camera"])
def test_a_cut_checkpoint_of_the_others_is_refused_too(name, ask, run, tiny_models, tmp_path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(
        {"recammaster": tiny_models.recammaster, "wan-vace": tiny_models.vace}.get(name, tiny_models.easyanimate),
        folder,
    )
    path = next(folder.glob("*.ckpt"), folder / "transformer" / "diffusion_pytorch_model.safetensors")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "fetch the weights again" in refused(run, ask(name, weights=str(folder)))


@pytest.mark.parametrize("part", ["vae", "text_encoder", "tokenizer", "image_encoder"])
def test_missing_parts_are_named(part, ask, run, tiny_models, tmp_path) -> None:
    folder = tmp_path / "parts"
    shutil.copytree(tiny_models.parts, folder)
    shutil.rmtree(folder / part)
    assert f"holds no folder {part}" in refused(run, ask("wan-fun-camera", parts=str(folder)))


def test_a_checkpoint_may_not_run_code(ask, run, tmp_path) -> None:
    import pickle

    class Evil:
        def __reduce__(self):
            return (shutil.rmtree, (str(tmp_path / "victim"),))

    (tmp_path / "victim").mkdir()
    folder = tmp_path / "evil"
    folder.mkdir()
    (folder / "step20000.ckpt").write_bytes(pickle.dumps(Evil()))
    assert "no checkpoint of tensors" in refused(run, ask("recammaster", weights=str(folder)))
    assert (tmp_path / "victim").exists()


def test_too_little_memory_is_said_before_anything_is_loaded(ask, run, monkeypatch) -> None:
    from parascale.generators.diffusion import memory

    monkeypatch.setattr(memory, "free_memory", lambda device: 10_000_000)
    for name in NAMES:
        text = refused(run, ask(name))
        assert "needs about" in text
        assert "try tiling=true, a smaller long_side or fewer frames" in text


def test_offloading_is_offered_where_it_would_fit() -> None:
    from parascale.generators.diffusion.memory import Need, check_memory

    gigabyte = 10**9
    need = Need({"transformer": 9 * gigabyte, "text_encoder": 4 * gigabyte}, layers=30, working=gigabyte)
    gpu = torch.device("mps")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parascale.generators.diffusion.memory.free_memory", lambda device: 12 * gigabyte)
        with pytest.raises(InputError, match="needs about 14 GB, this GPU has 12 free: try offload=model"):
            check_memory("wan-vace", need, "none", gpu, tiling=False)
        check_memory("wan-vace", need, "model", gpu, tiling=False)


def test_running_out_of_memory_all_the_same_is_said(ask, run, monkeypatch) -> None:
    from parascale.generators.diffusion.camera_transformer import WanCameraTransformer

    def burst(self, *args, **kwargs):
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr(WanCameraTransformer, "forward", burst)
    assert "try offload=model" in refused(run, ask("wan-fun-camera"))


# --- sketches ---


def test_a_sketch_has_the_colours_its_latents_stand_for() -> None:
    from parascale.generators.diffusion.sketch import Sketch

    generator = torch.Generator().manual_seed(0)
    latent = torch.randn(16, 12, 20, generator=generator)
    mixing = 0.02 * torch.randn(16, 3, generator=generator)
    colours = (torch.einsum("chw,cd->hwd", latent, mixing) + 0.5).clamp(0, 1)
    picture = (colours * 255).round().byte().numpy()
    drawn = Sketch(latent, picture).draw(latent)
    assert np.abs(drawn.astype(int) - picture).mean() < 1


def test_a_sketch_sees_through_the_noise_of_flow_matching() -> None:
    from parascale.generators.diffusion.sketch import Sketch

    generator = torch.Generator().manual_seed(1)
    clean, noise = (torch.randn(1, 4, 3, 6, 8, generator=generator) for _ in range(2))
    sketch = Sketch(clean[0, :, 0], np.zeros((6, 8, 3), np.uint8))
    assert sketch.step((1 - 0.9) * clean + 0.9 * noise, 0.9) is None
    guessed = sketch.step((1 - 0.7) * clean + 0.7 * noise, 0.7)
    torch.testing.assert_close(guessed, clean[0], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_a_sketch_lies_there_at_every_step_but_the_first_and_is_gone_at_the_end(name, ask, run, tmp_path) -> None:
    from PIL import Image

    sizes = {}

    def look(fraction, phase):
        if (tmp_path / "sketch.png").exists():
            with Image.open(tmp_path / "sketch.png") as picture:
                sizes[phase] = picture.size
            (tmp_path / "sketch.png").unlink()

    run(ask(name, steps=3), progress=look)
    assert list(sizes) == ["step 2 of 3", "decoding the video"]
    assert set(sizes.values()) == {(6, 4)}
    run(ask(name, steps=3, sketches=False), progress=look)
    assert len(sizes) == 2
    assert not (tmp_path / "sketch.png").exists()
