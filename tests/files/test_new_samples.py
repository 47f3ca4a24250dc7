"""Files as other tools write them, by their documentation, against values worked out by hand."""

import json
from pathlib import Path

import numpy as np
import pytest

from parascale.errors import InputError
from parascale.files.raw_trajectory import UserOverrides
from parascale.files.trajectory_file import Imported, read_trajectory


def read(path: Path, expected: str, **stated: object) -> Imported:
    imported = read_trajectory(path, overrides=UserOverrides(**stated))  # type: ignore[arg-type]
    assert imported.format == expected
    return imported


def told(imported: Imported) -> str:
    return " ".join(notice.message for notice in imported.notices)


def forward(imported: Imported) -> np.ndarray:
    """Where each camera looks."""
    return imported.shot.trajectory.rotations[:, :, 2]


def right(imported: Imported) -> np.ndarray:
    return imported.shot.trajectory.rotations[:, :, 0]


def camera_path(**changes: object) -> str:
    """Two frames of nerfstudio's viewer: the camera at (1, 2, 3) looks along -z with y up."""
    pose = [1, 0, 0, 1, 0, 1, 0, 2, 0, 0, 1, 3, 0, 0, 0, 1]
    frames = [{"camera_to_world": pose, "fov": fov, "aspect": 1.5} for fov in (90, 60)]
    document = {
        "default_fov": 50, "default_transition_sec": 2.0, "keyframes": [], "camera_type": "perspective",
        "render_height": 400, "render_width": 600, "fps": 30.0, "seconds": 2 / 30, "is_cycle": False,
        "camera_path": frames,
    }  # fmt: skip
    return json.dumps(document | changes)


def test_a_path_of_nerfstudios_viewer(tmp_path: Path) -> None:
    (tmp_path / "camera_path.json").write_text(camera_path())
    imported = read(tmp_path / "camera_path.json", "nerfstudio-path", fps=24)
    np.testing.assert_allclose(imported.shot.trajectory.centres, [[1, 2, 3]] * 2)
    np.testing.assert_allclose(forward(imported), [[0, 0, -1]] * 2, atol=1e-15)
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics[:, 1], [200, 200 / np.tan(np.pi / 6)])
    assert imported.shot.fps == 30
    assert "used the frame rate of the file" in told(imported)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"camera_type": "equirectangular"}, "equirectangular"),
        ({"camera_type": "fisheye"}, "fisheye"),
        ({"camera_path": []}, "no frames"),
    ],
)
def test_a_path_of_nerfstudios_viewer_that_is_none_is_refused(
    tmp_path: Path, changes: dict[str, object], said: str
) -> None:
    (tmp_path / "camera_path.json").write_text(camera_path(**changes))
    with pytest.raises(InputError, match=said):
        read_trajectory(tmp_path / "camera_path.json")


def test_what_a_frame_of_nerfstudios_viewer_states_beside_its_path_is_read_or_refused(tmp_path: Path) -> None:
    path = tmp_path / "camera_path.json"
    frames = json.loads(camera_path())["camera_path"]
    path.write_text(
        camera_path(camera_path=[frame | {"timestamp": n / 48} for n, frame in enumerate(frames)], fps=None)
    )
    imported = read(path, "nerfstudio-path")
    np.testing.assert_allclose(imported.shot.trajectory.times, [0, 1 / 48])
    matrix = [[200, 0, 300], [0, 200, 200], [0, 0, 1]]
    path.write_text(camera_path(camera_path=[frame | {"intrinsic_matrix": matrix} for frame in frames]))
    with pytest.raises(InputError, match='frame 1: the field of view of 60 degrees contradicts "intrinsic_matrix"'):
        read_trajectory(path)
    path.write_text(camera_path(camera_path=[frame | {"intrinsic_matrix": matrix, "fov": 90} for frame in frames]))
    np.testing.assert_allclose(read(path, "nerfstudio-path").shot.trajectory.intrinsics[:, 1], 200)


