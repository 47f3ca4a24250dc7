"""Which generator a folder or file of weights is for, and what it still needs: read from headers, nothing is loaded."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.generators.diffusion.experts import find_halves
from parascale.generators.inspection import Inspection
from parascale.generators.scale_class import erasing_model
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.parameters import Scalar
from parascale.parallax.shot import Shot
from parascale.weights.headers import Headers, is_fp8, read_headers
from parascale.weights.parts import find_part, recognise_part

# Tensors that only one family has, by Wan's names and by diffusers'.
_MARKS = {
    "wan-fun-camera": ("control_adapter.conv.weight",),
    "recammaster": ("blocks.0.cam_encoder.weight",),
    "wan-vace": ("vace_blocks.0.after_proj.weight", "vace_blocks.0.proj_out.weight"),
}
_CLASSES = {
    "EasyAnimateTransformer3DModel": "easyanimate-camera",
    "SanaWMTransformer3DModel": "sana-wm",
    "LTX2VideoTransformer3DModel": "ltx",
    "UNet2DConditionModel": "motionmaster",
    "WanVACETransformer3DModel": "wan-vace",
}
_PLAIN_WAN = ("blocks.0.self_attn.q.weight", "blocks.0.attn1.to_q.weight")
_PREFIX = "model.diffusion_model."


@dataclass(frozen=True)
class Found:
    """What weights are.

    Attributes
    ----------
    source : Path
    precision : str
        Of the file's matrices.
    part : str
        Of which kind a single part is; empty for a model.
    inspection : Inspection or None
        Of a model.
    parts : mapping of str to Path or InputError
        Where the other parts are, or why they are not there.
    memory : mapping of str to int
        Bytes needed, by way of offloading; empty where a part is missing.
    """

    source: Path
    precision: str
    part: str = ""
    inspection: Inspection | None = None
    parts: Mapping[str, "Path | InputError"] = field(default_factory=dict)
    memory: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_whole(self) -> bool:
        """Whether nothing is missing."""
        return not any(isinstance(place, InputError) for place in self.parts.values())


def identify(source: Path, given: Path | None = None) -> Found:
    """Tell what weights are for, and compare every tensor with the model.

    Parameters
    ----------
    source : Path
        A folder, or a file.
    given : Path, optional
        Folder of the VAE and the encoders.

    Raises
    ------
    InputError
        Where they are of no generator, damaged, or not whole.
    """
    import parascale.generators.diffusion.checkpoint  # noqa: F401 - reads torch's own files
    from parascale.generators import GENERATORS
    from parascale.generators.diffusion_generator import DiffusionGenerator

    main = _main_checkpoint(source)
    headers = {name.removeprefix(_PREFIX): header for name, header in read_headers(main).items()}
    name = _family(headers, main)
    if not name:
        return _part_or_refusal(headers, source)
    generator = GENERATORS[name]
    if not isinstance(generator, DiffusionGenerator):
        raise InputError(f"{source} is of {name}, whose weights cannot be checked")
    inspection = generator.inspect(source)
    own = source if source.is_dir() else source.parent
    bases = [own] if given is None else [given, own]
    parts = {part: _place(part, bases, published, inspection.widths) for part, published in inspection.parts.items()}
    return Found(source, _precision(headers), "", inspection, parts, _memory(inspection, parts))


def _main_checkpoint(source: Path) -> Path:
    """Return the transformer of a folder, or the folder or file itself."""
    first = find_halves(source)[0]
    inside = (first / name for name in ("transformer", "unet"))
    return next((folder for folder in inside if any(folder.glob("*.safetensors"))), first)


def _family(headers: Headers, main: Path) -> str:
    from parascale.generators.diffusion.checkpoint import read_config

    config = read_config(main) if (main / "config.json").is_file() else {}
    erasing = erasing_model(headers, config)
    if erasing is not None:
        raise InputError(
            f"{main} holds {erasing}, which divides every path by its own length (class C): no generator here takes it"
        )
    for family, marks in _MARKS.items():
        if any(mark in headers for mark in marks):
            return family
    return _CLASSES.get(str(config.get("_class_name")), "")


def _part_or_refusal(headers: Headers, source: Path) -> Found:
    from parascale.generators.diffusion.single_files import check_part

    part = recognise_part(headers)
    if part:
        check_part(part, source)
        return Found(source, _precision(headers), part)
    if any("lora_" in name for name in headers):
        raise InputError(f"{source} is a LoRA, which is added to a model: it is none itself")
    if any(name in headers for name in _PLAIN_WAN):
        raise InputError(f"{source} is a Wan model that sees no camera: it is for no generator here")
    raise InputError(f"{source} is not of a generator here: none of its {len(headers)} tensors is known")


def _place(part: str, bases: list[Path], published: str, widths: Mapping[str, int]) -> "Path | InputError":
    from parascale.generators.diffusion.single_files import check_part, check_width

    try:
        found = find_part(part, bases, published)
        if part in ("vae", "text_encoder", "image_encoder"):
            check_part(part, found)
        if part in widths:
            check_width(part, found, widths[part])
    except InputError as error:
        return error
    return found


def _memory(inspection: Inspection, parts: Mapping[str, "Path | InputError"]) -> dict[str, int]:
    """Estimate the memory in bf16, the VAE in single precision, as `Run.check_memory` does."""
    from parascale.generators.diffusion.memory import OFFLOADS, estimate
    from parascale.generators.diffusion.parts import part_sizes

    if any(isinstance(place, InputError) for place in parts.values()):
        return {}
    sizes = part_sizes({part: place for part, place in parts.items() if isinstance(place, Path)})
    need = estimate(
        {**inspection.numbers, **sizes},
        (inspection.film[0] * inspection.length, *inspection.film[1:]),
        2,
        tiling=False,
        **inspection.block,
    )
    return {way: need.of(way) for way in OFFLOADS}


def _precision(headers: Headers) -> str:
    kinds = [header.dtype for header in headers.values() if len(header.shape) > 1]
    most = max(sorted(set(kinds)), key=kinds.count, default="")
    return "fp8" if is_fp8(headers) else most.lower()


def is_gpu_there() -> bool:
    """Tell whether torch finds a GPU."""
    import torch

    return bool(torch.cuda.is_available() or torch.backends.mps.is_available())


def try_step(found: Found, parts: Path | None = None) -> float:
    """Denoise one step of a tiny grey video with weights, and return the seconds it took, loading included.

    Raises
    ------
    InputError
        Where that fails.
    """
    from parascale.generators import GENERATORS

    if found.inspection is None:
        raise InputError(f"{found.source} is a part of a model, which makes no video alone")
    generator = GENERATORS[found.inspection.generator]
    known = {parameter.name for parameter in generator.describe()}
    values: dict[str, Scalar] = {
        "weights": str(found.source),
        "steps": 1,
        "device": "auto" if is_gpu_there() else "cpu",
        "units_per_depth": 1.0,
        "sketches": False,
        **({"parts": str(parts)} if parts else {}),
        **({"model": found.inspection.model} if found.inspection.model else {}),
        **{part: str(place) for part, place in found.parts.items() if part in known},
    }
    size = 64
    poses = np.tile(np.eye(4), (5, 1, 1))
    poses[:, 2, 3] = np.linspace(0, 0.1, 5)
    path = Trajectory(poses, np.array([size, size, size / 2, size / 2]), np.arange(5) / 16, size, size)
    started = time.monotonic()
    with TemporaryDirectory(prefix="parascale-weights-") as folder:
        values["source_video"] = str(_grey_film(Path(folder), path))
        request = GenerationRequest(
            Shot("one step", 16.0, path, 1 - poses[:, 2, 3], unit="unit-depth"),
            generator.name,
            np.full((size, size, 3), 127, np.uint8),
            np.ones((size, size), np.float32),
            "a grey wall",
            parameters={name: value for name, value in values.items() if name in known},
        )
        generator.generate(request, Path(folder))
    return time.monotonic() - started


def _grey_film(folder: Path, path: Trajectory) -> Path:
    """Write a film as long as a path, for what takes one."""
    from parascale.media.video_writer import VideoWriter

    film = folder / "source.mp4"
    with VideoWriter(film, *path.size, 16.0) as writer:
        for _ in range(len(path)):
            writer.write(np.full((path.height, path.width, 3), 127, np.uint8))
    return film
