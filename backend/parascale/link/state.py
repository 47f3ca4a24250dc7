"""The mark by which a backend knows its own state folder: it writes to no other, and removes nothing in another."""

import logging
import os
import stat
from pathlib import Path

from parascale.errors import InputError

log = logging.getLogger(__name__)

MARK_FILE = "parascale-state"
JOURNAL_FILE = "journal.sqlite"

_MARK = "This folder is the state of a ParaScale backend; the backend alone writes to it.\n"
_OWN = {MARK_FILE, "backend.lock", "backend.log"}  # what may be there before the mark is


def claim_state_folder(state: Path) -> None:
    """Make a state folder, or make sure that it is one: marked as ours, empty, or with a journal from before the mark.

    Raises
    ------
    InputError
        Where it holds something else.
    OSError
        Where it cannot be made or written.
    """
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    mark = state / MARK_FILE
    if not mark.is_file():
        # The log of a private backend counts as nothing: who starts one opens it first.
        others = sorted(set(os.listdir(state)) - _OWN)
        if others and not (state / JOURNAL_FILE).is_file():
            raise InputError(f"{state} is not the state folder of a backend: it holds {others[0]}", "state-folder")
        mark.write_text(_MARK)
        mark.chmod(0o600)


def warn_of_open_modes(state: Path) -> None:
    """Log what of a state folder other users of this machine could read or change."""
    if os.name != "posix" or not stat.S_IMODE(state.stat().st_mode) & 0o077:
        return  # nobody else gets to what is in it
    log.warning("%s can be entered by other users: give it mode 700", state)
    for path in (state / JOURNAL_FILE, state / "jobs"):
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            log.warning("%s can be read by other users: give it mode %s", path, "700" if path.is_dir() else "600")
