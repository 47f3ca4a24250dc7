"""A Ray cluster of two nodes, one of which is killed in the middle of many jobs: each is done exactly once."""

import collections
import contextlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from holding import held
from ray_nodes import ENVIRONMENT, Nodes, two_nodes
from served import served

from parascale.extras import is_installed
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.local import connect

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not is_installed("ray"), reason="needs Ray: the extra `cluster`"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a network namespace of its own"),
]

JOBS = 200


def takes_jobs(nodes: Nodes, number: int) -> bool:
    """Tell whether a worker of a node was given a job: then its files are beside its working folder."""
    folders = []
    for pid in nodes.workers(number):
        with contextlib.suppress(OSError):
            folders.append(Path(os.readlink(f"/proc/{pid}/cwd")).parent)
    return any((folder / "job").is_dir() for folder in folders)


def test_no_job_is_lost_or_done_twice_where_a_node_is(
    tmp_path: Path, share: float, make_request: Callable[..., GenerationRequest]
) -> None:
    count = max(20, round(JOBS * share))
    with contextlib.ExitStack() as stack:
        try:
            nodes = stack.enter_context(two_nodes(tmp_path))
        except PermissionError as error:
            pytest.skip(f"needs a network namespace of its own: {error.strerror}")
        options = ("--ray", nodes.address, "--workers", "4")
        address, _ = stack.enter_context(served(tmp_path, *options, environment=os.environ | ENVIRONMENT))
        with connect(address) as client:
            first: list[str] = []
            while not takes_jobs(nodes, 1):  # until then it has nothing to lose
                if sum(not job.final for job in client.jobs()) < 6:  # more than there are workers
                    first.append(client.submit(make_request(len(first), frames=60)))
            assert {client.wait(job).state for job in first} == {"done"}
            begin = time.monotonic()
            with held(nodes.workers(1)[0]):  # it keeps the job that it is given until its node is killed
                jobs = [client.submit(make_request(number, frames=240)) for number in range(count)]
                while sum(job.state == "done" for job in client.jobs()) < len(first) + count // 3:
                    time.sleep(0.05)
                assert sum(job.state == "running" for job in client.jobs()) >= 2
                nodes.kill(1)
            lost = time.monotonic()
            assert {client.wait(job).state for job in jobs} == {"done"}
            seconds = time.monotonic() - begin
            for job in jobs[:: max(1, count // 20)]:
                assert client.fetch(job, tmp_path / "out" / job).files["video"].stat().st_size > 0
    events = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    done = collections.Counter(event["job"] for event in events if event.get("event") == "done")
    died = [event for event in events if event.get("event") == "worker-dies"]
    assert done == dict.fromkeys([*first, *jobs], 1)
    assert died, "no worker was on the node that was killed"
    noticed = died[0]["time"] - (time.time() - (time.monotonic() - lost))
    print(f"{count} jobs in {seconds:.1f} s; {len(died)} were on the lost node, known after {noticed:.1f} s")
