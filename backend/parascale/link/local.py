"""Backends of this machine: found where they run, started where they do not."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.codec import parse
from parascale.link.keys import client_keys, server_key
from parascale.link.paths import backend_folder
from parascale.link.sockets import LOOPBACK, host_of, is_loopback

BACKEND_FILE = "backend.json"
LOG_FILE = "backend.log"
_START = 20.0  # seconds a backend may take to start
_STOP = 5.0  # seconds it may take to stop


@dataclass(frozen=True)
class Backend:
    """A backend of this machine.

    Attributes
    ----------
    address : str
        ``tcp://127.0.0.1:PORT``.
    server_key : bytes
        Its public key, Z85.
    process : subprocess.Popen or None
        The process, where we started it; it ends when we end, however we end.
    """

    address: str
    server_key: bytes
    process: "subprocess.Popen[bytes] | None" = None

    def connect(self) -> Client:
        """Return a client of it, as the user."""
        return Client(self.address, self.server_key, client_keys())

    def stop(self) -> None:
        """End it where we started it; a running job goes on when it is started again."""
        if self.process is None:
            return
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(_STOP)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@dataclass(frozen=True)
class _Note:
    format: str
    version: int
    address: str
    server_key: str
    pid: int


def start_backend(executable: str | None = None, state: Path | None = None) -> Backend:
    """Return a backend of our own; one that already runs on the state is taken as it is.

    Parameters
    ----------
    executable : str, optional
        The ``parascale`` command; found beside this Python or on PATH where none is given.
    state : Path, optional
        Its state folder; the user's own where none is given.

    Raises
    ------
    InputError
        Where there is no command, or it does not start.
    """
    state = state or backend_folder()
    found = find_backend(state)
    if found is not None:
        return found
    command = [executable or _executable(), "serve", "--bind", "tcp://127.0.0.1:*", "--state", str(state), "--private"]
    log = state / LOG_FILE
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        (state / BACKEND_FILE).unlink(missing_ok=True)
        with log.open("wb") as errors:
            # A session of its own: Ctrl-C is for the program that waits for the job, which then cancels it.
            process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
    except OSError as error:
        raise InputError(f"no backend can be started by {command[0]}: {error.strerror}") from error
    end = time.monotonic() + _START
    while time.monotonic() < end and process.poll() is None:
        found = find_backend(state)
        if found is not None:
            return Backend(found.address, found.server_key, process)
        time.sleep(0.02)
    process.kill()
    process.wait()
    raise InputError(f"the backend did not start: {_last_words(log) or f'{command[0]} said nothing'}")


def find_backend(state: Path | None = None) -> Backend | None:
    """Return the backend that runs on a state folder, the user's own where none is given; None where there is none."""
    note = _read_note(state or backend_folder())
    if note is None:
        return None
    host, port = host_of(note.address), int(note.address.rpartition(":")[2])
    try:
        socket.create_connection((host, port), timeout=1.0).close()
    except OSError:
        return None
    return Backend(note.address, note.server_key.encode())


def connect(address: str | None = None, keys: Path | None = None) -> Client:
    """Return a client.

    Parameters
    ----------
    address : str, optional
        ``tcp://HOST:PORT``; where none is given, the backend that runs on the user's own state, else the default
        address of this machine.
    keys : Path, optional
        Folder with ``server.key`` and ``client.key_secret``; the user's own where none is given.

    Raises
    ------
    InputError
        Where a backend of another machine is named without keys.
    """
    if address is None:
        backend = find_backend()
        if backend is not None and keys is None:
            return backend.connect()
        address = LOOPBACK
    if keys is None and not is_loopback(address):
        raise InputError(f"{address} is another machine: name the folder of its keys")
    return Client(address, server_key(keys), client_keys(keys))


def _executable() -> str:
    name = "parascale.exe" if os.name == "nt" else "parascale"
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.is_file() else shutil.which("parascale")
    if found is None:
        raise InputError("no `parascale` command is on PATH: install ParaScale or name its path")
    return found


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(errors="replace").splitlines() if any(map(str.isalnum, line))]
    return lines[-1].strip(" │").removeprefix("parascale: ") if lines else ""


def _read_note(state: Path) -> _Note | None:
    try:
        note = parse(_Note, (state / BACKEND_FILE).read_text(), BACKEND_FILE)
    except (OSError, InputError, UnicodeDecodeError, json.JSONDecodeError):
        return None
    return note if note.format == "parascale-backend" and note.version == 1 else None
