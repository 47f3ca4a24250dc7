"""The depth of a Blender scene, by rays against one world-space BVH of all that the viewport shows."""

from bisect import bisect_right
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import repeat
from operator import itemgetter, matmul
from typing import Literal, NamedTuple, get_args

import bpy
import numpy as np
from mathutils import Matrix, Vector
from mathutils.bvhtree import BVHTree
from numpy.typing import ArrayLike, NDArray

from parascale.blender.scene_state import at_frame, depsgraph_of
from parascale.blender.surfaces import HELPER, MeshReader, measured_instances, name_of, names_of
from parascale.blender.untyped import has_property, untyped
from parascale.camera import View
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.types import Array

REBUILD_GRID = (64, 36)
LIVE_GRID = (32, 18)

# Custom property of objects that are measured otherwise than all others: what is seen of one only hides, it does not
# count; another counts only along rays that meet nothing else, near or far.
HIDES = "parascale_hides"
FILLS = "parascale_fills"

# What moves is kept, frame by frame, for the next look at a frame: of so many triangles in all, about 150 bytes each.
KEPT_TRIANGLES = 1_000_000

_Role = Literal["counts", "hides", "fills"]


class _Surface(NamedTuple):
    """Triangles of the scene, and what being hit means for them."""

    tree: BVHTree
    role: _Role
    # The first triangle of each object, and the objects' names.
    starts: list[int]
    names: list[str]
    triangles: int

    def name_of(self, triangle: int) -> str:
        return self.names[bisect_right(self.starts, triangle) - 1]


class _Rays(NamedTuple):
    """Rays of a lens in its camera's own axes: the same for every pose."""

    pixels: Array
    directions: list[Vector]
    lengths: Array

    @classmethod
    def through(cls, pixels: Array, intrinsics: Array) -> "_Rays":
        in_camera = np.column_stack([(pixels - intrinsics[2:]) / intrinsics[:2], np.ones(len(pixels))])
        # Rotated by Blender's own arithmetic, a ray costs a third of what it does as a list of numbers.
        return cls(pixels, [Vector(ray) for ray in in_camera.tolist()], np.linalg.norm(in_camera, axis=1))


class _Triangles:
    def __init__(self) -> None:
        self.vertices: list[list[float]] = []
        self.triangles: list[list[int]] = []
        self.starts: list[int] = []
        self.names: list[str] = []

    def add(self, name: str, local: Array, faces: NDArray[np.int32], world: Array) -> None:
        self.starts.append(len(self.triangles))
        self.names.append(name)
        self.triangles += (faces + len(self.vertices)).tolist()
        self.vertices += (local @ world[:3, :3].T + world[:3, 3]).tolist()

    def tree(self) -> BVHTree:
        return BVHTree.FromPolygons(self.vertices, self.triangles, all_triangles=True)


