"""Files that other tools ship, against values worked out by hand from the numbers in them."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from parascale.files.raw_trajectory import UserOverrides
from parascale.files.trajectory_file import read_trajectory
from parascale.parallax.shot import Shot

pytestmark = pytest.mark.realdata


def read(path: Path, expected: str, **told: object) -> Shot:
    """Read a file without naming its format."""
    imported = read_trajectory(path, overrides=UserOverrides(**told))  # type: ignore[arg-type]
    assert imported.format == expected
    return imported.shot


def seen_from_the_first(shot: Shot) -> np.ndarray:
    """Return centres in the axes of the first camera."""
    path = shot.trajectory
    return (path.centres - path.centres[0]) @ path.rotations[0]


@pytest.mark.parametrize(
    ("size", "focal"), [((1280, 720), 681.139), ((832, 480), 454.093), ((480, 832), 787.094)], ids=str
)
def test_wan_fun_lens_follows_the_crop_from_1280x720(testdata: Path, size: tuple[int, int], focal: float) -> None:
    """Covering 832x480 takes 853.3x480: 0.532139961 * 853.33 = 454.09. Upright, 1479.1x832: 787.09."""
    shot = read(testdata / "camera_files" / "Pan_Left.txt", "wan-fun", size=size)
    np.testing.assert_allclose(shot.trajectory.intrinsics[0, :2], focal, atol=2e-3)
    np.testing.assert_allclose(shot.trajectory.intrinsics[0, 2:], np.array(size) / 2)
    assert (len(shot), shot.fps, shot.unit) == (81, 16, "arbitrary")


def test_pan_left_moves_to_the_left(testdata: Path) -> None:
    shot = read(testdata / "camera_files" / "Pan_Left.txt", "wan-fun")
    np.testing.assert_allclose(shot.trajectory.centres[-1], [-80 / 54, 0, 0], atol=1e-12)


def test_zoom_in_moves_forward(testdata: Path) -> None:
    shot = read(testdata / "camera_files" / "Zoom_In.txt", "wan-fun")
    np.testing.assert_allclose(shot.trajectory.centres[-1], [0, 0, 80 / 27], atol=1e-12)


def test_acw_only_rolls(testdata: Path) -> None:
    """World-to-camera of frame 1 holds -sin of 0.740741 degrees in its first row: the camera rolls the other way."""
    shot = read(testdata / "camera_files" / "ACW.txt", "wan-fun")
    assert shot.motion_class == "rotation-only"
    turned = Rotation.from_matrix(shot.trajectory.rotations[1]).as_rotvec(degrees=True)
    np.testing.assert_allclose(turned, [0, 0, -0.740741], atol=1e-5)


def test_a_left_handed_world_is_mirrored_and_said(testdata: Path) -> None:
    """Its matrices have determinant -1; the orbit keeps its radius of 3 and moves to the left."""
    imported = read_trajectory(testdata / "camera_files" / "orbit_left_re10k.txt")
    assert imported.format == "realestate10k"
    assert "left-handed" in imported.notices[0].message
    shot = imported.shot
    np.testing.assert_allclose(np.linalg.norm(shot.trajectory.centres, axis=1), 3, atol=1e-6)
    steps = seen_from_the_first(shot)
    assert len(shot) == 150
    # The centre of the orbit lies 3 ahead of the first camera.
    np.testing.assert_allclose(np.linalg.norm(steps - [0, 0, 3], axis=1), 3, atol=1e-5)
    # Row 1 of the file: the camera's x axis turns by asin(0.0105421) a frame, which takes the centre by 3 x as much.
    np.testing.assert_allclose(np.abs(steps[1]), [3 * 0.010542122, 0, 0], atol=2e-4)


@pytest.mark.parametrize(
    ("camera", "centre", "forward"),
    [
        ("cam01", [0, 0, 0], [0.339982, 0, 0.940432]),  # pans right
        ("cam03", [0, 0, 0], [0, -0.17258, 0.984995]),  # tilts up
        ("cam05", [0, 0, 1.9876], [0, 0, 1]),  # dollies in by 198.76 cm
        ("cam06", [0, 0, -1.9876], [0, 0, 1]),  # dollies out
        ("cam07", [0, -0.99379, 0], [0, 0.241117, 0.970496]),  # cranes up, looking down
        ("cam09", [-1.9876, 0, 0.5326], [0.497306, 0, 0.867575]),  # arcs left, looking right
    ],
)
def test_recammaster_is_in_metres_with_the_right_signs(
    testdata: Path, camera: str, centre: list[float], forward: list[float]
) -> None:
    path = testdata / "camera_files" / "recammaster_camera_extrinsics.json"
    shot = read(path, "recammaster", camera=camera)
    assert (len(shot), shot.unit, shot.name) == (81, "m", camera)
    np.testing.assert_allclose(seen_from_the_first(shot)[-1], centre, atol=1e-9)
    rotations = shot.trajectory.rotations
    np.testing.assert_allclose(rotations[0].T @ rotations[-1] @ [0, 0, 1], forward, atol=2e-6)


def test_tum_quaternions_and_times(testdata: Path) -> None:
    """Line 4: 1305031098.6659 1.3563 0.6305 1.6380 0.6132 0.5962 -0.3311 -0.3986, the quaternion as x y z w."""
    shot = read(testdata / "camera_files" / "tum_freiburg1_xyz-groundtruth.txt", "tum")
    assert (len(shot), shot.unit) == (3000, "m")
    np.testing.assert_allclose(shot.trajectory.centres[0], [1.3563, 0.6305, 1.6380])
    expected = Rotation.from_quat([0.6132, 0.5962, -0.3311, -0.3986]).as_matrix()
    np.testing.assert_allclose(shot.trajectory.rotations[0], expected, atol=1e-12)
    assert shot.trajectory.times[1] - shot.trajectory.times[0] == pytest.approx(0.0099, abs=1e-5)


def test_tum_without_times(testdata: Path) -> None:
    shot = read(testdata / "rgbd_tum5" / "pose.txt", "tum", fps=30.0)
    assert (len(shot), shot.fps) == (5, 30.0)
    np.testing.assert_allclose(shot.trajectory.centres[1], [-0.50237, -0.0661803, 0.322012])


def test_realestate10k_rows(testdata: Path) -> None:
    """-(0.780003667 0.726968666 - 0.062449891 0.217967188 - 0.622651041 1.002211444) = 0.070602."""
    shot = read(testdata / "re10k" / "pose" / "0bf152ef84195293.txt", "realestate10k", size=(384, 256))
    assert len(shot) == 16
    assert shot.trajectory.centres[0, 0] == pytest.approx(0.070602, abs=2e-6)
    np.testing.assert_allclose(shot.trajectory.intrinsics[0], [182.328, 216.0924, 192, 128], atol=1e-3)
    assert shot.trajectory.times[1] - shot.trajectory.times[0] == pytest.approx(0.266934)


def test_a_folder_of_realestate10k_rows(testdata: Path) -> None:
    shot = read(testdata / "re10k" / "pose", "pose-folder", camera="0c11dbe781b1c11c")
    assert shot.trajectory.intrinsics[0, 0] == pytest.approx(0.485388169 * 1280)


def test_kitti_drives_forward_in_metres(testdata: Path) -> None:
    shot = read(testdata / "kitti00_20" / "poses_c2w.txt", "kitti")
    assert (len(shot), shot.unit, shot.trajectory.size) == (20, "m", (1241, 376))
    np.testing.assert_allclose(shot.trajectory.centres[0], [-4.934649, -2.926167, 84.31338])
    ahead = seen_from_the_first(shot)
    assert 0.3 < ahead[1, 2] < 0.6
    assert ahead[-1, 2] > 4


def test_the_fountain(testdata: Path) -> None:
    shot = read(testdata / "fountain_p11" / "gt_dense_cameras", "strecha")
    assert (len(shot), shot.unit, shot.trajectory.size) == (11, "m", (3072, 2048))
    np.testing.assert_allclose(shot.trajectory.intrinsics[0], [2759.48, 2764.16, 1520.69, 1006.81])
    np.testing.assert_allclose(shot.trajectory.centres[0], [-7.28137, -7.57667, 0.204446])
    rows = [[0.450927, -0.0945642, -0.887537], [-0.892535, -0.0401974, -0.449183], [0.00679989, 0.994707, -0.102528]]
    np.testing.assert_allclose(shot.trajectory.rotations[0], rows, atol=1e-5)
    # Walking around the fountain, every camera looks at it: the point nearest to all axes lies ahead of each.
    axes, centres = shot.trajectory.rotations[:, :, 2], shot.trajectory.centres
    across = np.eye(3) - axes[:, :, None] * axes[:, None]
    fountain = np.linalg.solve(across.sum(axis=0), np.einsum("nij,nj->i", across, centres))
    ahead = np.einsum("nj,nj->n", axes, fountain - centres)
    assert np.all(ahead > 3)
    assert np.all(np.linalg.norm(np.einsum("nij,nj->ni", across, fountain - centres), axis=1) < 0.3 * ahead)


def test_icl_nuims_log(testdata: Path) -> None:
    """Its first matrix is the identity, its second holds 0.00118646 in x."""
    shot = read(testdata / "icl_livingroom49" / "trajectory.log", "redwood-log")
    assert (len(shot), shot.unit) == (49, "m")
    np.testing.assert_array_equal(shot.trajectory.camera_to_world[0], np.eye(4))
    assert shot.trajectory.centres[1, 0] == pytest.approx(0.00118646)
