"""A solve beside the stock pycolmap pipeline: `python tests/benchmarks/bench_solve.py [CLIP ...] [--only ours]`.

Stock is SIFT with 1024 features at 640 pixels, sequential matching with an overlap of 6, and either mapper. Every run
is a process of its own, timed from after its imports: stock without writing its pictures, ours with decoding the clip.
On a machine that does other things besides, CPU seconds say more.
ATE is the root mean square of the centres after the best similarity, in % of the path's length. Of the steps' lengths
after the same similarity: the mean |ln| against the truth where it is at least 4e-3 of the depth (of all steps where
the depth is not known), and the median of the difference over the true median depth. Results are kept in
build/benchmarks/solve.json, so that clips may be run in parts, and drawn beside it as solve.png.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from renderer import load_renderer

from parascale.types import Array

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("PARASCALE_TESTDATA", ROOT.parent / "shared" / "data"))
RESULTS = ROOT / "build" / "benchmarks"
METHODS = ("ours", "incremental", "global")
COLOURS = dict(zip(METHODS, ("#2e7d5b", "#d08770", "#5e81ac"), strict=True))
MOVES = ("arc", "dolly-in", "dolly-out", "truck", "crane", "orbit", "handheld")
SIDE, FEATURES, OVERLAP = 640, 1024, 6
FEWEST_P = 4e-3


@dataclass(frozen=True, eq=False)
class Clip:
    """A reference and what is known of it: fx fy cx cy in pixels, poses (T, 4, 4), median z-depth (T,)."""

    path: Path
    intrinsics: Array | None = None
    camera_to_world: Array | None = None
    median_depth: Array | None = None
    start: int = 0
    end: int | None = None


def living_room(_: Path) -> Clip:
    import cv2

    folder = DATA / "icl_livingroom49"
    lines = (folder / "trajectory.log").read_text().splitlines()
    poses = np.loadtxt([line for number, line in enumerate(lines) if number % 5]).reshape(-1, 4, 4)
    maps = [cv2.imread(str(file), cv2.IMREAD_UNCHANGED) for file in sorted((folder / "depth").glob("*.png"))]
    depth = np.array([np.median(each[each > 0]) / 1000 for each in maps])
    return Clip(folder / "image", np.array([525.0, 525.0, 319.5, 239.5]), poses, depth)


def kitti(_: Path) -> Clip:
    folder = DATA / "kitti00_20"
    rows = np.loadtxt(folder / "poses_c2w.txt").reshape(-1, 3, 4)
    return Clip(folder / "image", np.array([718.856, 718.856, 607.19, 185.2]), _square(rows))


def fountain(_: Path) -> Clip:
    folder = DATA / "fountain_p11"
    poses, lens = [], np.zeros(4)
    for file in sorted((folder / "gt_dense_cameras").glob("*.camera")):
        values = np.fromstring(file.read_text(), sep=" ")
        lens = values[[0, 4, 2, 5]] / 3
        poses.append(np.column_stack([values[12:21].reshape(3, 3), values[21:24]]))
    return Clip(folder / "images", lens, _square(np.array(poses)))


def re10k(name: str) -> Callable[[Path], Clip]:
    def load(_: Path) -> Clip:
        rows = np.loadtxt(DATA / "re10k" / "pose" / f"{name}.txt", skiprows=1)
        lens = rows[0, [1, 2, 3, 4]] * [384, 256, 384, 256]
        poses = np.linalg.inv(_square(rows[:, 7:].reshape(-1, 3, 4)))
        return Clip(DATA / "re10k" / "video" / f"{name}.mp4", lens, poses)

    return load


def tum(_: Path) -> Clip:
    import cv2
    from scipy.spatial.transform import Rotation

    folder = DATA / "rgbd_tum5"
    rows = np.loadtxt(folder / "pose.txt")
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3, :3], poses[:, :3, 3] = Rotation.from_quat(rows[:, 3:]).as_matrix(), rows[:, :3]
    maps = [cv2.imread(str(folder / "depth" / f"{n + 1}.pgm"), cv2.IMREAD_UNCHANGED) for n in range(len(rows))]
    depth = np.array([np.median(each[each > 0]) / 1000 for each in maps])
    return Clip(folder / "color", None, poses, depth)


def film(kind: str) -> Callable[[Path], Clip]:
    """Render a move of 81 frames, once a folder."""

    def load(work: Path) -> Clip:
        path, truth = work / f"{kind}.mp4", work / f"{kind}.npz"
        if not truth.exists():
            rendered = load_renderer()
            clip = rendered.film(path, rendered.Camera(rendered.courtyard()), rendered.move(kind))
            np.savez(truth, lens=clip.intrinsics, poses=clip.camera_to_world, depth=clip.median_depth)
        known = np.load(truth)
        return Clip(path, known["lens"], known["poses"], known["depth"])

    return load


def long_hd(work: Path) -> Clip:
    """Film 300 frames 1920x1080, the pictures enlarged from half that size: for time and memory, not for accuracy."""
    import av
    import cv2

    path, truth = work / "long-hd.mp4", work / "long-hd.npy"
    if not truth.exists():
        rendered = load_renderer()
        camera, poses = rendered.Camera(rendered.courtyard(), (960, 540), 800.0), rendered.move("handheld", 300)
        with av.open(str(path), "w") as container:
            stream = container.add_stream("libx264", rate=24, options={"crf": "16", "preset": "veryfast"})
            stream.width, stream.height, stream.pix_fmt = 1920, 1080, "yuv420p"
            for pose in poses:
                picture = cv2.resize(camera.picture(pose)[0], (1920, 1080), interpolation=cv2.INTER_CUBIC)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode())
        np.save(truth, poses)
    return Clip(path, np.array([1600.0, 1600.0, 960.0, 540.0]), np.load(truth))


def _square(rows: Array) -> Array:
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3] = rows
    return poses


CLIPS: dict[str, Callable[[Path], Clip]] = {
    "living-room": living_room,
    "kitti": kitti,
    "fountain": fountain,
    **{f"re10k-{path.stem[:6]}": re10k(path.stem) for path in sorted((DATA / "re10k" / "pose").glob("*.txt"))},
    "tum": tum,
    "street-walk": lambda _: Clip(DATA / "clips" / "street_walk_generated.mp4"),
    "bikes-30-76": lambda _: Clip(DATA / "clips" / "bikes.mp4", start=30, end=76),
    "dog-follow": lambda _: Clip(DATA / "clips" / "dog_follow_generated.mp4"),
    **{f"rendered-{kind}": film(kind) for kind in MOVES},
}
# Run only where named in full.
EXTRA: dict[str, Callable[[Path], Clip]] = {"long-hd": long_hd}


# What a child does.


@dataclass(frozen=True, eq=False)
class Found:
    """What came out of a run: which frames of the range, their poses, their median depth where told, and seconds."""

    frames: NDArray[np.int64]
    camera_to_world: Array
    median_depth: Array | None
    seconds: dict[str, float]


def run_ours(clip: Clip, _: Path) -> Found:
    from parascale.solve import solve

    began, spent = time.perf_counter(), time.process_time()
    shot = solve(clip.path, intrinsics=clip.intrinsics, start=clip.start, end=clip.end)
    seconds = {"wall": time.perf_counter() - began, "cpu": time.process_time() - spent}
    assert shot.frames is not None
    depth = shot.median_depth if shot.motion_class == "general" else None
    return Found(shot.frames - clip.start, shot.trajectory.camera_to_world, depth, seconds)


def run_stock(mapper: str) -> Callable[[Clip, Path], Found]:
    def run(clip: Clip, work: Path) -> Found:
        told = work / "matched.json"
        if not told.exists():
            told.write_text(json.dumps(_match(clip, work)))
        return _map(clip, work, mapper, json.loads(told.read_text()))

    return run


def _write_pictures(clip: Clip, folder: Path) -> tuple[float, int, int]:
    """Write the pictures stock works on; their scale and size."""
    import cv2

    from parascale.media.frames import read_frames

    folder.mkdir(parents=True)
    scale, size = 1.0, (0, 0)
    for number, _, picture in read_frames(clip.path):
        if number < clip.start or (clip.end is not None and number >= clip.end):
            continue
        scale = min(SIDE / max(picture.shape[:2]), 1.0)
        small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA) if scale < 1 else picture
        size = small.shape[1], small.shape[0]
        # JPEG, as once pycolmap is loaded OpenCV's PNG writer aborts.
        cv2.imwrite(str(folder / f"{number - clip.start:05}.jpg"), small[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])
    return scale, *size


def _match(clip: Clip, work: Path) -> dict[str, float]:
    """Extract and match features, once for both mappers; what it took."""
    import pycolmap

    scale, width, height = _write_pictures(clip, work / "images")
    threads = os.cpu_count() or 1
    lens = None if clip.intrinsics is None else clip.intrinsics * scale
    reader = pycolmap.ImageReaderOptions()
    reader.camera_model = "SIMPLE_PINHOLE" if lens is None else "PINHOLE"
    # Unknown, COLMAP's own guess, but as one it trusts: else most pairs of a video pass as planar and stay out.
    guess = [1.2 * max(width, height), width / 2, height / 2]
    reader.camera_params = ",".join(str(float(value)) for value in (guess if lens is None else lens))
    extraction = pycolmap.FeatureExtractionOptions(use_gpu=False, num_threads=threads)
    extraction.sift.max_num_features = FEATURES
    began, spent = time.perf_counter(), time.process_time()
    pycolmap.extract_features(
        work / "database.db",
        work / "images",
        camera_mode=pycolmap.CameraMode.SINGLE,
        reader_options=reader,
        extraction_options=extraction,
    )
    pycolmap.match_sequential(
        work / "database.db",
        matching_options=pycolmap.FeatureMatchingOptions(use_gpu=False, num_threads=threads),
        pairing_options=pycolmap.SequentialPairingOptions(overlap=OVERLAP, loop_detection=False),
    )
    return {"wall": time.perf_counter() - began, "cpu": time.process_time() - spent}


def _map(clip: Clip, work: Path, mapper: str, matched: dict[str, float]) -> Found:
    import pycolmap

    options = (_incremental if mapper == "incremental" else _global)(
        os.cpu_count() or 1, refine=clip.intrinsics is None
    )
    map_images = pycolmap.incremental_mapping if mapper == "incremental" else pycolmap.global_mapping
    out = work / mapper
    out.mkdir(exist_ok=True)
    began, spent = time.perf_counter(), time.process_time()
    scenes = map_images(work / "database.db", work / "images", out, options)
    wall, cpu = time.perf_counter() - began, time.process_time() - spent
    seconds = {"wall": matched["wall"] + wall, "cpu": matched["cpu"] + cpu, "mapping": wall}
    placed: dict[int, Array] = {}
    if scenes:
        scene = max(scenes.values(), key=lambda each: each.num_reg_images())
        for number in scene.reg_image_ids():
            image = scene.image(number)
            placed[int(Path(image.name).stem)] = image.world_to_camera().inverse().matrix()
    frames = sorted(placed)
    poses = _square(np.array([placed[frame] for frame in frames]).reshape(-1, 3, 4))
    return Found(np.array(frames, np.int64), poses, None, seconds)


def _incremental(threads: int, *, refine: bool) -> Any:
    import pycolmap

    options = pycolmap.IncrementalPipelineOptions(
        num_threads=threads,
        random_seed=0,
        multiple_models=False,
        min_model_size=3,
        ba_refine_focal_length=refine,
        ba_refine_extra_params=False,
    )
    options.mapper.init_min_tri_angle = 4
    return options


def _global(threads: int, *, refine: bool) -> Any:
    import pycolmap

    options = pycolmap.GlobalPipelineOptions(num_threads=threads, random_seed=0)
    options.mapper.global_positioning.use_gpu = False
    options.mapper.bundle_adjustment.ceres.use_gpu = False
    options.mapper.bundle_adjustment.refine_focal_length = refine
    options.mapper.bundle_adjustment.refine_extra_params = False
    return options


RUNS: dict[str, Callable[[Clip, Path], Found]] = {
    "ours": run_ours,
    "incremental": run_stock("incremental"),
    "global": run_stock("global"),
}


def child(method: str, name: str, work: Path, *, lens: bool) -> None:
    """Run one method on one clip and write its row."""
    import pycolmap

    import parascale.solve  # noqa: F401 - its imports are no part of the time
    from parascale.errors import InputError

    pycolmap.logging.minloglevel = pycolmap.logging.Level.FATAL.value

    clip = _loaded(name, work, lens=lens)
    total = _count(clip)
    row: dict[str, Any] = {"clip": name, "method": method, "total": total, "frames": 0}
    start, spent = time.perf_counter(), time.process_time()
    try:
        found = RUNS[method](clip, work / f"{name}{'' if lens else '-no-lens'}")
    except InputError as error:
        seconds = {"wall": time.perf_counter() - start, "cpu": time.process_time() - spent}
        row |= seconds | {"refused": str(error)}
    else:
        row |= found.seconds | {"frames": len(found.frames)} | errors(found, clip)
    print("ROW " + json.dumps(row))


def _loaded(name: str, work: Path, *, lens: bool) -> Clip:
    clip = (CLIPS | EXTRA)[name](work)
    return clip if lens else Clip(clip.path, None, clip.camera_to_world, clip.median_depth, clip.start, clip.end)


def _count(clip: Clip) -> int:
    from parascale.media.frames import open_frames

    frames = open_frames(clip.path).info.frames
    return min(clip.end or frames, frames) - clip.start


def errors(found: Found, clip: Clip) -> dict[str, float]:
    """Hold a path against the truth, where there is one."""
    from parascale.camera.alignment import align_similarity

    if clip.camera_to_world is None or len(found.frames) < 3:
        return {}
    true = clip.camera_to_world[found.frames, :3, 3]
    own = found.camera_to_world[:, :3, 3]
    if not np.ptp(own, axis=0).any():
        return {}
    fit = align_similarity(own, true)
    steps = np.linalg.norm(np.diff(true, axis=0), axis=1)
    moved = fit.apply(own)
    told = np.linalg.norm(np.diff(moved, axis=0), axis=1)
    result = {"ate": 100 * float(np.sqrt(((moved - true) ** 2).sum(axis=1).mean()) / steps.sum())}
    logs = np.abs(np.log(np.maximum(told, 1e-12) / np.maximum(steps, 1e-12)))
    if clip.median_depth is None:
        return result | {"baseline_log": float(logs.mean())}
    depth = clip.median_depth[found.frames]
    share = steps / depth[:-1]
    if (share >= FEWEST_P).any():
        result["baseline_log"] = float(logs[share >= FEWEST_P].mean())
    off = np.abs(told - steps) / depth[:-1]
    result |= {"baseline_off": float(np.median(off)), "baseline_off_95": float(np.quantile(off, 0.95))}
    if found.median_depth is not None:
        result["depth_log"] = float(np.nanmean(np.abs(np.log(fit.scale * found.median_depth / depth))))
    return result


# What the parent does.


def measure(method: str, name: str, work: Path, *, lens: bool) -> dict[str, Any]:
    """Run a child to its end; what it took as the system counted it."""
    command = [sys.executable, __file__, name, "--work", str(work), "--child", method]
    process = subprocess.Popen(command + ([] if lens else ["--no-lens"]), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    lines = process.stdout.read().splitlines()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    rows = [line.removeprefix("ROW ") for line in lines if line.startswith("ROW ")]
    row: dict[str, Any] = {"clip": name, "method": method, "frames": 0, "total": 0, "refused": "the process died"}
    if rows:
        row = json.loads(rows[-1])
    return row | {"megabytes": usage.ru_maxrss / 1024, "lens": lens}


HEAD = (
    f"{'clip':18} {'method':12} {'frames':>8} {'wall s':>7} {'x ours':>6} {'CPU s':>7} {'x ours':>6} {'MB':>5} "
    f"{'ATE %':>7} {'ln b':>7} {'b/Z off':>8} {'95 %':>8} {'ln Z':>6}"
)


def told(row: dict[str, Any], ours: dict[str, Any]) -> str:
    """One line of the table."""

    def number(key: str, form: str, width: int) -> str:
        return f"{row[key]:{form}}".rjust(width) if key in row else "-".rjust(width)

    wall, cpu = (f"{row[k] / ours[k]:.1f}" if k in row and k in ours else "-" for k in ("wall", "cpu"))
    line = (
        f"{row['clip']:18} {row['method']:12} {row['frames']:>3}/{row['total']:<4} "
        f"{number('wall', '.2f', 7)} {wall:>6} {number('cpu', '.2f', 7)} {cpu:>6} "
        f"{row['megabytes']:5.0f} {number('ate', '.3f', 7)} "
        f"{number('baseline_log', '.4f', 7)} {number('baseline_off', '.1e', 8)} {number('baseline_off_95', '.1e', 8)} "
        f"{number('depth_log', '.3f', 6)}"
    )
    return line + (f"  {row['refused']}" if "refused" in row else "")


def kept(file: Path) -> dict[tuple[str, str], dict[str, Any]]:
    rows = json.loads(file.read_text()) if file.exists() else []
    return {(row["clip"], row["method"]): row for row in rows}


def draw(rows: dict[tuple[str, str], dict[str, Any]], path: Path) -> None:
    """Draw seconds, ATE and baseline error of every clip as bars on a logarithmic scale."""
    from matplotlib.figure import Figure

    names = [name for name in CLIPS | EXTRA if any(clip == name for clip, _ in rows)]
    figure = Figure(figsize=(14, 1.6 + 0.45 * len(names)), layout="constrained", facecolor="white")
    panels: Any = figure.subplots(1, 3, sharey=True)
    what = (
        ("wall", "seconds", "Time"),
        ("ate", "% of the path's length", "Error of the path (ATE)"),
        ("baseline_log", "mean |ln|", "Error of the steps"),
    )
    for axes, (key, label, title) in zip(panels, what, strict=True):
        for place, method in enumerate(METHODS):
            for number, name in enumerate(names):
                row = rows.get((name, method), {})
                y = number + 0.27 * (place - 1)
                if key in row:
                    axes.barh(y, row[key], 0.24, color=COLOURS[method], label=method)
                    missing = row["total"] - row["frames"]
                    if key == "wall" and missing:
                        lost = "refused" if "refused" in row else f"{missing} missing"
                        axes.annotate(f" {lost}", (row[key], y), va="center", fontsize=7)
        axes.set(xscale="log", xlabel=label, title=title)
        low, high = np.log10(axes.get_xlim())
        axes.set_xlim(10 ** np.floor(low), 10 ** np.ceil(high))
        axes.grid(alpha=0.25, axis="x")
    panels[0].set_yticks(range(len(names)), names)
    panels[0].invert_yaxis()
    handles, labels = panels[0].get_legend_handles_labels()
    found = dict(zip(labels, handles, strict=True))
    figure.legend(found.values(), found.keys(), loc="outside upper center", ncols=3, frameon=False)
    figure.savefig(path, dpi=100)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", nargs="*", metavar="CLIP", help="names, or beginnings of names; all where none")
    parser.add_argument("--only", nargs="+", choices=METHODS, default=METHODS, help="methods to run")
    parser.add_argument("--no-lens", action="store_true", help="tell no method the lens")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--list", action="store_true", help="name the clips and leave")
    parser.add_argument("--table", action="store_true", help="print and draw what is kept of earlier runs, and leave")
    parser.add_argument(
        "--work", type=Path, help="existing folder for rendered clips and features, kept for a later run"
    )
    parser.add_argument("--child", choices=METHODS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.list:
        print(*CLIPS, *EXTRA, sep="\n")
        return
    if options.child:
        child(options.child, options.clips[0], options.work, lens=not options.no_lens)
        return
    wanted = tuple(options.clips) or ("",)
    chosen = [name for name in CLIPS if name.startswith(wanted)] + [name for name in EXTRA if name in wanted]
    if not DATA.is_dir():
        chosen = [name for name in chosen if name.startswith("rendered")]
        print(f"no real data at {DATA}: set PARASCALE_TESTDATA")
    if not chosen:
        parser.error(f"no clip is called {' or '.join(wanted)}: --list names them")
    stem = "solve-no-lens" if options.no_lens else "solve"
    options.output.mkdir(parents=True, exist_ok=True)
    results = options.output / f"{stem}.json"
    rows = kept(results)
    print(HEAD)
    with tempfile.TemporaryDirectory() as scratch:
        work = options.work or Path(scratch)
        for name in chosen:
            if not options.table:
                (CLIPS | EXTRA)[name](work)
            for method in METHODS if options.table else options.only:
                if not options.table:
                    rows[name, method] = measure(method, name, work, lens=not options.no_lens)
                    results.write_text(json.dumps(list(rows.values()), indent=1) + "\n")
                if (name, method) in rows:
                    print(told(rows[name, method], rows.get((name, "ours"), {})), flush=True)
    draw(rows, results.with_suffix(".png"))
    print(f"written: {results}, {results.with_suffix('.png')}")


if __name__ == "__main__":
    main()
