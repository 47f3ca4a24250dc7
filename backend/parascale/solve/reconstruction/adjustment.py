"""Bundle adjustment by pycolmap, arrays in and arrays out."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import pycolmap
from numpy.typing import NDArray

from parascale.types import Array, Mask

# With more cameras the normal equations are solved iteratively.
MAX_DIRECT_CAMERAS = 30
# COLMAP's camera models by whether the lens is a fisheye, and whether it has radial distortion beside.
MODELS = {
    (False, False): "SIMPLE_PINHOLE",
    (False, True): "SIMPLE_RADIAL",
    (True, False): "SIMPLE_FISHEYE",
    (True, True): "SIMPLE_RADIAL_FISHEYE",
}


@dataclass(frozen=True, eq=False)
class Adjustment:
    """The result of a bundle adjustment.

    Attributes
    ----------
    world_to_camera : (T, 3, 4) float64
    points : (M, 3) float64
        Points with two inliers are refined, the others unchanged.
    focal : float
    k1 : float
    cost : float
        Sum of the robust costs, working pixels squared.
    """

    world_to_camera: Array
    points: Array
    focal: float
    k1: float
    cost: float


def adjust_bundle(  # noqa: PLR0913 - what a lens is, and how long to try, by name
    positions: Array,
    world_to_camera: Array,
    points: Array,
    inliers: Mask,
    focal: float,
    *,
    max_iterations: int,
    k1: float | None = None,
    fisheye: bool = False,
    refine_focal: bool = False,
    loss_scale: float = 0.5,
    threads: int = 1,
) -> Adjustment:
    """Refine cameras and points together.

    Parameters
    ----------
    positions : (T, M, 2) float64
        Working pixels from the principal point.
    world_to_camera : (T, 3, 4) float64
    points : (M, 3) float64
    inliers : (T, M) bool
        Observations that take part.
    focal : float
        Working pixels.
    max_iterations : int
    k1 : float or None
        Radial distortion to start from and refine; None is none.
    fisheye : bool
        Whether the lens is an equidistant fisheye and not a flat one.
    loss_scale : float
        Working pixels: the scale of the Cauchy loss.

    Returns
    -------
    Adjustment
        The input where no point has two inliers.
    """
    track_ids = np.flatnonzero(inliers.sum(axis=0) >= 2)
    if not len(track_ids):
        return Adjustment(world_to_camera, points, focal, k1 or 0.0, 0.0)
    params = [focal, 0.0, 0.0] + ([] if k1 is None else [k1])
    camera = pycolmap.Camera(model=MODELS[fisheye, k1 is not None], width=1, height=1, params=params, camera_id=1)
    scene = _reconstruction(positions, world_to_camera, points, inliers, track_ids, camera)
    options = pycolmap.BundleAdjustmentOptions(
        refine_focal_length=refine_focal, refine_extra_params=k1 is not None, print_summary=False
    )
    ceres = options.ceres
    ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    ceres.loss_function_scale = loss_scale
    ceres.solver_options.num_threads = threads
    # Long tracks couple all frames, and eliminating their points takes seconds; conjugate gradients do without.
    ceres.max_num_images_direct_dense_cpu_solver = MAX_DIRECT_CAMERAS
    ceres.max_num_images_direct_sparse_cpu_solver = MAX_DIRECT_CAMERAS + 1
    ceres.solver_options.max_num_iterations = max_iterations
    ceres.solver_options.function_tolerance = 1e-4
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in scene.reg_image_ids():
        config.add_image(image_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    if not refine_focal and k1 is None:
        config.set_constant_cam_intrinsics(1)
    adjuster = pycolmap.create_default_bundle_adjuster(options, config, scene)
    summary = cast("pycolmap.CeresBundleAdjustmentSummary", adjuster.solve())
    moved = points.copy()
    moved[track_ids] = [scene.point3D(int(track_id) + 1).xyz for track_id in track_ids]
    poses = np.stack([scene.image(t + 1).cam_from_world().matrix() for t in range(len(positions))])
    found = scene.camera(1).params
    return Adjustment(
        poses,
        moved,
        float(found[0]),
        float(found[3]) if k1 is not None else 0.0,
        float(summary.ceres_summary.final_cost),
    )


def _reconstruction(
    positions: Array,
    world_to_camera: Array,
    points: Array,
    inliers: Mask,
    track_ids: NDArray[np.int64],
    camera: pycolmap.Camera,
) -> pycolmap.Reconstruction:
    scene = pycolmap.Reconstruction()
    scene.add_camera_with_trivial_rig(camera)
    for t in range(len(positions)):
        mine = track_ids[inliers[t, track_ids]]
        image = pycolmap.Image(name=str(t), camera_id=1, image_id=t + 1, keypoints=positions[t, mine])
        scene.add_image_with_trivial_frame(image, pycolmap.Rigid3d(world_to_camera[t]))
    # The observations only, not an array of all frames and tracks: of a long clip they are one in fifty.
    frame, at = np.nonzero(inliers[:, track_ids])
    keypoint = np.arange(len(frame)) - np.searchsorted(frame, frame)
    by_track = np.argsort(at, kind="stable")
    ends = np.cumsum(np.bincount(at, minlength=len(track_ids)))[:-1]
    for track_id, own in zip(track_ids, np.split(by_track, ends), strict=True):
        track = pycolmap.Track()
        for t, number in zip(frame[own].tolist(), keypoint[own].tolist(), strict=True):
            track.add_element(t + 1, number)
        scene.add_point3D_with_id(int(track_id) + 1, pycolmap.Point3D(xyz=points[track_id], track=track))
    return scene
