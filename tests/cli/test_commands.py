"""The commands as a user types them: what they print, what they write, and how they refuse."""

import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.extras import EXTRAS
from parascale.files.shot_file import read_shot, write_shot
from parascale.parallax.shot import Shot

Run = Callable[..., subprocess.CompletedProcess[str]]


def straight_shot(count: int = 9, step: float = 0.1, depth: float = 2.0) -> Shot:
    """Return a truck to the right past a wall: P is step / depth in every frame."""
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = step * np.arange(count)
    trajectory = Trajectory(poses, np.array([600.0, 600.0, 416.0, 240.0]), np.arange(count) / 16, 832, 480)
    return Shot("truck", 16.0, trajectory, np.full(count, depth))


@pytest.fixture
def shot_file(tmp_path: Path) -> Path:
    path = tmp_path / "truck.shot.json"
    write_shot(straight_shot(), path)
    return path


def assert_one_sentence(stderr: str) -> None:
    """Check that a refusal is one sentence; a slow machine may have told progress before it."""
    progress = re.compile(r"parascale: +\d+% ")
    lines = [line for line in stderr.splitlines() if line.strip() and not progress.match(line)]
    assert len(lines) == 1, stderr
    assert lines[0].startswith("parascale: ")


def test_info_tells_the_parallax_number(parascale: Run, shot_file: Path) -> None:
    told = json.loads(parascale("info", shot_file, "--json").stdout)
    assert told["frames"] == 9
    assert told["parallax_number"] == pytest.approx([0.05] * 8)
    assert "0.05" in parascale("info", shot_file).stdout


@pytest.mark.parametrize("method", ["closed-loop", "static", "global"])
def test_calibrate_to_a_constant_depth_keeps_the_parallax_number(
    parascale: Run, shot_file: Path, tmp_path: Path, method: str
) -> None:
    output = tmp_path / "far.shot.json"
    parascale("calibrate", shot_file, "-o", output, "--depth", 500, "--method", method)
    far = read_shot(output)
    np.testing.assert_allclose(far.parallax_number, 0.05, rtol=1e-9)
    np.testing.assert_allclose(far.trajectory.baselines[:, 0], 25.0, rtol=1e-9)


