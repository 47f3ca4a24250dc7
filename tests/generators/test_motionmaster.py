"""The training-free baseline, on a tiny AnimateDiff with random numbers."""

import dataclasses
import zlib
from pathlib import Path

import numpy as np
import pytest

from parascale.cli.advice import sentence
from parascale.errors import InputError
from parascale.evaluation import plan as evaluation
from parascale.evaluation.faithfulness import evaluate
from parascale.generators.motionmaster import MotionMaster
from parascale.media.video_file import read_video
from parascale.media.video_writer import VideoWriter

torch = pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")


@pytest.fixture
def weights(tiny_models):
    return tiny_models.stable_diffusion, tiny_models.motion_adapter


@pytest.fixture
def clips(tmp_path, texture):
    """Two films of a texture that slides, slowly and fast, and one that is white where something moves."""
    made = {}
    wide = texture(192, 72)
    for name, step in (("slow", 1), ("fast", 8)):
        made[name] = [np.ascontiguousarray(wide[:, step * frame : step * frame + 128]) for frame in range(6)]
    made["moving"] = [np.zeros((72, 128, 3), np.uint8) for _ in range(6)]
    for frame in made["moving"]:
        frame[16:48, 40:80] = 255
    paths = {}
    for name, frames in made.items():
        paths[name] = str(tmp_path / f"{name}.mp4")
        with VideoWriter(tmp_path / f"{name}.mp4", 128, 72, 16.0) as writer:
            for frame in frames:
                writer.write(frame)
    return paths


@pytest.fixture
def ask(make_request, weights, clips):
    def make(frames=6, seed=7, **parameters):
        given = {"device": "cpu", "steps": 4, "weights": str(weights[0]), "adapter": str(weights[1])}
        request = make_request(np.zeros((frames, 3)), 128, 72)
        parameters = given | {"source_video": clips["slow"]} | parameters
        return dataclasses.replace(request, generator="motionmaster", prompt="a desk", seed=seed, parameters=parameters)

    return make


@pytest.fixture
def film(ask, tmp_path):
    def make(**how):
        result = MotionMaster().generate(ask(**how), tmp_path)
        return read_video(result.files["video"], 99).astype(int)

    return make


@pytest.mark.slow
def test_the_motion_of_the_source_is_live_and_a_seed_repeats_it(film, clips) -> None:
    slow = film()
    assert slow.shape == (6, 72, 128, 3)
    assert np.array_equal(slow, film())
    assert np.abs(slow - film(source_video=clips["fast"])).max() > 0
    assert np.abs(slow - film(share=0.0)).max() > 0
    assert np.array_equal(film(share=0.0), film(share=0.0, source_video=clips["fast"]))


@pytest.mark.slow
def test_the_pipeline_holds_the_numbers_that_its_memory_is_estimated_from(ask, tmp_path, monkeypatch) -> None:
    """The motion adapter's go into the model: a second copy, 0.9 GB of the published one, would only lie there."""
    from parascale.generators.diffusion import run

    counted, built = [], []
    check, move = run.Run.check_memory, run.move_to_device

    def count(self, numbers, *how):
        counted.append(sum(numbers.values()))
        check(self, numbers, *how)

    def keep(pipeline, *how):
        built.append(pipeline)
        return move(pipeline, *how)

    monkeypatch.setattr(run, "_kept", {})
    monkeypatch.setattr(run.Run, "check_memory", count)
    monkeypatch.setattr(run, "move_to_device", keep)
    MotionMaster().generate(ask(), tmp_path)
    models = [part for part in built[0].components.values() if isinstance(part, torch.nn.Module)]
    assert sum(number.numel() for model in models for number in model.state_dict().values()) == counted[0]


