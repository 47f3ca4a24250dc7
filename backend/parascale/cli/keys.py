from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Action(StrEnum):
    """What can be done with keys."""

    new = "new"


def keys(
    action: Annotated[Action, typer.Argument(help="new: make the keys of a server and of its first client.")],
    folder: Annotated[Path, typer.Argument(help="Folder that takes them.")],
) -> None:
    """Make the keys by which a backend on the network and its clients know each other."""
    from parascale.link.keys import new_keys

    assert action is Action.new
    new_keys(folder)
    print(f"server: {folder}/server.key_secret and {folder}/clients (every *.key in it may connect)")
    print(f"client: {folder}/server.key and {folder}/client.key_secret, copied over a channel you trust")
