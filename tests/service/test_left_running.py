"""A backend that is left running: results expire, the time left is told, a hung driver holds nobody up, updates."""

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parascale.link.kinds.generate import GenerationRequest
from parascale.link.local import connect
from parascale.service import describe
from parascale.service.describe import list_devices
from parascale.service.framing import read_message, write_message
from parascale.service.limits import Limits

Make = Callable[..., GenerationRequest]
Until = Callable[..., None]


def test_results_expire_after_as_long_as_the_operator_says(
    serving: Any, make_request: Make, tmp_path: Path, until: Until
) -> None:
    with serving() as server, connect(server.address) as client:
        job = client.submit(make_request())
        assert client.wait(job).state == "done"
    with serving(limits=Limits(results_kept=3600.0)) as server, connect(server.address) as client:
        assert [each.job_id for each in client.jobs()] == [job]
    time.sleep(0.1)
    with serving(limits=Limits(results_kept=0.1)) as server, connect(server.address) as client:
        until(lambda: client.jobs() == ())
        until(lambda: not list((tmp_path / "state").glob("jobs/[!.]*/*")))


def test_the_time_left_follows_from_the_progress(
    serving: Any, make_request: Make, long_request: GenerationRequest, until: Until
) -> None:
    with serving() as server, connect(server.address) as client:
        job = client.submit(long_request)
        waiting = client.submit(make_request())
        until(lambda: client.status(job).fraction > 0.1)
        asked = time.time()
        status = client.status(job)
        told = time.time()
        assert status.started is not None
        assert status.left is not None
        elapsed = status.left * status.fraction / (1 - status.fraction)
        assert asked - status.started - 0.01 <= elapsed <= told - status.started + 0.01
        assert client.status(waiting).left is None
        client.cancel(job)
        assert client.wait(waiting).left is None


def test_a_driver_that_hangs_holds_nobody_up(
    serving: Any, make_request: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = tmp_path / "bin" / "nvidia-smi"
    tool.parent.mkdir()
    asleep = tmp_path / "asleep"
    asleep.touch()
    tool.write_text(f"#!/bin/sh\nwhile [ -e '{asleep}' ]; do sleep 0.1; done\n")
    tool.chmod(0o700)
    monkeypatch.setattr(describe, "_DRIVER", 250.0)
    monkeypatch.setenv("PATH", f"{tool.parent}{os.pathsep}{os.environ['PATH']}")
    list_devices.cache_clear()
    try:
        with serving() as server, connect(server.address) as client:
            assert client.wait(client.submit(make_request())).state == "done"
            told = client.hello()
            assert not server._devices.known
            assert [device.partition(",")[0] for device in told.devices] == ["CPU"]
    finally:
        asleep.unlink()
        list_devices.cache_clear()


def test_what_the_version_before_held_is_run_by_this_one(
    serving: Any, make_request: Make, long_request: GenerationRequest, tmp_path: Path
) -> None:
    """The version before this wrote journals of version 2, and submissions under version 2 of the protocol."""
    with serving() as server, connect(server.address) as client:
        first = client.submit(long_request)
        job = client.submit(make_request())
        client.cancel(first)
    with sqlite3.connect(tmp_path / "state" / "journal.sqlite") as base:
        for index in ("by_task", "by_number", "by_owner", "by_size"):
            base.execute(f"DROP INDEX {index}")
        base.execute("DROP TABLE identity")
        for column in ("hangs", "number", "generator"):
            base.execute(f"ALTER TABLE jobs DROP COLUMN {column}")
        base.execute("UPDATE jobs SET state = 'queued' WHERE job = ?", (job,))
        base.execute("PRAGMA user_version = 2")
    base.close()
    (request,) = (tmp_path / "state").glob(f"jobs/*/{job}/request")
    with request.open("rb") as file:
        found = read_message(file)
    assert found is not None
    with request.open("wb") as file:
        write_message(file, found[0].replace(b'"parascale":3', b'"parascale":2', 1), found[1])
    (request.parent / "mark").unlink()  # which the version before did not write
    with serving() as server, connect(server.address) as client:
        assert client.wait(job).state == "done"
        assert client.fetch(job, tmp_path / "out").files["video"].stat().st_size > 0