def test_more_frames_and_single_precision_need_more_memory(ask, tmp_path, monkeypatch) -> None:
    """All frames are decoded at once."""
    needs = []

    def look(_self, _numbers, block, _length):
        needs.append(block["decoder"])
        raise InputError("seen")

    monkeypatch.setattr("parascale.generators.diffusion.run.Run.check_memory", look)
    for frames, precision in ((3, "bf16"), (6, "bf16"), (6, "fp32")):
        with pytest.raises(InputError, match="seen"):
            MotionMaster().generate(ask(frames=frames, precision=precision), tmp_path)
    assert [need / needs[0] for need in needs] == [1, 2, 4]


@pytest.mark.slow
def test_what_moves_by_itself_is_taken_out(film, clips) -> None:
    assert np.abs(film() - film(moving=clips["moving"])).max() > 0


@pytest.mark.slow
def test_it_says_that_it_sees_neither_path_nor_scale(ask, tmp_path) -> None:
    warnings = MotionMaster().generate(ask(), tmp_path).summary["warnings"]
    assert any("neither the path nor the picture" in warning for warning in warnings)


@pytest.mark.slow
@pytest.mark.parametrize("answer", ["its own", "the clip"])
def test_its_row_of_an_evaluation_comes_from_a_video_of_its_own(weights, tmp_path, answer) -> None:
    """Random weights make a video that is no film: where the answer is the clip itself, it does what the clip does.

    The clip has 16 frames a second, the video 8, as the model was trained at: they are compared at the same moments.
    """
    pytest.importorskip("bpy")
    plan = evaluation.Plan(["desk-room"], ["raw", "motionmaster"], ["dolly in"], "motionmaster", 17, (480, 270))
    given = {"device": "cpu", "steps": 2, "long_side": 128, "weights": str(weights[0]), "adapter": str(weights[1])}
    asked = []

    def make(request, folder, progress):
        asked.append(request)
        result = MotionMaster().generate(
            dataclasses.replace(request, parameters={**request.parameters, **given}), folder
        )
        if answer == "its own":
            return result
        every = round(16 / request.shot.fps)
        with VideoWriter(folder / "clip.mp4", 480, 270, request.shot.fps) as writer:
            for picture in read_video(Path(str(request.parameters["source_video"])), 99)[::every]:
                writer.write(picture)
        return dataclasses.replace(result, files={"video": folder / "clip.mp4"})

    raw, row = evaluate(plan, tmp_path, make, lambda part, phase: None)
    (request,) = asked
    assert (request.generator, request.prompt, len(request.shot)) == ("motionmaster", "room", 9)
    assert request.parameters == {"source_video": str(tmp_path / "references" / "desk-dolly-in.mp4")}
    # What a video does is told of it alone: no path of its was asked for.
    assert np.isfinite(raw.pce)
    assert np.isnan([row.pce, raw.video_pce]).all()
    if answer == "the clip":
        assert row.video_pce < 0.02
        assert row.reason == ""
        assert np.isnan(row.asked_pce)
    else:
        assert np.isfinite(row.video_pce) or row.reason.startswith("its video cannot be solved: ")


def test_scores_that_are_recorded_and_put_back_change_nothing(weights) -> None:
    """What is put into a network that would find the same by itself leaves its answer as it was."""
    from diffusers import AnimateDiffPipeline, DDIMScheduler, MotionAdapter, UNet2DConditionModel

    from parascale.generators.diffusion.motion_transfer import MotionTransfer

    folder, adapter = weights
    unet = UNet2DConditionModel.from_pretrained(folder / "unet")
    pipeline = AnimateDiffPipeline(None, None, None, unet, MotionAdapter.from_pretrained(adapter), DDIMScheduler())
    generator = torch.Generator().manual_seed(0)
    latents, text = torch.randn(1, 4, 6, 9, 16, generator=generator), torch.randn(6, 77, 8, generator=generator)

    def answer(latents):
        with torch.no_grad():
            return pipeline.unet(latents, 500, encoder_hidden_states=text).sample

    plain = answer(latents)
    transfer = MotionTransfer(pipeline)
    # Down two blocks of a module, up two of two, one in the middle; two attentions each.
    assert len(transfer.layers) == 2 * (2 + 4 + 1)
    torch.testing.assert_close(answer(latents), plain, atol=1e-5, rtol=1e-5)
    for layer in transfer.layers:
        layer.recording = True
    answer(latents)
    for layer in transfer.layers:
        layer.recording = False
        assert layer.scores.shape[1:] == (2, 6, 6)
    torch.testing.assert_close(answer(latents), plain, atol=1e-5, rtol=1e-5)
    assert (answer(latents.flip(2)) - plain.flip(2)).abs().max() > 1e-5
    transfer.forget()
    torch.testing.assert_close(answer(latents), plain, atol=1e-5, rtol=1e-5)


