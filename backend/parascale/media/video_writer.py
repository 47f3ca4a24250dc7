"""Writing h264 video that players, Blender and structure from motion read alike."""

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.video.reformatter import Colorspace, VideoReformatter
from numpy.typing import NDArray

from parascale.files.disk import MARK
from parascale.media.container import name_for_ffmpeg

# Default settings predict motion to a quarter pixel and drop the rest: at CRF 15 textures move 0.05 pixels a
# frame. Keeping small residuals ("grain") reduces that to 0.01 - 0.02, at any speed preset.
ENCODING: dict[str, object] = {"preset": "ultrafast", "tune": "grain", "crf": "12"}
LOSSLESS: dict[str, object] = {"preset": "ultrafast", "qp": "0"}


class VideoWriter:
    """Write frames to an mp4 file: h264, yuv420p, BT.709, limited range.

    The file gets its name when it is complete; after an exception nothing is left.

    Parameters
    ----------
    path : Path
        Ends in ".mp4".
    width, height : int
        Pixels, both even.
    fps : float
    lossless : bool
        For masks: grey, full range, every value kept.
    """

    def __init__(self, path: Path, width: int, height: int, fps: float, *, lossless: bool = False) -> None:
        if width % 2 or height % 2:
            raise ValueError(f"h264 needs an even size, not {width}x{height}")
        self._path = path
        self._partial = path.with_name(path.name + ".part")
        self._lossless = lossless
        # Kept: made anew for every frame, it would take half as long again.
        self._converter = VideoReformatter()
        self._container = av.open(name_for_ffmpeg(self._partial), "w", format="mp4", options={"movflags": "+faststart"})
        self._container.metadata["comment"] = f"{MARK} generated video"
        self._stream = self._container.add_stream("libx264", rate=Fraction(fps).limit_denominator(100_000))
        self._stream.width, self._stream.height = width, height
        self._stream.pix_fmt = "gray" if lossless else "yuv420p"
        self._stream.options = LOSSLESS if lossless else ENCODING
        context = self._stream.codec_context
        # More would take a sixth more work, and frames are made beside it on all processors.
        context.thread_count = 1
        context.color_range = 2 if lossless else 1
        if not lossless:
            context.colorspace = context.color_primaries = context.color_trc = 1  # BT.709

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Append a frame: (height, width, 3) uint8 sRGB, or (height, width) uint8 where lossless."""
        if self._lossless:
            picture = av.VideoFrame.from_ndarray(frame, "gray")
        else:
            # Looked at where it lies: a copy would take longer than the conversion.
            given = av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(frame), "rgb24")
            picture = self._converter.reformat(given, format="yuv420p", dst_colorspace=Colorspace.ITU709)
        self._container.mux(self._stream.encode(picture))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._container.mux(self._stream.encode())
            self._container.close()
            if kind is None:
                self._partial.replace(self._path)
        finally:
            self._partial.unlink(missing_ok=True)


def shrink(image: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """Average an image down to a size, where it is larger than that; smaller ones are returned as they are."""
    if image.shape[1] <= width and image.shape[0] <= height:
        return image
    small = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), "rgb24").reformat(
        width, height, "rgb24", interpolation="AREA"
    )
    return np.asarray(small.to_ndarray(), np.uint8)
