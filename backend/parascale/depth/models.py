"""Depth models by name."""

import json
from pathlib import Path

from parascale.depth.estimate import Estimator
from parascale.errors import InputError
from parascale.extras import require
from parascale.weights.catalogue import DEPTH_MODELS
from parascale.weights.hub import locate


def load_estimator(name: str) -> Estimator:
    """Load a depth model: of the catalogue, of a folder of weights, or of the Hugging Face hub by its id.

    Raises
    ------
    InputError
        If its weights or a package are missing, or the folder holds no known depth model.
    """
    if "/" not in name and name not in DEPTH_MODELS and not Path(name).expanduser().is_dir():
        raise InputError(f"there is no depth model {name!r}: take one of {', '.join(DEPTH_MODELS)}")
    folder = locate(name)
    if (folder / "model.pt").is_file():
        from parascale.depth.moge_model import MogeEstimator

        return MogeEstimator(name, folder)
    require("the depth model", "depth", ("torch", "transformers"))
    from parascale.depth.transformers_model import FAMILIES, TransformersEstimator

    try:
        family = str(json.loads((folder / "config.json").read_text())["model_type"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{folder} holds no depth model: a config.json that names its model_type is needed, or MoGe's model.pt"
        ) from error
    if family not in FAMILIES:
        known = ", ".join(FAMILIES)
        raise InputError(f"{folder} holds a model of the kind {family!r}, which is no depth model we know: {known}")
    return TransformersEstimator(name, folder, family)
