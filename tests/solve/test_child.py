import multiprocessing
import time
from typing import Any

import numpy as np
import pytest

from parascale.errors import Cancelled, InputError
from parascale.solve import solve_in_child

pytestmark = pytest.mark.slow


def test_the_shot_comes_back_with_its_progress(clips: Any) -> None:
    seen: list[float] = []
    shot = solve_in_child(clips("static", 8).path, threads=1, progress=lambda fraction, _: seen.append(fraction))
    assert shot.motion_class == "static"
    assert seen[-1] == 1
    assert not np.array(shot.trajectory.centres).any()
    assert not multiprocessing.active_children()


def test_a_refusal_comes_back_as_one(tmp_path: Any) -> None:
    with pytest.raises(InputError, match="does not exist"):
        solve_in_child(tmp_path / "nothing.mp4")


def test_cancelling_kills_the_child_at_once(clips: Any) -> None:
    clip = clips("crane", 24)
    seen: list[float] = []

    def wanted() -> bool:
        return bool(seen)

    with pytest.raises(Cancelled):
        solve_in_child(clip.path, progress=lambda fraction, _: seen.append(fraction), cancelled=wanted)
    began = time.monotonic()
    while multiprocessing.active_children() and time.monotonic() - began < 5:
        time.sleep(0.01)
    assert not multiprocessing.active_children()
