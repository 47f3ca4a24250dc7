"""All trajectory formats: what each can hold, how it is read and written, how it is recognised.

The command line, the add-on's panel and every warning about a loss are made of this table.
"""

import dataclasses
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from parascale.errors import InputError
from parascale.files.contents import Contents, Defaults, Given, shot_from_contents
from parascale.files.distortion import MODELS
from parascale.files.formats.chan import read_chan, write_chan
from parascale.files.formats.colmap import read_colmap, write_colmap, write_colmap_binary
from parascale.files.formats.comfyui import read_comfyui, write_comfyui
from parascale.files.formats.gen3c import read_gen3c, write_gen3c
from parascale.files.formats.kitti import read_kitti, write_kitti
from parascale.files.formats.lingbot_world import read_lingbot_world, write_lingbot_world
from parascale.files.formats.megasam import read_megasam, write_megasam
from parascale.files.formats.motionctrl import read_motionctrl, write_motionctrl
from parascale.files.formats.nerfstudio import holds_distortion, read_nerfstudio, write_nerfstudio
from parascale.files.formats.pose_folder import read_pose_folder, write_pose_folder
from parascale.files.formats.realestate10k import read_realestate10k, write_realestate10k
from parascale.files.formats.recammaster import read_recammaster, write_recammaster
from parascale.files.formats.spreadsheet import read_csv, write_csv
from parascale.files.formats.strecha import read_strecha, write_strecha
from parascale.files.formats.tum import read_tum, write_tum
from parascale.files.formats.vipe import read_vipe, write_vipe
from parascale.files.formats.wan_fun import read_wan_fun, write_wan_fun
from parascale.files.shot_file import read_shot
from parascale.parallax.gauge import scale_gauge
from parascale.parallax.shot import Shot

_EXACT = 1e-12
_FLOAT32 = 1e-6


@dataclass(frozen=True)
class Rate:
    """Frames and frame rate that the tool behind a format works at.

    Attributes
    ----------
    fps : float or None
        None where any will do.
    step : int or None
        The number of frames is n step + 1; None where it has to be ``frames``.
    frames : int
        The usual number of frames.
    """

    fps: float | None
    step: int | None
    frames: int

    def fits(self, shot: Shot) -> bool:
        """Tell whether a shot can be used as it is."""
        count = len(shot) == self.frames if self.step is None else (len(shot) - 1) % self.step == 0
        return count and (self.fps is None or math.isclose(shot.fps, self.fps))

    def __str__(self) -> str:
        rate = "" if self.fps is None else f" at {self.fps:g} a second"
        if self.step is None:
            return f"{self.frames} frames{rate}"
        return f"{self.step}n+1 frames{rate}, {self.frames} by custom"


@dataclass(frozen=True)
class Format:
    """A trajectory format.

    Attributes
    ----------
    name, description : str
    suffix : str
        Of its files; empty where it is a folder.
    lens : "each frame", "one", "height" or "none"
        Intrinsics of each frame, of the first alone, the vertical field of view alone, or none.
    time : "exact", "microseconds", "even" or "none"
        "even" holds frame numbers or a frame rate, "none" the order of frames alone.
    unit : bool
        Whether it can say what one unit is.
    size : bool
        Whether it can say the picture's size.
    depth, points, gain : bool
    cameras : bool
        Whether it may hold several, one of which is read: then ``read`` takes a name too, or None.
    distortion : callable
        Whether it holds a lens distortion model.
    metric : bool
        Whether its unit is the metre by definition.
    precision : float
        How far poses come back from what was written: relative for centres, absolute for rotations.
    defaults : Defaults
        What is taken where neither file nor user says it.
    read, write : callable
    rate : Rate or None
    """

    name: str
    description: str
    suffix: str
    lens: Literal["each frame", "one", "height", "none"]
    time: Literal["exact", "microseconds", "even", "none"]
    read: Callable[..., Contents]
    write: Callable[[Shot, Path], None]
    defaults: Defaults
    unit: bool = True
    size: bool = True
    depth: bool = False
    points: bool = False
    gain: bool = False
    cameras: bool = False
    distortion: Callable[[str], bool] = lambda _model: False
    metric: bool = False
    precision: float = _EXACT
    rate: Rate | None = None

    @property
    def frame_step(self) -> int:
        """The tool behind the format takes n times this + 1 frames."""
        return 1 if self.rate is None else self.rate.step or 1

    def as_json(self) -> dict[str, Any]:
        """Give what the format is and holds as JSON values."""
        return {
            "name": self.name,
            "description": self.description,
            "suffix": self.suffix,
            "lens": self.lens,
            "time": self.time,
            "unit": self.unit or self.metric,
            "size": self.size,
            "depth": self.depth,
            "points": self.points,
            "gain": self.gain,
            "distortion": [model for model in MODELS if self.distortion(model)] != [],
            "metric": self.metric,
            "precision": self.precision,
            "frames": None if self.rate is None else str(self.rate),
        }