class SceneDepth:
    """Depth source: the geometry of a scene, in world units (see `parascale.parallax.depth_source.DepthSource`).

    What counts is what the camera would render of what the viewport shows, instances, modifiers and geometry nodes
    included (see `surfaces.measured_instances`). A static scene is gathered once. Where something moves, it alone is
    gathered at the scene frame of each step: once as well, as long as there is room for it.

    Parameters
    ----------
    scene : bpy.types.Scene
    grid : (int, int)
        Columns and rows of rays.
    ignore : collection of bpy.types.Object
        Objects left out, with all they instance.
    frames : sequence of float or None
        Scene frame of each step; None measures the scene as it stands now, whatever the step.
    subject : collection of bpy.types.Object or None
        Where given, only what is seen of these objects, or instanced by them, is hit; the rest still hides them.
    clip : (2,) or (T, 2) array
        z-depths between which a camera shows surfaces, of every step alike or of each (see
        `camera_track.clip_range`); the others
        are neither seen nor do they hide.

    Attributes
    ----------
    grid, clip
        As above; may be set to others.
    carriers : (T, 4, 4) array or None
        What carries the cameras at each step, as a rigid transform to the world: all that is asked is then in the
        axes of the carrier, which are the world's where it does not move. None where nothing does.
    animated : bool
        Whether anything that counts moves with the scene's frame.
    moving : frozenset of str
        Full names of the objects that move with it.
    """

    def __init__(
        self,
        scene: bpy.types.Scene,
        grid: tuple[int, int] = REBUILD_GRID,
        *,
        ignore: Collection[bpy.types.Object] = (),
        frames: Sequence[float] | Array | None = None,
        subject: Collection[bpy.types.Object] | None = None,
        clip: ArrayLike = (0.0, np.inf),
    ) -> None:
        self.scene = scene
        self.grid = grid
        self.clip = np.asarray(clip, np.float64)
        self.carriers: Array | None = None
        self._ignore = {item.name_full for item in ignore}
        self._subject = None if subject is None else {item.name_full for item in subject}
        self._frames = None if frames is None else np.asarray(frames, np.float64)
        self.moving = frozenset[str]() if self._frames is None else self._find_moving(self._frames)
        if self.moving:
            self.moving &= frozenset().union(*(names_of(instance) for instance in self._measured()))
        self.animated = bool(self.moving)
        self._static = self._gather(moving=False)
        # What moves, at the frames that there was room for, and at the last that was asked for.
        self._kept: dict[float, list[_Surface]] = {}
        self._changing: tuple[float, list[_Surface]] | None = None
        self._rays: tuple[tuple[object, ...], _Rays] | None = None

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `DepthSource`; depth is NaN where nothing is hit."""
        rays = self._rays_of(np.asarray(intrinsics, np.float64), size)
        depth = _cast(self._carry(camera_to_world, frame), rays, self._surfaces(frame), self.clip_at(frame))
        return DepthSamples(rays.pixels, depth, np.isfinite(depth))

    def dense(self, view: View, frame: int = 0) -> NDArray[np.float32]:
        """Return the z-depth of every pixel of a view.

        Parameters
        ----------
        view : View
        frame : int
            Step of the shot.

        Returns
        -------
        (H, W) float32
            World units; NaN where there is no surface.
        """
        rays = _Rays.through(pixel_grid(view.size, view.size), view.intrinsics)
        depth = _cast(view.camera_to_world, rays, self._surfaces(frame), self.clip_at(frame))
        return depth.astype(np.float32).reshape(view.height, view.width)

    def clip_at(self, frame: int) -> Array:
        """Return the z-depths (2,) between which surfaces show at a step."""
        return np.asarray(self.clip[min(frame, len(self.clip) - 1)] if self.clip.ndim == 2 else self.clip)

    def nearest_hit(self, origin: ArrayLike, direction: ArrayLike, distance: float, frame: int = 0) -> float | None:
        """Distance to the first surface along a ray, at most ``distance``, clipped or not; None where there is none."""
        start, towards = self._carried_ray(origin, direction, frame)
        if towards.length == 0 or distance <= 0:
            return None
        hits = [surface.tree.ray_cast(start, towards, distance)[3] for surface in self._surfaces(frame)]
        return min((hit for hit in hits if hit is not None), default=None)

    def nearest_surface(self, centres: ArrayLike) -> Array:
        """Distance from each camera centre (T, 3) to the nearest surface, (T,); infinite where there is none."""
        distances: Array = np.linalg.norm(self.nearest_points(centres) - np.asarray(centres, np.float64), axis=1)
        return distances

    def nearest_points(self, centres: ArrayLike) -> Array:
        """Closest point of the surfaces to the camera centre of each frame, (T, 3) both; infinite where none is."""
        places = np.asarray(centres, np.float64)
        return np.array([self.nearest_point(place, frame) for frame, place in enumerate(places)]).reshape(-1, 3)

    def nearest_point(self, centre: ArrayLike, frame: int) -> Array:
        """Closest point (3,) of the surfaces to a camera centre at a step; infinite where none is."""
        place, _ = self._carried_ray(centre, np.zeros(3), frame)
        found = [surface.tree.find_nearest(place) for surface in self._surfaces(frame)]
        hits = [(away, point) for point, _, _, away in found if point is not None and away is not None]
        if not hits:
            return np.full(3, np.inf)
        nearest = np.array(min(hits, key=itemgetter(0))[1], np.float64)
        if self.carriers is None:
            return nearest
        return np.asarray((nearest - self.carriers[frame, :3, 3]) @ self.carriers[frame, :3, :3])

    def crossings(self, centres: ArrayLike) -> list[int]:
        """Find the steps t at which the path from centre t to t + 1 passes through a surface; centres are (T, 3)."""
        centres = np.asarray(centres, np.float64)
        steps = np.diff(centres, axis=0)
        lengths = np.linalg.norm(steps, axis=1)
        return [
            t for t in range(len(steps)) if self.nearest_hit(centres[t], steps[t], float(lengths[t]), t) is not None
        ]

    def crossed_objects(self, centres: ArrayLike) -> list[tuple[int, str]]:
        """Find the steps t as `crossings` does, each with the name of the object it passes through first."""
        centres = np.asarray(centres, np.float64)
        found = []
        for t in self.crossings(centres):
            start, step = self._carried_ray(centres[t], centres[t + 1] - centres[t], t)
            hits = [(surface, surface.tree.ray_cast(start, step, step.length)) for surface in self._surfaces(t)]
            _, name = min((hit[3], surface.name_of(hit[2] or 0)) for surface, hit in hits if hit[3] is not None)
            found.append((t, name))
        return found

    def _carry(self, camera_to_world: Array, frame: int) -> Array:
        return camera_to_world if self.carriers is None else np.asarray(self.carriers[frame] @ camera_to_world)

    def _carried_ray(self, origin: ArrayLike, direction: ArrayLike, frame: int) -> tuple[Vector, Vector]:
        start, towards = np.asarray(origin, np.float64), np.asarray(direction, np.float64)
        if self.carriers is not None:
            turned, moved = self.carriers[frame, :3, :3], self.carriers[frame, :3, 3]
            start, towards = turned @ start + moved, turned @ towards
        return Vector(start.tolist()), Vector(towards.tolist())

    def _rays_of(self, intrinsics: Array, size: tuple[int, int]) -> _Rays:
        key = (self.grid, size, intrinsics.tobytes())
        if self._rays is None or self._rays[0] != key:
            self._rays = key, _Rays.through(pixel_grid(size, self.grid), intrinsics)
        return self._rays[1]

    def _surfaces(self, frame: int) -> "list[_Surface]":
        if self._frames is None or not self.animated:
            return self._static
        now = float(self._frames[min(frame, len(self._frames) - 1)])
        if self._changing is None or self._changing[0] != now:
            self._changing = now, self._kept[now] if now in self._kept else self._gather_at(now)
        return [*self._static, *self._changing[1]]

    def _gather_at(self, now: float) -> "list[_Surface]":
        with at_frame(self.scene) as go_to:
            go_to(now)
            found = self._gather(moving=True)
        before = sum(surface.triangles for kept in self._kept.values() for surface in kept)
        # Frames are asked for in turn, again and again: if the newest stayed, none would be there when it is wanted.
        if before + sum(surface.triangles for surface in found) <= KEPT_TRIANGLES:
            self._kept[now] = found
        return found

    def _find_moving(self, frames: Array) -> frozenset[str]:
        """Names of what the dependency graph evaluates again when the frame changes: it knows drivers and modifiers."""
        changed: set[str] = set()

        def note(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
            if scene == self.scene:
                changed.update(name_of(u.id) for u in depsgraph.updates if isinstance(u.id, bpy.types.Object))

        handlers = untyped(bpy.app.handlers.frame_change_post)
        with at_frame(self.scene) as go_to:
            go_to(float(frames[0]))
            handlers.append(note)
            try:
                go_to(float(frames[0]) + 1)
            finally:
                handlers.remove(note)
        return frozenset(changed)

    def _gather(self, *, moving: bool) -> "list[_Surface]":
        parts: dict[_Role, _Triangles] = {role: _Triangles() for role in get_args(_Role)}
        reader = MeshReader()
        for instance in self._measured():
            names, item = names_of(instance), untyped(instance.object)
            role = self._role_of(item.original, names)
            if role is None or bool(names & self.moving) is not moving:
                continue
            found = reader.triangles(item)
            if len(found.corners):
                parts[role].add(item.name, found.vertices, found.corners, np.array(instance.matrix_world, np.float64))
        return [
            _Surface(part.tree(), role, part.starts, part.names, len(part.triangles))
            for role, part in parts.items()
            if part.triangles
        ]

    def _role_of(self, item: bpy.types.ID, names: set[str]) -> _Role | None:
        asked_for = self._subject is None or bool(names & self._subject)
        if has_property(item, FILLS):
            return "fills" if asked_for else None
        return "counts" if asked_for and not has_property(item, HIDES) else "hides"

    def _measured(self) -> Iterator[bpy.types.DepsgraphObjectInstance]:
        return measured_instances(depsgraph_of(self.scene), self._ignore)


class ReprojectedDepth:
    """Depth source that casts rays at every few steps of a march only, for answers while a slider is dragged.

    At the steps between, the points of the last cast are reprojected into the camera: exact for all that stays in the
    picture and is not hidden by something else.

    Parameters
    ----------
    source : SceneDepth
    every : int
        Steps from one cast to the next; 1 casts at each.
    """

    def __init__(self, source: SceneDepth, every: int) -> None:
        self._source, self._every = source, every
        self._points = np.empty((0, 3))
        self._frame = self._cast_at = -1

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `DepthSource`."""
        follows, self._frame = frame == self._frame + 1, frame
        if follows and frame - self._cast_at < self._every:
            samples = _reproject(self._points, camera_to_world, intrinsics, size, self._source.clip_at(frame))
            if len(samples.depth):
                return samples
        samples = self._source(camera_to_world, intrinsics, size, frame)
        self._points, self._cast_at = hit_points(samples, camera_to_world, intrinsics), frame
        return samples


