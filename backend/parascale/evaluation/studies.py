"""Studies beside the table of methods: depth that is off, and felt parallax against flow."""

import json
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from parascale.camera import Trajectory
from parascale.evaluation.depth_errors import ASKED, depth_error_table, measure_depth_errors
from parascale.evaluation.fingerprint import fingerprint_of
from parascale.evaluation.plan import Plan, sides_of
from parascale.evaluation.results import median
from parascale.evaluation.stages import REFERENCE_EVERY, Stages, clip_file, film_reference
from parascale.evaluation.tables import Table, from_json, to_plain
from parascale.files.disk import read_text, replace_files
from parascale.media.frames import read_frames
from parascale.parallax.depth_source import DepthSource
from parascale.parallax.shot import Shot
from parascale.types import Array, Progress

# Pairs and moves of the depth study: a carry-over down, up and to the like, a move along, across and around.
DEPTH_REGIMES = ("cosmos-desk", "street-room", "room-street", "desk-cosmos")
DEPTH_MOVES = ("dolly in", "truck", "orbit")
# Steps of a clip whose flow is looked at.
FLOW_STEPS = 8
# Grid of rays of the depth study.
GRID = (32, 18)


def run_studies(plan: Plan, folder: Path, progress: Progress) -> list[Table]:
    """Run both studies of a plan, or give what the folder holds of them.

    Raises
    ------
    InputError
        Where a clip cannot be read, or the folder not be written.
    """
    kept = folder / "studies.json"
    stamp = {
        "program": fingerprint_of(__name__),
        "frames": plan.frames,
        "size": list(plan.size),
        **{name: list(getattr(plan, name)) for name in ("regimes", "methods", "moves")},
    }
    if kept.is_file():
        held = json.loads(read_text(kept))
        if held["stamp"] == stamp:
            return [from_json(table) for table in held["tables"]]
    tables = [
        depth_error_study(plan, folder, lambda part, phase: progress(0.7 * part, phase)),
        flow_study(plan, folder, lambda part, phase: progress(0.7 + 0.3 * part, phase)),
    ]
    document = {"stamp": stamp, "tables": [to_plain(table) for table in tables]}
    replace_files({kept: (json.dumps(document, indent=1, allow_nan=False) + "\n").encode()})
    return tables


def depth_error_study(plan: Plan, folder: Path, progress: Progress) -> Table:
    """Carry true references over to depths that are off; what the folder already holds is not done again."""
    pairs = list(
        product(
            [regime for regime in DEPTH_REGIMES if regime in plan.regimes] or plan.regimes[:1],
            [move for move in DEPTH_MOVES if move in plan.moves] or plan.moves[:1],
        )
    )
    methods = [method for method in ASKED if method in plan.methods]
    pairs.sort(key=lambda pair: sides_of(pair[0])[1])
    references = {
        (source, move): film_reference(source, move, plan, folder, lambda _part, _phase: None).true
        for source, move in sorted({(sides_of(regime)[0], move) for regime, move in pairs})
    }
    stages = Stages(plan.size)
    found: list[tuple[str, str, float, float]] = []
    for number, (regime, move) in enumerate(pairs):
        progress(number / len(pairs), f"{regime}, {move}: depth that is off")
        source, target = sides_of(regime)
        stage = stages.open(target)
        stage.depth.grid = GRID
        found += measure_depth_errors(methods, leave_out(references[source, move]), stage.depth, stage.anchor)
    return depth_error_table(found)


def leave_out(shot: Shot, every: int = REFERENCE_EVERY) -> Shot:
    """Take one frame in so many of a true shot, whose depth is known there; what is felt adds up."""
    path, last = shot.trajectory, (len(shot) - 1) // every * every
    thinned = Trajectory(
        path.camera_to_world[: last + 1 : every],
        path.intrinsics[: last + 1 : every],
        path.times[: last + 1 : every],
        *path.size,
    )
    felt = shot.felt_parallax
    return Shot(
        shot.name,
        shot.fps / every,
        thinned,
        shot.median_depth[: last + 1 : every],
        unit=shot.unit,
        metres_per_unit=shot.metres_per_unit,
        felt_parallax=None if felt is None else felt[:last].reshape(-1, every).sum(axis=1),
    )


