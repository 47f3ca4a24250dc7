"""How faithful camera-motion transfer is, method by method, between scenes of other scales whose geometry is known.

A move is rendered in one scene and solved from its pixels, given the lens; every method carries it over to another
scene; what the path found there does is measured by a depth pass that shares nothing with the rays of the
calibration, and held against the true path and depth of the reference. Asked to, a video is made along that path too,
solved, and held against the solved reference.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

import numpy as np

from parascale.errors import InputError
from parascale.evaluation.fingerprint import digest_of, fingerprint_of, generator_libraries
from parascale.evaluation.methods import CANNOT_BE_ASKED, Carried, carry_over
from parascale.evaluation.plan import RENDER, Plan, sides_of
from parascale.evaluation.probe import Make
from parascale.evaluation.results import Row, claim_folder, read_rows, write_rows
from parascale.evaluation.stages import (
    EVERY,
    FPS,
    Reference,
    Stage,
    Stages,
    clip_file,
    depth_gap,
    film_reference,
    path_file,
    see_depths,
)
from parascale.evaluation.verify import verify
from parascale.files.disk import make_folder
from parascale.files.shot_file import write_shot
from parascale.generators.profile import profile_of, profile_to_json
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.parameters import resolve_parameters
from parascale.parallax.calibration_report import CalibrationReport
from parascale.parallax.gauge import to_unit_depth
from parascale.parallax.metrics import compare
from parascale.parallax.shot import Shot
from parascale.retime import fit_to_training
from parascale.types import Progress

# Part of the progress that rendering and solving the references takes.
REFERENCES_SHARE = 0.4
# Part of a move's progress that carrying it over takes; the rest is videos, where there are any.
CARRYING_SHARE = 0.3
# The method that is also held to what it reaches from the true reference.
FROM_TRUTH = "closed-loop"
_FROM_TRUE = "from the true reference"


@dataclass(frozen=True, eq=False)
class _Job:
    """A plan, where its results go, and who makes its videos."""

    plan: Plan
    folder: Path
    make: Make | None


def evaluate(plan: Plan, folder: Path, make: Make | None, progress: Progress) -> list[Row]:
    """Evaluate a plan; what the folder already holds of it is not done again.

    Parameters
    ----------
    plan : Plan
    folder : Path
        Holds clips, shots and ``results.json``, written after every move.
    make : callable or None
        Has a generator answer a request, its files put into a folder; needed where the plan names one.
    progress : callable
        Takes the fraction done and the phase.

    Returns
    -------
    list of Row
        Of this plan, in its order.

    Raises
    ------
    InputError
        Where the folder holds rows of other settings or another program, or references without rows, or cannot be
        written, or the generator fails.
    """
    stamp = stamp_of(plan)
    known = {row.key: row for row in claim_folder(folder, stamp)}
    job = _Job(plan, folder, make)
    missing = {
        pair: [method for method in plan.methods if (*pair, method) not in known]
        for pair in product(plan.regimes, plan.moves)
    }
    references = _film_references(job, [pair for pair, methods in missing.items() if methods], progress)
    # A target at a time: its scene is built once.
    pairs = sorted((pair for pair, methods in missing.items() if methods), key=lambda pair: sides_of(pair[0])[1])
    stages = Stages(plan.size)
    for number, (regime, move) in enumerate(pairs):

        def report(part: float, phase: str, number: int = number, what: str = f"{regime}, {move}") -> None:
            progress(REFERENCES_SHARE + (1 - REFERENCES_SHARE) * (number + part) / len(pairs), f"{what}: {phase}")

        source, target = sides_of(regime)
        reference = references[source, move]
        for row in _rows(job, (regime, move), missing[regime, move], reference, stages.open(target), report):
            known[row.key] = row
        # Another run into the same folder may have written meanwhile.
        known = {row.key: row for row in read_rows(folder, stamp)} | known
        write_rows(folder, stamp, [known[key] for key in sorted(known)])
    return [known[key] for key in product(plan.regimes, plan.moves, plan.methods)]


def stamp_of(plan: Plan) -> dict[str, object]:
    """Give what has to be the same for rows of two plans to go together: settings, and the program that measures."""
    return {
        "frames": plan.frames,
        "size": list(plan.size),
        "generator": plan.generator,
        **_program_of(plan),
    }


def _program_of(plan: Plan) -> dict[str, str]:
    """Give fingerprints of the program, and of the generator where the plan asks one."""
    if plan.generator is None or plan.generator == RENDER:
        return {"program": fingerprint_of(__name__)}
    from parascale.generators import GENERATORS

    # Generators are found when the program runs, no import names them.
    module = type(GENERATORS[plan.generator]).__module__
    return {
        "program": fingerprint_of(__name__, module),
        "libraries": generator_libraries(),
        "profile": _profile_digest(plan.generator),
    }


def _profile_digest(generator: str) -> str:
    """Give a fingerprint of the profile in use, shipped or the user's own: it scales the path that a model is given."""
    try:
        return digest_of(profile_to_json(profile_of(generator)))
    except InputError:  # a generator that needs none may have none
        return "absent"


