"""The same pictures give the same answer: in every process, and however they are encoded."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.solve import solve

pytestmark = pytest.mark.slow

SOLVE = """
import hashlib, sys
from parascale.files.shot_file import shot_to_json
from parascale.solve import solve
print(hashlib.sha256(shot_to_json(solve(sys.argv[1], focal=400, threads=1)).encode()).hexdigest())
"""


def film_short_truck(rendered: Any, camera: Any, path: Path, amount: float, crf: int) -> Any:
    """A truck of some tenths of a metre behind a large mover."""
    return rendered.film(path, camera, rendered.move("truck", 14, amount), retouch=rendered.mover(6.0), crf=crf)


def test_a_film_has_the_same_bytes_every_time(rendered: Any, courtyard: Any, tmp_path: Path) -> None:
    films = [film_short_truck(rendered, courtyard, tmp_path / f"{each}.mp4", 0.35, 14) for each in range(3)]
    assert len({hashlib.sha256(film.path.read_bytes()).digest() for film in films}) == 1


def test_fresh_processes_give_the_same_bytes(rendered: Any, courtyard: Any, tmp_path: Path) -> None:
    clip = film_short_truck(rendered, courtyard, tmp_path / "clip.mp4", 0.35, 14)
    found = set()
    for hash_seed in ("0", "1", "random"):
        command = [sys.executable, "-c", SOLVE, str(clip.path)]
        env = os.environ | {"PYTHONHASHSEED": hash_seed}
        found.add(subprocess.run(command, env=env, check=True, capture_output=True, text=True).stdout)
    assert len(found) == 1


@pytest.mark.parametrize("amount", [0.2, 0.35])
def test_a_short_truck_behind_a_mover_is_solved_however_it_is_encoded(
    rendered: Any, courtyard: Any, tmp_path: Path, amount: float
) -> None:
    for crf in (13, 14, 20):
        clip = film_short_truck(rendered, courtyard, tmp_path / f"{crf}.mp4", amount, crf)
        shot = solve(clip.path, focal=400, threads=1)
        steps = np.linalg.norm(np.diff(clip.camera_to_world[:, :3, 3], axis=0), axis=1)
        assert shot.motion_class == "general"
        assert shot.parallax_sigma is not None
        error = shot.parallax_number - steps / clip.median_depth[:-1]
        assert (np.abs(error) < 3 * shot.parallax_sigma).all(), f"crf {crf}: {error / shot.parallax_sigma}"