def test_seconds_of_nerfstudios_viewer_tell_the_rate_and_what_contradicts_them_is_said(tmp_path: Path) -> None:
    path = tmp_path / "camera_path.json"
    path.write_text(camera_path(fps=None, seconds=0.1))
    assert read(path, "nerfstudio-path").shot.fps == pytest.approx(20)
    path.write_text(camera_path(seconds=4))
    imported = read(path, "nerfstudio-path")
    assert imported.shot.fps == 30
    assert "2 frames in 4 seconds" in told(imported)


@pytest.mark.parametrize(("fov", "said"), [(0.8, "0.8 degrees across"), (172, "172 degrees"), (50, "")])
def test_a_lens_that_is_none_is_said(tmp_path: Path, fov: float, said: str) -> None:
    frames = [frame | {"fov": fov} for frame in json.loads(camera_path())["camera_path"]]
    (tmp_path / "camera_path.json").write_text(camera_path(camera_path=frames, render_width=400))
    imported = read(tmp_path / "camera_path.json", "nerfstudio-path")
    assert said in told(imported)
    assert bool(said) == ("lens" in told(imported))


def test_splat_cameras_of_two_sizes_are_two_cameras(tmp_path: Path) -> None:
    cameras = [
        {
            "id": index, "img_name": f"f_{index:05d}", "width": 800 if index < 3 else 1600, "height": 600,
            "position": [index, 0, 0], "rotation": np.eye(3).tolist(), "fy": 700.0, "fx": 710.0,
        }
        for index in (4, 0, 2, 1, 3)
    ]  # fmt: skip
    (tmp_path / "cameras.json").write_text(json.dumps(cameras))
    imported = read(tmp_path / "cameras.json", "splat-cameras")
    assert "the longest of 2 cameras" in told(imported)
    np.testing.assert_array_equal(imported.shot.trajectory.centres[:, 0], [0, 1, 2])
    np.testing.assert_array_equal(imported.shot.trajectory.intrinsics[0], [710, 700, 400, 300])


EUROC = """#timestamp, p_RS_R_x [m], p_RS_R_y [m], p_RS_R_z [m], q_RS_w [], q_RS_x [], q_RS_y [], q_RS_z [], \
v_RS_R_x [m s^-1], v_RS_R_y [m s^-1], v_RS_R_z [m s^-1], b_w_RS_S_x [rad s^-1], b_w_RS_S_y [rad s^-1], \
b_w_RS_S_z [rad s^-1], b_a_RS_S_x [m s^-2], b_a_RS_S_y [m s^-2], b_a_RS_S_z [m s^-2]
1403636580838555648,1.0,2.0,0.5,1.000000,0.000000,0.000000,0.000000,-0.027876,0.033207,0.800006,-0.003172,0.021267,0.078502,-0.025266,0.136696,0.075593
1403636580888555520,1.1,2.0,0.5,0.707107,0.000000,0.000000,0.707107,-0.029272,0.033992,0.804771,-0.003172,0.021267,0.078502,-0.025266,0.136696,0.075593
"""
SENSOR = """sensor_type: camera
comment: VI-Sensor cam0 (MT9M034)
T_BS:
  cols: 4
  rows: 4
  data: [0.0, -1.0, 0.0, -0.02,
         1.0, 0.0, 0.0, -0.06,
         0.0, 0.0, 1.0, 0.01,
         0.0, 0.0, 0.0, 1.0]
rate_hz: 20
resolution: [752, 480]
camera_model: pinhole
intrinsics: [458.654, 457.296, 367.215, 248.375] #fu, fv, cu, cv
distortion_model: radial-tangential
distortion_coefficients: [-0.28340811, 0.07395907, 0.00019359, 1.76187114e-05]
"""


