import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.advice import sentence
from parascale.cli.common import JsonOption, print_json
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.generators.identify import Found
    from parascale.weights.hub import Download

weights = typer.Typer(help="List, download and check model weights.", no_args_is_help=True)

_GIGABYTE = 1e9


@weights.command("list")
def list_weights(json: JsonOption = False) -> None:
    """List the published weights, their licences, and which are on this machine.

    Example: parascale weights list
    """
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
    """Download weights and their dependencies from the Hugging Face hub; an interrupted download resumes.

    Example: parascale weights fetch depth-pro
    """
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
    """Put a model on the list of what clients of other machines may name.

    Example: parascale weights add my-lora lora.safetensors
    """
    from parascale.service.models import add_model

    add_model(name, path)
    print(f"{name}: {path.absolute()}")


@weights.command()
def remove(name: Annotated[str, typer.Argument(help="A name that was added.")]) -> None:
    """Take a model off that list; the files stay.

    Example: parascale weights remove my-lora
    """
    from parascale.service.models import remove_model

    remove_model(name)
    print(f"{name} is off the list")


@weights.command()
def check(
    name: Annotated[
        str, typer.Argument(help="A folder or file of weights, a name that `weights list` shows, or OWNER/NAME.")
    ],
    step: Annotated[
        bool | None,
        typer.Option("--step/--no-step", help="Denoise one step of a tiny video; default: where there is a GPU."),
    ] = None,
    parts: Annotated[Path | None, typer.Option(help="Folder of the VAE and the encoders.")] = None,
    json: JsonOption = False,
) -> None:
    """Tell which generator weights are for, compare every tensor, and estimate the memory; reads headers alone.

    Example: parascale weights check wan.safetensors
    """
    from parascale.extras import EXTRAS, require
    from parascale.weights.hub import locate

    source = locate(name)
    require("checking weights", "generate", EXTRAS["generate"])
    from parascale.generators.identify import identify, is_gpu_there, try_step

    found = identify(source, parts)
    wanted = is_gpu_there() if step is None else step
    seconds = try_step(found, parts) if wanted and found.inspection is not None and found.is_whole else None
    if json:
        print_json(_found_as_json(found, seconds))
        return
    _print_found(found, seconds)


def _found_as_json(found: "Found", seconds: float | None) -> dict[str, object]:
    model = found.inspection
    return {
        "source": str(found.source),
        "generator": model.generator if model else None,
        "model": model.model if model else None,
        "part": found.part or None,
        "precision": found.precision,
        "numbers": sum(model.numbers.values()) if model else None,
        "parts": {name: None if isinstance(p, InputError) else str(p) for name, p in found.parts.items()},
        "memory": dict(found.memory),
        "memory_film": list(model.film) if model else None,
        "seconds_of_a_step": seconds,
    }


def _print_found(found: "Found", seconds: float | None) -> None:
    model = found.inspection
    if model is None:
        print(f"{found.source}: {found.part.replace('_', ' ')} of the Wan models, {found.precision}, whole")
        return
    count = sum(model.numbers.values()) / _GIGABYTE
    name = f"{model.generator} {model.model}".strip()
    print(f"{found.source}: {name}, {count:.3g} billion numbers, {found.precision}, whole")
    for part, place in found.parts.items():
        print(f"  {part:16} {sentence(place) if isinstance(place, InputError) else place}")
    if found.memory:
        needs = ", ".join(f"{way} {size / _GIGABYTE:.0f}" for way, size in found.memory.items())
        frames, width, height = model.film
        print(f"  GB by offload    {needs} ({frames} frames of {width}x{height} in bf16, estimated)")
    if seconds is not None:
        print(f"  one step         {seconds:.1f} s with loading, 5 frames of 64x64")


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
