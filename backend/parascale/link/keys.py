"""CURVE key pairs, in ZeroMQ's own certificate files."""

import contextlib
import logging
import os
import re
import tempfile
from dataclasses import dataclass
from pathlib import Path

from parascale.errors import InputError
from parascale.link.paths import keys_folder
from parascale.link.sockets import zeromq

log = logging.getLogger(__name__)

SERVER = "server"
CLIENT = "client"
ALLOWED = "clients"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")
_TEAM = re.compile(r'^\s+team = "([^"]+)"', re.MULTILINE)  # among the metadata of a client's certificate


@dataclass(frozen=True)
class Keys:
    """A CURVE key pair.

    Attributes
    ----------
    public, secret : bytes
        40 characters of Z85 each.
    """

    public: bytes
    secret: bytes

    def __repr__(self) -> str:
        return f"Keys(public={self.public!r})"


def client_keys(folder: Path | None = None) -> Keys:
    """Return the key pair a client proves itself with: the user's own, made where missing, or one in a folder."""
    return _own(CLIENT) if folder is None else _pair(folder / f"{CLIENT}.key_secret")


def server_keys(folder: Path | None = None) -> Keys:
    """Return the key pair a server proves itself with: the user's own, made where missing, or one in a folder."""
    return _own(SERVER) if folder is None else _pair(folder / f"{SERVER}.key_secret")


def server_key(folder: Path | None = None) -> bytes:
    """Return the public key by which a client knows its server."""
    return server_keys().public if folder is None else _read(folder / f"{SERVER}.key")[0]


def allowed_keys(folder: Path) -> dict[bytes, str]:
    """Return the public keys of the clients that a folder of keys lets in, with their names.

    A file that holds no key, because it is being written or taken away, lets nobody in and is no error.
    """
    found = {}
    for path in _key_files(folder):
        try:
            found[_read(path)[0]] = path.stem
        except InputError as error:
            log.warning("skipped a client's key: %s", error)
    return found


def teams(folder: Path) -> dict[str, str]:
    """Return the team of each client that is in one, by its name."""
    found = {}
    for path in _key_files(folder):
        with contextlib.suppress(OSError, UnicodeDecodeError):
            if team := _TEAM.search(path.read_text()):
                found[path.stem] = team[1]
    return found


def set_team(folder: Path, name: str, team: str) -> None:
    """Put a client into a team, whose clients see each other's jobs; into none where ``team`` is empty.

    Raises
    ------
    InputError
        Where no client of that name may connect, or it is no name for a team.
    """
    path = _client_file(folder, name)
    if not path.is_file():
        raise _unknown_client(folder, name)
    try:
        _write_public(path, _read(path)[0], team)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error


def keys_changed(folder: Path) -> tuple[object, ...]:
    """Return what differs where a key was added to a folder of keys, changed, or taken away."""
    stamp: list[object] = []
    for path in _key_files(folder):
        with contextlib.suppress(OSError):
            told = path.stat()
            stamp.append((path.name, told.st_ino, told.st_size, told.st_mtime_ns))
    return tuple(stamp)


def _key_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in (folder / ALLOWED).iterdir() if path.suffix == ".key")
    except OSError:
        return []


def add_client(folder: Path, name: str, output: Path, team: str = "") -> None:
    """Make the keys of one more client and let it in.

    Parameters
    ----------
    folder : Path
        The server's, made by `new_keys`; gets ``clients/NAME.key``.
    name : str
    output : Path
        Folder for the client: gets ``server.key`` and ``client.key_secret``. The server keeps no copy of the secret.
    team : str
        The team whose jobs it sees, and that sees its; none where empty.

    Raises
    ------
    InputError
        Where the name is taken or no name, or a folder cannot be written.
    """
    allowed = _client_file(folder, name)
    if allowed.exists():
        raise InputError(f"{name} may connect already: choose another name, or revoke it first")
    if (output / f"{CLIENT}.key_secret").exists():
        raise InputError(f"{output} holds a client's keys already: name another folder")
    server = _read(folder / f"{SERVER}.key")[0]
    try:
        output.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / ALLOWED).mkdir(exist_ok=True)
        _make(output, CLIENT)
        _write_public(output / f"{SERVER}.key", server)
        # Last: from now on the client is let in.
        _write_public(allowed, _read(output / f"{CLIENT}.key_secret")[0], team)
    except OSError as error:
        raise InputError(f"no keys can be written to {error.filename or output}: {error.strerror}") from error


