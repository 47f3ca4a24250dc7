"""What a trajectory file says, and the shot that comes of it and of what the user adds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.camera.intrinsics import focal_from_fov
from parascale.camera.rotations import geodesic_angle, orthonormalise
from parascale.errors import InputError
from parascale.parallax.shot import MotionClass, Points, Shot, Unit
from parascale.types import Array

Size = tuple[int, int]

# How far R^T R may be from the identity for rounding to explain it: three decimals.
ROUNDING = 2e-3
# What a shot file of 200 MB holds.
MOST_FRAMES = 250_000
# Below this a rotation is as good as float64 holds it, and stays to the bit.
_EXACT = 1e-14
# Steps and turns below this, of the distance from the origin and in radians, are the rounding of float32.
_STILL = 1e-6


@dataclass(frozen=True, eq=False)
class Contents:
    """What a trajectory file says; None where it is silent.

    Attributes
    ----------
    camera_to_world : (T, 4, 4) float64
        OpenCV camera axes; rotations as the file has them, rounded.
    place : callable
        Where in the file frame t stands, as "line 7".
    lens : callable or None
        Picture size -> fx, fy, cx, cy in pixels, (T, 4) or (4,).
    size : (int, int) or None
        Width and height in pixels.
    middle : (int, int) or None
        The size whose middle is the principal point, where that is all the file says of it.
    times : (T,) float64 or None
        Seconds.
    frames : (T,) int or None
    fps : float or None
    unit, metres_per_unit
        What one unit of the centres is.
    median_depth : (T,) float64 or None
    felt_parallax, gain : (T-1,) float64 or None
    distortion : mapping or None
    points : Points or None
    warnings : tuple of str
    """

    camera_to_world: Array
    place: Callable[[int], str]
    lens: Callable[[Size], Array] | None = None
    size: Size | None = None
    middle: Size | None = None
    times: Array | None = None
    frames: NDArray[np.int64] | None = None
    fps: float | None = None
    unit: Unit | None = None
    metres_per_unit: float | None = None
    median_depth: Array | None = None
    felt_parallax: Array | None = None
    gain: Array | None = None
    distortion: dict[str, Any] | None = None
    points: Points | None = None
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True)
class Given:
    """What the user says of a file that is silent about it, and which camera of several to read.

    Attributes
    ----------
    size : (int, int) or None
        Width and height of the picture in pixels.
    fps : float or None
    fov : float or None
        Horizontal field of view in radians.
    camera : str or None
        Name of a camera, where a file holds several.
    """

    size: Size | None = None
    fps: float | None = None
    fov: float | None = None
    camera: str | None = None


def given_by_user(size: Size | None, fps: float | None, fov: float | None, camera: str | None) -> Given:
    """Check what the user says; the field of view is in degrees.

    Raises
    ------
    InputError
        Where a rate is not positive, or a field of view is none.
    """
    if fps is not None and not 0 < fps < np.inf:
        raise InputError(f"a frame rate of {fps} is not positive")
    if fov is not None:
        focal_from_fov(np.radians(fov), 1)
    return Given(size, fps, None if fov is None else float(np.radians(fov)), camera)


@dataclass(frozen=True)
class Defaults:
    """What is taken where neither the file nor the user says it: what the format's own tool works at.

    Attributes
    ----------
    size : (int, int)
        Width and height in pixels.
    fps : float
    fov : float
        Horizontal field of view in radians.
    unit : "m" or "arbitrary"
    """

    size: Size
    fps: float
    fov: float = float(np.radians(60))
    unit: Unit = "arbitrary"


@dataclass
class _Warnings:
    sentences: list[str] = field(default_factory=list)

    def __call__(self, sentence: str) -> None:
        self.sentences.append(sentence)


def shot_from_contents(
    contents: Contents, name: str, source: str, format_name: str, given: Given, defaults: Defaults
) -> tuple[Shot, tuple[str, ...]]:
    """Make a shot of what a file says, filled up with what the user says and what the format's tool works at.

    Parameters
    ----------
    contents : Contents
    name : str
        The shot's name.
    source : str
        What messages call the file.
    format_name : str
        For the provenance.
    given : Given
    defaults : Defaults

    Returns
    -------
    Shot
        Depth is NaN where the file holds none.
    tuple of str
        What had to be assumed, in sentences.

    Raises
    ------
    InputError
        Where a rotation is none by more than rounding, or a value is out of its range: with its place in the file.
    """
    if len(contents.camera_to_world) > MOST_FRAMES:
        raise InputError(
            f"{source}, {contents.place(MOST_FRAMES)}: a shot has at most {MOST_FRAMES} frames, "
            f"and this file has {len(contents.camera_to_world)}: cut it"
        )
    warn = _Warnings(list(contents.warnings))
    poses = _rigid(contents, source, warn)
    size = _size(contents, given, defaults, warn)
    lens = _lens(contents, source, given, defaults, size, warn)
    depth = np.full(len(poses), np.nan) if contents.median_depth is None else contents.median_depth
    frames = contents.frames
    if frames is not None and np.any(np.diff(frames) <= 0):
        frames = None
    times, fps = _times(contents, given, defaults, frames, warn)
    unit = contents.unit or defaults.unit
    try:
        shot = Shot(
            name=name,
            fps=fps,
            trajectory=Trajectory(poses, lens, times, *size),
            median_depth=depth,
            unit=unit,
            metres_per_unit=1.0 if unit == "m" else contents.metres_per_unit,
            motion_class=motion_class(poses),
            frames=frames,
            felt_parallax=contents.felt_parallax,
            gain=contents.gain,
            distortion=contents.distortion,
            points=contents.points,
            provenance={"source": Path(source).name, "format": format_name},
        )
    except InputError as error:
        raise InputError(f"{source}: {error}") from None
    return shot, tuple(warn.sentences)


def motion_class(poses: Array) -> MotionClass:
    """Tell whether a path moves, only turns, or does neither, beyond the rounding of float32."""
    centres = poses[:, :3, 3]
    reach = max(float(np.abs(centres).max()), 1e-300)
    if float(np.abs(centres - centres[0]).max()) > _STILL * reach:
        return "general"
    turned = geodesic_angle(poses[:1, :3, :3], poses[:, :3, :3])
    return "rotation-only" if float(turned.max()) > _STILL else "static"


def _rigid(contents: Contents, source: str, warn: _Warnings) -> Array:
    """Poses with rotations freed of their rounding."""
    poses = np.array(contents.camera_to_world, np.float64)
    rotations = poses[:, :3, :3]
    for frame in np.flatnonzero(~np.isfinite(poses).all(axis=(1, 2)))[:1]:
        raise InputError(f"{source}, {contents.place(int(frame))}: the pose is not finite")
    with np.errstate(over="ignore", invalid="ignore"):
        error = np.abs(np.swapaxes(rotations, 1, 2) @ rotations - np.eye(3)).max(axis=(1, 2))
    for frame in np.flatnonzero(~(error <= ROUNDING))[:1]:
        raise InputError(
            f"{source}, {contents.place(int(frame))}: the rotation is none (R^T R is off the identity by "
            f"{error[frame]:.2g}, and rounding explains {ROUNDING:g}); the file is damaged or of another format"
        )
    left = np.linalg.det(rotations) < 0
    if left.all():
        # A world with left-handed axes: mirrored, it shows the same camera moves to right-handed cameras.
        poses[:, 0] *= -1
        warn("the world of the file is left-handed: it was mirrored in x, which changes no camera move")
    elif left.any():
        frame = int(np.argmax(left != left[0]))
        raise InputError(f"{source}, {contents.place(frame)}: the rotation is mirrored against the frame before")
    rounded = error > _EXACT
    poses[rounded, :3, :3] = orthonormalise(poses[rounded, :3, :3])
    poses[:, 3] = 0, 0, 0, 1
    return poses


def _size(contents: Contents, given: Given, defaults: Defaults, warn: _Warnings) -> Size:
    if contents.size is not None:
        if given.size not in {None, contents.size}:
            warn(f"the file says a picture size of {contents.size[0]}x{contents.size[1]}, which was used")
        return contents.size
    if given.size is not None:
        return given.size
    if contents.middle is not None:
        width, height = contents.middle
        warn(f"the file says no picture size: {width}x{height} was taken, whose middle is the principal point")
        return contents.middle
    warn(f"the file says no picture size: {defaults.size[0]}x{defaults.size[1]} was taken; say it by --size")
    return defaults.size


def _lens(contents: Contents, source: str, given: Given, defaults: Defaults, size: Size, warn: _Warnings) -> Array:
    if contents.lens is not None:
        lens = np.broadcast_to(contents.lens(size), (len(contents.camera_to_world), 4))
        bad = ~np.isfinite(lens).all(axis=1) | (lens[:, :2] <= 0).any(axis=1)
        for frame in np.flatnonzero(bad)[:1]:
            raise InputError(f"{source}, {contents.place(int(frame))}: the focal length is not a positive number")
        return lens
    fov = given.fov
    if fov is None:
        fov = defaults.fov
        warn(f"the file says no lens: {np.degrees(fov):.4g} degrees across were taken; say it by --fov")
    focal = focal_from_fov(fov, size[0])
    return np.array([focal, focal, size[0] / 2, size[1] / 2])


def _times(
    contents: Contents, given: Given, defaults: Defaults, frames: NDArray[np.int64] | None, warn: _Warnings
) -> tuple[Array, float]:
    times, count = contents.times, len(contents.camera_to_world)
    if times is not None and np.all(np.diff(times) > 0) and count > 1:
        step = float(np.median(np.diff(times)))
        return times, contents.fps or (given.fps or 1 / step)
    fps = contents.fps or given.fps
    if fps is None:
        fps = defaults.fps
        warn(f"the file says no frame rate: {fps:g} a second was taken; say it by --fps")
    frames = np.arange(count) if frames is None else frames
    return frames / fps, fps
