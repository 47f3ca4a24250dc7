"""Bundle adjustment by pycolmap, arrays in and arrays out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pycolmap
from numpy.typing import NDArray

from parascale.types import Array, Mask

# Most cameras whose normal equations are solved directly.
DIRECT = 30


@dataclass(frozen=True, eq=False)
class Adjusted:
    """What a bundle adjustment leaves.

    Attributes
    ----------
    cam_from_world : (T, 3, 4) float64
    points : (M, 3) float64
        Points that took part moved, the others as they were.
    focal : float
    k1 : float
    cost : float
        Sum of robust costs at the end, working pixels squared.
    """

    cam_from_world: Array
    points: Array
    focal: float
    k1: float
    cost: float


def adjust(
    positions: Array,
    cam_from_world: Array,
    points: Array,
    used: Mask,
    focal: float,
    *,
    max_iterations: int,
    k1: float | None = None,
    refine_focal: bool = False,
    loss_scale: float = 0.5,
    threads: int = 1,
) -> Adjusted:
    """Refine cameras and points together.

    Parameters
    ----------
    positions : (T, M, 2) float64
        Working pixels from the principal point.
    cam_from_world : (T, 3, 4) float64
    points : (M, 3) float64
    used : (T, M) bool
        Observations that count.
    focal : float
        Working pixels.
    max_iterations : int
    k1 : float or None
        Radial distortion to start from and refine; None is a pinhole.
    loss_scale : float
        Working pixels at which the Cauchy loss starts to forgive.

    Returns
    -------
    Adjusted
        As it was given where no point is seen twice.
    """
    names = _taking_part(used)
    if not len(names):
        return Adjusted(cam_from_world, points, focal, k1 or 0.0, 0.0)
    scene = _reconstruction(positions, cam_from_world, points, used, focal, k1)
    options = pycolmap.BundleAdjustmentOptions(
        refine_focal_length=refine_focal, refine_extra_params=k1 is not None, print_summary=False
    )
    ceres = options.ceres
    ceres.loss_function_type = pycolmap.LossFunctionType.CAUCHY
    ceres.loss_function_scale = loss_scale
    ceres.solver_options.num_threads = threads
    # Long tracks couple all frames, and eliminating their points takes seconds; conjugate gradients do without.
    ceres.max_num_images_direct_dense_cpu_solver, ceres.max_num_images_direct_sparse_cpu_solver = DIRECT, DIRECT + 1
    ceres.solver_options.max_num_iterations = max_iterations
    ceres.solver_options.function_tolerance = 1e-4
    config = pycolmap.BundleAdjustmentConfig()
    for image_id in scene.reg_image_ids():
        config.add_image(image_id)
    config.fix_gauge(pycolmap.BundleAdjustmentGauge.TWO_CAMS_FROM_WORLD)
    if not refine_focal and k1 is None:
        config.set_constant_cam_intrinsics(1)
    adjuster = pycolmap.create_default_bundle_adjuster(options, config, scene)
    summary: Any = adjuster.solve()
    moved = points.copy()
    moved[names] = [scene.point3D(int(name) + 1).xyz for name in names]
    poses = np.stack([scene.image(t + 1).cam_from_world().matrix() for t in range(len(positions))])
    params = scene.camera(1).params
    return Adjusted(
        poses,
        moved,
        float(params[0]),
        float(params[3]) if k1 is not None else 0.0,
        float(summary.ceres_summary.final_cost),
    )


def _taking_part(used: Mask) -> NDArray[np.int64]:
    return np.flatnonzero(used.sum(axis=0) >= 2)


def _reconstruction(
    positions: Array, cam_from_world: Array, points: Array, used: Mask, focal: float, k1: float | None
) -> pycolmap.Reconstruction:
    scene = pycolmap.Reconstruction()
    model = "SIMPLE_PINHOLE" if k1 is None else "SIMPLE_RADIAL"
    params = [focal, 0.0, 0.0] + ([] if k1 is None else [k1])
    camera = pycolmap.Camera(model=model, width=1, height=1, params=params, camera_id=1)
    scene.add_camera_with_trivial_rig(camera)
    names = _taking_part(used)
    places = np.full(used.shape, -1)
    for t in range(len(positions)):
        mine = names[used[t, names]]
        places[t, mine] = np.arange(len(mine))
        image = pycolmap.Image(name=str(t), camera_id=1, image_id=t + 1, keypoints=positions[t, mine])
        scene.add_image_with_trivial_frame(image, pycolmap.Rigid3d(cam_from_world[t]))
    for name in names:
        frames = np.flatnonzero(used[:, name])
        track = pycolmap.Track()
        for t, place in zip(frames.tolist(), places[frames, name].tolist(), strict=True):
            track.add_element(t + 1, place)
        scene.add_point3D_with_id(int(name) + 1, pycolmap.Point3D(xyz=points[name], track=track))
    return scene
