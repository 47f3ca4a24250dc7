"""The report page that a command writes beside its result."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.advice import sentence
from parascale.cli.result import place_beside
from parascale.errors import InputError
from parascale.files.disk import replace_files

if TYPE_CHECKING:
    from parascale.parallax.shot import Shot

ReportPage = Annotated[Path | None, typer.Option("--report", help="Also write a report, an HTML page.")]
OpenPage = Annotated[
    bool, typer.Option("--open", help="Open the report in the browser; writes one where none is named.")
]


def page_of(report: Path | None, output: Path, *, show: bool) -> Path | None:
    """Return where the report goes: beside the output where it is only asked to be opened; None where there is none."""
    if report is not None or not show:
        return report
    return output.with_name(f"{output.name.removesuffix('.json').removesuffix('.shot')}.report.html")


def masks_of(video: Path | None) -> Path | None:
    """Find the mask of what a video made up, as a generator writes it beside its video."""
    beside = None if video is None else place_beside(video, "hole_mask", ".mp4")
    return beside if beside is not None and beside.is_file() else None


def write_report(sides: Sequence[tuple["Shot", Path | None]], page: Path, *, show: bool) -> None:
    """Write a report of shots, each with its clip, the reference first; one without a clip is what was asked for.

    Raises
    ------
    InputError
        Where a clip cannot be read, or the page not be written.
    """
    from parascale.evaluation.page import Side, write_page

    named = ((f"{shot.name}, asked for" if clip is None else shot.name, shot, clip) for shot, clip in sides)
    write_page([Side(shot, clip, name, masks_of(clip)) for name, shot, clip in named], page)
    if show:
        typer.launch(str(page))


@contextmanager
def shown_if_refused(picture: Path | None, page: Path | None, *, show: bool) -> Iterator[Path | None]:
    """Yield where a solve is to draw its tracks; where it is refused, write a page of why with that drawing.

    Parameters
    ----------
    picture : Path or None
        Where the drawing is wanted for itself.
    page : Path or None
        The report; of a clip that cannot be decoded there is none.
    """
    if page is None:
        yield picture
        return
    with tempfile.TemporaryDirectory() as folder:
        drawing = Path(folder) / "tracks.png"
        try:
            yield drawing
        except InputError as error:
            if drawing.is_file():
                from parascale.evaluation.refusal_page import write_refusal_page

                write_refusal_page(sentence(error.notice), drawing.read_bytes(), page)
                if show:
                    typer.launch(str(page))
            raise
        finally:
            if picture is not None and drawing.is_file():
                replace_files({picture: drawing.read_bytes()})
