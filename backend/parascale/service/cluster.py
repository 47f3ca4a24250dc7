"""Workers on the nodes of a Ray cluster: each handle is an actor that holds the same worker.

Ray places workers and knows of lost nodes, no more: what a job is and becomes is in the journal. Files of a job are
brought to its node, results are fetched from there, each chunk checked. All calls to Ray are made by the handles' own
threads: nothing in a cluster holds up the server's loop.
"""

import contextlib
import logging
import queue
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import zmq

from parascale import __version__
from parascale.cluster import connect_to_cluster
from parascale.errors import InputError
from parascale.link.codec import decode, encode
from parascale.link.messages import Beat, Failed, Finished
from parascale.link.resources import Resources
from parascale.link.transfer import Receiver, check_files
from parascale.service.evidence import where_it_was
from parascale.service.node import NodeWorker
from parascale.service.pool import MEMORY_SHARE, Pool
from parascale.service.store import INPUTS, REQUEST, RESULTS, WHERE
from parascale.service.worker_handle import ADDRESS, END, WorkerHandle

log = logging.getLogger(__name__)

_PIECE = 4 << 20  # bytes of a file that one call brings to a node
_CALLS = 4  # calls to an actor at a time: reports, files, a cancel, a question where it is
_LOOK = 1.0  # seconds between two looks whether a worker was placed
_PLACING = 5.0  # seconds in which a worker finds its place, where there is one
_NODES = 2.0  # seconds between two looks at the nodes
_SILENCE = 10.0  # seconds without an answer about the nodes after which the cluster is in trouble
_LEAVE = 5.0  # seconds that leaving the cluster may take
_ANSWER = 2.0  # seconds that an actor gets to say where it is, or to tidy up
_Order = tuple[str, str, Path]


