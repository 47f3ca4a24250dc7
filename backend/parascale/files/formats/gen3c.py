"""GEN3C's multi-view archive: world-to-camera and camera matrices of the path; depth of the pictures it starts from.

What the tool needs beside the path (pictures, depth and masks of key frames) is read for its depth and is not written.
"""

import dataclasses
from pathlib import Path

import numpy as np

from parascale.files.disk import replace_files
from parascale.files.format import FLOAT32_PRECISION, Format, Rate, register
from parascale.files.matrices import from_camera_matrices, invert, size_from_centre, to_camera_matrices
from parascale.files.note import read_note, write_note
from parascale.files.npz import Archive, npz_bytes
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.parallax.number import area_median
from parascale.parallax.shot import Shot
from parascale.types import Array


def read_gen3c(path: Path) -> RawTrajectory:
    """Read a GEN3C archive; the key frames' depth goes to the frames of the path at the same pose.

    Raises
    ------
    InputError
        Where it is broken, or ``w2cs_all`` is missing.
    """
    with Archive(path) as archive:
        world_to_camera = archive.array("w2cs_all", (None, 4, 4))
        count = len(world_to_camera)
        lens = None
        if "Ks_all" in archive.names:
            lens = from_camera_matrices(archive.array("Ks_all", (count, 3, 3)))
        elif "K_key_frames" in archive.names:
            lens = np.broadcast_to(from_camera_matrices(archive.array("K_key_frames", (None, 3, 3))[-1]), (count, 4))
        note = read_note(archive.text("parascale"))
        if note.size is None and "images_key_frames" in archive.names:
            height, width = archive.shape("images_key_frames")[-2:]
            note = dataclasses.replace(note, size=(width, height))
        return RawTrajectory(
            invert(world_to_camera),
            lens=lens,
            note=note,
            middle=size_from_centre(lens),
            median_depth=_measure_depth(archive, world_to_camera),
        )


def write_gen3c(shot: Shot, path: Path) -> None:
    """Write the path of a GEN3C archive, float32."""
    arrays = {
        "w2cs_all": invert(shot.trajectory.camera_to_world).astype(np.float32),
        "Ks_all": to_camera_matrices(shot.trajectory.intrinsics).astype(np.float32),
        "parascale": np.array(write_note(shot, "world-to-camera, OpenCV axes, intrinsics in pixels")),
    }
    replace_files({path: npz_bytes(arrays)})


def _measure_depth(archive: Archive, world_to_camera: Array) -> Array | None:
    if not {"depth_key_frames", "w2cs_key_frames"} <= archive.names:
        return None
    keys = archive.array("w2cs_key_frames", (None, 4, 4))
    masks = archive.frames("mask_key_frames") if "mask_key_frames" in archive.names else iter(())
    depths = np.full(len(world_to_camera), np.nan)
    for key, depth in zip(keys, archive.frames("depth_key_frames"), strict=False):
        mask = next(masks, None)
        seen = np.isfinite(depth) & (depth > 0) & (True if mask is None else mask.reshape(depth.shape) > 0.5)
        same = np.isclose(world_to_camera, key, atol=1e-5).all(axis=(1, 2))
        depths[same] = area_median(depth[seen])
    return depths


register(
    Format(
        name="gen3c",
        description="GEN3C multi-view archive, its path",
        suffix=".npz",
        lens="each frame",
        time="even",
        read=read_gen3c,
        write=write_gen3c,
        recognise=lambda sample: "w2cs_all" in sample.arrays,
        precedence=1,
        defaults=FormatDefaults(size=(1280, 704)),
        precision=FLOAT32_PRECISION,
        rate=Rate(None, 120, 121),
    )
)