def revoke_client(folder: Path, name: str) -> None:
    """Let a client in no more; a server that runs ends its connections within 2 s.

    Raises
    ------
    InputError
        Where no client of that name may connect.
    """
    try:
        _client_file(folder, name).unlink()
    except FileNotFoundError as error:
        raise _unknown_client(folder, name) from error
    except OSError as error:
        raise InputError(f"{name} cannot be taken out of {folder}: {error.strerror}") from error


def _client_file(folder: Path, name: str) -> Path:
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a client: letters, digits, dots, dashes and underscores are taken")
    if not (folder / f"{SERVER}.key").is_file():
        raise InputError(f"{folder} holds no keys of a server", "keys")
    return folder / ALLOWED / f"{name}.key"


def _unknown_client(folder: Path, name: str) -> InputError:
    known = ", ".join(sorted(allowed_keys(folder).values())) or "nobody"
    return InputError(f"no client {name} may connect: {known} may")


def _write_public(path: Path, key: bytes, team: str = "") -> None:
    """Write a certificate without a secret, whole or not at all."""
    if team and not _NAME.fullmatch(team):
        raise InputError(f"{team!r} is no name for a team: letters, digits, dots, dashes and underscores are taken")
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    metadata = f'    team = "{team}"\n' if team else ""
    scratch.write_text(f'metadata\n{metadata}curve\n    public-key = "{key.decode()}"\n')
    scratch.replace(path)


def new_keys(folder: Path) -> None:
    """Make the keys of a server on the network and of its first client.

    Parameters
    ----------
    folder : Path
        Receives ``server.key`` and ``client.key_secret`` (all a client needs), ``server.key_secret`` and
        ``clients/client.key`` (all the server needs). Another ``*.key`` put into ``clients`` lets another client in.

    Raises
    ------
    InputError
        Where the folder holds keys already.
    """
    if any((folder / f"{name}.key_secret").exists() for name in (SERVER, CLIENT)):
        raise InputError(f"{folder} holds keys already: name another folder")
    try:
        (folder / ALLOWED).mkdir(parents=True, exist_ok=True)
        _make(folder, SERVER)
        _make(folder, CLIENT)
        os.replace(folder / f"{CLIENT}.key", folder / ALLOWED / f"{CLIENT}.key")
    except OSError as error:
        raise InputError(f"no keys can be written to {folder}: {error.strerror}") from error


def _own(name: str) -> Keys:
    folder = keys_folder()
    path = folder / f"{name}.key_secret"
    if not path.exists():
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            _make(folder, name)
        except OSError as error:
            raise InputError(f"no keys can be written to {folder}: {error.strerror}") from error
    return _pair(path)


def _make(folder: Path, name: str) -> None:
    """Write a pair; where two processes do so at once, the first to arrive wins and neither sees half a file."""
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        public, secret = (Path(path) for path in zeromq().auth.create_certificates(scratch, name))
        secret.chmod(0o600)
        with contextlib.suppress(FileExistsError):
            os.link(secret, folder / secret.name)
            os.replace(public, folder / public.name)


def _pair(path: Path) -> Keys:
    public, secret = _read(path)
    if secret is None:
        raise InputError(f"{path} holds no secret key", "keys")
    return Keys(public, secret)


def _read(path: Path) -> tuple[bytes, bytes | None]:
    try:
        public, secret = zeromq().auth.load_certificate(path)
    except (OSError, ValueError) as error:
        raise InputError(f"no key can be read from {path}", "keys") from error
    for key in (public, secret):
        if key is not None and len(key) != 40:
            raise InputError(f"{path} holds a key of {len(key)} characters where 40 are needed", "keys")
    return public, secret
