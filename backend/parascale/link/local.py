"""Backends of this machine: found where they run, started where they do not."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.codec import parse
from parascale.link.keys import client_keys, server_key
from parascale.link.paths import backend_folder
from parascale.link.sockets import LOOPBACK, host_of, is_loopback
from parascale.link.start_lock import StartLock

BACKEND_FILE = "backend.json"
LOG_FILE = "backend.log"
_START = 60.0  # seconds a backend may take to start: it only tells a hung one from a slow machine
_STOP = 5.0  # seconds it may take to stop, or to say that it stays
_REAP = 1.0  # seconds it may take to end once it hung up


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
        The process, where we started it. One that we hold, by its standard input, ends when we do, however we end,
        unless others use it; another ends by itself, soon after its last client and job are gone.
    """

    address: str
    server_key: bytes
    process: "subprocess.Popen[bytes] | None" = None

    def connect(self) -> Client:
        """Return a client of it, as the user."""
        return Client(self.address, self.server_key, client_keys())

    def stop(self) -> None:
        """End it where we hold it and nobody is connected: hang up before.

        A running job goes on when it is started again. Where others are connected, it ends with the last of them.
        """
        if self.process is None or self.process.stdin is None:
            return
        assert self.process.stdout is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        # Its standard output closes when it ends, and when it decides to stay.
        decision = threading.Thread(target=self.process.stdout.read, daemon=True)
        decision.start()
        decision.join(_STOP)
        if decision.is_alive():
            self.process.kill()
            self.process.wait()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(_REAP)


@dataclass(frozen=True)
class _Note:
    format: str
    version: int
    address: str
    server_key: str
    pid: int


Command = Sequence[str]
"""What starts a backend; ``serve`` and its options follow."""


def start_backend(executable: str | Command | None = None, state: Path | None = None) -> Backend:
    """Return a backend that we hold; one that already runs on the state is taken as it is.

    Parameters
    ----------
    executable : str or sequence of str, optional
        The ``parascale`` command, or a program with its first arguments; found beside this Python or on PATH where
        none is given.
    state : Path, optional
        Its state folder; the user's own where none is given.

    Raises
    ------
    InputError
        Where there is no command, or it does not start.
    """
    state = state or backend_folder()
    with StartLock(state):
        return find_backend(state) or _start(executable, state, held=True)


def join_backend(
    executable: str | Command | None = None,
    state: Path | None = None,
    *,
    environment: Mapping[str, str] | None = None,
) -> tuple[Backend, Client]:
    """Return a private backend and a client of it, which it knows already: it does not end before the client is gone.

    One that we start ends by itself, soon after its last client and job are gone.

    Parameters
    ----------
    executable, state
        As `start_backend` takes them.
    environment : mapping, optional
        Variables that one we start has beside ours.

    Raises
    ------
    InputError
        Where there is no command, it does not start, or it does not answer.
    """
    state = state or backend_folder()
    with StartLock(state):
        backend = find_backend(state) or _start(executable, state, environment=environment)
        client = backend.connect()
        try:
            client.jobs()
        except BaseException:
            client.close()
            backend.stop()
            raise
        return backend, client


def find_backend(state: Path | None = None) -> Backend | None:
    """Return the backend that runs on a state folder, the user's own where none is given; None where there is none."""
    note = _read_note(state or backend_folder())
    if note is None or not _listens(note.address):
        return None
    return Backend(note.address, note.server_key.encode())


def connect(address: str | None = None, keys: Path | None = None) -> Client:
    """Return a client.

    Parameters
    ----------
    address : str, optional
        ``tcp://HOST:PORT``; where none is given, the backend that runs on the user's own state; else one at the default
        address of this machine; else one that is started on the user's own state.
    keys : Path, optional
        Folder with ``server.key`` and ``client.key_secret``; the user's own where none is given.

    Raises
    ------
    InputError
        Where a backend of another machine is named without keys.
    """
    if address is None:
        if keys is None and (find_backend() or not _listens(LOOPBACK)):
            return join_backend()[1]
        address = LOOPBACK
    if keys is None and not is_loopback(address):
        raise InputError(f"{address} is another machine: name the folder of its keys")
    return Client(address, server_key(keys), client_keys(keys))


def explain_silence(address: str) -> str | None:
    """Say why nothing answers at an address, one sentence; None where something listens there."""
    host, port = host_of(address), int(address.rpartition(":")[2])
    try:
        socket.create_connection((host, port), timeout=3.0).close()
    except socket.gaierror:
        return f"the name {host} is not known here: check the address, or write the machine's number"
    except ConnectionRefusedError:
        return (
            f"{host} is there, and nothing listens on its port {port}: start the backend there, bound to an address "
            "that this machine reaches"
        )
    except TimeoutError:
        return (
            f"{host} does not answer on port {port}: check that it is on, and that its firewall lets the port through"
        )
    except OSError as error:
        return f"{host} cannot be reached: {error.strerror or error}"
    return None


def _listens(address: str) -> bool:
    try:
        socket.create_connection((host_of(address), int(address.rpartition(":")[2])), timeout=1.0).close()
    except OSError:
        return False
    return True


def _start(
    executable: str | Command | None, state: Path, *, held: bool = False, environment: Mapping[str, str] | None = None
) -> Backend:
    """Start a backend and wait until it runs; the lock of its state is ours."""
    program = [executable] if isinstance(executable, str) else [*(executable or [_executable()])]
    command = [*program, "serve", "--bind", "tcp://127.0.0.1:*", "--state", str(state)]
    command += ["--held"] if held else ["--private"]
    log = state / LOG_FILE
    try:
        (state / BACKEND_FILE).unlink(missing_ok=True)
        with log.open("wb") as errors:
            # Apart from our terminal: Ctrl-C is for the program that waits for the job, which then cancels it.
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE if held else subprocess.DEVNULL,
                stdout=subprocess.PIPE if held else subprocess.DEVNULL,
                stderr=errors,
                env=os.environ | {**(environment or {})},
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
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
