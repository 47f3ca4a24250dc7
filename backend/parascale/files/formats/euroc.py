"""EuRoC's ground truth, mav0/state_groundtruth_estimate0/data.csv: nanoseconds, centre, quaternion w x y z, in metres.

The poses are those of the device's body; cam0/sensor.yaml of the recording places its cameras on it.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parascale.camera.rotations import quaternions_from_matrices
from parascale.errors import InputError, Notice
from parascale.files.cameras import choose_camera
from parascale.files.disk import read_text, replace_files
from parascale.files.distortion import name_distortion
from parascale.files.format import Format, register
from parascale.files.matrices import from_parts, from_squares, is_unit, rotations_from_quaternions
from parascale.files.note import Note, read_note, write_note
from parascale.files.quaternion_order import W_FIRST, W_LAST, find_other_order, read_order
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.rows import parse_rows
from parascale.files.sample import Sample
from parascale.files.stamps import read_stamps
from parascale.parallax.shot import Shot
from parascale.types import Array, Json

_HEAD = "#timestamp [ns],p_RS_R_x [m],p_RS_R_y [m],p_RS_R_z [m],q_RS_w [],q_RS_x [],q_RS_y [],q_RS_z []"
# Velocity and biases follow in the data set's own files.
_COLUMNS = {8, 11, 17}
_LIST = r"\s*:\s*\[([^\]]*)\]"


@dataclass(frozen=True, eq=False)
class _Camera:
    """A camera of the recording, by its sensor.yaml."""

    body_from_camera: Array
    lens: Array
    size: tuple[int, int]
    distortion: dict[str, Json] | None


def read_euroc(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read EuRoC's ground truth, or the recording's folder; as the path of one of its cameras where it says of them.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`, where time does not increase, or there is no camera of that name.
    """
    path = _find_file(path)
    text = read_text(path)
    rows = parse_rows(text.replace(",", " "), str(path), _COLUMNS)
    for row in np.flatnonzero(np.diff(rows.values[:, 0]) <= 0)[:1]:
        raise InputError(f"{path}, {rows.location(int(row) + 1)}: the time does not increase")
    note = read_note(text)
    order, told = _choose_order(text, rows.values)
    rotations = rotations_from_quaternions(rows.values[:, 4:8][:, order], str(path), rows.location)
    poses = from_parts(rotations, rows.values[:, 1:4])
    sensors = sorted(path.parent.parent.glob("cam*/sensor.yaml")) if note.unit is None else []
    if camera is not None and not sensors:
        raise InputError(f"{path} holds one camera, which is not chosen by name")
    if note.unit is not None:
        return RawTrajectory(poses, rows.location, note=note, times=rows.values[:, 0] * 1e-9)
    times, frames, notices = read_stamps(rows.values[:, 0])
    notices += told
    if not sensors:
        said = Notice("the poses are those of the device's body: its camera is taken to be in its place and axes")
        return RawTrajectory(poses, rows.location, times=times, frames=frames, notices=(*notices, said))
    chosen, others = choose_camera([sensor.parent.name for sensor in sensors], camera, str(path))
    mounted = _read_camera(path.parent.parent / chosen / "sensor.yaml")
    return RawTrajectory(
        poses @ mounted.body_from_camera,
        rows.location,
        lens=mounted.lens,
        note=Note(size=mounted.size),
        times=times,
        frames=frames,
        distortion=mounted.distortion,
        notices=notices + others,
    )


def _choose_order(text: str, values: Array) -> tuple[list[int], tuple[Notice, ...]]:
    """Choose where w stands: as the columns' names say, else first, where the path does not tell otherwise."""
    named = read_order(text)
    if named is not None:
        return named, ()
    evidence = find_other_order(values[:, 4:8], values[:, 1:4], W_FIRST)
    if evidence in {"first row", "smoothness"}:
        return W_LAST, (Notice("the quaternions are read with w last, by what the path then looks like"),)
    how = "may end with w" if evidence == "doubt" else "are read with w first, as the format says"
    return W_FIRST, (Notice(f"the quaternions {how}: names of the columns in a first line decide"),) if evidence else ()


def write_euroc(shot: Shot, path: Path) -> None:
    """Write the camera's own path in EuRoC's columns."""
    trajectory = shot.trajectory
    stamps = [str(round(time * 1e9)) for time in trajectory.times.tolist()]
    table = np.column_stack([trajectory.centres, quaternions_from_matrices(trajectory.rotations)]).tolist()
    lines = [",".join([stamp, *map(repr, row)]) for stamp, row in zip(stamps, table, strict=True)]
    note = write_note(shot, "camera-to-world, OpenCV axes")
    replace_files({path: "\n".join([_HEAD, f"# {note}", *lines, ""]).encode()})


def _find_file(path: Path) -> Path:
    return next(iter(sorted(path.glob("**/state_groundtruth_estimate0/data.csv"))), path) if path.is_dir() else path


def _read_camera(path: Path) -> _Camera:
    text = read_text(path)
    pose = from_squares(_read_list(text, "data", 16, path)[None], str(path), lambda _frame: "T_BS")[0]
    resolution = _read_list(text, "resolution", 2, path)
    distortion = None
    if "distortion_coefficients" in text:
        coefficients = _read_list(text, "distortion_coefficients", 4, path).tolist()
        if re.search(r"distortion_model\s*:\s*(equidistant|fisheye)", text):
            distortion = {"model": "OPENCV_FISHEYE", **dict(zip(("k1", "k2", "k3", "k4"), coefficients, strict=True))}
        else:
            distortion = name_distortion(dict(zip(("k1", "k2", "p1", "p2"), coefficients, strict=True)))
    return _Camera(pose, _read_list(text, "intrinsics", 4, path), (int(resolution[0]), int(resolution[1])), distortion)


def _read_list(text: str, key: str, count: int, path: Path) -> Array:
    found = re.search(rf"\b{key}{_LIST}", text)
    try:
        values = np.array([float(word) for word in found[1].split(",")]) if found else np.zeros(0)
    except ValueError:
        values = np.zeros(0)
    if len(values) != count or not np.isfinite(values).all():
        raise InputError(f"{path}: {count} numbers are needed in {key!r}")
    return values


def _recognise(sample: Sample) -> bool:
    if sample.path.is_dir():
        return sample.has_file("mav0/state_groundtruth_estimate0/data.csv") or sample.has_file(
            "state_groundtruth_estimate0/data.csv"
        )
    lines = [line for line in sample.text.split("\n")[:20] if line.strip() and not line.startswith("#")]
    if not lines or "," not in lines[0]:
        return False
    try:
        values = np.array([float(word) for word in lines[0].split(",")])
        stamps = [float(line.partition(",")[0]) for line in lines]
    except ValueError:
        return False
    # Rows like TUM's, with seconds and commas, are no EuRoC where they do not say so.
    stamped = all(map(float.is_integer, stamps)) or read_order(sample.text) is not None
    return stamped and len(values) in _COLUMNS and is_unit(values[None, 4:8])


register(
    Format(
        name="euroc",
        description="EuRoC ground truth, data.csv",
        suffix=".csv",
        lens="none",
        time="microseconds",
        read=read_euroc,
        write=write_euroc,
        recognise=_recognise,
        precedence=2,
        defaults=FormatDefaults(size=(752, 480), fps=20, unit="m"),
        cameras=True,
        metric=True,
    )
)
