"""lingbot-world's folder: poses.npy (camera-to-world) and intrinsics.npy (fx, fy, cx, cy in pixels)."""

from pathlib import Path

import numpy as np

from parascale.files.disk import make_folder, replace_files
from parascale.files.format import FLOAT32_PRECISION, Format, register
from parascale.files.matrices import size_from_centre
from parascale.files.npz import npy_bytes, read_npy
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.parallax.shot import Shot


def read_lingbot_world(path: Path) -> RawTrajectory:
    """Read poses.npy and intrinsics.npy of a folder.

    Raises
    ------
    InputError
        Where one is missing or broken, or they differ in length.
    """
    poses = read_npy(path / "poses.npy", (None, 4, 4))
    lens = read_npy(path / "intrinsics.npy", (len(poses), 4))
    return RawTrajectory(poses, lens=lens, middle=size_from_centre(lens))


def write_lingbot_world(shot: Shot, path: Path) -> None:
    """Write poses.npy and intrinsics.npy into a folder, float32."""
    make_folder(path)
    poses = shot.trajectory.camera_to_world.astype(np.float32, order="C")
    lens = shot.trajectory.intrinsics.astype(np.float32, order="C")
    replace_files({path / "poses.npy": npy_bytes(poses), path / "intrinsics.npy": npy_bytes(lens)})


register(
    Format(
        name="lingbot-world",
        description="lingbot-world folder, poses.npy and intrinsics.npy",
        suffix="",
        lens="each frame",
        time="none",
        read=read_lingbot_world,
        write=write_lingbot_world,
        recognise=lambda sample: sample.has_file("poses.npy"),
        defaults=FormatDefaults(size=(832, 480), fps=16),
        unit=False,
        size=False,
        precision=FLOAT32_PRECISION,
    )
)
