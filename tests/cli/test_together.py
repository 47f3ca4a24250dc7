"""Several commands at once, without a server: each does its work as if it were alone."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from holding import held, worker_of
from PIL import Image

from parascale.evaluation.pictures import drawn_rooms
from parascale.evaluation.probe import Plan, moving_shot
from parascale.files.shot_file import write_shot
from parascale.link.client import Client
from parascale.link.local import join_backend

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3000),  # ten commands, each awaited for as long as one may take
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes through /proc"),
]

Run = Callable[..., subprocess.CompletedProcess[str]]
Start = Callable[..., "subprocess.Popen[str]"]
FRAMES = 9


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))
    return tmp_path / "home" / "parascale" / "backend"


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    """Start a command and go on; what still runs at the end is killed."""
    running: list[subprocess.Popen[str]] = []

    def begin(*arguments: object) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "parascale.cli", *map(str, arguments)]
        running.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True))
        return running[-1]

    yield begin
    for process in running:
        process.kill()
        process.communicate()


def finish(process: "subprocess.Popen[str]") -> dict[str, object]:
    """Wait for a command and return its JSON."""
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    # Progress, and nothing else.
    assert [line for line in err.splitlines() if "progress" not in json.loads(line)] == []
    found: dict[str, object] = json.loads(out)
    return found


def draw_room(
    folder: Path, number: int, size: tuple[int, int] = (96, 64), frames: int = FRAMES
) -> tuple[Path, Path, Path]:
    """Write a room of its own as a picture, its depth and a shot through it."""
    room = drawn_rooms(number + 1, size)[number]
    image, depth, shot = (folder / f"{number}{ending}" for ending in (".png", ".npy", ".shot.json"))
    Image.fromarray(room.image).save(image)
    np.save(depth, room.depth)
    write_shot(moving_shot(room, "truck", 1.0, Plan((room,), frames=frames)), shot)
    return image, depth, shot


def generation(inputs: tuple[Path, Path, Path], output: Path) -> tuple[object, ...]:
    image, depth, shot = inputs
    return "generate", shot, "-g", "preview", "--image", image, "--depth-map", depth, "-o", output, "--json"


def first_frame(video: Path) -> np.ndarray:
    with av.open(video) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(frames) == FRAMES
    return frames[0]


def nothing_runs_on(state: Path, seconds: float = 240) -> bool:
    """Wait for the private backend to end, with its workers."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if not any(str(state) in command for command in commands()):
            return not (state / "backend.json").exists()
        time.sleep(0.1)
    return False


def commands() -> Iterator[str]:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield process.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue


def worker_on(state: Path, client: Client) -> int:
    """Return the process of a backend's worker."""
    client.hello()  # a backend that answers has started it
    return worker_of(json.loads((state / "backend.json").read_text())["pid"])


def await_jobs(client: Client, count: int) -> None:
    end = time.monotonic() + 240
    while len(client.jobs()) < count:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_ten_generates_at_once_without_a_server_make_ten_right_videos(start: Start, home: Path, tmp_path: Path) -> None:
    inputs = [draw_room(tmp_path, number) for number in range(10)]
    outputs = [tmp_path / f"{number}.mp4" for number in range(10)]
    processes = []
    for pair in zip(inputs, outputs, strict=True):
        processes.append(start(*generation(*pair)))
        os.kill(processes[-1].pid, signal.SIGSTOP)  # until all are there, however slow this machine is
    assert all(process.poll() is None for process in processes)
    for process in processes:
        os.kill(process.pid, signal.SIGCONT)
    told = [finish(process) for process in processes]
    assert [files["video"] for files in (result["files"] for result in told)] == [str(path) for path in outputs]
    pictures = np.array([np.asarray(Image.open(image), float) for image, _, _ in inputs])
    for number, output in enumerate(outputs):
        away = np.abs(pictures - first_frame(output)).mean(axis=(1, 2, 3))
        assert int(np.argmin(away)) == number  # its own picture, and no other's
        assert away[number] < 8
    assert nothing_runs_on(home)


def test_two_generates_a_probe_and_a_verification_side_by_side(
    parascale: Run, start: Start, home: Path, tmp_path: Path
) -> None:
    room = draw_room(tmp_path, 0, (416, 240))
    image, depth, shot = room
    first = tmp_path / "first.mp4"
    parascale(*generation(room, first))
    probe = ("probe", "-g", "preview", "--image", image, "--depth-map", depth, "--frames", 9, "--json")
    processes = [
        start(*probe, "-o", tmp_path / "profile.json"),
        start(*generation(room, tmp_path / "a.mp4")),
        start("verify", first, "--against", shot, "--json"),
        start(*generation(room, tmp_path / "b.mp4")),
    ]
    profile, a, verified, b = map(finish, processes)
    assert profile["units_per_depth"] == pytest.approx(1, rel=0.05)
    assert isinstance(verified["pce"], float)
    assert verified["pce"] < 0.1
    assert a["files"] != b["files"]
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes() == first.read_bytes()


def test_the_first_generate_is_killed_and_the_second_goes_on(start: Start, home: Path, tmp_path: Path) -> None:
    inputs = draw_room(tmp_path, 0, frames=401), draw_room(tmp_path, 1)
    first = start(*generation(inputs[0], tmp_path / "first.mp4"))
    while not (home / "backend.json").exists():
        assert first.poll() is None
        time.sleep(0.01)
    # Held, so that no job ends before both are there, however slow this machine is.
    with join_backend(state=home)[1] as looking, held(worker_on(home, looking)):
        await_jobs(looking, 1)
        second = start(*generation(inputs[1], tmp_path / "second.mp4"))
        await_jobs(looking, 2)
        os.kill(first.pid, signal.SIGKILL)
    finish(second)
    assert first_frame(tmp_path / "second.mp4").shape == (64, 96, 3)
    assert nothing_runs_on(home)


def test_jobs_are_listed_fetched_and_cleared_without_a_server(
    parascale: Run, start: Start, home: Path, tmp_path: Path
) -> None:
    image, _, shot = inputs = draw_room(tmp_path, 0)
    wrong = ("-g", "wan-fun-camera", "--image", image)
    parascale("generate", shot, *wrong, "-o", tmp_path / "x.mp4", code=3)
    with join_backend(state=home)[1] as looking, held(worker_on(home, looking)):
        killed = start(*generation(inputs, tmp_path / "y.mp4"))
        await_jobs(looking, 2)
        killed.kill()
    states: list[str] = []
    end = time.monotonic() + 240
    while "done" not in states:
        assert time.monotonic() < end
        listed = json.loads(parascale("jobs", "--json").stdout)["jobs"]
        states = [job["state"] for job in listed]
    assert sorted(states) == ["done", "failed"]
    told = json.loads(parascale("jobs", "--clean", "--json").stdout)
    assert told["cleaned"] == 1
    (kept,) = told["jobs"]
    parascale("result", kept["job_id"], "-o", tmp_path / "late.mp4")
    assert first_frame(tmp_path / "late.mp4").shape == (64, 96, 3)
    assert parascale("jobs").stdout == "no jobs\n"
