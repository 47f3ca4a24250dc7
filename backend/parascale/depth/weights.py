"""Where a depth model's weights are. Nothing is ever downloaded from here."""

from pathlib import Path

from parascale.depth.catalogue import CATALOGUE, published
from parascale.errors import InputError
from parascale.extras import missing_package

_ALL = None


def locate(name: str) -> Path:
    """Return the folder of a model's weights.

    Parameters
    ----------
    name : str
        Of the catalogue; or a folder; or an id of the Hugging Face hub, OWNER/NAME.

    Raises
    ------
    InputError
        Where they are not on this machine; with the command that gets them.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    if name.count("/") == 1 and not name.startswith((".", "/", "~")):
        known = next((model for model in CATALOGUE if model.repository == name), None)
        found = _cached(name, known.files if known else _ALL)
        command = f"parascale weights fetch {known.name}" if known else f"hf download {name}"
    elif "/" in name:
        raise InputError(f"{name} is no folder of depth model weights on this machine")
    else:
        model = published(name)
        found = _cached(model.repository, model.files)
        command = f"parascale weights fetch {name}"
    if found is None:
        raise InputError(f"the weights of the depth model {name} are not on this machine: run `{command}`")
    return found


def _cached(repository: str, files: tuple[str, ...] | None) -> Path | None:
    try:
        from huggingface_hub import snapshot_download
    except ImportError as error:
        raise missing_package(error, "a depth model") from error
    try:
        return Path(snapshot_download(repository, allow_patterns=files, local_files_only=True))
    except (OSError, ValueError):
        return None
