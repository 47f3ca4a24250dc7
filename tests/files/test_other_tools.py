"""Other tools take the files: COLMAP's own library, Blender's importer as documented, a loader of nerfstudio's kind."""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory
from parascale.files.trajectory_file import read_trajectory, write_trajectory
from parascale.parallax.shot import Points, Shot


@pytest.fixture
def shot() -> Shot:
    """Return 12 frames that turn about all axes, zoom, and have points."""
    count = 12
    generator = np.random.default_rng(3)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, :3, :3] = Rotation.random(count, random_state=4).as_matrix()
    poses[:, :3, 3] = generator.normal(size=(count, 3))
    lens = np.column_stack([np.linspace(500, 700, count)] * 2 + [np.full(count, 416.0), np.full(count, 240.0)])
    points = Points(
        generator.normal(size=(20, 3)).astype(np.float32), generator.integers(0, 256, (20, 3)).astype(np.uint8)
    )
    path = Trajectory(poses, lens, np.arange(count) / 24, 832, 480)
    return Shot("orbit", 24.0, path, np.full(count, 3.0), points=points)


@pytest.mark.parametrize("name", ["colmap", "colmap-binary"])
@pytest.mark.parametrize("distortion", [None, {"model": "SIMPLE_RADIAL", "k1": -0.05}])
def test_pycolmap_reads_what_we_write(
    shot: Shot, tmp_path: Path, name: str, distortion: dict[str, object] | None
) -> None:
    import pycolmap

    shot = dataclasses.replace(shot, distortion=distortion)
    write_trajectory(shot, tmp_path / "model", name)
    model = pycolmap.Reconstruction(tmp_path / "model")
    assert (model.num_reg_images(), model.num_points3D()) == (12, 20)
    images = sorted(model.images.values(), key=lambda image: image.name)
    for frame, image in enumerate(images):
        np.testing.assert_allclose(image.projection_center(), shot.trajectory.centres[frame], atol=1e-12)
        world_to_camera = np.asarray(image.cam_from_world().rotation.matrix())
        np.testing.assert_allclose(world_to_camera.T, shot.trajectory.rotations[frame], atol=1e-12)
        camera = model.cameras[image.camera_id]
        np.testing.assert_allclose(camera.calibration_matrix()[0, 0], shot.trajectory.intrinsics[frame, 0])
        assert (camera.width, camera.height) == (832, 480)
        assert camera.params[-1] == (240.0 if distortion is None else -0.05)
    positions = np.array([point.xyz for _, point in sorted(model.points3D.items())])
    assert shot.points is not None
    np.testing.assert_allclose(positions, shot.points.positions)


@pytest.mark.parametrize("binary", [True, False])
def test_we_read_what_pycolmap_writes(tmp_path: Path, binary: bool) -> None:
    """Its points carry tracks, from which the depth comes."""
    import pycolmap

    options = pycolmap.SyntheticDatasetOptions(num_rigs=1, num_cameras_per_rig=1, num_frames_per_rig=6, num_points3D=80)
    model = pycolmap.synthesize_dataset(options)
    (model.write_binary if binary else model.write_text)(tmp_path)
    back = read_trajectory(tmp_path).shot
    images = sorted(model.images.values(), key=lambda image: image.name)
    for frame, image in enumerate(images):
        np.testing.assert_allclose(back.trajectory.centres[frame], image.projection_center(), atol=1e-9)
    depth = []
    for image in images:
        seen = np.array([model.points3D[point.point3D_id].xyz for point in image.get_observation_points2D()])
        depth.append(np.median((image.cam_from_world() * seen)[:, 2]))
    assert back.points is not None
    # The area each point stands for differs, so that the median over area is near the median over points.
    np.testing.assert_allclose(back.median_depth, depth, rtol=0.3)


def test_blenders_chan_importer_moves_a_camera_to_our_poses(shot: Shot, tmp_path: Path) -> None:
    """The importer is no part of the bpy wheel: what it documents is done here, rotation order ZXY, z up.

    Frame, location, angles in degrees, vertical field of view; the result turned by 90 degrees about x.
    """
    bpy = pytest.importorskip("bpy")
    from mathutils import Euler, Matrix, Vector

    write_trajectory(shot, tmp_path / "orbit.chan", "chan")
    scene = bpy.data.scenes.new("chan")
    scene.render.resolution_x, scene.render.resolution_y = shot.trajectory.size
    camera = bpy.data.objects.new("chan", bpy.data.cameras.new("chan"))
    scene.collection.objects.link(camera)
    try:
        for frame, line in enumerate((tmp_path / "orbit.chan").read_text().splitlines()):
            number, *values = line.split()
            assert int(number) == frame
            x, y, z, *angles, fov = map(float, values)
            turn = Euler([math.radians(angle) for angle in angles], "ZXY").to_matrix().to_4x4()
            upright = Matrix.Rotation(math.radians(90), 4, "X")
            camera.matrix_world = upright @ Matrix.Translation(Vector((x, y, z))) @ turn
            camera.data.sensor_fit = "VERTICAL"
            camera.data.angle_y = math.radians(fov)
            ours = shot.trajectory.camera_to_world[frame] @ np.diag([1, -1, -1, 1])
            np.testing.assert_allclose(np.array(camera.matrix_world), ours, atol=1e-4)
            focal = camera.data.lens / camera.data.sensor_height * shot.trajectory.height
            assert focal == pytest.approx(shot.trajectory.intrinsics[frame, 1], rel=1e-4)
    finally:
        bpy.data.objects.remove(camera)
        bpy.data.scenes.remove(scene)


