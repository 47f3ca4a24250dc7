from pathlib import Path

import numpy as np
import OpenEXR
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from parascale.errors import InputError
from parascale.media.depth_file import read_depth_map

DEPTH = np.linspace(0.5, 9.0, 48).reshape(6, 8).astype(np.float32)


def write_exr(path: Path, **channels: np.ndarray) -> Path:
    OpenEXR.File({"type": OpenEXR.scanlineimage}, channels).write(str(path))
    return path


def write_png(path: Path, values: np.ndarray) -> Path:
    Image.fromarray(values).save(path)
    return path


def test_arrays_keep_their_depth(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", DEPTH.astype(np.float64))
    np.savez(tmp_path / "one.npz", depth=DEPTH)
    for name in ("one.npy", "one.npz"):
        file = read_depth_map(tmp_path / name)
        np.testing.assert_array_equal(file.depth, DEPTH)
        assert file.depth.dtype == np.float32
        assert not file.warnings


@pytest.mark.parametrize("channel", ["Z", "Y", "V", "ViewLayer.Depth.Z", "depth"])
def test_the_depth_channel_of_an_exr_file_is_found(tmp_path: Path, channel: str) -> None:
    others = {"R": DEPTH + 1, "G": DEPTH + 2, "B": DEPTH + 3} if channel != "Y" else {}
    path = write_exr(tmp_path / "pass.exr", **{channel: DEPTH}, **others)
    np.testing.assert_array_equal(read_depth_map(path).depth, DEPTH)


@pytest.mark.parametrize(
    "others",
    [
        ("ViewLayer.Mist.Z",),
        ("ViewLayer.Normal.X", "ViewLayer.Normal.Y", "ViewLayer.Normal.Z"),
        ("P.X", "P.Y", "P.Z", "ZBack"),
        ("depthFiltered.Z", "ViewLayer.Vector.X", "ViewLayer.Vector.Z"),
        ("X", "Y", "Z"),
        ("ViewLayer.Mist.left.Z",),
    ],
)
def test_depth_is_told_from_passes_with_a_channel_of_its_name(tmp_path: Path, others: tuple[str, ...]) -> None:
    layers = {name: DEPTH + k for k, name in enumerate(others, start=1)}
    path = write_exr(tmp_path / "layers.exr", **{"ViewLayer.Depth.Z": DEPTH}, **layers)
    np.testing.assert_array_equal(read_depth_map(path).depth, DEPTH)
    path = write_exr(tmp_path / "none.exr", R=DEPTH, G=DEPTH + 1, B=DEPTH + 2, **layers)
    with pytest.raises(InputError, match="no channel that is surely depth"):
        read_depth_map(path)


@pytest.mark.parametrize("name", ["disparity", "InverseDepth", "inv_depth.Y", "ViewLayer.Mist.Z"])
def test_a_channel_that_is_named_as_something_else_is_no_depth(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="no channel that is surely depth"):
        read_depth_map(write_exr(tmp_path / "pass.exr", **{name: DEPTH}))
    np.savez(tmp_path / "pass.npz", **{name: DEPTH})
    with pytest.raises(InputError, match="is not depth by its name"):
        read_depth_map(tmp_path / "pass.npz")


@pytest.mark.parametrize("name", ["Depth_unfiltered.Z", "Morning Mist.Depth.Z", "Filtered.001.Depth.Z"])
def test_a_name_that_holds_the_word_of_another_pass_is_depth(tmp_path: Path, name: str) -> None:
    np.testing.assert_array_equal(read_depth_map(write_exr(tmp_path / "pass.exr", **{name: DEPTH})).depth, DEPTH)


@pytest.mark.parametrize("others", ["", "RGBA"])
def test_a_position_pass_without_a_layer_is_no_depth(tmp_path: Path, others: str) -> None:
    channels = {name: DEPTH + k for k, name in enumerate(f"XYZ{others}")}
    with pytest.raises(InputError, match="no channel that is surely depth"):
        read_depth_map(write_exr(tmp_path / "position.exr", **channels))


def test_what_lies_beside_depth_in_an_archive_is_not_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "told.npz", allow_pickle=True, depth=DEPTH, told=np.array([{"lens": 35}], object))
    np.testing.assert_array_equal(read_depth_map(tmp_path / "told.npz").depth, DEPTH)


