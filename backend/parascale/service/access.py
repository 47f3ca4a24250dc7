"""Who may use a server: the clients whose keys are in its folder now, less those that are shut out for a while."""

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from parascale.errors import InputError
from parascale.link.keys import Keys, allowed_keys, client_keys, keys_changed, server_keys, teams
from parascale.link.sockets import is_loopback

log = logging.getLogger(__name__)

_LOOK = 0.5  # seconds between two looks at the folder of keys
_SHUT_OUT, _MAX_SHUT_OUT = 30.0, 600.0  # seconds, doubled each time


@dataclass(frozen=True)
class Owner:
    """A client that is let in.

    Attributes
    ----------
    key : str
        Its public key, Z85.
    name : str
        The name of its key, for the log.
    local : bool
        Whether it is the user of this machine, who may name paths on it.
    mates : mapping of str to str
        The other clients of its team, whose jobs it sees: their names by their keys.
    """

    key: str
    name: str
    local: bool
    mates: Mapping[str, str] = field(default_factory=dict)


class Access:
    """The clients let in; asked at every handshake and at every message.

    Parameters
    ----------
    bind : str
        The server's address.
    folder : Path, optional
        Of keys; without it the user's own key alone is let in, and on loopback alone.

    Raises
    ------
    InputError
        Where other machines can reach the address and there are no keys.
    """

    def __init__(self, bind: str, folder: Path | None) -> None:
        if folder is None and not is_loopback(bind):
            raise InputError(f"{bind} can be reached from other machines, which needs keys", "keys")
        self._folder = folder
        self.own: Keys = server_keys(folder)
        self._owners: dict[str, Owner] = {}
        if folder is None:
            key = client_keys().public.decode()
            self._owners = {key: Owner(key, "user", local=True)}
        self._stamp: tuple[object, ...] | None = None
        self._looked = 0.0
        self._shut_out: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def find(self, key: str, *, at_once: bool = False) -> Owner | None:
        """Return the client of a key; None where it is not, or no longer, let in: half a second later, or at once."""
        with self._lock:
            if at_once:
                self._looked = -_LOOK
            self._look()
            until, _ = self._shut_out.get(key, (0.0, 0.0))
            return None if time.monotonic() < until else self._owners.get(key)

    def shut_out(self, key: str) -> float:
        """Let a client in no more for a while, longer each time; return the seconds."""
        with self._lock:
            _, before = self._shut_out.get(key, (0.0, 0.0))
            seconds = min(2 * before, _MAX_SHUT_OUT) or _SHUT_OUT
            self._shut_out[key] = time.monotonic() + seconds, seconds
            return seconds

    def _look(self) -> None:
        """Read the folder where something in it changed; what cannot be read lets nobody in."""
        if self._folder is None or time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        stamp = keys_changed(self._folder)
        if stamp != self._stamp:
            found = {key.decode(): name for key, name in allowed_keys(self._folder).items()}
            team_of = teams(self._folder)
            self._owners = {
                key: Owner(key, name, local=False, mates=_mates(name, found, team_of)) for key, name in found.items()
            }
            self._stamp = stamp


def _mates(name: str, clients: Mapping[str, str], team_of: Mapping[str, str]) -> dict[str, str]:
    """Return the names of the others of a client's team, by their keys."""
    if name not in team_of:
        return {}
    return {key: other for key, other in clients.items() if other != name and team_of.get(other) == team_of[name]}
