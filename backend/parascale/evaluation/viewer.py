"""A shot in rerun: cameras, points, the frames on the cameras, P and median depth over time."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np

from parascale.errors import InputError
from parascale.media.frames import read_frames
from parascale.parallax.shot import Shot
from parascale.solve.provenance import source_digest

PICTURE_SIDE = 640
PATH_COLOUR, FLOOR_COLOUR = (46, 125, 91), (191, 97, 106)
BAND_COLOUR = (150, 190, 173)


# The viewer listens for more data, for this machine alone.
LOOPBACK = "127.0.0.1"


def view_shots(sides: Sequence[tuple[Shot, Path, Path | None]]) -> None:
    """Show shots in rerun's viewer, each as a recording of its own.

    The viewer is that of the rerun package, started beside this process; it stays open.

    Parameters
    ----------
    sides : sequence of (Shot, Path, Path or None)
        Each with its file, and with the clip it was solved from, whose frames go onto the cameras.

    Raises
    ------
    InputError
        As `write_recording`.
    """
    _import_rerun()
    folder = Path(tempfile.mkdtemp(prefix="parascale-view-"))
    recordings = [folder / f"{number}.rrd" for number in range(len(sides))]
    try:
        for (shot, file, reference), recording in zip(sides, recordings, strict=True):
            write_recording(shot, file, reference, recording)
        switch_off_analytics()
        subprocess.Popen(viewer_command(recordings), start_new_session=True, stderr=subprocess.DEVNULL)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def write_recording(shot: Shot, file: Path, reference: Path | None, path: Path) -> None:
    """Write a shot, and the frames of the clip it was solved from, as a recording of rerun.

    Parameters
    ----------
    shot : Shot
    file : Path
        The shot's own file: a copy of it is a recording of its own.
    reference : Path or None
        The clip.
    path : Path
        The recording.

    Raises
    ------
    InputError
        Where rerun is not installed, or the reference cannot be read.
    """
    rr = _import_rerun()
    # Recordings of one application share a viewer's layout and stand side by side in it.
    rr.init("parascale", recording_id=_recording_id(shot, file))
    rr.save(path)
    rr.send_recording_name(shot.name)
    rr.send_blueprint(_blueprint())
    _log_scene(rr, shot)
    frames = {} if reference is None else _encode_frames(reference, shot)
    for index in range(len(shot)):
        _log_frame(rr, shot, index, frames)
    rr.disconnect()


def _recording_id(shot: Shot, file: Path) -> str:
    return hashlib.sha256(f"{shot.digest} {file.resolve()}".encode(errors="surrogateescape")).hexdigest()


def _import_rerun() -> ModuleType:
    try:
        return import_module("rerun")
    except ImportError as error:
        raise InputError("rerun is not installed", "rerun") from error


def viewer_command(recordings: Sequence[Path]) -> list[str]:
    """Return what opens recordings: the viewer of the package that is installed, whatever is on the path.

    A viewer that is open already takes them up beside its others.
    """
    return [*_viewer(), *map(str, recordings), "--bind", LOOPBACK, "--hide-welcome-screen"]


def switch_off_analytics() -> None:
    """Keep rerun's viewer from reporting how it is used."""
    subprocess.run([*_viewer(), "analytics", "disable"], check=False, capture_output=True, timeout=60)


def _viewer() -> list[str]:
    return [sys.executable, "-m", "rerun"]


def source_of(shot: Shot, folder: Path) -> Path | None:
    """Find the clip a shot was solved from in a folder, by its name and its SHA-256; None where it is not there."""
    name = shot.provenance.get("source")
    if not isinstance(name, str) or Path(name).name != name or not (folder / name).exists():
        return None
    return folder / name if source_digest(folder / name) == shot.provenance.get("sha256") else None


def _scale(shot: Shot) -> float:
    return min(PICTURE_SIDE / max(shot.trajectory.size), 1.0)


def _picture_size(shot: Shot) -> tuple[int, int]:
    width, height = (max(round(side * _scale(shot)), 1) for side in shot.trajectory.size)
    return width, height


def _encode_frames(reference: Path, shot: Shot) -> dict[int, bytes]:
    """JPEGs of the shot's frames by number, at the size the camera is drawn with."""
    wanted = set(np.asarray(shot.frames).tolist())
    found = {}
    for frame in read_frames(reference, wanted):
        small = cv2.resize(frame.picture, _picture_size(shot), interpolation=cv2.INTER_AREA)
        found[frame.number] = cv2.imencode(".jpg", small[:, :, ::-1])[1].tobytes()
    return found


def _blueprint() -> object:
    import rerun.blueprint as rrb

    scene = rrb.Spatial3DView(origin="/", name="path, points and cameras")
    graphs = rrb.Vertical(
        rrb.Spatial2DView(origin="/camera", name="frame"),
        rrb.TimeSeriesView(origin="/parallax", name="Parallax Number"),
        rrb.TimeSeriesView(origin="/depth", name="median depth"),
    )
    # Opened on the first frame, at rest.
    time = rrb.TimePanel(timeline="frame", play_state="paused", state="collapsed")
    return rrb.Blueprint(rrb.Horizontal(scene, graphs, column_shares=[2, 1]), time)


def _log_scene(rr: ModuleType, shot: Shot) -> None:
    rr.log("/", rr.ViewCoordinates.RDF, static=True)
    rr.log("/path", rr.LineStrips3D([shot.trajectory.centres], colors=[PATH_COLOUR]), static=True)
    if shot.points is not None:
        rr.log("/points", rr.Points3D(shot.points.positions, colors=shot.points.colours), static=True)
    edges = (("low", BAND_COLOUR), ("high", BAND_COLOUR)) if shot.parallax_sigma is not None else ()
    for name, colour in (("step", PATH_COLOUR), ("floor", FLOOR_COLOUR), *edges):
        rr.log(f"/parallax/{name}", rr.SeriesLines(colors=[colour], names=[name]), static=True)


def _log_frame(rr: ModuleType, shot: Shot, index: int, frames: dict[int, bytes]) -> None:
    path = shot.trajectory
    frame = int(np.asarray(shot.frames)[index])
    rr.set_time("frame", sequence=frame)
    rr.set_time("time", duration=float(path.times[index]))
    fx, fy, cx, cy = path.intrinsics[index] * _scale(shot)
    rr.log("/camera", rr.Transform3D(translation=path.centres[index], mat3x3=path.rotations[index]))
    # The picture stands a tenth of the first median depth before its camera.
    distance = 0.1 * float(shot.median_depth[0]) if np.isfinite(shot.median_depth[0]) else 0.1
    rr.log(
        "/camera",
        rr.Pinhole(
            focal_length=[fx, fy],
            principal_point=[cx, cy],
            resolution=_picture_size(shot),
            camera_xyz=rr.ViewCoordinates.RDF,
            image_plane_distance=distance,
        ),
    )
    if frame in frames:
        rr.log("/camera/frame", rr.EncodedImage(contents=frames[frame], media_type="image/jpeg"))
    if np.isfinite(shot.median_depth[index]):
        rr.log("/depth/median", rr.Scalars(float(shot.median_depth[index])))
    if index < len(shot) - 1 and np.isfinite(shot.parallax_number[index]):
        rr.log("/parallax/step", rr.Scalars(float(shot.parallax_number[index])))
        rr.log("/parallax/floor", rr.Scalars(shot.noise_floor))
        for name, edge in zip(("low", "high"), shot.parallax_band or (), strict=False):
            rr.log(f"/parallax/{name}", rr.Scalars(float(edge[index])))