def mark_helper(item: bpy.types.Object) -> None:
    """Say that an object only shows something: it is never measured."""
    item[HELPER] = True


def _cast(camera_to_world: Array, rays: _Rays, surfaces: "list[_Surface]", clip: Array) -> Array:
    """z-depth along each ray of a camera, NaN where none of the surfaces that count is seen."""
    turn = Matrix(camera_to_world[:3, :3].tolist())
    origin = Vector(camera_to_world[:3, 3].tolist())
    looking = _Looking(origin, list(map(matmul, repeat(turn), rays.directions)), rays.lengths, clip)
    counted = looking.nearest(surfaces, "counts")
    hiding = looking.nearest(surfaces, "hides")
    holes = np.flatnonzero(np.isnan(counted) & np.isnan(hiding))
    counted[hiding < counted] = np.nan
    counted[holes] = looking.only(holes).nearest(surfaces, "fills")
    return counted


class _Looking(NamedTuple):
    """Rays of a camera in the world, each as long as its z-depth is 1, and the z-depths between which it shows."""

    origin: Vector
    directions: list[Vector]
    lengths: Array
    clip: Array

    def only(self, chosen: NDArray[np.intp]) -> "_Looking":
        directions = [self.directions[ray] for ray in chosen]
        return self._replace(directions=directions, lengths=self.lengths[chosen])

    def nearest(self, surfaces: "list[_Surface]", role: _Role) -> Array:
        """z-depth of the first of the surfaces of a role along each ray, NaN where there is none."""
        start, end = self.clip
        found = np.full(len(self.directions), np.nan)
        for surface in surfaces:
            if surface.role != role:
                continue
            depth = self._hits(surface.tree, repeat(self.origin), self.directions) / self.lengths
            # Few rays meet something before the start of the range: those go on from there.
            near = np.flatnonzero(depth < start)
            if len(near):
                onwards = self.only(near)
                starts = [self.origin + ray * float(start) for ray in onwards.directions]
                depth[near] = start + self._hits(surface.tree, starts, onwards.directions) / onwards.lengths
            depth[depth > end] = np.nan
            found = np.fmin(found, depth)
        return found

    @staticmethod
    def _hits(tree: BVHTree, origins: Iterable[Vector], directions: list[Vector]) -> Array:
        # None, a miss, becomes NaN, which fmin steps over.
        return np.array(list(map(itemgetter(3), map(tree.ray_cast, origins, directions))), np.float64)


