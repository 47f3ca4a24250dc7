"""Who may connect: ZeroMQ's authentication protocol (RFC 27), answered in the server's own loop."""

import zmq
from zmq.utils import z85

from parascale.service.access import Access

_VERSION = b"1.0"
_PARTS = 7


class Doorkeeper:
    """Lets in the clients that prove to hold an allowed key; a message then carries the key as its ``User-Id``.

    Parameters
    ----------
    context : zmq.Context
        Whose sockets are guarded.
    access : Access
        Asked at every handshake, so that a key can be added or taken away.
    """

    def __init__(self, context: "zmq.Context[zmq.Socket[bytes]]", access: Access) -> None:
        self._access = access
        self.socket = context.socket(zmq.REP)
        self.socket.bind("inproc://zeromq.zap.01")

    def answer(self) -> None:
        """Answer the handshakes that wait."""
        while self.socket.poll(0):
            parts = self.socket.recv_multipart()
            request = parts[1] if len(parts) > 1 else b""
            owner = self._owner(parts)
            verdict = [b"400", b"unknown key", b""] if owner is None else [b"200", b"OK", owner]
            self.socket.send_multipart([_VERSION, request, *verdict, b""])

    def close(self) -> None:
        """Leave the door: nobody gets in any more."""
        self.socket.close(0)

    def _owner(self, parts: list[bytes]) -> bytes | None:
        if len(parts) != _PARTS or parts[0] != _VERSION or parts[5] != b"CURVE" or len(parts[6]) != 32:
            return None
        key = z85.encode(parts[6])
        return None if self._access.find(key.decode(), at_once=True) is None else key
