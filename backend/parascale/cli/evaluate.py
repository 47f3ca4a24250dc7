from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import JsonOption, libraries_write_to, print_json, progress_bar, require_blender
from parascale.cli.jobs import Connect, KeysFolder
from parascale.cli.output import Overwrite, check_outputs, output_of
from parascale.cli.page import OpenPage, ReportPage, page_of
from parascale.cli.run import answered_by, client_of
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.evaluation.plan import Plan
    from parascale.evaluation.probe import Make
    from parascale.evaluation.results import Row
    from parascale.evaluation.tables import Table


def evaluate(
    output: Annotated[Path, typer.Option("-o", "--output", help="Output folder; results already in it are reused.")],
    regimes: Annotated[
        str | None,
        typer.Option(help="Comma-separated pairs REFERENCE-TARGET of scenes, such as room-desk; default: all 32."),
    ] = None,
    methods: Annotated[str | None, typer.Option(help="Comma-separated gain methods; see docs/evaluation.md.")] = None,
    moves: Annotated[
        str | None, typer.Option(help="Comma-separated moves, as arc,dolly in; default: all eight.")
    ] = None,
    generator: Annotated[
        str | None, typer.Option("--generator", "-g", help="Also generate and solve videos: render, or a generator.")
    ] = None,
    fvd: Annotated[Path | None, typer.Option(help="I3D network as TorchScript: FVD of the videos.")] = None,
    clip: Annotated[Path | None, typer.Option(help="Folder of a CLIP model: CLIP-SIM of the videos.")] = None,
    rgbd: Annotated[
        Path | None, typer.Option(help="Folder of a real scene filmed with depth, as 7-Scenes: a target beside.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option(help="Address of a Ray cluster to spread the moves over; all nodes share the folder.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Two moves of 33 frames, and fewer regimes and methods.")
    ] = False,
    report: ReportPage = None,
    show: OpenPage = False,
    connect: Connect = None,
    keys: KeysFolder = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Measure the accuracy of each method between rendered scenes of known depth.

    Example: parascale evaluate -o faithfulness --quick
    """
    report = page_of(report, output, show=show)
    outputs = [*output_of("evaluation", output), *output_of("page", report)]
    check_outputs("evaluate", outputs, (fvd, clip, rgbd), overwrite=overwrite)
    if generator is None and (fvd or clip):
        raise InputError("--fvd and --clip measure videos: name who makes them by --generator")
    require_blender("evaluate")
    from parascale.evaluation.appearance import Networks, appearance_table
    from parascale.evaluation.faithfulness import evaluate as measure
    from parascale.evaluation.results import mean, raw_slope
    from parascale.evaluation.spread import spread
    from parascale.evaluation.studies import run_studies
    from parascale.evaluation.tables import make_tables, markdown, summary
    from parascale.files.disk import make_folder

    networks = Networks(fvd, clip)
    networks.check()
    sequence = None
    if rgbd is not None:
        from parascale.evaluation.rgbd import read_sequence

        sequence = read_sequence(rgbd)
    plan = _plan({"regimes": regimes, "methods": methods, "moves": moves}, generator, quick=quick)
    make_folder(output)
    with libraries_write_to(output / "blender.log"), _maker(plan, connect, keys) as make, progress_bar() as progress:
        if ray is not None:
            spread(plan, output, ray, lambda part, phase: progress(0.85 * part, phase))
        rows = measure(plan, output, make, lambda part, phase: progress(0.85 * part, phase))
        studies = run_studies(plan, output, lambda part, phase: progress(0.85 + 0.1 * part, phase))
        if sequence is not None:
            from parascale.evaluation.rgbd import rgbd_study

            studies.append(rgbd_study(plan, output, sequence, lambda part, phase: progress(0.95 + 0.04 * part, phase)))
        if generator is not None:
            progress(0.94, "what the videos look like")
            studies.append(appearance_table(output, networks))
        progress(0.95, "pictures")
        pictures = _draw(rows, plan, output)
    text = markdown(rows, studies)
    tables = [*make_tables(rows), *studies]
    _write_tables(output, text, tables)
    if report is not None:
        from parascale.evaluation.table_page import write_table_page

        write_table_page(tables, pictures, summary(rows), report)
        if show:
            typer.launch(str(report))
    if not json:
        print(text, end="")
        return
    told: dict[str, object] = {
        name: {method: mean(getattr(row, name) for row in rows if row.method == method) for method in plan.methods}
        for name in ("pce", "video_pce", "felt_error", "rot_err", "trans_err")
    }
    told |= {"rows": len(rows), "raw_slope": raw_slope(rows), "tables": str(output / "tables.md")}
    print_json(told | {name: str(path) for name, path in pictures.items()})


def _write_tables(output: Path, text: str, tables: "list[Table]") -> None:
    from parascale.evaluation.tables import as_csv, as_json
    from parascale.files.disk import replace_files

    replace_files(
        {
            output / "tables.md": text.encode(),
            output / "tables.csv": as_csv(tables).encode(),
            output / "tables.json": as_json(tables).encode(),
        }
    )


def _draw(rows: "list[Row]", plan: "Plan", output: Path) -> dict[str, Path]:
    """Draw an evaluation; the pictures by name."""
    from parascale.evaluation.comparison_plot import draw_comparison
    from parascale.evaluation.path_plots import draw_profiles, draw_realised, draw_worst

    names = ("comparison", "realised", "profiles", "worst")
    pictures = {name: output / f"{name}.png" for name in names}
    draw_comparison(rows, pictures["comparison"])
    draw_realised(rows, output, pictures["realised"])
    draw_profiles(rows, output, pictures["profiles"])
    if not draw_worst(rows, plan, output, pictures["worst"]):
        del pictures["worst"]
    return pictures


def _plan(chosen: dict[str, str | None], generator: str | None, *, quick: bool) -> "Plan":
    from parascale.evaluation.plan import RENDER, Plan
    from parascale.evaluation.plan import quick as part_of
    from parascale.generators import GENERATORS

    if generator not in (None, RENDER, *GENERATORS):
        raise InputError(f"there is no generator {generator!r}: take one of {', '.join((RENDER, *GENERATORS))}")
    plan = Plan(generator=generator)
    for name, listed in chosen.items():
        if listed:
            plan = replace(plan, **{name: tuple(part.strip() for part in listed.split(","))})  # type: ignore[arg-type]
    return part_of(plan) if quick else plan


@contextmanager
def _maker(plan: "Plan", connect: str | None, keys: Path | None) -> "Iterator[Make | None]":
    """Yield what has a generator answer requests; a backend is needed only for that."""
    from parascale.evaluation.plan import RENDER

    if plan.generator in (None, RENDER):
        yield None
        return
    with client_of(connect, keys) as client:
        yield answered_by(client)
