"""What a model is given is what its own script gives it: sigmas, prompts, pictures, both halves."""

import shutil

import numpy as np
import pytest

from parascale.errors import InputError
from parascale.generators import GENERATORS
from parascale.generators.settings import EASYANIMATE_NEGATIVE_PROMPT, WAN_NEGATIVE_PROMPT
from parascale.generators.source_film import cover, film_at
from parascale.link.parameters import resolve_parameters
from parascale.media.video_file import read_video
from parascale.media.video_writer import VideoWriter

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def test_recammasters_sigmas_are_even_shifted_once_and_end_high() -> None:
    """By hand: sigma = 1 - k/50, then 5 sigma / (1 + 4 sigma); the last, of 0.02, is 0.1 / 1.08."""
    from parascale.generators.diffusion.recapture_transformer import GivenSigmasScheduler
    from parascale.generators.diffusion.wan import scheduler, shifted_sigmas

    sigmas = shifted_sigmas(50, 5.0)
    assert sigmas[0] == 1
    assert sigmas[25] == pytest.approx(2.5 / 3)
    assert sigmas[-1] == pytest.approx(0.1 / 1.08)
    given = GivenSigmasScheduler()
    given.sigmas_of_run = sigmas
    given.set_timesteps(50)
    torch.testing.assert_close(given.sigmas[:-1], torch.tensor(sigmas))
    assert given.sigmas[-1] == 0
    torch.testing.assert_close(given.timesteps, 1000 * torch.tensor(sigmas))
    plain = scheduler()
    plain.set_timesteps(50)
    assert plain.sigmas[-2] < 0.03  # what VideoX-Fun's models were run with, and ReCamMaster's were not


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "negative"),
    [
        ("wan-fun-camera", WAN_NEGATIVE_PROMPT),
        ("recammaster", WAN_NEGATIVE_PROMPT),
        ("wan-vace", WAN_NEGATIVE_PROMPT),
        ("easyanimate-camera", EASYANIMATE_NEGATIVE_PROMPT),
    ],
)
def test_pipelines_are_given_the_models_own_settings(name, negative, ask, tmp_path, monkeypatch) -> None:
    from diffusers import EasyAnimateControlPipeline, WanPipeline, WanVACEPipeline

    from parascale.generators.diffusion.camera_transformer import WanCameraPipeline

    class Called(Exception):
        pass

    def stop(self, **inputs):
        raise Called(self, inputs)

    for pipeline in (EasyAnimateControlPipeline, WanPipeline, WanVACEPipeline, WanCameraPipeline):
        monkeypatch.setattr(pipeline, "__call__", stop)
    request = ask(name)
    request.parameters.pop("steps")
    with pytest.raises(Called) as caught:
        GENERATORS[name].generate(request, tmp_path)
    pipeline, inputs = caught.value.args
    assert inputs["negative_prompt"] == negative
    assert inputs["num_inference_steps"] == 50
    assert inputs["guidance_scale"] == {"wan-fun-camera": 6.0, "easyanimate-camera": 6.0}.get(name, 5.0)
    if name == "wan-vace":
        assert pipeline.scheduler.config.flow_shift == 16.0


def test_the_published_settings_are_the_defaults_and_an_empty_prompt_is_noted(ask, tmp_path) -> None:
    for name in ("wan-fun-camera", "wan-vace", "recammaster"):
        values = resolve_parameters(GENERATORS[name].describe(), {})
        assert values["negative_prompt"].split("，")[2] == "静态"  # static
    assert resolve_parameters(GENERATORS["sana-wm"].describe(), {})["steps"] == 60


def test_a_source_of_another_rate_keeps_its_pace(tmp_path) -> None:
    """A film whose brightness is its time: what is taken at a time has the brightness of that time."""
    with VideoWriter(tmp_path / "source.mp4", 64, 48, 30.0) as clip:
        for frame in range(90):
            clip.write(np.full((48, 64, 3), 20 + 2 * frame, np.uint8))
    times = np.arange(40) / 15
    film = film_at(tmp_path / "source.mp4", times, (64, 48))
    np.testing.assert_allclose(film.mean((1, 2, 3)), 20 + 2 * np.arange(0, 80, 2), atol=2.5)
    slower = film_at(tmp_path / "source.mp4", np.arange(120) / 50, (64, 48))
    np.testing.assert_allclose(slower.mean((1, 2, 3)), 20 + 2 * np.floor(np.arange(120) * 0.6 + 1e-6), atol=2.5)
    with pytest.raises(InputError, match=r"lasts 3.00 s and the shot 4.03 s"):
        film_at(tmp_path / "source.mp4", np.arange(61) / 15, (64, 48))


@pytest.mark.parametrize("size", [(104, 60), (60, 104), (48, 48)])
def test_a_source_of_another_shape_covers_the_frame_by_its_middle(size) -> None:
    picture = np.zeros((80, 160, 3), np.uint8)
    picture[20:60, 60:100] = 255  # a square in the middle
    found = cover(picture, size)
    assert found.shape == (size[1], size[0], 3)
    rows, columns = (np.flatnonzero(found[..., 0].max(axis) > 128) for axis in (1, 0))
    assert abs(len(rows) - len(columns)) <= 1  # not stretched
    assert abs(rows.mean() - (size[1] - 1) / 2) <= 1
    assert abs(columns.mean() - (size[0] - 1) / 2) <= 1


@pytest.mark.slow
def test_clip_sees_the_sides_of_a_wide_picture(tiny_models) -> None:
    from PIL import Image

    from parascale.generators.diffusion.camera_transformer import WanCameraPipeline
    from parascale.generators.diffusion.wan import load_wan_parts

    sources = {name: tiny_models.parts / name for name in ("image_encoder", "image_processor", "vae")}
    pipeline = WanCameraPipeline(
        **load_wan_parts(sources, {}, torch.float32, lambda _: None), tokenizer=None, text_encoder=None, scheduler=None
    )
    picture = np.random.default_rng(0).integers(0, 255, (40, 120, 3), dtype=np.uint8)
    other = picture.copy()
    other[:, :20] = 255 - other[:, :20]
    one, two = (pipeline.encode_image(Image.fromarray(each), torch.device("cpu")) for each in (picture, other))
    assert (one - two).abs().max() > 1e-3
    mean, deviation = (
        torch.tensor(values).view(1, 3, 1, 1)
        for values in (pipeline.image_processor.image_mean, pipeline.image_processor.image_std)
    )
    pixels = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    square = torch.nn.functional.interpolate(pixels, (32, 32), mode="bicubic", align_corners=False)
    states = pipeline.image_encoder((square - mean) / deviation, output_hidden_states=True).hidden_states[-2]
    torch.testing.assert_close(one, states, atol=1e-5, rtol=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("half", ["high_noise_model", "low_noise_model"])
def test_both_halves_of_vace_are_used(half, ask, tiny_models, tmp_path) -> None:
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "scrambled"
    shutil.copytree(tiny_models.vace_22, folder)
    path = folder / half / "diffusion_pytorch_model.safetensors"
    state = load_file(path)
    save_file({name: tensor.flip(0).contiguous() for name, tensor in state.items()}, path)
    films = []
    for weights in (tiny_models.vace_22, folder):
        result = GENERATORS["wan-vace"].generate(
            ask("wan-vace", weights=str(weights), model="2.2-A14B", steps=6, shift=3.0), tmp_path
        )
        films.append(read_video(result.files["video"], 99).astype(int))
    assert np.abs(films[0] - films[1]).max() > 2
