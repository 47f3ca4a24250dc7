"""Shots shown: as a picture, and in rerun where that is installed."""

import importlib.util
import re
import sys
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import cv2
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg

from parascale.camera import Trajectory
from parascale.cli.advice import sentence
from parascale.cli.view import view
from parascale.errors import InputError
from parascale.evaluation import viewer
from parascale.evaluation.shot_plot import PATH_COLOUR, draw_shot, make_figure
from parascale.evaluation.viewer import source_of, view_shots, viewer_command, write_recording
from parascale.files.shot_file import write_shot
from parascale.parallax.shot import Points, Shot
from parascale.solve.provenance import source_digest

HAS_RERUN = importlib.util.find_spec("rerun") is not None


@pytest.fixture
def shot() -> Shot:
    """Nine frames forward by 0.1 a frame, a wall 2 units before the first, seen with 40 points."""
    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, 2, 3] = 0.1 * np.arange(9)
    trajectory = Trajectory(poses, np.array([60.0, 60.0, 48.0, 32.0]), np.arange(9) / 16, 96, 64)
    rng = np.random.default_rng(0)
    points = Points(rng.uniform([-1, -1, 1.9], [1, 1, 2], (40, 3)).astype(np.float32), np.zeros((40, 3), np.uint8))
    quality = {"noise_floor": 0.002, "noise_floor_per_step": [0.002] * 7 + [None]}
    return Shot("dolly", 16.0, trajectory, 2 - poses[:, 2, 3], points=points, quality=quality)


def still(shot: Shot, frames: int) -> Shot:
    path = shot.trajectory
    trajectory = Trajectory(np.tile(np.eye(4), (frames, 1, 1)), path.intrinsics[0], path.times[:frames], 96, 64)
    return Shot("still", 16.0, trajectory, np.full(frames, np.nan), motion_class="static")


def drawn(shot: Shot, path: Path) -> np.ndarray:
    draw_shot(shot, path)
    picture = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return np.asarray(picture[:, :, ::-1], int)


def test_the_path_is_drawn_the_way_it_goes(shot: Shot, tmp_path: Path) -> None:
    """Seen from above forward is up: the start's dot lies below all the rest of the path."""
    picture = drawn(shot, tmp_path / "shot.png")
    colour = [int(PATH_COLOUR[at : at + 2], 16) for at in (1, 3, 5)]
    above = picture[: int(0.63 * picture.shape[0]), : int(0.4 * picture.shape[1])]
    rows, columns = np.nonzero((np.abs(above - colour) < 3).all(axis=2))
    across = np.ptp(columns[rows > rows.max() - 10])
    assert across > np.ptp(columns[(rows < np.median(rows) - 10) & (rows > np.median(rows) - 20)])
    assert np.ptp(rows) > 4 * np.ptp(columns)


@pytest.mark.parametrize("reach", [2.0, 500.0])
def test_the_path_fills_its_view_however_far_its_points_lie(shot: Shot, reach: float) -> None:
    rng = np.random.default_rng(1)
    far = Points(rng.uniform(-reach, reach, (200, 3)).astype(np.float32), np.zeros((200, 3), np.uint8))
    figure = make_figure(replace(shot, points=far))
    FigureCanvasAgg(figure).draw()
    above = next(axes for axes in figure.axes if "from above" in axes.get_title())
    # 0.8 forward: two thirds of the view, in the middle.
    low, high = above.get_ylim()
    assert 0.8 / (high - low) == pytest.approx(2 / 3, abs=0.05)
    assert (low + high) / 2 == pytest.approx(0.4)
    assert np.diff(above.get_xlim()) == pytest.approx(high - low)


def test_graphs_count_in_frames_and_seconds(shot: Shot) -> None:
    figure = make_figure(replace(shot, frames=np.arange(100, 109)))
    FigureCanvasAgg(figure).draw()
    parallax = next(axes for axes in figure.axes if axes.get_ylabel() == "Parallax Number")
    (seconds,) = parallax.child_axes
    assert seconds.get_xlabel() == "seconds"
    assert parallax.get_xlim() == (100, 108)
    np.testing.assert_allclose(seconds.get_xlim(), (0, 0.5))


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_a_still_camera_without_depth_is_drawn_too(shot: Shot, tmp_path: Path, frames: int) -> None:
    assert drawn(still(shot, frames), tmp_path / "still.png").shape == (740, 1300, 3)


def test_the_clip_beside_a_shot_is_taken_where_it_is_the_same(shot: Shot, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"not read, only compared")
    solved = replace(shot, provenance={"source": "clip.mp4", "sha256": source_digest(clip)})
    assert source_of(solved, tmp_path) == clip
    clip.write_bytes(b"another of the same name")
    assert source_of(solved, tmp_path) is None
    clip.unlink()
    assert source_of(solved, tmp_path) is None
    assert source_of(shot, tmp_path) is None
    assert source_of(replace(shot, provenance={"source": "../clip.mp4", "sha256": ""}), tmp_path) is None


@pytest.mark.skipif(HAS_RERUN, reason="rerun is installed")
def test_without_rerun_the_way_to_it_is_told(shot: Shot) -> None:
    with pytest.raises(InputError, match="rerun is not installed") as refused:
        view_shots([(shot, Path("dolly.shot.json"), None)])
    assert re.search(r"pip install .*\[view\].*--plot", sentence(refused.value))


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch) -> MagicMock:
    """A rerun that takes everything and shows nothing."""
    rerun = MagicMock()
    monkeypatch.setitem(sys.modules, "rerun", rerun)
    monkeypatch.setitem(sys.modules, "rerun.blueprint", rerun.blueprint)
    monkeypatch.setattr(viewer, "switch_off_analytics", lambda: None)
    monkeypatch.setattr("parascale.evaluation.viewer.subprocess.Popen", MagicMock())
    return rerun


