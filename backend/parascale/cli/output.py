"""Where a command writes: looked at before any work, so that nothing of anybody's is lost and no work is for nothing.

Refused are an output that is one of the inputs, one whose ending belongs to another kind of file, one that exists and
was not written by the same command, and a place where nothing can be written. Devices, pipes and ``-`` take anything.
"""

import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.errors import InputError
from parascale.files.disk import STANDARD_OUTPUT, destination, is_marked, is_standard_output, is_stream, read_text
from parascale.media.suffixes import DEPTH_SUFFIXES, IMAGE_SUFFIXES, VIDEO_SUFFIXES

if TYPE_CHECKING:
    from parascale.parallax.shot import Shot

SHOT_SUFFIX = ".shot.json"

Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an output that something else wrote; never one of the inputs.")
]


@dataclass(frozen=True)
class Kind:
    """A kind of output.

    Attributes
    ----------
    name : str
        With its article.
    endings : tuple of str
        The first is the customary one.
    """

    name: str
    endings: tuple[str, ...]


KINDS = {
    "shot": Kind("a shot file", (SHOT_SUFFIX, ".json")),
    "video": Kind("a video", (".mp4", *VIDEO_SUFFIXES)),
    "picture": Kind("a PNG picture", (".png",)),
    "depth map": Kind("a depth map", (".npy",)),
    "profile": Kind("a profile", (".json",)),
    "recording": Kind("a rerun recording", (".rrd",)),
    "tensor": Kind("a conditioning tensor", (".npz",)),
    "result": Kind("a result", (SHOT_SUFFIX, ".json", *VIDEO_SUFFIXES, ".npy")),
    "page": Kind("an HTML page", (".html", ".htm")),
    "evaluation": Kind("a folder of results", ()),
    "masks": Kind("a folder of masks", ()),
}
"""By what a command calls it; a trajectory format is a kind of its own, see `trajectory_kind`."""

_READ_ONLY = (".points.npz", ".blend", ".txt", ".csv", ".chan", *IMAGE_SUFFIXES, *DEPTH_SUFFIXES)
_ENDINGS = sorted({*_READ_ONLY, *(ending for kind in KINDS.values() for ending in kind.endings)}, key=len, reverse=True)
"""All endings that mean something, the longest first."""


@dataclass(frozen=True)
class Output:
    """A file or folder that a command writes.

    Attributes
    ----------
    path : Path
    kind : Kind
    folder : bool
        Whether it is a folder.
    write : callable or None
        Writes it to another place of the same name, where that is done at once: a file without room for a mark may be
        written again where that changes nothing.
    """

    path: Path
    kind: Kind
    folder: bool = False
    write: Callable[[Path], object] | None = None


def stem_of(path: Path) -> str:
    """Give a file's name without what says its kind: of a shot file also without ``.shot``."""
    return path.name.removesuffix(".json").removesuffix(".shot") if path.suffix == ".json" else path.stem


def unused_name(name: str, ending: str, taken: Iterable[Path] = ()) -> Path:
    """Return the first of NAME.ending, NAME-2.ending, ... in the working folder that nothing has."""
    others = set(taken)
    candidates = (Path(f"{name}{number}{ending}") for number in ("", *(f"-{count}" for count in range(2, 10_000))))
    return next(path for path in candidates if path not in others and not os.path.lexists(path))


def output_of(kind: str, path: Path | None) -> list[Output]:
    """Return an output of a kind of the table; none where no path was given."""
    return [] if path is None else [Output(path, KINDS[kind], folder=not KINDS[kind].endings)]


def trajectory_output(path: Path, name: str, suffix: str, write: Callable[[Path], object]) -> Output:
    """Return a trajectory as an output: a folder where its format has no suffix."""
    return Output(path, Kind(f"a trajectory as {name}", (suffix,) if suffix else ()), not suffix, write)


def check_outputs(
    command: str, outputs: Sequence[Output], inputs: Iterable[Path | None] = (), *, overwrite: bool = False
) -> None:
    """Refuse outputs that would cost somebody a file, or could not be written; to be called before any work.

    Where standard output takes one of them, what is printed goes to standard error from here on.

    Parameters
    ----------
    command : str
        Its name; it may overwrite what it wrote before.
    outputs : sequence of Output
    inputs : iterable of Path or None
        What it reads, files and folders.
    overwrite : bool
        Whether the user wants files of others to be overwritten.

    Raises
    ------
    InputError
    """
    read = _with_points(path for path in inputs if path is not None)
    written: list[Path] = []
    for output in outputs:
        path = output.path
        for other in written:
            if _is_same(path, other):
                raise InputError(f"{path} would be written twice: give each output a place of its own")
        written.append(path)
        try:
            if is_stream(path):
                _check_stream(output)
            else:
                _check_ending(output)
                _check_inputs(output, read)
                _check_place(output)
                _check_owner(output, command, overwrite=overwrite)
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else error
            raise InputError(f"{path} cannot be written: {reason}") from error


def save_shot(shot: "Shot", path: Path, command: str) -> "Shot":
    """Write a shot, with the command that wrote it in its provenance, and return it as it was written.

    Raises
    ------
    InputError
        Where it cannot be written.
    """
    from parascale.cli.common import print_notes
    from parascale.files.shot_file import write_shot

    shot = replace(shot, provenance={**shot.provenance, "command": command})
    if shot.points is not None and is_stream(path):
        print_notes([f"{path} takes no second file: the points of {shot.name!r} are left out"])
    write_shot(shot, path)
    return shot


