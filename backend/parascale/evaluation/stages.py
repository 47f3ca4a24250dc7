"""Scenes of an evaluation: references filmed and solved, targets opened and looked at."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parascale.camera import Trajectory, View
from parascale.errors import InputError
from parascale.evaluation.methods import carry_over
from parascale.evaluation.plan import Plan
from parascale.evaluation.results import REFERENCES
from parascale.files.disk import make_folder
from parascale.files.shot_file import read_shot, write_shot
from parascale.parallax.gauge import scale_gauge
from parascale.parallax.shot import Shot
from parascale.solve import solve
from parascale.types import Progress

if TYPE_CHECKING:
    from parascale.blender.depth import SceneDepth

FPS = 16
# The depth pass is small, and looks at every so many frames of a path, and of a reference.
PASS_SIZE, EVERY, REFERENCE_EVERY = (208, 120), 8, 4
# References are tracked as well without antialiasing, at a little more than half the cost.
ANTIALIASING = "OFF"


@dataclass(frozen=True, eq=False)
class Reference:
    """A rendered move: as it is, and as it was solved, both in metres; or why it was not solved."""

    true: Shot
    solved: Shot | None
    reason: str = ""


@dataclass(frozen=True, eq=False)
class Stage:
    """A target scene: its Blender scene, its rays, and the camera that paths start from."""

    scene: Any
    depth: "SceneDepth"
    anchor: View


def clip_file(folder: Path, name: str, move: str) -> Path:
    """Give where the clip of a reference is kept."""
    return make_folder(folder / REFERENCES) / f"{name}-{move.replace(' ', '-')}.mp4"


def true_file(folder: Path, name: str, move: str) -> Path:
    """Give where a reference's true path and depth are kept."""
    return clip_file(folder, name, move).with_suffix(".true.shot.json")


def path_file(folder: Path, key: tuple[str, str, str]) -> Path:
    """Give where the path of a regime, move and method is kept, a shot file whose depths are what it truly sees."""
    return make_folder(folder / "paths") / ("-".join(key).replace(" ", "-") + ".shot.json")


def film_reference(name: str, move: str, plan: Plan, folder: Path, report: Progress) -> Reference:
    """Render a move in a scene and solve it, given its lens; what the folder already holds is not done again."""
    from parascale.blender.render import render_clip, static_z_medians
    from parascale.blender.scenes.moves import animate

    clip, kept = clip_file(folder, name, move), true_file(folder, name, move)
    solved_file = clip.with_suffix(".solved.shot.json")
    # The shot is written last: a clip without it was left half done.
    if not kept.is_file():
        report(0.0, "rendering")
        stage = open_stage(name, plan.size)
        trajectory = animate(stage.scene, move, plan.frames, FPS)
        render_clip(stage.scene, clip, plan.size, (1, plan.frames + 1), FPS, ANTIALIASING)
        path = Shot(clip.stem, FPS, trajectory, np.ones(plan.frames), unit="m")
        # Replayed in its own scene a path is itself: with felt parallax.
        measured = carry_over("raw", path, stage.depth, trajectory.view(0)).shot
        depth = static_z_medians(stage.scene, trajectory, range(0, plan.frames, REFERENCE_EVERY), PASS_SIZE)
        write_shot(replace(measured, trajectory=trajectory, median_depth=depth), kept)
    true = read_shot(kept)
    if not solved_file.is_file():
        lens = true.trajectory.intrinsics[0]
        try:
            solved = solve(
                clip, intrinsics=lens, threads=1, progress=lambda part, phase: report(0.8 + 0.2 * part, phase)
            )
        except InputError as error:
            return Reference(true, None, f"not solved: {error}")
        if len(solved) < len(true):
            told = "; ".join(notice.message for notice in solved.notices)
            return Reference(true, None, f"not solved whole, {len(solved)} of {len(true)} frames: {told}")
        # As large as a perfect metric depth of its frames would make it.
        scaled = scale_gauge(solved, math.exp(depth_gap(true, solved)))
        write_shot(replace(scaled, unit="m", metres_per_unit=1.0), solved_file)
    return Reference(true, read_shot(solved_file))


def open_stage(name: str, size: tuple[int, int]) -> Stage:
    """Build a scene in place of what is open in Blender, and gather its geometry."""
    from parascale.blender.camera import view_of_camera
    from parascale.blender.camera_track import clip_range
    from parascale.blender.depth import SceneDepth
    from parascale.blender.scenes.scenes_by_name import open_scene

    scene = open_scene(name, size)
    assert scene.camera is not None
    return Stage(scene, SceneDepth(scene, clip=clip_range(scene, scene.camera)), view_of_camera(scene, scene.camera))


class Stages:
    """Opens target scenes, one at a time."""

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size
        self._open: tuple[str, Stage] | None = None

    def open(self, name: str) -> Stage:
        """Give the scene of a name; the one that was open is gone."""
        if self._open is None or self._open[0] != name:
            self._open = name, open_stage(name, self._size)
        return self._open[1]


def see_depths(paths: Sequence[Shot], stage: Stage) -> list[Shot]:
    """Give paths the depths that they truly see, at every so many frames, NaN at the others.

    They are rendered as one animation: Cycles reads a scene once for all of them, which in the cosmos takes longer
    than eleven cameras of it do.
    """
    from parascale.blender.render import static_z_medians

    if not paths:
        return []
    cameras = [path.trajectory.camera_to_world[::EVERY] for path in paths]
    times = np.arange(sum(map(len, cameras)), dtype=np.float64)
    lenses = np.concatenate([path.trajectory.intrinsics[::EVERY] for path in paths])
    together = Trajectory(np.concatenate(cameras), lenses, times, *paths[0].trajectory.size)
    medians = static_z_medians(stage.scene, together, range(len(together)), PASS_SIZE)
    seen = []
    for path, own in zip(paths, np.split(medians, np.cumsum([len(each) for each in cameras])[:-1]), strict=True):
        depth = np.full(len(path), np.nan)
        depth[::EVERY] = own
        seen.append(replace(path, median_depth=depth))
    return seen


def depth_gap(reference: Shot, other: Shot) -> float:
    """ln(Z / Z'), median of the frames that steps start from: the log scale gap of the paper's Theorem 1."""
    ratio = np.log(reference.median_depth / other.median_depth)[:-1]
    known = ratio[~np.isnan(ratio)]
    return float(np.median(known)) if len(known) else math.nan
