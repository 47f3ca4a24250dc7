"""A client's end of the wire: one encrypted socket that reconnects by itself and never blocks."""

import logging
import time
from collections.abc import Sequence

from parascale.errors import InputError, Remedy
from parascale.link.codec import VersionError, decode, encode
from parascale.link.keys import Keys
from parascale.link.limits import SILENCE
from parascale.link.messages import Message
from parascale.link.sockets import guard, zeromq

log = logging.getLogger(__name__)

_RECONNECT_MS = 100
_RECONNECT_MAX_MS = 2000
_BROKEN_HANDSHAKES = 4  # in a row, after which a user is told; each is tried again
_UNKNOWN_KEY = 400


class Connection:
    """A DEALER under CURVE, watched by its monitor.

    Parameters
    ----------
    address : str
        ``tcp://HOST:PORT``.
    server_key : bytes
        The server's public key; a server that cannot prove it gets no connection.
    identity : Keys
        By which the server knows us.
    """

    def __init__(self, address: str, server_key: bytes, identity: Keys) -> None:
        self.address = address
        self.connections = 0
        self._open = False
        self._heard = self._lost = self._looked = time.monotonic()
        self._refusal: str | None = None
        self._broken = 0  # handshakes that ended without a reason, in a row
        self._reached = False  # whether something took a connection, if only to end it
        self._zmq = zeromq()
        self._context = self._zmq.Context()
        self._socket = self._context.socket(self._zmq.DEALER)
        guard(self._socket, address)
        self._socket.curve_publickey = identity.public
        self._socket.curve_secretkey = identity.secret
        self._socket.curve_serverkey = server_key
        self._socket.setsockopt(self._zmq.RECONNECT_IVL, _RECONNECT_MS)
        self._socket.setsockopt(self._zmq.RECONNECT_IVL_MAX, _RECONNECT_MAX_MS)
        events = self._zmq.EVENT_HANDSHAKE_SUCCEEDED | self._zmq.EVENT_DISCONNECTED
        events |= self._zmq.EVENT_HANDSHAKE_FAILED_AUTH | self._zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
        events |= self._zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | self._zmq.EVENT_CONNECTED
        self._monitor = self._socket.get_monitor_socket(events)
        self._poller = self._zmq.Poller()
        self._poller.register(self._socket, self._zmq.POLLIN)
        self._poller.register(self._monitor, self._zmq.POLLIN)
        try:
            self._socket.connect(address)
        except self._zmq.ZMQError as error:
            self.close()
            raise InputError(f"{address!r} cannot be connected to: {error.strerror}") from error

    def close(self) -> None:
        """Hang up."""
        self._socket.disable_monitor()
        self._monitor.close(0)
        self._socket.close(0)
        self._context.term()

    def send(self, message: Message, frames: Sequence[bytes | memoryview] = ()) -> None:
        """Send a message, or drop it where the queue to a server that is away is full: it is asked for again."""
        try:
            self._socket.send_multipart([encode(message), *frames], self._zmq.DONTWAIT, copy=False)
        except self._zmq.Again:
            log.debug("dropped a %s message: no one takes it", type(message).__name__)

    def receive(self) -> tuple[Message, list[memoryview]] | None:
        """Return the next message and its frames, which are not copied; None where there is none."""
        while True:
            try:
                header, *frames = self._socket.recv_multipart(self._zmq.DONTWAIT, copy=False)
            except self._zmq.Again:
                self._looked = time.monotonic()
                return None
            self._heard = time.monotonic()
            try:
                return decode(header.bytes), [frame.buffer for frame in frames]
            except VersionError as error:
                self._refusal = f"the backend at {self.address} is of another version: {error}"
            except InputError as error:
                log.warning("dropped a message from %s: %s", self.address, error)

    def watch(self) -> bool:
        """Take note of what became of the connection; tell whether there is a new one."""
        fresh = False
        while self._monitor.poll(0):
            told = self._zmq.utils.monitor.recv_monitor_message(self._monitor)
            event = told["event"]
            if event == self._zmq.EVENT_HANDSHAKE_SUCCEEDED:
                fresh = self._open = True
                self._heard, self._refusal, self._broken = time.monotonic(), None, 0
                self.connections += 1
            elif event == self._zmq.EVENT_HANDSHAKE_FAILED_AUTH:
                self._refusal = self._auth_refusal(told["value"])
            elif event == self._zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL:
                self._refusal = self._protocol_refusal(told["value"])
            elif event == self._zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL:
                self._broken += 1
            elif event == self._zmq.EVENT_CONNECTED:
                self._reached = True
            elif self._open:
                self._open, self._lost = False, time.monotonic()
        return fresh

    def _auth_refusal(self, status: int) -> str:
        """Word the status of ZAP, RFC 27, by which a backend refuses a client."""
        if status == _UNKNOWN_KEY:
            return (
                f"the backend at {self.address} does not know this client's key: put its client.key into "
                "the clients folder of the backend's keys"
            )
        return f"the backend at {self.address} lets nobody in now (status {status}): try again later"

    def _protocol_refusal(self, error: int) -> str:
        if error == self._zmq.PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC:
            return f"what answers at {self.address} does not hold the backend's key: check address and keys"
        return f"what answers at {self.address} is no ParaScale backend: check the address"

    def _unfinished_handshake(self) -> str:
        """Word a handshake that does not come to its end: ZeroMQ closes alike on a wrong key and on a cut line."""
        how = f"was ended {self._broken} times" if self._broken else "does not come to its end"
        return (
            f"the handshake with what answers at {self.address} {how}, for a reason that is not known: it does not "
            "hold the backend's key, is no backend, or the network cuts connections: check address and keys"
        )

    @property
    def is_open(self) -> bool:
        """Whether there is a connection now, as far as we know."""
        return self._open

    def wait(self, seconds: float) -> None:
        """Return when something arrives, at the latest after some time."""
        self._poller.poll(round(seconds * 1000))

    @property
    def remedy(self) -> Remedy:
        """What would mend a trouble: a backend has to be started if none ever answered."""
        return "" if self.connections or self._refusal or self._reached else "start-backend"

    @property
    def silence(self) -> float:
        """Seconds without a sign of life from the other end, as far as we looked: not while we were busy ourselves."""
        return self._looked - (self._heard if self._open else min(self._heard, self._lost))

    def trouble(self, patience: float = SILENCE) -> str | None:
        """Return why the other end cannot be reached, one sentence; None while all is well."""
        if self._refusal is not None:
            return self._refusal
        if self._broken >= _BROKEN_HANDSHAKES:
            return self._unfinished_handshake()
        if self.silence <= patience:
            return None
        if self._reached and not self.connections:
            return self._unfinished_handshake()
        if not self.connections:
            return f"No backend answers at {self.address}"
        return f"The backend at {self.address} stopped answering: start it again, its jobs are kept"
