"""What an output may be: what the same command wrote, a link, a device, a pipe; and what a shot's points are called."""

import json
import os
import subprocess
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.files.disk import MARKED_HEADER, is_marked
from parascale.files.formats import FORMATS
from parascale.files.npz import npy_bytes
from parascale.files.shot_file import points_file, read_shot, shot_from_json, write_shot
from parascale.parallax.shot import Points, Shot

Run = Callable[..., subprocess.CompletedProcess[str]]


def truck(points: int = 0) -> Shot:
    """Return a truck past a wall two units away, with some points of it."""
    poses = np.tile(np.eye(4), (9, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(9)
    path = Trajectory(poses, np.array([60.0, 60.0, 48.0, 32.0]), np.arange(9) / 16, 96, 64)
    cloud = Points(np.ones((points, 3), np.float32), np.zeros((points, 3), np.uint8)) if points else None
    return Shot("truck", 16.0, path, np.full(9, 2.0), points=cloud)


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    write_shot(truck(5), tmp_path / "truck.v1.shot.json")
    return tmp_path / "truck.v1.shot.json"


@pytest.fixture
def written(tmp_path: Path, shot: Path) -> dict[str, tuple[object, ...]]:
    """Return a command for each kind of output that it can recognise as its own."""
    far = tmp_path / "far.shot.json"
    return {
        "calibrate": ("calibrate", shot, "--depth", 5, "-o", far),
        "retime": ("retime", shot, "-o", tmp_path / "same.shot.json"),
        "stitch": ("stitch", shot, shot, "-o", tmp_path / "twice.shot.json"),
        "export": ("export", shot, "--format", "tum", "-o", tmp_path / "path.txt"),
        "export npz": ("export", shot, "--format", "megasam", "-o", tmp_path / "path.npz"),
        "export folder": ("export", shot, "--format", "colmap", "-o", tmp_path / "sparse"),
        "export tensor": ("export", shot, "--format", "plucker", "-o", tmp_path / "rays.npz"),
        "view": ("view", shot, "--plot", tmp_path / "plot.png"),
    }


@pytest.mark.parametrize(
    "name", ["calibrate", "retime", "stitch", "export", "export npz", "export folder", "export tensor", "view"]
)
def test_a_command_may_run_again_over_what_it_wrote(typed_code: Callable[..., int], written: dict, name: str) -> None:
    assert typed_code(*written[name]) == 0
    assert typed_code(*written[name]) == 0


def test_a_command_does_not_overwrite_what_another_wrote_unless_it_is_told(
    typed_code: Callable[..., int], shot: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.shot.json"
    assert typed_code("retime", shot, "--reverse", "-o", out) == 0
    before = out.read_bytes()
    assert typed_code("calibrate", shot, "--depth", 5, "-o", out) == 3
    assert out.read_bytes() == before
    assert typed_code("calibrate", shot, "--depth", 5, "-o", out, "--overwrite") == 0
    assert read_shot(out).provenance["command"] == "calibrate"


@pytest.mark.parametrize("format_name", sorted(name for name, known in FORMATS.items() if known.write is not None))
def test_every_format_may_be_exported_again_over_itself(
    typed_code: Callable[..., int], shot: Path, tmp_path: Path, format_name: str
) -> None:
    output = tmp_path / f"path{FORMATS[format_name].suffix}"
    command = ("export", shot, "--format", format_name, "-o", output)
    assert typed_code(*command) == 0
    assert typed_code(*command) == 0


def test_a_file_without_room_for_a_mark_is_only_written_anew_where_that_changes_it_not(
    typed_code: Callable[..., int], shot: Path, tmp_path: Path
) -> None:
    command = ("export", shot, "--format", "kitti", "-o", tmp_path / "poses.txt")
    assert typed_code(*command) == 0
    before = (tmp_path / "poses.txt").read_bytes()
    assert typed_code(*command, "--frames", 5) == 3
    assert (tmp_path / "poses.txt").read_bytes() == before
    assert typed_code(*command, "--frames", 5, "--overwrite") == 0


def test_depth_maps_of_ours_are_known_and_read_as_any_other(tmp_path: Path) -> None:
    depth = np.random.default_rng(0).random((7, 5), np.float32)
    (tmp_path / "ours.npy").write_bytes(npy_bytes(depth, MARKED_HEADER))
    np.save(tmp_path / "theirs.npy", depth)
    assert is_marked(tmp_path / "ours.npy")
    assert not is_marked(tmp_path / "theirs.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "ours.npy"), depth)
    np.testing.assert_array_equal(np.load(tmp_path / "ours.npy", mmap_mode="r"), depth)


def test_an_empty_file_holds_nothing_to_lose(typed_code: Callable[..., int], shot: Path, tmp_path: Path) -> None:
    (tmp_path / "made.txt").touch()
    assert typed_code("export", shot, "--format", "kitti", "-o", tmp_path / "made.txt") == 0


@pytest.mark.parametrize("exists", [True, False])
def test_a_link_stays_and_its_target_is_written(
    typed_code: Callable[..., int], shot: Path, tmp_path: Path, exists: bool
) -> None:
    (tmp_path / "other").mkdir()
    target, link = tmp_path / "other" / "real.shot.json", tmp_path / "link.shot.json"
    link.symlink_to(target)
    command = ("retime", shot, "--reverse", "-o")
    if exists:
        assert typed_code(*command, target) == 0
    assert typed_code(*command, link) == 0
    assert link.is_symlink()
    # Read by either name, the points are found.
    assert (tmp_path / "other" / "real.points.npz").is_file()
    for path in (link, target):
        told: list = []
        assert read_shot(path, told).points is not None
        assert not told


def test_a_dash_is_standard_output_and_the_summary_steps_aside(parascale: Run, shot: Path) -> None:
    done = parascale("retime", shot, "--reverse", "-o", "-")
    assert len(shot_from_json(done.stdout)) == 9
    assert "written" in done.stderr
    assert "the points of 'truck' are left out" in done.stderr
    assert json.loads(parascale("retime", shot, "--reverse", "-o", "-", "--json").stdout)["format"] == "parascale-shot"
    assert parascale("export", shot, "--format", "kitti", "-o", "-").stdout.count("\n") == 9
    assert len(shot_from_json(parascale("retime", shot, "-o", "/dev/stdout").stdout)) == 9


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize(
    ("command", "beginning"),
    [
        (("retime", "--reverse"), b'{\n"format": "parascale-shot"'),
        (("export", "--format", "tum"), b"# ParaScale:"),
        (("export", "--format", "plucker"), b"PK"),
        (("view", "--plot"), b"\x89PNG"),
    ],
)
def test_a_pipe_is_written_through(
    typed_code: Callable[..., int], shot: Path, tmp_path: Path, command: tuple, beginning: bytes
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    found = []
    reader = threading.Thread(target=lambda: found.append(pipe.read_bytes()))
    reader.start()
    name, *options = command
    end = (*options, pipe) if name == "view" else (*options, "-o", pipe)
    assert typed_code(name, shot, *end) == 0
    reader.join(240)
    assert found[0].startswith(beginning)
    assert pipe.is_fifo()
    assert not list(tmp_path.glob("*.npz")) or name != "retime" or not (tmp_path / "pipe.points.npz").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs devices")
def test_a_device_stays_a_device(typed_code: Callable[..., int], shot: Path, device: Callable[[str], Path]) -> None:
    null = device("null")
    assert typed_code("retime", shot, "--reverse", "-o", null) == 0
    assert typed_code("export", shot, "--format", "tum", "-o", null) == 0
    assert null.is_char_device()
    assert [path.name for path in null.parent.glob("*null*")] == ["null"]


@pytest.mark.parametrize(
    ("shot", "points"),
    [
        ("truck.shot.json", "truck.points.npz"),
        ("take.2.b.shot.json", "take.2.b.points.npz"),
        ("truck.json", "truck.json.points.npz"),
        ("take.2", "take.2.points.npz"),
    ],
)
def test_points_carry_the_whole_name_of_their_shot(tmp_path: Path, shot: str, points: str) -> None:
    assert points_file(tmp_path / shot) == tmp_path / points
    write_shot(truck(5), tmp_path / shot)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([shot, points])
    assert read_shot(tmp_path / shot).points is not None


def test_a_shot_whose_points_are_missing_opens_with_a_note(parascale: Run, shot: Path, tmp_path: Path) -> None:
    (tmp_path / "truck.v1.points.npz").unlink()
    done = parascale("info", shot)
    assert "note: " in done.stderr
    assert "truck.v1.points.npz, which are missing" in done.stderr
    assert "9 frames" in done.stdout


def test_points_of_another_shot_are_not_overwritten(typed_code: Callable[..., int], shot: Path, tmp_path: Path) -> None:
    """A shot that was renamed leaves its points behind, under the name that it states."""
    shot.rename(tmp_path / "renamed.shot.json")
    points = (tmp_path / "truck.v1.points.npz").read_bytes()
    for more in ((), ("--overwrite",)):
        assert typed_code("retime", tmp_path / "renamed.shot.json", "--reverse", "-o", shot, *more) == 3
    assert (tmp_path / "truck.v1.points.npz").read_bytes() == points


def test_the_path_is_printed_whole(parascale: Run, shot: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    folder = tmp_path / ("a very long name " * 8) / "[bold]"
    folder.mkdir(parents=True)
    output = folder / "out.shot.json"
    assert f" {output}\n" in parascale("retime", shot, "--reverse", "-o", output).stdout


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    from PIL import Image

    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 96, 3), np.uint8)).save(tmp_path / "first.png")
    return tmp_path / "first.png"


@pytest.mark.parametrize(("factor", "told"), [(1.2, None), (2.0, "is 2 times"), (0.4, "is 0.4 times")])
def test_a_depth_map_of_another_depth_than_the_shot_is_said_with_the_factor(factor: float, told: str | None) -> None:
    from parascale.parallax.gauge import compare_depth

    notices = compare_depth(np.full((4, 6), 2.0 * factor), truck())
    assert [told in notice.message for notice in notices] == [True] * (told is not None)


@pytest.mark.parametrize("factor", [8.0, 10.0, 1000.0, 0.001, 0.0254])
def test_a_depth_map_in_another_unit_is_refused(
    typed_said: Callable[..., tuple[int, str]], tmp_path: Path, picture: Path, factor: float
) -> None:
    write_shot(truck(), tmp_path / "bare.shot.json")
    np.save(tmp_path / "map.npy", np.full((64, 96), 2 * factor, np.float32))
    given = ("-g", "preview", "--image", picture, "--depth-map", tmp_path / "map.npy", "-o", tmp_path / "out.mp4")
    code, said = typed_said("generate", tmp_path / "bare.shot.json", *given)
    assert code == 3
    assert f"{factor:.3g} times the depth of the shot 'truck'" in said
    assert not (tmp_path / "out.mp4").exists()


def test_a_request_whose_map_is_in_another_gauge_is_refused_wherever_it_is_made() -> None:
    from parascale.errors import InputError
    from parascale.link.kinds.generate import GenerationRequest
    from parascale.parallax.gauge import to_unit_depth

    picture, metres = np.zeros((64, 96, 3), np.uint8), np.full((64, 96), 20.0, np.float32)
    with pytest.raises(InputError, match="20 times the depth of the shot"):
        GenerationRequest(to_unit_depth(truck()), "preview", picture, metres)


def test_a_result_that_cannot_be_written_is_kept_and_can_be_fetched(
    tmp_path: Path, shot: Path, device: Callable[[str], Path]
) -> None:
    from parascale.cli.advice import sentence
    from parascale.cli.result import fetch
    from parascale.errors import InputError
    from parascale.link.request import JobResult

    class Backend:
        deleted: list[str]

        def __init__(self) -> None:
            self.deleted = []

        def fetch(self, job: str, folder: Path, progress: object) -> JobResult:
            write_shot(replace(truck(5), name="solved"), folder / "solved.shot.json")
            return JobResult({}, {"shot": folder / "solved.shot.json", "points": folder / "solved.points.npz"})

        def delete(self, job: str) -> None:
            self.deleted.append(job)

    backend = Backend()
    for output in (shot, tmp_path / "nowhere" / "x.shot.json", device("full")):
        before = shot.read_bytes()
        with pytest.raises(InputError) as refused:
            fetch(backend, "0123456789abcdef", output, "result")  # type: ignore[arg-type]
        assert "parascale result 01234567 -o" in sentence(refused.value)
        assert shot.read_bytes() == before
        assert not backend.deleted
        assert not list(tmp_path.glob(".parascale-*"))
    fetch(backend, "0123456789abcdef", tmp_path / "here.shot.json", "result")  # type: ignore[arg-type]
    assert backend.deleted == ["0123456789abcdef"]
    assert read_shot(tmp_path / "here.shot.json").points is not None
