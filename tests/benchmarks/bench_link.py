"""The link: submit to accepted, a tick of `pump`, and files beside a plain loopback socket.

    python tests/benchmarks/bench_link.py

Budgets: accepted in under 3 ms (median), a tick in under 8 ms (99th percentile).
"""

import json
import os
import signal
import socket
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import zmq

from parascale.camera import Trajectory
from parascale.link.arrays import to_frames
from parascale.link.client import Client
from parascale.link.events import Fetched, JobChanged
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.local import start_backend
from parascale.parallax.shot import Shot

# On the disk of the checkout, which git passes over there.
BUILD = Path(__file__).parents[2] / "build"
SUBMISSIONS = 200
FILE = 256 << 20
TICK_SECONDS = 0.02  # Blender's timer


def request(frames: int = 81) -> GenerationRequest:
    """Make what the add-on sends: a path, a picture of 832x480 and its depth map."""
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, 0, 3] = np.linspace(0, 0.5, frames)
    path = Trajectory(poses, np.array([800.0, 800.0, 416.0, 240.0]), np.arange(frames) / 16, 832, 480)
    image = np.random.default_rng(0).integers(0, 256, (480, 832, 3), dtype=np.uint8)
    shot = Shot("bench", 16.0, path, np.ones(frames), "unit-depth")
    return GenerationRequest(shot, "preview", image, np.ones((480, 832), np.float32))


def submit_latency(client: Client, worker: int) -> list[float]:
    """Seconds from `submit` to accepted; a stopped worker leaves the processor to them and holds the queue."""
    asked = request()
    running = client.submit(request(9000))
    while client.status(running).phase in ("", "starting"):
        client.pump()
    os.kill(worker, signal.SIGSTOP)
    seconds = []
    for _ in range(SUBMISSIONS):
        begin = time.perf_counter()
        job = client.submit(asked)
        seconds.append(time.perf_counter() - begin)
        client.cancel(job)
        client.delete(job)
    os.kill(worker, signal.SIGCONT)
    client.cancel(running)
    return seconds


def bare_latency() -> list[float]:
    """Seconds of the same bytes there and a word back, over bare sockets under CURVE: the floor."""
    public, secret = zmq.curve_keypair()
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    server, client = context.socket(zmq.ROUTER), context.socket(zmq.DEALER)
    server.curve_server, server.curve_secretkey = True, secret
    client.curve_serverkey = public
    client.curve_publickey, client.curve_secretkey = zmq.curve_keypair()
    client.connect(f"tcp://127.0.0.1:{server.bind_to_random_port('tcp://127.0.0.1')}")

    def echo() -> None:
        for _ in range(SUBMISSIONS + 1):
            server.send_multipart([server.recv_multipart()[0], b"accepted"])

    thread = threading.Thread(target=echo)
    thread.start()
    frames = [b"header", *to_frames(request().pack().arrays)]
    seconds = []
    for _ in range(SUBMISSIONS + 1):
        begin = time.perf_counter()
        client.send_multipart(frames)
        client.recv()
        seconds.append(time.perf_counter() - begin)
    thread.join()
    context.destroy(0)
    return seconds[1:]


def ticks(client: Client, clip: Path, folder: Path) -> tuple[list[float], list[float]]:
    """Seconds, on the clock and of the processor, of `pump` from a timer: a job, its download and a big upload."""
    upload = client.start_submit(SolveRequest(clip))
    client.start_submit(request())
    seconds: list[float] = []
    busy: list[float] = []
    left = {"upload", "fetch"}
    while left:
        begin, began = time.perf_counter(), time.thread_time()
        events = client.pump()
        seconds.append(time.perf_counter() - begin)
        busy.append(time.thread_time() - began)
        for event in events:
            if isinstance(event, JobChanged) and event.job.job_id == upload and event.job.received:
                left.discard("upload")
            elif isinstance(event, JobChanged) and event.job.state == "done" and event.job.kind == "generate":
                client.start_fetch(event.job.job_id, folder)
            elif isinstance(event, Fetched):
                left.discard("fetch")
        time.sleep(TICK_SECONDS)
    return seconds, busy


def upload_rate(client: Client, clip: Path) -> float:
    """MB/s of a file into the backend's store: encrypted, hashed on both sides, written."""
    begin = time.perf_counter()
    job = client.submit(SolveRequest(clip))
    seconds = time.perf_counter() - begin
    client.wait(job)
    client.delete(job)
    return FILE / seconds / 1e6


def plain_rate(clip: Path, target: Path) -> float:
    """MB/s of the same file through a plain loopback socket, written, with nothing done to it."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def receive() -> None:
            connection, _ = server.accept()
            with connection, target.open("wb") as file:
                while data := connection.recv(1 << 20):
                    file.write(data)
                os.fsync(file.fileno())

        thread = threading.Thread(target=receive)
        begin = time.perf_counter()
        thread.start()
        with socket.create_connection(server.getsockname()) as connection, clip.open("rb") as file:
            connection.sendfile(file)
        thread.join()
        return FILE / (time.perf_counter() - begin) / 1e6


def main() -> None:
    """Measure in one run and print JSON."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as scratch:
        os.environ["XDG_STATE_HOME"] = scratch
        folder = Path(scratch)
        clip = folder / "clip.mp4"
        clip.write_bytes(np.random.default_rng(1).bytes(FILE))
        backend = start_backend(state=folder / "state")
        try:
            with backend.connect() as client:
                client.hello()
                assert backend.process is not None
                pid = backend.process.pid
                worker = int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
                submitted = np.array(submit_latency(client, worker)) * 1e3
                bare = np.array(bare_latency()) * 1e3
                plain = plain_rate(clip, folder / "plain")
                link = upload_rate(client, clip)
                pumped, busy = np.array(ticks(client, clip, folder / "out")) * 1e3
        finally:
            backend.stop()
    result = {
        "submit_ms_median": float(np.median(submitted)),
        "submit_ms_p99": float(np.percentile(submitted, 99)),
        "bare_curve_ms_median": float(np.median(bare)),
        "submit_over_bare": float(np.median(submitted) / np.median(bare)),
        "pump_ms_median": float(np.median(pumped)),
        "pump_ms_p99": float(np.percentile(pumped, 99)),
        "pump_processor_ms_p99": float(np.percentile(busy, 99)),
        "upload_mb_per_s": link,
        "plain_socket_mb_per_s": plain,
        "upload_over_plain": link / plain,
    }
    print(json.dumps({name: round(value, 3) for name, value in result.items()}, indent=2))


if __name__ == "__main__":
    main()
