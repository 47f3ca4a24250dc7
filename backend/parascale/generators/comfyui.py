"""ComfyUI: a workflow of the user's own, on a server that already runs, filled with what the shot is."""

import io
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.conditioning.wan_fun import camera_latents
from parascale.errors import InputError
from parascale.extras import require
from parascale.generators.comfy.address import check_address
from parascale.generators.comfy.server import ComfyServer, suffix_of
from parascale.generators.comfy.workflow import fill_workflow, read_workflow, slots_of
from parascale.generators.generator import Generator, register
from parascale.generators.picture import fit_image, fit_trajectory, scale_path
from parascale.generators.preview import checked_depth, depth_warnings
from parascale.generators.units import UNITS_PER_DEPTH, units_per_depth
from parascale.generators.warped import warp_picture
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.messages import Trained
from parascale.link.parameters import Parameter, Scalar, resolve_parameters
from parascale.link.request import JobResult
from parascale.media.suffixes import VIDEO_SUFFIXES
from parascale.parallax.shot import Shot
from parascale.types import CancelCheck, Progress

MULTIPLE = 16
# Of the whole: until the workflow runs, and until its files are fetched.
UPLOADED, MADE = 0.1, 0.95


@register
class ComfyUI(Generator):
    """A workflow in API format; nodes titled "parascale: SLOT, ..." say what goes into them.

    Its scale class is that of the model in the workflow: A where it takes ``camera`` or ``poses``, D by construction
    where it takes ``control_video``.
    """

    name = "comfyui"
    local_only = True  # a workflow runs any node of a ComfyUI, and the request names the server
    scale_class = "A"
    requirements = ("av", "PIL")
    trained = Trained(fps=16.0, frame_step=4)

    def describe(self) -> tuple[Parameter, ...]:
        """See `Generator`."""
        return (
            Parameter("server", "str", "127.0.0.1:8188", description="HOST:PORT of the ComfyUI server."),
            Parameter("workflow", "file", "", description="A workflow in API format, which is sent along."),
            UNITS_PER_DEPTH,
            Parameter("steps", "int", 30, 1, 200, description="Denoising steps, where the workflow takes them."),
            Parameter("negative_prompt", "str", "", description="What is not to be seen."),
            Parameter("long_side", "int", 832, 16, 4096, description="Longer side of the video in pixels, at most."),
        )

    def generate(
        self,
        request: GenerationRequest,
        directory: Path,
        progress: Progress | None = None,
        cancelled: CancelCheck | None = None,
    ) -> JobResult:
        """Write ``result.mp4``; see `Generator`."""
        values = resolve_parameters(self.describe(), request.parameters)
        if not values["workflow"]:
            raise InputError("comfyui needs a workflow, exported in API format")
        server = ComfyServer(*check_address(str(values["server"])))
        workflow = read_workflow(Path(str(values["workflow"])).expanduser())
        require("comfyui", "preview", self.requirements)
        report: Progress = progress or (lambda _fraction, _phase: None)
        slots = set(slots_of(workflow))
        units = units_per_depth(self.name, "D" if "control_video" in slots else "A", values, request.shot)
        whole = request.shot.trajectory
        path = fit_trajectory(whole, MULTIPLE, int(values["long_side"]), self.trained.frame_step)
        report(0.0, "preparing what the workflow takes")
        filled = _values(request, path, values, units.value) | _uploads(slots, request, path, units.value, server)
        warnings = [*units.warnings, *depth_warnings(request)]
        if not slots & {"camera", "poses", "control_video"}:
            warnings.append("the workflow takes no camera: the video does not follow the shot")

        def pass_on(part: float, phase: str) -> None:
            report(UPLOADED + (MADE - UPLOADED) * part, phase)

        files = server.run(fill_workflow(workflow, filled), pass_on, cancelled)
        report(MADE, "fetching the video")
        frames = _frames_of(server, files, directory, len(request.shot))
        video, fps = directory / "result.mp4", request.shot.fps
        _write(frames, video, fps)
        summary = {
            "frames": len(frames),
            "fps": fps,
            "width": frames.shape[2],
            "height": frames.shape[1],
            "model": Path(str(values["workflow"])).name,
            "seed": request.seed,
            "units_per_depth": units.value,
            "units_source": units.source,
            "warnings": warnings,
        }
        return JobResult(summary, {"video": video})


