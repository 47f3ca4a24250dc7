"""Models in two halves, one for much noise and one for little: where both are."""

from pathlib import Path

from parascale.errors import InputError
from parascale.weights.headers import SINGLE_FILES

# As VideoX-Fun and diffusers lay them; the first of a pair is the one for much noise.
_FOLDERS = (("high_noise_model", "low_noise_model"), ("transformer", "transformer_2"))
# As ComfyUI's and GGUF files are named: wan2.2_fun_camera_high_noise_14B_fp8_scaled, Wan2.2-Fun-A14B-HighNoise-Q4_K_M.
_WORDS = ("high", "low")


def find_halves(source: Path) -> tuple[Path, ...]:
    """Return the transformers of a model: one, or the halves for much and for little noise.

    Parameters
    ----------
    source : Path
        A folder, or a single file.

    Raises
    ------
    InputError
        Where one of two halves is missing.
    """
    for first, second in _FOLDERS:
        if (source / second).is_dir():
            if not (source / first).is_dir():
                raise InputError(f"{source} holds {second} and no {first}: fetch the weights again")
            return source / first, source / second
    if (source / "high_noise_model").is_dir():
        raise InputError(f"{source} holds high_noise_model and no low_noise_model: fetch the weights again")
    return _halves_by_name(source) or (source,)


def _halves_by_name(source: Path) -> tuple[Path, ...]:
    """Find two single files, by "high" and "low" in their names, in a folder that holds nothing else of a model."""
    if not source.is_dir():
        return ()
    files = [path for path in sorted(source.iterdir()) if path.suffix in SINGLE_FILES and path.is_file()]
    found = [[path for path in files if _says(path, word)] for word in _WORDS]
    if not any(found):
        return ()
    if [len(paths) for paths in found] != [1, 1]:
        raise InputError(
            f"{source} holds {len(found[0])} files for much noise and {len(found[1])} for little: one of each is needed"
        )
    return found[0][0], found[1][0]


def _says(path: Path, word: str) -> bool:
    name = path.stem.lower().replace("-", "_")
    return f"{word}_noise" in name or f"{word}noise" in name
