import av
import numpy as np
import pytest

from parascale.media.video_writer import VideoWriter


def test_colours_come_back(tmp_path) -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255], [0, 0, 0], [128, 64, 200]], np.uint8)
    frame = np.repeat(np.repeat(colours[None], 64, axis=0), 32, axis=1)
    path = tmp_path / "colours.mp4"
    with VideoWriter(path, 192, 64, 16) as writer:
        writer.write(frame)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_range, context.colorspace, context.color_primaries, context.color_trc) == (1, 1, 1, 1)
        decoded = next(container.decode(video=0))
        seen = decoded.reformat(format="rgb24", src_colorspace="ITU709").to_ndarray()
    assert np.abs(seen[32, 16::32].astype(int) - colours).max() <= 4


@pytest.mark.parametrize("fps", [16, 24, 23.976, 29.97, 12.5])
def test_frames_last_as_asked(tmp_path, fps) -> None:
    path = tmp_path / "clip.mp4"
    with VideoWriter(path, 64, 48, fps) as writer:
        for value in range(20):
            writer.write(np.full((48, 64, 3), 10 * value, np.uint8))
    with av.open(str(path)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    np.testing.assert_allclose(times, np.arange(20) / fps, atol=1e-4)


def test_lossless_keeps_every_value(tmp_path) -> None:
    mask = np.random.default_rng(1).integers(0, 256, (3, 48, 64)).astype(np.uint8)
    path = tmp_path / "mask.mp4"
    with VideoWriter(path, 64, 48, 16, lossless=True) as writer:
        for frame in mask:
            writer.write(frame)
    with av.open(str(path)) as container:
        seen = np.stack([frame.to_ndarray(format="gray") for frame in container.decode(video=0)])
    np.testing.assert_array_equal(seen, mask)


def test_an_error_leaves_neither_file_nor_part(tmp_path) -> None:
    def interrupted() -> None:
        with VideoWriter(tmp_path / "a.mp4", 64, 48, 16) as writer:
            writer.write(np.zeros((48, 64, 3), np.uint8))
            raise RuntimeError("lights out")

    with pytest.raises(RuntimeError, match="lights out"):
        interrupted()
    assert not list(tmp_path.iterdir())


def test_a_finished_file_is_replaced_whole(tmp_path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(b"old")
    with VideoWriter(path, 64, 48, 16) as writer:
        writer.write(np.zeros((48, 64, 3), np.uint8))
        assert path.read_bytes() == b"old"
    assert path.read_bytes() != b"old"


def test_odd_sizes_are_refused(tmp_path) -> None:
    with pytest.raises(ValueError, match="even size"):
        VideoWriter(tmp_path / "a.mp4", 63, 48, 16)
