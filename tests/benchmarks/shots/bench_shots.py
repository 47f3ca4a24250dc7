"""A matrix of references and targets: what verbatim, framed and global do to a shot beside its Parallax Number.

References are the eight moves, each filmed in a scene of its own with its subject tracked, and those of the folder
named by --references: its shot files, and the clips of ``shot_clips.py`` where it is ../shared/data. Targets are those
of ``shot_targets.py``; the subject there is what stands at the reference's place in the scene camera's picture. Writes
``shots.json``, ``shots.md`` and, with --pictures, contact sheets: a row a method, with first, middle and last frame.

Run: python tests/benchmarks/shots/bench_shots.py -o DIR [--references DIR] [--pictures] [--only TARGET ...]
"""

import argparse
import json
import math
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="parascale-bench-"))
sys.path.insert(0, str(Path(__file__).parent))

import bpy
import numpy as np
from shot_clips import read_references
from shot_targets import TARGETS, open_target

from parascale.blender.camera import view_of_camera
from parascale.blender.camera_track import clip_range
from parascale.blender.depth import SceneDepth
from parascale.blender.scenes.moves import MOVES, animate
from parascale.blender.scenes.scenes_by_name import open_scene
from parascale.blender.untyped import camera_data, untyped
from parascale.errors import InputError
from parascale.files.fit import measure_parallax
from parascale.parallax.calibrate import Calibration, Settings, calibrate
from parascale.parallax.composition import TargetFacts
from parascale.parallax.lead import track_point
from parascale.parallax.shot import Shot
from parascale.parallax.subject import Up

SIZE, FRAMES, FPS, GRID = (640, 360), 33, 16, (32, 18)

# Where each move is filmed.
HOMES = {
    "arc": "cosmos",
    "dolly in": "street",
    "dolly out": "room",
    "truck": "street",
    "crane": "cosmos",
    "orbit": "desk",
    "handheld": "room",
    "compound": "desk",
}

SETTINGS = {
    "verbatim": Settings.verbatim(),
    "framed": Settings.verbatim(framing=1.0),
    "framed, horizon": Settings.verbatim(framing=1.0, horizon="keep"),
    "shot": Settings.preset("shot"),
    "shot, optimised": Settings.preset("shot", solver="optimise"),
    "global": Settings.verbatim("global"),
}


@dataclass(frozen=True)
class Row:
    """What one method did to one pair; None where undefined."""

    reference: str
    target: str
    method: str
    held: float | None = None
    distance: float | None = None
    roll: float | None = None
    crossings: int = 0
    clearance: float | None = None
    pce: float | None = None
    rot_err: float | None = None
    jump: float | None = None
    standing: int = 0
    held_back: int = 0
    bend: float = 0.0
    empty: bool = False
    seconds: float = 0.0
    gap: float | None = None
    solver: str = ""
    reason: str = ""


def film(move: str, frames: int = FRAMES, fps: float = FPS) -> Shot:
    """Film a move in its scene: path, depth and subject are exact."""
    scene = open_scene(HOMES[move], SIZE)
    camera = scene.camera
    assert camera is not None
    start = view_of_camera(scene, camera)
    distance = untyped(camera_data(camera).dof).focus_distance
    subject = start.camera_to_world[:3, 3] + distance * start.camera_to_world[:3, 2]
    path = animate(scene, move, frames, fps)
    depth = SceneDepth(scene, GRID, clip=clip_range(scene, camera))
    shot = Shot(move, fps, path, np.ones(len(path)), unit="m", up=Up(np.array([0.0, 0.0, 1.0]), 1.0, "known"))
    track = track_point(path, subject, "subject")
    return measure_parallax(Shot(**(vars(shot) | {"subjects": (track,)})), depth)


def open_stage(target: str, frames: int = FRAMES) -> tuple[bpy.types.Scene, SceneDepth]:
    """Build a target and gather it, at the frames of the shot."""
    scene = open_target(target, SIZE)
    assert scene.camera is not None
    return scene, SceneDepth(scene, GRID, frames=1.0 + np.arange(frames), clip=clip_range(scene, scene.camera))