def test_eurocs_body_without_its_cameras_is_said(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text(EUROC)
    imported = read(tmp_path / "data.csv", "euroc")
    assert "device's body" in told(imported)
    np.testing.assert_allclose(np.diff(imported.shot.trajectory.times), 0.05, atol=1e-6)
    # The second is turned by 90 degrees about z.
    np.testing.assert_allclose(right(imported), [[1, 0, 0], [0, 1, 0]], atol=2e-6)
    assert imported.shot.unit == "m"


def test_eurocs_cameras_stand_on_the_body(tmp_path: Path) -> None:
    for name, text in (
        ("state_groundtruth_estimate0/data.csv", EUROC),
        ("cam0/sensor.yaml", SENSOR),
        ("cam1/sensor.yaml", SENSOR.replace("-0.02", "0.09")),
    ):
        (tmp_path / "mav0" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "mav0" / name).write_text(text)
    imported = read(tmp_path, "euroc")
    assert "the first of 2 cameras" in told(imported)
    # (-0.02, -0.06, 0.01) from the body, whose axes turn by 90 degrees about z: x to y, y to -x.
    centres = [[0.98, 1.94, 0.51], [1.1 + 0.06, 2 - 0.02, 0.51]]
    np.testing.assert_allclose(imported.shot.trajectory.centres, centres, atol=1e-6)
    np.testing.assert_allclose(right(imported), [[0, 1, 0], [-1, 0, 0]], atol=2e-6)
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics[0], [458.654, 457.296, 367.215, 248.375])
    assert imported.shot.trajectory.size == (752, 480)
    assert imported.shot.distortion is not None
    assert imported.shot.distortion["model"] == "OPENCV"
    other = read(tmp_path, "euroc", camera="cam1")
    np.testing.assert_allclose(other.shot.trajectory.centres[0], [1.09, 1.94, 0.51], atol=1e-6)


MATRIX = "0.0 0.0 1.0 4.0\n0.0 1.0 0.0 5.0\n-1.0 0.0 0.0 6.0\n0.0 0.0 0.0 1.0\n"
"""A camera at (4, 5, 6) that looks along x."""


def assert_looks_along_x(imported: Imported) -> None:
    np.testing.assert_allclose(imported.shot.trajectory.centres, [[4, 5, 6]] * len(imported.shot))
    np.testing.assert_allclose(forward(imported), [[1, 0, 0]] * len(imported.shot), atol=1e-15)
    assert imported.shot.unit == "m"


def test_replicas_rows_of_sixteen(tmp_path: Path) -> None:
    (tmp_path / "traj.txt").write_text((MATRIX.replace("\n", " ") + "\n") * 3)
    assert_looks_along_x(read(tmp_path / "traj.txt", "replica"))


def test_redwoods_log(tmp_path: Path) -> None:
    (tmp_path / "trajectory.log").write_text("".join(f"{n} {n} {n + 1}\n{MATRIX}" for n in range(3)))
    assert_looks_along_x(read(tmp_path / "trajectory.log", "redwood-log"))


def test_scannets_folder_leaves_out_what_was_not_tracked(tmp_path: Path) -> None:
    (tmp_path / "pose").mkdir()
    (tmp_path / "intrinsic").mkdir()
    for number in (0, 1, 2, 10):
        lost = "-inf -inf -inf -inf\n" * 4
        (tmp_path / "pose" / f"{number}.txt").write_text(lost if number == 1 else MATRIX)
    lens = "1170.187988 0.0 647.75 0.0\n0.0 1170.187988 483.75 0.0\n0.0 0.0 1.0 0.0\n0.0 0.0 0.0 1.0\n"
    (tmp_path / "intrinsic" / "intrinsic_color.txt").write_text(lens)
    for path in (tmp_path, tmp_path / "pose"):
        imported = read(path, "scannet")
        assert_looks_along_x(imported)
        assert imported.shot.frames is not None
        assert imported.shot.frames.tolist() == [0, 2, 10]
        np.testing.assert_allclose(imported.shot.trajectory.intrinsics[0, :3], [1170.187988, 1170.187988, 647.75])
        assert "1 of 4 pictures have no pose" in told(imported)


def test_the_folder_of_seven_scenes(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"frame-{number:06d}.pose.txt").write_text(MATRIX.replace(" ", "\t"))
    assert_looks_along_x(read(tmp_path, "scannet"))