def _values(
    request: GenerationRequest, path: Trajectory, values: Mapping[str, Scalar], units: float
) -> dict[str, object]:
    """Return the slots that are no files."""
    return {
        "prompt": request.prompt,
        "negative_prompt": values["negative_prompt"],
        # ComfyUI takes no more than 64 bits, kijai's nodes no more than 48.
        "seed": request.seed % 2**48,
        "width": path.width,
        "height": path.height,
        "length": len(path),
        "fps": request.shot.fps,
        "steps": values["steps"],
        "poses": _pose_text(scale_path(path, units), request.shot.fps),
    }


def _pose_text(path: Trajectory, fps: float) -> str:
    """Return the rows of a Wan-Fun camera file, which kijai's wrapper and VideoX-Fun's nodes read."""
    from parascale.files.formats.wan_fun import write_wan_fun

    with TemporaryDirectory(prefix="parascale-comfyui-") as folder:
        file = Path(folder) / "poses.txt"
        write_wan_fun(Shot("path", fps, path, np.ones(len(path))), file)
        return file.read_text(encoding="utf-8")


def _uploads(
    slots: set[str], request: GenerationRequest, path: Trajectory, units: float, server: ComfyServer
) -> dict[str, object]:
    """Upload the files that a workflow takes, and return their names on the server by slot."""
    names: dict[str, object] = {}
    if "picture" in slots:
        names["picture"] = server.upload(".png", _png(fit_image(request.image, path)))
    if "camera" in slots:
        names["camera"] = server.upload(".npz", _npz(camera_latents(scale_path(path, units))))
    if slots & {"control_video", "mask_video"}:
        film, mask = warp_picture(request.image, checked_depth(request), path, path.view(0))
        names["control_video"] = server.upload(".mp4", _mp4(film, request.shot.fps))
        names["mask_video"] = server.upload(".mp4", _mp4(np.repeat(mask[..., None], 3, -1), request.shot.fps))
    return names


def _png(picture: NDArray[np.uint8]) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(picture).save(file, format="PNG")
    return file.getvalue()


def _npz(latents: NDArray[np.float32]) -> bytes:
    file = io.BytesIO()
    np.savez(file, camera_latents=latents)
    return file.getvalue()


def _mp4(frames: NDArray[np.uint8], fps: float) -> bytes:
    with TemporaryDirectory(prefix="parascale-comfyui-") as folder:
        path = Path(folder) / "film.mp4"
        _write(frames, path, fps)
        return path.read_bytes()


def _write(frames: NDArray[np.uint8], path: Path, fps: float) -> None:
    from parascale.media.video_writer import VideoWriter

    height, width = frames.shape[1] // 2 * 2, frames.shape[2] // 2 * 2
    with VideoWriter(path, width, height, fps) as writer:
        for frame in frames:
            writer.write(np.ascontiguousarray(frame[:height, :width]))


def _frames_of(server: ComfyServer, files: list[dict[str, str]], directory: Path, count: int) -> NDArray[np.uint8]:
    """Return the frames that a workflow made: of its video, else of its pictures in order.

    Raises
    ------
    InputError
        Where there are fewer than the shot has.
    """
    from parascale.media.video_file import read_video

    videos = [file for file in files if suffix_of(file) in VIDEO_SUFFIXES]
    pictures = [file for file in files if suffix_of(file) in (".png", ".jpg", ".jpeg", ".webp")]
    if videos:
        path = directory / f"comfyui{suffix_of(videos[0])}"
        try:
            path.write_bytes(server.fetch(videos[0]))
            frames = read_video(path, count)
        finally:
            path.unlink(missing_ok=True)
    elif pictures:
        made = [_picture(server.fetch(file), file["filename"]) for file in pictures[:count]]
        if len({picture.shape for picture in made}) > 1:
            raise InputError("the workflow made pictures of several sizes: end it with one Save Image")
        frames = np.stack(made)
    else:
        raise InputError("the workflow made neither a video nor pictures: end it with Save Video or Save Image")
    if len(frames) < count:
        raise InputError(f"the workflow made {len(frames)} frames and the shot has {count}: let it take the length")
    return frames


def _picture(content: bytes, name: str) -> NDArray[np.uint8]:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(content)) as picture:
            return np.asarray(picture.convert("RGB"), np.uint8)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{name}, which the ComfyUI server gave, is not a picture that can be read") from error
