"""Manners of the command line: names by default, how much is said, failures for machines, help that fits."""

import base64
import json
import re
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.main import get_command

from parascale.camera import Trajectory
from parascale.cli import GROUPS, app
from parascale.cli.output import unused_name
from parascale.cli.page import write_report
from parascale.cli.solve import _outputs as shots_of
from parascale.cli.voice import Voice, progress_lines, speak
from parascale.errors import InputError
from parascale.evaluation import page
from parascale.files.shot_file import read_shot, write_shot
from parascale.media.video_writer import VideoWriter
from parascale.parallax.shot import Shot

Run = Callable[..., subprocess.CompletedProcess[str]]
Typed = Callable[..., tuple[int, str, str]]
COMMANDS = [module.__name__.rpartition(".")[2].rstrip("_") for modules in GROUPS.values() for module in modules]


def truck(frames: int = 9) -> Shot:
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, 0, 3] = 0.02 * np.arange(frames)
    path = Trajectory(poses, np.array([100.0, 100, 80, 48]), np.arange(frames) / 16, 160, 96)
    return Shot("truck", 16.0, path, np.ones(frames), unit="unit-depth")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where commands are typed."""
    monkeypatch.chdir(tmp_path)
    write_shot(truck(), tmp_path / "truck.shot.json")
    return tmp_path


def write_still(path: Path, seed: int = 0) -> None:
    """A clip of a camera at rest before noise: solved in a second."""
    picture = np.random.default_rng(seed).integers(0, 255, (96, 160, 3), np.uint8)
    with VideoWriter(path, 160, 96, 16) as video:
        for _ in range(6):
            video.write(picture)


def test_a_result_without_a_name_gets_one_and_never_another_files(folder: Path, typed: Typed) -> None:
    for number, name in enumerate(("truck.calibrated.shot.json", "truck-2.calibrated.shot.json")):
        code, _, said = typed("calibrate", "truck.shot.json", "--depth", 2 + number)
        assert code == 0, said
        assert read_shot(folder / name).median_depth[0] == 2 + number
    assert read_shot(folder / "truck.calibrated.shot.json").median_depth[0] == 2


def test_commands_that_change_a_shot_name_what_they_write(folder: Path, typed: Typed) -> None:
    for command, ending in (
        ("retime truck.shot.json --frames 5", "retimed"),
        ("stitch truck.shot.json truck.shot.json", "stitched"),
    ):
        code, _, said = typed(*command.split())
        assert code == 0, said
        assert (folder / f"truck.{ending}.shot.json").is_file()
    (folder / "poses.txt").write_text("0 0 0 0 0 0 0 1\n1 1 0 0 0 0 0 1\n")
    assert typed("import", "poses.txt", "--format", "tum")[0] == 0
    assert len(read_shot(folder / "poses.shot.json")) == 2


def test_a_folder_is_imported_under_its_whole_name(folder: Path, typed: Typed) -> None:
    poses = folder / "scene.v2"
    poses.mkdir()
    for number in range(2):
        (poses / f"{number}.txt").write_text(f"1 0 0 {number}\n0 1 0 0\n0 0 1 0\n0 0 0 1\n")
    code, _, said = typed("import", "scene.v2")
    assert code == 0, said
    assert (folder / "scene.v2.shot.json").is_file()


def test_a_name_is_unused_also_among_those_that_are_about_to_be_written(folder: Path) -> None:
    assert unused_name("walk", ".shot.json") == Path("walk.shot.json")
    assert unused_name("truck", ".shot.json") == Path("truck-2.shot.json")
    assert unused_name("truck", ".shot.json", [Path("truck-2.shot.json")]) == Path("truck-3.shot.json")
    (folder / "walk.shot.json").symlink_to("nowhere")
    assert unused_name("walk", ".shot.json") == Path("walk-2.shot.json")


@pytest.mark.parametrize(
    ("picture", "name"),
    [
        ("cloud_%04d.png", "cloud"),
        ("bird.png", "bird"),
        ("take-2.0017.exr", "take-2"),
        ("w.####.exr", "w"),
        ("7.png", "7"),
    ],
)
def test_pictures_name_their_shot_without_their_number(folder: Path, picture: str, name: str) -> None:
    assert shots_of([Path(picture)], None) == [Path(f"{name}.shot.json")]


@pytest.mark.parametrize("jobs", [(), ("--jobs", "3")])
def test_several_clips_are_solved_each_to_its_own_name_and_one_that_fails_stops_no_other(
    folder: Path, typed: Typed, jobs: tuple[str, ...]
) -> None:
    for name, seed in (("a.mp4", 1), ("b.mp4", 2)):
        write_still(folder / name, seed)
    (folder / "broken.mp4").write_bytes(b"no video")
    code, out, said = typed("solve", "a.mp4", "broken.mp4", "b.mp4", "--json", *jobs)
    assert code == 3
    first = json.loads(out)
    assert (first["exit_code"], first["error"]) == (3, "1 of 3 clips were refused: broken.mp4")
    assert list(first["solved"]) == ["a.mp4", "b.mp4"]
    assert first["solved"]["a.mp4"]["output"] == "a.shot.json"
    assert "not a video" in first["refused"]["broken.mp4"]
    assert "1 of 3 clips were refused: broken.mp4" in said
    assert read_shot(folder / "b.shot.json").motion_class == "static"
    assert not (folder / "broken.shot.json").exists()
    code, _, said = typed("solve", "a.mp4", "b.mp4", "-o", "both.shot.json")
    assert (code, "there are 2 clips" in said) == (3, True)


def test_a_clip_that_is_named_twice_is_solved_once(folder: Path, typed: Typed) -> None:
    write_still(folder / "a.mp4", 1)
    write_still(folder / "b.mp4", 2)
    code, out, said = typed("solve", "a.mp4", "b.mp4", "a.mp4", folder / "a.mp4", "--json")
    assert code == 0
    assert list(json.loads(out)["solved"]) == ["a.mp4", "b.mp4"]
    assert sorted(path.name for path in folder.glob("*.shot.json")) == ["a.shot.json", "b.shot.json", "truck.shot.json"]
    assert said.count("note: a.mp4 is named 3 times, and solved once") == 1
    code, out, said = typed("solve", "a.mp4", "a.mp4", "-o", "one.shot.json", "--json")
    assert (code, json.loads(out)["output"]) == (0, "one.shot.json")


def test_masks_of_an_earlier_solve_do_not_stay_among_those_of_a_new_one(folder: Path, typed: Typed) -> None:
    write_still(folder / "a.mp4", 1)
    asked = ("solve", "a.mp4", "--save-masks", "masks", "-o", "a.shot.json")
    assert typed(*asked)[0] == 0
    (folder / "masks" / "99999.png").write_bytes(b"of somebody else")
    # Ours too, and no masks: a picture of the tracks, also under a number, and a mask that was renamed.
    assert typed("solve", "a.mp4", "--debug-picture", "88888.png", "-o", "b.shot.json")[0] == 0
    (folder / "88888.png").rename(folder / "masks" / "88888.png")
    (folder / "masks" / "00005.png").rename(folder / "masks" / "kept.png")
    assert typed(*asked, "--end", 4, "--debug-picture", "masks/tracks.png")[0] == 0
    names = sorted(path.name for path in (folder / "masks").iterdir())
    frames = ["00000.png", "00001.png", "00002.png", "00003.png"]
    assert names == [*frames, "88888.png", "99999.png", "kept.png", "tracks.png"]


def test_a_failure_is_an_object_too_where_json_is_asked_for(folder: Path, typed: Typed) -> None:
    code, out, said = typed("info", "nothing.shot.json", "--json")
    assert code == 3
    told = json.loads(out)
    assert told["exit_code"] == 3
    assert said == f"parascale: {told['error']}\n"
    assert typed("info", "nothing.shot.json")[1] == ""


def test_quiet_says_no_notes_and_verbose_says_more(folder: Path, typed: Typed) -> None:
    noted = folder / "noted.shot.json"
    write_shot(replace(truck(), median_depth=np.r_[1, np.full(8, np.nan)]), noted)
    asked = ("calibrate", noted, "--depth", 2, "--overwrite", "-o", "out.shot.json")
    assert "note:" in typed(*asked)[2]
    assert typed(*asked, "-q")[2] == ""
    code, _, said = typed(*asked, "-q", "-v")
    assert (code, "opposite" in said) == (3, True)
    # An error is said all the same.
    assert typed("info", "nothing.shot.json", "-q")[2].startswith("parascale: ")


def test_a_log_file_takes_what_a_solve_logs(parascale: Run, folder: Path) -> None:
    write_still(folder / "a.mp4")
    log = folder / "solve.log"
    parascale("solve", folder / "a.mp4", "-o", folder / "a.shot.json", "-vv", "--log-file", log)
    assert re.search(r"Z INFO parascale\.cli\.voice: solve .*a\.mp4", log.read_text())
    quiet = parascale("solve", folder / "a.mp4", "-o", folder / "b.shot.json", "--log-file", log)
    assert "INFO" not in quiet.stderr
    assert "parascale.cli" not in quiet.stderr
    # What the process that solves logs goes there too.
    assert re.search(r"Z DEBUG parascale\.cli\.child: working in process", log.read_text())
    done = parascale("info", folder / "a.shot.json", "--log-file", folder / "no" / "log", code=3)
    assert "cannot be written" in done.stderr


def test_without_a_terminal_progress_is_a_line_at_times(capsys: pytest.CaptureFixture[str]) -> None:
    clock = iter(np.arange(0, 40, 4.0))
    report = progress_lines(lambda: float(next(clock)))
    for step in range(6):
        report(step / 10, "map")
    lines = capsys.readouterr().err.splitlines()
    assert 1 <= len(lines) <= 3
    assert all(re.fullmatch(r"parascale: +\d+% map", line) for line in lines)
    speak(Voice(json=True))
    try:
        report = progress_lines(iter(np.arange(0, 100, 11.0)).__next__)
        report(0.25, "depth")
        assert json.loads(capsys.readouterr().err) == {"progress": 0.25, "phase": "depth"}
    finally:
        speak(Voice())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_fits_eighty_columns_and_shows_what_can_be_chosen(
    command: str, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERMINAL_WIDTH", "80")
    code, out, _ = typed(command, "--help")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    assert "--quiet" in out
    if command == "solve":
        # Square brackets are no markup.
        assert "[@FRAME]" in out
    if command == "calibrate":
        words = " ".join(out.replace("│", " ").split())
        assert "closed-loop, felt, static, global, global-norm, metric, raw" in words


def test_a_report_names_what_was_asked_for_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    named: list[str] = []
    monkeypatch.setattr(page, "write_page", lambda sides, _: named.extend(side.name for side in sides))
    write_report([(truck(), None), (truck(), folder / "truck.mp4")], folder / "page.html", show=False)
    assert named == ["truck, asked for", "truck"]


def test_what_is_unknown_of_a_calibration_is_not_listed(folder: Path, typed: Typed) -> None:
    code, out, said = typed("calibrate", "truck.shot.json", "--depth", 2, "-o", "out.shot.json")
    assert code == 0, said
    told = {line.split()[0]: line.split()[1:] for line in out.splitlines()}
    assert told["gain_range"] == ["2,", "2"]
    assert "closing_gap" not in told
    assert [line for line in out.splitlines() if len(line.split()) < 2 or line.split()[1] == "None"] == []
    # Nor by info, where a target of one depth shows no subject to name.
    listed = [line for line in typed("info", "out.shot.json")[1].splitlines() if not line.startswith(" ")]
    assert [line for line in listed if len(line.split()) < 2] == []


def test_info_of_a_calibrated_shot_says_how_it_came_about(folder: Path, typed: Typed) -> None:
    typed("calibrate", "truck.shot.json", "--depth", 2, "--strength", 1.5, "--method", "static", "-o", "desk.shot.json")
    out = typed("info", "desk.shot.json")[1]
    rows = {line[:16].strip(): line[16:].strip() for line in out.splitlines() if line[:16].strip()}
    assert rows["calibrated"].startswith("by static at 1.5 times the P")
    assert rows["reference"] == "truck"
    assert rows["target"].startswith("depth 2 arbitrary")
    assert "0.48 a second" in out
    told = json.loads(typed("info", "desk.shot.json", "--json")[1])
    assert told["calibration"]["method"] == "static"
    assert told["parallax_number_per_second"][0] == pytest.approx(0.03 * 16)
    assert json.loads(typed("info", "truck.shot.json", "--json")[1])["calibration"] is None


@pytest.mark.slow
def test_generate_says_how_much_it_made_up_and_writes_a_report(parascale: Run, folder: Path) -> None:
    from PIL import Image

    picture = np.random.default_rng(0).integers(0, 255, (96, 160, 3), np.uint8)
    Image.fromarray(picture).save(folder / "wall.png")
    np.save(folder / "wall.npy", np.ones((96, 160), np.float32))
    asked = ("generate", folder / "truck.shot.json", "-g", "preview", "--image", folder / "wall.png")
    done = parascale(*asked, "--depth-map", folder / "wall.npy", "-o", folder / "o.mp4", "--report", folder / "o.html")
    share = re.search(r"made up +([\d.]+)% of the pictures, ([\d.]+)% at most", done.stdout)
    assert share is not None
    # A truck of 0.16 depths at the end uncovers a tenth of the picture; half of that on the way.
    assert float(share[2]) == pytest.approx(10, abs=2)
    assert float(share[1]) == pytest.approx(5, abs=2)
    assert "ParaScale report" in (folder / "o.html").read_text()


@pytest.mark.slow
def test_solve_writes_a_report_where_it_is_told(parascale: Run, folder: Path) -> None:
    write_still(folder / "a.mp4")
    parascale("solve", folder / "a.mp4", "-o", folder / "a.shot.json", "--report", folder / "a.html")
    assert (folder / "a.html").read_text().count("data:image/jpeg") == 6


@pytest.mark.slow
def test_the_report_of_a_refused_clip_shows_where_it_breaks(parascale: Run, folder: Path) -> None:
    with VideoWriter(folder / "grey.mp4", 160, 96, 16) as video:
        for _ in range(6):
            video.write(np.full((96, 160, 3), 90, np.uint8))
    asked = ("--report", folder / "g.html", "--debug-picture", folder / "g.png")
    parascale("solve", folder / "grey.mp4", *asked, code=3)
    page = (folder / "g.html").read_text()
    assert "too little to follow in grey.mp4" in page
    data = re.search(r"data:image/png;base64,([^\"]+)", page)
    assert data is not None
    assert base64.b64decode(data[1]) == (folder / "g.png").read_bytes()
    assert not (folder / "grey.shot.json").exists()


@pytest.mark.slow
def test_a_depth_model_that_fails_after_the_solve_leaves_the_report_too(
    folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise InputError("the depth model found no depth in frame 3")

    monkeypatch.setattr("parascale.depth.models.load_estimator", lambda _: "a model")
    monkeypatch.setattr("parascale.depth.reference_depth.with_model_depth", fail)
    write_still(folder / "a.mp4")
    code, _, said = typed("solve", "a.mp4", "--depth-model", "some", "--report", "a.html")
    assert (code, "found no depth in frame 3" in said) == (3, True)
    assert "found no depth in frame 3" in (folder / "a.html").read_text()


def test_what_the_system_refuses_is_an_object_too(folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "walls").symlink_to("walls")  # a link to itself: no file of ours is read, and none written
    code, out, said = typed("info", "walls", "--json")
    assert code == 3
    assert json.loads(out)["error"] == said.removeprefix("parascale: ").rstrip()

    def missing(*_: object) -> None:
        raise ModuleNotFoundError("No module named 'av'", name="av")

    monkeypatch.setattr("parascale.files.shot_file.read_shot", missing)
    code, out, said = typed("info", "truck.shot.json", "--json")
    told = json.loads(out)
    assert (code, told["remedy"]) == (3, "extra")
    assert said == f"parascale: {told['error']}\n"


@pytest.mark.parametrize("group", ["keys", "weights"])
def test_commands_of_a_group_say_less_or_more_too(folder: Path, typed: Typed, group: str) -> None:
    options = typed(group, "list", "--help")[1]
    assert "--quiet" in options
    assert "--log-file" in options
    log = folder / "list.log"
    asked = ("--keys", "keys") if group == "keys" else ()
    typed("keys", "new", "keys")
    assert typed(group, "list", *asked, "--log-file", log)[0] == 0
    assert f"{group} list" in log.read_text()


def test_without_a_display_the_viewer_is_not_opened_and_says_what_else_there_is(
    folder: Path, typed: Typed, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "rerun.py").touch()  # installed, and never imported
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr("sys.platform", "linux")
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    code, _, said = typed("view", "truck.shot.json")
    assert code == 3
    assert "no display to open a window on: write a recording with --save, or a picture with --plot" in said


def test_what_a_joined_shot_does_not_keep_is_said(folder: Path, typed: Typed) -> None:
    fisheye = {"model": "OPENCV_FISHEYE", "k1": 0.1, "k2": 0.0, "k3": 0.0, "k4": 0.0}
    write_shot(replace(truck(), name="wide", distortion=fisheye), folder / "wide.shot.json")
    code, _, said = typed("stitch", "truck.shot.json", "wide.shot.json", "-o", "both.shot.json")
    assert (code, "the lens distortion of 'wide' is left out" in said) == (0, True)
    assert "left out" in read_shot(folder / "both.shot.json").notices[0].message
    code, _, said = typed("stitch", "wide.shot.json", "truck.shot.json", "-o", "kept.shot.json")
    assert "the lens distortion of 'wide' is kept for all frames, as 'truck' states none" in said
    assert "distortion" not in typed("stitch", "truck.shot.json", "truck.shot.json", "-o", "same.shot.json")[2]


def commands() -> dict[str, Any]:
    """All commands by what is typed, those of groups too."""
    found: dict[str, Any] = {}
    for name, command in get_command(app).commands.items():  # type: ignore[attr-defined]
        inner = getattr(command, "commands", None)
        found |= {name: command} if inner is None else {f"{name} {each}": one for each, one in inner.items()}
    return found


@pytest.mark.parametrize("name", commands())
def test_every_command_has_an_example_that_can_be_typed(name: str) -> None:
    command = commands()[name]
    (example,) = re.findall(r"Example: parascale (.+)", command.help or "")
    assert example == name or example.startswith(f"{name} ")
    # What is missing, unknown or of the wrong kind is an error here; nothing is run.
    command.make_context(name, shlex.split(example.removeprefix(name)))
