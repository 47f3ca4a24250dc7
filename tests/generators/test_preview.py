import sys
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from parascale.cli.advice import sentence
from parascale.errors import Cancelled, InputError
from parascale.generators.preview import Preview
from parascale.projection.warper import Warper

SIDEWAYS = np.c_[np.linspace(0, 0.2, 9), np.zeros(9), np.zeros(9)]


def frames(path: Path, form: str = "rgb24") -> np.ndarray:
    with av.open(str(path)) as container:
        return np.stack([frame.to_ndarray(format=form) for frame in container.decode(video=0)])


def test_the_video_has_the_shot_s_frames_rate_and_size(make_request, tmp_path) -> None:
    result = Preview().generate(make_request(SIDEWAYS, fps=23.976), tmp_path)
    with av.open(str(result.files["video"])) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height, stream.pix_fmt) == (160, 96, "yuv420p")
        assert float(stream.average_rate) == pytest.approx(23.976, abs=1e-4)
    assert len(frames(result.files["video"])) == 9
    assert result.summary["frames"] == 9
    assert (result.summary["width"], result.summary["height"], result.summary["fps"]) == (160, 96, 23.976)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hole_mask.mp4", "result.mp4"]


def test_the_first_frame_is_the_image(make_request, tmp_path) -> None:
    request = make_request(SIDEWAYS)
    result = Preview().generate(request, tmp_path)
    assert np.abs(frames(result.files["video"])[0].astype(int) - request.image).mean() < 1.5


def shift_between(first: np.ndarray, second: np.ndarray, guess: float) -> float:
    """By how many pixels columns moved left: least squares (Lucas-Kanade) with spectral, hence unbiased, shifts."""
    spectrum, frequency = np.fft.fft(first, axis=1), 2j * np.pi * np.fft.fftfreq(first.shape[1])
    inner = np.s_[20:-20, 20 : -60 - int(guess)]
    for _ in range(20):
        moved = spectrum * np.exp(frequency * guess)
        slope = np.fft.ifft(moved * frequency, axis=1).real[inner]
        error = second[inner] - np.fft.ifft(moved, axis=1).real[inner]
        guess += (error * slope).sum() / (slope * slope).sum()
    return guess


def test_the_picture_moves_by_the_asked_parallax(make_request, tmp_path) -> None:
    # A wall at depth 1 seen with a focal length of 288: a step of 0.025 moves it by 7.2 pixels. The encoder's share of
    # the tolerance is the most: without its settings for small residuals the first step is 0.048 off.
    result = Preview().generate(make_request(SIDEWAYS, 320, 192), tmp_path)
    grey = frames(result.files["video"], "gray").astype(np.float64)
    for step in range(1, 9):
        assert shift_between(grey[0], grey[step], 7.2 * step + 0.4) == pytest.approx(7.2 * step, abs=0.03)


def test_the_mask_is_white_exactly_where_the_image_showed_nothing(make_request, tmp_path) -> None:
    request = make_request(SIDEWAYS)
    result = Preview().generate(request, tmp_path)
    views = [request.shot.trajectory.view(frame) for frame in range(9)]
    warper = Warper(request.image, request.depth_map, views[0], views)
    holes = np.stack([warper.render(view)[1] for view in views])
    np.testing.assert_array_equal(frames(result.files["hole_mask"], "gray"), holes * 255)
    np.testing.assert_allclose(result.summary["hole_share"], holes.mean(axis=(1, 2)))
    # Of 160 columns, a step of 0.2 with a focal length of 144 uncovers 28.8.
    assert result.summary["hole_share"][-1] == pytest.approx(29 / 160, abs=0.5 / 160)


def test_a_missing_depth_map_is_refused(make_request, tmp_path) -> None:
    with pytest.raises(InputError, match="needs a depth map"):
        Preview().generate(make_request(SIDEWAYS, depth_map=None), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_depth_map_without_a_surface_is_refused(make_request, tmp_path) -> None:
    with pytest.raises(InputError, match="no positive depth"):
        Preview().generate(make_request(SIDEWAYS, depth_map=np.full((96, 160), np.nan, np.float32)), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("what", ["image", "depth_map"])
def test_pictures_of_another_shape_are_refused(make_request, texture, tmp_path, what) -> None:
    wrong = {"image": texture(96, 96), "depth_map": np.ones((96, 96), np.float32)}[what]
    with pytest.raises(InputError, match="96x96 but the shot 160x96"):
        Preview().generate(make_request(SIDEWAYS, **{what: wrong}), tmp_path)


def test_a_missing_package_is_named(make_request, tmp_path, monkeypatch) -> None:
    monkeypatch.delitem(sys.modules, "parascale.media.video_writer", raising=False)
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(InputError, match="needs av") as caught:
        Preview().generate(make_request(SIDEWAYS), tmp_path)
    assert sentence(caught.value).endswith("pip install 'parascale[preview]'")


def test_unknown_parameters_are_refused(make_request, tmp_path) -> None:
    with pytest.raises(InputError, match="unknown parameter steps"):
        Preview().generate(make_request(SIDEWAYS, parameters={"steps": 3}), tmp_path)


@pytest.mark.parametrize("scale", [0.5, 1.3, 4])
def test_images_of_other_resolutions_serve(make_request, texture, tmp_path, scale) -> None:
    small = texture(160, 96)
    image = cv2.resize(small, (round(160 * scale), round(96 * scale)), interpolation=cv2.INTER_CUBIC)
    result = Preview().generate(make_request(SIDEWAYS[:2], image=image), tmp_path)
    first = frames(result.files["video"])[0].astype(int)
    assert first.shape == (96, 160, 3)
    assert np.abs(first - small).mean() < (6 if scale < 1 else 2.5)


def test_an_odd_size_loses_a_pixel_and_keeps_the_view(make_request, texture, tmp_path) -> None:
    request = make_request(SIDEWAYS, 161, 97)
    result = Preview().generate(request, tmp_path)
    assert (result.summary["width"], result.summary["height"]) == (160, 96)
    expected = cv2.resize(request.image, (160, 96), interpolation=cv2.INTER_AREA)
    assert np.abs(frames(result.files["video"])[0].astype(int) - expected).mean() < 2.5


def test_progress_rises_to_one(make_request, tmp_path) -> None:
    seen = []
    Preview().generate(make_request(SIDEWAYS), tmp_path, lambda fraction, phase: seen.append((fraction, phase)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] == 0
    assert seen[-1] == (1.0, "frame 9 of 9")


def test_cancelling_leaves_nothing_behind(make_request, tmp_path) -> None:
    asked = []

    def cancelled() -> bool:
        asked.append(True)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        Preview().generate(make_request(SIDEWAYS), tmp_path, cancelled=cancelled)
    assert not list(tmp_path.iterdir())


def test_one_frame_is_a_video(make_request, tmp_path) -> None:
    result = Preview().generate(make_request([[0, 0, 0]]), tmp_path)
    assert len(frames(result.files["video"])) == 1