def _film_references(
    job: _Job, pairs: Sequence[tuple[str, str]], progress: Progress
) -> dict[tuple[str, str], Reference]:
    wanted = sorted({(sides_of(regime)[0], move) for regime, move in pairs})
    found = {}
    for number, (name, move) in enumerate(wanted):

        def report(part: float, phase: str, number: int = number, what: str = f"{name}, {move}") -> None:
            progress(REFERENCES_SHARE * (number + part) / len(wanted), f"{what}: {phase}")

        found[name, move] = film_reference(name, move, job.plan, job.folder, report)
    return found


def _rows(
    job: _Job,
    pair: tuple[str, str],
    methods: Sequence[str],
    reference: Reference,
    stage: Stage,
    report: Progress,
) -> Iterator[Row]:
    rows = [Row(*pair, method) for method in methods]
    solved = reference.solved
    if solved is None:
        yield from (replace(row, reason=reference.reason) for row in rows)
        return
    carried: dict[str, Carried | InputError] = {}
    for number, method in enumerate(methods):
        report(CARRYING_SHARE * number / len(methods), method)
        carried[method] = _carry(job.plan, method, solved, stage)
    seen = _see(job.plan, carried, reference.true, stage)
    for number, row in enumerate(rows):
        report(CARRYING_SHARE + (1 - CARRYING_SHARE) * number / len(methods), row.method)
        result = carried[row.method]
        if isinstance(result, InputError):
            yield replace(row, reason=str(result))
            continue
        truly = seen.get(row.method)
        if truly is not None:
            write_shot(truly, path_file(job.folder, row.key))
        measured = row if truly is None else _with_report(_measure(row, truly, reference.true, stage), result.report)
        if row.method == FROM_TRUTH:
            measured = replace(measured, true_pce=compare(seen[_FROM_TRUE], reference.true).pce)
        makes_video = _makes_video(job.plan, row.method)
        yield _with_video(job, measured, result.shot, solved, stage) if makes_video else measured


def _carry(plan: Plan, method: str, solved: Shot, stage: Stage) -> Carried | InputError:
    """Carry a solved reference over, or give why a method does not."""
    try:
        return carry_over("raw" if _is_clips_own(plan, method) else method, solved, stage.depth, stage.anchor)
    except InputError as error:
        return error


def _see(plan: Plan, carried: Mapping[str, Carried | InputError], true: Shot, stage: Stage) -> dict[str, Shot]:
    """Give the paths of methods with the depth they truly see, and one that is carried over from the true reference."""
    paths = {
        method: result.shot
        for method, result in carried.items()
        if isinstance(result, Carried) and not _is_clips_own(plan, method)
    }
    if FROM_TRUTH in paths:
        paths[_FROM_TRUE] = carry_over(FROM_TRUTH, true, stage.depth, stage.anchor).shot
    return dict(zip(paths, see_depths(list(paths.values()), stage), strict=True))


def _is_clips_own(plan: Plan, method: str) -> bool:
    """Tell whether a method's model follows the clip itself, and is asked for no path."""
    return method == plan.generator


def _makes_video(plan: Plan, method: str) -> bool:
    return plan.generator is not None and (plan.generator not in CANNOT_BE_ASKED or _is_clips_own(plan, method))


def _with_report(row: Row, report: CalibrationReport | None) -> Row:
    if report is None:
        return row
    return replace(row, held=report.subject_held, roll=report.roll_error, jump=report.largest_jump)