_WIDE = Defaults((1280, 720), 24)
_METRES = dataclasses.replace(_WIDE, unit="m")
_WAN = Rate(16, 4, 81)

FORMATS: tuple[Format, ...] = (
    Format(
        "colmap",
        "COLMAP model, text files in a folder",
        "",
        "each frame",
        "even",
        read_colmap,
        write_colmap,
        _WIDE,
        points=True,
        distortion=MODELS.__contains__,
    ),
    Format(
        "colmap-binary",
        "COLMAP model, binary files in a folder",
        "",
        "each frame",
        "even",
        read_colmap,
        write_colmap_binary,
        _WIDE,
        unit=False,
        points=True,
        distortion=MODELS.__contains__,
    ),
    Format(
        "realestate10k",
        "RealEstate10K and CameraCtrl rows",
        ".txt",
        "each frame",
        "microseconds",
        read_realestate10k,
        write_realestate10k,
        _WIDE,
    ),
    Format(
        "pose-folder",
        "folder of camera files as CamI2V and CameraCtrl keep them",
        "",
        "each frame",
        "microseconds",
        read_pose_folder,
        write_pose_folder,
        _WIDE,
        cameras=True,
    ),
    Format(
        "wan-fun",
        "Wan2.1-Fun Control-Camera file",
        ".txt",
        "each frame",
        "even",
        read_wan_fun,
        write_wan_fun,
        Defaults((1280, 720), 16),
        rate=_WAN,
    ),
    Format(
        "comfyui",
        "ComfyUI CAMERACTRL_POSES rows, JSON",
        ".json",
        "each frame",
        "none",
        read_comfyui,
        write_comfyui,
        Defaults((1280, 720), 16),
        unit=False,
    ),
    Format(
        "recammaster",
        "ReCamMaster camera JSON, Unreal matrices in centimetres",
        ".json",
        "none",
        "even",
        read_recammaster,
        write_recammaster,
        Defaults((832, 480), 15, unit="m"),
        cameras=True,
        unit=False,
        size=False,
        metric=True,
        rate=Rate(None, None, 81),
    ),
    Format(
        "motionctrl",
        "MotionCtrl poses, JSON",
        ".json",
        "none",
        "none",
        read_motionctrl,
        write_motionctrl,
        Defaults((256, 256), 8),
        unit=False,
        size=False,
    ),
    Format(
        "gen3c",
        "GEN3C multi-view archive, its path",
        ".npz",
        "each frame",
        "even",
        read_gen3c,
        write_gen3c,
        Defaults((1280, 704), 24),
        precision=_FLOAT32,
        rate=Rate(None, 120, 121),
    ),
    Format(
        "lingbot-world",
        "lingbot-world folder, poses.npy and intrinsics.npy",
        "",
        "each frame",
        "none",
        read_lingbot_world,
        write_lingbot_world,
        Defaults((832, 480), 16),
        unit=False,
        size=False,
        precision=_FLOAT32,
    ),
    Format(
        "megasam",
        "MegaSaM archive",
        ".npz",
        "one",
        "even",
        read_megasam,
        write_megasam,
        _WIDE,
        precision=_FLOAT32,
    ),
    Format(
        "vipe",
        "ViPE result folder, pose and intrinsics",
        "",
        "each frame",
        "even",
        read_vipe,
        write_vipe,
        _WIDE,
        cameras=True,
        precision=_FLOAT32,
    ),
    Format(
        "nerfstudio",
        "nerfstudio transforms.json",
        ".json",
        "each frame",
        "exact",
        read_nerfstudio,
        write_nerfstudio,
        _WIDE,
        depth=True,
        distortion=holds_distortion,
    ),
    Format(
        "tum",
        "TUM RGB-D trajectory",
        ".txt",
        "none",
        "exact",
        read_tum,
        write_tum,
        Defaults((640, 480), 30, unit="m"),
        metric=True,
    ),
    Format(
        "kitti",
        "KITTI odometry poses",
        ".txt",
        "none",
        "none",
        read_kitti,
        write_kitti,
        Defaults((1241, 376), 10, unit="m"),
        unit=False,
        size=False,
        metric=True,
    ),
    Format(
        "strecha",
        "folder of Strecha .camera files",
        "",
        "each frame",
        "even",
        read_strecha,
        write_strecha,
        _METRES,
        unit=False,
        metric=True,
    ),
    Format(
        "chan",
        "Nuke .chan, y up",
        ".chan",
        "height",
        "even",
        read_chan,
        write_chan,
        _WIDE,
        unit=False,
        size=False,
    ),
    Format(
        "csv",
        "table for spreadsheets, with P and gain",
        ".csv",
        "each frame",
        "exact",
        read_csv,
        write_csv,
        _WIDE,
        depth=True,
        gain=True,
    ),
)


