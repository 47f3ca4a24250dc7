import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import JsonOption, print_json
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.weights.hub import Download

weights = typer.Typer(help="List and download model weights.", no_args_is_help=True)

_GIGABYTE = 1e9


@weights.command("list")
def list_weights(json: JsonOption = False) -> None:
    """List the published weights, their licences, and which are on this machine."""
    from parascale.service.models import read_models

    found = catalogue()
    if json:
        print_json({"weights": found, "added": read_models()})
        return
    for name, path in read_models().items():
        print(f"{name:32} {'added by you':20} {'':12} {path}")
    for item in found:
        where = item["folder"] or f"not here: parascale weights fetch {item['name']}"
        print(f"{item['name']:32} {item['for']:20} {item['licence']:12} {where}")


@weights.command()
def fetch(
    name: Annotated[str, typer.Argument(help="A name that `weights list` shows, or OWNER/NAME on the hub.")],
    yes: Annotated[bool, typer.Option("--yes", help="Download without asking.")] = False,
    json: JsonOption = False,
) -> None:
    """Download weights and their dependencies from the Hugging Face hub; an interrupted download resumes."""
    from parascale.weights.catalogue import find_weights
    from parascale.weights.hub import download

    if Path(name).expanduser().is_dir():
        raise InputError(f"{name} is a folder of this machine already: use it as it is, by --set weights={name}")
    wanted = find_weights(name)
    folders = download([wanted, *map(find_weights, wanted.needs)], lambda downloads: yes or _agreed(downloads))
    if json:
        print_json({"folders": [str(folder) for folder in folders]})
        return
    for folder in folders:
        print(folder)


@weights.command()
def add(
    name: Annotated[str, typer.Argument(help="Name by which clients of your backend may ask for it.")],
    path: Annotated[Path, typer.Argument(help="Folder of weights, or file of a LoRA, on this machine.")],
) -> None:
    """Put a model on the list of what clients of other machines may name."""
    from parascale.service.models import add_model

    add_model(name, path)
    print(f"{name}: {path.absolute()}")


@weights.command()
def remove(name: Annotated[str, typer.Argument(help="A name that was added.")]) -> None:
    """Take a model off that list; the files stay."""
    from parascale.service.models import remove_model

    remove_model(name)
    print(f"{name} is off the list")


def catalogue() -> list[dict[str, str | None]]:
    """Gather all published weights, of generators and of depth models, as JSON values."""
    from parascale.weights.catalogue import CATALOGUE
    from parascale.weights.hub import find_cached

    return [
        {
            "name": item.name,
            "for": item.use,
            "repository": item.repository,
            "licence": item.licence,
            "folder": str(folder) if (folder := find_cached(item)) else None,
        }
        for item in CATALOGUE
    ]


def _agreed(downloads: "list[Download]") -> bool:
    for download in downloads:
        size = f"{download.size / _GIGABYTE:.1f} GB"
        print(f"{download.weights.repository}: {size}, licence {download.licence}", file=sys.stderr)
    if not sys.stdin.isatty():
        raise InputError("nothing was downloaded: say --yes to download without being asked")
    return typer.confirm(f"Download {sum(download.size for download in downloads) / _GIGABYTE:.1f} GB?", err=True)