def test_a_hole_in_the_scores_is_filled_by_laplaces_equation() -> None:
    """What rises linearly over the picture is harmonic, so it comes back, whatever stood in the hole."""
    from parascale.generators.diffusion.motion_transfer import without

    rows, columns = 8, 12
    y, x = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    ramp = (2 + 0.3 * x - 0.2 * y).reshape(-1)
    scores = torch.stack([ramp, -ramp, 0 * ramp, 3 * ramp], -1).reshape(-1, 1, 2, 2)
    moving = torch.zeros(3, 16, 24, dtype=torch.bool)
    moving[1, 6:11, 8:15] = True
    spoilt = scores.clone().reshape(rows, columns, 4)
    spoilt[3:6, 4:8] = 50
    filled = without(spoilt.reshape(scores.shape), moving, (16, 24))
    torch.testing.assert_close(filled, scores, atol=1e-4, rtol=0)
    assert torch.equal(without(scores, torch.zeros_like(moving), (16, 24)), scores)


def test_a_hole_at_the_border_takes_what_lies_beside_it() -> None:
    from parascale.generators.diffusion.motion_transfer import without

    scores = torch.full((6 * 8, 1, 1, 1), 3.0)
    moving = torch.zeros(1, 6, 8, dtype=torch.bool)
    moving[:, :4, 5:] = True
    spoilt = scores.clone().reshape(6, 8)
    spoilt[:4, 5:] = -9
    torch.testing.assert_close(without(spoilt.reshape(scores.shape), moving, (6, 8)), scores)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"source_video": ""}, "needs a source_video"),
        ({"frames": 33}, "at most 32 frames and the shot has 33"),
        ({"frames": 9}, "has 6 frames and the shot 9"),
        ({"adapter": ""}, "parascale weights fetch animatediff-adapter"),
    ],
)
def test_what_is_missing_is_said(how, said, ask, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    with pytest.raises(InputError) as caught:
        MotionMaster().generate(ask(**how), tmp_path)
    assert said in sentence(caught.value)


def test_holes_are_filled_as_by_the_authors_code() -> None:
    """Every n-th number, 12 of them, of what PoissonEdit of MotionMaster 922659e makes of the same scores and holes."""
    from parascale.generators.diffusion.motion_transfer import without

    golden = [
        -0.4013118, -0.1467243, -0.2398739, -0.794905, -0.2366198, -0.5741082, -0.1187634, -0.258347, -0.146295,
        0.01691478, 0.4411481, -0.06474432,
    ]  # fmt: skip
    generator = torch.Generator().manual_seed(zlib.crc32(b"scores"))
    scores = torch.randn((16 * 16, 8, 16, 16), generator=generator)
    moving = torch.zeros(1, 16, 16, dtype=torch.bool)
    moving[:, 3:9, 5:12] = moving[:, :3, :4] = moving[:, 12:, 10:] = True
    filled = without(scores, moving, (16, 16)).flatten(1)[moving.flatten()].flatten()
    torch.testing.assert_close(filled[:: len(filled) // 12][:12], torch.tensor(golden), atol=1e-5, rtol=1e-5)
