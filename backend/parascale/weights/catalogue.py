"""Published weights of generators and of depth models."""

from dataclasses import dataclass

from parascale.errors import InputError

_DEPTH = "depth models"
_PAGE = "see its page"
_DIFFUSERS_PARTS = ("vae/*", "text_encoder/*", "tokenizer/*")
_ORIGINAL = ("config.json", "diffusion_pytorch_model*")
_WHOLE = ("*.json", "*/*.json", "*/*.safetensors", "tokenizer/*")
_TRANSFORMERS = ("config.json", "preprocessor_config.json", "model.safetensors")
_I2V_PARTS = ("wan2.1-i2v-parts",)


@dataclass(frozen=True)
class Weights:
    """Published weights.

    Attributes
    ----------
    name : str
        The name of a depth model, or what weights of a generator are called here.
    use : str
        The generator that takes them, or "depth models".
    repository : str
        Id on the Hugging Face hub.
    files : tuple of str
        Patterns of the files that are needed.
    licence : str
    needs : tuple of str
        Names of other weights they are of no use without.
    """

    name: str
    use: str
    repository: str
    files: tuple[str, ...]
    licence: str
    needs: tuple[str, ...] = ()


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
        tuple(f"{half}/{name}" for half in ("high_noise_model", "low_noise_model") for name in _ORIGINAL),
        _PAGE,
        _I2V_PARTS,
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
        if name in (weights.name, weights.repository):
            return weights
    if "/" not in name:
        raise InputError(f"there are no weights called {name!r}", "weights-list")
    if name.count("/") != 1 or name.startswith((".", "/", "~")):
        raise InputError(f"{name} is neither a folder on this machine nor OWNER/NAME on the hub", "weights-list")
    return Weights(name, "", name, ("*",), _PAGE)
