"""What all tests share: the real data, where it is at hand, and property tests without a deadline."""

import logging
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

# A busy machine is no reason to fail. A Blender that runs the tests of the add-on alone has no hypothesis.
with suppress(ImportError):
    from hypothesis import HealthCheck, settings

    settings.register_profile("no deadline", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("no deadline")

TESTDATA = Path(os.environ.get("PARASCALE_TESTDATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def testdata() -> Path:
    """Return the folder of real clips and trajectories; the test skips where it is absent."""
    if not TESTDATA.is_dir():
        pytest.skip(f"no real data at {TESTDATA}: set PARASCALE_TESTDATA")
    return TESTDATA


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Type a command in this process: its exit code, and what it said."""

    from parascale.cli import main

    def run(*arguments: object) -> tuple[int, str, str]:
        capfd.readouterr()
        monkeypatch.setattr("sys.argv", ["parascale", *map(str, arguments)])
        loggers = [logging.getLogger(), logging.getLogger("parascale")]
        before = [(each, each.handlers[:], each.level, each.propagate) for each in loggers]
        try:
            main()
            code = 0
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        finally:
            # A process runs one command; here the next would write to this one's standard error, which is closed.
            for each, handlers, level, propagate in before:
                each.handlers[:], each.propagate = handlers, propagate
                each.setLevel(level)
        said = capfd.readouterr()
        return code, said.out, said.err

    return run
