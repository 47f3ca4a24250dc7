"""The list that an operator keeps of what clients may name: published models, and folders of this machine by a name."""

import json
import re
from pathlib import Path

from parascale.errors import InputError
from parascale.link.paths import state_folder
from parascale.weights.catalogue import CATALOGUE

MODELS_FILE = "models.json"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def read_models() -> dict[str, str]:
    """Return the folders and files that the operator gave a name, by it."""
    try:
        listed = json.loads((state_folder() / MODELS_FILE).read_text())
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, ValueError) as error:
        raise InputError(f"{state_folder() / MODELS_FILE} cannot be read: {error}") from error
    if not isinstance(listed, dict) or not all(isinstance(path, str) for path in listed.values()):
        raise InputError(f"{state_folder() / MODELS_FILE} is not a list of names and paths")
    return listed


def add_model(name: str, path: Path) -> None:
    """Give a folder or file of this machine a name that clients may use.

    Raises
    ------
    InputError
        Where the name is taken or no name, there is no such path, or the list cannot be written.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r} is no name for a model: letters, digits, dots, dashes and underscores are taken")
    if name in published_names():
        raise InputError(f"{name} is the name of published weights: choose another name")
    if not path.exists():
        raise InputError(f"there is no {path}")
    _write(read_models() | {name: str(path.absolute())})


def remove_model(name: str) -> None:
    """Take a name off the list; what it names stays.

    Raises
    ------
    InputError
        Where it is not on the list.
    """
    models = read_models()
    if name not in models:
        raise InputError(f"no model {name} is on the list: {', '.join(models) or 'it is empty'}")
    del models[name]
    _write(models)


def published_names() -> set[str]:
    """Return the names of the catalogue, and their repositories."""
    return {name for weights in CATALOGUE for name in (weights.name, weights.repository)}


def may_name(value: str) -> bool:
    """Tell whether a client of another machine may name this."""
    return not value or value in published_names() or value in read_models()


def resolve_model(value: str) -> str:
    """Return the path of a name on the operator's list; what is not on it stays as it is."""
    return read_models().get(value, value)


def _write(models: dict[str, str]) -> None:
    path = state_folder() / MODELS_FILE
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        scratch = path.with_name(f".{path.name}")
        scratch.write_text(json.dumps(models, indent=2))
        scratch.replace(path)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}") from error
