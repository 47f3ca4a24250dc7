from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Action(StrEnum):
    """What can be done with keys."""

    new = "new"


def keys(
    action: Annotated[Action, typer.Argument(help="new: create the keys of a server and its first client.")],
    folder: Annotated[Path, typer.Argument(help="Output folder.")],
) -> None:
    """Create the keys for a backend on the network and its clients."""
    from parascale.link.keys import new_keys

    assert action is Action.new
    new_keys(folder)
    print(f"server: {folder}/server.key_secret and {folder}/clients (every *.key in it may connect)")
    print(f"client: {folder}/server.key and {folder}/client.key_secret, copied over a channel you trust")
