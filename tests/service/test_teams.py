"""Clients of a team see each other's jobs, where the operator says so, and do nothing else to them."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.keys import add_client, allowed_keys, new_keys, revoke_client, set_team, teams
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.local import connect
from parascale.service.access import _LOOK
from parascale.service.server import Server

Make = Callable[..., GenerationRequest]
Until = Callable[..., None]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """Keys of a server with anna and ben in a team, and a stranger to it."""
    new_keys(tmp_path / "keys")
    for name, team in (("anna", "fx"), ("ben", "fx"), ("eve", "")):
        add_client(tmp_path / "keys", name, tmp_path / name, team)
    return tmp_path / "keys"


@pytest.fixture
def server(serving: Any, keys: Path) -> Iterator[Server]:
    with serving(keys=keys) as server:
        yield server


@pytest.fixture
def clients(server: Server, tmp_path: Path) -> Iterator[tuple[Client, Client, Client]]:
    with (
        connect(server.address, tmp_path / "anna") as anna,
        connect(server.address, tmp_path / "ben") as ben,
        connect(server.address, tmp_path / "eve") as eve,
    ):
        yield anna, ben, eve


def test_a_team_sees_and_fetches_the_jobs_of_all(
    clients: tuple[Client, Client, Client], make_request: Make, tmp_path: Path
) -> None:
    anna, ben, eve = clients
    job = anna.submit(make_request())
    assert anna.wait(job).state == "done"
    own = ben.submit(make_request(seed=1))
    ben.wait(own)
    assert [(each.job_id, each.owner) for each in ben.jobs(team=True)] == [(job, "anna"), (own, "")]
    assert [each.job_id for each in ben.jobs()] == [own]
    assert ben.status(job).owner == "anna"
    assert anna.status(job).owner == ""
    for client, folder in ((anna, "here"), (ben, "there")):
        client.fetch(job, tmp_path / folder)
    assert (tmp_path / "here" / "result.mp4").read_bytes() == (tmp_path / "there" / "result.mp4").read_bytes()
    assert eve.jobs(team=True) == ()
    for refused in (eve.status, lambda job: eve.fetch(job, tmp_path / "eve")):
        with pytest.raises(InputError, match="there is no job"):
            refused(job)


def test_a_team_changes_nothing_of_the_jobs_of_others(
    clients: tuple[Client, Client, Client], long_request: GenerationRequest, until: Until
) -> None:
    anna, ben, _ = clients
    job = anna.submit(long_request)
    until(lambda: [each.state for each in ben.jobs(team=True)] == ["running"])
    for change in (ben.cancel, ben.delete):
        with pytest.raises(InputError, match="there is no job"):
            change(job)
    assert ben.clean() == 0
    assert anna.status(job).state == "running"
    assert ben.pump() == []  # an add-on takes up what it is told of: it is told of its own jobs alone
    anna.cancel(job)


def test_what_the_operator_says_of_teams_counts_when_the_keys_are_next_looked_at(
    server: Server, clients: tuple[Client, Client, Client], keys: Path, make_request: Make, until: Until
) -> None:
    anna, ben, eve = clients
    job = anna.submit(make_request())

    def seen_by(client: Client) -> list[str]:
        """Ask until the keys were looked at, and once more."""
        now = time.monotonic()
        until(lambda: client.jobs(team=True) is not None and server._access._looked > now)
        return [each.job_id for each in client.jobs(team=True)]

    assert _LOOK <= 0.5
    set_team(keys, "eve", "fx")
    assert seen_by(eve) == [job]
    set_team(keys, "eve", "")
    assert seen_by(eve) == []
    revoke_client(keys, "anna")
    assert seen_by(ben) == []


def test_a_team_is_kept_with_the_key(keys: Path) -> None:
    before = allowed_keys(keys)
    set_team(keys, "client", "editors")
    assert teams(keys) == {"anna": "fx", "ben": "fx", "client": "editors"}
    assert allowed_keys(keys) == before
    with pytest.raises(InputError, match="no name for a team"):
        set_team(keys, "ben", 'x"')
    with pytest.raises(InputError, match="no client nobody"):
        set_team(keys, "nobody", "fx")


def test_releasing_ends_idle_workers_that_held_something_and_no_others(
    serving: Any, make_request: Make, long_request: GenerationRequest, until: Until
) -> None:
    with serving(workers=2) as server, connect(server.address) as client:
        pool = server._dispatcher._pool
        assert client.release() == 0
        client.wait(client.submit(make_request()))
        used = {worker.pid for worker in pool.workers if worker.used}
        assert len(used) == 1
        assert client.release() == 1
        until(lambda: len(pool.workers) == 2)
        assert not used & {worker.pid for worker in pool.workers}
        job = client.submit(long_request)
        until(lambda: client.status(job).fraction > 0)
        assert client.release() == 0
        assert client.status(job).state == "running"
        client.cancel(job)