@pytest.mark.parametrize("fault", ["no rerun", "no clip", "none"])
def test_recordings_for_the_viewer_stay_only_where_all_were_written(
    shot: Shot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stand_in: MagicMock, fault: str
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    clip = tmp_path / "gone.mp4" if fault == "no clip" else None
    if fault == "no rerun":
        monkeypatch.setitem(sys.modules, "rerun", None)
    with nullcontext() if fault == "none" else pytest.raises(InputError):
        view_shots([(shot, tmp_path / f"{number}.shot.json", of_it) for number, of_it in enumerate((None, clip))])
    assert len(list(folder.iterdir())) == (fault == "none")


def test_a_copy_of_a_shot_is_a_recording_of_its_own(shot: Shot, tmp_path: Path, stand_in: MagicMock) -> None:
    first, copy = tmp_path / "walk.shot.json", tmp_path / "walk-copy.shot.json"
    for file in (first, copy, first):
        write_recording(shot, file, None, tmp_path / "shot.rrd")
    of_first, of_copy, again = (call.kwargs["recording_id"] for call in stand_in.init.call_args_list)
    assert of_first == again != of_copy
    assert str(tmp_path) not in of_first


@pytest.mark.skipif(not HAS_RERUN, reason="rerun lives in an environment of its own: pip install 'parascale[view]'")
def test_a_recording_holds_cameras_points_and_frames(shot: Shot, tmp_path: Path) -> None:
    for number in range(9):
        cv2.imwrite(str(tmp_path / f"{number}.jpg"), np.full((64, 96, 3), 20 * number, np.uint8))
    whole, bare = tmp_path / "whole.rrd", tmp_path / "bare.rrd"
    write_recording(shot, tmp_path / "dolly.shot.json", tmp_path, whole)
    write_recording(replace(shot, points=None), tmp_path / "dolly.shot.json", None, bare)
    for name in (b"/camera", b"/parallax/step", b"/depth/median", b"/path"):
        assert name in whole.read_bytes()
        assert name in bare.read_bytes()
    # Named by the shot; opened at rest on its first frame.
    assert b"dolly" in whole.read_bytes()
    assert b"play_state" in whole.read_bytes()
    for name in (b"/points", b"/camera/frame"):
        assert name in whole.read_bytes()
        assert name not in bare.read_bytes()


def test_the_viewer_is_this_python_s_own_and_listens_to_this_machine_alone(tmp_path: Path) -> None:
    command = viewer_command([tmp_path / "shot.rrd"])
    assert command[:3] == [sys.executable, "-m", "rerun"]
    assert command[command.index("--bind") + 1] == "127.0.0.1"


def test_several_shots_are_recordings_of_one_viewer(
    shot: Shot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[list[str]] = []
    monkeypatch.setattr(viewer, "view_shots", lambda sides: shown.append([side.name for side, *_ in sides]))
    monkeypatch.setattr(viewer, "write_recording", lambda shot, file, clip, path: path.write_bytes(shot.name.encode()))
    monkeypatch.setenv("DISPLAY", ":0")
    files = [tmp_path / f"{name}.shot.json" for name in ("dolly", "desk")]
    for file in files:
        write_shot(replace(shot, name=file.name.split(".")[0]), file)
    view(files)
    assert shown == [["dolly", "desk"]]
    assert viewer_command(files)[3:5] == [str(file) for file in files]
    for option in ({"plot": tmp_path / "two.png"}, {"save": tmp_path / "two.rrd"}, {"reference": files[0]}):
        with pytest.raises(InputError, match="one shot"):
            view(files, **option)
    view(files[:1], save=tmp_path / "one.rrd")
    assert (tmp_path / "one.rrd").read_bytes() == b"dolly"


def test_what_is_missing_of_several_is_told_by_what_is_taken_for_several(
    shot: Shot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr(viewer, "view_shots", lambda sides: None)
    monkeypatch.setenv("DISPLAY", ":0")
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"not read, only compared")
    solved = replace(shot, name="solved", provenance={"source": "clip.mp4", "sha256": source_digest(clip)})
    files = [tmp_path / f"{name}.shot.json" for name in ("solved", "dolly", "desk")]
    for file, each in zip(files, (solved, shot, replace(shot, name="desk")), strict=True):
        write_shot(each, file)
    view(files[1:2])
    assert "the clip is not next to the shot: give it with --reference to show its frames" in capsys.readouterr().err
    view(files[:1])
    assert "clip" not in capsys.readouterr().err
    view(files[:2])
    said = capsys.readouterr().err
    assert "the clip of dolly is not next to its shot: put it there, or view that shot alone with --reference" in said
    view(files)
    said = capsys.readouterr().err
    assert "the clips of dolly, desk are not next to their shots: put them there, or view each alone" in said


def test_the_command_draws_a_picture(shot: Shot, tmp_path: Path, capsys: Any) -> None:
    write_shot(shot, tmp_path / "dolly.shot.json")
    view([tmp_path / "dolly.shot.json"], plot=tmp_path / "dolly.png")
    assert (tmp_path / "dolly.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(InputError, match="leave out --save"):
        view([tmp_path / "dolly.shot.json"], plot=tmp_path / "x.png", save=tmp_path / "x.rrd")