def _with_points(paths: Iterable[Path]) -> list[Path]:
    """Add to shot files the points that they name."""
    from parascale.files.shot_file import named_points

    found = []
    for path in paths:
        found.append(path)
        if path.suffix == ".json" and path.is_file() and (points := named_points(path)) is not None:
            found.append(points)
    return found


def _check_stream(output: Output) -> None:
    if output.folder:
        raise InputError(f"{output.path} takes one file, and {output.kind.name} is a folder")
    if is_standard_output(output.path):
        sys.stdout = sys.stderr


def _check_ending(output: Output) -> None:
    if not output.path.name and not output.folder:
        raise InputError(f"{output.path} is a folder: give the name of {output.kind.name}")
    name = output.path.name.lower()
    ending = next((known for known in _ENDINGS if name.endswith(known)), None)
    if ending is not None and ending not in output.kind.endings:
        ends = f"ends in {output.kind.endings[0]}" if output.kind.endings else "has no ending"
        raise InputError(f"{output.path} ends in {ending}, as other files do: the name of {output.kind.name} {ends}")


def _check_inputs(output: Output, inputs: Iterable[Path]) -> None:
    own = [output.path]
    if output.kind is KINDS["shot"] or output.kind is KINDS["result"]:
        from parascale.files.shot_file import points_file

        own.append(points_file(output.path))
    for path in inputs:
        for written in own:
            if _is_same(written, path):
                raise InputError(f"{written} would be overwritten, and it is one of the inputs: choose another output")
            if path.is_dir() and _is_inside(written, path):
                raise InputError(f"{written} lies in {path}, which is an input: choose an output outside")
        if output.folder and _is_inside(path, output.path):
            raise InputError(f"{output.path} holds an input, {path}: choose a folder of its own")


def _check_place(output: Output) -> None:
    path = destination(output.path)
    if path.is_symlink():
        raise InputError(f"{output.path} is a link that leads nowhere")
    folder = path.parent
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise InputError(f"nothing may be written to {folder}")
    if path.is_dir() and not output.folder:
        raise InputError(f"{output.path} is a folder: give the name of {output.kind.name}")
    if path.is_file() and output.folder:
        raise InputError(f"{output.path} is a file, and {output.kind.name} is a folder")
    if path.exists() and not os.access(path, os.W_OK):
        raise InputError(f"{output.path} is protected from writing")


def _check_owner(output: Output, command: str, *, overwrite: bool) -> None:
    if overwrite:
        return
    path = destination(output.path)
    shot = output.kind is KINDS["shot"]
    own = _wrote_shot(path, command) if shot else _is_ours(output)
    if not own:
        raise InputError(f"{output.path} exists, and `parascale {command}` did not write it: --overwrite replaces it")
    if shot:
        from parascale.files.shot_file import named_points, points_file

        points = points_file(path)
        if points.exists() and not (path.exists() and _is_same(points, named_points(path) or path)):
            raise InputError(f"{points} exists, and {output.path} does not name it: --overwrite replaces it")


def _wrote_shot(path: Path, command: str) -> bool:
    """Tell whether a shot may be written: there is none, an empty file, or one of the same command."""
    if not path.exists() or path.stat().st_size == 0:
        return True
    try:
        written = json.loads(read_text(path))
        return bool(written["provenance"]["command"] == command)
    except (InputError, ValueError, KeyError, TypeError, RecursionError):
        return False


def _is_ours(output: Output) -> bool:
    """Tell whether a file or folder may be written: there is none, nothing in it, our mark, or the very same."""
    path = destination(output.path)
    if not path.exists() or not (any(path.iterdir()) if path.is_dir() else path.stat().st_size):
        return True
    if output.kind is KINDS["evaluation"]:
        return any((path / name).exists() for name in ("results.json", "blender.log"))
    if output.kind is KINDS["page"]:
        return b'content="ParaScale report"' in path.read_bytes()[:400]
    if output.kind is KINDS["profile"]:
        return b'"parascale-profile"' in path.read_bytes()[:200]
    return is_marked(path) or (output.write is not None and _changes_nothing(output.write, path))


def _changes_nothing(write: Callable[[Path], object], path: Path) -> bool:
    """Tell whether every file that would be written is there as it would be."""
    with tempfile.TemporaryDirectory(prefix="parascale-") as scratch:
        again = Path(scratch) / path.name
        write(again)
        files = [again] if again.is_file() else [file for file in again.rglob("*") if file.is_file()]
        there = [path / file.relative_to(again) for file in files]
        return all(
            old.is_file() and old.read_bytes() == new.read_bytes() for new, old in zip(files, there, strict=True)
        )


def _is_same(one: Path, other: Path) -> bool:
    """Tell whether two paths are one file, also through links of either kind."""
    if STANDARD_OUTPUT in (one, other):
        return one == other
    try:
        return one.samefile(other)
    except OSError:
        return os.path.realpath(one) == os.path.realpath(other)


def _is_inside(path: Path, folder: Path) -> bool:
    return Path(os.path.realpath(folder)) in Path(os.path.realpath(path)).parents
