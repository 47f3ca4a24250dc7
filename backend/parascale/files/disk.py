"""Files in and out, whole or not at all, links followed, devices and pipes written through; text in any line ending."""

import codecs
import errno
import os
import shutil
import stat
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from parascale.errors import InputError

# 100,000 frames as text take about 25 MB; beyond this a file only fills the memory.
LARGEST_TEXT = 200_000_000

STANDARD_OUTPUT = Path("-")

MARK = "ParaScale:"
"""What our files carry, each where its format has a place for it, so that they are known again."""

MARKED_HEADER = 1024
"""A .npy file has no place for a mark: ours have a header of this size, which NumPy pads to 128 bytes."""

# Video, picture and text carry it at their beginning, archives at their end.
MARKED = 4_000_000


def read_bytes(path: Path, largest: int = LARGEST_TEXT) -> bytes:
    """Read a file of at most ``largest`` bytes.

    Raises
    ------
    InputError
        Where it is missing, unreadable or larger.
    """
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            data = file.read(largest + 1) if size <= largest else b""
    except FileNotFoundError:
        raise InputError(f"{path} does not exist") from None
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from None
    if max(size, len(data)) > largest:
        raise InputError(f"{path} is larger than {largest // 1_000_000} MB, the limit for such a file")
    return data


def decode_text(data: bytes, errors: str = "strict") -> str:
    """Decode UTF-8, or UTF-16 with a byte-order mark, as PowerShell writes it; all line ends become newlines.

    Raises
    ------
    UnicodeDecodeError
        Where errors are strict and it is neither.
    """
    encoding = "utf-16" if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) else "utf-8-sig"
    return data.decode(encoding, errors).replace("\r\n", "\n").replace("\r", "\n")


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """Read text as `decode_text` decodes it.

    Raises
    ------
    InputError
        As `read_bytes`, and where the file is not UTF-8 text.
    """
    data = read_bytes(path, largest)
    try:
        text = decode_text(data)
        fault = text.find("\0")
    except UnicodeDecodeError as error:
        text, fault = data[: error.start].decode("latin-1"), error.start
    if fault >= 0:
        line = text.count("\n", 0, fault) + 1
        raise InputError(f"{path}, line {line}: this is not UTF-8 text")
    return text


def is_stream(path: Path) -> bool:
    """Tell whether what is written to a path goes on and is not kept there: ``-``, a device, a pipe.

    Standard output is one however it is named, so that a file it is redirected to is written and not replaced.
    """
    if path == STANDARD_OUTPUT:
        return True
    try:
        found = path.stat()
        mode = found.st_mode
        return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)) or is_standard_output(path)
    except OSError:
        return False


def is_standard_output(path: Path) -> bool:
    """Tell whether a path is what this process prints to."""
    try:
        return path == STANDARD_OUTPUT or os.path.samestat(path.stat(), os.fstat(1))
    except OSError:
        return False


def destination(path: Path) -> Path:
    """Return the file that is written for a path: a link's target, so that the link stays."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def replace_files(files: Mapping[Path, bytes]) -> None:
    """Write all files aside, flush them to disk, then move all into place; streams are written through.

    Raises
    ------
    InputError
        Where a folder does not exist or cannot be written; then nothing is left behind.
    """
    aside = {path: _name_aside(path) for path in files if not is_stream(path)}
    path = Path()
    try:
        for path, name in aside.items():
            with name.open("xb") as file:
                file.write(files[path])
                file.flush()
                os.fsync(file.fileno())
        for path, name in aside.items():
            os.replace(name, destination(path))
        for path in files.keys() - aside.keys():
            with _open_stream(path) as file:
                file.write(files[path])
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        for name in aside.values():
            name.unlink(missing_ok=True)


@contextmanager
def replaced(path: Path) -> Iterator[IO[bytes]]:
    """Open a file aside that moves into place at the end, where no exception came; a stream is written through.

    It is not flushed to disk.

    Raises
    ------
    InputError
        Where it cannot be written; then nothing is left behind.
    """
    aside = None if is_stream(path) else _name_aside(path)
    try:
        with _open_stream(path) if aside is None else aside.open("xb") as file:
            yield file
        if aside is not None:
            os.replace(aside, destination(path))
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        if aside is not None:
            aside.unlink(missing_ok=True)


def move_file(source: Path, path: Path) -> None:
    """Move a file into place; to a stream, write what it holds.

    Raises
    ------
    InputError
        Where it cannot be written.
    """
    try:
        if not is_stream(path):
            os.replace(source, destination(path))
            return
    except OSError as error:
        if error.errno != errno.EXDEV:  # on another disk: copied
            raise InputError(f"{path} cannot be written: {error.strerror}") from None
    with source.open("rb") as content, replaced(path) as file:
        shutil.copyfileobj(content, file)


def _name_aside(path: Path) -> Path:
    """Name the file beside a destination that becomes it."""
    # Not by tempfile, whose files only their owner may read.
    return destination(path).with_name(f".{uuid.uuid4().hex}.tmp")


def _open_stream(path: Path) -> IO[bytes]:
    if is_standard_output(path):
        sys.stdout.flush()
        return os.fdopen(os.dup(1), "wb")
    return path.open("wb")


def is_marked(path: Path) -> bool:
    """Tell whether a file, or one of a folder's, carries our mark."""
    if path.is_dir():
        return any(is_marked(file) for file in path.rglob("*") if file.is_file())
    with path.open("rb") as file:
        content = file.read(MARKED)
        file.seek(max(path.stat().st_size - MARKED, 0))
        content += file.read()
    if content.startswith(b"\x93NUMPY"):
        return 10 + int.from_bytes(content[8:10], "little") == MARKED_HEADER
    return any(MARK.encode(encoding) in content for encoding in ("ascii", "utf-32-le"))  # as text, and as NumPy has it


def make_folder(path: Path) -> Path:
    """Make a folder inside one that exists; one that is there already is used.

    Raises
    ------
    InputError
        Where it cannot be made, or a file has its name.
    """
    try:
        path.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"the folder {path} cannot be made: {error.strerror}") from None
    return path
