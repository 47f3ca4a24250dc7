"""What generated videos look like: FVD against the reference clips, and CLIP-SIM of their frames with their first.

Both need networks that are no part of this package, given as files: for FVD the I3D of Kinetics-400 as TorchScript (the
file that StyleGAN-V and its followers call, ``i3d_torchscript.pt``), for CLIP-SIM a folder of a CLIP model with its
vision tower, as `transformers` stores it.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.evaluation.tables import APPEARANCE, Cell, Table
from parascale.extras import require
from parascale.media.frames import read_frames
from parascale.types import Array

if TYPE_CHECKING:
    from torch.nn import Module

ABSENT = "absent"
# I3D halves time three times, the last over two frames.
MIN_FRAMES = 10
# Frames of a video that CLIP looks at, the first and others evenly spread.
LOOKS = 9
FEW = 50

Features = Callable[[NDArray[np.uint8]], Array]
"""From pictures (T, H, W, 3) uint8 to features: (D,) of a video, or (T, D) of its frames."""


@dataclass(frozen=True)
class Networks:
    """Files of the networks; None where a measure is not asked for."""

    fvd: Path | None = None
    clip: Path | None = None

    def check(self) -> None:
        """Load what is given, before hours of work.

        Raises
        ------
        InputError
            Where it cannot be used.
        """
        if self.fvd is not None:
            load_fvd_network(self.fvd)
        if self.clip is not None:
            load_clip(self.clip)


def appearance_table(folder: Path, networks: Networks) -> Table:
    """Measure the videos of an evaluation's folder against its reference clips.

    Raises
    ------
    InputError
        Where a network's file cannot be used, or a video cannot be read.
    """
    # Beside a preview's video lies that of its holes.
    made = sorted((folder / "videos").glob("*/result.mp4")) if (folder / "videos").is_dir() else []
    true = sorted((folder / "references").glob("*.mp4"))
    return Table(
        APPEARANCE,
        "What the videos look like",
        f"FVD of the generated videos against the reference clips ({len(made)} and {len(true)}; of fewer than {FEW} it "
        "is a rough figure), and CLIP-SIM: the mean cosine between the CLIP features of a video's frames and of its "
        f"first. '{ABSENT}': no network was given.",
        ("measure", "videos", "value"),
        (
            ("FVD", str(len(made)), _fvd(made, true, networks.fvd)),
            ("CLIP-SIM", str(len(made)), _clip_similarity(made, networks.clip)),
        ),
    )


def frechet_distance(first: Array, second: Array) -> float:
    """Fréchet distance of two normal distributions fitted to features, (N, D) and (M, D).

    d^2 = |mu_1 - mu_2|^2 + tr(C_1 + C_2 - 2 (C_1 C_2)^(1/2)), Dowson and Landau, 1982. NaN where either has one row.
    """
    if min(len(first), len(second)) < 2:
        return math.nan
    means = first.mean(axis=0) - second.mean(axis=0)
    covariances = [np.atleast_2d(np.cov(each, rowvar=False)) for each in (first, second)]
    # The root of the product has the trace of that of the symmetric R C_2 R, R the root of C_1, whose values are real.
    values, vectors = np.linalg.eigh(covariances[0])
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    mixed = np.linalg.eigvalsh(root @ covariances[1] @ root)
    traces = sum(float(np.trace(each)) for each in covariances)
    return float(means @ means + traces - 2 * np.sqrt(np.maximum(mixed, 0)).sum())


def similarity_to_first(features: Array) -> float:
    """Mean cosine between the features of the first frame and of each other, (T, D)."""
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    return float(np.mean(unit[1:] @ unit[0])) if len(unit) > 1 else math.nan


def load_fvd_network(path: Path) -> Features:
    """Load an I3D in TorchScript that is called as StyleGAN-V's: ``(videos, rescale, resize, return_features)``.

    Raises
    ------
    InputError
        Where the file is no such network.
    """
    require("FVD", "generate", ["torch"])
    import torch

    try:
        network: Module = torch.jit.load(str(path), map_location="cpu").eval()
    except (RuntimeError, OSError, ValueError) as error:
        raise InputError(f"{path} is not a TorchScript network ({str(error).splitlines()[0]})") from error

    def features(pictures: NDArray[np.uint8]) -> Array:
        video = torch.from_numpy(np.ascontiguousarray(pictures)).permute(3, 0, 1, 2)[None].float()
        try:
            with torch.no_grad():
                found = network(video, rescale=True, resize=True, return_features=True)
        except (RuntimeError, TypeError) as error:
            raise InputError(
                f"{path} is not the I3D of FVD: it does not take a video ({type(error).__name__})"
            ) from error
        return np.asarray(found[0].flatten().double().numpy(), np.float64)

    return features


def load_clip(folder: Path) -> Features:
    """Load the vision tower of a CLIP model from a folder as `transformers` stores it.

    Raises
    ------
    InputError
        Where the folder holds none.
    """
    require("CLIP-SIM", "generate", ["torch", "transformers"])
    import torch
    from transformers import CLIPImageProcessorPil, CLIPVisionModelWithProjection

    try:
        model, told = CLIPVisionModelWithProjection.from_pretrained(
            folder, local_files_only=True, output_loading_info=True
        )
        processor = CLIPImageProcessorPil.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"{folder} holds no CLIP model that can be loaded ({str(error).splitlines()[0]})") from error
    if told["missing_keys"]:
        raise InputError(f"{folder} holds no whole CLIP model: {sorted(told['missing_keys'])[0]} is missing")

    def features(pictures: NDArray[np.uint8]) -> Array:
        seen = processor(images=list(pictures), return_tensors="pt")["pixel_values"]
        with torch.no_grad():
            return np.asarray(model.eval()(pixel_values=seen).image_embeds.double().numpy(), np.float64)

    return features


def _fvd(made: Sequence[Path], true: Sequence[Path], path: Path | None) -> Cell:
    if path is None:
        return ABSENT
    features = load_fvd_network(path)
    sets = [np.array([features(_pictures(video)) for video in videos]) for videos in (made, true)]
    return frechet_distance(*sets)


def _clip_similarity(made: Iterable[Path], folder: Path | None) -> Cell:
    if folder is None:
        return ABSENT
    features = load_clip(folder)
    found = []
    for video in made:
        pictures = _pictures(video)
        chosen = np.unique(np.linspace(0, len(pictures) - 1, LOOKS).round().astype(int))
        found.append(similarity_to_first(features(pictures[chosen])))
    return float(np.mean(found)) if found else math.nan


def _pictures(video: Path) -> NDArray[np.uint8]:
    pictures = np.stack([frame.picture for frame in read_frames(video)])
    if len(pictures) < MIN_FRAMES:
        raise InputError(f"{video} has {len(pictures)} frames, and {MIN_FRAMES} are needed to say what it looks like")
    return pictures
