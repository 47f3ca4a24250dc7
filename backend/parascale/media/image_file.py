"""Pictures from files."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.extras import require
from parascale.media.depth_file import MAX_PIXELS
from parascale.media.display_light import encode_srgb
from parascale.media.dpx_file import RULES, read_transfer, to_display
from parascale.media.exr_file import read_channels
from parascale.media.heif_file import Layout, read_layout
from parascale.media.orientation import read_orientation, turn_upright
from parascale.types import Image

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


@dataclass(frozen=True, eq=False)
class ImageFile:
    """A picture from a file.

    Attributes
    ----------
    image : (H, W, 3) uint8
        sRGB, upright as cameras mark it.
    warnings : tuple of str
        Sentences for the user.
    """

    image: NDArray[np.uint8]
    warnings: tuple[str, ...] = ()


def read_image(path: Path) -> ImageFile:
    """Read a picture; one of more than 16 megapixels is averaged down to that.

    Raises
    ------
    InputError
        Where the file is not a picture that can be read.
    """
    require("reading a picture", "preview", ["av"])
    import av

    if not path.exists():
        raise InputError(f"{path} does not exist")
    try:
        picture, megapixels, scale = _decode(path)
    except InputError:
        raise
    except (OSError, ValueError, IndexError, StopIteration, av.FFmpegError) as error:
        raise InputError(f"{path} is not an image that can be read: take a PNG or JPEG file") from error
    size = f"{picture.shape[1]}x{picture.shape[0]}"
    warnings = describe_light(path)
    if not _decodes_strictly(path):
        warnings = (f"{path.name} is damaged or cut short: part of its picture is made up.", *warnings)
    if scale < 1:
        warnings = (f"{path.name} has {megapixels:.0f} megapixels: it is used at {size}.", *warnings)
    return ImageFile(picture, warnings)


def describe_light(path: Path) -> tuple[str, ...]:
    """Say by which rule a picture was brought to what a screen shows, where its numbers may be read in several ways."""
    transfer = read_transfer(path)
    return () if transfer is None else (f"{path.name} holds {RULES[transfer]}",)


def _decodes_strictly(path: Path) -> bool:
    """Whether a JPEG decodes without an error that its decoder would otherwise fill in; True of other files."""
    import av

    from parascale.media.container import open_container

    with open_container(path) as container:
        stream = container.streams.video[0] if container.streams.video else None
        if stream is None or stream.codec_context.name != "mjpeg":
            return True
        stream.codec_context.options = stream.codec_context.options | {"err_detect": "explode"}
        try:
            return any(True for _ in container.decode(stream))
        except av.FFmpegError:
            return False


def _decode(path: Path) -> tuple[Image, float, float]:
    """Decode an upright picture; its megapixels, and by which factor it was made smaller."""
    import av
    from av.stream import Disposition

    from parascale.media.container import find_films, open_container, read_orientation_of_frame

    if path.suffix.lower() == ".exr":
        return _shrink(av.VideoFrame.from_ndarray(read_exr_image(path), "rgb24"))
    layout = read_layout(path)
    if layout is not None and layout.size is not None:
        return _shrink(av.VideoFrame.from_ndarray(_read_tiles(path, layout), "rgb24"))
    with open_container(path) as container:
        if layout is None:
            stream = container.streams.video[find_films(path)[0]]
        else:
            stream = next(each for each in container.streams.video if each.id in layout.tiles)
        if layout is None and stream.disposition & Disposition.dependent:
            raise InputError(f"{path} holds a picture in tiles that cannot be put together: export it as a JPEG")
        frame = next(container.decode(stream))
    transfer = read_transfer(path)
    if transfer is not None:
        values = frame.reformat(format="rgb48le").to_ndarray() / 65535
        return _shrink(av.VideoFrame.from_ndarray(to_display(values, transfer), "rgb24"))
    if "f32" in frame.format.name or "f16" in frame.format.name:
        light = np.asarray(frame.reformat(format="gbrpf32le").to_ndarray(), np.float32)
        return _shrink(av.VideoFrame.from_ndarray(encode_srgb(light), "rgb24"))
    image, megapixels, scale = _shrink(frame)
    # Each library knows the tags of some kinds of files: that of a photo is read itself.
    orientation = read_orientation(path)
    return (
        turn_upright(image, read_orientation_of_frame(frame) if orientation is None else orientation),
        megapixels,
        scale,
    )


def _shrink(frame: "VideoFrame") -> tuple[Image, float, float]:
    megapixels = frame.height * frame.width / 1e6
    scale = min(1.0, float(np.sqrt(MAX_PIXELS / 1e6 / megapixels)))
    if scale == 1:
        return np.asarray(frame.to_ndarray(format="rgb24"), np.uint8), megapixels, scale
    width, height = max(round(frame.width * scale), 1), max(round(frame.height * scale), 1)
    image = frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()
    return np.asarray(image, np.uint8), megapixels, scale


def _read_tiles(path: Path, layout: Layout) -> Image:
    from parascale.media.container import open_container

    tiles: dict[int, Image] = {}
    with open_container(path) as container:
        streams = [stream for stream in container.streams.video if stream.id in layout.tiles]
        for packet in container.demux(streams):
            for frame in cast("list[VideoFrame]", packet.decode()):
                tiles[packet.stream.id] = np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
    return layout.compose(tiles)


def read_exr_image(path: Path) -> Image:
    """Read the colours of an EXR file (H, W, 3) as a screen shows them: see `parascale.media.display_light`.

    Raises
    ------
    InputError
        Where the file cannot be read or it is not clear which of its channels are the picture.
    """
    _, planes = read_channels(path, choose_colour_channels)
    return encode_srgb(np.stack(planes, axis=2))


def choose_colour_channels(path: Path, names: Sequence[str]) -> Sequence[str]:
    """Choose red, green and blue of an EXR file: of no layer, of a render's combined pass, or of the only layer.

    Raises
    ------
    InputError
        Where it is not clear which of its channels are the picture.
    """
    layers = [name[:-1] for name in names if name.rpartition(".")[2] == "R"]
    layers = [layer for layer in layers if {layer + "G", layer + "B"} <= set(names)]
    combined = [layer for layer in layers if layer.endswith("Combined.")]
    for found in ([layer for layer in layers if not layer], combined, layers):
        if len(found) == 1:
            return [found[0] + colour for colour in "RGB"]
    if "Y" in names:
        return ["Y", "Y", "Y"]
    raise InputError(
        f"{path} has no red, green and blue channel that are surely the picture, but {', '.join(sorted(names)[:8])}: "
        "save the picture alone"
    )