def test_record3d(tmp_path: Path) -> None:
    """ARKit's camera looks along -z; the second is turned by 90 degrees about y, to look along -x."""
    document = {
        "h": 960, "w": 720, "fps": 30, "dw": 192, "dh": 256, "initPose": [0, 0, 0, 1, 0, 0, 0],
        "K": [710.5, 0, 0, 0, 711.5, 0, 361.0, 479.0, 1],
        "poses": [[0, 0, 0, 1, 1, 2, 3], [0, 0.7071068, 0, 0.7071068, 1, 2, 4]],
    }  # fmt: skip
    (tmp_path / "metadata.json").write_text(json.dumps(document))
    for path in (tmp_path, tmp_path / "metadata.json"):
        imported = read(path, "record3d")
        np.testing.assert_allclose(forward(imported), [[0, 0, -1], [-1, 0, 0]], atol=1e-7)
        np.testing.assert_array_equal(imported.shot.trajectory.centres, [[1, 2, 3], [1, 2, 4]])
        np.testing.assert_array_equal(imported.shot.trajectory.intrinsics[0], [710.5, 711.5, 361, 479])
        assert (imported.shot.fps, imported.shot.trajectory.size) == (30, (720, 960))
    document["perFrameIntrinsicCoeffs"] = [[700, 700, 360, 480], [705, 705, 360, 480]]
    document["frameTimestamps"] = [0.5, 0.54]
    (tmp_path / "metadata.json").write_text(json.dumps(document))
    shot = read(tmp_path, "record3d").shot
    np.testing.assert_array_equal(shot.trajectory.intrinsics[:, 0], [700, 705])
    np.testing.assert_allclose(np.diff(shot.trajectory.times), 0.04)


@pytest.mark.parametrize("folder", ["corrected_cameras", "cameras"])
def test_polycams_keyframes(tmp_path: Path, folder: str) -> None:
    """ARKit's camera at (x, 1, 2) looks along -z; stamps are microseconds."""
    (tmp_path / "keyframes" / folder).mkdir(parents=True)
    for number in range(3):
        frame = {f"t_{row}{column}": float(row == column) for row in range(3) for column in range(4)}
        frame |= {"t_03": 0.5 * number, "t_13": 1.0, "t_23": 2.0, "blur_score": 120.5, "neighbors": []}
        frame |= {"fx": 768.1, "fy": 768.1, "cx": 511.2, "cy": 380.3, "width": 1024, "height": 768}  # type: ignore[dict-item]
        file = tmp_path / "keyframes" / folder / f"{5_251_000_000 + 400_000 * number}.json"
        file.write_text(json.dumps(frame))
    imported = read(tmp_path, "polycam")
    np.testing.assert_array_equal(imported.shot.trajectory.centres, [[0, 1, 2], [0.5, 1, 2], [1, 1, 2]])
    np.testing.assert_allclose(forward(imported), [[0, 0, -1]] * 3)
    np.testing.assert_allclose(np.diff(imported.shot.trajectory.times), 0.4)
    assert imported.shot.up is not None
    np.testing.assert_array_equal(imported.shot.up.direction, [0, 1, 0])
    assert (imported.shot.up.source, imported.shot.up.confidence) == ("gravity, as ARKit measures it", 0.95)
    assert ("before loop closure" in told(imported)) == (folder == "cameras")


def sfm_data(kind: str, lens: dict[str, object]) -> str:
    views = [
        {"key": n, "value": {"polymorphic_id": 1073741824, "ptr_wrapper": {"id": 2147483649 + n, "data": {
            "local_path": "", "filename": f"100_{7100 + n}.JPG", "width": 1000, "height": 800,
            "id_view": n, "id_intrinsic": 0, "id_pose": n}}}}
        for n in range(3)
    ]  # fmt: skip
    data = {"width": 1000, "height": 800, "focal_length": 900.0, "principal_point": [501.0, 399.0], **lens}
    intrinsics = [{"key": 0, "value": {"polymorphic_id": 2147483649, "polymorphic_name": kind,
                                       "ptr_wrapper": {"id": 2147483660, "data": data}}}]  # fmt: skip
    # World-to-camera: the world's z is the camera's x.
    turn = [[0, 0, 1], [0, 1, 0], [-1, 0, 0]]
    extrinsics = [{"key": n, "value": {"rotation": turn, "center": [n, 2, 3]}} for n in (0, 2)]
    document = {"sfm_data_version": "0.3", "root_path": "/data", "views": views, "intrinsics": intrinsics}
    return json.dumps(document | {"extrinsics": extrinsics, "structure": [], "control_points": []})


