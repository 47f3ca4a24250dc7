import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.cli.child import run_in_child
from parascale.errors import Cancelled, InputError
from parascale.solve import solve

pytestmark = pytest.mark.slow


def quiet(fraction: float, phase: str) -> None:
    pass


def die(clip: Path, progress: Callable[[float, str], None]) -> None:
    progress(0.5, "half way")
    os.kill(os.getpid(), signal.SIGTERM)


def test_the_shot_comes_back_with_its_progress(clips: Any) -> None:
    seen: list[float] = []
    clip = clips("static", 8).path
    shot = run_in_child(solve, clip, threads=1, progress=lambda fraction, _: seen.append(fraction))
    assert shot.motion_class == "static"
    assert seen[-1] == 1
    assert not np.array(shot.trajectory.centres).any()
    assert not multiprocessing.active_children()


def test_a_refusal_comes_back_as_one(tmp_path: Any) -> None:
    with pytest.raises(InputError, match="does not exist"):
        run_in_child(solve, tmp_path / "nothing.mp4", progress=quiet)
    with pytest.raises(InputError) as refusal:
        run_in_child(solve, tmp_path / "clip.mp4", progress=quiet, start=5, end=5)
    assert refusal.value.notice.remedy == "frame-range"


def test_a_child_that_dies_is_one_sentence() -> None:
    with pytest.raises(InputError, match=r"solving clip\.mp4 ended without an answer, most likely for want of memory"):
        run_in_child(die, Path("clip.mp4"), progress=quiet)
    assert not multiprocessing.active_children()


def test_cancelling_kills_the_child_at_once(clips: Any) -> None:
    def stop(fraction: float, phase: str) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        run_in_child(solve, clips("crane", 24).path, progress=stop)
    assert not multiprocessing.active_children()  # nothing waits for it: it was killed before we were told


pytestmark_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks /proc which processes live")

SOLVES = """
import sys
from pathlib import Path
from parascale.cli.child import run_in_child
from parascale.solve import solve
if __name__ == "__main__":
    run_in_child(solve, Path(sys.argv[1]), progress=lambda fraction, phase: print(phase, flush=True))
"""


@pytest.fixture
def endless(tmp_path: Path) -> Path:
    """Return a clip that never comes: a pipe nobody writes to, on which native code waits for ever."""
    path = tmp_path / "endless.mp4"
    os.mkfifo(path)
    return path


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Return a function that starts Python with a process group and a folder for temporary files of its own."""
    (tmp_path / "tmp").mkdir()
    processes = []

    def start(*arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=os.environ | {"TMPDIR": str(tmp_path / "tmp")},
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def solvers(group: int) -> list[int]:
    """Return the processes of a group that solve, dead ones left out."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes()
                if b"spawn_main" in words and os.getpgid(int(entry.name)) == group:
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def until(what: Callable[[], object], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytestmark_linux
def test_a_solve_ends_with_a_parent_that_is_killed(
    endless: Path, started: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    script = tmp_path / "solves.py"
    script.write_text(SOLVES)
    process = started(script, endless)
    assert process.stdout is not None
    assert process.stdout.readline() == "decode\n"
    assert len(solvers(process.pid)) == 1
    os.kill(process.pid, signal.SIGKILL)
    until(lambda: not solvers(process.pid))
    assert not list((tmp_path / "tmp").iterdir())


@pytestmark_linux
@pytest.mark.parametrize("newborn", [True, False])
def test_ctrl_c_stops_the_command_and_leaves_nothing(
    endless: Path, started: Callable[..., subprocess.Popen[str]], tmp_path: Path, newborn: bool
) -> None:
    process = started("-m", "parascale.cli", "solve", endless, "-o", tmp_path / "never.shot.json")
    until(lambda: solvers(process.pid))
    if not newborn:
        # Only what reads the pipe lets a writer in: then the child is deep in native code.
        writer = os.open(endless, os.O_WRONLY)
        os.write(writer, b"half a header")
    # As a terminal does: to every process of the group.
    os.killpg(process.pid, signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    if not newborn:
        os.close(writer)
    assert (process.returncode, stderr) == (130, "parascale: stopped\n")
    assert not solvers(process.pid)
    assert not list((tmp_path / "tmp").iterdir())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["endless.mp4", "tmp"]
