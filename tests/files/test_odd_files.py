"""Files as other systems, tables and tools write them: read to the true path, or refused with the place in the file."""

import json
import os
import re
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.files.raw_trajectory import UserOverrides
from parascale.files.trajectory_file import FORMATS, Imported, read_trajectory, write_trajectory
from parascale.parallax.shot import Shot

COUNT = 12
TURNS = Rotation.from_euler("xyz", np.add([-np.pi / 2, 0.4, 0.1], np.outer(np.arange(COUNT), [0.02, 0.03, -0.01])))
CENTRES = np.column_stack([0.1 * np.arange(COUNT), 0.02 * np.arange(COUNT) ** 1.5, 1 + 0.01 * np.arange(COUNT)])


def true_poses() -> np.ndarray:
    poses = np.tile(np.eye(4), (COUNT, 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = TURNS.as_matrix(), CENTRES
    return poses


@pytest.fixture(scope="module")
def shot() -> Shot:
    path = Trajectory(true_poses(), np.array([800.0, 800.0, 640.0, 360.0]), np.arange(COUNT) / 25, 1280, 720)
    return Shot("odd", 25.0, path, np.full(COUNT, 4.0))


def assert_true(imported: Imported, atol: float = 3e-6) -> None:
    """Compare the motion seen from the first camera, which does not depend on the world's axes."""
    found, true = imported.shot.trajectory.camera_to_world, true_poses()
    np.testing.assert_allclose(np.linalg.inv(found[0]) @ found, np.linalg.inv(true[0]) @ true, atol=atol)


def told(imported: Imported) -> str:
    return " ".join(notice.message for notice in imported.notices)


def table(separator: str = " ", order: str = "xyzw", stamps: object = None, decimal: str = ".") -> str:
    quaternions = TURNS.as_quat() if order == "xyzw" else TURNS.as_quat()[:, [3, 0, 1, 2]]
    first = np.arange(COUNT) / 25 if stamps is None else np.asarray(stamps)
    rows = np.column_stack([first, CENTRES, quaternions])
    lines = [separator.join(f"{value:.7f}".replace(".", decimal) for value in row) for row in rows]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


TEXTS = [
    name
    for name, known in FORMATS.items()
    if known.write is not None and known.suffix in {".txt", ".json", ".csv", ".nk", ".chan", ".log"}
]
ENCODINGS: dict[str, Callable[[str], bytes]] = {
    "mark": lambda text: text.encode("utf-8-sig"),
    "returns": lambda text: text.replace("\n", "\r\n").encode(),
    "old mac": lambda text: text.replace("\n", "\r").encode(),
    "utf-16": lambda text: text.encode("utf-16"),
    "utf-16 big": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
}


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", TEXTS)
def test_texts_of_other_systems_are_read_alike(shot: Shot, tmp_path: Path, name: str, encoding: str) -> None:
    known = FORMATS[name]
    plain = tmp_path / f"plain{known.suffix}"
    write_trajectory(shot, plain, name)
    other = tmp_path / f"übung 日本 #1{known.suffix}"
    other.write_bytes(ENCODINGS[encoding](plain.read_text()))
    expected, found = read_trajectory(plain), read_trajectory(other)
    assert found.format == expected.format == name
    assert found.notices == expected.notices
    np.testing.assert_array_equal(found.shot.trajectory.camera_to_world, expected.shot.trajectory.camera_to_world)


@pytest.mark.parametrize(
    "text",
    [
        table("\t"),
        table(","),
        table(", "),
        table(" ", decimal=","),
        table(";"),
        table(";", decimal=","),
        table("; ", decimal=","),
        "timestamp tx ty tz qx qy qz qw\n" + table(),
        "# time x y z q_x q_y q_z q_w\n" + table(),
        "# time x y z qw qx qy qz\n" + table(order="wxyz"),
        "timestamp tx ty tz qw qx qy qz\n" + table(order="wxyz"),
        "# time,x,y,z,qx,qy,qz,qw\n" + table(","),
        "frame;x;y;z;qx;qy;qz;qw\n" + table(";", stamps=np.arange(COUNT), decimal=","),
        "frame\tx\ty\tz\tqw\tqx\tqy\tqz\n" + table("\t", "wxyz", np.arange(COUNT)),
        '"frame","x","y","z","qx","qy","qz","qw"\n' + table(",", stamps=np.arange(COUNT)),
    ],
    ids=lambda text: text[:44],
)
def test_rows_are_read_whatever_separates_and_names_their_columns(tmp_path: Path, text: str) -> None:
    assert_true(read_trajectory(write(tmp_path / "path.txt", text)))


def test_names_of_columns_count_more_than_what_the_path_looks_like(tmp_path: Path) -> None:
    path = write(tmp_path / "path.txt", "# time x y z qw qx qy qz\n" + table(order="wxyz"))
    assert "w first: the file names its columns so" in told(read_trajectory(path))
    assert "may begin with w: the file names its columns so" in told(read_trajectory(path, "tum"))


def test_euroc_rows_with_w_last_are_found_by_their_path(tmp_path: Path) -> None:
    turns = TURNS[0].inv() * TURNS
    stamps = 10**18 + 40_000_000 * np.arange(COUNT)
    cells = [
        ",".join([str(stamp), *(f"{value:.9f}" for value in row)])
        for stamp, row in zip(
            stamps, np.column_stack([TURNS[0].inv().apply(CENTRES - CENTRES[0]), turns.as_quat()]), strict=True
        )
    ]
    imported = read_trajectory(write(tmp_path / "data.csv", "\n".join(cells)))
    assert imported.format == "euroc"
    assert "w last" in told(imported)
    assert_true(imported)


@pytest.mark.parametrize("by", ["times", "numbers"])
def test_missing_frames_are_said_with_their_place(tmp_path: Path, by: str) -> None:
    missing = np.arange(COUNT) + 10 * (np.arange(COUNT) > 5)
    if by == "times":
        imported = read_trajectory(write(tmp_path / "path.txt", table(stamps=missing / 25)))
        assert "0.44 s pass before line 7, where 0.04 s are usual: frames are missing" in told(imported)
    else:
        imported = read_trajectory(write(tmp_path / "transforms.json", nerf([f"{n:04d}.png" for n in missing])))
        assert "pass before frame 6" in told(imported)
    assert_true(imported)


def nerf(names: list[str]) -> str:
    poses = true_poses() @ np.diag([1.0, -1.0, -1.0, 1.0])
    frames = [{"file_path": name, "transform_matrix": pose.tolist()} for name, pose in zip(names, poses, strict=False)]
    return json.dumps({"fl_x": 800, "fl_y": 800, "cx": 640, "cy": 360, "w": 1280, "h": 720, "frames": frames})


def test_two_poses_of_one_picture_are_refused(tmp_path: Path) -> None:
    names = [f"images/{number:03d}.png" for number in range(COUNT - 1)] + ["images/004.png"]
    with pytest.raises(InputError, match=r"two poses of one picture, images/004\.png"):
        read_trajectory(write(tmp_path / "transforms.json", nerf(names)))


@pytest.fixture
def script(shot: Shot, tmp_path: Path) -> str:
    """Return a Nuke script without the note of ours."""
    write_trajectory(shot, tmp_path / "own.nk", "nuke")
    return (tmp_path / "own.nk").read_text().partition("\n")[2]


def test_nuke_pixels_that_are_not_square_give_two_focal_lengths(script: str, tmp_path: Path) -> None:
    path = write(tmp_path / "wide.nk", script.replace("1280 720 1 1280x720", "1280 720 2 anamorphic"))
    imported = read_trajectory(path)
    assert_true(imported)
    # A picture of 1280 columns, each twice as wide as a row is high: an angle takes twice as many rows.
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics[0], [800, 1600, 640, 360])


def test_a_nuke_camera_turns_about_its_pivot(script: str, tmp_path: Path) -> None:
    imported = read_trajectory(write(tmp_path / "pivot.nk", script.replace(" name", " pivot {1 2 -3}\n name")))
    # In Nuke y is up and the camera looks along -z; a point is scaled, turned and moved about the pivot.
    pivot = np.array([1.0, 2.0, -3.0])
    up = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    turned = up @ TURNS.as_matrix() @ np.diag([1.0, -1.0, -1.0])
    expected = CENTRES @ up.T + pivot - np.einsum("nij,j->ni", turned, pivot)
    np.testing.assert_allclose(imported.shot.trajectory.centres, expected @ up, atol=1e-9)


@pytest.mark.parametrize(
    ("knob", "sentence"),
    [
        ("projection_mode orthographic", r"line 16: Camera1 is orthographic"),
        ("projection_mode spherical", "Camera1 is spherical"),
        ("read_from_file true\n file /shots/cam.abc", "Camera1 is read from a file of its own"),
        ("scaling {2 2 2}", "scaling is not 1"),
        ("uniform_scale 0.1", "uniform_scale is not 1"),
        ("win_scale {1.5 1.5}", "win_scale is not 1"),
        ("xform_order RTS\n pivot {0 0 5}", "a pivot is read in the order SRT alone"),
        ("scaling {{curve x1 1 x5 1.5} 1 1}", "scaling is not 1"),
    ],
)
def test_nuke_cameras_that_are_more_than_a_move_are_refused(
    script: str, tmp_path: Path, knob: str, sentence: str
) -> None:
    with pytest.raises(InputError, match=sentence):
        read_trajectory(write(tmp_path / "other.nk", script.replace(" name", f" {knob}\n name")))


@pytest.mark.parametrize("rate", ["23.976", "29.97", "50", "12"])
def test_rates_of_nuke_and_after_effects_are_kept(script: str, shot: Shot, tmp_path: Path, rate: str) -> None:
    write_trajectory(shot, tmp_path / "own.txt", "after-effects")
    keys = (tmp_path / "own.txt").read_text().replace("Units Per Second\t25.0", f"Units Per Second\t{rate}")
    for path in (
        write(tmp_path / "a.nk", re.sub("fps 25.0", f"fps {rate}", script)),
        write(tmp_path / "a.txt", keys),
    ):
        found = read_trajectory(path).shot
        assert found.fps == pytest.approx(float(rate))
        np.testing.assert_allclose(found.trajectory.times, np.arange(COUNT) / float(rate))


def test_two_cameras_of_after_effects_are_a_choice(shot: Shot, tmp_path: Path) -> None:
    write_trajectory(shot, tmp_path / "own.txt", "after-effects")
    keys = (tmp_path / "own.txt").read_text()
    still = re.sub(r"(Position\n.*\n)(\t0\t.*\n)(\t\d.*\n)+", r"\1\2", keys)
    path = write(tmp_path / "both.txt", still + "\n" + keys)
    first = read_trajectory(path)
    assert [notice.choices for notice in first.notices if notice.remedy == "camera"] == [("camera 1", "camera 2")]
    assert np.ptp(first.shot.trajectory.centres, axis=0).max() == 0
    assert_true(read_trajectory(path, overrides=UserOverrides(camera="camera 2")))
    with pytest.raises(InputError, match="no camera 'camera 3'"):
        read_trajectory(path, overrides=UserOverrides(camera="camera 3"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes have names on Unix alone")
def test_a_pipe_is_read_where_its_format_is_named(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InputError, match="is a pipe, which is read once"):
        read_trajectory(pipe)
    writer = threading.Thread(target=pipe.write_text, args=(table(),))
    writer.start()
    assert_true(read_trajectory(pipe, "tum"))
    writer.join()


MATRIX = [[800.0, 0.0, 600.0], [0.0, 810.0, 350.0], [0.0, 0.0, 1.0]]


def nerf_with(*, drop: tuple[str, ...] = (), top: object = None, each: object = lambda number: {}) -> str:
    """transforms.json without some keys and with others, of all frames and of each."""
    document = json.loads(nerf([f"{number:04d}.png" for number in range(COUNT)]))
    frames = [frame | each(number) for number, frame in enumerate(document["frames"])]  # type: ignore[operator]
    document = {key: value for key, value in document.items() if key not in drop}
    return json.dumps(document | {"frames": frames} | (top or {}))  # type: ignore[operator]


@pytest.mark.parametrize(
    ("stamp", "rate"),
    [
        (lambda n: 100.5 + n / 60, 60),
        (lambda n: str(100.5 + n / 60), 60),
        (lambda n: 1_700_000_000_000_000_000 + n * 20_000_000, 50),
    ],
)
def test_time_stamps_of_nerfstudios_frames_are_their_times(tmp_path: Path, stamp: object, rate: float) -> None:
    text = nerf_with(each=lambda n: {"timestamp": stamp(n)})  # type: ignore[operator]
    imported = read_trajectory(write(tmp_path / "transforms.json", text))
    assert imported.shot.fps == pytest.approx(rate, rel=1e-4)
    assert np.diff(imported.shot.trajectory.times) == pytest.approx(1 / rate, rel=1e-3)
    assert "no frame rate" not in told(imported)


@pytest.mark.parametrize("each", [lambda n: {"timestamp": -n}, lambda n: {"timestamp": n / 60} if n else {}])
def test_time_stamps_of_nerfstudios_frames_that_are_no_times_are_said(tmp_path: Path, each: object) -> None:
    imported = read_trajectory(write(tmp_path / "transforms.json", nerf_with(each=each)))
    assert '"timestamp"' in told(imported)
    assert "not used" in told(imported)
    path = write(tmp_path / "transforms.json", nerf_with(each=lambda n: {"timestamp": "noon" if n == 2 else n}))
    with pytest.raises(InputError, match='frame 2, "timestamp"'):
        read_trajectory(path)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("of_each", [False, True])
def test_intrinsic_matrices_of_nerfstudios_frames_are_their_lens(
    tmp_path: Path, transposed: bool, of_each: bool
) -> None:
    matrix = np.transpose(MATRIX).tolist() if transposed else MATRIX
    stated = {"intrinsic_matrix": matrix}
    # The lens of a frame counts before that of all frames.
    text = nerf_with(each=lambda _: stated) if of_each else nerf_with(drop=("fl_x", "fl_y", "cx", "cy"), top=stated)
    imported = read_trajectory(write(tmp_path / "transforms.json", text))
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics, [[800, 810, 600, 350]] * COUNT)


@pytest.mark.parametrize("flat", [False, True])
def test_an_intrinsic_matrix_of_a_projection_is_a_lens(tmp_path: Path, flat: bool) -> None:
    rows = [[*row, 0.0] for row in MATRIX]
    matrix = np.ravel(rows).tolist() if flat else rows
    text = nerf_with(drop=("fl_x", "fl_y", "cx", "cy"), top={"intrinsic_matrix": matrix})
    imported = read_trajectory(write(tmp_path / "transforms.json", text))
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics, [[800, 810, 600, 350]] * COUNT)


@pytest.mark.parametrize(
    ("matrix", "said"),
    [
        ([[800, 0, 640, 5], [0, 800, 360, 0], [0, 0, 1, 0]], "not a matrix of intrinsics"),
        ([[800, 30, 640], [0, 800, 360], [0, 0, 1]], "skew"),
        ([[0, 0, 640], [0, 800, 360], [0, 0, 1]], "not a matrix of intrinsics"),
        ([[900, 0, 640], [0, 900, 360], [0, 0, 1]], '"fl_x" is 800'),
        ([1, 2], "intrinsic_matrix"),
    ],
)
def test_intrinsic_matrices_of_no_lens_or_of_another_are_refused(tmp_path: Path, matrix: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_trajectory(write(tmp_path / "transforms.json", nerf_with(top={"intrinsic_matrix": matrix})))


def test_a_frame_of_nerfstudios_that_states_its_angle_has_no_focal_length_of_all_frames(tmp_path: Path) -> None:
    text = nerf_with(each=lambda n: {"camera_angle_x": 2 * np.arctan(1.0)} if n else {})
    imported = read_trajectory(write(tmp_path / "transforms.json", text))
    np.testing.assert_allclose(imported.shot.trajectory.intrinsics[:2, :2], [[800, 800], [640, 640]])


def test_a_frame_rate_in_nerfstudios_file_is_read(tmp_path: Path) -> None:
    imported = read_trajectory(write(tmp_path / "transforms.json", nerf_with(top={"fps": 50})))
    assert imported.shot.fps == 50
    assert "frame rate" not in told(imported)
    path = write(tmp_path / "transforms.json", nerf_with(top={"fps": -1}))
    with pytest.raises(InputError, match='"fps" is not positive'):
        read_trajectory(path)