def test_of_several_arrays_the_one_called_depth_is_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "pro.npz", depth=DEPTH, K=np.eye(3))
    np.testing.assert_array_equal(read_depth_map(tmp_path / "pro.npz").depth, DEPTH)


@pytest.mark.parametrize("dtype", [np.uint16, np.int32])
def test_whole_numbers_in_an_array_are_doubted(tmp_path: Path, dtype: type) -> None:
    np.save(tmp_path / "whole.npy", (1000 * DEPTH).astype(dtype))
    (warning,) = read_depth_map(tmp_path / "whole.npy").warnings
    assert "whole numbers" in warning
    assert not read_depth_map(tmp_path / "whole.npy", 0.001).warnings


def test_the_depth_is_found_in_whichever_part_of_an_exr_file_it_lies(tmp_path: Path) -> None:
    # As Blender 5 writes its layers, unless told otherwise.
    grey = np.full((6, 8), 0.5, np.float16)
    parts = [
        OpenEXR.Part({"type": OpenEXR.scanlineimage}, channels, name)
        for name, channels in (
            ("ViewLayer.Combined", {f"ViewLayer.Combined.{colour}": grey for colour in "RGBA"}),
            ("ViewLayer.Depth", {"ViewLayer.Depth.Z": DEPTH}),
        )
    ]
    OpenEXR.File(parts).write(str(tmp_path / "layers.exr"))
    np.testing.assert_array_equal(read_depth_map(tmp_path / "layers.exr").depth, DEPTH)
    # A grey picture before it is not taken for it, and of two depths none is sure.
    pictured = [OpenEXR.Part({"type": OpenEXR.scanlineimage}, {"R": grey, "G": grey, "B": grey}, "picture"), parts[1]]
    OpenEXR.File(pictured).write(str(tmp_path / "layers.exr"))
    np.testing.assert_array_equal(read_depth_map(tmp_path / "layers.exr").depth, DEPTH)
    both = [OpenEXR.Part({"type": OpenEXR.scanlineimage}, {"Z": DEPTH}, view) for view in ("left", "right")]
    OpenEXR.File(both).write(str(tmp_path / "layers.exr"))
    with pytest.raises(InputError, match=r"no channel that is surely depth .* but left\.Z, right\.Z"):
        read_depth_map(tmp_path / "layers.exr")


def test_a_grey_picture_in_an_exr_file_is_depth(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "grey.exr", R=DEPTH, G=DEPTH, B=DEPTH)
    np.testing.assert_array_equal(read_depth_map(path).depth, DEPTH)


def test_half_floats_serve(tmp_path: Path) -> None:
    path = write_exr(tmp_path / "half.exr", Z=DEPTH.astype(np.float16))
    np.testing.assert_allclose(read_depth_map(path).depth, DEPTH, rtol=1e-3)


@pytest.mark.parametrize("names", [("R", "G", "B"), ("A.Z", "B.Z"), ("X", "Nz")])
def test_an_exr_file_without_a_sure_depth_names_its_channels(tmp_path: Path, names: tuple[str, ...]) -> None:
    path = write_exr(tmp_path / "colour.exr", **{name: DEPTH + k for k, name in enumerate(names)})
    with pytest.raises(InputError, match="no channel that is surely depth") as caught:
        read_depth_map(path)
    assert all(name in str(caught.value) for name in names)


def test_pictures_of_16_bits_are_millimetres_unless_told(tmp_path: Path) -> None:
    path = write_png(tmp_path / "depth.png", np.array([[0, 1500], [2500, 65535]], np.uint16))
    np.testing.assert_allclose(read_depth_map(path).depth, [[0, 1.5], [2.5, 65.535]], rtol=1e-6)
    np.testing.assert_allclose(read_depth_map(path, 1 / 5000).depth, [[0, 0.3], [0.5, 13.107]], rtol=1e-6)


@settings(deadline=None, max_examples=20)
@given(scale=st.floats(1e-4, 1e4))
def test_the_scale_multiplies_every_kind_of_file(tmp_path_factory: pytest.TempPathFactory, scale: float) -> None:
    folder = tmp_path_factory.mktemp("scaled")
    np.save(folder / "depth.npy", DEPTH)
    for path in (folder / "depth.npy", write_exr(folder / "depth.exr", Z=DEPTH)):
        np.testing.assert_allclose(read_depth_map(path, scale).depth, DEPTH * np.float32(scale), rtol=1e-6)


