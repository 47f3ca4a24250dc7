"""The server: one loop over the clients' socket, the door and the workers. What it knows of jobs is the journal."""

import contextlib
import logging
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import zmq

from parascale.errors import InputError
from parascale.link import messages as m
from parascale.link.codec import VersionError, decode, encode
from parascale.link.limits import BEAT, MAX_PARTS
from parascale.link.sockets import guard
from parascale.link.start_lock import StartLock
from parascale.link.state import warn_of_open_modes
from parascale.logs import log_event
from parascale.service.access import Access, Owner
from parascale.service.admission import RefusedError
from parascale.service.backend_file import remove_backend_file, write_backend_file
from parascale.service.connections import Connections
from parascale.service.describe import Devices, welcome
from parascale.service.dispatcher import Dispatcher
from parascale.service.inbox import Inbox, Incoming
from parascale.service.journal import StateInUseError
from parascale.service.lifetime import LINGER, Lifetime
from parascale.service.limits import Limits
from parascale.service.pool import LocalPool, Pool
from parascale.service.zap import Doorkeeper

log = logging.getLogger(__name__)

_POLL_MS = 100
_LOCK_PATIENCE = 2.0  # seconds to wait at the end for who is starting a backend
_BATCH = 64  # messages taken in a row before workers and timers get their turn
_BATCH_BYTES = 16 << 20  # and bytes: they are kept until what they change is on disk
_DEVICES = 2.0  # seconds after the start within which a client waits for the driver of the GPU
_MAX_MESSAGE = 300
_RELOG = 10.0  # seconds between two entries of the log about a part of the loop that goes on failing


