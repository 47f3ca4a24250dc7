"""The connections of the server's socket: how many there are, what each may hold in memory, and how one is ended.

ZeroMQ limits the size of a frame alone: a message of any number of frames is held until its last one is here, and any
number of strangers may connect. A thread of its own therefore watches what the system tells of each connection, and
ends those that go too far, while the server's loop is busy or not.
"""

import contextlib
import logging
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import zmq
from zmq.utils.monitor import recv_monitor_message

from parascale.link.limits import MAX_FRAME

log = logging.getLogger(__name__)

RECEIVE_QUEUE = 4
"""Whole messages of a client that wait for the server's loop."""

RECEIVE_BUFFER = 1 << 20
"""Bytes of a connection that the system holds for ZeroMQ."""

SEND_QUEUE = 256
"""Messages that wait for a client to read them."""

MAX_UNSENT = 12 << 20
"""Bytes that wait for a client to read them: the chunks it may ask for ahead, and a little."""

MAX_UNREAD = (RECEIVE_QUEUE + 1) * 2 * MAX_FRAME + 2 * RECEIVE_BUFFER
"""Bytes that a connection sent and that are in no message that the loop took: 12 MiB."""

MAX_STRANGERS = 128
"""Connections of one address that have not proved their key yet; the oldest gives way."""

MAX_CONNECTIONS = 16
"""Connections of one client."""

SPARE_DESCRIPTORS = 256
"""Descriptors kept for files and workers; connections beyond the rest are ended."""

_PERIOD_MS = 50
_FRAME_OVERHEAD = 64  # bytes that CURVE and the framing add to a frame, and more
_HANDSHAKE = 1024
_PINGS = 512  # bytes a second of ZeroMQ's own signs of life, and more
_ACKNOWLEDGED_AT, _RECEIVED_AT = 120, 128  # tcpi_bytes_acked and tcpi_bytes_received in Linux's struct tcp_info
_WATCH = zmq.EVENT_ACCEPTED | zmq.EVENT_DISCONNECTED | zmq.EVENT_CLOSED


@dataclass(eq=False)
class _Connection:
    peer: tuple[str, int]
    since: float = field(default_factory=time.monotonic)
    owner: str | None = None
    taken: int = _HANDSHAKE
    sent: int = 0
    unsent: int = 0  # at most so many of them are not with the client yet

    def unread(self, received: int) -> int:
        """Return how many of the received bytes are in no message that was taken."""
        return received - self.taken - round(_PINGS * (time.monotonic() - self.since))