def test_calibrate_against_a_scene_prints_nothing_but_its_json(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    scene, output = tmp_path / "wall.blend", tmp_path / "wall.shot.json"
    make = (
        "import bpy; bpy.ops.wm.read_homefile(use_empty=True); scene = bpy.context.scene\n"
        "scene.camera = bpy.data.objects.new('Camera', bpy.data.cameras.new('Camera'))\n"
        "scene.collection.objects.link(scene.camera)\n"
        "bpy.ops.mesh.primitive_plane_add(size=100, location=(0, 0, -3))\n"
        f"bpy.ops.wm.save_as_mainfile(filepath={str(scene)!r})"
    )
    subprocess.run([sys.executable, "-c", make], check=True, capture_output=True)
    verbatim = ("--preset", "verbatim", "--json")
    told = json.loads(parascale("calibrate", shot_file, "-o", output, "--scene", scene, *verbatim).stdout)
    assert told["pce"] < 1e-6
    np.testing.assert_allclose(read_shot(output).trajectory.baselines[:, 0], 0.15, rtol=1e-6)


def test_calibrate_against_a_depth_map(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    depth_map, output = tmp_path / "wall.npy", tmp_path / "wall.shot.json"
    np.save(depth_map, np.full((60, 104), 3.0, np.float32))
    parascale("calibrate", shot_file, "-o", output, "--depth-map", depth_map)
    np.testing.assert_allclose(read_shot(output).parallax_number, 0.05, rtol=1e-3)


def corridor(path: Path) -> None:
    """Save a scene of a wall 10 ahead and another 1.5 to the right, and a vase, which is turned to."""
    make = (
        "import bpy; bpy.ops.wm.read_homefile(use_empty=True); scene = bpy.context.scene\n"
        "scene.camera = bpy.data.objects.new('Camera', bpy.data.cameras.new('Camera'))\n"
        "scene.collection.objects.link(scene.camera)\n"
        "bpy.ops.mesh.primitive_plane_add(size=100, location=(0, 0, -10))\n"
        "bpy.ops.mesh.primitive_plane_add(size=100, location=(1.5, 0, 0), rotation=(0, 1.5707963, 0))\n"
        "bpy.ops.mesh.primitive_uv_sphere_add(radius=0.1, location=(-0.5, 0.2, -6)); bpy.context.object.name = 'Vase'\n"
        f"bpy.ops.wm.save_as_mainfile(filepath={str(path)!r})"
    )
    subprocess.run([sys.executable, "-c", make], check=True, capture_output=True)


def test_calibrate_says_what_is_in_the_way_and_what_fits(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    """The truck would go 4 to the right, through the wall at 1.5."""
    scene, output = tmp_path / "corridor.blend", tmp_path / "x.shot.json"
    corridor(scene)
    done = parascale("calibrate", shot_file, "-o", output, "--scene", scene)
    assert "warning  The camera is held back by a surface" in done.stdout
    offered = re.search(r"--strength ([\d.]+)", done.stderr)
    assert offered is not None
    again = parascale("calibrate", shot_file, "-o", output, "--scene", scene, "--strength", offered[1], "--json")
    told = json.loads(again.stdout)
    assert told["crossings"] == told["held_back_frames"] == told["standing_frames"] == []
    told = json.loads(
        parascale("calibrate", shot_file, "-o", output, "--scene", scene, "--preset", "verbatim", "--json").stdout
    )
    assert len(told["crossings"]) == 1
    assert told["verdict"][0][0] == "bad"


def test_calibrate_holds_the_object_that_is_named(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    scene, output = tmp_path / "corridor.blend", tmp_path / "x.shot.json"
    corridor(scene)
    parascale("calibrate", shot_file, "-o", output, "--scene", scene, "--subject", "Vase", "--strength", 0.2)
    (vase,) = read_shot(output).subjects
    # At the reference's place from the first frame on: the middle of its picture.
    assert np.abs(vase.centre[0]).max() < 1e-6
    assert vase.depth[0] == pytest.approx(np.linalg.norm([0.5, 0.2, 6]), rel=1e-4)
    refused = parascale("calibrate", shot_file, "-o", output, "--scene", scene, "--subject", "Cup", code=3)
    assert "has no object 'Cup' to hold" in refused.stderr


def test_calibrate_optimises_by_the_five_weights(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    scene, output = tmp_path / "corridor.blend", tmp_path / "x.shot.json"
    corridor(scene)
    asked = ("calibrate", shot_file, "-o", output, "--scene", scene, "--strength", 0.2, "--json", "--overwrite")
    weights = ("--weight", "felt-speed=2", "--weight", "smooth=0.5")
    told = json.loads(parascale(*asked, "--solver", "optimise", *weights).stdout)
    assert told["solver"] in ("march", "optimise")
    made = read_shot(output).provenance["calibration"]
    assert made["solver"] == "optimise"
    assert made["weights"] == {"felt_speed": 2, "framing": 1, "horizon": 1, "clearance": 1, "smooth": 0.5}
    for wrong in (
        ("--weight", "framing=1"),
        *(("--solver", "optimise", "--weight", each) for each in ("x=1", "smooth")),
    ):
        assert_one_sentence(parascale(*asked, *wrong, code=3).stderr)


def test_calibrate_scales_motion_along_and_across_the_view(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    whole, halved = tmp_path / "whole.shot.json", tmp_path / "halved.shot.json"
    for output, share in ((whole, 1), (halved, 0.5)):
        parascale("calibrate", shot_file, "-o", output, "--depth", 500, "--along", share, "--across", share)
    assert read_shot(halved).parallax_number == pytest.approx(0.5 * read_shot(whole).parallax_number)


def test_calibrate_asks_for_one_target(parascale: Run, shot_file: Path, tmp_path: Path) -> None:
    assert_one_sentence(parascale("calibrate", shot_file, "-o", tmp_path / "x.shot.json", code=3).stderr)


def test_metrics_of_a_shot_against_itself_are_zero(parascale: Run, shot_file: Path) -> None:
    told = json.loads(parascale("metrics", shot_file, shot_file, "--json").stdout)
    assert told["pce"] == 0
    assert told["rot_err"] == pytest.approx(0, abs=1e-6)
    assert told["trans_err"] == pytest.approx(0, abs=1e-6)


def test_doctor_names_what_is_installed_and_the_generators(parascale: Run) -> None:
    told = json.loads(parascale("doctor", "--json").stdout)
    assert told["extras"]["solve"]["ready"]
    assert told["generators"]["preview"]["scale_class"] == "D"


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("", "json"),
        ("{}", "format"),
        ('{"format": "parascale-shot", "version": 99}', "version 99"),
        ("\x00\x01", "json"),
    ],
)
def test_a_broken_shot_file_gets_one_sentence(parascale: Run, tmp_path: Path, text: str, word: str) -> None:
    path = tmp_path / "broken.shot.json"
    path.write_text(text)
    stderr = parascale("info", path, code=3).stderr
    assert_one_sentence(stderr)
    assert word in stderr.lower()


def test_a_missing_file_gets_one_sentence(parascale: Run, tmp_path: Path) -> None:
    assert_one_sentence(parascale("info", tmp_path / "none.shot.json", code=3).stderr)
    assert_one_sentence(parascale("solve", tmp_path / "none.mp4", "-o", tmp_path / "x.shot.json", code=3).stderr)


def test_wrong_usage_exits_with_2(parascale: Run) -> None:
    parascale("info", code=2)
    parascale("nonsense", code=2)


def test_help_imports_nothing_heavy() -> None:
    code = "import sys, parascale.cli; print(*sys.modules)"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert not loaded & {"numpy", "numba", "pycolmap", "cv2", "av", "scipy", "torch", "bpy", "matplotlib", "zmq"}


def test_extras_bring_the_packages_that_are_looked_for() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    optional = project["optional-dependencies"]

    def packages(extra: str) -> set[str]:
        found: set[str] = set()
        for requirement in optional[extra]:
            name, _, parts = re.split(r"[<>=;]", requirement)[0].partition("[")
            found |= set.union(*map(packages, parts.rstrip("]").split(","))) if parts else {name}
        return found

    for extra, modules in EXTRAS.items():
        assert set(modules.values()) <= packages(extra)
