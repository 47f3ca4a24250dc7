"""The Hugging Face hub: which weights are on this machine, and how they get here. Only `download` downloads."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path

from parascale.errors import InputError
from parascale.extras import require
from parascale.weights.catalogue import DEPTH_MODELS, Weights, find_weights
from parascale.weights.headers import SINGLE_FILES


def locate(name: str) -> Path:
    """Return the folder of weights: a folder itself, a name of the catalogue, or OWNER/NAME on the Hugging Face hub.

    A single file that holds weights is returned as it is.

    Raises
    ------
    InputError
        If they are not on this machine.
    """
    folder = Path(name).expanduser()
    if folder.is_dir() or (folder.is_file() and folder.suffix in SINGLE_FILES):
        return folder
    weights = find_weights(name)
    require("weights of models", "depth" if weights.name in DEPTH_MODELS else "generate", ["huggingface_hub"])
    found = find_cached(weights)
    if found is None:
        raise InputError(f"the weights {weights.name} are not on this machine", "weights", [weights.name])
    return found


def find_cached(weights: Weights) -> Path | None:
    """Return the folder of published weights; None if they were not fetched."""
    if find_spec("huggingface_hub") is None:
        return None
    from huggingface_hub import snapshot_download

    for repository in filter(None, (weights.repository, weights.former)):
        with suppress(OSError, ValueError):
            found = Path(snapshot_download(repository, allow_patterns=weights.files, local_files_only=True))
            if any(
                fnmatch(str(path.relative_to(found)), pattern) for path in found.rglob("*") for pattern in weights.files
            ):
                return found
    return None


@dataclass(frozen=True)
class Download:
    """What fetching weights would bring: bytes of all files, and the licence as its page states it now."""

    weights: Weights
    size: int
    licence: str


def ask_hub(weights: Weights) -> Download:
    """Ask the hub how large weights are and under which licence they come.

    Raises
    ------
    InputError
        Where the hub does not answer.
    """
    require("weights of models", "generate", ["huggingface_hub"])
    from huggingface_hub import HfApi

    try:
        info = HfApi().model_info(weights.repository, files_metadata=True)
    except Exception as error:  # the hub's client raises errors of its own, httpx's and the system's
        raise InputError(f"the hub does not answer for {weights.repository}: {_sentence(error)}") from error
    sizes = [
        file.size or 0
        for file in info.siblings or ()
        if any(fnmatch(file.rfilename, pattern) for pattern in weights.files)
    ]
    card = info.card_data.to_dict() if info.card_data is not None else {}
    return Download(weights, sum(sizes), str(card.get("license") or weights.licence))


def download(wanted: Sequence[Weights], confirm: Callable[[list[Download]], bool]) -> list[Path]:
    """Download weights into folders, after a yes: nothing is unless ``confirm``, shown what it would be, answers True.

    Raises
    ------
    InputError
        Where the answer was no, or the download broke; it goes on where it stopped when asked again.
    """
    if not confirm([ask_hub(item) for item in wanted]):
        raise InputError("nothing was downloaded")
    from huggingface_hub import snapshot_download

    try:
        return [Path(snapshot_download(item.repository, allow_patterns=item.files)) for item in wanted]
    except Exception as error:  # as above
        raise InputError(
            f"{wanted[0].name} could not be downloaded ({_sentence(error)}): run the command again to go on"
        ) from error


def _sentence(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")
