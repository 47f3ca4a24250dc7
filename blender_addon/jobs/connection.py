"""The connection to a backend: the client that talks to it, and its process where this Blender started it.

The network is never waited for on the main thread. `parascale.link` needs pyzmq, which the build without binary wheels
does not have: it is imported where it is used.
"""

import importlib.util
from typing import TYPE_CHECKING

import bpy

from parascale.errors import InputError

from ..advice import sentence
from ..settings.generators import register_generators
from ..settings.preferences import BackendChoice
from ..steps import Steps, in_thread

if TYPE_CHECKING:
    from parascale.link.client import Client
    from parascale.link.local import Backend
    from parascale.link.messages import Welcome


class Connection:
    """At most one backend at a time."""

    def __init__(self) -> None:
        self.client: Client | None = None
        # The one whose process this Blender started, and the backend's answer to the handshake.
        self.backend: Backend | None = None
        self.welcome: Welcome | None = None

    def open(self, choice: BackendChoice) -> Steps[None]:
        """Connect to a backend; start it if it belongs to this machine and does not run yet."""
        from parascale.link import local
        from parascale.link.sockets import host_of

        self.close()
        yield 0.0, "Connecting to the backend"
        if choice.address:
            # What is no address is refused as that.
            host_of(choice.address)
            if not (bpy.app.online_access or is_local(choice.address)):
                raise InputError("Blender may not go online: allow it in Preferences, under System > Network")
            client = local.connect(choice.address, choice.keys)
        else:
            # Held by nobody: it outlives this Blender where it has jobs to run, and ends by itself after them.
            backend, client = yield from in_thread(
                lambda _: local.join_backend(choice.command, environment=choice.environment)
            )
            self.backend = backend if backend.process is not None else None
        try:
            welcome = yield from in_thread(lambda _: client.hello())
        except InputError as error:
            client.close()
            never_answered = choice.address and error.notice.remedy == "start-backend"
            reason = (yield from in_thread(lambda _: local.explain_silence(choice.address))) if never_answered else None
            raise (InputError(reason) if reason else error) from None
        except BaseException:
            client.close()
            raise
        self._accept(client, welcome)

    def open_running(self) -> bool:
        """Connect to the backend that already runs on this machine; return whether there is one."""
        from parascale.link import local

        backend = local.find_backend()
        if backend is None:
            return False
        client = backend.connect()
        self._accept(client, client.hello())
        return True

    def _accept(self, client: "Client", welcome: "Welcome") -> None:
        self.client, self.welcome = client, welcome
        register_generators(welcome.generators)

    def close(self) -> None:
        """Hang up. A backend that was started here ends by itself, once nobody is connected and its jobs are done."""
        if self.client is not None:
            self.client.close()
        self.client = self.welcome = self.backend = None

    @property
    def trouble(self) -> str | None:
        """Why the backend cannot be reached; None if it can."""
        if self.client is None:
            return "no backend is connected"
        process = self.backend.process if self.backend else None
        if process is not None and process.poll() is not None:
            return "the backend has ended"
        return self.client.trouble

    @property
    def is_open(self) -> bool:
        """Whether the backend can be reached."""
        return self.trouble is None

    def check(self) -> None:
        """Raise InputError, with the reason, if the backend cannot be reached."""
        if trouble := self.trouble:
            raise InputError(f"{trouble}: start it again in Preferences, and open jobs go on")

    def describe(self) -> str:
        """Return the state of the connection as one line."""
        if not has_link():
            return "This build has no link to a backend"
        if self.client is None or self.welcome is None:
            return "No backend connected"
        if trouble := self.trouble:
            return sentence(trouble)
        address = self.client.address
        return f"Backend {self.welcome.version} {'on this machine' if is_local(address) else f'at {address}'}"


def has_link() -> bool:
    """Whether this build can talk to a backend."""
    return importlib.util.find_spec("zmq") is not None


def is_local(address: str) -> bool:
    """Whether an address is on this machine."""
    from parascale.link.sockets import is_loopback

    try:
        return is_loopback(address)
    except InputError:
        return False