def rows(shots: list[Shot], targets: list[str], folder: Path, *, pictures: bool) -> Iterator[Row]:
    """Carry every shot into every target by every method."""
    for target in targets:
        scene, depth = open_stage(target, max(map(len, shots)))
        assert scene.camera is not None
        anchor = view_of_camera(scene, scene.camera)
        facts = TargetFacts((0, 0, 1), surroundings=depth)
        for shot in shots:
            results: dict[str, Calibration] = {}
            for name, settings in SETTINGS.items():
                start = time.thread_time()
                try:
                    results[name] = calibrate(shot, depth, anchor, settings, unit="m", facts=facts)
                except InputError as error:
                    yield Row(shot.name, target, name, reason=str(error))
                    continue
                yield _row(shot, target, name, results[name], depth, time.thread_time() - start)
            if pictures:
                from shot_pictures import contact_sheet

                contact_sheet(scene, results, folder / f"{target}-{shot.name.replace(' ', '-')}.png")


def _row(shot: Shot, target: str, name: str, result: Calibration, depth: SceneDepth, seconds: float) -> Row:
    report, path = result.report, result.shot
    nearest = depth.nearest_surface(path.trajectory.centres) / path.median_depth
    figures = {
        "held": report.subject_held,
        "distance": report.subject_distance,
        "roll": report.roll_error,
        "clearance": float(np.nanmin(nearest)) if np.isfinite(nearest).any() else math.nan,
        "pce": report.pce,
        "rot_err": report.rot_err,
        "jump": report.largest_jump,
        "gap": report.closing_gap,
    }
    return Row(
        shot.name,
        target,
        name,
        **{key: None if math.isnan(value) else round(value, 5) for key, value in figures.items()},
        crossings=len(report.crossings),
        standing=len(report.standing_frames),
        held_back=len(report.held_back_frames),
        bend=round(report.largest_bend, 1),
        empty=report.last_frame_empty,
        solver=report.solver,
        seconds=round(seconds, 3),
    )


def summary(found: list[Row]) -> str:
    """Give the table of methods, over all pairs, and the worst pairs of the last method but one."""
    lines = [
        "| method | pairs | held: mean | held < 95 % | roll > 1 deg | crossing | PCE mean | PCE max | RotErr mean | "
        "jump > 5 % | stand still | held back | bent > 35 deg | end empty | optimised | s |",
        "| --- |" + " --- |" * 15,
    ]
    for name in SETTINGS:
        own = [row for row in found if row.method == name and not row.reason]
        if not own:
            continue

        def known(key: str, own: list[Row] = own) -> np.ndarray:
            return np.array([getattr(row, key) for row in own if getattr(row, key) is not None])

        held, roll, pce, jump = known("held"), known("roll"), known("pce"), known("jump")
        counts = (
            int(np.sum(held < 0.95)),
            int(np.sum(roll > 1)),
            sum(row.crossings > 0 for row in own),
        )
        lines.append(
            f"| {name} | {len(own)} | {100 * held.mean():.0f} % | {counts[0]} | {counts[1]} | {counts[2]} | "
            f"{pce.mean():.3f} | {pce.max():.2f} | {known('rot_err').mean():.1f} | {int(np.sum(jump > 0.0501))} | "
            f"{sum(row.standing > 0 for row in own)} | {sum(row.held_back > 0 for row in own)} | "
            f"{sum(row.bend > 35 for row in own)} | "
            f"{sum(row.empty for row in own)} | {sum(row.solver == 'optimise' for row in own)} | "
            f"{np.mean([row.seconds for row in own]):.2f} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    """Run the matrix and write what came of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path(tempfile.gettempdir()) / "parascale-shots")
    parser.add_argument("--references", type=Path, help="folder of shot files, or of the test data")
    parser.add_argument("--pictures", action="store_true")
    parser.add_argument("--only", nargs="*", default=list(TARGETS))
    parser.add_argument("--moves", nargs="*", default=list(MOVES), help="none where only shot files count")
    given = parser.parse_args()
    given.output.mkdir(parents=True, exist_ok=True)
    shots = [film(move) for move in given.moves]
    if given.references is not None:
        shots += read_references(given.references, given.output / "solved")
    found = []
    for row in rows(shots, given.only, given.output, pictures=given.pictures):
        found.append(row)
        print(
            f"{row.reference:24} {row.target:9} {row.method:16} held {row.held} roll {row.roll} pce {row.pce} "
            f"rot {row.rot_err} jump {row.jump} cross {row.crossings} back {row.held_back} bend {row.bend} "
            f"stand {row.standing} near {row.clearance} empty {row.empty} {row.solver} {row.seconds} s {row.reason}",
            flush=True,
        )
    (given.output / "shots.json").write_text(json.dumps([asdict(row) for row in found], indent=1))
    (given.output / "shots.md").write_text(summary(found))
    print(summary(found))


if __name__ == "__main__":
    main()
