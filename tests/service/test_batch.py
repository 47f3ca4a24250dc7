"""Changes that wait for the disk together: what follows from them happens after all are there, or not at all."""

import sqlite3
from functools import partial
from pathlib import Path

import pytest

from parascale.service.batch import Batch
from parascale.service.journal import Job, Journal, new_job


def job(number: int, label: str = "") -> Job:
    return new_job("owner", f"{number:032x}", "solve", label, "", (), 0)


def test_what_follows_happens_once_all_is_on_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    batch = Batch(journal)
    told: list[str] = []
    batch.follow_up(lambda: told.append("at once"))
    with batch.together():
        journal.add(job(1))
        batch.follow_up(lambda: told.append("first"))
        batch.follow_up(lambda: 1 / 0)
        batch.follow_up(lambda: told.append(f"in a transaction: {journal._base.in_transaction}"))
        journal.add(job(2))
        assert told == ["at once"]
    assert told == ["at once", "first", "in a transaction: False"]
    journal.close()


def test_where_the_disk_is_full_nothing_happened(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    batch = Batch(journal)
    (pages,) = journal._base.execute("PRAGMA page_count").fetchone()
    journal._base.execute(f"PRAGMA max_page_count = {pages + 4}")
    told: list[str] = []

    def fill() -> None:
        with batch.together():
            batch.follow_up(lambda: told.append("nothing waits"))
            for number in range(40):
                journal.add(job(number, "x" * 1000))
                if number in (0, 1):
                    batch.undo_with(partial(told.append, f"undone {number}"))
                    batch.follow_up(partial(told.append, "followed"), partial(told.append, f"instead {number}"))

    with pytest.raises(sqlite3.OperationalError, match="full"):
        fill()
    assert told == ["nothing waits", "undone 1", "undone 0", "instead 0", "instead 1"]
    assert journal.of("owner", 99) == []
    batch.follow_up(lambda: told.append("at once"))
    assert told[-1] == "at once"
    journal._base.execute(f"PRAGMA max_page_count = {pages + 100}")
    with batch.together():
        journal.add(job(1))
    assert len(journal.of("owner", 99)) == 1
    journal.close()


def test_what_is_settled_is_not_taken_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    batch = Batch(journal)
    told: list[str] = []

    def change() -> None:
        with batch.together():
            journal.add(job(1))
            batch.follow_up(lambda: told.append("followed"))
            batch.undo_with(lambda: told.append("undone"))
            batch.settle()
            assert told == ["followed"]
            journal.add(job(2))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        change()
    assert told == ["followed"]
    assert [int(each.job, 16) for each in journal.of("owner", 9)] == [1]
    journal.close()
