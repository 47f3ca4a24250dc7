"""Whether a solve agrees with itself, no truth needed: `python tests/benchmarks/bench_consistency.py FOLDER [...]`.

The same pictures backwards, in halves and at every second frame must give the same P. Every shot of every video and
folder of pictures in the folders given is solved so, at the size the solver works at. Of each pair of neighbouring
frames of such a variant, the distance of the two centres over the geometric mean of their depths is compared with the
same two frames of the whole clip: the median of ln of their ratio, over the pairs that lie above both noise floors. A
clip that is told as still has P = 0: "still" against "moves" is a disagreement of its own, unless the P of the one that
moves lies below the noise floor of the one that rests. A whole clip that is refused while a variant of it is solved is
counted. `--rendered N --seed S` films N clips of every kind of `consistency_clips.py` and compares with the true P too.
The figures are kept in build/benchmarks/consistency.json and drawn beside it as consistency.png.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path

import cv2
import numpy as np
from consistency_clips import film_set
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

# Name, grey pictures, and the true P of every step where it is known.
Labelled = tuple[str, Sequence[NDArray[np.uint8]], Array | None]


@dataclass(frozen=True)
class Comparison:
    """One variant against the whole clip: ln of the ratio of P with its standard deviation, or what they differ in."""

    clip: str
    variant: str
    outcome: str
    log_ratio: float | None = None
    seconds: float = 0.0
    sigma: float | None = None


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


def relative_sigma(shot: Shot) -> float:
    """Median standard deviation of ln P of a shot, by its own account."""
    assert shot.parallax_sigma is not None
    p = shot.parallax_number
    return float(np.median(shot.parallax_sigma[p > 0] / p[p > 0])) if (p > 0).any() else 0.0


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
        moving, still = (whole, other) if whole.motion_class == "general" else (other, whole)
        if np.median(moving.parallax_number) < (still.noise_floor or 0.0):
            return "below the floor", None
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


def against_truth(shot: Shot, frames: NDArray[np.int64], truth: Array) -> tuple[str, float | None, float]:
    """Compare P with the true P of the steps (T - 1,), which are all above zero or all zero."""
    true = float(np.median(truth[frames[:-1]]))
    if shot.motion_class != "general":
        return ("still, covered" if true <= (shot.noise_floor or 0.0) else "still against general"), None, 0.0
    if true == 0:
        return "general against still", None, 0.0
    return "truth", float(np.median(np.log(shot.parallax_number / truth[frames[:-1]]))), relative_sigma(shot)


def run(label: str, grey: Sequence[NDArray[np.uint8]], work: Path, truth: Array | None = None) -> Iterator[Comparison]:
    found = {}
    for name, frames in variants(len(grey)).items():
        folder = write_pictures([grey[at] for at in frames], work / name.replace(" ", "-"))
        found[name] = solve_frames(folder, frames)
    whole, frames, seconds = found["whole"]
    if isinstance(whole, str):
        yield Comparison(label, "whole", f"refused: {whole}", None, seconds)
    else:
        yield Comparison(label, "whole", whole.motion_class, None, seconds)
        if truth is not None:
            outcome, ratio, sigma = against_truth(whole, frames, truth)
            yield Comparison(label, "truth", outcome, ratio, 0.0, sigma)
    for name in VARIANTS:
        other, others, seconds = found[name]
        if isinstance(whole, str) or isinstance(other, str):
            why = f"refused: {other}" if isinstance(other, str) else "solved"
            yield Comparison(label, name, why, None, seconds)
        else:
            outcome, ratio = compare(whole, frames, other, others)
            sigma = float(np.hypot(relative_sigma(whole), relative_sigma(other)))
            yield Comparison(label, name, outcome, ratio, seconds, sigma)


def summarise(rows: Sequence[Comparison]) -> None:
    for name in (*VARIANTS, "truth"):
        values = np.abs([row.log_ratio for row in rows if row.variant == name and row.log_ratio is not None])
        if len(values):
            over = ", ".join(f"over {limit}: {int((values > limit).sum())}" for limit in LIMITS)
            median = f"median |ln| {np.median(values):.3f}"
            print(f"{name:14} {len(values)} compared, {median}, {over}, worst {values.max():.2f}")
    outside = [row for row in rows if row.log_ratio is not None and row.sigma is not None]
    outside = [row for row in outside if abs(row.log_ratio or 0) > max(LIMITS[1], 3 * (row.sigma or 0))]
    print(f"over {LIMITS[1]} and outside three standard deviations: {len(outside)}")
    refused = [row for row in rows if row.outcome.startswith("refused")]
    apart = [row for row in rows if " against " in row.outcome]
    solves = sum(row.variant != "truth" for row in rows)
    print(f"{solves} solves, {len(refused)} refused, {len(apart)} with another class than the whole clip or the truth")
    whole = [row for row in rows if row.variant == "whole"]
    lost = {row.clip for row in whole if row.outcome.startswith("refused")}
    found = lost & {row.clip for row in rows if row.outcome == "solved"}
    print(f"{len(whole)} whole clips, {len(lost)} refused; of these {len(found)} have a variant that is solved")


def draw(rows: Sequence[Comparison], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    names = list(dict.fromkeys(row.clip for row in rows))
    figure, axes = pyplot.subplots(figsize=(8, 1.2 + 0.3 * len(names)), layout="constrained")
    for name, marker in zip((*VARIANTS, "truth"), "o^vs*", strict=True):
        mine = [row for row in rows if row.variant == name and row.log_ratio is not None]
        axes.plot(
            [row.log_ratio for row in mine], [names.index(row.clip) for row in mine], marker, label=name, alpha=0.7
        )
    axes.axvspan(-LIMITS[1], LIMITS[1], color="0.9", zorder=0)
    axes.set_yticks(range(len(names)), names)
    axes.set_xlabel("ln of P, over that of the whole clip")
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=130)


def given_clips(folders: Sequence[Path], longest: int) -> Iterator[Labelled]:
    for path in clips(folders):
        for label, grey in shots(path, longest):
            yield label, grey, None


def rendered_clips(count: int, seed: int, only: str) -> Iterator[Labelled]:
    with tempfile.TemporaryDirectory() as folder:
        for path, truth in film_set(Path(folder), seed, count, only):
            yield path.stem, list(read_footage(path).grey), truth


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, help="folders of clips, or clips")
    parser.add_argument("--frames", type=int, default=160, help="of a longer clip, its first so many frames")
    parser.add_argument("--rendered", type=int, help="film so many clips of every kind; one where no folder is given")
    parser.add_argument("--seed", type=int, default=0, help="of the clips that are filmed")
    parser.add_argument("--only", default="", help="kinds of filmed clips whose name holds this")
    options = parser.parse_args()
    rows: list[Comparison] = []
    each = options.rendered if options.rendered is not None else int(not options.folders)
    filmed = rendered_clips(each, options.seed, options.only) if each else ()
    for label, grey, truth in chain(given_clips(options.folders, options.frames), filmed):
        with tempfile.TemporaryDirectory() as work:
            for row in run(label, grey, Path(work), truth):
                rows.append(row)
                ratio = "" if row.log_ratio is None else f"{row.log_ratio:+.3f}"
                sigma = "" if row.log_ratio is None else f"+- {row.sigma:.3f}"
                figures = f"{row.seconds:6.1f} s {ratio:>8} {sigma:>8}"
                print(f"{row.clip:36} {row.variant:13} {figures}  {row.outcome}", flush=True)
    summarise(rows)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / "consistency.json").write_text(json.dumps([asdict(row) for row in rows], indent=1))
    draw(rows, RESULTS / "consistency.png")


if __name__ == "__main__":
    main()
