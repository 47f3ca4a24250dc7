"""Published weights of generators and of depth models."""

from dataclasses import dataclass
from typing import NamedTuple

from parascale.errors import InputError

_DEPTH = "depth models"
_WAN = "all Wan models"
_PAGE = "see its page"
_ORIGINAL = ("config.json", "diffusion_pytorch_model*")
_WHOLE = ("*.json", "*/*.json", "*/*.safetensors", "tokenizer/*")
_HALVES = tuple(f"{half}/{name}" for half in ("high_noise_model", "low_noise_model") for name in _ORIGINAL)
_VACE = ("transformer/*", "scheduler/*")
_LTX_MODELS = ("transformer", "vae", "audio_vae", "connectors", "vocoder")
_TRANSFORMERS = ("config.json", "preprocessor_config.json", "model.safetensors")
_WAN_PARTS = ("umt5-xxl", "wan2.1-vae")
_I2V_PARTS = (*_WAN_PARTS, "wan2.1-clip")


@dataclass(frozen=True)
class Weights:
    """Published weights.

    Attributes
    ----------
    name : str
        The name of a depth model, or what weights of a generator are called here.
    use : str
        The generator that takes them, "all Wan models", or "depth models".
    repository : str
        Id on the Hugging Face hub.
    files : tuple of str
        Patterns of the files that are needed.
    licence : str
    needs : tuple of str
        Names of other weights they are of no use without.
    former : str
        Another id that the same repository had on the hub.
    """

    name: str
    use: str
    repository: str
    files: tuple[str, ...]
    licence: str
    needs: tuple[str, ...] = ()
    former: str = ""


class Vae(NamedTuple):
    """A published VAE: what its weights are called here, the channels of its latents, and the pixels across one."""

    name: str
    channels: int
    pixels: int


# By the channels of the latents, which tell a Wan model's VAE.
WAN_VAES = {vae.channels: vae for vae in (Vae("wan2.1-vae", 16, 8), Vae("wan2.2-vae", 48, 16))}


CATALOGUE: tuple[Weights, ...] = (
    Weights(
        "wan-fun-camera-1.3B",
        "wan-fun-camera",
        "alibaba-pai/Wan2.1-Fun-V1.1-1.3B-Control-Camera",
        _ORIGINAL,
        _PAGE,
        _I2V_PARTS,
    ),
    Weights(
        "wan-fun-camera-14B",
        "wan-fun-camera",
        "alibaba-pai/Wan2.1-Fun-V1.1-14B-Control-Camera",
        _ORIGINAL,
        _PAGE,
        _I2V_PARTS,
    ),
    Weights(
        "wan-fun-camera-2.2-A14B",
        "wan-fun-camera",
        "alibaba-pai/Wan2.2-Fun-A14B-Control-Camera",
        _HALVES,
        _PAGE,
        _WAN_PARTS,
    ),
    Weights(
        "wan-fun-camera-2.2-5B",
        "wan-fun-camera",
        "alibaba-pai/Wan2.2-Fun-5B-Control-Camera",
        _ORIGINAL,
        _PAGE,
        ("umt5-xxl", "wan2.2-vae"),
    ),
    Weights("umt5-xxl", _WAN, "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", ("text_encoder/*", "tokenizer/*"), "Apache-2.0"),
    Weights("wan2.1-vae", _WAN, "Wan-AI/Wan2.1-T2V-1.3B-Diffusers", ("vae/*",), "Apache-2.0"),
    Weights("wan2.2-vae", _WAN, "Wan-AI/Wan2.2-TI2V-5B-Diffusers", ("vae/*",), "Apache-2.0"),
    Weights(
        "wan2.1-clip",
        _WAN,
        "Wan-AI/Wan2.1-I2V-14B-480P-Diffusers",
        ("image_encoder/*", "image_processor/*"),
        "Apache-2.0",
    ),
    Weights(
        "recammaster",
        "recammaster",
        "KlingTeam/ReCamMaster-Wan2.1",
        ("step20000.ckpt",),
        "Apache-2.0",
        _WAN_PARTS,
        "KwaiVGI/ReCamMaster-Wan2.1",
    ),
    Weights("wan-vace-1.3B", "wan-vace", "Wan-AI/Wan2.1-VACE-1.3B-diffusers", _VACE, "Apache-2.0", _WAN_PARTS),
    Weights("wan-vace-14B", "wan-vace", "Wan-AI/Wan2.1-VACE-14B-diffusers", _VACE, "Apache-2.0", _WAN_PARTS),
    Weights("wan-vace-2.2-A14B", "wan-vace", "alibaba-pai/Wan2.2-VACE-Fun-A14B", _HALVES, _PAGE, _WAN_PARTS),
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
    Weights("sana-wm", "sana-wm", "Efficient-Large-Model/SANA-WM_bidirectional-diffusers", _WHOLE, _PAGE),
    Weights(
        "ltx",
        "ltx",
        "Lightricks/LTX-2",
        (
            *(f"{part}/config.json" for part in (*_LTX_MODELS, "text_encoder")),
            *(f"{part}/*.safetensors*" for part in (*_LTX_MODELS, "text_encoder")),
            *("scheduler/*", "tokenizer/*"),
        ),
        "LTX-2 Community License",
        ("ltx-detailer",),
    ),
    Weights(
        "ltx-detailer",
        "ltx",
        "Lightricks/LTX-2-19b-IC-LoRA-Detailer",
        ("*.safetensors",),
        "LTX-2 Community License",
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
    Weights(
        "depth-anything-v2-small", _DEPTH, "depth-anything/Depth-Anything-V2-Small-hf", _TRANSFORMERS, "Apache-2.0"
    ),
    Weights(
        "depth-anything-v2-indoor-small",
        _DEPTH,
        "depth-anything/Depth-Anything-V2-Metric-Indoor-Small-hf",
        _TRANSFORMERS,
        _PAGE,
    ),
    Weights(
        "depth-anything-v2-outdoor-small",
        _DEPTH,
        "depth-anything/Depth-Anything-V2-Metric-Outdoor-Small-hf",
        _TRANSFORMERS,
        _PAGE,
    ),
    Weights("depth-pro", _DEPTH, "apple/DepthPro-hf", _TRANSFORMERS, "Apple ASCL"),
    Weights("zoedepth", _DEPTH, "Intel/zoedepth-nyu-kitti", _TRANSFORMERS, "MIT"),
    Weights("moge-2", _DEPTH, "Ruicheng/moge-2-vitl-normal", ("model.pt",), "MIT"),
)

DEPTH_MODELS: tuple[str, ...] = tuple(weights.name for weights in CATALOGUE if weights.use == _DEPTH)
"""The names of the published depth models. The add-on suggests them."""


def find_weights(name: str) -> Weights:
    """Return weights by their name, by their repository on the hub, or a whole repository that the catalogue lacks.

    Raises
    ------
    InputError
        If it is no such name, and not OWNER/NAME.
    """
    for weights in CATALOGUE:
        if name in (weights.name, weights.repository, weights.former):
            return weights
    if "/" not in name:
        raise InputError(f"there are no weights called {name!r}", "weights-list")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise InputError(f"{name} is neither a folder on this machine nor OWNER/NAME on the hub", "weights-list")
    return Weights(name, "", name, ("*",), _PAGE)
