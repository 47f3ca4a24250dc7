"""The server: one loop over the clients' socket, the door and the workers. What it knows of jobs is the journal."""

import contextlib
import logging
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import zmq

from parascale.errors import InputError
from parascale.link import messages as m
from parascale.link.codec import VersionError, decode, encode
from parascale.link.keys import Keys, allowed_keys, client_keys, server_keys
from parascale.link.limits import BEAT
from parascale.link.sockets import guard, is_loopback
from parascale.link.start_lock import StartLock
from parascale.service.backend_file import remove_backend_file, write_backend_file
from parascale.service.describe import welcome
from parascale.service.dispatcher import Dispatcher, RefusedError
from parascale.service.journal import StateInUseError
from parascale.service.lifetime import LINGER, Lifetime
from parascale.service.zap import Doorkeeper

log = logging.getLogger(__name__)

_POLL_MS = 100
_LOCK_PATIENCE = 2.0  # seconds to wait at the end for who is starting a backend
_BATCH = 64  # messages taken in a row before workers and timers get their turn


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
    quota : int
        Bytes that jobs may take in the store before new ones are refused.
    worker_silence : float
        Seconds without a sign of life after which a worker is taken for hung.
    private : bool
        Whether it ends by itself when its last client and job are gone.
    held : bool
        Whether a private one is held by its standard input, as `Lifetime` has it.

    Raises
    ------
    InputError
        Where the address is taken or needs keys, or another server runs on the state.
    """

    def __init__(
        self,
        bind: str,
        state: Path,
        workers: int = 1,
        keys: Path | None = None,
        quota: int = 50 << 30,
        worker_silence: float = 60.0,
        *,
        private: bool = False,
        held: bool = False,
    ) -> None:
        own, allowed = _who(bind, keys)
        self._stopping = threading.Event()
        self._peers: dict[bytes, str] = {}
        self._state = state
        self._lock = StartLock(state)
        self._context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
        try:
            self._dispatcher = Dispatcher(
                state, self._context, workers, quota, worker_silence, self._announce, self._send
            )
        except BaseException:
            self._context.destroy(0)
            raise
        self._door = Doorkeeper(self._context, allowed)
        self._router = self._context.socket(zmq.ROUTER)
        try:
            self.address = self._bind(bind, own)
        except BaseException:
            self._close()
            raise
        self._lifetime = Lifetime(self._lock, held=held) if private else None
        write_backend_file(state, self.address, own.public)

    def stop(self) -> None:
        """Have `run` return soon; safe from signal handlers and other threads."""
        self._stopping.set()

    def run(self) -> None:
        """Serve until `stop` or until a private backend is needed no more, then put running jobs back into the queue.

        Raises
        ------
        InputError
            Where the journal can no longer be written.
        """
        poller = zmq.Poller()
        for socket in (self._router, self._door.socket, self._dispatcher.socket):
            poller.register(socket, zmq.POLLIN)
        beat = 0.0
        try:
            while not (self._stopping.is_set() or self._is_unused()):
                poller.poll(_POLL_MS)
                self._door.answer()
                self._receive()
                self._dispatcher.turn()
                if time.monotonic() - beat >= BEAT:
                    beat = time.monotonic()
                    self._beat()
        except sqlite3.Error as error:
            raise InputError(
                f"the journal in {self._state} cannot be written: {error}; make room and start again"
            ) from error
        finally:
            # Who starts a backend meanwhile waits until the journal is free.
            with contextlib.suppress(InputError):  # where the state folder is gone
                self._lock.acquire(_LOCK_PATIENCE)
            remove_backend_file(self._state)
            self._close()
            self._lock.release()

    def _is_unused(self) -> bool:
        if self._lifetime is None:
            return False
        if self._lifetime.parting:
            self._beat()
        return self._lifetime.is_over(len(self._peers), self._dispatcher.busy)

    def _beat(self) -> None:
        """Give every client a sign of life; those that are gone are found out by it."""
        for peer in list(self._peers):
            self._send(peer, m.Beat())

    def _close(self) -> None:
        self._dispatcher.close()
        self._door.close()
        self._router.close(0)
        self._context.term()

    def _bind(self, bind: str, own: Keys) -> str:
        guard(self._router, bind)
        self._router.curve_server = True
        self._router.curve_secretkey = own.secret
        self._router.setsockopt(zmq.ZAP_DOMAIN, b"parascale")
        self._router.setsockopt(zmq.ROUTER_MANDATORY, 1)
        self._router.setsockopt(zmq.RCVHWM, 64)
        self._router.setsockopt(zmq.SNDHWM, 256)
        try:
            self._router.bind(bind)
        except zmq.ZMQError as error:
            raise InputError(f"{bind} cannot be listened on ({error.strerror})", "address") from error
        endpoint = self._router.getsockopt(zmq.LAST_ENDPOINT)
        assert isinstance(endpoint, bytes)
        return endpoint.rstrip(b"\0").decode()

    def _receive(self) -> None:
        for _ in range(_BATCH):
            try:
                peer, *parts = self._router.recv_multipart(zmq.DONTWAIT, copy=False)
            except zmq.Again:
                return
            if parts:
                self._take(peer.bytes, parts)

    def _take(self, peer: bytes, parts: Sequence[zmq.Frame]) -> None:
        owner = parts[-1].get("User-Id")
        if not isinstance(owner, str):  # the door lets nobody in without
            return
        self._peers[peer] = owner
        request = 0
        try:
            message = decode(parts[0].bytes)
            request = getattr(message, "request", 0)
            if len(parts) > 1 and not isinstance(message, m.Submit | m.Chunk):
                raise InputError("frames follow a message that has none")
            if isinstance(message, m.Hello):
                self._send(peer, welcome(message.request))
                return
            answer = self._dispatcher.handle(owner, peer, message, [part.bytes for part in parts[1:]])
        except RefusedError as refusal:
            self._send(peer, m.Refused(request, refusal.code, str(refusal)))
        except VersionError as error:
            self._send(peer, m.Refused(0, "version", str(error)))
        except InputError as error:
            self._send(peer, m.Refused(request, "malformed", str(error)))
        else:
            if answer is not None:
                self._send(peer, *answer)

    def _announce(self, owner: str, job: m.JobStatus) -> None:
        for peer, other in list(self._peers.items()):
            if other == owner:
                self._send(peer, m.Changed(job))

    def _send(self, peer: bytes, message: m.Message, frames: Sequence[bytes] = ()) -> None:
        try:
            self._router.send_multipart([peer, encode(message), *frames], zmq.DONTWAIT)
        except zmq.Again:
            log.info("a client reads too slowly: dropped a %s, it will ask again", type(message).__name__)
        except zmq.ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self._peers.pop(peer, None)


def start_when_free(bind: str, state: Path, workers: int, keys: Path | None) -> Server:
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
                return Server(bind, state, workers, keys)
            except StateInUseError:
                if time.monotonic() > end:
                    raise
        time.sleep(_POLL_MS / 1000)


def stop_on_signals(server: Server) -> None:
    """Stop a server on Ctrl-C and when it is asked to terminate."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: server.stop())


def _who(bind: str, folder: Path | None) -> tuple[Keys, Callable[[], frozenset[bytes]]]:
    """Return the server's own keys and a function that names the clients let in."""
    if folder is not None:
        return server_keys(folder), lambda: allowed_keys(folder)
    if not is_loopback(bind):
        raise InputError(f"{bind} can be reached from other machines, which needs keys", "keys")
    own = client_keys().public
    return server_keys(), lambda: frozenset({own})