def test_a_picture_of_8_bits_is_read_and_warned_of(tmp_path: Path) -> None:
    path = write_png(tmp_path / "eight.png", np.arange(1, 49, dtype=np.uint8).reshape(6, 8))
    file = read_depth_map(path)
    assert len(file.warnings) == 1
    assert "8 bits a pixel, 256 steps of depth" in file.warnings[0]
    assert file.depth[0, 1] == pytest.approx(0.002)


def test_a_picture_in_colour_is_refused(tmp_path: Path) -> None:
    path = write_png(tmp_path / "turbo.png", np.random.default_rng(1).integers(0, 255, (6, 8, 3), np.uint8))
    with pytest.raises(InputError, match="is a picture in colour: depth is grey, 16 bits a pixel"):
        read_depth_map(path)


def test_nan_is_no_surface_and_what_renderers_write_for_sky_is_far(tmp_path: Path) -> None:
    np.save(tmp_path / "holes.npy", np.array([[1.0, np.nan], [1e10, 0.0]]))
    np.testing.assert_array_equal(read_depth_map(tmp_path / "holes.npy").depth, [[1, np.nan], [np.inf, 0]])


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_a_map_without_a_positive_depth_is_refused(tmp_path: Path, value: float) -> None:
    np.save(tmp_path / "nothing.npy", np.full((6, 8), value))
    with pytest.raises(InputError, match="has no positive depth: give a map that shows a surface"):
        read_depth_map(tmp_path / "nothing.npy")


@pytest.mark.parametrize("shape", [(6,), (6, 8, 3), (1, 8), (0, 4)])
def test_what_is_no_map_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "shape.npy", np.ones(shape))
    with pytest.raises(InputError, match="where height x width numbers are needed"):
        read_depth_map(tmp_path / "shape.npy")


@pytest.mark.parametrize("array", [np.array([["a", "b"]]), np.ones((3, 3), complex), np.array([[{}]], object)])
def test_arrays_that_hold_no_numbers_are_refused(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "words.npy", array, allow_pickle=True)
    with pytest.raises(InputError, match=r"words\.npy"):
        read_depth_map(tmp_path / "words.npy")


@pytest.mark.parametrize("name", ["broken.npy", "broken.npz", "broken.exr", "broken.png"])
@pytest.mark.parametrize("content", [b"", b"nothing of the kind" * 20])
def test_broken_files_are_one_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=r"broken\.") as caught:
        read_depth_map(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_files_of_other_kinds_name_the_kinds_we_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"give one of \.npy, \.npz, \.exr, \.png, \.pgm"):
        read_depth_map(tmp_path / "depth.pfm")
    with pytest.raises(InputError, match="there is no file"):
        read_depth_map(tmp_path / "nowhere.exr")


@pytest.mark.parametrize("scale", [0.0, -1.0, np.nan, np.inf])
def test_a_scale_that_is_none_is_refused(tmp_path: Path, scale: float) -> None:
    np.save(tmp_path / "depth.npy", DEPTH)
    with pytest.raises(InputError, match="is not positive"):
        read_depth_map(tmp_path / "depth.npy", scale)


@pytest.mark.slow
def test_a_map_of_a_hundred_megapixels_is_thinned_and_it_is_said(tmp_path: Path) -> None:
    depth = np.ones((8_000, 12_500), np.float16)
    depth[:, 6_250:] = 2
    np.save(tmp_path / "huge.npy", depth)
    file = read_depth_map(tmp_path / "huge.npy")
    assert file.warnings == ("huge.npy has 100 megapixels: every 3rd row and column is used.",)
    assert file.depth.shape == (2667, 4167)
    assert file.depth[:, :2083].max() == 1
    assert file.depth[:, 2084:].min() == 2


@pytest.mark.realdata
def test_the_maps_of_depth_cameras_are_metres(testdata: Path) -> None:
    folder = testdata / "icl_livingroom49" / "depth"
    first = read_depth_map(min(folder.iterdir())).depth
    assert first.shape == (480, 640)
    assert 0.5 < np.median(first[first > 0]) < 5
    for path in (testdata / "rgbd_tum5").rglob("*.pgm"):
        depth = read_depth_map(path).depth
        assert depth.shape == (480, 640)
        assert 0.3 < np.median(depth[depth > 0]) < 8
