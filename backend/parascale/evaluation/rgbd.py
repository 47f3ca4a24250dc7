"""A real scene filmed with depth as a target: one of its depth maps goes in, all of them together are the truth."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from parascale.camera import View
from parascale.errors import InputError
from parascale.evaluation.intervals import bootstrap_interval
from parascale.evaluation.methods import carry_over
from parascale.evaluation.plan import Plan, sides_of
from parascale.evaluation.results import mean, median
from parascale.evaluation.stages import EVERY, film_reference
from parascale.evaluation.tables import Cell, Table, show_with_interval
from parascale.media.depth_file import read_depth_map
from parascale.parallax.depth_source import DepthSamples
from parascale.parallax.metrics import compare
from parascale.parallax.number import area_median
from parascale.parallax.shot import Shot
from parascale.projection.depth_map import DepthMapSource
from parascale.types import Array, DepthMap, Progress

# The lens of the 7-Scenes data set, at 640x480: fx, fy, cx, cy.
LENS, SIZE = (585.0, 585.0, 320.0, 240.0), (640, 480)
# Maps of a sequence that are put together, at most.
MAX_MAPS = 16
# Surfaces that maps see within this depth ratio of the nearest are one; what is farther is hidden by it.
TOGETHER = 1.05
# A frame of a path is measured where the maps cover this share of it.
MIN_COVERED = 0.5
METHODS = ("closed-loop", "shot", "static", "global")


@dataclass(frozen=True, eq=False)
class DepthSequence:
    """Depth maps (h, w) in metres, each with the camera that saw it; 0 where nothing was measured."""

    views: tuple[View, ...]
    maps: tuple[DepthMap, ...]


def read_sequence(folder: Path) -> DepthSequence:
    """Read a sequence laid out as 7-Scenes is.

    ``NAME.depth.png`` is in millimetres, ``NAME.pose.txt`` holds its camera-to-world matrix in metres. A file
    ``intrinsics.txt`` of fx, fy, cx, cy in pixels stands for another lens than that data set's.

    Raises
    ------
    InputError
        Where there are fewer than two maps, or a file is missing or no pose.
    """
    files = sorted(folder.glob("*.depth.png"))
    if len(files) < 2:
        raise InputError(f"{folder} holds {len(files)} depth maps NAME.depth.png, and two are needed")
    chosen = [files[number] for number in np.unique(np.linspace(0, len(files) - 1, MAX_MAPS).round().astype(int))]
    lens = _numbers(folder / "intrinsics.txt", 4) if (folder / "intrinsics.txt").is_file() else np.array(LENS)
    views, maps = [], []
    for file in chosen:
        depth = read_depth_map(file).depth
        pose = _numbers(file.with_name(file.name.replace(".depth.png", ".pose.txt")), 16).reshape(4, 4)
        # 65535 is 7-Scenes' mark of what was not measured.
        maps.append(np.where(depth > 65.0, np.float32(0), depth))
        views.append(View(pose, lens, depth.shape[1], depth.shape[0]))
    return DepthSequence(tuple(views), tuple(maps))


def _numbers(path: Path, count: int) -> Array:
    try:
        found = np.array(path.read_text("utf-8").split(), np.float64)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} cannot be read as numbers: {error}") from error
    if len(found) != count:
        raise InputError(f"{path} holds {len(found)} numbers, expected {count}")
    return found


class FusedDepth:
    """What several depth maps show together from any camera: a `parascale.parallax.depth_source.DepthSource`.

    Where none of them measured anything there is no hit.
    """

    def __init__(self, sequence: DepthSequence) -> None:
        self._sources = [
            DepthMapSource(depth, view, continued=False)
            for depth, view in zip(sequence.maps, sequence.views, strict=True)
        ]

    def __call__(self, camera_to_world: Array, intrinsics: Array, size: tuple[int, int], frame: int) -> DepthSamples:
        """See `parascale.parallax.depth_source.DepthSource`."""
        seen = [source(camera_to_world, intrinsics, size, frame) for source in self._sources]
        depths = np.array([np.where(one.hit, one.depth, np.inf) for one in seen])
        hit = np.isfinite(depths).any(axis=0)
        nearest = depths.min(axis=0)
        same = np.where(depths <= TOGETHER * nearest, depths, np.nan)
        depth = np.ones(len(hit))
        depth[hit] = np.nanmedian(same[:, hit], axis=0)
        return DepthSamples(seen[0].pixels, depth, hit)


def see_fused(path: Shot, truth: FusedDepth) -> tuple[Shot, float]:
    """Give a path the depths it truly sees, NaN where the maps cover too little; and how much they cover, mean."""
    depth, covered = np.full(len(path), math.nan), []
    for frame in range(0, len(path), EVERY):
        camera = path.trajectory.view(frame)
        seen = truth(camera.camera_to_world, camera.intrinsics, camera.size, frame)
        covered.append(float(np.mean(seen.hit)))
        if covered[-1] >= MIN_COVERED:
            depth[frame] = area_median(seen.depth[seen.hit])
    return replace(path, median_depth=depth), float(np.mean(covered))


def rgbd_study(plan: Plan, folder: Path, sequence: DepthSequence, progress: Progress) -> Table:
    """Carry the solved references of a plan over to the first depth map of a real scene, by every method."""
    truth, anchor = FusedDepth(sequence), sequence.views[0]
    target = DepthMapSource(sequence.maps[0], anchor)
    methods = [method for method in METHODS if method in plan.methods]
    pairs = list(product(dict.fromkeys(sides_of(regime)[0] for regime in plan.regimes), plan.moves))
    found: list[tuple[str, float, float]] = []
    for number, (source, move) in enumerate(pairs):
        progress(number / len(pairs), f"{source}, {move}: a real scene")
        reference = film_reference(source, move, plan, folder, lambda _part, _phase: None)
        found += [
            (method, *_measure(method, reference.solved, reference.true, target, anchor, truth)) for method in methods
        ]
    return rgbd_table(found)


def _measure(
    method: str, solved: Shot | None, true: Shot, target: DepthMapSource, anchor: View, truth: FusedDepth
) -> tuple[float, float]:
    if solved is None:
        return math.nan, math.nan
    try:
        path = carry_over(method, solved, target, anchor).shot
    except InputError:
        return math.nan, math.nan
    measured, covered = see_fused(path, truth)
    return compare(measured, true).pce, covered


def rgbd_table(found: Sequence[tuple[str, float, float]]) -> Table:
    """Sum up rows of method, PCE and coverage."""
    rows: list[tuple[Cell, ...]] = []
    for method in dict.fromkeys(method for method, *_ in found):
        errors = [pce for name, pce, _ in found if name == method]
        rows.append(
            (
                method,
                show_with_interval(mean(errors), bootstrap_interval(errors)),
                median(errors),
                max((error for error in errors if not math.isnan(error)), default=math.nan),
                mean(covered for name, _, covered in found if name == method),
                f"{sum(map(math.isnan, errors))} of {len(errors)}",
            )
        )
    return Table(
        "rgbd",
        "In a real scene, from one depth map",
        "PCE of the path against the true reference. The target is known by one depth map of an RGB-D sequence; the"
        " truth is what all maps of the sequence show together, in frames of which they cover at least half.",
        ("method", "PCE, mean [95 %]", "median", "largest", "covered", "not measured"),
        tuple(rows),
    )