class Connections:
    """Counts and ends connections of a ROUTER; its thread runs from `start` to `close`.

    Parameters
    ----------
    router : zmq.Socket
        Not bound yet.
    """

    def __init__(self, router: "zmq.Socket[bytes]") -> None:
        router.setsockopt(zmq.RCVHWM, RECEIVE_QUEUE)
        router.setsockopt(zmq.SNDHWM, SEND_QUEUE)
        router.setsockopt(zmq.RCVBUF, RECEIVE_BUFFER)
        self._router = router
        self._monitor = router.get_monitor_socket(_WATCH)
        self._known: dict[int, _Connection] = {}
        self._by_peer: dict[bytes, int] = {}
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._most = raise_descriptor_limit() - SPARE_DESCRIPTORS
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.ended = 0

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def close(self) -> None:
        """Stop watching; before the socket is closed."""
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._router.disable_monitor()
        self._monitor.close(0)

    def take(self, peer: bytes, frame: zmq.Frame, owner: str, size: int, parts: int) -> None:
        """Note a message that was taken: from which peer, its last frame, whose it is, its bytes and frames."""
        descriptor = frame.get(zmq.SRCFD)
        assert isinstance(descriptor, int)
        with self._lock:
            known = self._known.get(descriptor)
            if known is None:
                known = self._note(descriptor)
            if known is None:
                return
            known.taken += size + parts * _FRAME_OVERHEAD
            if known.owner is None:
                known.owner = owner
                self._by_peer[peer] = descriptor
                if sum(other.owner == owner for other in self._known.values()) > MAX_CONNECTIONS:
                    self._end(descriptor, "too many connections of one client")

    def may_send(self, peer: bytes, size: int) -> bool:
        """Tell whether a client reads what it is sent, and count a message as sent; it asks again for what was not."""
        with self._lock:
            descriptor = self._by_peer.get(peer, -1)
            known = self._known.get(descriptor)
            if known is None or not sys.platform.startswith("linux"):
                return True
            if known.unsent + size > MAX_UNSENT:
                acknowledged = _counted(descriptor, known.peer, _ACKNOWLEDGED_AT)
                known.unsent = known.sent - (known.sent if acknowledged is None else acknowledged)
            if known.unsent + size > MAX_UNSENT:
                return False
            known.sent, known.unsent = known.sent + size, known.unsent + size
            return True

    def forget(self, peer: bytes) -> None:
        """Forget a peer that is gone."""
        with self._lock:
            self._by_peer.pop(peer, None)

    def end_all(self, owner: str, reason: str) -> None:
        """End the connections of a client."""
        with self._lock:
            for descriptor in [each for each, known in self._known.items() if known.owner == owner]:
                self._end(descriptor, reason)

    def owners(self) -> set[str]:
        """Return the keys of the clients that are connected."""
        with self._lock:
            return {known.owner for known in self._known.values() if known.owner is not None}

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                if self._monitor.poll(_PERIOD_MS):
                    self._follow()
                with self._lock:
                    self._check_unread()
            except Exception:
                log.exception("a look at the connections failed")
                self._over.wait(1.0)

    def _follow(self) -> None:
        """Take note of connections that came and went."""
        while self._monitor.poll(0):
            told = recv_monitor_message(self._monitor)
            descriptor = int(told["value"])
            with self._lock:
                if told["event"] != zmq.EVENT_ACCEPTED:
                    self._known.pop(descriptor, None)
                elif (accepted := self._note(descriptor)) is not None:
                    self._make_room(accepted.peer[0])

    def _note(self, descriptor: int) -> _Connection | None:
        peer = _peer_of(descriptor)
        if peer is None:
            return None
        before = self._known.get(descriptor)
        if before is None or before.peer != peer:
            self._known[descriptor] = _Connection(peer)
        return self._known[descriptor]

    def _make_room(self, address: str) -> None:
        strangers = [each for each, known in self._known.items() if known.owner is None and known.peer[0] == address]
        if len(strangers) > MAX_STRANGERS:
            self._end(min(strangers, key=lambda each: self._known[each].since), "too many strangers")
        if len(self._known) > self._most:
            oldest = min(self._known, key=lambda each: (self._known[each].owner is not None, self._known[each].since))
            self._end(oldest, "too many connections")

    def _check_unread(self) -> None:
        if not sys.platform.startswith("linux"):
            return
        for descriptor, known in list(self._known.items()):
            received = _counted(descriptor, known.peer, _RECEIVED_AT)
            if received is not None and known.unread(received) > MAX_UNREAD:
                self._end(descriptor, "a message without end")

    def _end(self, descriptor: int, reason: str) -> None:
        known = self._known.pop(descriptor)
        self.ended += 1
        log.info("ended a connection from %s: %s", known.peer[0], reason)
        with _borrowed(descriptor, known.peer) as there, contextlib.suppress(OSError):
            if there is not None:
                there.shutdown(socket.SHUT_RDWR)


def raise_descriptor_limit() -> int:
    """Raise the number of descriptors this process may have to what it may be raised to, and return it."""
    if sys.platform == "win32":
        return 4096
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 65536 if hard == resource.RLIM_INFINITY else min(hard, 65536)
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return max(soft, 2 * SPARE_DESCRIPTORS)


@contextlib.contextmanager
def _borrowed(descriptor: int, peer: tuple[str, int]) -> Iterator[socket.socket | None]:
    """Lend ZeroMQ's own socket where it is still the one of a peer, else None; ZeroMQ alone closes it."""
    if _peer_of(descriptor) != peer:
        yield None
        return
    there = socket.socket(fileno=descriptor)
    try:
        yield there
    finally:
        there.detach()


def _peer_of(descriptor: int) -> tuple[str, int] | None:
    try:
        there = socket.socket(fileno=descriptor)
    except OSError:
        return None
    try:
        address, port = there.getpeername()[:2]
        return str(address), int(port)
    except (OSError, ValueError):
        return None
    finally:
        there.detach()


def _counted(descriptor: int, peer: tuple[str, int], offset: int) -> int | None:
    """Return what Linux counted on a connection, in bytes; None where it is another by now."""
    with _borrowed(descriptor, peer) as there:
        if there is None:
            return None
        try:
            told = there.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _RECEIVED_AT + 8)
        except OSError:
            return None
    return int(struct.unpack_from("Q", told, offset)[0]) if len(told) >= offset + 8 else None