@pytest.mark.parametrize(
    ("kind", "lens", "distortion"),
    [
        ("pinhole", {}, None),
        ("pinhole_radial_k1", {"disto_k1": [0.1]}, {"model": "SIMPLE_RADIAL", "k1": 0.1}),
        ("pinhole_radial_k3", {"disto_k3": [0.1, 0.2, 0.0]}, {"model": "RADIAL", "k1": 0.1, "k2": 0.2}),
        (
            "pinhole_brown_t2",
            {"disto_t2": [0.1, 0.2, 0.0, 0.01, 0.02]},
            {"model": "OPENCV", "k1": 0.1, "k2": 0.2, "p1": 0.01, "p2": 0.02},
        ),
        ("fisheye", {"fisheye": [0, 0, 0, 0]}, {"model": "OPENCV_FISHEYE", "k1": 0, "k2": 0, "k3": 0, "k4": 0}),
    ],
)
def test_openmvg(tmp_path: Path, kind: str, lens: dict[str, object], distortion: dict[str, object] | None) -> None:
    (tmp_path / "sfm_data.json").write_text(sfm_data(kind, lens))
    imported = read(tmp_path / "sfm_data.json", "openmvg")
    np.testing.assert_array_equal(imported.shot.trajectory.centres, [[0, 2, 3], [2, 2, 3]])
    np.testing.assert_allclose(right(imported), [[0, 0, 1]] * 2, atol=1e-15)
    np.testing.assert_array_equal(imported.shot.trajectory.intrinsics[0], [900, 900, 501, 399])
    assert imported.shot.distortion == distortion
    assert "1 of 3 views have no pose" in told(imported)
    assert ("fisheye" in told(imported)) == (kind == "fisheye")


def test_spheres_of_openmvg_are_refused(tmp_path: Path) -> None:
    (tmp_path / "sfm_data.json").write_text(sfm_data("spherical", {}))
    with pytest.raises(InputError, match="spherical"):
        read_trajectory(tmp_path / "sfm_data.json")


def test_realityscan(tmp_path: Path) -> None:
    """Pitch 90 looks level; heading counts from y (north) clockwise to x (east); the lens is for film of 36 mm."""
    (tmp_path / "cameras.csv").write_text(
        "#name,x,y,alt,heading,pitch,roll,f,px,py,k1,k2,k3,k4,t1,t2\r\n"
        "frame 1.jpg,1,2,3,0,90,0,18,0.01,-0.02,0.003,0.004,0,0,0,0\r\n"
        "frame 2.jpg,1,2,4,90,90,0,18,0.01,-0.02,0.003,0.004,0,0,0,0\r\n"
        "frame 10.jpg,1,2,5,0,0,0,18,0.01,-0.02,0.003,0.004,0,0,0,0\r\n"
    )
    imported = read(tmp_path / "cameras.csv", "realityscan", size=(1000, 600))
    np.testing.assert_allclose(forward(imported), [[0, 1, 0], [1, 0, 0], [0, 0, -1]], atol=1e-15)
    np.testing.assert_allclose(right(imported), [[1, 0, 0], [0, -1, 0], [1, 0, 0]], atol=1e-15)
    np.testing.assert_array_equal(imported.shot.trajectory.centres[:, 2], [3, 4, 5])
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics[0], [500, 500, 510, 280])
    assert imported.shot.distortion == {"model": "RADIAL", "k1": 0.003, "k2": 0.004}


NUKE = """set cut_paste_input [stack 0]
version 13.2 v5
Root {
 inputs 0
 name /jobs/shot/track.nk
 frame 1001
 first_frame 1001
 last_frame 1003
 fps 25
 format "2048 1152 0 0 2048 1152 1 2K_16x9"
}
push $cut_paste_input
Camera2 {
 inputs 0
 rot_order XYZ
 translate {{curve x1001 1 2 3} {curve x1001 K 5 x1003 5} {curve L l x1001 -4 s0.5 -4 -4}}
 rotate {{curve x1001 0 0 0} {curve x1001 0 90 90} 0}
 focal 36
 haperture 24
 vaperture 13.5
 name ShotCam
 selected true
 xpos 0
}
"""


