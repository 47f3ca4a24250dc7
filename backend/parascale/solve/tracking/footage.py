"""The decoded frames of a reference, as the steps of a solve use them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError, Notice
from parascale.files.gaps import describe_gap
from parascale.media.frames import open_frames
from parascale.media.video_file import SmallFrame, VideoInfo
from parascale.types import Array, Image, Progress

# Longer sides, pixels: of the pictures worked on, and of those that colour the points.
WORKING_SIDE = 640
COLOUR_SIDE = 320
MAX_FRAMES = 2000


@dataclass(frozen=True, eq=False)
class Footage:
    """A range of a reference, decoded.

    Attributes
    ----------
    info : VideoInfo
    frames : (T,) int64
        Frame numbers in the reference, counted from 0.
    times : (T,) float64
        Seconds, from the stream.
    grey : tuple of (h, w) uint8
        The pictures at working size.
    colour : tuple of (h', w', 3) uint8
        Small sRGB copies, for the colours of points.
    focal : float or None
        Focal length in pixels of the upright picture, where the photos' Exif tags give it.
    nominal_focal : float or None
        The same of the lens a video's container names, not counting what recording cropped: better than nothing.
    places : (T, 3) float64 or None
        Where photos were taken by their GPS tags, metres; NaN where one does not tell.
    notices : tuple of Notice
        What was assumed, and what was left out.
    decoded : (int, int)
        The frame numbers that were decoded, end exclusive: some may be left out since.
    kept_share : float
        Of the pictures of a film that repeats some of them all along.
    repeated : tuple of int
        Frame numbers, in the reference, of pictures left out because they repeat the one before.
    """

    info: VideoInfo
    frames: NDArray[np.int64]
    times: Array
    grey: tuple[Image, ...]
    colour: tuple[Image, ...]
    focal: float | None = None
    nominal_focal: float | None = None
    places: Array | None = None
    notices: tuple[Notice, ...] = ()
    decoded: tuple[int, int] = (0, 0)
    kept_share: float = 1.0
    repeated: tuple[int, ...] = ()

    def __len__(self) -> int:
        return len(self.grey)

    def keep(self, chosen: Sequence[int], *notices: Notice) -> "Footage":
        """Keep the pictures at these indices, at times from 0."""
        frames, times = self.frames[list(chosen)], self.times[list(chosen)]
        grey, colour = tuple(self.grey[at] for at in chosen), tuple(self.colour[at] for at in chosen)
        places = None if self.places is None else self.places[list(chosen)]
        said = self.notices + notices
        return replace(
            self, frames=frames, times=times - times[0], grey=grey, colour=colour, places=places, notices=said
        )

    def without_repeats(self, repeats: Sequence[int], share: float, notice: Notice) -> "Footage":
        """Leave out the pictures at these indices, which repeat the one before: such a share of the film is new."""
        kept = sorted(set(range(len(self))) - set(repeats))
        repeated = tuple(self.frames[list(repeats)].tolist())
        return replace(self.keep(kept, notice), kept_share=self.kept_share * share, repeated=repeated)

    def repeats_within(self) -> list[int]:
        """Give the frame numbers of the repeated pictures between the first frame and the last, or right after it."""
        end = int(self.frames[-1]) + 1
        while end in self.repeated:
            end += 1
        return [frame for frame in self.repeated if self.frames[0] < frame < end]

    @property
    def fps(self) -> float:
        """Pictures a second, without those that are left out all along."""
        return self.info.fps * self.kept_share

    @property
    def scale(self) -> float:
        """Working pixels per pixel of the reference (the longer side's)."""
        height, width = self.grey[0].shape
        return max(width, height) / max(self.info.width, self.info.height)


def read_footage(
    path: Path,
    *,
    start: int = 0,
    end: int | None = None,
    every: int = 1,
    fps: float | None = None,
    progress: Progress | None = None,
) -> Footage:
    """Decode a range of a reference.

    Parameters
    ----------
    path : Path
        A video file, or pictures, read in natural order.
    start, end : int
        First frame, and the one after the last; None is the end of the reference.
    every : int
        One frame in so many is kept.
    fps : float or None
        Pictures a second, of pictures.

    Raises
    ------
    InputError
        Where the reference cannot be read, or the range has no frame.
    """
    if start < 0 or (end is not None and end <= start):
        raise InputError(f"the range {start} to {end} is empty or starts before frame 0", "frame-range")
    reader = open_frames(path, fps)
    info = reader.info
    last = info.frames if end is None else min(end, info.frames or end)
    # Said before minutes are spent on decoding.
    if last - start > MAX_FRAMES * every:
        raise InputError(_too_many(path, f"{-(-(last - start) // every)}"), "fewer-frames")
    frames: list[SmallFrame] = []
    for frame in reader.small_frames(start, end, WORKING_SIDE, COLOUR_SIDE):
        if (frame.number - start) % every:
            continue
        if len(frames) == MAX_FRAMES:
            raise InputError(_too_many(path, f"more than {MAX_FRAMES}"), "fewer-frames")
        if frames and frame.grey.shape != frames[0].grey.shape:
            raise InputError(f"frame {frame.number} of {path.name} has another size than the first: all must be alike")
        frames.append(frame)
        if progress is not None:
            progress((frame.number + 1 - start) / max(last - start, 1), "decode")
    if not frames:
        raise InputError(f"{path.name} has no frame from {start} on: it holds {info.frames} frames")
    numbers, times, grey, colour = zip(*frames, strict=True)
    stamps = np.array(times)
    if np.isnan(stamps).any() or (np.diff(stamps) <= 0).any():
        # The stream's times do not increase: they are counted from its rate.
        stamps = np.arange(len(times)) * every / info.fps
    else:
        stamps = stamps - stamps[0]
    decoded = start, numbers[-1] + 1
    focal, nominal = reader.focal_lengths(numbers)
    told = reader.notices + describe_gap(stamps, lambda at: f"frame {numbers[at]} of {path.name}")
    return Footage(
        info,
        np.array(numbers),
        stamps,
        grey,
        colour,
        focal,
        nominal,
        reader.places(numbers),
        told,
        decoded,
        kept_share=1 / every,
    )


def _too_many(path: Path, count: str) -> str:
    return f"{path.name} has {count} frames to solve, and {MAX_FRAMES} are solved at once"
