"""Workers on a Ray cluster: placed by what a job needs, fed, heard and ended as those of this machine."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ray_nodes import ENVIRONMENT, Nodes, two_nodes
from served import served

from parascale.errors import InputError
from parascale.extras import is_installed
from parascale.link.arrays import describe, to_frames
from parascale.link.client import Client
from parascale.link.codec import decode
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.local import connect
from parascale.link.messages import Failed, Submit
from parascale.service.store import REQUEST, Store, payload_hash

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not is_installed("ray"), reason="needs Ray: the extra `cluster`"),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="finds processes through /proc"),
]

Make = Callable[..., GenerationRequest]
Until = Callable[..., None]


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Nodes]:
    with contextlib.ExitStack() as stack:
        try:
            nodes = stack.enter_context(two_nodes(tmp_path_factory.mktemp("nodes"), gpus=1))
        except PermissionError as error:
            pytest.skip(f"needs a network namespace of its own: {error.strerror}")
        yield nodes


@pytest.fixture(scope="module")
def backend_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the state of the backend that `client` is of."""
    return tmp_path_factory.mktemp("on_cluster")


@pytest.fixture(scope="module")
def client(nodes: Nodes, backend_folder: Path) -> Iterator[Client]:
    """A client of a backend that runs two jobs at a time on the cluster."""
    options = ("--ray", nodes.address, "--workers", "2")
    environment = os.environ | ENVIRONMENT
    with served(backend_folder, *options, environment=environment) as (address, _), connect(address) as client:
        yield client


def workers_of(nodes: Nodes) -> dict[int, dict[str, str]]:
    """Return the environment of each worker process, by its id."""
    found = {}
    for where in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            told = (where.parent / "environ").read_bytes().decode(errors="replace")
            if b"parascale.service.worker" in where.read_bytes() and ENVIRONMENT["RAY_AUTH_TOKEN"] in told:
                found[int(where.parent.name)] = dict(pair.split("=", 1) for pair in told.split("\0") if "=" in pair)
        except OSError:
            continue
    return found


def test_what_a_node_makes_is_what_this_machine_makes(
    client: Client, house: Any, make_request: Make, tmp_path: Path
) -> None:
    request = make_request(frames=8, seed=3)
    there = client.submit(request)
    assert client.wait(there).state == "done"
    local = house.start()
    here = local.submit(request)
    assert local.wait(here).state == "done"
    expected = local.fetch(here, tmp_path / "here")
    found = client.fetch(there, tmp_path / "there")
    assert found.summary == expected.summary
    assert {path.name: path.read_bytes() for path in found.files.values()} == {
        path.name: path.read_bytes() for path in expected.files.values()
    }


