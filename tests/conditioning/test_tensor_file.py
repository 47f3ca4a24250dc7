"""Tensors as files: what is in them, named axes, and nothing half-written."""

from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.conditioning.plucker import plucker_maps
from parascale.conditioning.relative import relative_poses
from parascale.conditioning.tensor_file import TENSORS, find_tensor_format, write_tensor
from parascale.conditioning.wan_fun import camera_latents
from parascale.errors import InputError
from parascale.parallax.shot import Shot


def shot(count: int = 5) -> Shot:
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, 3] = np.arange(count)[:, None] * [0.1, 0.03, -0.2]
    path = Trajectory(poses, np.array([20.0, 20.0, 16.0, 8.0]), np.arange(count) / 16, 32, 16)
    return Shot("walk", 16.0, path, np.full(count, 2.0), metres_per_unit=2.0)


def written(name: str, folder: Path, source: Shot | None = None) -> dict[str, np.ndarray]:
    known = find_tensor_format(name)
    assert known is not None
    write_tensor(source or shot(), folder / "x.npz", known)
    with np.load(folder / "x.npz", allow_pickle=False) as archive:
        return dict(archive)


@pytest.mark.parametrize("name", [known.name for known in TENSORS])
def test_every_array_is_float32_and_names_its_axes(name: str, tmp_path: Path) -> None:
    arrays = written(name, tmp_path)
    values = {key: value for key, value in arrays.items() if not key.endswith("_axes")}
    assert values
    for key, value in values.items():
        assert value.dtype == np.float32
        assert np.isfinite(value).all()
        assert len(arrays[f"{key}_axes"]) == value.ndim


def test_files_hold_what_the_functions_give(tmp_path: Path) -> None:
    path = shot().trajectory
    np.testing.assert_array_equal(written("plucker", tmp_path)["plucker"], plucker_maps(path))
    np.testing.assert_array_equal(written("wan-fun-latents", tmp_path)["camera_latents"], camera_latents(path))
    matrices = written("matrices", tmp_path)
    np.testing.assert_array_equal(matrices["camera_to_world"], relative_poses(path).astype(np.float32))
    vectors = written("recammaster-12", tmp_path)["camera"]
    np.testing.assert_allclose(vectors[1, [3, 7, 11]], [0.8, 0.24, -1.6], rtol=1e-6)


def test_frames_that_do_not_fit_leave_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_text("old")
    with pytest.raises(InputError, match="4n"):
        written("wan-fun-latents", tmp_path, shot(6))
    assert [file.name for file in tmp_path.iterdir()] == ["x.npz"]
    assert (tmp_path / "x.npz").read_text() == "old"


def test_a_folder_that_is_missing_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be written"):
        written("matrices", tmp_path / "gone")


def test_an_unknown_scale_is_said(tmp_path: Path) -> None:
    known = find_tensor_format("recammaster-12")
    assert known is not None
    path = shot().trajectory
    said = write_tensor(Shot("walk", 16.0, path, np.full(5, 2.0)), tmp_path / "x.npz", known)
    assert "in metres" in said[0]
