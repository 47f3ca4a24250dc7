"""A real Blender window: the zip installed, five clicks to a calibrated camera, a video back from a live backend."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[2]
CLICKS = ["tab", "parascale.solve_clip", "file", "file.execute", "parascale.create_camera"]


def debian(folder: Path) -> Path:
    """Make the Debian with Blender in it; the test skips where this machine cannot."""
    made = subprocess.run([ROOT / "tools" / "window_root.sh", folder], capture_output=True, text=True, check=False)
    if made.returncode == 4:
        pytest.skip(made.stderr.strip())
    assert made.returncode == 0, made.stderr
    return folder


def built(tmp_path: Path) -> Path:
    """Folder of the zips: PARASCALE_ZIPS, else built here."""
    if named := os.environ.get("PARASCALE_ZIPS"):
        return Path(named).resolve()
    subprocess.run([sys.executable, ROOT / "tools" / "build_extension.py", "--output-dir", tmp_path], check=True)
    return tmp_path


# What a console may show without anything being wrong: software OpenGL's own, and Blender's echo of operators' reports.
HARMLESS = re.compile(
    r"list of mounted file-systems|EGL|MESA|^(Info|Warning|Error): |(operator|reports)\s+\| |render\s+\| (Saved|Video)",
    re.IGNORECASE,
)
AMISS = re.compile(r"Traceback|Warning|Error|Exception|WARN|ERROR|assert|leak", re.IGNORECASE)


def complaints(log: str) -> list[str]:
    """Lines of a console that say that something is wrong."""
    return [line for line in log.splitlines() if AMISS.search(line) and not HARMLESS.search(line)]


def used(root: Path, zips: Path, script: str = "five_clicks") -> dict[str, Any]:
    """Open the window, and give what the script in it found out; its console may complain of nothing."""
    output = ROOT / "build" / ("window" if script == "five_clicks" else script)
    command = [sys.executable, ROOT / "tools" / "window.py", "--root", root, "--zips", zips, "--output", output]
    command += ["--script", script]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    log = output / "blender.log"
    last = "\n".join(log.read_text(errors="replace").splitlines()[-30:]) if log.exists() else done.stderr[-3000:]
    assert (output / "told.json").exists(), last
    told: dict[str, Any] = json.loads((output / "told.json").read_text())
    assert done.returncode == 0, f"{told['error']}\n{last}\nthe screen: {output / 'failed.png'}"
    assert complaints(log.read_text(errors="replace")) == []
    return told | {"truth": json.loads((output / "clips" / "street.json").read_text())}


def grey(name: str, box: list[int] | None = None) -> np.ndarray:
    """A picture of the last run in grey levels, cut to a box."""
    return np.asarray(Image.open(ROOT / "build" / "window" / name).convert("L").crop(box), float)


@pytest.mark.window
@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_five_clicks_calibrate_a_camera_and_one_more_brings_a_strip(tmp_path: Path) -> None:
    told = used(debian(ROOT / "build" / "window-root"), built(tmp_path))
    print(f"seconds in the window: {told['seconds']}")

    assert told["camera"]["clicks"] == CLICKS
    assert [click["button"] for click in told["clicks"]] == [*CLICKS, "parascale.generate"]
    assert told["camera"]["active"]
    assert {'["parallax_number"]', "location", "rotation_quaternion"} <= set(told["camera"]["curves"])

    # Blender can be used while the clip is solved, and the result is where one looks for it.
    assert told["usable"] == {"modal": False, "added": True}
    assert told["found"] == {"active": True, "edited": True, "name": "street"}

    # 33 frames at 16 a second last 49.5 frames at the scene's 24, from its first.
    truth, strip = told["truth"], told["strip"]
    assert strip["exists"]
    assert strip["fps"] == 24
    assert strip["start"] == strip["frame_start"] == 1
    assert strip["duration"] in (49, 50)
    asked = json.loads(strip["asked"]["parascale_request"])
    assert (asked["frames"], asked["fps"]) == (truth["frames"], truth["fps"])

    # What was asked of the generator is what was filmed, though nothing but the clip's pixels went in.
    filmed = np.array(truth["parallax_number"])
    known = filmed > 0.3 * filmed.max()
    assert np.median(np.abs(np.log(np.array(asked["parallax_number"])[known] / filmed[known]))) < 0.1

    # The clip itself lies behind the reference's camera.
    behind = {"shown": True, "file": "street.mp4", "size": [480, 272], "frames": truth["frames"], "start": 1}
    assert told["behind"] == behind

    # A click on a surface marks the place below the mouse; one on the reference, its point nearest to the mouse.
    assert [(place["what"], place["side"], place["statistic"]) for place in told["picked"]] == [
        ("surface", "TARGET", "SURFACE"),
        ("surface", "REFERENCE", "SURFACE"),
        ("focus", "TARGET", "FOCUS"),
    ]
    assert all(place["from_surface"] < 1e-4 for place in told["picked"])
    assert all(place["pixels_off"] < 1 for place in told["picked"] if place["side"] == "TARGET")
    assert told["objects_of_given_up"] == 0

    # The viewport's picture shows what the render does, and is taken without a trace.
    render, viewport = (grey(f"first-{name}.png") for name in ("render", "viewport"))
    assert render.shape == viewport.shape
    assert np.corrcoef(render.ravel(), viewport.ravel())[0, 1] > 0.8
    assert told["view_is_as_before"]

    # A job's picture is its newest sketch, then its video.
    assert told["sketches"] == [60, 200]
    width, height = told["video_picture"]
    assert width / height == pytest.approx(832 / 480, rel=0.02)

    for name, box in told["pictures"].items():
        assert grey(f"{name}.png", box).std() > 5, f"{name}.png shows nothing"


@pytest.mark.window
@pytest.mark.slow
@pytest.mark.timeout(1500)
@pytest.mark.xfail(
    reason="all operators were repeated once without a crash; not yet in one run to its end", strict=False
)
def test_every_operator_can_be_repeated_and_redone(tmp_path: Path) -> None:
    told = used(debian(ROOT / "build" / "window-root"), built(tmp_path), "repeats")
    assert sorted(told["repeated"]) == told["operators"]
    # Those that change the file are what Repeat Last and Adjust Last Operation work on.
    done = {name: last for name, (_, last) in told["repeated"].items()}
    for name in ("use_camera", "import_shot", "create_camera", "rebuild", "retime", "compare_methods", "bake"):
        assert done[name] == f"PARASCALE_OT_{name}", told["repeated"]


def test_a_console_that_complains_is_noticed() -> None:
    assert complaints("Info: street is the reference\n00:26.7  render | Saved: 'x.png'") == []
    assert complaints("00:26.725  bpy.rna | WARNING current value '-1' matches no enum")
    assert complaints("Traceback (most recent call last):")
