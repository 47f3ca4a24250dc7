"""Files on their way: those that jobs wait for, and those that clients fetch."""

import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from parascale.errors import InputError
from parascale.link import messages as m
from parascale.link.limits import IN_FLIGHT
from parascale.link.transfer import Receiver, Sender
from parascale.service.journal import Job

Key = tuple[str, str]


class Send(Protocol):
    """Sends a message to one peer."""

    def __call__(self, peer: bytes, message: m.Message, frames: Sequence[bytes] = ...) -> None:
        """Send it, or drop it where the peer reads too slowly."""


ALL_IN_FLIGHT = 16
"""Chunks asked of a client and not yet arrived, which its uploads share; each has one at least."""

_SENDERS = 16
_ACTIVE = 30.0  # seconds without a chunk after which an upload reserves no room any more


@dataclass(eq=False)
class _Upload:
    receiver: Receiver
    peer: bytes
    heard: float = field(default_factory=time.monotonic)


class Uploads:
    """The jobs that wait for their files.

    Parameters
    ----------
    send : callable
        Sends a message to one peer.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._uploads: dict[Key, _Upload] = {}
        self._counts: Counter[str] = Counter()  # of uploads, by their owner

    def __iter__(self) -> Iterator[Key]:
        return iter(list(self._uploads))

    @property
    def expected(self) -> int:
        """Bytes that are announced and still come; those of uploads that stopped count for nothing."""
        now = time.monotonic()
        active = (upload for upload in self._uploads.values() if now - upload.heard < _ACTIVE)
        return sum(upload.receiver.missing for upload in active)

    def is_active(self, key: Key) -> bool:
        """Tell whether chunks of a job arrived lately."""
        upload = self._uploads.get(key)
        return upload is not None and time.monotonic() - upload.heard < _ACTIVE

    def fraction(self, key: Key) -> float:
        """Return how much of a job's files is here, 0 .. 1."""
        upload = self._uploads.get(key)
        return upload.receiver.fraction if upload else 0.0

    def start(self, job: Job, folder: Path, peer: bytes) -> None:
        """Pull a job's files from a peer; where it was another one before, go on from there.

        Raises
        ------
        InputError
            Where the folder cannot be written.
        """
        upload = self._uploads.get(job.key)
        if upload is None:
            self._put(job.key, _Upload(Receiver(job.files, folder), peer))
        elif upload.peer != peer:
            upload.peer = peer
            upload.receiver.ask_again()

    def take(self, key: Key, message: m.Chunk | m.NoChunk, frames: list[bytes]) -> bool:
        """Write a chunk that came; tell whether the job waits for files at all.

        Raises
        ------
        InputError
            Where the client's file cannot be had, or not be written.
        """
        upload = self._uploads.get(key)
        if upload is None:
            return False
        if isinstance(message, m.NoChunk):
            raise InputError(f"the client cannot send its file: {message.message[:200]}")
        before = upload.receiver.missing
        upload.receiver.take(message.chunk, frames[0] if len(frames) == 1 else b"")
        if upload.receiver.missing < before:
            upload.heard = time.monotonic()
        return True

    @property
    def is_looking(self) -> bool:
        """Whether it is not known yet how much of some job's files is here from an earlier attempt."""
        return any(upload.receiver.is_looking for upload in self._uploads.values())

    def pull(self, key: Key, seconds: float = 0.0) -> bool:
        """Ask for the chunks that are needed next; tell whether all files of the job are here.

        Parameters
        ----------
        key : Key
        seconds : float
            How long it may look at what is here of an earlier attempt.

        Raises
        ------
        InputError
            Where the folder cannot be written.
        """
        upload = self._uploads[key]
        ahead = min(IN_FLIGHT, max(1, ALL_IN_FLIGHT // self._counts[key[0]]))
        for chunk in upload.receiver.wanted(seconds, ahead):
            self._send(upload.peer, m.Pull(key[1], chunk))
        return upload.receiver.complete

    def drop(self, key: Key) -> Callable[[], None]:
        """Let go of a job's files; what arrived stays. Return what takes that back."""
        upload = self._uploads.pop(key, None)
        if upload is None:
            return lambda: None
        self._counts[key[0]] -= 1
        upload.receiver.close()
        return partial(self._put, key, upload)

    def _put(self, key: Key, upload: _Upload) -> None:
        self._uploads[key] = upload
        self._counts[key[0]] += 1

    def close(self) -> None:
        """Let go of all files."""
        for key in self:
            self.drop(key)


class Downloads:
    """The results that clients fetch: where each chunk of the last few jobs is."""

    def __init__(self) -> None:
        self._senders: OrderedDict[Key, Sender] = OrderedDict()

    def __contains__(self, key: Key) -> bool:
        return key in self._senders

    def start(self, job: Job, folder: Path) -> None:
        """Find the chunks of a job's results, once for all that are asked for: the journal has a line for each."""
        self._senders[job.key] = Sender([(file, folder / file.name) for file in job.results])
        while len(self._senders) > _SENDERS:
            self._senders.popitem(last=False)

    def read(self, key: Key, chunk: str) -> bytes:
        """Return a chunk of the results of a job that was started.

        Raises
        ------
        InputError
            Where there is none.
        """
        self._senders.move_to_end(key)
        return self._senders[key].read(chunk)

    def drop(self, key: Key) -> None:
        """Forget where the results of a job are."""
        self._senders.pop(key, None)
