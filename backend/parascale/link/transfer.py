"""Files in content-addressed chunks, pulled by their receiver, resumable at both ends.

A file is announced with the SHA-256 of each of its chunks. The receiver asks for chunks by that hash, a few ahead,
checks each one and appends it; what it holds of an earlier attempt it checks the same way and keeps.
"""

import contextlib
import errno
import hashlib
import os
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path
from typing import IO

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

    def wanted(self) -> list[str]:
        """Return the chunks to ask for now; opens, resumes and finishes files on the way.

        Raises
        ------
        InputError
            Where the folder cannot be written.
        """
        try:
            while not self.complete and not self._opened():
                self._finish()
        except OSError as error:
            raise InputError(f"{self.folder} cannot be written: {error.strerror}") from error
        if self.complete:
            return []
        if time.monotonic() - self._heard > _PATIENCE:
            self.ask_again()
        chunks = self.files[self._at].chunks
        end = min(self._next + IN_FLIGHT, len(chunks))
        asked, self._asked = chunks[self._asked : end], max(self._asked, end)
        return list(asked)

    def ask_again(self) -> None:
        """Count nothing as asked for: the connection is a new one."""
        self._asked = self._next
        self._heard = time.monotonic()

    def take(self, chunk: str, data: bytes) -> None:
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
        if self._open is not None:
            self._open.close()
            self._open = None

    def _opened(self) -> bool:
        """Tell whether a file is open that still lacks chunks."""
        info = self.files[self._at]
        if self._open is None and not self._in_place(info):
            self._open = self._resume(info)
            self._asked, self._heard = self._next, time.monotonic()
        return self._open is not None and self._next < len(info.chunks)

    def _in_place(self, info: FileInfo) -> bool:
        path = self.folder / info.name
        if not path.is_file() or path.stat().st_size != info.size:
            return False
        with path.open("rb") as file:
            return _agreeing(file, info) == len(info.chunks)

    def _resume(self, info: FileInfo) -> FileIO:
        part = self._part(info)
        file = part.open("r+b" if part.exists() else "w+b", buffering=0)
        self._next = _agreeing(file, info)
        file.seek(self._next * CHUNK)
        file.truncate()
        return file

    def _finish(self) -> None:
        info = self.files[self._at]
        if self._open is not None:
            self.close()
            os.replace(self._part(info), self.folder / info.name)
        self._at, self._next, self._asked = self._at + 1, 0, 0

    def _part(self, info: FileInfo) -> Path:
        return self.folder / f"{info.name}.part"


def _agreeing(file: IO[bytes], info: FileInfo) -> int:
    """Count the chunks at the start of a file that are as announced."""
    for index, chunk in enumerate(info.chunks):
        if hashlib.sha256(file.read(CHUNK)).hexdigest() != chunk:
            return index
    return len(info.chunks)
