"""Folders of jobs are made ahead, and none is left behind."""

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from parascale.link.messages import Submit
from parascale.service.store import MARK, REQUEST, SPARE, Store

FIRST, SECOND, THIRD = (Submit(1, letter * 32, "solve", "solve", {}, (), ()) for letter in "abc")


def test_a_submission_takes_a_folder_that_was_made_ahead(tmp_path: Path, until: Callable[..., None]) -> None:
    store = Store(tmp_path / "jobs", "journal")
    store.write("owner", FIRST, [])
    until(lambda: len(store._spares) >= 15)  # the first may have taken one of the sixteen
    made_ahead = {spare.stat().st_ino for spare in (tmp_path / "jobs" / SPARE).iterdir()}
    store.write("owner", SECOND, [])
    assert store.of("owner", SECOND.job).stat().st_ino in made_ahead
    shutil.rmtree(tmp_path / "jobs" / SPARE)  # by whoever cleans up: another is made
    store.write("owner", THIRD, [])
    store.close()
    for submit in (FIRST, SECOND, THIRD):
        assert {path.name for path in store.of("owner", submit.job).iterdir()} == {MARK, REQUEST}
    assert not (tmp_path / "jobs" / SPARE).exists()


def test_folders_are_made_ahead_by_one_task_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, held, refills = Store(tmp_path / "jobs", "journal"), threading.Event(), list[int]()
    make_spares = store._make_spares

    def counted() -> None:
        make_spares()
        refills.append(len(store._spares))

    monkeypatch.setattr(store, "_make_spares", counted)
    store._aside.submit(held.wait)  # as large results are being removed
    for _ in range(5):
        store._take_spare()
    held.set()
    store._aside.submit(int).result()  # it comes after all that was queued
    assert refills == [16]
    for _ in range(9):
        store._take_spare()
    store.close()
    assert refills == [16, 16]


@pytest.mark.parametrize("mark", [None, "", "another journal"])
def test_a_folder_made_ahead_that_lost_our_mark_is_not_taken(
    tmp_path: Path, until: Callable[..., None], mark: str | None
) -> None:
    store = Store(tmp_path / "jobs", "journal")
    store.write("owner", FIRST, [])
    until(lambda: len(store._spares) == 16)
    for spare in store._spares:
        (spare / MARK).unlink() if mark is None else (spare / MARK).write_text(mark)
    store.write("owner", SECOND, [])
    store.close()
    assert (store.of("owner", SECOND.job) / MARK).read_text() == "journal"


def test_folders_that_a_killed_backend_made_ahead_are_swept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Those of a journal that is gone too: nobody else would ever remove them, and no job is in them."""
    killed, gone = Store(tmp_path / "jobs", "journal"), Store(tmp_path / "jobs", "a journal that is gone")
    killed.write("owner", FIRST, [])
    gone.write("owner", SECOND, [])
    for store in (killed, gone):
        store._aside.shutdown()  # and it never comes to close
    (gone._spares[0] / MARK).write_text("")  # by a power cut
    Store(tmp_path / "jobs", "journal").sweep({killed.of("owner", FIRST.job)})
    assert not (tmp_path / "jobs" / SPARE).exists()
    assert (killed.of("owner", FIRST.job) / REQUEST).is_file()
    assert (gone.of("owner", SECOND.job) / REQUEST).is_file()
    assert [record.args for record in caplog.records] == [(gone.of("owner", SECOND.job),)]


@pytest.mark.parametrize("what", ["a request", "another file", "a folder", "a link"])
def test_a_folder_made_ahead_that_holds_more_than_that_is_not_swept(tmp_path: Path, what: str) -> None:
    spare = Store(tmp_path / "jobs", "a journal that is gone")._make_spare()
    if what == "a request":
        (spare / REQUEST).write_text("precious")
    elif what == "another file":
        (spare / "film.mov").touch()
    else:
        (spare / MARK).unlink()
        if what == "a folder":
            (spare / MARK).mkdir()
        else:
            (tmp_path / "precious").touch()
            (spare / MARK).symlink_to(tmp_path / "precious")
    before = sorted(tmp_path.rglob("*"))
    Store(tmp_path / "jobs", "journal").sweep(set())
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.skipif(os.name == "nt", reason="folders have no modes there")
def test_only_the_user_can_enter_folders_made_ahead_whatever_the_umask(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        spare = Store(tmp_path / "jobs", "journal")._make_spare()
    finally:
        os.umask(old)
    assert [folder.stat().st_mode & 0o777 for folder in (spare, spare.parent)] == [0o700, 0o700]


def test_a_state_folder_that_is_gone_is_not_made_anew_for_folders_ahead(tmp_path: Path) -> None:
    store = Store(tmp_path / "state" / "jobs", "journal")
    shutil.rmtree(tmp_path / "state")
    store._make_spares()
    store.close()
    assert not (tmp_path / "state").exists()