class Server:
    """A backend that serves until it is told to stop; a private one, until nobody needs it.

    Parameters
    ----------
    bind : str
        ``tcp://HOST:PORT``; port ``*`` takes a free one.
    state : Path
        Folder of the journal, the jobs' files and ``backend.json``; made where missing.
    workers : int
        Jobs at a time.
    keys : Path, optional
        Folder made by `parascale.link.keys.new_keys`; needed where other machines can reach the address.
    limits : Limits, optional
        What clients may take.
    worker_silence : float
        Seconds without a sign of life after which a worker is taken for hung.
    ray : str, optional
        ``HOST:PORT`` of a Ray cluster whose nodes run the workers; this machine where none is given.
    private : bool
        Whether it ends by itself when its last client and job are gone.
    held : bool
        Whether a private one is held by its standard input, as `Lifetime` has it.

    Raises
    ------
    InputError
        Where the address is taken or needs keys, another server runs on the state, or no cluster takes us.
    """

    def __init__(
        self,
        bind: str,
        state: Path,
        workers: int = 1,
        keys: Path | None = None,
        limits: Limits | None = None,
        worker_silence: float = 60.0,
        ray: str | None = None,
        *,
        private: bool = False,
        held: bool = False,
    ) -> None:
        self._access = Access(bind, keys)
        self._stopping = threading.Event()
        self._started = time.monotonic()
        self._peers: dict[bytes, str] = {}
        self._greetings: list[tuple[bytes, int]] = []
        self._logged: dict[str, float] = {}
        self._inbox = Inbox()
        self._state = state
        self._lock = StartLock(state)
        warn_of_open_modes(state)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._dispatcher = Dispatcher(
                state,
                partial(_make_pool, self._context, workers, worker_silence, state, limits or Limits(), ray),
                limits or Limits(),
                worker_silence,
                self._announce,
                self._send,
            )
        except BaseException:
            self._context.destroy(0)
            raise
        self._door = Doorkeeper(self._context, self._access)
        self._router = self._context.socket(zmq.ROUTER)
        self._connections = Connections(self._router)
        try:
            self.address = self._bind(bind)
        except BaseException:
            self._close()
            raise
        self._connections.start()
        self._devices = Devices()
        self._lifetime = Lifetime(self._lock, held=held) if private else None
        try:
            write_backend_file(state, self.address, self._access.own.public)
        except OSError as error:  # a full disk: it serves those who know the address
            log.warning("no note of the address can be left in %s: %s", state, error.strerror)
        log_event(log, "started", address=self.address, state=state, workers=workers)

    def stop(self) -> None:
        """Have `run` return soon; safe from signal handlers and other threads."""
        self._stopping.set()

    def run(self) -> None:
        """Serve until `stop` or until a private backend is needed no more, then put running jobs back into the queue.

        Nothing that a client sends, a worker says or the disk refuses ends it: each part of the loop has a boundary.
        """
        poller = zmq.Poller()
        for socket in (self._router, self._door.socket, self._dispatcher.socket):
            poller.register(socket, zmq.POLLIN)
        beat = 0.0
        try:
            self._attempt(self._work)  # what is too old is forgotten before a client is told of it
            while not (self._stopping.is_set() or self._is_unused()):
                poller.poll(0 if self._dispatcher.in_haste or self._inbox else _POLL_MS)
                for part in (self._door.answer, self._work, self._greet):
                    self._attempt(part)
                if time.monotonic() - beat >= BEAT:
                    beat = time.monotonic()
                    self._attempt(self._end_revoked)
                    self._attempt(self._beat)
        finally:
            # Who starts a backend meanwhile waits until the journal is free.
            with contextlib.suppress(InputError):  # where the state folder is gone
                self._lock.acquire(_LOCK_PATIENCE)
            remove_backend_file(self._state)
            self._close()
            self._lock.release()

    def _work(self) -> None:
        """Take what clients and workers bring; the disk is waited for once."""
        with self._dispatcher.together():
            self._receive()
            self._inbox.work_off(self._take)
            self._dispatcher.turn()

    def _attempt(self, part: Callable[[], None]) -> None:
        """Do a part of the loop; what goes wrong in it is logged, and the loop goes on."""
        try:
            part()
        except Exception:
            if time.monotonic() - self._logged.get(part.__name__, -_RELOG) >= _RELOG:
                self._logged[part.__name__] = time.monotonic()
                log.exception("the loop goes on without %s", part.__name__)
            time.sleep(0.01)

    def _greet(self) -> None:
        """Answer those who asked what this backend is, once the devices are known."""
        if not self._greetings or not (self._devices.known or time.monotonic() - self._started > _DEVICES):
            return
        workers, running, waiting, free, troubles = self._dispatcher.health()
        now = time.time(), time.monotonic() - self._started
        health = m.Health(*now, workers, running, waiting, free, troubles)
        while self._greetings:
            peer, request = self._greetings.pop()
            self._send(peer, welcome(request, health, self._devices.names))

    def _end_revoked(self) -> None:
        """End the connections of clients whose keys were taken away since."""
        for key in self._connections.owners():
            if self._access.find(key) is None:
                log_event(log, "revoked", client=key)
                self._connections.end_all(key, "its key may connect no more")
                self._peers = {peer: owner for peer, owner in self._peers.items() if owner != key}

    def _is_unused(self) -> bool:
        if self._lifetime is None:
            return False
        if self._lifetime.parting:
            self._beat()
        return self._lifetime.is_over(len(self._peers), self._dispatcher.busy)

    def _beat(self) -> None:
        """Give every client a sign of life; those that are gone are found out by it."""
        header = self._encode(m.Beat())
        for peer in list(self._peers):
            self._send_header(peer, header, "Beat")

    def _close(self) -> None:
        self._dispatcher.close()
        self._connections.close()
        self._door.close()
        self._router.close(0)
        self._context.term()

    def _bind(self, bind: str) -> str:
        guard(self._router, bind)
        self._router.curve_server = True
        self._router.curve_secretkey = self._access.own.secret
        self._router.setsockopt(zmq.ZAP_DOMAIN, b"parascale")
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        try:
            self._router.bind(bind)
        except zmq.ZMQError as error:
            raise InputError(f"{bind} cannot be listened on ({error.strerror})", "address") from error
        endpoint = self._router.getsockopt(zmq.LAST_ENDPOINT)
        assert isinstance(endpoint, bytes)
        return endpoint.rstrip(b"\0").decode()

    def _receive(self) -> None:
        taken = 0
        alone = len(set(self._peers.values())) < 2
        for _ in range(_BATCH):
            if taken > _BATCH_BYTES or (alone and self._inbox.is_full):
                break
            try:
                frame = self._router.recv(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                break
            peer, parts, size, count = frame.bytes, list[zmq.Frame](), 0, 0
            while frame.more:
                frame = self._router.recv(copy=False)
                size, count = size + len(frame), count + 1
                if count <= MAX_PARTS:
                    parts.append(frame)
            key = frame.get("User-Id")
            if not isinstance(key, str) or not parts:  # the door lets nobody in without
                continue
            self._connections.take(peer, frame, key, size, count)
            taken += size
            if count > MAX_PARTS:
                seconds = self._access.shut_out(key)
                log_event(log, "shut-out", client=key, seconds=seconds, frames=count)
                continue
            if not self._inbox.put(Incoming(peer, key, parts, size)):
                log.debug("a client sends faster than it is served: dropped a message")

    def _take(self, incoming: Incoming, *, alone: bool = False) -> None:
        """Answer a message; whatever is wrong with it ends here, but for a journal that cannot take several together.

        Each message makes one change of the journal, the last that can go wrong: what breaks leaves none.
        """
        request = 0
        peer, key, parts = incoming.peer, incoming.key, incoming.parts
        owner = self._access.find(key)
        try:
            message = decode(parts[0].bytes)
            request = getattr(message, "request", 0)
            if owner is None:
                raise RefusedError("revoked", "this client's key may connect no more")
            self._peers[peer] = key
            again = partial(self._take, incoming, alone=True)
            self._answer(owner, peer, message, [part.bytes for part in parts[1:]], again)
        except RefusedError as refusal:
            self._send(peer, m.Refused(request, refusal.code, str(refusal)))
        except VersionError as error:
            self._send(peer, m.Refused(0, "version", str(error)))
        except InputError as error:
            self._send(peer, m.Refused(request, "malformed", str(error)))
        except sqlite3.OperationalError as error:
            full = self._dispatcher.note_full_disk(error)
            self._send(peer, m.Refused(request, full.code, str(full)))
            if not alone:
                raise
        except Exception:
            log.exception("a message of %s broke", owner.name if owner else "nobody")
            self._send(peer, m.Refused(request, "internal", "the backend broke on this message: its log says more"))

    def _answer(
        self, owner: Owner, peer: bytes, message: m.Message, frames: list[bytes], again: Callable[[], None]
    ) -> None:
        if frames and not isinstance(message, m.Submit | m.Chunk):
            raise InputError("frames follow a message that has none")
        if isinstance(message, m.Hello):
            if len(self._greetings) < _BATCH:
                self._greetings.append((peer, message.request))
            return
        self._dispatcher.handle(owner, peer, message, frames, again)

    def _announce(self, owner: str, job: m.JobStatus) -> None:
        header = self._encode(m.Changed(job))
        for peer, other in list(self._peers.items()):
            if other == owner:
                self._send_header(peer, header, "Changed")

    def _send(self, peer: bytes, message: m.Message, frames: Sequence[bytes] = ()) -> None:
        self._send_header(peer, self._encode(message), type(message).__name__, frames)

    def _encode(self, message: m.Message) -> bytes:
        try:
            return encode(message)
        except InputError as error:  # over the cap, or what JSON cannot hold
            log.warning("not sent: %s", error)
            request = getattr(message, "request", 0)
            return encode(m.Refused(request, "internal", f"the answer cannot be sent: {error}"[:_MAX_MESSAGE]))

    def _send_header(self, peer: bytes, header: bytes, name: str, frames: Sequence[bytes] = ()) -> None:
        if not self._connections.may_send(peer, len(header) + sum(map(len, frames))):
            log.debug("a client reads too slowly: dropped a %s, it will ask again", name)
            return
        try:
            self._router.send_multipart([peer, header, *frames], zmq.DONTWAIT, copy=False)
        except zmq.Again:
            log.debug("a client reads too slowly: dropped a %s, it will ask again", name)
        except zmq.ZMQError as error:
            self._peers.pop(peer, None)
            self._connections.forget(peer)
            if error.errno != zmq.EHOSTUNREACH:
                log.warning("a %s could not be sent: %s", name, error)


def _make_pool(
    context: "zmq.Context[zmq.Socket[bytes]]",
    workers: int,
    silence: float,
    state: Path,
    limits: Limits,
    ray: str | None,
) -> Pool:
    if ray is None:
        return LocalPool(context, workers, silence, state / "empty", limits.worker_memory)
    from parascale.service.cluster import ClusterPool

    return ClusterPool(context, workers, silence, ray, limits.worker_memory)


def start_when_free(
    bind: str, state: Path, workers: int, keys: Path | None, limits: Limits | None = None, ray: str | None = None
) -> Server:
    """Return a server that is not private; where a private one is about to leave the state, wait for that.

    Raises
    ------
    InputError
        As `Server` does.
    """
    end = time.monotonic() + 2 * LINGER
    while True:
        with StartLock(state):
            try:
                return Server(bind, state, workers, keys, limits, ray=ray)
            except StateInUseError:
                if time.monotonic() > end:
                    raise
        time.sleep(_POLL_MS / 1000)


def run_until_signal(server: Server, announce: Callable[[], None] = lambda: None) -> None:
    """Run a server; Ctrl-C, or being asked to terminate, stops it in good order and then acts as it did before.

    It is announced once it can be stopped so: who reads of it may stop it at once.
    """
    caught: list[int] = []

    def stop(number: int, _frame: object) -> None:
        caught.append(number)
        server.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        announce()
        server.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if caught:
        signal.raise_signal(caught[0])
