"""The journal: on disk before it is told, and for one server alone."""

import dataclasses
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parascale.errors import InputError
from parascale.link.messages import FileInfo, JobState
from parascale.service.journal import Journal, new_job

JOB = new_job("owner", "a" * 32, "solve", "solve clip.mp4", "hash", (FileInfo("reference", "clip.mp4", 0, ()),), 7)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def test_a_job_is_found_as_it_was_written(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.add(JOB)
    assert journal.find("owner", "a" * 32) == JOB
    assert journal.find("other", "a" * 32) is None
    assert journal.of("owner", 9) == [JOB]
    journal.close()
    again = Journal(tmp_path / "journal")
    assert again.find("owner", "a" * 32) == JOB
    again.close()


@settings(max_examples=20, deadline=None)
@given(TEXT, TEXT, st.dictionaries(TEXT, st.floats(allow_nan=False, allow_infinity=False)))
def test_changes_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, message: str, name: str, summary: dict[str, float]
) -> None:
    journal = Journal(tmp_path_factory.mktemp("journal") / "journal")
    journal.add(JOB)
    results = (FileInfo("video", name, 3, ("0" * 64,)),)
    changed = journal.change(JOB, state="done", message=message, summary=summary, results=results, ended=1.5)
    assert journal.find(*JOB.key) == changed
    assert (changed.state, changed.message, changed.summary, changed.results) == ("done", message, summary, results)
    journal.close()


