"""Files in content-addressed chunks, pulled by their receiver, resumable at both ends.

A file is announced with the SHA-256 of each of its chunks. The receiver asks for chunks by that hash, a few ahead,
checks each one and appends it; what it holds of an earlier attempt it checks the same way and keeps.
"""

import contextlib
import errno
import hashlib
import math
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

from parascale.errors import InputError
from parascale.link.limits import CHUNK, IN_FLIGHT, MAX_FILES
from parascale.link.messages import FileInfo

_NAME = re.compile(r"[^\W_][^/\\:*?\"<>|\x00-\x1f]{0,120}")
_UNSAFE = re.compile(r"[^\w.() -]")  # \w keeps letters of every script
_HASH = re.compile(r"[0-9a-f]{64}")
_ROLE = re.compile(r"[a-z][a-z0-9_]{0,40}")
_PATIENCE = 5.0  # seconds without an expected chunk before it is asked for again
_BAD_CHUNKS = 3  # wrong chunks in a row: the file changed under the sender's hands


def describe_file(role: str, path: Path) -> FileInfo:
    """Return the header of a file; reads it once.

    Raises
    ------
    InputError
        Where it cannot be read.
    """
    try:
        with path.open("rb") as file:
            chunks = tuple(hashlib.sha256(data).hexdigest() for data in iter(lambda: file.read(CHUNK), b""))
            return FileInfo(role, safe_name(path.name, role), file.tell(), chunks)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error


def describe_bytes(role: str, name: str, data: bytes) -> FileInfo:
    """Return the header of a file that holds these bytes."""
    pieces = (data[start : start + CHUNK] for start in range(0, len(data), CHUNK))
    return FileInfo(role, name, len(data), tuple(hashlib.sha256(piece).hexdigest() for piece in pieces))


def safe_name(name: str, fallback: str) -> str:
    """Return a name that every system takes and that cannot leave its folder."""
    cleaned = _UNSAFE.sub("_", name)[-100:].strip("_. ()-")
    return f"{cleaned}_" if cleaned.endswith(".part") else cleaned or fallback


