"""Which Blenders are there: each holds a lock of its own, which the system takes back however it ends."""

import contextlib
import shutil
import uuid
from pathlib import Path

import bpy

from parascale.errors import InputError
from parascale.link.start_lock import StartLock

from ..settings.preferences import ADDON


class Presence:
    """The Blender that runs, among those that share a journal."""

    def __init__(self) -> None:
        self.session = uuid.uuid4().hex
        # Sessions known to have ended, and to live.
        self._known: dict[str, bool] = {"": False}
        self._lock = StartLock(_folder() / self.session)
        self._lock.acquire(0.0)

    def take_over(self, session: str) -> bool:
        """Tell whether the jobs of a session are nobody's any more: its Blender has ended."""
        if session not in self._known:
            self._known[session] = _is_alive(session)
        return not self._known[session]

    def leave(self) -> None:
        """Be gone for the other ones."""
        self._lock.release()
        shutil.rmtree(_folder() / self.session, ignore_errors=True)


def _is_alive(session: str) -> bool:
    folder = _folder() / session
    if not folder.is_dir():
        return False
    with contextlib.suppress(InputError):
        lock = StartLock(folder)
        if not lock.acquire(0.0):
            return True
        lock.release()
    shutil.rmtree(folder, ignore_errors=True)
    return False


def _folder() -> Path:
    return Path(bpy.utils.extension_path_user(ADDON, path="sessions", create=True))
