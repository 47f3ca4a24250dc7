"""Folders: platformdirs' rules, held against platformdirs itself."""

import sys
from pathlib import Path

import pytest

from parascale.link.paths import backend_folder, keys_folder, state_folder

platformdirs = pytest.importorskip("platformdirs")


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX rules")
@pytest.mark.parametrize("value", [None, "", "  ", "/somewhere/else", "relative/path"])
@pytest.mark.parametrize(("system", "module", "name"), [("linux", "unix", "Unix"), ("darwin", "macos", "MacOS")])
def test_the_state_folder_is_where_platformdirs_puts_it(
    monkeypatch: pytest.MonkeyPatch, value: str | None, system: str, module: str, name: str
) -> None:
    if value is None:
        monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    else:
        monkeypatch.setenv("XDG_STATE_HOME", value)
    __import__(f"platformdirs.{module}")
    theirs = getattr(getattr(platformdirs, module), name)("parascale", appauthor=False).user_state_dir
    monkeypatch.setattr(sys, "platform", system)
    assert state_folder() == Path(theirs)


def test_windows_keeps_it_in_local_app_data(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", "/Users/me/AppData/Local")
    assert state_folder() == Path("/Users/me/AppData/Local/parascale")


def test_everything_of_ours_lies_in_it() -> None:
    assert keys_folder().parent == backend_folder().parent == state_folder()