def _measure(row: Row, path: Shot, true: Shot, stage: Stage) -> Row:
    """Hold a path, in the depth it really sees, against the true reference."""
    found = compare(path, true)
    sampled = list(range(0, len(path), EVERY))
    centres = path.trajectory.centres
    return replace(
        row,
        pce=found.pce,
        scale_gap=found.pce_scale_gap,
        profile=found.pce_profile,
        felt_error=found.felt_error,
        rot_err=found.rot_err,
        trans_err=found.trans_err,
        trans_err_rel=found.trans_err_rel,
        depth_gap=depth_gap(true, path),
        crossings=float(len(stage.depth.crossings(centres))),
        nearest=float(
            np.nanmin(stage.depth.nearest_surface(centres[sampled]) / path.median_depth[sampled], initial=np.inf)
        ),
        blind=float(np.mean(np.isnan(path.median_depth[sampled]))),
    )


def _with_video(job: _Job, row: Row, path: Shot, solved: Shot, stage: Stage) -> Row:
    """Have a video made along a path, solve it, and hold it against the solved reference."""
    own = make_folder(make_folder(job.folder / "videos") / "-".join(row.key).replace(" ", "-"))
    path, solved = (_as_trained(job.plan, shot) for shot in (path, solved))
    try:
        video, made_up = _video(job, row.key, path, stage, own)
    except InputError as error:
        return replace(row, reason=f"no video was made: {error}")
    try:
        realised = verify(video, path, masks=made_up, threads=1)
        found, asked = compare(realised.shot, solved), realised.metrics
    except InputError as error:
        return replace(row, reason=f"its video cannot be solved: {error}")
    row = replace(
        row,
        video_pce=found.pce,
        video_gap=found.pce_scale_gap,
        above_floor=found.above_floor,
        video_rot=found.rot_err,
        video_trans=found.trans_err,
        video_trans_rel=found.trans_err_rel,
    )
    if job.plan.generator in CANNOT_BE_ASKED:
        return row
    return replace(
        row,
        asked_pce=asked.pce,
        asked_rot=asked.rot_err,
        asked_trans=asked.trans_err,
        asked_trans_rel=asked.trans_err_rel,
    )


def _as_trained(plan: Plan, shot: Shot) -> Shot:
    """Give a shot the frames that the generator was trained on: what is asked for, and what it is held against."""
    if plan.generator is None or plan.generator == RENDER:
        return shot
    from parascale.generators import GENERATORS

    generator = GENERATORS[plan.generator]
    trained = generator.trained_at(resolve_parameters(generator.describe(), {}))
    return fit_to_training(shot, trained.fps, 0 if trained.splits else trained.best_frames)


def _video(job: _Job, key: tuple[str, str, str], path: Shot, stage: Stage, folder: Path) -> tuple[Path, Path | None]:
    """Have a video made along a path; its file, and the mask of what it made up."""
    from parascale.blender.render import render_path

    if job.plan.generator == RENDER:
        return render_path(stage.scene, path.trajectory, folder / "result.mp4", job.plan.size, FPS), None
    assert job.make is not None
    request = _request(job.plan, path, stage, folder)
    if job.plan.generator in CANNOT_BE_ASKED:
        regime, move, _ = key
        source, target = sides_of(regime)
        request = replace(request, prompt=target, parameters={"source_video": str(clip_file(job.folder, source, move))})
    made = job.make(request, folder, lambda _part, _phase: None)
    return made.files["video"], made.files.get("hole_mask")


def _request(plan: Plan, path: Shot, stage: Stage, folder: Path) -> GenerationRequest:
    """Ask for a path that starts at the scene's own camera."""
    from parascale.blender.render import render_still, z_pass
    from parascale.media.image_file import read_image

    assert plan.generator is not None
    scene = stage.scene
    image = read_image(render_still(scene, folder / "first.png", plan.size)).image
    depth = z_pass(scene, scene.camera, scene.frame_current, plan.size) / np.float32(path.median_depth[0])
    # What renders as nothing is far away, not unmeasured.
    depth[np.isnan(depth)] = np.inf
    return GenerationRequest(to_unit_depth(path), plan.generator, image, depth)