def test_a_loader_of_nerfstudios_kind_agrees(shot: Shot, tmp_path: Path) -> None:
    """The documented convention: camera-to-world, the camera looks along -z with y up, intrinsics a frame."""
    write_trajectory(shot, tmp_path / "transforms.json", "nerfstudio")
    document = json.loads((tmp_path / "transforms.json").read_text())
    assert (document["w"], document["h"], document["camera_model"]) == (832, 480, "OPENCV")
    world_point = np.array([0.3, -0.2, 5.0])
    for frame, entry in enumerate(sorted(document["frames"], key=lambda entry: entry["file_path"])):
        camera = np.linalg.inv(np.array(entry["transform_matrix"])) @ [*world_point, 1]
        pixel = [
            entry["fl_x"] * camera[0] / -camera[2] + entry["cx"],
            entry["fl_y"] * -camera[1] / -camera[2] + entry["cy"],
        ]
        path = shot.trajectory
        ours = path.rotations[frame].T @ (world_point - path.centres[frame])
        fx, fy, cx, cy = path.intrinsics[frame]
        np.testing.assert_allclose(pixel, [fx * ours[0] / ours[2] + cx, fy * ours[1] / ours[2] + cy], rtol=1e-9)


def test_nerfstudios_applied_transform_is_taken_back(tmp_path: Path) -> None:
    """It swaps y and z and halves the world: a camera at (1, 2, 3) stands at (0.5, 1.5, -1)."""
    frame = {"file_path": "images/frame_1.png", "transform_matrix": np.diag([1, 1, 1, 1]).tolist()}
    frame["transform_matrix"] = [[1, 0, 0, 0.5], [0, 0, 1, 1.5], [0, -1, 0, -1.0], [0, 0, 0, 1]]
    document = {
        "w": 640, "h": 480, "fl_x": 500, "frames": [frame],
        "applied_transform": [[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0]], "applied_scale": 0.5,
    }  # fmt: skip
    (tmp_path / "transforms.json").write_text(json.dumps(document))
    path = read_trajectory(tmp_path).shot.trajectory
    np.testing.assert_allclose(path.centres[0], [1, 2, 3])
    np.testing.assert_allclose(path.rotations[0], np.diag([1, -1, -1]))
    np.testing.assert_allclose(path.intrinsics[0], [500, 500, 320, 240])


def test_the_medians_of_megasams_depth_maps(tmp_path: Path) -> None:
    poses, depths = np.tile(np.eye(4, dtype=np.float32), (3, 1, 1)), np.full((3, 4, 6), 2.0, np.float16)
    poses[:, 0, 3] = [0, 1, 2]
    depths[1, :, :4] = 5
    depths[2, :, 1:] = 0
    np.savez(tmp_path / "x.npz", cam_c2w=poses, depths=depths, intrinsic=np.diag([5.0, 5, 1]))
    shot = read_trajectory(tmp_path / "x.npz").shot
    np.testing.assert_array_equal(shot.median_depth, [2, 5, 2])
    assert shot.trajectory.size == (6, 4)


def test_gen3cs_key_frames_give_depth_where_the_path_meets_them(tmp_path: Path) -> None:
    world_to_camera = np.tile(np.eye(4, dtype=np.float32), (3, 1, 1))
    world_to_camera[:, 2, 3] = [0, -1, -2]
    depth, mask = np.full((1, 1, 4, 6), 7.0), np.ones((1, 1, 4, 6))
    depth[..., :5], mask[..., :5] = 3.0, 0
    np.savez(
        tmp_path / "x.npz", w2cs_all=world_to_camera, Ks_all=np.tile(np.diag([5.0, 5, 1]), (3, 1, 1)),
        w2cs_key_frames=world_to_camera[:1], depth_key_frames=depth, mask_key_frames=mask,
        images_key_frames=np.zeros((1, 3, 4, 6)),
    )  # fmt: skip
    shot = read_trajectory(tmp_path / "x.npz").shot
    np.testing.assert_array_equal(shot.median_depth, [7, np.nan, np.nan])
    np.testing.assert_array_equal(shot.trajectory.centres[:, 2], [0, 1, 2])
    assert shot.trajectory.size == (6, 4)


def test_vipes_frames_without_a_pose_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "pose").mkdir()
    (tmp_path / "intrinsics").mkdir()
    np.savez(tmp_path / "pose" / "clip.npz", data=np.tile(np.eye(4), (2, 1, 1)), inds=[0, 2])
    lens = np.array([[100.0, 100, 50, 40], [110, 110, 50, 40], [120, 120, 50, 40]])
    np.savez(tmp_path / "intrinsics" / "clip.npz", data=lens, inds=[0, 1, 2])
    shot = read_trajectory(tmp_path).shot
    assert shot.frames is not None
    assert shot.frames.tolist() == [0, 2]
    np.testing.assert_array_equal(shot.trajectory.intrinsics[:, 0], [100, 120])
    assert shot.trajectory.size == (100, 80)
