"""Text messages of a WebSocket (RFC 6455), received; nothing else is needed of a ComfyUI server."""

import base64
import hashlib
import os
import socket
import struct

from parascale.errors import InputError

_MAGIC = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_CONTINUED, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
# A message longer than this is no status of a job.
_LONGEST = 64 << 20


class WebSocket:
    """A connection that receives messages.

    Parameters
    ----------
    host : str
    port : int
    path : str
        With its query.
    timeout : float
        Seconds that `receive` waits at most.

    Raises
    ------
    InputError
        Where nothing answers as a WebSocket.
    """

    def __init__(self, host: str, port: int, path: str, timeout: float) -> None:
        self._socket = socket.create_connection((host, port), timeout=10)
        self._buffer = b""
        self._message = b""
        self._kind = _TEXT
        key = base64.b64encode(os.urandom(16))
        name = f"[{host}]" if ":" in host else host
        lines = (
            f"GET {path} HTTP/1.1",
            f"Host: {name}:{port}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key.decode()}",
            "Sec-WebSocket-Version: 13",
        )
        self._socket.sendall("\r\n".join((*lines, "", "")).encode())
        answer = self._read_head()
        expected = base64.b64encode(hashlib.sha1(key + _MAGIC, usedforsecurity=False).digest())
        if b" 101 " not in answer.split(b"\r\n")[0] or expected not in answer:
            self.close()
            raise InputError(f"{host}:{port} does not answer as a ComfyUI server: it opens no WebSocket")
        self._socket.settimeout(timeout)

    def receive(self) -> str | None:
        """Return the next text message; None where none came in time.

        Raises
        ------
        ConnectionError
            Where the server has gone.
        """
        while True:
            frame = self._next_frame()
            if frame is None:
                return None
            final, kind, payload = frame
            if kind == _PING:
                self._send(_PONG, payload)
            elif kind == _CLOSE:
                raise ConnectionError("the server closed the connection")
            elif kind in (_CONTINUED, _TEXT, _BINARY):
                if kind != _CONTINUED:
                    self._kind, self._message = kind, b""
                self._message += payload
                if len(self._message) > _LONGEST:
                    raise ConnectionError("a message of the server is too long")
                if final and self._kind == _TEXT:
                    return self._message.decode(errors="replace")

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def _next_frame(self) -> tuple[bool, int, bytes] | None:
        """Return the next frame; what has come of one that is not whole yet is kept for the next call."""
        while True:
            parsed = _parse(self._buffer)
            if parsed is not None:
                final, kind, start, end = parsed
                payload, self._buffer = self._buffer[start:end], self._buffer[end:]
                return final, kind, payload
            try:
                received = self._socket.recv(1 << 16)
            except TimeoutError:
                return None
            if not received:
                raise ConnectionError("the server closed the connection")
            self._buffer += received

    def _read_head(self) -> bytes:
        while b"\r\n\r\n" not in self._buffer:
            received = self._socket.recv(1 << 16)
            if not received or len(self._buffer) > 1 << 16:
                break
            self._buffer += received
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        return head

    def _send(self, kind: int, payload: bytes) -> None:
        """Send a short frame, masked, as a client has to."""
        mask = os.urandom(4)
        masked = bytes(byte ^ mask[number % 4] for number, byte in enumerate(payload[:125]))
        self._socket.sendall(bytes([0x80 | kind, 0x80 | len(masked)]) + mask + masked)


def _parse(data: bytes) -> tuple[bool, int, int, int] | None:
    """Return (final, kind, start, end) of the first frame of some bytes; None where it is not whole."""
    if len(data) < 2:
        return None
    length, start = data[1] & 0x7F, 2
    wide = {126: (">H", 2), 127: (">Q", 8)}.get(length)
    if wide is not None:
        form, size = wide
        if len(data) < 2 + size:
            return None
        (length,) = struct.unpack(form, data[2 : 2 + size])
        start += size
    if length > _LONGEST:
        raise ConnectionError("a message of the server is too long")
    if len(data) < start + length:
        return None
    return bool(data[0] & 0x80), data[0] & 0x0F, start, start + length
