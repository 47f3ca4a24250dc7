"""The parts of a pipeline beside its transformer: where each is, in folders, in single files, or as published."""

from collections.abc import Sequence
from pathlib import Path

from parascale.errors import InputError
from parascale.weights.catalogue import WAN_VAES, find_weights
from parascale.weights.headers import SINGLE_FILES, Headers, read_headers
from parascale.weights.hub import locate

# By part, tensors that only its single files hold: as transformers or diffusers name them, as ComfyUI and Wan do.
_MARKS = {
    "text_encoder": (("shared.weight", "encoder.final_layer_norm.weight"), ("token_embedding.weight", "norm.weight")),
    "vae": (("decoder.conv_in.weight", "post_quant_conv.weight"), ("decoder.conv1.weight", "conv2.weight")),
    "image_encoder": (("vision_model.embeddings.class_embedding",),),
}
# Tensors that tell how many channels the latents have.
_LATENTS_OF = ("post_quant_conv.weight", "conv2.weight")


def recognise_part(headers: Headers) -> str:
    """Return which part a single file holds: "text_encoder", "vae", "image_encoder"; empty if none of these."""
    for part, alternatives in _MARKS.items():
        if any(all(name in headers for name in names) for names in alternatives):
            return part
    return ""


def find_part(part: str, bases: Sequence[Path], published: str) -> Path:
    """Return the folder or single file of a part.

    Parameters
    ----------
    part : str
        Its folder's name as diffusers lays it.
    bases : sequence of Path
        Folders that may hold it, the first first.
    published : str
        Name of the published weights that hold it, in a folder of that name.

    Raises
    ------
    InputError
        Where it is in none of them, nor fetched.
    """
    for base in bases:
        if (base / part).is_dir():
            return base / part
        if part in _MARKS and (file := _single_file(part, base, published)) is not None:
            return file
    try:
        found = locate(published)
    except InputError as error:
        if not bases:
            raise
        reason = error.notice
        raise InputError(
            f"{bases[0]} holds no folder {part}, and {reason.message}", reason.remedy, reason.choices
        ) from error
    # Some parts are the whole of what is published.
    alone = not any(pattern.startswith(f"{part}/") for pattern in find_weights(published).files)
    return found if alone else found / part


def _single_file(part: str, base: Path, published: str) -> Path | None:
    """Return the file in a folder, not below it, that holds a part; files that cannot be read are passed over."""
    latents = next((vae.channels for vae in WAN_VAES.values() if vae.name == published), None)
    if not base.is_dir():
        return None
    for path in sorted(base.iterdir()):
        if path.suffix not in SINGLE_FILES or not path.is_file():
            continue
        try:
            headers = read_headers(path)
        except InputError:
            continue
        channels = [headers[name].shape[0] for name in _LATENTS_OF if name in headers]
        if recognise_part(headers) == part and (part != "vae" or latents in (None, *channels)):
            return path
    return None
