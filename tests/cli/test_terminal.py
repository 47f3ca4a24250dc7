"""Terminals, pipes and signals as they come: what a command says where nobody reads it, and how it ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import parascale
from parascale.camera import Trajectory
from parascale.cli.advice import install_line
from parascale.extras import EXTRAS, missing_package
from parascale.files.shot_file import write_shot
from parascale.parallax.shot import Shot

COMMAND = [sys.executable, "-m", "parascale.cli"]
NO_TERMINAL = pytest.mark.skipif(os.name == "nt", reason="signals and devices of Unix")


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    poses = np.tile(np.eye(4), (400, 1, 1))
    poses[:, 0, 3] = np.cumsum(0.1 + 0.05 * np.sin(np.arange(400) / 30))
    path = Trajectory(poses, np.array([60.0, 60.0, 48.0, 32.0]), np.arange(400) / 16, 96, 64)
    write_shot(Shot("Kamerafahrt über 10 m", 16.0, path, np.full(400, 2.0)), tmp_path / "truck.shot.json")
    return tmp_path / "truck.shot.json"


def run(*arguments: object, **variables: str) -> subprocess.CompletedProcess[str]:
    command = [*COMMAND, *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=240, check=False, env=os.environ | variables, encoding="utf-8"
    )


@pytest.mark.parametrize(
    "variables",
    [{"PYTHONIOENCODING": "ascii"}, {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}],
    ids=["ascii", "C"],
)
def test_a_terminal_of_ascii_alone_gets_all_it_can_show(shot: Path, tmp_path: Path, variables: dict[str, str]) -> None:
    done = run("info", shot, **variables)
    assert done.returncode == 0, done.stderr
    assert done.stdout.isascii()
    assert "Kamerafahrt" in done.stdout
    assert "*" in done.stdout  # the bars of P
    for command in (["--help"], ["calibrate", "--help"], ["formats"], ["doctor"]):
        done = run(*command, **variables)
        assert done.returncode == 0, done.stderr
        assert done.stdout.isascii()
    refused = run("info", tmp_path / "fährt.shot.json", **variables)
    assert refused.returncode == 3
    assert "Traceback" not in refused.stderr


@NO_TERMINAL
@pytest.mark.parametrize("arguments", [("info", "--json"), ("info",), ("metrics",)])
def test_a_full_disk_behind_standard_output_is_one_sentence(shot: Path, arguments: tuple[str, ...]) -> None:
    name, *options = arguments
    command = [*COMMAND, name, str(shot), *([str(shot)] if name == "metrics" else []), *options]
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, timeout=240, check=False)
    assert (done.returncode, done.stderr) == (
        3,
        "parascale: what is printed cannot be written: No space left on device\n",
    )


@NO_TERMINAL
@pytest.mark.parametrize("arguments", [("info", "--json"), ("info",)])
def test_a_reader_that_has_seen_enough_ends_a_command_quietly(shot: Path, arguments: tuple[str, ...]) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    name, *options = arguments
    done = subprocess.run(
        [*COMMAND, name, str(shot), *options],
        stdout=writing,
        stderr=subprocess.PIPE,
        text=True,
        timeout=240,
        check=False,
    )
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("level", ["nonsense", "-1", "x" * 200])
def test_a_log_level_that_is_none_is_said_and_the_work_goes_on(shot: Path, level: str) -> None:
    done = run("info", shot, PARASCALE_LOG=level)
    assert done.returncode == 0
    assert done.stderr.startswith("parascale: note: PARASCALE_LOG is ")
    assert "400 frames" in done.stdout


@pytest.mark.parametrize("level", ["", "debug", "WARNING", "info"])
def test_a_log_level_is_taken_as_it_is(shot: Path, level: str) -> None:
    assert "PARASCALE_LOG" not in run("info", shot, PARASCALE_LOG=level).stderr


@NO_TERMINAL
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("number", "code", "word"), [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "stopped")]
)
def test_a_command_that_is_told_to_end_says_so_and_leaves_nothing(
    tmp_path: Path, number: int, code: int, word: str
) -> None:
    """A clip that never comes: a pipe nobody writes to, on which the child waits for ever."""
    endless, temporary = tmp_path / "endless.mp4", tmp_path / "tmp"
    os.mkfifo(endless)
    temporary.mkdir()
    process = subprocess.Popen(
        [*COMMAND, "solve", str(endless), "-o", str(tmp_path / "never.shot.json")],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"TMPDIR": str(temporary)},
    )
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    end = time.monotonic() + 240
    while "spawn_main" not in _commands(children):
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.05)
    os.kill(process.pid, number)
    _, said = process.communicate(timeout=240)
    assert (process.returncode, said) == (code, f"parascale: {word}\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["endless.mp4", "tmp"]
    assert not list(temporary.iterdir())
    end = time.monotonic() + 240
    while _lives(process.pid):
        assert time.monotonic() < end
        time.sleep(0.05)


def _lives(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _commands(children: Path) -> str:
    found = []
    for child in children.read_text().split():
        try:
            found.append(Path(f"/proc/{child}/cmdline").read_text())
        except OSError:
            continue
    return " ".join(found)


WITHOUT = """
import os, sys
for name in os.environ["WITHOUT"].split(","):
    sys.modules[name] = None
