"""The preview: the conditioning image warped through its depth along the path. Needs no weights and no GPU."""

import importlib.util
import os
from collections import abc, deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory, View
from parascale.errors import Cancelled, InputError
from parascale.extras import require
from parascale.generators.generator import Generator, register
from parascale.generators.picture import check_aspect
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.parameters import Parameter, resolve_parameters
from parascale.link.request import JobResult
from parascale.parallax.gauge import compare_depth
from parascale.types import CancelCheck, Progress

if TYPE_CHECKING:
    from parascale.projection.plain_warper import PlainWarper
    from parascale.projection.warper import Warper

Rendered = tuple[NDArray[np.uint8], NDArray[np.bool_]]


@register
class Preview(Generator):
    """Warps the conditioning image through its depth map; fills and marks what the image did not show."""

    name = "preview"
    scale_class = "D"
    requirements = ("av",)
    stall = 600.0

    def describe(self) -> tuple[Parameter, ...]:
        """Take no parameters: size, rate and lens are the shot's."""
        return ()

    def generate(
        self,
        request: GenerationRequest,
        directory: Path,
        progress: Progress | None = None,
        cancelled: CancelCheck | None = None,
    ) -> JobResult:
        """Write ``result.mp4`` and ``hole_mask.mp4``, white where the picture was made up; see `Generator`."""
        resolve_parameters(self.describe(), request.parameters)
        depth_map, warnings = checked_depth(request), depth_warnings(request)
        require("the preview", "preview", self.requirements)
        from parascale.media.video_writer import VideoWriter, shrink

        report: Progress = progress or (lambda _fraction, _phase: None)
        report(0.0, "preparing the surface")
        targets = _even_views(request.shot.trajectory)
        width, height = targets[0].size
        first = request.shot.trajectory.view(0)
        warper = _warper_class()(shrink(request.image, width, height), depth_map, first, targets)
        video, mask = directory / "result.mp4", directory / "hole_mask.mp4"
        fps = request.shot.fps
        shares = []
        with (
            closing(_rendered(warper.render, targets)) as rendered,
            VideoWriter(video, width, height, fps) as frames,
            VideoWriter(mask, width, height, fps, lossless=True) as holes,
        ):
            for number, (image, hole) in enumerate(rendered):
                if cancelled is not None and cancelled():
                    raise Cancelled
                frames.write(image)
                holes.write(hole.astype(np.uint8) * np.uint8(255))
                shares.append(float(hole.mean()))
                report((number + 1) / len(targets), f"frame {number + 1} of {len(targets)}")
        size = {"width": width, "height": height}
        summary = {"frames": len(targets), "fps": fps, **size, "hole_share": shares, "warnings": warnings}
        return JobResult(summary, {"video": video, "hole_mask": mask})


def checked_depth(request: GenerationRequest) -> NDArray[np.float32]:
    """Return the depth map of a request whose picture is to be warped.

    Raises
    ------
    InputError
        Where there is none, or picture and map have another shape than the shot.
    """
    if request.depth_map is None:
        raise InputError(
            f"{request.generator} needs a depth map of the image: measure the scene's depth, or estimate it first"
        )
    check_aspect("image", request.image, request.shot.trajectory)
    check_aspect("depth map", request.depth_map, request.shot.trajectory)
    return request.depth_map


def depth_warnings(request: GenerationRequest) -> list[str]:
    """Say where a depth map differs from its shot; where it differs more, `GenerationRequest` has refused it."""
    if request.depth_map is None:
        return []
    return [notice.message for notice in compare_depth(request.depth_map, request.shot)]


def _warper_class() -> "type[Warper] | type[PlainWarper]":
    """Choose the compiled warper, or where there is no compiler the plain one of half the size."""
    if importlib.util.find_spec("numba") is not None:
        from parascale.projection.warper import Warper

        return Warper
    from parascale.projection.plain_warper import PlainWarper

    return PlainWarper


def _even_views(trajectory: Trajectory) -> list[View]:
    """Cameras of all frames, at the next smaller size that h264 takes."""
    width, height = trajectory.width // 2 * 2, trajectory.height // 2 * 2
    if min(width, height) < 2:
        raise InputError(f"a video of {trajectory.width}x{trajectory.height} is too small: ask for 2x2 pixels or more")
    scale = np.array([width / trajectory.width, height / trajectory.height] * 2)
    return [
        View(pose, intrinsics * scale, width, height)
        for pose, intrinsics in zip(trajectory.camera_to_world, trajectory.intrinsics, strict=True)
    ]


def _rendered(render: abc.Callable[[View], Rendered], targets: list[View]) -> abc.Generator[Rendered, None, None]:
    """Render frames in order, on as many threads as there are processors, a few frames ahead."""
    workers = os.cpu_count() or 1
    waiting: deque[Future[Rendered]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for target in targets:
                waiting.append(pool.submit(render, target))
                if len(waiting) > 2 * workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
