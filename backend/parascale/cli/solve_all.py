"""Several clips in one command, side by side where that is asked for."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parascale.cli.advice import sentence
from parascale.cli.common import PartlyDoneError, print_json, print_notes, progress_bar
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.parallax.shot import Shot


def solve_all(
    references: Sequence[Path],
    outputs: Sequence[Path],
    jobs: int,
    choices: dict[str, Any],
    finish: Callable[["Shot", Path, Path], "Shot"],
    *,
    json: bool,
) -> None:
    """Solve clips, so many at a time; one that is refused does not stop the others.

    Raises
    ------
    InputError
        At the end, where some were refused.
    """
    from parascale.cli.child import run_side_by_side
    from parascale.cli.info import describe
    from parascale.solve import solve as solve_clip

    refused: dict[str, str] = {}
    done: dict[str, dict[str, object]] = {}
    follow: Callable[[float, str], None]

    def report(part: float, phase: str) -> None:
        follow(part, phase)

    shared = choices | {"threads": choices["threads"] or _threads_each(min(jobs, len(references)))}
    answers = run_side_by_side(solve_clip, references, jobs, report, **shared)
    while True:
        # A bar for each clip that ends: what is printed between them stands above the next.
        with progress_bar() as follow:
            answer = next(answers, None)
        if answer is None:
            break
        number, result = answer
        reference, output = references[number], outputs[number]
        try:
            if isinstance(result, InputError):
                raise result
            solved = finish(result, reference, output)
        except InputError as error:
            refused[str(reference)] = sentence(error)
            print_notes([] if json else [f"{reference} is left out: {sentence(error)}"])
            continue
        done[str(reference)] = describe(solved) | {"output": str(output)}
        if not json:
            print(f"{reference}: {output}, {len(solved)} frames, {solved.motion_class}")
    # As they were given, whatever ended first.
    in_order = {str(reference): done[str(reference)] for reference in references if str(reference) in done}
    left_out = {str(reference): refused[str(reference)] for reference in references if str(reference) in refused}
    told: dict[str, object] = {"solved": in_order, "refused": left_out}
    if refused:
        raise PartlyDoneError(f"{len(refused)} of {len(references)} clips were refused: {', '.join(left_out)}", told)
    if json:
        print_json(told)


def _threads_each(jobs: int) -> int | None:
    """Threads of a clip among so many at a time; None takes all cores."""
    return None if jobs == 1 else max(1, (os.cpu_count() or 1) // jobs)
