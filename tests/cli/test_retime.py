"""`parascale retime` and `parascale stitch` as a user types them."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.cli import main
from parascale.files.shot_file import read_shot, write_shot
from parascale.parallax.shot import Shot

Run = Callable[..., subprocess.CompletedProcess[str]]
Typed = Callable[..., tuple[str, str]]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    """Run a command in this process, which takes a tenth of the time; what it prints, and its complaint."""

    def run(*arguments: object, code: int = 0) -> tuple[str, str]:
        monkeypatch.setattr("sys.argv", ["parascale", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        assert (left.value.code or 0) == code, told
        return told.out, told.err

    return run


@pytest.fixture
def truck(tmp_path: Path) -> Path:
    """Return a truck of 3 s at 24 a second: P is 0.05 a frame, 1.2 a second."""
    poses = np.tile(np.eye(4), (73, 1, 1))
    poses[:, 0, 3] = 0.1 * np.arange(73)
    path = Trajectory(poses, np.array([600.0, 600.0, 416.0, 240.0]), np.arange(73) / 24, 832, 480)
    write_shot(Shot("truck", 24.0, path, np.full(73, 2.0)), tmp_path / "truck.shot.json")
    return tmp_path / "truck.shot.json"


@pytest.fixture
def output(tmp_path: Path) -> Path:
    return tmp_path / "out.shot.json"


@pytest.mark.parametrize(
    ("options", "frames", "p"),
    [
        (("--frames", 81, "--fps", 16), 81, 7.2 / 80 / 2),
        (("--frames", "4n+1", "--fps", 16), 49, 0.075),
        (("--fps", 16), 49, 0.075),
        (("--frames", 145, "--mode", "keep-felt-speed"), 145, 0.05),
        (("--frames", 37, "--mode", "even"), 37, 0.1),
        (("--strength", 0.5), 73, 0.025),
        (("--speed", 2.4), 73, 0.1),
        (("--reverse", "--ping-pong"), 145, 0.05),
        (("--frames", 145, "--mode", "keep-felt-speed", "--strength", 0.5), 145, 0.025),
        (("--shake", 0, "--level"), 73, 0.05),
    ],
)
def test_frames_and_parallax_are_those_asked_for(typed: Typed, truck, output, options, frames, p) -> None:
    told = json.loads(typed("retime", truck, "-o", output, "--json", *options)[0])
    assert told["frames"] == frames
    np.testing.assert_allclose(told["parallax_number"], p, rtol=1e-6)
    np.testing.assert_array_equal(read_shot(output).parallax_number, told["parallax_number"])


def test_a_hold_and_an_ease_rest_where_they_say(typed: Typed, truck, output) -> None:
    typed("retime", truck, "-o", output, "--hold", "0.5@1")
    assert np.array_equal(np.flatnonzero(read_shot(output).parallax_number == 0), np.arange(24, 36))
    typed("retime", truck, "-o", output, "--ease", "0:0,0.5:1,1:1")
    assert (read_shot(output).parallax_number[36:] == 0).all()


def test_the_record_tells_the_operations_in_order(parascale: Run, truck, output) -> None:
    shown = parascale("retime", truck, "-o", output, "--reverse", "--frames", 81, "--fps", 16, "--strength", 2)
    assert "81 frames" in shown.stdout
    record = read_shot(output).provenance["retiming"]
    assert [operation["operation"] for operation in record] == ["reverse", "keep-path", "strengthen"]


def test_stitched_shots_play_one_after_the_other(typed: Typed, truck, output) -> None:
    told = json.loads(typed("stitch", truck, truck, "-o", output, "--json")[0])
    assert told["frames"] == 145
    np.testing.assert_allclose(told["parallax_number"], 0.05, rtol=1e-9)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--mode", "faster"), "keep-path, keep-felt-speed, even"),
        (("--frames", "many"), "4n+1"),
        (("--frames", 0), "too few"),
        (("--fps", 0), "rate"),
        (("--hold", "1"), "SECONDS@TIME"),
        (("--ease", "0:0"), "at least two"),
        (("--ease", "0,1"), "pairs"),
        (("--ease", "0:0,1:1", "--mode", "even"), "--mode keep-path"),
        (("--keep-angles",), "--mode keep-felt-speed"),
        (("--strength", 1, "--speed", 1), "give one"),
        (("--shake", -1), "strength"),
        (("--smooth",), "no noise floor"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_writes_nothing(typed: Typed, truck, output, options, message) -> None:
    told = typed("retime", truck, "-o", output, *options, code=3)[1]
    assert message in told
    assert len(told.strip().splitlines()) == 1
    assert not output.exists()
