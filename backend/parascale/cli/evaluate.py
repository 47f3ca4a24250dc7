from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import Json, libraries_write_to, print_json, progress_bar, require_blender
from parascale.cli.jobs import Connect, KeysFolder
from parascale.cli.run import answered_by, client_of
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.evaluation.faithfulness import Plan
    from parascale.evaluation.probe import Make


def evaluate(
    output: Annotated[Path, typer.Option("-o", "--output", help="Output folder; results already in it are reused.")],
    regimes: Annotated[
        str | None, typer.Option(help="Pairs REFERENCE-TARGET of scenes (cosmos, street, room, desk), comma-separated.")
    ] = None,
    methods: Annotated[str | None, typer.Option(help="Comma-separated gain methods; see docs/evaluation.md.")] = None,
    generator: Annotated[
        str | None, typer.Option("--generator", "-g", help="Also generate and solve videos: render, or a generator.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two moves of 33 frames, and fewer regimes and methods.")
    ] = False,
    connect: Connect = None,
    keys: KeysFolder = None,
    json: Json = False,
) -> None:
    """Measure the accuracy of each method between rendered scenes of known depth."""
    require_blender("evaluate")
    from parascale.evaluation.comparison_plot import draw_comparison
    from parascale.evaluation.faithfulness import evaluate as measure
    from parascale.evaluation.results import median, raw_slope, tables
    from parascale.files.disk import make_folder, replace_files

    plan = _plan(regimes, methods, generator, quick=quick)
    make_folder(output)
    with libraries_write_to(output / "blender.log"), _maker(plan, connect, keys) as make, progress_bar() as progress:
        rows = measure(plan, output, make, progress)
    report, plot, text = output / "report.md", output / "comparison.png", tables(rows)
    replace_files({report: text.encode()})
    draw_comparison(rows, plot)
    if not json:
        print(text, end="")
        return
    told: dict[str, object] = {
        name: {method: median(getattr(row, name) for row in rows if row.method == method) for method in plan.methods}
        for name in ("pce", "video_pce", "felt_error", "rot_err", "trans_err")
    }
    print_json(told | {"rows": len(rows), "raw_slope": raw_slope(rows), "report": str(report), "plot": str(plot)})


def _plan(regimes: str | None, methods: str | None, generator: str | None, *, quick: bool) -> "Plan":
    from parascale.evaluation.faithfulness import RENDER, Plan
    from parascale.evaluation.faithfulness import quick as part_of
    from parascale.generators import GENERATORS

    if generator not in (None, RENDER, *GENERATORS):
        raise InputError(f"there is no generator {generator!r}: take one of {', '.join((RENDER, *GENERATORS))}")
    plan = Plan(generator=generator)
    if regimes:
        plan = replace(plan, regimes=tuple(regimes.split(",")))
    if methods:
        plan = replace(plan, methods=tuple(methods.split(",")))
    return part_of(plan) if quick else plan


@contextmanager
def _maker(plan: "Plan", connect: str | None, keys: Path | None) -> "Iterator[Make | None]":
    """Yield what has a generator answer requests; a backend is needed only for that."""
    from parascale.evaluation.faithfulness import RENDER

    if plan.generator in (None, RENDER):
        yield None
        return
    with client_of(connect, keys) as client:
        yield answered_by(client)