def test_files_are_brought_to_the_node(client: Client, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(os.urandom(9 << 20))
    status = client.wait(client.submit(SolveRequest(clip)))
    assert status.state == "failed"
    assert "no longer whole" not in status.message
    assert "clip.mp4" in status.message


def test_a_running_job_on_a_node_stops_when_cancelled(
    client: Client, long_request: GenerationRequest, until: Until
) -> None:
    job = client.submit(long_request)
    until(lambda: client.status(job).fraction > 0)
    client.cancel(job)
    until(lambda: client.status(job).final)
    assert client.status(job).state == "cancelled"


def test_a_worker_that_dies_on_a_node_is_replaced_and_its_job_tried_again(
    client: Client, nodes: Nodes, long_request: GenerationRequest, until: Until
) -> None:
    job = client.submit(long_request)
    until(lambda: client.status(job).state == "running" and client.status(job).fraction > 0)
    started = client.status(job).started
    for pid in workers_of(nodes):
        os.kill(pid, signal.SIGKILL)
    until(lambda: client.status(job).started != started)
    until(lambda: client.status(job).fraction > 0)
    assert client.status(job).state == "running"
    client.cancel(job)
    until(lambda: client.status(job).final)


def test_a_node_that_cannot_take_the_files_of_a_job_does_not_hold_it_up(
    client: Client, home: Path, make_request: Make
) -> None:
    assert client.wait(client.submit(make_request())).state == "done"
    for folder in (home / "parascale" / "cluster").iterdir():
        shutil.rmtree(folder / "job", ignore_errors=True)
        (folder / "job").touch()
    assert client.wait(client.submit(make_request(seed=1))).state == "done"


def test_each_job_gets_the_gpus_it_needs_and_no_others(nodes: Nodes, until: Until) -> None:
    code = """
import json, sys, time, zmq
from parascale.link.resources import Resources
from parascale.service.cluster import ClusterPool
pool = ClusterPool(zmq.Context.instance(), 2, 60.0, sys.argv[1])
wanted = [Resources(gpus=1.0), Resources()]
while not all(pool.assign(wanted)):
    pool.reports(), pool.fill(), time.sleep(0.1)
print("ready", flush=True)
sys.stdin.readline()
pool.assign([Resources(memory=1 << 50)]), pool.fill()
print(pool.trouble, flush=True)
pool.close()
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code, nodes.address],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | ENVIRONMENT,
    )
    before = set(workers_of(nodes))
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    devices = sorted(
        told.get("CUDA_VISIBLE_DEVICES", "") for pid, told in workers_of(nodes).items() if pid not in before
    )
    assert devices == ["", "0"]
    process.stdin.write("\n")
    process.stdin.flush()
    assert "GB of memory: the cluster has none" in process.stdout.readline()
    assert process.wait(60) == 0
    until(lambda: len(workers_of(nodes)) <= len(before))


def test_jobs_that_no_node_can_run_hold_up_no_others(nodes: Nodes, make_request: Make, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        none = stack.enter_context(two_nodes(tmp_path))  # without a GPU
        options = ("--ray", none.address, "--workers", "2")
        address, _ = stack.enter_context(served(tmp_path, *options, environment=os.environ | ENVIRONMENT))
        client = stack.enter_context(connect(address))
        waiting = [client.submit(replace(make_request(seed=seed), generator="wan-fun-camera")) for seed in range(3)]
        assert client.wait(client.submit(make_request(seed=9))).state == "done"
        assert [client.status(job).state for job in waiting] == ["queued"] * 3
        assert "the cluster has none" in " ".join(client.hello().health.troubles)


def test_jobs_that_wait_for_a_gpu_that_is_taken_hold_up_no_others(nodes: Nodes) -> None:
    code = """
import sys, time, zmq
from parascale.link.resources import Resources
from parascale.service.cluster import ClusterPool
pool = ClusterPool(zmq.Context.instance(), 2, 60.0, sys.argv[1])
gpu = Resources(gpus=1.0, memory=1 << 20)
found = [None]
while not (found[0] and found[-1]):
    pool.reports(), pool.fill(), time.sleep(0.1)
    found = pool.assign([gpu] * 4 + [Resources(memory=1 << 20)])
print(sum(worker is not None for worker in found))
pool.close()
"""
    done = subprocess.run(
        [sys.executable, "-c", code, nodes.address],
        env=os.environ | ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.stdout == "2\n", done.stderr


def test_what_was_brought_to_a_node_is_checked_there(make_request: Make, tmp_path: Path, until: Until) -> None:
    from parascale.service.node import NodeWorker

    packed = make_request().pack()
    frames = [frame.tobytes() for frame in to_frames(packed.arrays)]
    submit = Submit(1, "a" * 32, "generate", packed.label, dict(packed.fields), describe(packed.arrays), ())
    store = Store(tmp_path / "jobs", "journal")
    store.write("owner", submit, frames)
    stored = (store.of("owner", submit.job) / REQUEST).read_bytes()
    worker = NodeWorker()
    try:
        for broken in (stored[:-1], stored[:-1] + bytes([stored[-1] ^ 1])):
            worker.clear()
            worker.write(REQUEST, broken)
            worker.run(submit.job, payload_hash(submit, frames))
            told: list[Any] = []
            until(
                lambda told=told: (
                    any(isinstance(r, Failed) for r in told) or told.extend(map(decode, worker.reports()[1]))
                )
            )
            (failed,) = (report for report in told if isinstance(report, Failed))
            assert "no longer whole" in failed.message
    finally:
        worker.close()


def test_nobody_joins_the_cluster_without_its_token(nodes: Nodes) -> None:
    code = "import ray, sys; ray.init(address=sys.argv[1], _node_ip_address='127.0.0.1')"
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    environment["RAY_gcs_rpc_server_reconnect_timeout_s"] = "5"
    for mode in ({"RAY_AUTH_MODE": "disabled"}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}):
        done = subprocess.run(
            [sys.executable, "-c", code, nodes.address],
            env=environment | mode,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode != 0
        assert "uthentication" in done.stderr or "Unauthenticated" in done.stderr


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"RAY_AUTH_MODE": "disabled"}, "RAY_AUTH_MODE is not token"),
        ({"RAY_AUTH_TOKEN": "", "RAY_AUTH_TOKEN_PATH": "/nowhere"}, "no token of the cluster"),
    ],
)
def test_a_cluster_without_tokens_is_refused(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], told: str
) -> None:
    from parascale.cluster import connect_to_cluster

    for name, value in (ENVIRONMENT | variables).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(InputError, match=told):
        connect_to_cluster("127.0.0.1:9")


def test_a_cluster_that_is_not_there_is_one_sentence(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "parascale.cli",
        "serve",
        "--state",
        str(tmp_path / "state"),
        "--ray",
        "127.0.0.1:9",
    ]
    done = subprocess.run(command, env=os.environ | ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert done.stderr == "parascale: no Ray cluster answers at 127.0.0.1:9\n"


def test_folders_of_killed_workers_are_removed_by_the_next(home: Path) -> None:
    from parascale.service.node import NodeWorker

    left = home / "parascale" / "cluster" / "left"
    left.mkdir(parents=True)
    (left / "lock").touch()
    worker = NodeWorker()
    try:
        assert not left.exists()
    finally:
        worker.close()


def test_a_job_that_is_over_before_its_result_is_here_leaves_nothing(
    client: Client, make_request: Make, until: Until, backend_folder: Path
) -> None:
    jobs = [client.submit(make_request(frames=40, seed=number)) for number in range(6)]
    for job in jobs:
        until(lambda job=job: client.status(job).fraction > 0.3 or client.status(job).final)
        client.cancel(job)
    until(lambda: all(client.status(job).final for job in jobs))
    for job in client.jobs():
        if job.state == "done":
            client.delete(job.job_id)
    client.clean()
    until(lambda: not list(backend_folder.glob("state/jobs/[!.]*/*")))


def processes_with(token: str) -> list[int]:
    """Return the processes that were given a token of Ray."""
    found = []
    for where in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if token.encode() in where.read_bytes():
                found.append(int(where.parent.name))
    return found


def test_a_test_that_is_killed_leaves_no_node_and_no_backend(nodes: Nodes, tmp_path: Path, until: Until) -> None:
    code = f"""
import os, pathlib, sys, time
sys.path[:0] = {sys.path!r}
from ray_nodes import ENVIRONMENT, two_nodes
from served import served
folder = pathlib.Path({str(tmp_path)!r})
with two_nodes(folder) as nodes, served(folder, "--ray", nodes.address, environment=os.environ | ENVIRONMENT):
    print(ENVIRONMENT["RAY_AUTH_TOKEN"], flush=True)
    time.sleep(600)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    token = process.stdout.readline().strip()
    assert len(processes_with(token)) > 4
    process.kill()
    process.wait()
    process.stdout.close()
    # Ray itself takes a minute to take the agents of a node down.
    until(lambda: not processes_with(token), 240.0)