def check_files(files: Sequence[FileInfo]) -> None:
    """Refuse headers of files that could not be true or would leave their folder.

    Raises
    ------
    InputError
        With the first thing wrong.
    """
    if len(files) > MAX_FILES:
        raise InputError(f"{len(files)} files are over the {MAX_FILES} a message may announce")
    if len({file.name.casefold() for file in files}) != len(files):
        raise InputError("two files have the same name")
    for file in files:
        if not _NAME.fullmatch(file.name) or file.name.endswith((".", " ", ".part")):
            raise InputError(f"{file.name[:40]!r} is no name for a file")
        if not _ROLE.fullmatch(file.role):
            raise InputError(f"{file.role[:40]!r} is no role of a file")
        if file.size < 0 or len(file.chunks) != -(-file.size // CHUNK):
            raise InputError(f"file {file.name} announces {file.size} bytes in {len(file.chunks)} chunks")
        if not all(_HASH.fullmatch(chunk) for chunk in file.chunks):
            raise InputError(f"file {file.name} announces a chunk by what is no SHA-256")


class Sender:
    """Finds the chunks of announced files.

    Parameters
    ----------
    files : sequence of (FileInfo, Path or bytes)
        Where each file is, or what is in it.
    """

    def __init__(self, files: Sequence[tuple[FileInfo, Path | bytes]]) -> None:
        self._places = {chunk: (file, index * CHUNK) for info, file in files for index, chunk in enumerate(info.chunks)}

    def read(self, chunk: str) -> bytes:
        """Return a chunk.

        Raises
        ------
        InputError
            Where no announced file holds it, or the file cannot be read any more.
        """
        if chunk not in self._places:
            raise InputError("no file of this job holds that chunk")
        source, offset = self._places[chunk]
        if isinstance(source, bytes):
            return source[offset : offset + CHUNK]
        try:
            with source.open("rb") as file:
                file.seek(offset)
                return file.read(CHUNK)
        except OSError as error:
            raise InputError(f"{source.name} cannot be read: {error.strerror}") from error


@dataclass
class Receiver:
    """Brings the files of a job into a folder, one after the other.

    Attributes
    ----------
    files : sequence of FileInfo
    folder : Path
        Made where missing. Unfinished files end in ``.part``.
    """

    files: Sequence[FileInfo]
    folder: Path
    _at: int = 0  # the file that is being written
    _next: int = 0  # its chunk that is needed next
    _asked: int = 0  # its first chunk not yet asked for
    _bad: int = 0
    _heard: float = 0.0
    _open: FileIO | None = field(default=None, repr=False)
    _held: FileIO | None = field(default=None, repr=False)  # what is there of the file, while it is looked at
    _whole: bool = False  # whether that is the file in its place, not an unfinished one

    def __post_init__(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.folder} cannot be written: {error.strerror}") from error

    @property
    def complete(self) -> bool:
        """Whether every file is in its place."""
        return self._at == len(self.files)

    @property
    def fraction(self) -> float:
        """How much has arrived, 0 .. 1."""
        total = sum(file.size for file in self.files)
        done = sum(file.size for file in self.files[: self._at]) + self._next * CHUNK
        return min(1.0, done / total) if total else 1.0

    @property
    def missing(self) -> int:
        """Bytes that have not arrived yet."""
        return max(0, sum(file.size for file in self.files[self._at :]) - self._next * CHUNK)

    def paths(self) -> list[Path]:
        """Return where the files are, in their order."""
        return [self.folder / file.name for file in self.files]

    @property
    def is_looking(self) -> bool:
        """Whether it is not known yet what is there of the file it is at: `wanted` goes on to look."""
        return not self.complete and self._open is None

    def wanted(self, seconds: float = math.inf, ahead: int = IN_FLIGHT) -> list[str]:
        """Return the chunks to ask for now; opens, resumes and finishes files on the way.

        Parameters
        ----------
        seconds : float
            At most so long, and a chunk, it looks at what is there of an earlier attempt; nothing is wanted meanwhile.
        ahead : int
            At most so many are on their way.

        Raises
        ------
        InputError
            Where the folder cannot be written.
        """
        end = time.monotonic() + seconds
        try:
            while not self.complete and not self._opened(end):
                if self._open is None:
                    return []
                self._finish()
        except OSError as error:
            raise InputError(f"{self.folder} cannot be written: {error.strerror}") from error
        if self.complete:
            return []
        if time.monotonic() - self._heard > _PATIENCE:
            self.ask_again()
        chunks = self.files[self._at].chunks
        end = min(self._next + ahead, len(chunks))
        asked, self._asked = chunks[self._asked : end], max(self._asked, end)
        return list(asked)

    def ask_again(self) -> None:
        """Count nothing as asked for: the connection is a new one."""
        self._asked = self._next
        self._heard = time.monotonic()

    def take(self, chunk: str, data: bytes | memoryview) -> None:
        """Write a chunk that arrived; one that is not awaited, or comes twice, is dropped.

        Raises
        ------
        InputError
            Where the sender's file keeps differing from what it announced, or the disk is full.
        """
        if self.complete or self._open is None or chunk != self.files[self._at].chunks[self._next]:
            return
        size = min(CHUNK, self.files[self._at].size - self._next * CHUNK)
        if len(data) != size or hashlib.sha256(data).hexdigest() != chunk:
            self._bad += 1
            if self._bad >= _BAD_CHUNKS:
                raise InputError(f"{self.files[self._at].name} changed while it was sent: start the job again")
            self.ask_again()
            return
        try:
            self._open.seek(self._next * CHUNK)  # where a write broke off half way, it is done again
            if self._open.write(data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            with contextlib.suppress(OSError):
                self._open.truncate(self._next * CHUNK)
            raise InputError(f"{self.folder} cannot be written: {error.strerror}") from error
        self._bad, self._heard = 0, time.monotonic()
        self._next += 1

    def close(self) -> None:
        """Let go of the open file; what arrived stays."""
        for file in (self._open, self._held):
            if file is not None:
                file.close()
        self._open = self._held = None

    def _opened(self, end: float) -> bool:
        """Tell whether a file is open that still lacks chunks; where it is not known by then, no file is open."""
        info = self.files[self._at]
        if self._open is None:
            path = self.folder / info.name
            if self._held is None:
                self._whole = path.is_file() and path.stat().st_size == info.size
                self._hold(path if self._whole else self._part(info))
            if not self._look(info, end):
                return False
            if self._whole and self._next < len(info.chunks):
                self.close()
                self._whole = False
                self._hold(self._part(info))
                return self._opened(end)
            if self._held is not None and not self._whole:
                self._held.truncate(self._next * CHUNK)
            self._open, self._held = self._held, None
            self._asked, self._heard = self._next, time.monotonic()
        return self._next < len(info.chunks)

    def _hold(self, path: Path) -> None:
        mode = "rb" if self._whole else "r+b" if path.exists() else "w+b"
        self._held, self._next = FileIO(path, mode.replace("b", "")), 0

    def _look(self, info: FileInfo, end: float) -> bool:
        """Count the chunks at the start of the held file that are as announced; tell whether all were looked at."""
        assert self._held is not None
        while self._next < len(info.chunks):
            if time.monotonic() >= end:
                return False
            if hashlib.sha256(self._held.read(CHUNK)).hexdigest() != info.chunks[self._next]:
                return True
            self._next += 1
        return True

    def _finish(self) -> None:
        info = self.files[self._at]
        self.close()
        if not self._whole:
            os.replace(self._part(info), self.folder / info.name)
        self._at, self._next, self._asked, self._whole = self._at + 1, 0, 0, False

    def _part(self, info: FileInfo) -> Path:
        return self.folder / f"{info.name}.part"
