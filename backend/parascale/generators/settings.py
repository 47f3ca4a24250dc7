"""The settings of all diffusion generators, and the packages they need."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from parascale.extras import EXTRAS
from parascale.link.parameters import Parameter, Scalar

REQUIREMENTS = (*(name for name in EXTRAS["generate"] if name != "gguf"), "av")

WAN_NEGATIVE_PROMPT = (
    "色调艳丽，过曝，静态，细节模糊不清，字幕，风格，作品，画作，画面，静止，整体发灰，最差质量，低质量，JPEG压缩残留，丑陋的，"
    "残缺的，多余的手指，画得不好的手部，画得不好的脸部，畸形的，毁容的，形态畸形的肢体，手指融合，静止不动的画面，杂乱的背景，"
    "三条腿，背景人很多，倒着走"
)
"""What all Wan models were published with, "static" among it, which keeps a camera from standing still: VideoX-Fun's
examples/wan2.1_fun/predict_v2v_control_camera.py and its like for wan2.2_fun and wan2.2_vace_fun (804a425),
ReCamMaster's inference_recammaster.py (fcf98bc), Wan2.1's ``sample_neg_prompt``, which VACE takes."""

EASYANIMATE_NEGATIVE_PROMPT = "扭曲的身体，肢体残缺，文本字幕，漫画，静止，丑陋，错误，乱码。"
"""EasyAnimate's predict_v2v_control.py (c2a70d1)."""

LTX_NEGATIVE_PROMPT = (
    "blurry, out of focus, overexposed, underexposed, low contrast, washed out colors, excessive noise, "
    "grainy texture, poor lighting, flickering, motion blur, distorted proportions, unnatural skin tones, "
    "deformed facial features, asymmetrical face, missing facial features, extra limbs, disfigured hands, "
    "wrong hand count, artifacts around text, inconsistent perspective, camera shake, incorrect depth of "
    "field, background too sharp, background clutter, distracting reflections, harsh shadows, inconsistent "
    "lighting direction, color banding, cartoonish rendering, 3D CGI look, unrealistic materials, uncanny "
    "valley effect, incorrect ethnicity, wrong gender, exaggerated expressions, wrong gaze direction, "
    "mismatched lip sync, silent or muted audio, distorted voice, robotic voice, echo, background noise, "
    "off-sync audio, incorrect dialogue, added dialogue, repetitive speech, jittery movement, awkward "
    "pauses, incorrect timing, unnatural transitions, inconsistent framing, tilted camera, flat lighting, "
    "inconsistent tone, cinematic oversaturation, stylized filters, or AI artifacts."
)
"""``DEFAULT_NEGATIVE_PROMPT`` of diffusers 0.42.1, pipelines/ltx2/utils.py."""

PARTS = Parameter("parts", "path", "", description="Folder of VAE and encoders; the published ones if empty.")
SHIFT = Parameter(
    "shift", "float", 0.0, 0.0, 30.0, description="Shift of the noise schedule towards noise; 0 takes the model's own."
)


@dataclass(frozen=True)
class Settings:
    """How a diffusion model is run; each field is a parameter of `common_parameters`."""

    steps: int
    guidance: float
    negative_prompt: str
    long_side: int
    device: str
    precision: str
    offload: str
    tiling: bool
    weights: str
    sketches: bool = False
    lora: str = ""
    lora_strength: float = 1.0

    @classmethod
    def of(cls, values: Mapping[str, Scalar]) -> "Settings":
        """Pick the common settings out of resolved parameters."""
        known = {item.name for item in fields(cls)}
        picked: dict[str, Any] = {name: value for name, value in values.items() if name in known}
        return cls(**picked)


def common_parameters(
    *,
    steps: int,
    guidance: float,
    long_side: int,
    negative_prompt: str = "",
    lora: bool = True,
    sketches: bool = True,
) -> tuple[Parameter, ...]:
    """Describe the parameters of `Settings`, with a model's own defaults."""
    shown = Parameter("sketches", "bool", True, description="Show the video, small, as it comes into being.")
    lora_parameters = (
        Parameter("lora", "path", "", description="A LoRA on the backend: a .safetensors file or a folder with one."),
        Parameter("lora_strength", "float", 1.0, 0, 2, description="How much of the LoRA is added."),
    )
    return (
        Parameter("steps", "int", steps, 1, 200, description="Denoising steps: more take longer and look cleaner."),
        Parameter("guidance", "float", guidance, 1, 20, description="How closely the prompt is followed."),
        Parameter("negative_prompt", "str", negative_prompt, description="What is not to be seen."),
        Parameter("long_side", "int", long_side, 16, 4096, description="Longer side of the video in pixels, at most."),
        Parameter(
            "device", "choice", "auto", choices=("auto", "cuda", "mps", "cpu"), description="auto asks for a GPU."
        ),
        Parameter(
            "precision",
            "choice",
            "auto",
            choices=("auto", "bf16", "fp16", "fp32"),
            description="Of the model's numbers; auto is bf16 on a GPU and fp32 on the processor.",
        ),
        Parameter(
            "offload",
            "choice",
            "none",
            choices=("none", "model", "group", "sequential"),
            description="What waits in main memory: nothing, idle models, idle layers, or all but a layer; slower.",
        ),
        Parameter("tiling", "bool", False, description="Decode in tiles: less memory, faint seams at worst."),
        *((shown,) if sketches else ()),
        Parameter(
            "weights", "path", "", description="Folder, file or hub id of the weights; the published ones if empty."
        ),
        *(lora_parameters if lora else ()),
    )