class ClusterWorker(WorkerHandle):
    """A worker on a node that Ray chooses; it is ready once it was placed."""

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", number: int, resources: Resources, memory: int
    ) -> None:
        super().__init__(number, memory)
        self.ready = False
        self.resources = resources
        self.node = ""
        self._memory = 0
        self._reason = "is gone with its node"
        self._undelivered = ""
        self._folder: Path | None = None
        self._actor: Any = None  # of Ray, whose actors have no types
        self._over = threading.Event()
        self._orders: queue.SimpleQueue[_Order | None] = queue.SimpleQueue()
        self._threads = [
            threading.Thread(target=work, args=arguments, daemon=True)
            for work, arguments in ((self._follow, (context,)), (self._deliver, ()))
        ]
        for thread in self._threads:
            thread.start()

    @property
    def memory(self) -> int:
        """See `WorkerHandle`."""
        return self._memory

    def run(self, folder: Path, payload: str) -> None:
        """See `WorkerHandle`."""
        assert self.key is not None
        self._folder = folder
        self._orders.put((self.key[1], payload, folder))

    def end(self) -> str:
        """See `WorkerHandle`; it is over a little later."""
        self._over.set()
        self._orders.put(None)
        return self._reason

    @property
    def is_running(self) -> bool:
        """Whether it is not over yet."""
        return any(thread.is_alive() for thread in self._threads)

    def wait(self) -> None:
        """Wait until it is over."""
        for thread in self._threads:
            thread.join(3 * _ANSWER)

    def _ask_where(self) -> None:
        threading.Thread(target=self._fetch_where, daemon=True).start()

    def _wrote_where(self) -> bool:
        return self._folder is not None and bool(where_it_was(self._folder))

    def _fetch_where(self) -> None:
        import ray

        assert self._folder is not None
        with contextlib.suppress(ray.exceptions.RayError, OSError):
            (self._folder / WHERE).write_text(ray.get(self._actor.where.remote(), timeout=_ANSWER))

    def _stop(self) -> None:
        import ray

        assert self.key is not None
        with contextlib.suppress(ray.exceptions.RayError):  # one that does not hear it is ended
            self._actor.cancel.remote(self.key[1])

    def _follow(self, context: "zmq.Context[zmq.Socket[bytes]]") -> None:
        """Have the worker placed, and pass on what it says."""
        number = str(self.number).encode()
        with context.socket(zmq.PUSH) as push:
            push.linger = 0
            push.connect(ADDRESS)
            try:
                for report in self._reports():
                    push.send_multipart([number, report])
            except Exception as error:  # whatever goes wrong in Ray is the end of this worker alone
                self._reason = f"is gone with its node ({type(error).__name__})"
                log.info("worker %d: %s", self.number, str(error).partition("\n")[0])
            if not self._over.is_set():
                with contextlib.suppress(zmq.ZMQError):
                    push.send_multipart([number, END])
        self._dismiss()

    def _reports(self) -> Iterator[bytes]:
        import ray

        self._actor = (
            ray.remote(NodeWorker)
            .options(
                num_cpus=1,
                num_gpus=self.resources.gpus,
                memory=self.resources.memory,
                max_concurrency=_CALLS,
                max_restarts=0,
                scheduling_strategy="SPREAD",
            )
            .remote()
        )
        greeting = self._actor.hello.remote()
        while not ray.wait([greeting], timeout=_LOOK)[0]:
            if self._over.is_set():
                return
        version, memory, self.node = ray.get(greeting)
        if version != __version__:
            self._reason = f"is of ParaScale {version} on {self.node}, not {__version__}: install the same everywhere"
            return
        self.limit = self.limit or round(MEMORY_SHARE * memory)
        self.heard = time.monotonic()  # it may have waited long for its place: that was no silence
        self.ready = True
        yield encode(Beat())
        alive = True
        while alive and not self._over.is_set() and not self._undelivered:
            self._memory, reports, alive = ray.get(self._actor.reports.remote())
            yield from map(self._bring_results, reports)
        self._reason = self._undelivered or "ended on its node"

    def _bring_results(self, report: bytes) -> bytes:
        """Fetch what a job that is done left on its node, before its end is told."""
        import ray

        told = decode(report)
        if not isinstance(told, Finished):
            return report
        assert self._folder is not None
        try:
            check_files(told.files)
            receiver = Receiver(told.files, self._folder / RESULTS)
            while not self._over.is_set() and (chunks := receiver.wanted()):
                for chunk in chunks:
                    receiver.take(chunk, ray.get(self._actor.chunk.remote(chunk)))
        except InputError as error:
            return encode(Failed(told.job, f"its result cannot be brought from its node: {error}"))
        finally:
            if not (self._folder / REQUEST).exists():  # the job was ended meanwhile, and its folder removed
                shutil.rmtree(self._folder, ignore_errors=True)
        return report

    def _deliver(self) -> None:
        """Bring the files of each job to the node, then have it run."""
        while (order := self._orders.get()) is not None:
            try:
                self._push(*order)
            except (
                Exception
            ) as error:  # the node is gone, or its disk is full: the thread that follows ends this worker
                cause = getattr(error, "cause", None) or error
                told = (cause.strerror if isinstance(cause, OSError) else None) or type(cause).__name__
                log.info("job %s cannot be brought to its node: %s", order[0], told)
                self._undelivered = f"could not be given its job's files ({told})"

    def _push(self, job: str, payload: str, folder: Path) -> None:
        import ray

        ray.get(self._actor.clear.remote())
        inputs = folder / INPUTS
        for path in [folder / REQUEST, *(sorted(inputs.iterdir()) if inputs.is_dir() else [])]:
            with path.open("rb") as file:
                while data := file.read(_PIECE):
                    ray.get(self._actor.write.remote(str(path.relative_to(folder)), data))
        ray.get(self._actor.run.remote(job, payload))

    def _dismiss(self) -> None:
        """Have the actor tidy up, then end it."""
        import ray

        if self._actor is None:
            return
        with contextlib.suppress(Exception):  # it, its node or the cluster may be gone
            if self.ready:
                ray.get(self._actor.close.remote(), timeout=_ANSWER)
            ray.kill(self._actor)