def test_nukes_curves(tmp_path: Path) -> None:
    """y up: (x, y, z) is (x, -z, y) of ours. The camera looks along -z, and turned by 90 degrees about y along -x."""
    (tmp_path / "track.nk").write_text(NUKE)
    imported = read(tmp_path / "track.nk", "nuke")
    np.testing.assert_allclose(imported.shot.trajectory.centres, [[1, 4, 5], [2, 4, 5], [3, 4, 5]])
    np.testing.assert_allclose(forward(imported), [[0, 1, 0], [-1, 0, 0], [-1, 0, 0]], atol=1e-15)
    assert imported.shot.frames is not None
    assert imported.shot.frames.tolist() == [1001, 1002, 1003]
    assert (imported.shot.fps, imported.shot.trajectory.size) == (25, (2048, 1152))
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics[0], [3072, 3072, 1024, 576])
    assert "straight between them" in told(imported)


@pytest.mark.parametrize(
    ("order", "expected"), [("ZXY", [0, -1, 0]), ("XYZ", [0, 0, 1]), ("YXZ", [0, 0, 1])], ids=["ZXY", "XYZ", "YXZ"]
)
def test_nukes_rotation_order_is_the_scripts_own(tmp_path: Path, order: str, expected: list[int]) -> None:
    """90 degrees about x and z: z takes x to y, and where x comes after, on to z. Nuke's z is -y of ours, y is z."""
    text = NUKE.replace("rot_order XYZ", f"rot_order {order}")
    turned = text.replace("rotate {{curve x1001 0 0 0} {curve x1001 0 90 90} 0}", "rotate {90 0 90}")
    (tmp_path / "track.nk").write_text(turned)
    np.testing.assert_allclose(right(read(tmp_path / "track.nk", "nuke"))[0], expected, atol=1e-15)


def test_nukes_matrix_and_several_cameras(tmp_path: Path) -> None:
    second = (
        "Camera3 {\n inputs 0\n useMatrix true\n matrix {\n"
        "  {{curve x1 1 1} 0 0 {curve x1 7 8}}\n  {0 1 0 0}\n  {0 0 1 0}\n  {0 0 0 1}\n }\n"
        " win_translate {0.1 0}\n name Witness\n}\nAxis2 {\n name Offset\n}\n"
    )
    (tmp_path / "track.nk").write_text(NUKE + second)
    assert "of 2 cameras" in told(read(tmp_path / "track.nk", "nuke"))
    imported = read(tmp_path / "track.nk", "nuke", camera="Witness")
    np.testing.assert_array_equal(imported.shot.trajectory.centres[:, 0], [7, 8])
    assert "win_translate" in told(imported)
    assert "Axis" in told(imported)


@pytest.mark.parametrize("label", ['"a \\{ b"', '"a \\} b"', '"\\\\"'], ids=["opened", "closed", "backslash"])
def test_braces_in_the_texts_of_nukes_nodes_are_letters(tmp_path: Path, label: str) -> None:
    (tmp_path / "track.nk").write_text(NUKE.replace(" selected true", f" label {label}\n selected true"))
    assert len(read(tmp_path / "track.nk", "nuke").shot) == 3


def test_nukes_expressions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "track.nk").write_text(NUKE.replace("focal 36", "focal {{parent.Camera1.focal}}"))
    with pytest.raises(InputError, match=r"line 18.*parent\.Camera1\.focal"):
        read_trajectory(tmp_path / "track.nk")


def keyframes(*tracks: str, width: int = 1920) -> str:
    head = f"\tUnits Per Second\t25\n\tSource Width\t{width}\n\tSource Height\t1080\n"
    head += "\tSource Pixel Aspect Ratio\t1\n\tComp Pixel Aspect Ratio\t1\n"
    return "\r\n".join(["Adobe After Effects 8.0 Keyframe Data", "", head, *tracks, "", "End of Keyframe Data", ""])


