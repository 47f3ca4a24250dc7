"""ZeroMQ, imported when it is needed: Blender's pure build of the add-on ships none."""

import ipaddress
import types
from typing import TYPE_CHECKING

from parascale.errors import InputError
from parascale.link.limits import MAX_FRAME

if TYPE_CHECKING:
    import zmq

PORT = 5571
LOOPBACK = f"tcp://127.0.0.1:{PORT}"

# Every frame grows by a nonce, a tag and flags on its way through CURVE.
_CURVE_OVERHEAD = 256
_HANDSHAKE_MS = 5000
_HEARTBEAT_MS = 2000
_HEARTBEAT_TIMEOUT_MS = 6000


def zeromq() -> types.ModuleType:
    """Return the ``zmq`` module with its ``auth`` and ``utils.monitor``.

    Raises
    ------
    InputError
        Where it is not installed or was built without CURVE.
    """
    try:
        import zmq.auth
        import zmq.utils.monitor
    except ImportError as error:
        raise InputError("pyzmq is not installed: without it no backend can be reached") from error
    if not zmq.has("curve"):
        raise InputError("this pyzmq was built without CURVE: install the wheel from PyPI")
    return zmq


def host_of(address: str) -> str:
    """Return the host in ``tcp://HOST:PORT``.

    Raises
    ------
    InputError
        Where the address has another form.
    """
    scheme, _, rest = address.partition("://")
    host, _, port = rest.rpartition(":")
    if scheme != "tcp" or not host or not (port == "*" or (port.isdecimal() and int(port) < 65536)):
        raise InputError(f"{address!r} is no address: write tcp://HOST:PORT, such as {LOOPBACK}")
    return host.strip("[]")


def is_loopback(address: str) -> bool:
    """Tell whether only this machine can reach an address."""
    host = host_of(address)
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def guard(socket: "zmq.Socket[bytes]", address: str) -> None:
    """Protect a socket: no frame over the cap, no endless handshake, no dead peer, no waiting at the end."""
    z = zeromq()
    socket.setsockopt(z.MAXMSGSIZE, MAX_FRAME + _CURVE_OVERHEAD)
    socket.setsockopt(z.HANDSHAKE_IVL, _HANDSHAKE_MS)
    socket.setsockopt(z.HEARTBEAT_IVL, _HEARTBEAT_MS)
    socket.setsockopt(z.HEARTBEAT_TIMEOUT, _HEARTBEAT_TIMEOUT_MS)
    socket.setsockopt(z.LINGER, 0)
    socket.setsockopt(z.IPV6, int(":" in host_of(address)))
