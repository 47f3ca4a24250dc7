"""Whether a solve agrees with itself, no truth needed: `python tests/benchmarks/bench_consistency.py FOLDER [...]`.

The same pictures backwards, in halves and at every second frame must give the same P. Every shot of every video and
folder of pictures in the folders given is solved so, at the size the solver works at. Of each pair of neighbouring
frames of such a variant, the distance of the two centres over the geometric mean of their depths is compared with the
same two frames of the whole clip: the median of ln of their ratio, over the pairs that lie above both noise floors. A
clip that is told as still has P = 0: "still" against "moves" is a disagreement of its own. The figures are kept in
build/benchmarks/consistency.json and drawn beside it as consistency.png.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from parascale.errors import InputError
from parascale.media.suffixes import VIDEO_SUFFIXES
from parascale.parallax.shot import Shot
from parascale.solve import solve
from parascale.solve.tracking.cuts import find_shots
from parascale.solve.tracking.footage import read_footage
from parascale.types import Array

RESULTS = Path(__file__).parents[2] / "build" / "benchmarks"
VARIANTS = ("reversed", "first half", "second half", "every second")
# Disagreements of |ln P| that are counted.
LIMITS = (0.05, 0.2)
FEWEST_PAIRS = 3


@dataclass(frozen=True)
class Comparison:
    """One variant against the whole clip: ln of the ratio of P, or what they differ in."""

    clip: str
    variant: str
    outcome: str
    log_ratio: float | None = None
    seconds: float = 0.0


def clips(folders: Sequence[Path]) -> Iterator[Path]:
    """Find the videos and the folders of pictures."""
    for folder in folders:
        if folder.is_file() or any(folder.glob("*.png")) or any(folder.glob("*.jpg")):
            yield folder
            continue
        for path in sorted(folder.iterdir()):
            if path.is_dir() or path.suffix.lower() in VIDEO_SUFFIXES:
                yield path


def write_pictures(pictures: Sequence[NDArray[np.uint8]], folder: Path) -> Path:
    folder.mkdir()
    for number, picture in enumerate(pictures):
        cv2.imwrite(str(folder / f"{number:05d}.png"), picture)
    return folder


def variants(count: int) -> dict[str, list[int]]:
    """Choose the frames of each variant, in its order."""
    every = list(range(count))
    return {
        "whole": every,
        "reversed": every[::-1],
        "first half": every[: count // 2],
        "second half": every[count // 2 :],
        "every second": every[::2],
    }


def solve_frames(path: Path, frames: list[int]) -> tuple[Shot | str, NDArray[np.int64], float]:
    """Solve pictures; the shot or why not, and which frames of the whole it holds."""
    began = time.process_time()
    try:
        shot = solve(path)
    except InputError as error:
        return str(error).removeprefix(path.name).strip(), np.empty(0, np.int64), time.process_time() - began
    kept = np.arange(len(shot.trajectory)) if shot.frames is None else np.asarray(shot.frames)
    return shot, np.asarray(frames)[kept], time.process_time() - began


def parallax_between(shot: Shot, frames: NDArray[np.int64], pairs: Array) -> tuple[Array, Array]:
    """Distances of pairs of frames over their depth, and their noise floors; NaN where the shot lacks one."""
    place = {int(frame): at for at, frame in enumerate(frames)}
    centres, depth, floor = shot.trajectory.centres, shot.median_depth, shot.noise_floor or 0.0
    found = np.full(len(pairs), np.nan)
    for number, (a, b) in enumerate(pairs):
        if a in place and b in place:
            first, second = place[a], place[b]
            away = float(np.linalg.norm(centres[first] - centres[second]))
            found[number] = away / np.sqrt(depth[first] * depth[second])
    return found, np.full(len(pairs), floor)


def compare(whole: Shot, frames: NDArray[np.int64], other: Shot, others: NDArray[np.int64]) -> tuple[str, float | None]:
    """Name how two shots of the same frames differ, and by how much."""
    if (whole.motion_class == "general") != (other.motion_class == "general"):
        return f"{whole.motion_class} against {other.motion_class}", None
    if whole.motion_class != "general":
        return "both still", 0.0
    pairs = np.column_stack([others[:-1], others[1:]])
    first, first_floor = parallax_between(whole, frames, pairs)
    second, second_floor = parallax_between(other, others, pairs)
    above = (first > first_floor) & (second > second_floor)
    if above.sum() < FEWEST_PAIRS:
        return "below the floor", None
    return "compared", float(np.median(np.log(second[above] / first[above])))


def shots(path: Path, longest: int) -> Iterator[tuple[str, list[NDArray[np.uint8]]]]:
    """Name the shots of a clip, with their pictures."""
    grey = read_footage(path).grey
    found = find_shots(grey)
    name = f"{path.parent.name}/{path.name}" if path.is_dir() else path.name
    for shot in found:
        label = name if len(found) == 1 else f"{name} {shot.kept[0]}:{shot.kept[-1] + 1}"
        yield label, [grey[at] for at in shot.kept[:longest]]


def run(label: str, grey: Sequence[NDArray[np.uint8]], work: Path) -> Iterator[Comparison]:
    found = {}
    for name, frames in variants(len(grey)).items():
        folder = write_pictures([grey[at] for at in frames], work / name.replace(" ", "-"))
        found[name] = solve_frames(folder, frames)
    whole, frames, seconds = found["whole"]
    if isinstance(whole, str):
        yield Comparison(label, "whole", f"refused: {whole}", None, seconds)
    else:
        yield Comparison(label, "whole", whole.motion_class, None, seconds)
    for name in VARIANTS:
        other, others, seconds = found[name]
        if isinstance(whole, str) or isinstance(other, str):
            why = f"refused: {other}" if isinstance(other, str) else "solved"
            yield Comparison(label, name, why, None, seconds)
        else:
            outcome, ratio = compare(whole, frames, other, others)
            yield Comparison(label, name, outcome, ratio, seconds)


def summarise(rows: Sequence[Comparison]) -> None:
    for name in VARIANTS:
        values = np.abs([row.log_ratio for row in rows if row.variant == name and row.log_ratio is not None])
        if len(values):
            over = ", ".join(f"over {limit}: {int((values > limit).sum())}" for limit in LIMITS)
            median = f"median |ln| {np.median(values):.3f}"
            print(f"{name:14} {len(values)} compared, {median}, {over}, worst {values.max():.2f}")
    refused = [row for row in rows if row.outcome.startswith("refused")]
    apart = [row for row in rows if " against " in row.outcome]
    print(f"{len(rows)} solves, {len(refused)} refused, {len(apart)} with another class than the whole clip")


def draw(rows: Sequence[Comparison], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(row.clip for row in rows))
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.3 * len(names)), layout="constrained")
    for name, marker in zip(VARIANTS, "o^vs", strict=True):
        mine = [row for row in rows if row.variant == name and row.log_ratio is not None]
        axes.plot(
            [row.log_ratio for row in mine], [names.index(row.clip) for row in mine], marker, label=name, alpha=0.7
        )
    axes.axvspan(-LIMITS[1], LIMITS[1], color="0.9", zorder=0)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("ln of P, over that of the whole clip")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=130)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="+", type=Path, help="folders of clips, or clips")
    parser.add_argument("--frames", type=int, default=160, help="of a longer clip, its first so many frames")
    options = parser.parse_args()
    rows: list[Comparison] = []
    for path in clips(options.folders):
        for label, grey in shots(path, options.frames):
            with tempfile.TemporaryDirectory() as work:
                for row in run(label, grey, Path(work)):
                    rows.append(row)
                    ratio = "" if row.log_ratio is None else f"{row.log_ratio:+.3f}"
                    print(f"{row.clip:36} {row.variant:13} {row.seconds:6.1f} s {ratio:>8}  {row.outcome}", flush=True)
    summarise(rows)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "consistency.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    draw(rows, RESULTS / "consistency.png")


if __name__ == "__main__":
    main()
