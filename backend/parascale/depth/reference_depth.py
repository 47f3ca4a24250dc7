"""The depth of a reference from a depth model: dense, in the unit of its solved points."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from parascale.camera import View
from parascale.camera.intrinsics import projection
from parascale.depth.alignment import Fit, align_depth, fit_scale, fit_scale_shift, steady_fits
from parascale.depth.estimate import Estimate, Estimator
from parascale.errors import Cancelled, InputError
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.number import felt_parallax, median_depth, parallax_number
from parascale.parallax.shot import Shot
from parascale.projection.mesh import thin
from parascale.types import Array, CancelCheck, Image, Progress

GRID = (64, 36)
# Fewer points do not determine the scale of a frame.
MIN_POINTS = 12


def with_model_depth(
    shot: Shot,
    reference: Path,
    estimator: Estimator,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Shot:
    """Give a solved shot the depth of a model, as `with_dense_depth` does, from the frames of its clip.

    Raises
    ------
    InputError
        Where `with_dense_depth` does, or the clip cannot be read.
    Cancelled
    """
    from parascale.media.frames import read_frames

    assert shot.frames is not None
    frames = (frame.picture for frame in read_frames(reference, set(shot.frames.tolist())))
    return with_dense_depth(frames, shot, estimator, progress=progress, cancelled=cancelled)


def with_dense_depth(
    frames: Iterable[Image],
    shot: Shot,
    estimator: Estimator,
    *,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> Shot:
    """Give a solved shot the depth of a model instead of that of its tracks: the same estimator on both sides.

    Parameters
    ----------
    frames : iterable of (H, W, 3) uint8
        The T pictures of the shot, sRGB, in order; of any one size.
    shot : Shot
        With the points its solve left behind.
    estimator : Estimator
    progress : Progress, optional
    cancelled : CancelCheck, optional

    Returns
    -------
    Shot
        In the unit-depth gauge of its new depth; NaN where a frame shows no surface.

    Raises
    ------
    InputError
        Where `sample_dense_depth` does, or the first frame shows no surface.
    Cancelled
    """
    samples = sample_dense_depth(frames, shot, estimator, progress, cancelled)
    depth = np.array([median_depth(item) for item in samples])
    if np.isnan(depth[0]):
        raise InputError(f"the depth model {estimator.name} sees no surface in the first frame: start the shot later")
    ratio = np.log(depth / shot.median_depth)
    agreement = float(np.nanmedian(np.abs(ratio))) if np.isfinite(ratio).any() else None
    dense = replace(
        shot,
        median_depth=depth,
        felt_parallax=np.nan_to_num(felt_parallax(shot.trajectory, samples)),
        parallax_sigma=_widen_error(shot, depth),
        quality={**shot.quality, "dense_against_tracks": agreement},
        provenance={**shot.provenance, "depth_model": estimator.name},
    )
    return to_unit_depth(dense)


def _widen_error(shot: Shot, depth: Array) -> Array | None:
    """Carry the error of P over to another depth (T,): where the two differ, nothing says which one is right."""
    if shot.parallax_sigma is None:
        return None
    with np.errstate(divide="ignore", invalid="ignore"):
        relative = np.hypot(shot.parallax_sigma / shot.parallax_number, np.log(depth / shot.median_depth)[:-1])
    sigma = relative * parallax_number(shot.trajectory, depth)
    return np.where(np.isfinite(sigma), sigma, np.nan)


def sample_dense_depth(
    frames: Iterable[Image],
    shot: Shot,
    estimator: Estimator,
    progress: Progress | None = None,
    cancelled: CancelCheck | None = None,
) -> list[DepthSamples]:
    """Sample the depth of a model in every frame, in the shot's unit; parameters as in `with_dense_depth`.

    Raises
    ------
    InputError
        Where the shot has no points, the pictures are not T, or no frame shows enough points to tell the scale.
    Cancelled
        Where ``cancelled`` said so.
    """
    if shot.points is None:
        raise InputError(f"{shot.name!r} has no points to tell a depth model's scale by: solve the clip again")
    points = shot.points.positions.astype(np.float64)
    values, fits = [], list[Fit | None]()
    kind = "metric"
    for t, picture in enumerate(frames):
        if cancelled is not None and cancelled():
            raise Cancelled
        if t == len(shot):
            raise InputError(f"there are more pictures than the {len(shot)} frames of {shot.name!r}")
        estimate = estimator.estimate(picture)
        kind = estimate.kind
        fits.append(_fit(estimate, points, shot.trajectory.view(t)))
        values.append(thin(estimate.values, GRID[1], GRID[0])[0])
        if progress is not None:
            progress((t + 1) / len(shot), "Estimating depth")
    if len(values) != len(shot):
        raise InputError(f"there are {len(values)} pictures for the {len(shot)} frames of {shot.name!r}")
    steady = steady_fits(fits)
    pixels = pixel_grid(shot.trajectory.size, GRID)
    samples = []
    for value, parameters in zip(values, steady, strict=True):
        if parameters is None:
            shown = "scale" if kind != "relative" else "scale and shift"
            raise InputError(f"no frame of {shot.name!r} shows the points that tell the depth model's {shown}")
        depth = align_depth(value, parameters).reshape(-1).astype(np.float64)
        hit = np.isfinite(depth)
        samples.append(DepthSamples(pixels, np.where(hit, depth, 1.0), hit))
    return samples


def _fit(estimate: Estimate, points: Array, view: View) -> Fit | None:
    """Align one map to the points its camera sees."""
    in_camera = (points - view.camera_to_world[:3, 3]) @ view.camera_to_world[:3, :3]
    in_camera = in_camera[in_camera[:, 2] > 0]
    places = projection(in_camera, view.intrinsics)
    rows, columns = estimate.values.shape
    place = np.floor(places * [columns / view.width, rows / view.height]).astype(np.int64)
    inside = ((place >= 0) & (place < [columns, rows])).all(axis=1)
    place, depth = place[inside], in_camera[inside, 2]
    value = estimate.values[place[:, 1], place[:, 0]].astype(np.float64)
    seen = np.isfinite(value) & ((value > 0) | (estimate.kind == "relative"))
    if np.count_nonzero(seen) < MIN_POINTS:
        return None
    fit = fit_scale_shift if estimate.kind == "relative" else fit_scale
    return fit(value[seen], depth[seen])
