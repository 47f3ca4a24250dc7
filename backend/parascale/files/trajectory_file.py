"""A trajectory of any format: recognised and read, or written with a list of what the format cannot store."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.format import Format
from parascale.files.formats import FORMATS
from parascale.files.raw_trajectory import UserOverrides, make_shot
from parascale.files.sample import take_sample
from parascale.files.shot_file import FORMAT, SUFFIX, read_shot
from parascale.parallax.gauge import scale_gauge
from parascale.parallax.shot import Shot


@dataclass(frozen=True)
class Imported:
    """A shot read from another tool's file, and what had to be assumed.

    Attributes
    ----------
    shot : Shot
    format : str
    notices : tuple of Notice
    """

    shot: Shot
    format: str
    notices: tuple[Notice, ...]


def find_format(name: str) -> Format:
    """Give a format by name.

    Raises
    ------
    InputError
        Where there is none of that name.
    """
    if name not in FORMATS:
        raise InputError(f"no format {name!r}. The formats are {', '.join(FORMATS)}")
    return FORMATS[name]


def recognise_format(path: Path) -> Format | None:
    """Recognise a format by what a file or folder stores; None where no format claims it.

    Raises
    ------
    InputError
        Where it cannot be read, or is a broken archive.
    """
    sample = take_sample(path)
    claims = (known for known in FORMATS.values() if known.recognise(sample))
    return max(claims, key=lambda known: known.precedence, default=None)


def read_trajectory(
    path: Path | str, format_name: str | None = None, overrides: UserOverrides | None = None
) -> Imported:
    """Read a trajectory of any format.

    Parameters
    ----------
    path : Path or str
        File or folder.
    format_name : str or None
        Where None, the format is recognised by what the file stores.
    overrides : UserOverrides or None
        What the user states for a file that does not.

    Raises
    ------
    InputError
        Where it cannot be read or recognised: one sentence with the location in the file.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path} does not exist")
    if format_name is None and path.name.endswith(SUFFIX):
        told: list[Notice] = []
        return Imported(read_shot(path, told), FORMAT, tuple(told))
    if format_name is None and path.is_fifo():
        raise InputError(f"{path} is a pipe, which is read once: its content cannot be recognised first", "format")
    known = find_format(format_name) if format_name else recognise_format(path)
    if known is None:
        raise InputError(f"{path} is of no known format", "format")
    overrides = overrides or UserOverrides()
    if overrides.camera is not None and not known.cameras:
        raise InputError(f"{path} holds one camera, which is not chosen by name")
    raw = known.read(path, overrides.camera) if known.cameras else known.read(path)
    name = overrides.camera or path.name.partition(".")[0] or path.resolve().name
    shot, notices = make_shot(raw, name, str(path), known.name, overrides, known.defaults)
    return Imported(dataclasses.replace(shot, up=known.up), known.name, notices)


def write_trajectory(shot: Shot, path: Path | str, format_name: str) -> tuple[str, ...]:
    """Write a trajectory in a format.

    Parameters
    ----------
    shot : Shot
        Converted to metres for formats that are metric, where its scale is known.
    path : Path or str
        File, or folder for the formats that are one.
    format_name : str

    Returns
    -------
    tuple of str
        What the file does not store, in sentences.

    Raises
    ------
    InputError
        Where it cannot be written, or the format is not known or only read.
    """
    known = find_format(format_name)
    if known.write is None:
        written = [name for name, other in FORMATS.items() if other.write is not None]
        raise InputError(f"{format_name} is read and not written: its tool takes no path", "write-format", written)
    losses = tuple(list_losses(shot, known))
    if known.metric and shot.metres_per_unit is not None and shot.unit != "m":
        shot = dataclasses.replace(scale_gauge(shot, shot.metres_per_unit), unit="m", metres_per_unit=1.0)
    if shot.distortion is not None and not known.distortion(str(shot.distortion.get("model"))):
        shot = dataclasses.replace(shot, distortion=None)
    known.write(shot, Path(path))
    return losses


def list_losses(shot: Shot, known: Format) -> Iterator[str]:
    """List in sentences what a format cannot store of a shot, and what its tool does not take."""
    yield from _list_lens_losses(shot, known)
    yield from _list_time_losses(shot, known)
    if not known.size:
        yield f"{known.name} stores no picture size, {shot.trajectory.width}x{shot.trajectory.height}"
    if known.metric and shot.metres_per_unit is None:
        yield f"{known.name} is in metres and the shot's scale is unknown: its units are written as metres"
    if not known.unit and not known.metric and shot.unit == "m":
        yield f"{known.name} does not state that the unit is the metre"
    if not known.depth and np.isfinite(shot.median_depth).any():
        yield f"{known.name} stores no median depth, so the file alone does not give the Parallax Number"
    if not known.points and shot.points is not None:
        yield f"{known.name} stores no points"
    if not known.gain and shot.gain is not None:
        yield f"{known.name} stores no gain"


def _list_lens_losses(shot: Shot, known: Format) -> Iterator[str]:
    lens = shot.trajectory.intrinsics
    zooms = bool(np.any(lens != lens[0]))
    if known.lens == "none":
        yield f"{known.name} stores no lens"
    elif known.lens == "one" and zooms:
        yield f"{known.name} stores one lens for all frames: that of the first is written"
    off_centre = bool(np.any(lens[:, 2:] != np.array(shot.trajectory.size) / 2))
    if known.lens == "focal lengths" and off_centre:
        yield f"{known.name} stores no principal point: it implies a central axis"
    if known.lens == "height" and (off_centre or np.any(lens[:, 0] != lens[:, 1])):
        yield f"{known.name} stores only the vertical field of view: it implies square pixels and a central axis"
    model = None if shot.distortion is None else shot.distortion.get("model")
    if model is not None and not known.distortion(str(model)):
        yield f"{known.name} stores no {model} distortion: the path is for undistorted pictures"


def _list_time_losses(shot: Shot, known: Format) -> Iterator[str]:
    times = shot.trajectory.times
    even = np.allclose(np.diff(times) * shot.fps, 1, atol=1e-3)
    if known.time == "none":
        yield f"{known.name} stores no frame rate, {shot.fps:g} a second"
    if known.time in {"none", "even"} and not even:
        yield f"{known.name} stores no times, and the shot's frames are not evenly spaced"
    if known.rate is not None and not known.rate.fits(shot):
        yield f"{known.name} is made for {known.rate}, and the shot has {len(shot)} at {shot.fps:g}"
