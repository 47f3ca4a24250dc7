"""Which ComfyUI servers a backend speaks to: those on its own machine, and those its operator names."""

import ipaddress
import os

from parascale.errors import InputError

VARIABLE = "PARASCALE_COMFYUI_SERVERS"
"""Environment variable of the backend: further servers, HOST:PORT, separated by commas."""

DEFAULT_PORT = 8188


def check_address(text: str) -> tuple[str, int]:
    """Return host and port of a server that may be spoken to.

    Parameters
    ----------
    text : str
        HOST or HOST:PORT.

    Raises
    ------
    InputError
        Where it is no address, or neither on this machine nor named by the operator: a client of the backend must not
        have it speak to machines of its network.
    """
    host, port = _split(text)
    trusted = {_split(item.strip()) for item in os.environ.get(VARIABLE, "").split(",") if item.strip()}
    if (host, port) in trusted or _is_loopback(host):
        return host, port
    raise InputError(
        f"{text} is not on the backend's machine: its operator has to name it in {VARIABLE} before it is spoken to"
    )


def _split(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon:
        host, port = text, str(DEFAULT_PORT)
    host = host.strip("[]")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536 or set(host) & set("/@?# "):
        raise InputError(f"{text!r} is not the address of a server: write HOST:PORT, such as 127.0.0.1:8188")
    return host, int(port)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
