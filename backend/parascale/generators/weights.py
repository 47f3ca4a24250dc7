"""Where the weights of models are, and how they get here. Nothing is downloaded but by `fetch`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from parascale.errors import InputError
from parascale.extras import is_installed, missing_package

_DIFFUSERS_PARTS = ("vae/*", "text_encoder/*", "tokenizer/*")


class Published(Protocol):
    """What can be fetched: name, repository on the hub, patterns of the files that are needed, licence."""

    @property
    def name(self) -> str: ...  # noqa: D102 - described above

    @property
    def repository(self) -> str: ...  # noqa: D102

    @property
    def files(self) -> tuple[str, ...]: ...  # noqa: D102

    @property
    def licence(self) -> str: ...  # noqa: D102


@dataclass(frozen=True)
class Weights:
    """Published weights of a generator.

    Attributes
    ----------
    name : str
        What `parascale weights fetch` calls them.
    generator : str
        The generator that takes them.
    repository : str
        Id on the Hugging Face hub.
    files : tuple of str
        Patterns of the files that are needed.
    licence : str
    needs : tuple of str
        Names of other weights they are of no use without.
    """

    name: str
    generator: str
    repository: str
    files: tuple[str, ...]
    licence: str
    needs: tuple[str, ...] = ()


_PAGE = "see its page"
_ORIGINAL = ("config.json", "diffusion_pytorch_model*")
_WHOLE = ("*.json", "*/*.json", "*/*.safetensors", "tokenizer/*")

CATALOGUE: tuple[Weights, ...] = (
    Weights(
        "wan-fun-camera-1.3B",
        "wan-fun-camera",
        "alibaba-pai/Wan2.1-Fun-V1.1-1.3B-Control-Camera",
        _ORIGINAL,
        _PAGE,
        ("wan2.1-i2v-parts",),
    ),
    Weights(
        "wan-fun-camera-14B",
        "wan-fun-camera",
        "alibaba-pai/Wan2.1-Fun-V1.1-14B-Control-Camera",
        _ORIGINAL,
        _PAGE,
        ("wan2.1-i2v-parts",),
    ),
    Weights(
        "wan-fun-camera-2.2-A14B",
        "wan-fun-camera",
        "alibaba-pai/Wan2.2-Fun-A14B-Control-Camera",
        tuple(f"{half}/{name}" for half in ("high_noise_model", "low_noise_model") for name in _ORIGINAL),
        _PAGE,
        ("wan2.1-i2v-parts",),
    ),
    Weights(
        "wan2.1-i2v-parts",
        "wan-fun-camera",
        "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
        (*_DIFFUSERS_PARTS, "image_encoder/*", "image_processor/*"),
        "Apache-2.0",
    ),
    Weights(
        "recammaster",
        "recammaster",
        "KwaiVGI/ReCamMaster-Wan2.1",
        ("step20000.ckpt",),
        _PAGE,
        ("wan2.1-t2v-1.3B-parts",),
    ),
    Weights(
        "wan2.1-t2v-1.3B-parts",
        "recammaster",
        "Wan-AI/Wan2.1-T2V-1.3B-Diffusers",
        (*_DIFFUSERS_PARTS, "transformer/config.json"),
        "Apache-2.0",
    ),
    Weights("wan-vace-1.3B", "wan-vace", "Wan-AI/Wan2.1-VACE-1.3B-diffusers", _WHOLE, "Apache-2.0"),
    Weights("wan-vace-14B", "wan-vace", "Wan-AI/Wan2.1-VACE-14B-diffusers", _WHOLE, "Apache-2.0"),
    Weights(
        "easyanimate-camera-7B",
        "easyanimate-camera",
        "alibaba-pai/EasyAnimateV5.1-7b-zh-Control-Camera-diffusers",
        _WHOLE,
        "Apache-2.0",
    ),
    Weights(
        "easyanimate-camera-12B",
        "easyanimate-camera",
        "alibaba-pai/EasyAnimateV5.1-12b-zh-Control-Camera-diffusers",
        _WHOLE,
        "Apache-2.0",
    ),
    Weights(
        "motionmaster",
        "motionmaster",
        "stable-diffusion-v1-5/stable-diffusion-v1-5",
        (
            *("unet/config.json", "unet/diffusion_pytorch_model.safetensors"),
            *("vae/config.json", "vae/diffusion_pytorch_model.safetensors"),
            *("text_encoder/config.json", "text_encoder/model.safetensors", "tokenizer/*"),
        ),
        "CreativeML OpenRAIL-M",
        ("animatediff-adapter",),
    ),
    Weights(
        "animatediff-adapter",
        "motionmaster",
        "guoyww/animatediff-motion-adapter-v1-5-2",
        ("config.json", "diffusion_pytorch_model.safetensors"),
        _PAGE,
    ),
)


def published(name: str) -> Weights:
    """Return weights of the catalogue.

    Raises
    ------
    InputError
        Where there are none of that name.
    """
    for weights in CATALOGUE:
        if weights.name == name:
            return weights
    raise InputError(f"there are no weights called {name!r}: `parascale weights list` names all")


def locate(given: str, default: str) -> Path:
    """Return the folder of weights: the one given, else the published ones where they were fetched.

    Parameters
    ----------
    given : str
        A folder, or an id of the Hugging Face hub; may be empty.
    default : str
        Name in the catalogue.

    Raises
    ------
    InputError
        Where they are not on this machine; with the command that gets them.
    """
    if not given:
        found = cached(published(default))
        if found is None:
            raise InputError(f"the weights {default} are not on this machine: run `parascale weights fetch {default}`")
        return found
    folder = Path(given).expanduser()
    if folder.is_dir():
        return folder
    if given.count("/") != 1 or given.startswith((".", "/", "~")):
        raise InputError(f"the weights {given} are no folder of this machine, and no OWNER/NAME of the hub")
    found = _cached(given, None)
    if found is None:
        raise InputError(f"the weights {given} are not on this machine: run `parascale weights fetch {given}`")
    return found


def repository(identity: str) -> Weights:
    """Describe a whole repository of the hub, OWNER/NAME, that no catalogue knows.

    Raises
    ------
    InputError
        Where it is no such id.
    """
    if identity.count("/") != 1 or identity.startswith((".", "/", "~")):
        raise InputError(f"{identity} is no name that `parascale weights list` shows, and no OWNER/NAME of the hub")
    return Weights(identity, "", identity, ("*",), _PAGE)


def cached(weights: Published) -> Path | None:
    """Return the folder of published weights, or None where they were not fetched."""
    if not is_installed("huggingface_hub"):
        return None
    return _cached(weights.repository, weights.files)


def _cached(repository: str, files: tuple[str, ...] | None) -> Path | None:
    hub = _hub()
    try:
        return Path(hub.snapshot_download(repository, allow_patterns=files, local_files_only=True))
    except (OSError, ValueError):
        return None


@dataclass(frozen=True)
class Download:
    """What fetching weights would bring.

    Attributes
    ----------
    weights : Published
    size : int
        Bytes, of all files.
    licence : str
        As its page states it now.
    """

    weights: Published
    size: int
    licence: str


def ask_hub(weights: Published) -> Download:
    """Ask the hub how large weights are and under which licence they come.

    Raises
    ------
    InputError
        Where the hub does not answer.
    """
    from fnmatch import fnmatch

    hub = _hub()
    try:
        info = hub.HfApi().model_info(weights.repository, files_metadata=True)
    except Exception as error:  # the hub's client raises errors of its own, httpx's and the system's
        raise InputError(f"the hub does not answer for {weights.repository}: {_sentence(error)}") from error
    sizes = [
        file.size or 0
        for file in info.siblings or ()
        if any(fnmatch(file.rfilename, pattern) for pattern in weights.files)
    ]
    card: dict[str, Any] = info.card_data.to_dict() if info.card_data is not None else {}
    return Download(weights, sum(sizes), str(card.get("license") or weights.licence))


def fetch(wanted: Sequence[Published], confirm: Callable[[list[Download]], bool]) -> list[Path]:
    """Download weights, after a yes.

    Parameters
    ----------
    wanted : sequence of Published
    confirm : callable
        Is shown what would be downloaded; nothing is unless it answers True.

    Returns
    -------
    list of Path
        Their folders.

    Raises
    ------
    InputError
        Where the answer was no, or the download broke; it goes on where it stopped when asked again.
    """
    if not confirm([ask_hub(item) for item in wanted]):
        raise InputError("nothing was downloaded")
    hub = _hub()
    try:
        return [Path(hub.snapshot_download(item.repository, allow_patterns=item.files)) for item in wanted]
    except Exception as error:  # as above
        raise InputError(
            f"{wanted[0].name} could not be downloaded ({_sentence(error)}): run the command again to go on"
        ) from error


def _sentence(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0].rstrip(".")


def _hub() -> Any:
    try:
        import huggingface_hub
    except ImportError as error:
        raise missing_package(error, "a download of weights") from error
    return huggingface_hub
