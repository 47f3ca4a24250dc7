"""Real clips solved by a backend: the file goes over, the shot comes back, cancel works inside native code."""

from pathlib import Path

import numpy as np
import pytest

from parascale.errors import Cancelled
from parascale.files.shot_file import read_shot
from parascale.link.client import Client
from parascale.link.requests import SolveRequest

pytestmark = [pytest.mark.realdata, pytest.mark.slow]

CLIP = "clips/street_walk_generated.mp4"


def test_a_clip_is_solved_by_a_backend(client: Client, testdata: Path, tmp_path: Path) -> None:
    job = client.submit(SolveRequest(testdata / CLIP, start=0, end=33))
    phases: set[str] = set()
    status = client.wait(job, lambda fraction, phase: phases.add(phase))
    assert (status.state, status.message) == ("done", "")
    assert len(phases) > 1
    result = client.fetch(job, tmp_path)
    shot = read_shot(result.files["shot"])
    assert len(shot) == result.summary["frames"] == 33
    assert shot.name == "street_walk_generated"
    assert shot.unit == "unit-depth"
    assert shot.median_depth[0] == 1.0
    assert np.isfinite(shot.trajectory.centres).all()


def test_a_solve_stops_when_cancelled(client: Client, testdata: Path) -> None:
    job = client.submit(SolveRequest(testdata / CLIP))
    fractions = [0.0]
    with pytest.raises(Cancelled):
        client.wait(job, lambda fraction, phase: fractions.append(fraction), lambda: fractions[-1] > 0.3)
    assert client.status(job).state == "cancelled"
