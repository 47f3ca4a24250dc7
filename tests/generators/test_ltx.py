"""LTX-2 in context, on a tiny model with random numbers."""

import dataclasses

import numpy as np
import pytest

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


@pytest.fixture
def film(ask, tmp_path):
    def make(**how):
        result = GENERATORS["ltx"].generate(ask("ltx", **{"width": 64, "height": 64} | how), tmp_path)
        return read_video(result.files["video"], 99).astype(int)

    return make


@pytest.fixture
def told(film, monkeypatch):
    """Return what the pipeline is told, which is not run."""
    from parascale.generators.diffusion.run import Run

    class Told(Exception):
        pass

    def stop(self, pipeline, **inputs):
        raise Told(inputs)

    def tell(**how):
        with monkeypatch.context() as patch:
            patch.setattr(Run, "denoise", stop)
            with pytest.raises(Told) as caught:
                film(**how)
        return caught.value.args[0]

    return tell


def test_the_path_moves_the_film_and_a_seed_repeats_it(film) -> None:
    depth = np.ones((64, 64), np.float32)
    depth[:, 36:] = 0.6
    one = film(depth_map=depth)
    assert one.shape == (9, 64, 64, 3)
    assert np.array_equal(one, film(depth_map=depth))
    assert np.abs(one - film(depth_map=depth, gain=4)).max() > 2
    assert np.abs(one - film(depth_map=depth, strength=0.0)).max() > 2
    assert np.abs(one - film(depth_map=depth, lora_strength=0.0)).max() > 2


def test_the_reference_is_the_preview_and_its_holes_are_not_looked_at(told, ask) -> None:
    """A camera that backs away sees past the picture's edge: there the reference is grey, and its weight is 0."""
    inputs = told(gain=-2.0)
    (reference,) = inputs["reference_conditions"]
    (first,) = inputs["conditions"]
    film = np.stack([np.asarray(frame) for frame in reference.frames])
    weight = inputs["conditioning_attention_mask"][0, 0].numpy()
    assert weight.shape == film.shape[:3]
    assert weight[0].min() == 1
    assert weight[-1, 32, 32] == 1
    assert weight[-1, 0, 0] == 0
    assert np.abs(film[-1, 0, 0].astype(int) - 127).max() <= 1
    np.testing.assert_allclose(film[0].astype(int), np.asarray(first.frames).astype(int), atol=2)
    assert first.index == 0
    # 0.8 median depths back from a wall at 1: what was at the edge is now at 1 / 1.8 of the way there.
    edge = np.flatnonzero(weight[-1, 32])[[0, -1]] + 0.5 - 32
    np.testing.assert_allclose(np.abs(edge), 32 / 1.8, atol=1.5)
    assert inputs["frame_rate"] == ask("ltx", width=64, height=64).shot.fps
    # Of the LoRA's own file; LTX-2 and not 2.3.
    assert inputs["reference_downscale_factor"] == 2
    assert (inputs["use_cross_timestep"], inputs["spatio_temporal_guidance_blocks"]) == (False, [29])


def test_it_needs_a_depth_map_and_an_in_context_lora(ask, tmp_path) -> None:
    without = dataclasses.replace(ask("ltx", width=64, height=64), depth_map=None)
    with pytest.raises(InputError, match="depth map"):
        GENERATORS["ltx"].generate(without, tmp_path)
    with pytest.raises(InputError, match="ltx-detailer"):
        GENERATORS["ltx"].generate(ask("ltx", width=64, height=64, lora=""), tmp_path)
