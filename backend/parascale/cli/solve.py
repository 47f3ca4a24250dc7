import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parascale.cli.advice import sentence
from parascale.cli.common import JsonOption, print_notes, progress_bar
from parascale.cli.numbers import MOST_FPS, MOST_THREADS, number
from parascale.cli.output import SHOT_SUFFIX, Overwrite, check_outputs, output_of, save_shot, unused_name
from parascale.cli.page import OpenPage, ReportPage, page_of, shown_if_refused, write_report
from parascale.cli.solve_all import solve_all
from parascale.errors import InputError
from parascale.media.suffixes import IMAGE_SUFFIXES

if TYPE_CHECKING:
    from parascale.parallax.shot import Shot

_NUMBER = re.compile(r"[._-]*(#+|%0?\d*d|\d+)$")  # of a picture, or what stands for it


def solve(
    references: Annotated[
        list[Path],
        typer.Argument(
            metavar="REFERENCE...", help="A video, a folder of pictures, one of numbered pictures, or NAME.####.exr."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output", help="The shot file to write; default: NAME.shot.json here, or NAME-2 where that exists."
        ),
    ] = None,
    focal: Annotated[float | None, number("Focal length in pixels of the clip, if known.", above=0, most=1e7)] = None,
    fov: Annotated[float | None, number("Horizontal field of view in degrees, if known.", above=0, below=180)] = None,
    start: Annotated[int, number("First frame, counting from 0.", least=0)] = 0,
    end: Annotated[int | None, number("The frame after the last.", least=1)] = None,
    every: Annotated[int, number("Take one frame in so many, as of a long clip.", least=1)] = 1,
    fps: Annotated[float | None, number("Pictures a second, of pictures.", above=0, most=MOST_FPS)] = None,
    shot: Annotated[int | None, number("Number of the shot, from 1, if the clip has several.", least=1)] = None,
    ignore_cuts: Annotated[
        bool, typer.Option("--ignore-cuts", help="Take all frames for one shot, even where they look like several.")
    ] = False,
    masks: Annotated[
        Path | None, typer.Option(help="Folder or video of masks, one per frame, white on moving objects.")
    ] = None,
    subject: Annotated[
        list[str] | None,
        typer.Option(help=r"What the shot looks at, [NAME=]X,Y,W,H\[@FRAME] or a point X,Y\[@FRAME]; may be repeated."),
    ] = None,
    depth_model: Annotated[
        str | None,
        typer.Option(help="Take depth from this model, aligned to the solved points, not the tracks."),
    ] = None,
    debug_picture: Annotated[
        Path | None,
        typer.Option(help="PNG file to draw the tracks to, used and not used; also where the clip is refused."),
    ] = None,
    save_masks: Annotated[
        Path | None, typer.Option(help="Folder to write a mask per frame to, white on what moves by itself.")
    ] = None,
    threads: Annotated[int | None, number("Number of threads; 1 is deterministic.", least=1, most=MOST_THREADS)] = None,
    jobs: Annotated[int, number("Clips solved at a time; they share the cores.", least=1, most=MOST_THREADS)] = 1,
    report: ReportPage = None,
    show: OpenPage = False,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Solve the camera path and median depth of a clip from its pixels.

    Several clips are solved each to a shot file of its own name.

    Example: parascale solve walk.mp4 -o walk.shot.json
    """
    from parascale.cli.common import parse_subjects

    references = _each_once(references)
    outputs = _outputs(references, output)
    report = page_of(report, outputs[0], show=show)
    if len(references) > 1 and (
        subject or any(each is not None for each in (report, masks, debug_picture, save_masks))
    ):
        raise InputError("a report, a picture, masks and subjects belong to one clip: solve each clip by itself")
    written = [*(each for path in outputs for each in output_of("shot", path)), *output_of("page", report)]
    written += output_of("picture", debug_picture) + output_of("masks", save_masks)
    check_outputs("solve", written, (*references, masks), overwrite=overwrite)
    if end is not None and end <= start:
        raise InputError(f"--end {end} is not beyond --start {start}: there is no frame between")
    estimator = None
    if depth_model is not None:
        from parascale.depth.models import load_estimator

        # Before the work: a missing weight is no reason to solve first.
        estimator = load_estimator(depth_model)
    choices = {
        "focal": focal,
        "fov": fov,
        "start": start,
        "end": end,
        "every": every,
        "fps": fps,
        "shot": shot,
        "ignore_cuts": ignore_cuts,
        "masks": masks,
        "subjects": parse_subjects(subject or ()),
        "save_masks": save_masks,
        "threads": threads,
    }

    def finish(solved: "Shot", reference: Path, path: Path) -> "Shot":
        return _finish(solved, reference, path, estimator)

    if len(references) > 1:
        solve_all(references, outputs, jobs, choices, finish, json=json)
        return
    from parascale.cli.child import run_in_child
    from parascale.solve import solve as solve_clip

    with shown_if_refused(debug_picture, report, show=show) as picture:
        with progress_bar() as progress:
            solved = run_in_child(solve_clip, references[0], progress=progress, debug_picture=picture, **choices)
        solved = finish(solved, references[0], outputs[0])
    _print_one(solved, outputs[0], json=json)
    if report is not None:
        write_report([(solved, references[0])], report, show=show)


def _each_once(references: Sequence[Path]) -> list[Path]:
    """Leave out clips that are named again, and say so."""
    found: dict[str, list[Path]] = {}
    for reference in references:
        found.setdefault(os.path.abspath(reference), []).append(reference)
    print_notes(f"{same[0]} is named {len(same)} times, and solved once" for same in found.values() if len(same) > 1)
    return [same[0] for same in found.values()]


def _outputs(references: Sequence[Path], output: Path | None) -> list[Path]:
    """Give each clip its shot file: a name of its own where none is given."""
    if output is not None:
        if len(references) > 1:
            raise InputError(f"{output} is one shot file, and there are {len(references)} clips: leave the output out")
        return [output]
    found: list[Path] = []
    for reference in references:
        name = reference.resolve().name if reference.is_dir() else reference.stem
        if reference.suffix.lower() in IMAGE_SUFFIXES:
            # One of numbered pictures, or their pattern.
            name = _NUMBER.sub("", name) or name
        found.append(unused_name(name, SHOT_SUFFIX, found))
    return found


def _finish(solved: "Shot", reference: Path, output: Path, estimator: Any) -> "Shot":
    """Give a solved shot the depth of a model, where one is named, and write it."""
    if estimator is not None:
        from parascale.depth.reference_depth import with_model_depth

        with progress_bar() as progress:
            solved = with_model_depth(solved, reference, estimator, progress)
    solved = save_shot(solved, output, "solve")
    print_notes(solved.notices)
    return solved


def _print_one(solved: "Shot", output: Path, *, json: bool) -> None:
    from parascale.cli.info import print_shot

    print_shot(solved, json=json, output=output, warnings=[sentence(notice) for notice in solved.notices])
