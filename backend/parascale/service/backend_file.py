"""A note in the state folder that says where its backend listens."""

import contextlib
import json
import os
from pathlib import Path

from parascale.link.local import BACKEND_FILE


def write_backend_file(state: Path, address: str, server_key: bytes) -> None:
    """Write the note, whole or not at all."""
    note = {"format": "parascale-backend", "version": 1, "address": address}
    note |= {"server_key": server_key.decode(), "pid": os.getpid()}
    scratch = state / f".{BACKEND_FILE}.{os.getpid()}"
    scratch.write_text(json.dumps(note))
    scratch.replace(state / BACKEND_FILE)


def remove_backend_file(state: Path) -> None:
    """Take the note away."""
    with contextlib.suppress(OSError):
        (state / BACKEND_FILE).unlink()