def test_every_change_survives_a_kill(tmp_path: Path) -> None:
    code = f"""
import os, signal, sys
from pathlib import Path
from parascale.service.journal import Journal, new_job
journal = Journal(Path({str(tmp_path / "journal")!r}))
job = new_job("owner", "b" * 32, "solve", "", "hash", (), 0)
journal.add(job)
job = journal.change(job, state="running", attempts=1)
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode < 0
    journal = Journal(tmp_path / "journal")
    job = journal.find("owner", "b" * 32)
    assert job is not None
    assert (job.state, job.attempts) == ("running", 1)
    journal.close()


def test_it_writes_ahead_and_waits_for_the_disk(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    assert journal._base.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    assert journal._base.execute("PRAGMA synchronous").fetchone()[0] == 2  # FULL
    journal.close()


def test_a_second_server_is_kept_out(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    with pytest.raises(InputError, match="another backend is running"):
        Journal(tmp_path / "journal")
    journal.close()
    Journal(tmp_path / "journal").close()


@pytest.mark.parametrize("data", [b"not a database" * 100, b"SQLite format 3\0" + b"\xff" * 500])
def test_what_is_no_journal_is_one_sentence(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "journal").write_bytes(data)
    with pytest.raises(InputError, match="journal"):
        Journal(tmp_path / "journal")
    assert (tmp_path / "journal").read_bytes() == data


def test_a_newer_journal_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "journal") as base:
        base.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="version 99"):
        Journal(tmp_path / "journal")


def write_old_journal(path: Path, version: int) -> list[str]:
    """Write a journal as the versions before did, and return the ids of its jobs, the oldest first."""
    journal = Journal(path)
    jobs = [
        dataclasses.replace(JOB, job=f"{letter}" * 32, created=created) for letter, created in (("b", 5.0), ("a", 9.0))
    ]
    for job in reversed(jobs):
        journal.add(job)
    for index in ("by_task", "by_number", "by_owner", "by_size"):
        journal._base.execute(f"DROP INDEX {index}")
    if version < 3:
        journal._base.execute("DROP TABLE identity")
    else:
        journal._base.execute("CREATE INDEX by_state ON jobs (state, received, number)")
    since = {1: ("remedy", "choices"), 2: ("hangs", "number"), 3: ("generator",)}
    for column in (name for number, names in since.items() if number >= version for name in names):
        journal._base.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
    journal._base.execute(f"PRAGMA user_version = {version}")
    journal.close()
    return [job.job for job in (jobs if version < 3 else reversed(jobs))]


@pytest.mark.parametrize("version", [1, 2, 3])
def test_a_journal_of_a_version_before_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    ids = write_old_journal(tmp_path / "journal", version)
    for _ in range(2):
        journal = Journal(tmp_path / "journal")
        assert [job.job for job in journal.of("owner", 9)] == ids
        assert [job.number for job in journal.of("owner", 9)] == [1, 2]
        assert journal._base.execute("SELECT 1 FROM sqlite_master WHERE name = 'by_state'").fetchall() == []
        journal.close()


def test_a_journal_from_the_future_is_refused_untouched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "journal") as base:
        base.execute("CREATE TABLE jobs (wonders)")
        base.execute("PRAGMA user_version = 99")
    base.close()
    before = (tmp_path / "journal").read_bytes()
    with pytest.raises(InputError, match="a newer ParaScale wrote it"):
        Journal(tmp_path / "journal")
    assert (tmp_path / "journal").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["journal"]


def test_the_order_of_jobs_survives_a_clock_that_jumps_back(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    for letter, created in (("a", 100.0), ("b", 50.0), ("c", 75.0)):
        journal.add(dataclasses.replace(JOB, job=letter * 32, created=created, received=True))
    assert [job.job[0] for job in journal.of("owner", 9)] == ["a", "b", "c"]
    assert [job.job[0] for job in journal.in_states(["queued"])] == ["a", "b", "c"]
    (found,) = journal.ready(1)
    assert found.job[0] == "a"
    journal.close()


def test_what_a_server_asks_all_the_time_reads_an_index_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    asked: list[str] = []
    journal._base.set_trace_callback(asked.append)
    journal.has_work()
    journal.ready(4)
    journal.in_states(["queued"])
    journal._base.set_trace_callback(None)
    assert asked
    for query in asked:
        plan = " ".join(row["detail"] for row in journal._base.execute(f"EXPLAIN QUERY PLAN {query}").fetchall())
        assert "SEARCH jobs USING" in plan, query
        assert "SCAN" not in plan, query
    journal.close()


def test_what_would_mend_a_failure_is_kept(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.add(JOB)
    journal.change(JOB, state="failed", message="it holds 2 shots", remedy="shot", choices=("0:8", "8:20"))
    found = journal.find(*JOB.key)
    assert found is not None
    status = found.status()
    assert (status.message, status.remedy, status.choices) == ("it holds 2 shots", "shot", ("0:8", "8:20"))
    journal.close()


def test_the_oldest_job_whose_files_are_here_is_next(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.add(JOB)
    ready = [new_job("owner", letter * 32, "solve", "", "", (), 0) for letter in "bc"]
    for job in ready:
        journal.add(job)
    assert journal.ready(9) == ready
    journal.change(ready[0], state="running")
    assert journal.ready(9) == ready[1:]
    journal.change(JOB, received=True)
    (found,) = journal.ready(1)
    assert found.key == JOB.key
    journal.close()


def test_so_many_of_each_kind_and_generator_are_next(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    for number, (kind, generator) in enumerate(
        [("generate", "large")] * 4 + [("generate", "small"), ("solve", "")] * 3
    ):
        job = new_job("owner", f"{number:032x}", kind, "", "", (), 0)
        journal.add(dataclasses.replace(job, generator=generator))
    assert [int(job.job, 16) for job in journal.ready(2)] == [0, 1, 4, 5, 6, 7]
    journal.close()


def test_totals_count_bytes_of_all_and_jobs_of_one(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.add(new_job("one", "a" * 32, "solve", "", "", (), 5))
    journal.add(new_job("two", "a" * 32, "solve", "", "", (), 7))
    assert journal.totals("one") == (5, 1)
    assert journal.totals("two") == (7, 1)
    assert journal.bytes_here() == 12
    journal.close()


def test_the_dead_count_for_nothing_and_what_is_done_for_its_bytes(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    states: tuple[JobState, ...] = ("queued", "running", "cancelling", "done", "failed", "cancelled", "lost")
    for number, state in enumerate(states):
        job = new_job("one", f"{number:032x}", "solve", "", "", (), 10**number)
        journal.add(job)
        journal.change(job, state=state)
    assert journal.totals("one") == (1111, 3)
    assert journal.bytes_here() == 1111
    assert len(journal.with_files()) == 4
    journal.close()


@pytest.mark.parametrize(
    ("state", "received", "works"),
    [
        ("queued", True, True),
        ("queued", False, False),
        ("running", True, True),
        ("cancelling", True, True),
        ("done", True, False),
        ("failed", True, False),
    ],
)
def test_what_can_run_is_work(tmp_path: Path, state: JobState, received: bool, works: bool) -> None:
    journal = Journal(tmp_path / "journal")
    assert not journal.has_work()
    journal.add(dataclasses.replace(JOB, state=state, received=received))
    assert journal.has_work() == works
    journal.close()


def test_the_dead_are_left_out_of_a_long_list_first(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    states: tuple[JobState, ...] = ("done", "queued", "failed", "failed", "done")
    for number, state in enumerate(states):
        job = dataclasses.replace(JOB, job=f"{number:032x}", created=float(number), state=state)
        journal.add(job)
    assert [int(job.job, 16) for job in journal.of("owner", 5)] == [0, 1, 2, 3, 4]
    assert [int(job.job, 16) for job in journal.of("owner", 4)] == [0, 1, 3, 4]
    assert [int(job.job, 16) for job in journal.of("owner", 2)] == [1, 4]
    journal.close()


def test_the_dead_are_forgotten_by_age_and_by_owner(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    states: tuple[JobState, ...] = ("done", "failed", "cancelled", "lost", "queued")
    for owner in ("one", "two"):
        for number, state in enumerate(states):
            for ended in (10.0, 20.0):
                job = f"{number * 100 + ended:032.0f}"
                journal.add(dataclasses.replace(JOB, owner=owner, job=job, state=state, ended=ended))
    assert journal.forget_dead(15.0) == 6
    assert journal.forget_dead(owner="one") == 3
    assert journal.forget_dead(owner="one") == 0
    assert sorted(job.state for job in journal.of("one", 99)) == ["done", "done", "queued", "queued"]
    assert len(journal.of("two", 99)) == 7
    journal.close()
