"""Poses of the keyframes, by pycolmap's incremental mapper and its global one."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pycolmap
from numpy.typing import NDArray

from parascale.camera.alignment import align_similarity
from parascale.camera.rotations import geodesic_angle
from parascale.solve.reconstruction.triangulation import camera_centres
from parascale.solve.reconstruction.two_view import build_match_database
from parascale.solve.tracking.tracks import Tracks
from parascale.types import Array, Mask

Mapper = Literal["incremental", "global"]

# Two maps show the same path within this share of its length, and these radians.
MAX_PATH_DIFFERENCE, MAX_ROTATION_DIFFERENCE = 0.01, 0.02


@dataclass(frozen=True, eq=False)
class KeyframeMap:
    """Poses of the keyframes by one mapper.

    Attributes
    ----------
    mapper : "incremental" or "global"
    world_to_camera : (K, 3, 4) float64
        NaN where a keyframe was not registered.
    focal : float
        Working pixels.
    """

    mapper: Mapper
    world_to_camera: Array
    focal: float

    @property
    def registered(self) -> Mask:
        """(K,) whether a keyframe has a pose."""
        return np.asarray(np.isfinite(self.world_to_camera[:, 0, 0]))

    def agrees_with(self, other: "KeyframeMap") -> bool:
        """Whether two maps of all keyframes show the same path, so that either leads to the same solution."""
        if not (self.registered.all() and other.registered.all()):
            return False
        first, second = camera_centres(self.world_to_camera), camera_centres(other.world_to_camera)
        length = float(np.linalg.norm(np.diff(second, axis=0), axis=1).sum())
        fit = align_similarity(first, second)
        moved = fit.scale * first @ fit.rotation.T + fit.translation
        apart = float(np.sqrt(((moved - second) ** 2).sum(axis=1).mean()))
        mine, theirs = self.world_to_camera[:, :, :3], other.world_to_camera[:, :, :3]
        turned = geodesic_angle(mine @ mine[0].T, theirs @ theirs[0].T)
        return apart < MAX_PATH_DIFFERENCE * length and float(turned.max()) < MAX_ROTATION_DIFFERENCE


class KeyframeMapper:
    """The matched keyframes of one clip, which either mapper can be run on.

    The mappers run on one thread: sums in another order have led to another map, and most of the time goes into the
    matching.
    """

    def __init__(
        self,
        tracks: Tracks,
        keyframes: NDArray[np.int64],
        focal: float,
        size: tuple[int, int],
        *,
        seed: int,
        threads: int,
    ) -> None:
        width, height = size
        camera = pycolmap.Camera(
            model="SIMPLE_PINHOLE", width=width, height=height, params=[focal, width / 2, height / 2], camera_id=1
        )
        camera.has_prior_focal_length = True
        self._count = len(keyframes)
        self._seed = seed
        self._database = build_match_database(tracks, keyframes, camera, seed, threads)

    def run(self, mapper: Mapper) -> KeyframeMap | None:
        """Return the largest map the mapper finds, or None."""
        manager = pycolmap.ReconstructionManager()
        if mapper == "incremental":
            pycolmap.IncrementalPipeline(self._incremental_options(), self._database, manager).run()
        else:
            pycolmap.GlobalPipeline(self._global_options(), self._database, manager).run()
        found = [manager.get(index) for index in range(manager.size())]
        found = [scene for scene in found if scene.num_points3D() > 0]
        if not found:
            return None
        scene = max(found, key=lambda scene: (scene.num_reg_images(), scene.num_points3D()))
        poses = np.full((self._count, 3, 4), np.nan)
        for image_id in scene.reg_image_ids():
            poses[image_id - 1] = scene.image(image_id).cam_from_world().matrix()
        return KeyframeMap(mapper, poses, float(scene.camera(1).params[0]))

    def _incremental_options(self) -> pycolmap.IncrementalPipelineOptions:
        options = pycolmap.IncrementalPipelineOptions(
            num_threads=1,
            random_seed=self._seed,
            multiple_models=False,
            min_model_size=3,
            extract_colors=False,
            ba_refine_focal_length=False,
            ba_refine_extra_params=False,
            ba_global_frames_ratio=1.3,
            ba_global_points_ratio=1.3,
            ba_global_max_refinements=2,
            ba_local_max_refinements=1,
        )
        # Video tracks are far more precise than matched features, and rays closer together.
        options.mapper.init_min_tri_angle = 2.0
        options.mapper.init_max_forward_motion = 1.0
        options.mapper.init_max_error = 2.0
        options.mapper.init_min_num_inliers = 40
        options.mapper.abs_pose_max_error = 4.0
        options.mapper.abs_pose_min_num_inliers = 20
        options.mapper.filter_max_reproj_error = 2.0
        options.mapper.filter_min_tri_angle = 0.3
        options.mapper.ba_local_num_images = 4
        options.triangulation.min_angle = 0.3
        return options

    def _global_options(self) -> pycolmap.GlobalPipelineOptions:
        options = pycolmap.GlobalPipelineOptions(num_threads=1, random_seed=self._seed)
        options.mapper.global_positioning.use_gpu = False
        options.mapper.bundle_adjustment.ceres.use_gpu = False
        options.mapper.bundle_adjustment.refine_focal_length = False
        options.mapper.bundle_adjustment.refine_extra_params = False
        options.mapper.min_tri_angle_deg = 0.3
        return options