@dataclass(frozen=True)
class Imported:
    """A shot read from another tool's file, and what had to be assumed.

    Attributes
    ----------
    shot : Shot
    format : str
    warnings : tuple of str
    """

    shot: Shot
    format: str
    warnings: tuple[str, ...]


def find_format(name: str) -> Format:
    """Give a format by name.

    Raises
    ------
    InputError
        Where there is none of that name.
    """
    for known in FORMATS:
        if known.name == name:
            return known
    raise InputError(f"there is no format {name!r}: there are {', '.join(known.name for known in FORMATS)}")


def read_trajectory(path: Path, format_name: str | None = None, given: Given | None = None) -> Imported:
    """Read a trajectory of any format.

    Parameters
    ----------
    path : Path
        File or folder.
    format_name : str or None
        Where None, the format is recognised by what the file holds.
    given : Given or None
        What the user says of a file that is silent about it.

    Returns
    -------
    Imported

    Raises
    ------
    InputError
        Where it cannot be read or recognised: one sentence with the place in the file.
    """
    from parascale.files.sniff import recognise

    if not path.exists():
        raise InputError(f"{path} does not exist")
    if format_name is None and path.name.endswith(".shot.json"):
        return Imported(read_shot(path), "parascale-shot", ())
    known = find_format(format_name or recognise(path))
    given = given or Given()
    contents = known.read(path, given.camera) if known.cameras else known.read(path)
    name = given.camera or path.name.partition(".")[0] or path.resolve().name
    shot, warnings = shot_from_contents(contents, name, str(path), known.name, given, known.defaults)
    return Imported(shot, known.name, warnings)


def write_trajectory(shot: Shot, path: Path, format_name: str) -> tuple[str, ...]:
    """Write a trajectory in a format.

    Parameters
    ----------
    shot : Shot
        Converted to metres for formats that are metric, where its scale is known.
    path : Path
        File, or folder for the formats that are one.
    format_name : str

    Returns
    -------
    tuple of str
        What the file does not hold, in sentences.

    Raises
    ------
    InputError
        Where it cannot be written, or there is no such format.
    """
    known = find_format(format_name)
    warnings = tuple(losses(shot, known))
    if known.metric and shot.metres_per_unit is not None and shot.unit != "m":
        shot = dataclasses.replace(scale_gauge(shot, shot.metres_per_unit), unit="m", metres_per_unit=1.0)
    if shot.distortion is not None and not known.distortion(str(shot.distortion.get("model"))):
        shot = dataclasses.replace(shot, distortion=None)
    known.write(shot, path)
    return warnings


def losses(shot: Shot, known: Format) -> Iterator[str]:
    """Tell in sentences what a format cannot hold of a shot, and what its tool will not like."""
    yield from _lens_losses(shot, known)
    yield from _time_losses(shot, known)
    if not known.size:
        yield f"{known.name} does not say the picture size, {shot.trajectory.width}x{shot.trajectory.height}"
    if known.metric and shot.metres_per_unit is None:
        yield f"{known.name} is in metres and the shot's scale is unknown: its own units were written as metres"
    if not known.unit and not known.metric and shot.unit == "m":
        yield f"{known.name} does not say that the unit is the metre"
    if not known.depth and np.isfinite(shot.median_depth).any():
        yield f"{known.name} holds no median depth, so the Parallax Number cannot be told from the file alone"
    if not known.points and shot.points is not None:
        yield f"{known.name} holds no points"
    if not known.gain and shot.gain is not None:
        yield f"{known.name} holds no gain"


def _lens_losses(shot: Shot, known: Format) -> Iterator[str]:
    lens = shot.trajectory.intrinsics
    zooms = bool(np.any(lens != lens[0]))
    if known.lens == "none":
        yield f"{known.name} holds no lens"
    elif known.lens == "one" and zooms:
        yield f"{known.name} holds one lens for all frames: that of the first was written"
    elif known.lens == "height":
        middle = np.array(shot.trajectory.size) / 2
        if np.any(lens[:, 0] != lens[:, 1]) or np.any(lens[:, 2:] != middle):
            yield f"{known.name} holds the vertical field of view alone: square pixels and a central axis are implied"
    model = None if shot.distortion is None else shot.distortion.get("model")
    if model is not None and not known.distortion(str(model)):
        yield f"{known.name} holds no {model} distortion: the path is that of the undistorted pictures"


def _time_losses(shot: Shot, known: Format) -> Iterator[str]:
    times = shot.trajectory.times
    even = np.allclose(np.diff(times) * shot.fps, 1, atol=1e-3)
    if known.time == "none":
        yield f"{known.name} holds no frame rate, {shot.fps:g} a second"
    if known.time in {"none", "even"} and not even:
        yield f"{known.name} holds no times, and the shot's frames are not evenly spaced"
    if known.rate is not None and not known.rate.fits(shot):
        yield f"{known.name} is made for {known.rate}, and the shot has {len(shot)} at {shot.fps:g}"
