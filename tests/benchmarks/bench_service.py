"""The service under load: submit to accepted beside one write of the disk, a large result beside bare CURVE.

    python tests/benchmarks/bench_service.py

Goals: accepted within 1.5 times one fsync of this disk and 2 ms (median, eight clients at once); a result of 200 MB at
half the rate of a bare socket under CURVE, or more.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fixtures"))

import numpy as np
import zmq
from load_client import make_request

from parascale.link.keys import client_keys
from parascale.link.limits import CHUNK
from parascale.link.local import start_backend
from parascale.link.transfer import describe_file
from parascale.service.journal import Journal, new_job
from parascale.service.store import RESULTS, Store

# On the disk of the checkout, which git passes over there.
BUILD = Path(__file__).parents[2] / "build"
CLIENTS, SUBMISSIONS = 8, 60
RESULT = 200_000_000
JOB = "f" * 32


def submit_many(state: Path) -> None:
    """Be one of the clients: print the seconds of each submission."""
    from parascale.link.local import find_backend

    backend = find_backend(state)
    assert backend is not None
    requests = [make_request(seed) for seed in range(SUBMISSIONS)]
    with backend.connect() as client:
        client.hello()
        seconds = []
        for request in requests:
            begin = time.perf_counter()
            job = client.submit(request)
            seconds.append(time.perf_counter() - begin)
            client.cancel(job)
    print(json.dumps(seconds))


def fsync_seconds(folder: Path) -> float:
    """Return the median time of one small write that waits for the disk."""
    times = []
    with (folder / "probe").open("wb") as file:
        for _ in range(100):
            begin = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            times.append(time.perf_counter() - begin)
    return statistics.median(times)


def submission_seconds(state: Path, clients: int) -> float:
    """Return the median over all submissions of so many clients at once."""
    command = [sys.executable, __file__, str(state)]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(clients)]
    return statistics.median(second for process in running for second in json.loads(process.communicate()[0]))


def write_result(state: Path) -> None:
    """Leave a job in the state folder that is done and has a large result."""
    state.mkdir(mode=0o700)
    (state / "parascale-state").write_text("")
    journal = Journal(state / "journal.sqlite")
    store = Store(state / "jobs", journal.identity)
    owner = client_keys().public.decode()
    folder = store.of(owner, JOB)
    (folder / RESULTS).mkdir(parents=True)
    (folder / "mark").write_text(journal.identity)
    result = folder / RESULTS / "result.mp4"
    result.write_bytes(np.random.default_rng(0).bytes(RESULT))
    job = journal.add(new_job(owner, JOB, "generate", "bench", "", (), RESULT))
    journal.change(job, state="done", results=(describe_file("video", result),), ended=time.time())
    journal.close()


def bare_rate() -> float:
    """Return the MB/s of the same bytes in frames of a chunk over bare sockets under CURVE, eight asked for ahead."""
    public, secret = zmq.curve_keypair()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    server, client = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    server.curve_server, server.curve_secretkey = True, secret
    client.curve_serverkey = public
    client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
    client.connect(f"tcp://127.0.0.1:{server.bind_to_random_port('tcp://127.0.0.1')}")
    count = -(-RESULT // CHUNK)
    data = bytes(CHUNK)

    def serve() -> None:
        for _ in range(count):
            server.send_multipart([server.recv_multipart()[0], data])

    thread = threading.Thread(target=serve)
    thread.start()
    begin = time.perf_counter()
    for _ in range(8):
        client.send(b"next")
    for number in range(count):
        client.recv()
        if number < count - 8:
            client.send(b"next")
    seconds = time.perf_counter() - begin
    thread.join()
    context.destroy(0)
    return RESULT / seconds / 1e6


def main() -> None:
    """Measure in one run and print JSON."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        os.environ["XDG_STATE_HOME"] = scratch
        folder = Path(scratch)
        write_result(folder / "state")
        backend = start_backend(state=folder / "state")
        try:
            found: dict[str, float] = {"fsync_ms": 1e3 * fsync_seconds(folder)}
            found["submit_ms_8_clients"] = 1e3 * submission_seconds(folder / "state", CLIENTS)
            found["submit_ms_1_client"] = 1e3 * submission_seconds(folder / "state", 1)
            found["fsync_ms_after"] = 1e3 * fsync_seconds(folder)
            with backend.connect() as client:
                rates = []
                bare = []
                for _ in range(5):
                    begin = time.perf_counter()
                    client.fetch(JOB, folder / "out")
                    rates.append(RESULT / (time.perf_counter() - begin) / 1e6)
                    shutil.rmtree(folder / "out")
                    bare.append(bare_rate())
            found["bare_curve_mb_per_s"] = statistics.median(bare)
            found["result_mb_per_s"] = statistics.median(rates)
            found["result_over_bare"] = found["result_mb_per_s"] / found["bare_curve_mb_per_s"]
        finally:
            backend.stop()
    print(json.dumps({name: round(value, 3) for name, value in found.items()}, indent=2))


if __name__ == "__main__":
    submit_many(Path(sys.argv[1])) if len(sys.argv) > 1 else main()