def flow_study(plan: Plan, folder: Path, progress: Progress) -> Table:
    """Hold the felt parallax of true references against flow: exact from their depth, and measured on their pixels."""
    sources = list(dict.fromkeys(sides_of(regime)[0] for regime in plan.regimes))
    stages = Stages(plan.size)
    ratios: list[tuple[float, float]] = []
    pairs = list(product(sources, plan.moves))
    trues = {pair: film_reference(*pair, plan, folder, lambda _part, _phase: None).true for pair in pairs}
    for number, (source, move) in enumerate(pairs):
        progress(number / len(pairs), f"{source}, {move}: flow")
        clip = clip_file(folder, source, move)
        ratios.append(_flow_ratios(trues[source, move], clip, stages.open(source).depth))
    exact, measured = ([pair[column] for pair in ratios] for column in (0, 1))
    near = sum(abs(value - 1) < 0.05 for value in measured)
    return Table(
        "flow",
        "Felt parallax against flow",
        "phi of the true reference as a share of the flow that the camera's travel makes, medians over the steps:"
        " exact, from rays and both cameras; and measured on the pixels (dense flow, turned back by the true rotation)."
        f" Medians {median(exact):.3f} and {median(measured):.3f}; measured within 5 % on {near} of {len(ratios)}.",
        ("clip", "phi / exact flow", "phi / measured flow"),
        tuple((f"{source}, {move}", *pair) for (source, move), pair in zip(pairs, ratios, strict=True)),
    )


def _flow_ratios(true: Shot, clip: Path, depth: DepthSource) -> tuple[float, float]:
    assert true.felt_parallax is not None
    steps = np.unique(np.linspace(0, len(true) - 2, FLOW_STEPS).round().astype(int)).tolist()
    pictures = {frame.number: frame.picture for frame in read_frames(clip, sorted({*steps, *(s + 1 for s in steps)}))}
    exact, measured = [], []
    for step in steps:
        if not true.felt_parallax[step] > 0:
            continue
        place, flow = _exact_flow(true.trajectory, depth, step)
        exact.append(true.felt_parallax[step] / float(np.median(np.linalg.norm(flow, axis=1))))
        seen = _measured_flow(true.trajectory, step, place, (pictures[step], pictures[step + 1]))
        measured.append(true.felt_parallax[step] / float(np.median(np.linalg.norm(seen, axis=1))))
    return median(exact), median(measured)


def _exact_flow(path: Trajectory, depth: DepthSource, step: int) -> tuple[Array, Array]:
    """Pixels (N, 2) that see a surface, and how they move in normalised coordinates by the camera's travel alone."""
    pose, lens = path.camera_to_world[step], path.intrinsics[step]
    seen = depth(pose, lens, path.size, step)
    pixels, z = seen.pixels[seen.hit], seen.depth[seen.hit]
    rays = np.column_stack([(pixels - lens[2:]) / lens[:2], np.ones(len(pixels))])
    moved = rays * z[:, None] - pose[:3, :3].T @ path.baselines[step]
    return pixels, moved[:, :2] / moved[:, 2:] - rays[:, :2]


def _measured_flow(path: Trajectory, step: int, pixels: Array, pictures: Sequence[NDArray[np.uint8]]) -> Array:
    """Measure the same on two pictures, by dense flow; the true rotation is taken out."""
    import cv2

    first, second = (cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2GRAY) for picture in pictures)
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM).calc(
        first, second, np.zeros((*first.shape, 2), np.float32)
    )
    column, row = (np.clip(pixels[:, i].astype(int), 0, path.size[i] - 1) for i in (0, 1))
    lens, after = path.intrinsics[step], path.intrinsics[step + 1]
    there = (pixels + flow[row, column] - after[2:]) / after[:2]
    turned = np.column_stack([there, np.ones(len(there))]) @ (path.rotations[step].T @ path.rotations[step + 1]).T
    found: Array = turned[:, :2] / turned[:, 2:] - (pixels - lens[2:]) / lens[:2]
    return found