def hit_points(samples: DepthSamples, camera_to_world: Array, intrinsics: Array) -> Array:
    """Return where in the world the samples of a camera lie, (N, 3), without those that hit nothing."""
    pixels, depth = samples.pixels[samples.hit], samples.depth[samples.hit]
    in_camera = np.column_stack([(pixels - intrinsics[2:]) / intrinsics[:2], np.ones(len(pixels))]) * depth[:, None]
    return np.asarray(in_camera @ camera_to_world[:3, :3].T + camera_to_world[:3, 3])


def _reproject(
    points: Array, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], clip: Array
) -> DepthSamples:
    """Points of the world (N, 3) as samples of a camera: those within its clip range and in its picture."""
    in_camera = (points - camera_to_world[:3, 3]) @ camera_to_world[:3, :3]
    in_camera = in_camera[(in_camera[:, 2] > 0) & (in_camera[:, 2] >= clip[0]) & (in_camera[:, 2] <= clip[1])]
    pixels = in_camera[:, :2] / in_camera[:, 2:] * intrinsics[:2] + intrinsics[2:]
    inside = np.all((pixels >= 0) & (pixels < size), axis=1)
    return DepthSamples(pixels[inside], in_camera[inside, 2], np.ones(np.count_nonzero(inside), bool))
