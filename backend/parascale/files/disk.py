"""Files in and out, whole or not at all: size limits, text in any line ending, writing beside and moving into place."""

import os
import uuid
from collections.abc import Mapping
from pathlib import Path

from parascale.errors import InputError

# 100,000 frames as text take about 25 MB; beyond this a file only fills the memory.
LARGEST_TEXT = 200_000_000


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


def read_text(path: Path, largest: int = LARGEST_TEXT) -> str:
    """Read UTF-8 text, with or without byte-order mark, whatever its line ends; they become newlines.

    Raises
    ------
    InputError
        As `read_bytes`, and where the file is not UTF-8 text.
    """
    data = read_bytes(path, largest)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise InputError(f"{path}, line {line}: this is not UTF-8 text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def replace_files(files: Mapping[Path, bytes]) -> None:
    """Write all files aside, flush them to disk, then move all into place.

    Raises
    ------
    InputError
        Where a folder does not exist or cannot be written; then nothing is left behind.
    """
    # Opened by its own name rather than by tempfile, whose files only their owner may read.
    aside = {path: path.with_name(f".{uuid.uuid4().hex}.tmp") for path in files}
    try:
        for path, data in files.items():
            with aside[path].open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        for path in files:
            os.replace(aside[path], path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        for name in aside.values():
            name.unlink(missing_ok=True)


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
