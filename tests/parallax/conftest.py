"""Scenes known in closed form, traced with NumPy, and shots filmed in them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import settings
from scipy.spatial.transform import Rotation

from parascale.camera import Trajectory, View
from parascale.parallax.depth_source import DepthSamples, pixel_grid
from parascale.parallax.number import felt_per_unit_step, median_depth
from parascale.parallax.shot import Shot

# A busy machine is no reason to fail.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

LENS = np.array([500.0, 500.0, 320.0, 180.0])
SIZE = (640, 360)


@dataclass(frozen=True)
class TracedScene:
    """Planes n.x = h and spheres (centre, radius), y down; a depth source.

    ``scale`` is the size of the world's unit: the same scene in units 1 / scale as long.
    """

    planes: tuple[tuple[tuple[float, float, float], float], ...] = ()
    spheres: tuple[tuple[tuple[float, float, float], float], ...] = ()
    grid: tuple[int, int] = (32, 18)
    scale: float = 1.0

    def __call__(
        self, camera_to_world: np.ndarray, intrinsics: np.ndarray, size: tuple[int, int], frame: int
    ) -> DepthSamples:
        pixels = pixel_grid(size, self.grid)
        rays = np.column_stack([(pixels - intrinsics[2:]) / intrinsics[:2], np.ones(len(pixels))])
        depth = self.depth(camera_to_world, rays)
        return DepthSamples(pixels, depth, np.isfinite(depth))

    def depth(self, camera_to_world: np.ndarray, rays: np.ndarray) -> np.ndarray:
        """z-depth along camera rays with z = 1, inf where they meet nothing."""
        origin, directions = camera_to_world[:3, 3] / self.scale, rays @ camera_to_world[:3, :3].T
        nearest = np.full(len(rays), np.inf)
        with np.errstate(divide="ignore", invalid="ignore"):
            for normal, height in self.planes:
                z = (height - origin @ normal) / (directions @ normal)
                nearest = np.where((z > 1e-9) & (z < nearest), z, nearest)
            for centre, radius in self.spheres:
                towards = np.array(centre) - origin
                a, b = np.sum(directions**2, axis=1), directions @ towards
                z = (b - np.sqrt(b**2 - a * (towards @ towards - radius**2))) / a
                nearest = np.where((z > 1e-9) & (z < nearest), z, nearest)
        return nearest * self.scale


@pytest.fixture(scope="session")
def traced() -> type[TracedScene]:
    return TracedScene


@pytest.fixture(scope="session")
def room() -> TracedScene:
    """A floor, a far wall, a ceiling and three balls: surface in every direction one can look in."""
    walls = (((0.0, 1.0, 0.0), 1.6), ((0.0, 0.0, 1.0), 9.0), ((0.0, -1.0, 0.0), 3.0), ((0.0, 0.0, -1.0), 9.0))
    sides = (((1.0, 0.0, 0.0), 8.0), ((-1.0, 0.0, 0.0), 8.0))
    return TracedScene(walls + sides, (((0.5, 0.6, 4.0), 1.0), ((-2.0, 1.0, 5.5), 0.6), ((1.5, 1.1, 2.5), 0.4)))


@pytest.fixture(scope="session")
def anchor() -> View:
    """A camera in the room, turned and tilted."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("yx", [10, -5], degrees=True).as_matrix()
    pose[:3, 3] = [-0.3, 0.2, -0.5]
    return View(pose, LENS, *SIZE)


@pytest.fixture(scope="session")
def path() -> Callable[..., Trajectory]:
    """Random smooth moves: every seed another, ``reach`` long, turning as it goes."""

    def build(seed: int, count: int = 12, reach: float = 1.0, turn: float = 0.3, lens: np.ndarray = LENS) -> Trajectory:
        generator = np.random.default_rng(seed)
        time = np.linspace(0, 1, count)[:, None]
        poses = np.tile(np.eye(4), (count, 1, 1))
        waves = generator.normal(size=(2, 2, 3))
        poses[:, :3, 3] = generator.normal(size=3) + reach * (time * waves[0, 0] + 0.3 * np.sin(4 * time) * waves[0, 1])
        rotation = Rotation.from_rotvec(turn * (time * waves[1, 0] + np.sin(3 * time) * waves[1, 1]))
        poses[:, :3, :3] = (Rotation.random(random_state=seed) * rotation).as_matrix()
        return Trajectory(poses, lens, np.arange(count) / 24, *SIZE)

    return build


