"""Sets of photos beside pycolmap's own pipeline: `python tests/benchmarks/bench_photo_sets.py [--sets 0 3]`.

The ten made sets of `photo_sets.py`, and the fountain with `--fountain`, lens unknown to both. Pycolmap's pipeline is
`extract_features`, `match_exhaustive` and `incremental_mapping` with their defaults but for one pinhole camera, as many
features a photo as ours takes of large ones, and no GPU. ATE is the root mean square distance of the centres after the
best similarity, in thousandths of the extent of the true centres (their root mean square distance from their middle),
since sets without an order have no path. Rows are added to build/benchmarks/photo_sets.json, so that sets may be run
one at a time; `--table` prints all that is kept.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pycolmap
from bench_solve import fountain
from photo_sets import KINDS, SIZE, PhotoSet, photograph

from parascale.camera.alignment import align_similarity
from parascale.errors import InputError
from parascale.solve import solve
from parascale.solve.tracking.features import MAX_FEATURES
from parascale.types import Array

RESULTS = Path(__file__).parents[2] / "build" / "benchmarks" / "photo_sets.json"
MAX_RATIO = 1.2


def ate(own: Array, true: Array) -> float:
    """Thousandths of the extent of the true centres (N, 3)."""
    moved = align_similarity(own, true).apply(own)
    extent = np.sqrt(((true - true.mean(axis=0)) ** 2).sum(axis=1).mean())
    return float(1000 * np.sqrt(((moved - true) ** 2).sum(axis=1).mean()) / extent)


def run_ours(photos: PhotoSet) -> dict[str, Any]:
    began = time.process_time()
    try:
        shot = solve(photos.path, threads=1)
    except InputError as error:
        return {"refused": str(error), "seconds": time.process_time() - began}
    seconds = time.process_time() - began
    frames = shot.frames
    assert frames is not None
    matched = "matched by their features" in str(shot.quality.get("notices"))
    return {
        "photos": len(frames),
        "placed": frames.tolist(),
        "ate": ate(shot.trajectory.centres, photos.camera_to_world[frames, :3, 3]),
        "focal": float(shot.trajectory.intrinsics[0, 0] / photos.intrinsics[0] - 1),
        "matched": matched,
        "seconds": seconds,
    }


def run_stock(photos: PhotoSet, work: Path) -> dict[str, Any]:
    began = time.process_time()
    database, out = work / "database.db", work / "map"
    out.mkdir()
    extraction = pycolmap.FeatureExtractionOptions(use_gpu=False, num_threads=1)
    extraction.sift.max_num_features = MAX_FEATURES
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = "SIMPLE_PINHOLE"
    pycolmap.extract_features(
        database,
        photos.path,
        camera_mode=pycolmap.CameraMode.SINGLE,
        reader_options=reader,
        extraction_options=extraction,
    )
    pycolmap.match_exhaustive(database, matching_options=pycolmap.FeatureMatchingOptions(use_gpu=False, num_threads=1))
    options = pycolmap.IncrementalPipelineOptions(num_threads=1, random_seed=0, multiple_models=False)
    scenes = pycolmap.incremental_mapping(database, photos.path, out, options)
    seconds = time.process_time() - began
    if not scenes:
        return {"refused": "no map", "seconds": seconds}
    scene = max(scenes.values(), key=lambda each: each.num_reg_images())
    names = sorted(path.name for path in photos.path.iterdir())
    placed = {names.index(scene.image(n).name): scene.image(n).projection_center() for n in scene.reg_image_ids()}
    frames = sorted(placed)
    return {
        "photos": len(frames),
        "placed": frames,
        "ate": ate(np.array([placed[frame] for frame in frames]), photos.camera_to_world[frames, :3, 3]),
        "focal": float(scene.cameras[1].params[0] / photos.intrinsics[0] - 1),
        "seconds": seconds,
    }


def measure(name: str, photos: PhotoSet) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as work:
        return {
            "set": name,
            "total": len(photos.camera_to_world),
            "ours": run_ours(photos),
            "stock": run_stock(photos, Path(work)),
        }


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["| set | photos | ours: photos | ATE | focal | CPU s | pycolmap: photos | ATE | focal | CPU s | ratio |"]
    lines.append("| --- " * 11 + "|")
    for row in rows:
        cells = [row["set"], str(row["total"])]
        for method in ("ours", "stock"):
            own = row[method]
            if "refused" in own:
                cells += ["refused", "-", "-", f"{own['seconds']:.0f}"]
            else:
                count = f"{own['photos']}{'' if own.get('matched', True) else ', followed'}"
                cells += [count, f"{own['ate']:.2f}", f"{own['focal']:+.2%}", f"{own['seconds']:.0f}"]
        cells.append(f"{row['ours']['ate'] / row['stock']['ate']:.2f}" if _place_the_same(row) else "-")
        lines.append("| " + " | ".join(cells) + " |")
    solved, alike = [row for row in rows if "ate" in row["ours"]], [row for row in rows if _place_the_same(row)]
    within = [row for row in alike if row["ours"]["ate"] <= MAX_RATIO * row["stock"]["ate"]]
    told = f"{len(solved)} solved; {len(alike)} where pycolmap places the same photos, {len(within)} of these within"
    lines.append(f"\n{len(rows)} sets, {told} {MAX_RATIO} of its ATE")
    return "\n".join(lines)


def _place_the_same(row: dict[str, Any]) -> bool:
    """Whether both place the same photos: only then do their errors compare."""
    return "placed" in row["ours"] and row["ours"]["placed"] == row["stock"].get("placed")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", nargs="*", type=int, default=list(range(len(KINDS))), help="numbers of made sets")
    parser.add_argument("--fountain", action="store_true", help="the fountain's eleven photos too")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--width", type=int, default=SIZE[0], help="of the made photos; smaller ones take less time")
    parser.add_argument("--work", type=Path, help="folder for the photos, kept for a later run")
    parser.add_argument("--table", action="store_true", help="print what is kept, and leave")
    options = parser.parse_args()
    pycolmap.logging.minloglevel = pycolmap.logging.Level.FATAL.value
    kept = {row["set"]: row for row in (json.loads(RESULTS.read_text()) if RESULTS.exists() else [])}
    if not options.table:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as scratch:
            folder = options.work or Path(scratch)
            smaller = f", {options.width} wide" if options.width != SIZE[0] else ""
            chosen = [(f"{KINDS[n][0]}, seed {options.seed}{smaller}", n) for n in options.sets]
            for name, number in [*chosen, *([("fountain", -1)] if options.fountain else [])]:
                photos = _fountain() if number < 0 else _made(number, folder, options.seed, options.width)
                kept[name] = measure(name, photos)
                RESULTS.write_text(json.dumps(list(kept.values()), indent=1))
                print(json.dumps(kept[name]), flush=True)
    print(table(list(kept.values())))


def _made(number: int, work: Path, seed: int, width: int) -> PhotoSet:
    """Take a made set from a folder of an earlier run, or make it."""
    folder = work / f"{seed}-{number}-{width}"
    truth = folder.with_suffix(".npz")
    if not truth.exists():
        made = photograph(number, folder, seed, (width, width * SIZE[1] // SIZE[0]))
        np.savez(truth, intrinsics=made.intrinsics, poses=made.camera_to_world)
    known = np.load(truth)
    return PhotoSet(folder, known["intrinsics"], known["poses"])


def _fountain() -> PhotoSet:
    clip = fountain(Path())
    assert clip.intrinsics is not None
    assert clip.camera_to_world is not None
    return PhotoSet(clip.path, clip.intrinsics, clip.camera_to_world)


if __name__ == "__main__":
    main()
