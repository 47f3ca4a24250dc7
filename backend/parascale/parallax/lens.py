"""The lens of the realised camera: kept, copied, or kept with the steps compensated for it."""

import numpy as np
from numpy.typing import ArrayLike

from parascale.camera import Trajectory, View
from parascale.camera.intrinsics import normalise_pixels
from parascale.errors import InputError
from parascale.parallax.depth_source import pixel_grid
from parascale.types import Array, Choice

LENSES = {
    lens.name: lens
    for lens in (
        Choice("keep", "Keep", "Keep the target camera's lens"),
        Choice("copy", "Copy", "Copy the reference's field of view, zooms included"),
        Choice("compensate", "Compensate", "Keep the lens, and make up in speed for the different field of view"),
    )
}

# Phi is a smooth function of the frame: 18 x 10 cells give it to a percent, and ten thousand steps in a blink.
_GRID = (18, 10)


def target_intrinsics(reference: Trajectory, anchor: View, own: ArrayLike | None) -> Array:
    """Intrinsics (T, 4) of the target's own lens: the anchor's throughout, or those given where it zooms."""
    if own is None:
        return np.tile(anchor.intrinsics, (len(reference), 1))
    intrinsics = np.array(own, np.float64)
    if intrinsics.shape != (len(reference), 4):
        raise InputError(f"the target's lens has shape {intrinsics.shape}, expected ({len(reference)}, 4)")
    return intrinsics


def realised_intrinsics(reference: Trajectory, anchor: View, lens: str, own: ArrayLike | None = None) -> Array:
    """Intrinsics (T, 4) of the realised cameras in pixels of the anchor's picture, ``lens`` being one of `LENSES`.

    ``copy`` takes over the reference's field of view across the width, and with it every zoom; the anchor keeps
    its pixel aspect and principal point. The other two keep the target's own lens (see `target_intrinsics`).
    """
    intrinsics = target_intrinsics(reference, anchor, None if lens == "copy" else own)
    if lens == "copy":
        ratio = _focal_in_widths(reference.intrinsics, reference.width) / _focal_in_widths(intrinsics, anchor.width)
        intrinsics[:, :2] *= ratio[:, None]
    return intrinsics


def compensation(reference: Trajectory, anchor: View, own: ArrayLike | None = None, *, felt: bool) -> Array:
    """Factor (T-1,) on the asked P_t that keeps image motion, in frame widths, as it is through the reference's lens.

    Phi(d_t, F_ref) / Phi(d_t, F_target) with Phi(d, F) = median over the frame of |F d_xy - u d_z|, u in frame
    widths from the centre; 1 where the camera rests. With ``felt`` the factor on phi_t, which is measured through the
    target's own lens, so that F_ref / F_target remains.
    """
    steps = len(reference) - 1
    lens, realised = reference.intrinsics[:-1], target_intrinsics(reference, anchor, own)[:steps]
    focal = _focal_in_widths(lens, reference.width) / _focal_in_widths(realised, anchor.width)
    if felt:
        return focal
    direction = step_directions(reference)
    ratio = focal * typical_motion(direction, lens, reference.size) / typical_motion(direction, realised, anchor.size)
    return np.where(np.isnan(direction[:, 0]), 1.0, ratio)


def step_directions(path: Trajectory) -> Array:
    """d_t = R_t^T b_t / |b_t|, (T-1, 3), directions of the steps in the camera; NaN where it rests."""
    local = np.einsum("nji,nj->ni", path.rotations[:-1], path.baselines)
    length = np.linalg.norm(local, axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        directions: Array = local / length
    return directions


def _focal_in_widths(intrinsics: Array, width: int) -> Array:
    return intrinsics[:, 0] / width


def typical_motion(direction: Array, intrinsics: Array, size: tuple[int, int]) -> Array:
    """Phi / F: median over the frame of |d_xy - x d_z|, x focal-normalised."""
    x = normalise_pixels(pixel_grid(size, _GRID)[None], intrinsics[:, None])
    motion: Array = np.linalg.norm(direction[:, None, :2] - x * direction[:, None, 2:], axis=2)
    typical: Array = np.median(motion, axis=1)
    return typical