POSITION = (
    "Transform\tPosition\n\tFrame\tX pixels\tY pixels\tZ pixels\t\n\t0\t960\t540\t-1500\t\n\t1\t960\t440\t-1500\t\n"
)
ZOOM = "Camera Options\tZoom\n\tFrame\tpixels\t\n\t\t2666.67\t\n"


def test_after_effects(tmp_path: Path) -> None:
    """x right, y down, z in: (x, y, z) is (x, z, -y) of ours. Turned by 90 degrees about y, it looks to the right."""
    turn = "Transform\tOrientation\n\tFrame\tX degrees\tY degrees\tZ degrees\t\n\t0\t0\t0\t0\t\n\t1\t0\t90\t0\t\n"
    (tmp_path / "keys.txt").write_text(keyframes(POSITION, turn, ZOOM))
    imported = read(tmp_path / "keys.txt", "after-effects")
    np.testing.assert_allclose(imported.shot.trajectory.centres, [[9.6, -15, -5.4], [9.6, -15, -4.4]])
    np.testing.assert_allclose(forward(imported), [[0, 1, 0], [1, 0, 0]], atol=1e-15)
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics[:, 0], 2666.67)
    assert (imported.shot.fps, imported.shot.trajectory.size) == (25, (1920, 1080))


def test_after_effects_camera_of_two_nodes_looks_at_its_point_of_interest(tmp_path: Path) -> None:
    rows = "\t0\t960\t540\t0\t\n\t1\t2460\t440\t-1500\t\n"
    point = f"Transform\tPoint of Interest\n\tFrame\tX pixels\tY pixels\tZ pixels\t\n{rows}"
    (tmp_path / "keys.txt").write_text(keyframes(POSITION, point, ZOOM))
    imported = read(tmp_path / "keys.txt", "after-effects")
    np.testing.assert_allclose(forward(imported), [[0, 1, 0], [1, 0, 0]], atol=1e-15)
    # Level: the picture's x axis has no height.
    np.testing.assert_allclose(right(imported)[:, 2], 0, atol=1e-15)


def test_after_effects_properties_by_their_other_names(tmp_path: Path) -> None:
    """Dimensions that are separate, and the rotation about z, which a layer calls its rotation."""
    axes = [
        f"Transform\t{axis} Position\n\tFrame\tpixels\t\n\t0\t{at}\t\n"
        for axis, at in zip("XYZ", (960, 540, -1500), strict=True)
    ]
    axes[1] += "\t1\t440\t\n"
    turn = "Transform\tRotation\n\tFrame\tdegrees\t\n\t0\t0\t\n\t1\t90\t\n"
    (tmp_path / "keys.txt").write_text("\n" + keyframes(*axes, turn, ZOOM))
    imported = read(tmp_path / "keys.txt", "after-effects")
    np.testing.assert_allclose(imported.shot.trajectory.centres, [[9.6, -15, -5.4], [9.6, -15, -4.4]])
    np.testing.assert_allclose(right(imported), [[1, 0, 0], [0, 0, -1]], atol=1e-15)


def test_after_effects_position_of_some_axes_is_refused(tmp_path: Path) -> None:
    axis = "Transform\tX Position\n\tFrame\tpixels\t\n\t0\t960\t\n"
    (tmp_path / "keys.txt").write_text(keyframes(axis, ZOOM))
    with pytest.raises(InputError, match="Y Position"):
        read_trajectory(tmp_path / "keys.txt")


def test_after_effects_without_rotation_or_lens_is_said(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(keyframes(POSITION, width=1920))
    said = told(read(tmp_path / "keys.txt", "after-effects"))
    assert "taken not to turn" in said
    assert "no lens in the file" in said


def test_after_effects_expressions_are_refused(tmp_path: Path) -> None:
    (tmp_path / "keys.txt").write_text(keyframes(POSITION, "Transform\tX Rotation\nExpression Data\ntime * 10\n"))
    with pytest.raises(InputError, match="expression"):
        read_trajectory(tmp_path / "keys.txt")