"""

NEEDS = [
    ("solve clip.mp4 -o new.shot.json", "cv2", "solve"),
    ("solve clip.mp4 -o new.shot.json", "pycolmap", "solve"),
    ("solve clip.mp4 -o new.shot.json", "scipy", "solve"),
    ("solve clip.mp4 -o new.shot.json", "av", "preview"),
    ("solve clip.mp4 -o new.shot.json", "PIL", "solve"),
    ("verify clip.mp4 --against truck.shot.json", "cv2", "solve"),
    ("verify clip.mp4 --against truck.shot.json", "pycolmap", "solve"),
    ("view truck.shot.json --plot new.png", "matplotlib", "evaluate"),
    ("view truck.shot.json", "rerun,cv2,av,pycolmap", "solve"),
    ("view truck.shot.json", "rerun", "view"),
    ("probe -g preview -o new.json", "matplotlib", "evaluate"),
    ("probe -g preview -o new.json", "numba,av", "preview"),
    ("evaluate -o new", "bpy", "bpy"),
    ("calibrate truck.shot.json --scene x.blend -o new.shot.json", "bpy", "bpy"),
    ("calibrate truck.shot.json --depth-map depth.png -o new.shot.json", "av", "preview"),
    ("calibrate truck.shot.json --depth-map depth.exr -o new.shot.json", "OpenEXR", "preview"),
    ("generate truck.shot.json -g preview --image first.png -o new.mp4", "av", "preview"),
    ("depth first.png --model depth-pro -o new.npy", "av", "preview"),
    ("solve clip.mp4 -o new.shot.json --depth-model depth-pro", "huggingface_hub", "depth"),
    ("weights fetch depth-pro", "huggingface_hub", "generate"),
]


@pytest.mark.parametrize(("command", "modules", "extra"), NEEDS, ids=[f"{c.split()[0]}-{m}" for c, m, _ in NEEDS])
def test_a_missing_package_is_one_sentence_with_what_installs_it(
    shot: Path, tmp_path: Path, command: str, modules: str, extra: str
) -> None:
    for name in ("clip.mp4", "first.png", "depth.png", "depth.exr", "x.blend"):
        (tmp_path / name).write_bytes(b"x")
    # Before all else in every Python of ours, so that children and backends miss them too.
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT)
    packages = str(Path(parascale.__file__).parents[1])
    done = subprocess.run(
        [*COMMAND, *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
        env=os.environ
        | {
            "WITHOUT": modules,
            "PYTHONPATH": os.pathsep.join([str(tmp_path / "site"), packages]),
            "XDG_STATE_HOME": str(tmp_path / "state"),
        },
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == 3, done.stdout + done.stderr
    lines = done.stderr.strip().splitlines()
    # On a slow machine progress comes between.
    (said,) = (line for line in lines if "note: " not in line and not re.match(r"parascale: +\d+% ", line))
    assert install_line(extra) in said


@pytest.mark.parametrize("module", sorted({module for modules in EXTRAS.values() for module in modules}))
def test_every_package_of_an_extra_is_known_when_it_is_missing(module: str) -> None:
    for missing in (module, module.partition(".")[0], f"{module}.inner"):
        refusal = missing_package(ModuleNotFoundError(f"No module named {missing!r}", name=missing), "this")
        assert refusal is not None
        (extra,) = refusal.notice.choices
        assert module in EXTRAS[extra]


def test_an_import_that_we_spoiled_is_no_missing_package() -> None:
    assert missing_package(ImportError("cannot import name 'x'", name="parascale.types"), "this") is None


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str | None], None]:
    """Have this package stand in a folder of packages, with what pip keeps of where it came from."""

    def stand(url: str | None) -> None:
        class Distribution:
            def read_text(self, name: str) -> str | None:
                return None if url is None else f'{{"url": "{url}"}}'

        monkeypatch.setattr("parascale.__file__", str(tmp_path / "lib" / "python" / "parascale" / "__init__.py"))
        monkeypatch.setattr("parascale.cli.advice.metadata.distribution", lambda _: Distribution())

    return stand


def test_the_install_line_names_where_this_package_came_from(installed: Callable[[str | None], None]) -> None:
    root = Path(__file__).parents[2]
    assert install_line("solve") == f'pip install -e "{root}[solve]"'
    assert install_line("") == f'pip install -e "{root}"'
    installed("file:///home/me/parascale-1.0-py3-none-any.whl")
    assert install_line("solve") == 'pip install "parascale[solve] @ file:///home/me/parascale-1.0-py3-none-any.whl"'
    installed(None)
    assert install_line("solve") == """pip install ".[solve]" in the folder of ParaScale's source"""