class ClusterPool(Pool):
    """Workers on the nodes of a Ray cluster, started for what the waiting jobs need.

    Parameters
    ----------
    context, count, silence
        As `Pool` takes them.
    address : str
        ``HOST:PORT`` of the cluster's head.
    memory : int
        Bytes of main memory a worker may take; 0 is 80 % of its node's.

    Raises
    ------
    InputError
        Where Ray is not installed, has no token, or no cluster answers.
    """

    def __init__(
        self, context: "zmq.Context[zmq.Socket[bytes]]", count: int, silence: float, address: str, memory: int = 0
    ) -> None:
        connect_to_cluster(address)
        super().__init__(context, count, silence)
        self._context = context
        self._memory = memory
        self._running: list[ClusterWorker] = []
        self._nodes: list[Resources] | None = None
        self._seen = time.monotonic()
        self._lack = self._refusal = ""
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch_nodes, daemon=True)
        self._watcher.start()

    def close(self) -> None:
        """End all workers, and leave the cluster."""
        import ray

        self._over.set()
        for worker in self._workers.values():
            worker.end()
        for worker in self._running:  # their threads report to the socket that closes next
            worker.wait()
        super().close()
        # A cluster without its head answers nothing for a minute; Ray then ends this process itself.
        leaving = threading.Thread(target=ray.shutdown, daemon=True)
        leaving.start()
        leaving.join(_LEAVE)

    def fill(self) -> None:
        """See `Pool`; none is kept ready: an idle worker would keep a GPU of the cluster."""
        self._running = [worker for worker in self._running if worker.is_running]
        silent = time.monotonic() - self._seen
        self.trouble = self._lack or self._refusal
        if silent > _SILENCE:
            self.trouble = f"the head of the Ray cluster has not answered for {silent:.0f} s"

    def assign(self, wanted: Sequence[Resources]) -> list[WorkerHandle | None]:
        """See `Pool`; a job for which no node has the GPU waits, is passed by others, and the operator is told."""
        if self._nodes is None:
            return [None] * len(wanted)
        lacking = [each for each in wanted if not any(_fits(each, node) for node in self._nodes)]
        self._lack = _lack(lacking[0]) if lacking else ""
        fitting = [each for each in wanted if each not in lacking]
        free = [worker for worker in self._cluster_workers if worker.key is None]
        free.sort(key=lambda worker: not worker.ready)
        found: list[WorkerHandle | None] = []
        room = self.count - sum(worker.key is not None for worker in self._workers.values())
        for resources in wanted:
            worker = next((each for each in free if each.resources == resources), None)
            if worker is not None:
                free.remove(worker)
            elif resources in fitting:
                self._start_instead(resources, free, fitting)
            takes = worker is not None and worker.ready and room > 0
            room -= takes
            found.append(worker if takes else None)
        if any(found):
            self._refusal = ""
        return found

    def remove(self, worker: WorkerHandle) -> str:
        """See `Pool`."""
        reason = super().remove(worker)
        if not worker.ready:
            self._refusal = f"a worker of the cluster {reason}"
        return reason

    def _start_instead(self, resources: Resources, free: list[ClusterWorker], wanted: Sequence[Resources]) -> None:
        """Start a worker; where there are enough, instead of one that no waiting job can use or that finds no place.

        Each kind of worker has at least one, which takes nothing until it is placed: what waits for a GPU that others
        have keeps no job from a node that is free.
        """
        if len(self._workers) >= self.count:
            spare = next((each for each in free if each.resources not in wanted), None)
            spare = spare or next(filter(self._is_stuck, self._cluster_workers), None)
            if spare is not None:
                if spare in free:
                    free.remove(spare)
                del self._workers[spare.number]
                spare.end()
            elif any(each.key is None and each.resources == resources for each in self._cluster_workers):
                return
        self._start(resources)

    def _is_stuck(self, worker: ClusterWorker) -> bool:
        """Tell whether a worker has found no place for a while, and is not the only one of its kind that waits."""
        alike = sum(each.key is None and each.resources == worker.resources for each in self._cluster_workers)
        return not worker.ready and worker.key is None and alike > 1 and time.monotonic() - worker.started > _PLACING

    @property
    def _cluster_workers(self) -> list[ClusterWorker]:
        return [worker for worker in self._workers.values() if isinstance(worker, ClusterWorker)]

    def _new(self, number: int, resources: Resources) -> WorkerHandle:
        worker = ClusterWorker(self._context, number, resources, self._memory)
        self._running.append(worker)
        return worker

    def _watch_nodes(self) -> None:
        import ray

        while not self._over.is_set():
            try:
                parts = [node["Resources"] for node in ray.nodes() if node["Alive"]]
                self._nodes = [Resources(part.get("GPU", 0.0), round(part.get("memory", 0.0))) for part in parts]
                self._seen = time.monotonic()
            except Exception as error:
                log.warning("the nodes of the cluster cannot be listed: %s", error)
            self._over.wait(_NODES)


def _fits(resources: Resources, node: Resources) -> bool:
    return resources.gpus <= node.gpus and resources.memory <= node.memory


def _lack(resources: Resources) -> str:
    gpus = f"{resources.gpus:g} GPU and " if resources.gpus else ""
    return f"a job waits for a node with {gpus}{resources.memory / 1e9:.0f} GB of memory: the cluster has none"
