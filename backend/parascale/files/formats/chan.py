"""Nuke's .chan: frame, centre, angles in degrees, vertical field of view.

The world is y up, the camera looks along -z, and the angles are in Nuke's default order ZXY: R = Ry Rx Rz. Ours is
turned as Blender's z-up world is for Nuke, so that Blender's importer ("Make Z up") brings it back.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.camera.intrinsics import fov_from_focal
from parascale.errors import InputError, Notice
from parascale.files.disk import replace_files
from parascale.files.euler import angles_from_rotations, rotations_from_angles
from parascale.files.format import Format, register
from parascale.files.matrices import OPENGL, from_parts, is_unit
from parascale.files.raw_trajectory import RawTrajectory, lens_from_vertical_fov
from parascale.files.rows import Rows, read_rows
from parascale.files.sample import Sample
from parascale.parallax.shot import Shot

# Nuke's order ZXY turns about z first.
AXES = "yxz"
# (x, y, z) with z up -> (x, z, -y) with y up.
Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])


def read_chan(path: Path) -> RawTrajectory:
    """Read a .chan file, taking the angles to be in the order ZXY.

    Raises
    ------
    InputError
        As `parascale.files.rows.read_rows`, and where frame numbers are not whole or do not increase, or a field of
        view is not between 0 and 180 degrees.
    """
    rows = read_rows(path, {7, 8})
    frames = _parse_frames(rows, str(path))
    fov = rows.values[:, 7] if rows.values.shape[1] == 8 else None
    lens = None if fov is None else lens_from_vertical_fov(fov, str(path), rows.location)
    rotations = Y_UP.T @ rotations_from_angles(rows.values[:, 4:7], AXES) @ OPENGL[:3, :3]
    return RawTrajectory(
        from_parts(rotations, rows.values[:, 1:4] @ Y_UP),
        rows.location,
        lens=lens,
        frames=frames,
        notices=(Notice("assuming Nuke's rotation order ZXY, which the file does not state"),),
    )


def write_chan(shot: Shot, path: Path) -> None:
    """Write a .chan file; it has no place for comments."""
    assert shot.frames is not None
    trajectory = shot.trajectory
    angles = angles_from_rotations(Y_UP @ trajectory.rotations @ OPENGL[:3, :3], AXES)
    fov = [np.degrees(fov_from_focal(focal, trajectory.height)) for focal in trajectory.intrinsics[:, 1]]
    table = np.column_stack([trajectory.centres @ Y_UP.T, angles, fov]).tolist()
    lines = ["\t".join([str(frame), *map(repr, row)]) for frame, row in zip(shot.frames.tolist(), table, strict=True)]
    replace_files({path: ("\n".join(lines) + "\n").encode()})


def _parse_frames(rows: Rows, source: str) -> NDArray[np.int64]:
    numbers = rows.values[:, 0]
    for row in np.flatnonzero((numbers != np.rint(numbers)) | (np.abs(numbers) > 2**53))[:1]:
        raise InputError(f"{source}, {rows.location(int(row))}: {numbers[row]:g} is not a frame number")
    for row in np.flatnonzero(np.diff(numbers) <= 0)[:1]:
        raise InputError(f"{source}, {rows.location(int(row) + 1)}: the frame number does not increase")
    return numbers.astype(np.int64)


def _recognise(sample: Sample) -> bool:
    if sample.columns not in {7, 8}:
        return False
    frames = sample.values[:, 0]
    # Rows of 7 or 8 numbers that end in unit quaternions are TUM's, whole stamps or not: but a camera at height 1 that
    # does not turn ends so too.
    whole = len(frames) > 0 and bool(np.all(frames == np.rint(frames)))
    return whole and (sample.path.suffix.lower() == ".chan" or not is_unit(sample.values[:, -4:]))


register(
    Format(
        name="chan",
        description="Nuke .chan, y up",
        suffix=".chan",
        lens="height",
        time="even",
        read=read_chan,
        write=write_chan,
        recognise=_recognise,
        precedence=1,
        unit=False,
        size=False,
    )
)
