"""Workers give way to the server, its clients and a user's programs."""

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parascale.service import worker

GROUP = Path("/proc/self/autogroup")


@pytest.mark.skipif(not GROUP.exists(), reason="Linux alone schedules by session, where it is built so")
def test_a_worker_gives_way_to_other_sessions_too(house: Any, until: Callable[..., None]) -> None:
    house.start()
    until(house.workers)
    (pid,) = house.workers()
    until(lambda: re.search(r" nice 5$", Path(f"/proc/{pid}/autogroup").read_text().strip()))
    assert os.getpriority(os.PRIO_PROCESS, pid) == os.getpriority(os.PRIO_PROCESS, house.pid) + 5
    assert re.search(r" nice 0$", Path(f"/proc/{house.pid}/autogroup").read_text().strip())


@pytest.mark.parametrize(
    ("answers", "writes"),
    [([BlockingIOError, BlockingIOError, None], 3), ([PermissionError, None], 1), ([BlockingIOError] * 99, 8)],
)
def test_a_session_whose_turn_it_is_not_tries_again_and_no_longer_than_a_second(
    monkeypatch: pytest.MonkeyPatch, answers: list[type[OSError] | None], writes: int
) -> None:
    asked = list[str]()

    class Group:
        @staticmethod
        def write_text(text: str) -> None:
            asked.append(text)
            if (answer := answers[len(asked) - 1]) is not None:
                raise answer

    monkeypatch.setattr(worker.sys, "platform", "linux")
    monkeypatch.setattr(worker.os, "nice", lambda _: 0, raising=False)
    monkeypatch.setattr(worker.os, "getsid", lambda _: os.getpid(), raising=False)
    monkeypatch.setattr(worker.time, "sleep", lambda _: None)
    monkeypatch.setattr(worker, "_AUTOGROUP", Group)
    worker._give_way()
    assert asked == ["5"] * writes


def test_a_worker_in_the_session_of_others_leaves_that_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker.os, "nice", lambda _: 0, raising=False)
    monkeypatch.setattr(worker.os, "getsid", lambda _: os.getpid() + 1, raising=False)
    monkeypatch.setattr(worker, "_AUTOGROUP", None)  # breaks where it is used
    worker._give_way()
