"""The content of a trajectory file, and the shot made of it, of what the user adds and of assumptions."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.camera.intrinsics import focal_from_fov
from parascale.camera.rotations import geodesic_angle, orthonormalise
from parascale.errors import InputError, Notice
from parascale.files.gaps import describe_gap
from parascale.files.matrices import ROUNDING, frame_location
from parascale.files.note import Note
from parascale.files.picture_names import read_picture_times
from parascale.parallax.shot import MotionClass, Points, Shot, Unit
from parascale.types import Array

Size = tuple[int, int]
Frames = NDArray[np.int64]

# About a shot file of 200 MB.
MOST_FRAMES = 250_000
# Below this a rotation is as precise as float64 allows, and stays as it is.
_EXACT = 1e-14
# Steps and turns below this, of the distance from the origin and in radians, are the rounding of float32.
_STILL = 1e-6
# Frames stray where the steps to them and away are this many times as long as usual, the second where their pose is the
# identity, as trackers write where they are lost; in paths of so many steps.
_JUMP, _LOST_JUMP, _MIN_STEPS = 10.0, 3.0, 6
# Degrees across of the lenses of cameras.
_LENS_DEGREES = (1.5, 165.0)
# A principal point farther from the picture's middle, as a share of its side, is one of pictures of another size.
_MAX_OFF_MIDDLE = 0.3
# Rates that differ by less are one: 30 and 29.97.
_SAME_RATE = 2e-3


@dataclass(frozen=True, eq=False)
class RawTrajectory:
    """The content of a trajectory file; None where it has nothing of the kind.

    Attributes
    ----------
    camera_to_world : (T, 4, 4) float64
        OpenCV camera axes; rotations as the file has them, rounded.
    location : callable
        Where in the file frame t is, as "line 7".
    note : Note
        Picture size, frame rate and unit.
    lens : (T, 4) float64, callable or None
        fx, fy, cx, cy in pixels; as a callable, those of a picture size.
    middle : (int, int) or None
        The size whose middle is the principal point, where the file states no more.
    times : (T,) float64 or None
        Seconds.
    frames : (T,) int or None
    pictures : list of str or None
        Names of the pictures, which tell times or frames where the file tells neither.
    median_depth : (T,) float64 or None
    felt_parallax, gain : (T-1,) float64 or None
    distortion : mapping or None
    points : Points or None
    notices : tuple of Notice
    """

    camera_to_world: Array
    location: Callable[[int], str] = frame_location
    note: Note = field(default_factory=Note)
    lens: Array | Callable[[Size], Array] | None = None
    middle: Size | None = None
    times: Array | None = None
    frames: Frames | None = None
    pictures: Sequence[str] | None = None
    median_depth: Array | None = None
    felt_parallax: Array | None = None
    gain: Array | None = None
    distortion: Mapping[str, object] | None = None
    points: Points | None = None
    notices: tuple[Notice, ...] = ()


@dataclass(frozen=True)
class UserOverrides:
    """What the user states for a file that does not, and which of several cameras to read.

    Attributes
    ----------
    size : (int, int) or None
        Width and height of the picture in pixels.
    fps : float or None
    fov : float or None
        Horizontal field of view in degrees.
    camera : str or None
        Name of a camera, where a file has several.

    Raises
    ------
    InputError
        Where the frame rate is not positive, or the field of view is not between 0 and 180 degrees.
    """

    size: Size | None = None
    fps: float | None = None
    fov: float | None = None
    camera: str | None = None

    def __post_init__(self) -> None:
        if self.fps is not None and not 0 < self.fps < np.inf:
            raise InputError(f"a frame rate of {self.fps} is not positive")
        if self.fov is not None:
            focal_from_fov(np.radians(self.fov), 1)


@dataclass(frozen=True)
class FormatDefaults:
    """What is assumed where neither the file nor the user states it: the values the format's own tool works at.

    Attributes
    ----------
    size : (int, int)
        Width and height in pixels.
    fps : float
    fov : float
        Horizontal field of view in degrees.
    unit : "m" or "arbitrary"
    """

    size: Size = (1280, 720)
    fps: float = 24
    fov: float = 60
    unit: Unit = "arbitrary"


def lens_from_vertical_fov(degrees: Array, source: str, location: Callable[[int], str]) -> Callable[[Size], Array]:
    """Intrinsics of any size of square pixels with a central axis, from each frame's vertical field of view.

    Raises
    ------
    InputError
        Where one is not between 0 and 180 degrees: with its location.
    """
    for frame in np.flatnonzero(~((degrees > 0) & (degrees < 180)))[:1]:
        raise InputError(f"{source}, {location(int(frame))}: the field of view is not between 0 and 180 degrees")
    cotangent = 1 / np.tan(np.radians(degrees) / 2)
    return lambda size: lens_from_focal(size[1] / 2 * cotangent, size)


def lens_from_focal(focal: Array, size: Size) -> Array:
    """Intrinsics of square pixels with a central axis, (T, 4), of focal lengths in pixels, (T,)."""
    middle = np.full(len(focal), size[0] / 2), np.full(len(focal), size[1] / 2)
    return np.column_stack([focal, focal, *middle])


def make_shot(
    raw: RawTrajectory, name: str, source: str, format_name: str, overrides: UserOverrides, defaults: FormatDefaults
) -> tuple[Shot, tuple[Notice, ...]]:
    """Make a shot of a file's content, completed by what the user states and by the format's defaults.

    Parameters
    ----------
    raw : RawTrajectory
    name : str
        The shot's name.
    source : str
        What messages call the file.
    format_name : str
        For the provenance.
    overrides : UserOverrides
    defaults : FormatDefaults

    Returns
    -------
    Shot
        Depth is NaN where the file has none.
    tuple of Notice
        What had to be assumed.

    Raises
    ------
    InputError
        Where a matrix is not a rotation by more than rounding, or a value is out of its range: with its location.
    """
    if len(raw.camera_to_world) > MOST_FRAMES:
        raise InputError(
            f"{source}, {raw.location(MOST_FRAMES)}: a shot has at most {MOST_FRAMES} frames, "
            f"and this file has {len(raw.camera_to_world)}: cut it"
        )
    raw = _read_pictures(raw)
    notices = list(raw.notices)
    poses = _clean_poses(raw, source, notices)
    size = _choose_size(raw, overrides.size, defaults.size, notices)
    lens = _choose_lens(raw, source, size, overrides.fov, defaults.fov, notices)
    model = None if raw.distortion is None else str(raw.distortion.get("model"))
    if model is not None and "FISHEYE" in model:
        notices.append(
            Notice(f"the pictures are fisheye ({model}): the path is for a pinhole camera of its focal length")
        )
    else:
        notices += _find_odd_lens(lens, size)
    notices += _find_odd_middle(lens, size)
    frames = raw.frames
    if frames is not None and np.any(np.diff(frames) <= 0):
        frames = None
    times, fps = _choose_times(raw, frames, overrides.fps, defaults.fps, notices)
    notices += describe_gap(times, raw.location)
    notices += _find_stray(poses, raw.location)
    unit = raw.note.unit or defaults.unit
    try:
        shot = Shot(
            name=name,
            fps=fps,
            trajectory=Trajectory(poses, lens, times, *size),
            median_depth=np.full(len(poses), np.nan) if raw.median_depth is None else raw.median_depth,
            unit=unit,
            metres_per_unit=1.0 if unit == "m" else raw.note.metres_per_unit,
            motion_class=classify_motion(poses),
            frames=frames,
            felt_parallax=raw.felt_parallax,
            gain=raw.gain,
            distortion=raw.distortion,
            points=raw.points,
            provenance={"source": Path(source).name, "format": format_name},
        )
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    return shot, tuple(notices)


def _read_pictures(raw: RawTrajectory) -> RawTrajectory:
    """Take times or frame numbers from the names of pictures."""
    if raw.pictures is None or raw.frames is not None:
        return raw
    times, frames, told = read_picture_times(raw.pictures)
    if raw.times is not None:
        return replace(raw, frames=frames)
    return replace(raw, times=times, frames=frames, notices=raw.notices + told)


def classify_motion(poses: Array) -> MotionClass:
    """Decide whether a path moves, only turns, or does neither, beyond the rounding of float32."""
    centres = poses[:, :3, 3]
    reach = max(float(np.abs(centres).max()), 1e-300)
    if float(np.abs(centres - centres[0]).max()) > _STILL * reach:
        return "general"
    turned = geodesic_angle(poses[:1, :3, :3], poses[:, :3, :3])
    return "rotation-only" if float(turned.max()) > _STILL else "static"


def _clean_poses(raw: RawTrajectory, source: str, notices: list[Notice]) -> Array:
    """Check poses, remove the rounding of their rotations, and mirror a left-handed world."""
    poses = np.array(raw.camera_to_world, np.float64)
    rotations = poses[:, :3, :3]
    for frame in np.flatnonzero(~np.isfinite(poses).all(axis=(1, 2)))[:1]:
        raise InputError(f"{source}, {raw.location(int(frame))}: the pose is not finite")
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(np.swapaxes(rotations, 1, 2) @ rotations - np.eye(3)).max(axis=(1, 2))
    for frame in np.flatnonzero(~(error <= ROUNDING))[:1]:
        raise InputError(
            f"{source}, {raw.location(int(frame))}: not a rotation matrix: R^T R differs from the identity by "
            f"{error[frame]:.2g} (rounding explains {ROUNDING:g}). The file is damaged or of another format"
        )
    left = np.linalg.det(rotations) < 0
    if left.all():
        # A world with left-handed axes: mirrored, it shows the same camera moves to right-handed cameras.
        poses[:, 0] *= -1
        notices.append(Notice("the world of the file is left-handed: mirrored in x, which changes no camera move"))
    elif left.any():
        frame = int(np.argmax(left != left[0]))
        raise InputError(f"{source}, {raw.location(frame)}: the rotation is mirrored against the frame before")
    rounded = error > _EXACT
    poses[rounded, :3, :3] = orthonormalise(poses[rounded, :3, :3])
    poses[:, 3] = 0, 0, 0, 1
    return poses


def _choose_size(raw: RawTrajectory, override: Size | None, default: Size, notices: list[Notice]) -> Size:
    stated = raw.note.size
    if stated is not None:
        if override not in {None, stated}:
            notices.append(Notice(f"used the picture size of the file, {stated[0]}x{stated[1]}"))
        return stated
    if override is not None:
        return override
    width, height = raw.middle or default
    why = ", whose middle is the principal point" if raw.middle else ""
    notices.append(Notice(f"no picture size in the file; assuming {width}x{height}{why}", "size"))
    return width, height


def _choose_lens(
    raw: RawTrajectory, source: str, size: Size, override: float | None, default: float, notices: list[Notice]
) -> Array:
    if raw.lens is not None:
        if override is not None:
            notices.append(Notice("used the lens of the file"))
        stated = raw.lens(size) if callable(raw.lens) else raw.lens
        lens = np.broadcast_to(stated, (len(raw.camera_to_world), 4))
        bad = ~np.isfinite(lens).all(axis=1) | (lens[:, :2] <= 0).any(axis=1)
        for frame in np.flatnonzero(bad)[:1]:
            raise InputError(f"{source}, {raw.location(int(frame))}: the focal length is not a positive number")
        return lens
    if override is None:
        message = f"no lens in the file; assuming a horizontal field of view of {default:.4g} degrees"
        notices.append(Notice(message, "fov"))
    focal = focal_from_fov(np.radians(default if override is None else override), size[0])
    return np.array([focal, focal, size[0] / 2, size[1] / 2])


def _find_stray(poses: Array, location: Callable[[int], str]) -> tuple[Notice, ...]:
    """Say where single frames jump out of the path and back: poses of frames that were lost, as the identity."""
    centres = poses[:, :3, 3]
    steps = np.linalg.norm(np.diff(centres, axis=0), axis=1)
    if len(steps) < _MIN_STEPS:
        return ()
    across = np.linalg.norm(centres[2:] - centres[:-2], axis=1)
    usual = max(float(np.median(steps)), _STILL * float(np.abs(centres).max()))
    lost = np.abs(poses[1:-1] - np.eye(4)).max(axis=(1, 2)) == 0
    longer = np.where(lost, _LOST_JUMP, _JUMP) * np.maximum(usual, across)
    stray = np.flatnonzero(np.minimum(steps[:-1], steps[1:]) > longer) + 1
    if not len(stray):
        return ()
    more = f", as do {len(stray) - 1} more" if len(stray) > 1 else ""
    told = f"{location(int(stray[0]))} jumps out of the path and back{more}: the pose of a frame that was lost?"
    return (Notice(f"{told} Its two steps have no parallax to rely on"),)


def _find_odd_lens(lens: Array, size: Size) -> list[Notice]:
    """Say a lens that no camera has: its file may state it in another unit, or for pictures of another size."""
    degrees = np.degrees(2 * np.arctan(size[0] / 2 / np.atleast_2d(lens)[:, 0]))
    for frame in np.flatnonzero((degrees < _LENS_DEGREES[0]) | (degrees > _LENS_DEGREES[1]))[:1]:
        told = f"the lens sees {degrees[frame]:.3g} degrees across, as no camera's does"
        return [Notice(f"{told}: is it stated in another unit, or for pictures of another size?")]
    return []


def _find_odd_middle(lens: Array, size: Size) -> list[Notice]:
    """Say a principal point that is far from the middle of the picture."""
    off = np.abs(np.atleast_2d(lens)[:, 2:] / size - 0.5).max(axis=1)
    for frame in np.flatnonzero(off > _MAX_OFF_MIDDLE)[:1]:
        x, y = np.atleast_2d(lens)[frame, 2:]
        told = f"the principal point {x:.4g}, {y:.4g} is far from the middle of pictures of {size[0]}x{size[1]}"
        return [Notice(f"{told}: is the lens stated for pictures of another size?")]
    return []


def _choose_times(
    raw: RawTrajectory, frames: Frames | None, override: float | None, default: float, notices: list[Notice]
) -> tuple[Array, float]:
    times, count = raw.times, len(raw.camera_to_world)
    if times is not None and np.all(np.diff(times) > 0) and count > 1:
        fps = raw.note.fps or 1 / float(np.median(np.diff(times)))
        if override is not None and math.isclose(override, fps, rel_tol=_SAME_RATE):
            return times, override
        if override is not None:
            notices.append(Notice(f"used the times of the file, {fps:.4g} frames a second"))
        return times, fps
    fps = raw.note.fps or override or default
    if raw.note.fps is not None and override not in {None, fps}:
        notices.append(Notice(f"used the frame rate of the file, {fps:g} a second"))
    elif raw.note.fps is None and override is None:
        notices.append(Notice(f"no frame rate in the file; assuming {fps:g} a second", "fps"))
    return (np.arange(count) if frames is None else frames) / fps, fps
