"""Joining a Ray cluster, for workers on its nodes and for what is spread over them."""

import logging
import os
import signal
import socket
import threading
from pathlib import Path

from parascale.errors import InputError
from parascale.extras import require
from parascale.link.sockets import host_of, is_loopback

_CONNECT = 5.0  # seconds that the head of the cluster may take to take a connection


def connect_to_cluster(address: str) -> None:
    """Join a Ray cluster whose network takes nobody without its token.

    Raises
    ------
    InputError
        Where Ray is not installed, has no token, or no cluster answers.
    """
    require("a cluster", "cluster", ["ray"])
    if os.environ.setdefault("RAY_AUTH_MODE", "token") != "token":
        raise InputError("RAY_AUTH_MODE is not token: anyone who reaches a cluster without tokens runs code on it")
    token = Path(os.environ.get("RAY_AUTH_TOKEN_PATH", Path.home() / ".ray" / "auth_token"))
    if not (os.environ.get("RAY_AUTH_TOKEN") or token.is_file()):
        raise InputError(f"no token of the cluster: it is neither in RAY_AUTH_TOKEN nor in {token}")
    host = host_of(f"tcp://{address}")
    try:  # Ray itself tries for a minute, and ends this process then
        socket.create_connection((host, int(address.rpartition(":")[2])), _CONNECT).close()
    except (OSError, ValueError) as error:
        raise InputError(f"no Ray cluster answers at {address}") from error
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # no call makes a cluster of its own where ours is gone
    import ray

    here = {"_node_ip_address": host} if is_loopback(f"tcp://{address}") else {}
    before = signal.getsignal(signal.SIGTERM) if threading.current_thread() is threading.main_thread() else None
    try:
        ray.init(address=address, namespace="parascale", log_to_driver=False, logging_level=logging.ERROR, **here)
    except Exception as error:  # by what is wrong another of Ray's, Python's or its network library's
        raise InputError(f"no Ray cluster at {address} takes us: {str(error).partition(chr(10))[0]}") from error
    finally:
        if before is not None:  # Ray's own would end this process at once
            signal.signal(signal.SIGTERM, before)
