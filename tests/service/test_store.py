"""Folders of jobs are made ahead, and none is left behind."""

import shutil
from collections.abc import Callable
from pathlib import Path

from parascale.link.messages import Submit
from parascale.service.store import MARK, REQUEST, SPARE, Store

FIRST, SECOND, THIRD = (Submit(1, letter * 32, "solve", "solve", {}, (), ()) for letter in "abc")


def test_a_submission_takes_a_folder_that_was_made_ahead(tmp_path: Path, until: Callable[..., None]) -> None:
    store = Store(tmp_path / "jobs", "journal")
    store.write("owner", FIRST, [])
    until(lambda: len(store._spares) == 16)
    made_ahead = {spare.stat().st_ino for spare in (tmp_path / "jobs" / SPARE).iterdir()}
    store.write("owner", SECOND, [])
    assert store.of("owner", SECOND.job).stat().st_ino in made_ahead
    shutil.rmtree(tmp_path / "jobs" / SPARE)  # by whoever cleans up: another is made
    store.write("owner", THIRD, [])
    store.close()
    for submit in (FIRST, SECOND, THIRD):
        assert {path.name for path in store.of("owner", submit.job).iterdir()} == {MARK, REQUEST}
    assert list(tmp_path.glob(f"jobs/{SPARE}/*")) == []


def test_folders_that_a_killed_backend_made_ahead_are_swept(tmp_path: Path) -> None:
    killed, other = Store(tmp_path / "jobs", "journal"), Store(tmp_path / "jobs", "another journal")
    killed.write("owner", FIRST, [])
    other.write("owner", SECOND, [])
    for store in (killed, other):
        store._aside.shutdown()  # and it never comes to close
    Store(tmp_path / "jobs", "journal").sweep({killed.of("owner", FIRST.job)})
    assert set((tmp_path / "jobs" / SPARE).iterdir()) == set(other._spares)
    assert (killed.of("owner", FIRST.job) / REQUEST).is_file()