@pytest.fixture(scope="session")
def straight() -> Callable[..., Trajectory]:
    """An unturned camera that travels ``reach`` along one direction of its own."""

    def build(direction: list[float], count: int = 12, reach: float = 1.0) -> Trajectory:
        poses = np.tile(np.eye(4), (count, 1, 1))
        unit = np.array(direction) / np.linalg.norm(direction)
        poses[:, :3, 3] = reach * np.linspace(0, 1, count)[:, None] ** 1.3 * unit
        return Trajectory(poses, LENS, np.arange(count) / 24, *SIZE)

    return build


@pytest.fixture(scope="session")
def film() -> Callable[..., Shot]:
    """Measure a path through a scene, as a perfect solve would."""

    def measure(path: Trajectory, scene: TracedScene, **facts: object) -> Shot:
        samples = [scene(path.camera_to_world[t], path.intrinsics[t], path.size, t) for t in range(len(path))]
        felt = np.zeros(len(path) - 1)
        for t, step in enumerate(path.baselines):
            length = np.linalg.norm(step)
            if length > 0:
                direction = path.rotations[t].T @ step / length
                felt[t] = length * felt_per_unit_step(direction, samples[t], path.intrinsics[t])
        depth = np.array([median_depth(sample) for sample in samples])
        return Shot("filmed", 24, path, depth, felt_parallax=felt, **facts)

    return measure


@pytest.fixture(scope="session")
def imagined() -> Callable[..., Shot]:
    """Give a path a plausible depth without any scene: smooth, positive, another for every seed."""

    def build(path: Trajectory, seed: int = 0, **facts: object) -> Shot:
        generator = np.random.default_rng([seed, 1])
        phase, depth = generator.uniform(0, 6), generator.uniform(0.5, 20)
        ratio = generator.uniform(0.6, 1.4, len(path) - 1)
        shot = Shot("imagined", 24, path, depth * np.exp(0.5 * np.sin(np.linspace(phase, phase + 3, len(path)))))
        felt = ratio * shot.parallax_number
        return Shot("imagined", 24, path, shot.median_depth, felt_parallax=felt, **facts)

    return build


@pytest.fixture(scope="session")
def orbit() -> Callable[..., Shot]:
    """Orbit the origin at radius and depth 5, looking inwards; ``duration`` in seconds, ``angle`` in radians."""

    def build(count: int, duration: float = 4.0, angle: float = 2 * np.pi) -> Shot:
        turned = np.linspace(0, angle, count)
        poses = np.tile(np.eye(4), (count, 1, 1))
        poses[:, :3, :3] = Rotation.from_euler("y", turned[:, None]).as_matrix()
        poses[:, 0, 3], poses[:, 2, 3] = -5 * np.sin(turned), -5 * np.cos(turned)
        path = Trajectory(poses, LENS, np.linspace(0, duration, count), *SIZE)
        return Shot("orbit", (count - 1) / duration, path, np.full(count, 5.0))

    return build


@pytest.fixture(scope="session")
def moving() -> Callable[..., Shot]:
    """Give centres (T, 3) and what else is known at a frame rate of 24."""

    def build(centres: object, depth: object = 2.0, rotations: object = None, **facts: object) -> Shot:
        centres = np.asarray(centres, np.float64)
        poses = np.tile(np.eye(4), (len(centres), 1, 1))
        poses[:, :3, 3] = centres
        if rotations is not None:
            poses[:, :3, :3] = rotations
        path = Trajectory(poses, LENS, np.arange(len(centres)) / 24, *SIZE)
        return Shot("moving", 24, path, np.broadcast_to(depth, len(centres)), **facts)

    return build
