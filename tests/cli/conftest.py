"""Run the console script as a user does."""

import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="session", autouse=True)
def state_of_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep the user's own keys and jobs out of this: commands start backends."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("home")))
        yield


@pytest.fixture(scope="session")
def parascale() -> Run:
    def run(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "parascale.cli", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == code, f"{arguments}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def typed_said(typed: Callable[..., tuple[int, str, str]]) -> Callable[..., tuple[int, str]]:
    """Type a command in this process: its exit code, and what it said on standard error."""

    def run(*arguments: object) -> tuple[int, str]:
        code, _, said = typed(*arguments)
        return code, said

    return run


@pytest.fixture
def typed_code(typed: Callable[..., tuple[int, str, str]]) -> Callable[..., int]:
    """Type a command in this process: its exit code."""
    return lambda *arguments: typed(*arguments)[0]


@pytest.fixture
def device(tmp_path: Path) -> Callable[[str], Path]:
    """Return a device of one's own: as root, a fault of ours would replace the machine's."""

    def make(name: str) -> Path:
        real = Path("/dev") / name
        if not real.is_char_device():
            pytest.skip(f"no {real}")
        if os.access("/dev", os.W_OK):
            folder = tmp_path / "devices"
            folder.mkdir(exist_ok=True)
            own = folder / name
            if not own.exists():
                try:
                    os.mknod(own, 0o666 | stat.S_IFCHR, real.stat().st_rdev)
                    own.open("wb").close()
                except OSError:
                    pytest.skip("devices cannot be made here")
            return own
        return real

    return make
