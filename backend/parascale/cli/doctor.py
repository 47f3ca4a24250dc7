import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from parascale import __version__
from parascale.cli.advice import install_line
from parascale.cli.common import JsonOption, print_json
from parascale.cli.jobs import Connect, KeysFolder
from parascale.errors import InputError
from parascale.extras import EXTRAS, is_installed

if TYPE_CHECKING:
    from parascale.link.messages import GeneratorInfo


class ExtraState(TypedDict):
    """Whether the packages of an extra are installed."""

    ready: bool
    missing: list[str]
    install: str


class GeneratorState(TypedDict):
    """What a generator needs and has, and how far its camera goes."""

    scale_class: str
    meaning: str
    missing: list[str]
    weights: dict[str, str | None]
    units_per_depth: float
    units_measured: bool
    units_source: str


class Findings(TypedDict):
    """What `doctor` prints."""

    version: str
    python: str
    processors: int | None
    devices: list[str]
    extras: dict[str, ExtraState]
    generators: dict[str, GeneratorState]


def doctor(connect: Connect = None, keys: KeysFolder = None, json: JsonOption = False) -> None:
    """List what is installed, the devices, what is missing; with --connect, how a backend is.

    Example: parascale doctor
    """
    if connect is not None:
        _examine_backend(connect, keys, json=json)
        return
    found = examine()
    if json:
        print_json(found)
        return
    print(f"parascale {found['version']}, Python {found['python']}")
    for device in found["devices"]:
        print(f"  device     {device}")
    for extra, part in found["extras"].items():
        state = "ready" if part["ready"] else f"missing {', '.join(part['missing'])}: {part['install']}"
        print(f"  {extra:10} {state}")
    for name, generator in found["generators"].items():
        print(f"  generator {name}: {_readiness(generator)}")
        print(f"    class {generator['scale_class']}, {generator['meaning']}")
        print(f"    units per depth {generator['units_per_depth']:g}, {generator['units_source']}")


def _examine_backend(address: str, keys: Path | None, *, json: bool) -> None:
    """Print how a backend is.

    Raises
    ------
    InputError
        Where it does not answer, or cannot work.
    """
    from dataclasses import asdict

    from parascale.link.local import connect

    with connect(address, keys) as client:
        begin = time.time()
        told = client.hello()
        seconds = time.time() - begin
    health = told.health
    ahead = health.time - (begin + seconds / 2)
    if json:
        facts = {"version": told.version, "protocol": told.protocol, "devices": list(told.devices)}
        facts |= {"generators": [info.name for info in told.generators], "round_trip": seconds, "clock_ahead": ahead}
        print_json({**facts, **asdict(health)})
    else:
        version = "" if told.version == __version__ else f" (here {__version__})"
        print(f"backend {address}: parascale {told.version}{version}, up for {health.uptime / 3600:.1f} h")
        for device in told.devices:
            print(f"  device     {device}")
        print(f"  jobs       {health.running} run on {health.workers} workers, {health.waiting} wait")
        print(f"  disk       {health.free / 1e9:.1f} GB free")
        print(f"  clock      {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this machine's")
        print(f"  answer     in {1000 * seconds:.0f} ms")
        for trouble in health.troubles:
            print(f"  trouble    {trouble}")
    if health.troubles:
        raise InputError(f"the backend at {address} is in trouble: {health.troubles[0]}")


def _readiness(generator: GeneratorState) -> str:
    if generator["missing"]:
        return f"missing {', '.join(generator['missing'])}"
    there = [name for name, folder in generator["weights"].items() if folder]
    if not generator["weights"]:
        return "ready, needs no weights"
    wanted = next(iter(generator["weights"]))
    return f"has {', '.join(there)}" if there else f"no weights here: parascale weights fetch {wanted}"


def examine() -> Findings:
    """Gather what `doctor` prints: generators and devices as a backend's welcome gives them."""
    import os

    from parascale.service.describe import describe_generators, list_devices

    extras: dict[str, ExtraState] = {}
    for extra, packages in EXTRAS.items():
        missing = [package for module, package in packages.items() if not is_installed(module)]
        extras[extra] = {"ready": not missing, "missing": missing, "install": install_line(extra)}
    return {
        "version": __version__,
        "python": sys.version.split()[0],
        "processors": os.cpu_count(),
        "devices": list(list_devices()),
        "extras": extras,
        "generators": {info.name: _generator(info) for info in describe_generators()},
    }


def _generator(info: "GeneratorInfo") -> GeneratorState:
    from parascale.generators.profile import profile_of
    from parascale.generators.scale_class import MEANING
    from parascale.weights.catalogue import CATALOGUE
    from parascale.weights.hub import find_cached

    profile = profile_of(info.name)
    found = {item.name: find_cached(item) for item in CATALOGUE if item.use == info.name}
    return {
        "scale_class": info.scale_class,
        "meaning": MEANING[info.scale_class],
        "missing": [package for package in info.requirements if not is_installed(package)],
        "weights": {name: None if folder is None else str(folder) for name, folder in found.items()},
        "units_per_depth": profile.units_per_depth,
        "units_measured": profile.measured,
        "units_source": profile.source,
    }
