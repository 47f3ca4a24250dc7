"""An evaluation spread over a Ray cluster: a task a move, each in a folder of its own that all nodes share."""

import contextlib
import os
import shutil
from dataclasses import replace
from itertools import product
from pathlib import Path

from parascale.cluster import connect_to_cluster
from parascale.errors import InputError
from parascale.evaluation.faithfulness import evaluate, stamp_of
from parascale.evaluation.plan import RENDER, Plan
from parascale.evaluation.results import Row, claim_folder, read_rows, write_rows
from parascale.files.disk import make_folder
from parascale.types import Progress

# Where a task's results are until all are gathered.
PARTS = "parts"


def spread(plan: Plan, folder: Path, address: str, progress: Progress) -> list[Row]:
    """Evaluate a plan on a cluster; the rows are those that one machine alone would write.

    Parameters
    ----------
    plan : Plan
        Without a generator that has to be asked.
    folder : Path
        On a disk that every node reaches by the same path. What it holds already is not done again.
    address : str
        HOST:PORT of the cluster.
    progress : callable
        Takes the fraction done and the phase.

    Raises
    ------
    InputError
        As `evaluate` and `parascale.cluster.connect_to_cluster`, and where a task fails.
    """
    if plan.generator not in (None, RENDER):
        raise InputError(f"videos of {plan.generator!r} are made by one backend: they cannot be spread over a cluster")
    known = {row.key for row in claim_folder(folder, stamp_of(plan))}
    moves = [
        move for move in plan.moves if any(key not in known for key in product(plan.regimes, [move], plan.methods))
    ]
    if moves:
        _run_parts(replace(plan, moves=moves), folder.absolute(), address, progress)
    return evaluate(plan, folder, None, progress)


def _run_parts(plan: Plan, folder: Path, address: str, progress: Progress) -> None:
    connect_to_cluster(address)
    import ray

    make_folder(make_folder(folder) / PARTS)
    with contextlib.ExitStack() as ending:
        ending.callback(ray.shutdown)
        task = ray.remote(num_cpus=1, max_retries=1)(_run_part)
        running = {task.remote(replace(plan, moves=(move,)), _part(folder, move)): move for move in plan.moves}
        count = len(running)
        while running:
            (done, *_), _ = ray.wait(list(running))
            move = running.pop(done)
            try:
                ray.get(done)
            except ray.exceptions.RayError as error:
                raise InputError(f"{move}: the cluster failed: {str(error).strip().splitlines()[-1]}") from error
            _gather(plan, folder, move)
            progress(1 - len(running) / count, f"{move}: done on the cluster")
    with contextlib.suppress(OSError):  # an earlier run may have left there what this plan does not ask for
        (folder / PARTS).rmdir()


def _part(folder: Path, move: str) -> Path:
    return folder / PARTS / move.replace(" ", "-")


def _run_part(plan: Plan, folder: Path) -> None:
    """Do one move on a node."""
    # As in the run of one machine: a solve is the same with one thread.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    evaluate(plan, folder, None, lambda _part, _phase: None)


def _gather(plan: Plan, folder: Path, move: str) -> None:
    """Take what a move's task wrote into the folder of the whole."""
    part, stamp = _part(folder, move), stamp_of(plan)
    for file in sorted(path for path in part.glob("*/**/*") if path.is_file()):
        place = folder / file.relative_to(part)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.replace(place)
    rows = {row.key: row for each in (folder, part) for row in read_rows(each, stamp)}
    write_rows(folder, stamp, [rows[key] for key in sorted(rows)])
    shutil.rmtree(part)
