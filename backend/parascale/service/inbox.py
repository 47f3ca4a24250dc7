"""Messages that wait for the loop, each client's in a queue of its own: what one sends holds up the others no more."""

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import zmq

MAX_WAITING = 1024
"""Messages of a client that wait, more than it may have jobs. What is beyond is dropped where others are connected."""

MAX_WAITING_BYTES = 64 << 20
"""Bytes of a client that wait: several times what `transfers.ALL_IN_FLIGHT` has it send."""

_TURN = 0.02  # seconds after which a turn ends, once each client had a message taken


@dataclass(frozen=True)
class Incoming:
    """A message as it came: from which peer, with whose key, its frames and their bytes."""

    peer: bytes
    key: str
    parts: Sequence[zmq.Frame]
    size: int


@dataclass
class _Waiting:
    messages: deque[Incoming] = field(default_factory=deque)
    size: int = 0


class Inbox:
    """The messages of all clients that were not handled yet."""

    def __init__(self) -> None:
        self._clients: dict[str, _Waiting] = {}

    def __bool__(self) -> bool:
        return bool(self._clients)

    @property
    def is_full(self) -> bool:
        """Whether a client has as many messages here as it may have."""
        return any(
            len(waiting.messages) >= MAX_WAITING or waiting.size >= MAX_WAITING_BYTES
            for waiting in self._clients.values()
        )

    def put(self, message: Incoming) -> bool:
        """Keep a message; tell whether there was room for it."""
        waiting = self._clients.setdefault(message.key, _Waiting())
        if len(waiting.messages) >= MAX_WAITING or waiting.size >= MAX_WAITING_BYTES:
            return False
        waiting.messages.append(message)
        waiting.size += message.size
        return True

    def work_off(self, handle: Callable[[Incoming], None]) -> None:
        """Handle one message of each client, then another of each, until the time of a turn is over."""
        end = time.monotonic() + _TURN
        while self._clients:
            for key, waiting in list(self._clients.items()):
                message = waiting.messages.popleft()
                waiting.size -= message.size
                if not waiting.messages:
                    del self._clients[key]
                handle(message)
            if time.monotonic() >= end:
                return
