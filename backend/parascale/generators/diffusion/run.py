"""One run of a diffusion generator: what all of them do the same way."""

import gc
from collections.abc import Callable, Hashable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from diffusers import DiffusionPipeline
from numpy.typing import NDArray

from parascale.errors import Cancelled, InputError
from parascale.generators.diffusion.device import move_to_device, select_device
from parascale.generators.diffusion.memory import check_memory, estimate, too_little
from parascale.generators.diffusion.sketch import Sketch
from parascale.generators.picture import fit_image
from parascale.generators.pieces import Piece
from parascale.generators.settings import Settings
from parascale.generators.units import Units
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.limits import SKETCH
from parascale.link.parameters import Scalar
from parascale.link.request import JobResult
from parascale.media.video_writer import VideoWriter
from parascale.types import CancelCheck, Progress

# Where a run stands when the models are loaded, and when the last step is done.
LOADED, DENOISED = 0.1, 0.95

Tensors = dict[str, torch.Tensor]

_kept: dict[Hashable, tuple[DiffusionPipeline, tuple[str, ...], tuple[dict[str, int], int]]] = {}


class Run:
    """A request on its way through a diffusion pipeline.

    Parameters
    ----------
    request : GenerationRequest
    values : mapping
        Resolved parameters.
    piece : Piece
        The part of the request's frames that is made.
    units : Units
        Of the generator, for one median depth of the request's picture.
    directory : Path
        Takes the files.
    progress, cancelled : callable or None
        As a generator takes them.

    Attributes
    ----------
    path : Trajectory
        The cameras of the piece as the model takes them: its size, its number of frames.
    settings : Settings
        Those of the values that all diffusion generators have.
    device : torch.device
    dtype : torch.dtype
        Precision of the models.
    warnings : list of str

    Raises
    ------
    InputError
        Where there is no such device.
    """

    def __init__(
        self,
        request: GenerationRequest,
        values: Mapping[str, Scalar],
        piece: Piece,
        units: Units,
        directory: Path,
        progress: Progress | None,
        cancelled: CancelCheck | None,
    ) -> None:
        self.request, self.values, self.piece, self.units = request, values, piece, units
        self.path = piece.path
        self.settings = Settings.of(values)
        self.device, self.dtype = select_device(request.generator, self.settings)
        self._directory = directory
        self.warnings: list[str] = []
        self._progress, self._cancelled = progress, cancelled
        self._sketch: tuple[Sketch, Path] | None = None
        self._needs: tuple[dict[str, int], int] = {}, 1
        self.report(0.0, "looking for the weights")

    @property
    def picture(self) -> NDArray[np.uint8]:
        """What the first camera of the piece sees, (H, W, 3) uint8, in the path's size."""
        lead = self.piece.lead
        return fit_image(self.request.image if lead is None else lead, self.path)

    @property
    def use_image(self) -> bool:
        """Whether the piece starts from a picture: where the request says so, and after the first piece."""
        return self.piece.lead is not None or bool(self.values.get("use_image", True))

    @property
    def scale(self) -> float:
        """What the path is multiplied by: the generator's units for one median depth of the picture it starts from.

        Metres stay metres; other units belong to the depth of the picture that the model sees.
        """
        return self.units.value if self.units.metric else self.units.value / self.piece.depth

    def report(self, fraction: float, phase: str) -> None:
        """Report progress.

        Raises
        ------
        Cancelled
            Where that is wished.
        """
        if self._cancelled is not None and self._cancelled():
            raise Cancelled
        if self._progress is not None:
            number, count = self.piece.number, self.piece.count
            part = f"part {number + 1} of {count}: " if count > 1 else ""
            self._progress((number + fraction) / count, part + phase)

    def loading(self, phase: str) -> None:
        """Report while models are loaded."""
        self.report(0.0, phase)

    def check_memory(self, numbers: dict[str, int], block: Mapping[str, int], length: int = 1) -> None:
        """Compare what is needed with the device.

        Parameters
        ----------
        numbers : dict of str to int
            How many numbers each model has; the VAE's are held in single precision.
        block : mapping of str to int
            What `estimate` takes of the model.
        length : int
            How many times the film's length the transformer sees.

        Raises
        ------
        InputError
            Where the device has too little.
        """
        self._needs = dict(block), length
        film = (len(self.path) * length, *self.path.size)
        need = estimate(numbers, film, self.dtype.itemsize, tiling=self.settings.tiling, **block)
        offload = "none" if self.device.type == "cpu" else self.settings.offload
        check_memory(self.request.generator, need, offload, self.device, tiling=self.settings.tiling)

    def pipeline(self, folders: Sequence[Path], build: Callable[[], DiffusionPipeline]) -> DiffusionPipeline:
        """Return the pipeline of some folders, from the last run where nothing changed; one is kept.

        Raises
        ------
        InputError
            Where its weights are missing or wrong, or memory runs out.
        """
        settings = self.settings
        how = (settings.offload, settings.tiling, settings.lora, settings.lora_strength)
        key = (self.request.generator, self.device, self.dtype, how, *map(_stamp, folders))
        if key not in _kept:
            _kept.clear()
            gc.collect()
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            try:
                pipeline = build()
                self.loading("moving the model to its device")
                _kept[key] = pipeline, move_to_device(pipeline, self.device, settings), self._needs
            except (torch.OutOfMemoryError, MemoryError) as error:
                raise too_little(self.request.generator, self.device) from error
        else:
            # Its models are on the device already: what this film needs beside them may be more than the last one's.
            self.check_memory({"": 0}, *_kept[key][2])
        pipeline, warnings, _ = _kept[key]
        self.warnings.extend(warnings)
        return pipeline

    def sketch(self, encode: Callable[[torch.Tensor], torch.Tensor]) -> None:
        """Have ``sketch.png`` show the video as it comes into being, if the settings say so.

        Parameters
        ----------
        encode : callable
            From a film of one frame, (1, 3, 1, H, W), -1 .. 1, to its latents (1, C, 1, h, w).
        """
        if not self.settings.sketches:
            return
        with torch.no_grad():
            latent = encode(as_film(self.picture[None]))[0, :, 0]
        self._sketch = Sketch(latent, self.picture), self._directory / SKETCH

    def denoise(
        self, pipeline: DiffusionPipeline, after: Callable[[int], None] | None = None, **inputs: object
    ) -> NDArray[np.uint8]:
        """Run the pipeline.

        Noise is drawn on the processor, so that a seed means the same on every device.

        Parameters
        ----------
        pipeline : DiffusionPipeline
        after : callable, optional
            Takes the number of each step that is done.
        **inputs
            What the model is conditioned on.

        Returns
        -------
        (T, H, W, 3) uint8
            sRGB, as many frames as the piece has.

        Raises
        ------
        InputError
            Where memory runs out, or the model gives no picture.
        Cancelled
        """
        self.report(LOADED, "reading the prompt")
        settings = self.settings

        def stepped(pipeline: DiffusionPipeline, step: int, _timestep: torch.Tensor, tensors: Tensors) -> Tensors:
            if after is not None:
                after(step)
            self._stepped(pipeline, step, tensors)
            return tensors

        try:
            made = pipeline(
                prompt=self.request.prompt,
                negative_prompt=settings.negative_prompt,
                width=self.path.width,
                height=self.path.height,
                num_frames=len(self.path),
                num_inference_steps=settings.steps,
                guidance_scale=settings.guidance,
                generator=torch.Generator("cpu").manual_seed(self.request.seed + self.piece.number),
                callback_on_step_end=stepped,
                output_type="np",
                **inputs,
            ).frames
        except (torch.OutOfMemoryError, MemoryError) as error:
            raise too_little(self.request.generator, self.device) from error
        except BaseException:
            pipeline.maybe_free_model_hooks()
            raise
        finally:
            if self._sketch is not None:
                self._sketch[1].unlink(missing_ok=True)
        frames = np.asarray(made)
        # Most pipelines return a batch of films, SANA-WM's the film alone.
        video = (frames[0] if frames.ndim == 5 else frames)[: self.piece.frames]
        if not np.isfinite(video).all():
            raise InputError(f"the model gave no finite picture in {self.dtype}: take another precision")
        pixels: NDArray[np.uint8] = np.round(np.clip(video, 0, 1) * 255).astype(np.uint8)
        return pixels

    def _stepped(self, pipeline: DiffusionPipeline, step: int, tensors: Tensors) -> None:
        count = pipeline.num_timesteps
        if self._sketch is not None:
            sketch, path = self._sketch
            sketch.show(tensors["latents"], float(pipeline.scheduler.sigmas[step + 1]), path)
        fraction = LOADED + (DENOISED - LOADED) * (step + 1) / count
        self.report(fraction, "decoding the video" if step + 1 == count else f"step {step + 1} of {count}")

    def finish(self, frames: NDArray[np.uint8], model: str, warnings: Sequence[str]) -> JobResult:
        """Write ``result.mp4`` and describe how it was made."""
        self.report(0.99, "writing the video")
        fps, video = self.request.shot.fps, self._directory / "result.mp4"
        with VideoWriter(video, self.path.width, self.path.height, fps) as writer:
            for frame in frames:
                writer.write(np.ascontiguousarray(frame))
        summary = {
            "frames": len(frames),
            "fps": fps,
            "width": self.path.width,
            "height": self.path.height,
            "model": model,
            "seed": self.request.seed,
            "units_per_depth": self.units.value,
            "units_source": self.units.source,
            "device": self.device.type,
            "precision": str(self.dtype).removeprefix("torch."),
            "warnings": list(warnings),
        }
        return JobResult(summary, {"video": video})


def as_film(pictures: NDArray[np.uint8]) -> torch.Tensor:
    """Turn pictures, (T, H, W, 3) uint8, into a film (1, 3, T, H, W), -1 .. 1."""
    return torch.from_numpy(np.array(pictures)).permute(3, 0, 1, 2)[None].float() / 127.5 - 1


def _stamp(folder: Path) -> tuple[Hashable, ...]:
    """Return what changes when a file, or those of a folder do."""
    files = sorted(path for path in (folder, *folder.rglob("*")) if path.is_file())
    return tuple((str(path), (state := path.stat()).st_size, state.st_mtime_ns) for path in files)
