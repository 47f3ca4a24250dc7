"""The examples run as their first lines say."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"


def run(script: str, *arguments: object) -> str:
    done = subprocess.run(
        [sys.executable, EXAMPLES / f"{script}.py", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_from_a_clip_to_a_generator_and_back(testdata: Path, tmp_path: Path) -> None:
    clip = testdata / "clips" / "street_walk_generated.mp4"
    shot, result = tmp_path / "a.shot.json", tmp_path / "b.shot.json"
    assert "general, unit-depth, P 0.0" in run("solve_a_clip", clip, shot)
    y, x = np.mgrid[:48, :80]
    np.save(tmp_path / "depth.npy", 3 + 0.01 * x - 0.02 * y)
    assert "PCE" in run("carry_over_to_a_picture", shot, tmp_path / "depth.npy", result)
    assert "(81, 6, 48, 80)" in run("prepare_for_a_generator", result, tmp_path / "maps.npy")
    assert "-> realestate10k" in run("convert_a_path", result, tmp_path / "path.txt", "realestate10k")
    # Held against what it shows itself, a video has next to no error; the lens that was estimated is given this time.
    measured = re.search(r"PCE (\S+),", run("measure_a_video", clip, shot))
    assert measured
    assert float(measured[1]) < 0.01


def test_every_example_is_listed_and_tested() -> None:
    listed, tested = (EXAMPLES / "README.md").read_text(), Path(__file__).read_text()
    scripts = [script.stem for script in EXAMPLES.glob("*.py")]
    assert len(scripts) >= 5
    for script in scripts:
        assert f"`{script}.py" in listed
        assert f'"{script}"' in tested
