"""CURVE key pairs, in ZeroMQ's own certificate files."""

import contextlib
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from parascale.errors import InputError
from parascale.link.paths import keys_folder
from parascale.link.sockets import zeromq

SERVER = "server"
CLIENT = "client"
ALLOWED = "clients"


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


def allowed_keys(folder: Path) -> frozenset[bytes]:
    """Return the public keys of the clients a folder of keys lets in."""
    return frozenset(_read(path)[0] for path in sorted((folder / ALLOWED).glob("*.key")))


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
            raise InputError(f"{path} holds a key of {len(key)} characters where 40 are needed")
    return public, secret
