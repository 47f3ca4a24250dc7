from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, print_json

keys = typer.Typer(help="Create and revoke the keys of a backend on the network and its clients.", no_args_is_help=True)

ServerKeys = Annotated[Path, typer.Option("--keys", help="The server's folder of keys.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of the client.")]


@keys.command()
def new(folder: Annotated[Path, typer.Argument(help="Output folder.")]) -> None:
    """Create the keys of a server and its first client.

    Example: parascale keys new keys
    """
    from parascale.link.keys import new_keys

    new_keys(folder)
    print(f"server: {folder}/server.key_secret and {folder}/clients (every *.key in it may connect)")
    print(f"client: {folder}/server.key and {folder}/client.key_secret, copied over a channel you trust")


@keys.command()
def add(
    name: Name,
    folder: ServerKeys,
    output: Annotated[Path, typer.Option("-o", "--output", help="Output folder, for the client alone.")],
    team: Annotated[str, typer.Option("--team", help="Team whose clients see each other's jobs.")] = "",
) -> None:
    """Create the keys of one more client and let it connect.

    Example: parascale keys add anna --keys keys -o anna
    """
    from parascale.link.keys import add_client

    add_client(folder, name, output, team)
    print(f"{name} may connect with {output}/server.key and {output}/client.key_secret")
    print("move them to the client over a channel you trust, and keep no copy")


@keys.command("list")
def list_keys(folder: ServerKeys, json: JsonOption = False) -> None:
    """List the clients that may connect.

    Example: parascale keys list --keys keys
    """
    from parascale.link.keys import allowed_keys, teams

    found = {name: key.decode() for key, name in allowed_keys(folder).items()}
    team_of = teams(folder)
    if json:
        print_json({"clients": found, "teams": team_of})
        return
    for name, key in sorted(found.items()):
        print(f"{name:24} {key}  {team_of.get(name, '')}".rstrip())
    if not found:
        print("no clients")


@keys.command("team")
def put_into_team(
    name: Name,
    team: Annotated[str, typer.Argument(metavar="TEAM", help="Name of the team; '' for none.")],
    folder: ServerKeys,
) -> None:
    """Have the clients of a team see each other's jobs and fetch their results.

    Example: parascale keys team anna compositing --keys keys
    """
    from parascale.link.keys import set_team

    set_team(folder, name, team)
    print(f"{name} sees the jobs of team {team}, which sees its" if team else f"{name} is in no team")


@keys.command()
def revoke(name: Name, folder: ServerKeys) -> None:
    """Let a client connect no more; a running server ends its connections within 2 s.

    Example: parascale keys revoke anna --keys keys
    """
    from parascale.link.keys import revoke_client

    revoke_client(folder, name)
    print(f"{name} may connect no more; its jobs stay until they expire or are deleted")
