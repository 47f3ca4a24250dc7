"""The main job in a real Blender, through the product's own operators, commands, wire and worker.

Reference clip -> solved from pixels -> scene measured -> calibrated camera keyed -> shot, picture and depth map over
ZeroMQ to a backend in another process -> video -> strip in the sequencer. Then the result is checked by means that the
job itself does not use: an independent depth pass of the scene, and a second solve of the video that came back.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PARASCALE = Path(sys.executable).with_name("parascale")
SIZE = (832, 480)
FPS = 16


def main() -> int:
    """Run the demo; return the exit status."""
    options = parse_options()
    folder = options.output.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    subprocess.run(["make", "--silent", "build/zips/ready"], cwd=ROOT, check=True)
    send_libraries_to(folder / "blender.log")
    install_addon(folder)
    bpy = blender()
    try:
        round_trip(folder, options)
    except RuntimeError as error:  # how bpy hands on an operator's report
        print(f"demo: {str(error).removeprefix('Error: ').strip()}", file=sys.stderr)
        return 3
    finally:
        if bpy.ops.parascale.stop_backend.poll():
            bpy.ops.parascale.stop_backend()
    print(f"The job took {time.monotonic() - started:.0f} s; everything is in {options.output}/")
    return 0


def parse_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--output", type=Path, default=Path("demo"))
    parser.add_argument("--reference", type=Path, help="a clip of your own instead of the rendered fly-by")
    parser.add_argument("--scene", type=Path, help="a .blend of your own instead of the desk")
    parser.add_argument("--start", type=int, default=0, help="first frame of the clip")
    parser.add_argument("--end", type=int, default=0, help="the frame after the last; 0 is the end")
    return parser.parse_args()


def send_libraries_to(log: Path) -> None:
    """Keep the terminal for our own lines: Blender itself prints one for every picture it renders."""
    sys.stdout = os.fdopen(os.dup(1), "w", buffering=1)
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1)
    with log.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def blender() -> Any:
    """Import Blender, once its folders are set; its stubs know nothing of the add-on's operators."""
    import bpy

    return bpy


def install_addon(folder: Path) -> None:
    """Install the extension's zip into a Blender of its own, as a user would."""
    resources = folder / ".blender"
    shutil.rmtree(resources, ignore_errors=True)
    os.environ["BLENDER_USER_RESOURCES"] = str(resources)
    bpy = blender()
    build = "cp311" if sys.version_info < (3, 12) else "abi3"
    (archive,) = (ROOT / "build" / "zips").glob(f"*{build}*.zip")
    bpy.ops.extensions.package_install_files(filepath=str(archive), repo="user_default", enable_on_install=True)
    preferences = bpy.context.preferences.addons["bl_ext.user_default.parascale"].preferences
    preferences.executable = str(PARASCALE)


def round_trip(folder: Path, options: argparse.Namespace) -> None:
    """Do the job, then check it by means the job itself does not use."""
    from parascale.files.shot_file import shot_from_json, write_shot

    bpy = blender()
    clip, truth = options.reference, None
    if clip is None:
        print("Rendering the reference: a flight over a moon")
        clip, truth = render_reference(folder / "reference.mp4")
    open_target(options.scene)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "desk.blend"))

    print(f"Solving {clip.name} from its pixels alone")
    started = time.monotonic()
    bpy.ops.parascale.solve_clip(filepath=str(clip.resolve()), start=options.start, end=options.end)
    solve_seconds = time.monotonic() - started
    print("Measuring the scene, calibrating and keying the camera")
    bpy.ops.parascale.create_camera()
    print("Generating through the backend")
    bpy.ops.parascale.generate()
    bpy.ops.wm.save_mainfile()

    print("Checking: an independent depth pass of the scene, and the result solved again")
    scene = bpy.context.scene
    reference = shot_from_json(scene.parascale.reference.parascale.text.as_string())
    result, holes = take_result(scene, folder / "result.mp4")
    asked = measured(sampled(scene, reference, result), scene)
    raw = measured(replayed_raw(asked, reference if truth is None else truth), scene)
    for name, shot in (("reference", reference), ("asked", asked), ("raw", raw)):
        write_shot(shot, folder / f"{name}.shot.json")
    asking = ["--against", folder / "asked.shot.json", "--masks", holes, "-o", folder / "realised.shot.json"]
    verified = parascale("verify", folder / "result.mp4", *asking)
    summary = {
        "pce_asked": parascale("metrics", folder / "asked.shot.json", folder / "reference.shot.json")["pce"],
        "pce_realised": verified["pce"],
        "pce_raw": parascale("metrics", folder / "raw.shot.json", folder / "reference.shot.json")["pce"],
        "frames": len(asked),
        "solve_seconds": round(solve_seconds, 2),
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=2) + "\n")
    draw(folder, clip, summary)
    tell(summary, asked, folder)


def render_reference(path: Path) -> tuple[Path, Any]:
    """Render the flight; return the clip and its true trajectory in metres, which the job never sees."""
    from parascale.blender.camera import trajectory_of_camera
    from parascale.blender.render import render_clip
    from parascale.blender.scenes.cosmos import animate_flyby, build_cosmos

    bpy = blender()
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    build_cosmos(scene)
    scene.render.fps = FPS
    animate_flyby(scene)
    render_clip(scene, path, SIZE, (scene.frame_start, scene.frame_end + 1), FPS)
    frames = scene.frame_end + 1 - scene.frame_start
    return path, trajectory_of_camera(scene, scene.camera, [frame / FPS for frame in range(frames)])


def open_target(path: Path | None) -> None:
    """Open the user's scene, or build the desk."""
    from parascale.blender.scenes.desk import build_desk

    bpy = blender()
    if path is not None:
        bpy.ops.wm.open_mainfile(filepath=str(path.resolve()))
        return
    bpy.ops.wm.read_homefile(use_empty=True)
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y = SIZE
    render.fps = 24
    bpy.context.scene.parascale.workbench = True
    build_desk(bpy.context.scene)


def take_result(scene: Any, path: Path) -> tuple[dict[str, Any], Path]:
    """Copy the video behind the new strip; return what the strip says of it, and the mask of what was made up."""
    from parascale.blender.strips import request_of, strips_of
    from parascale.blender.untyped import untyped

    strip, request = untyped(next((strip, request) for strip in strips_of(scene) if (request := request_of(strip))))
    video = Path(blender().path.abspath(strip.filepath))
    shutil.copyfile(video, path)
    return request["result"], video.with_name("hole_mask.mp4")


def sampled(scene: Any, reference: Any, result: dict[str, Any]) -> Any:
    """Sample the keyed camera at the times of the result's frames, as Blender evaluates it; no depth yet."""
    import numpy as np

    from parascale.blender.camera import trajectory_of_camera
    from parascale.camera import Trajectory
    from parascale.camera.intrinsics import scale_intrinsics
    from parascale.parallax.shot import Shot

    times = np.arange(result["frames"]) / result["fps"]
    path = trajectory_of_camera(scene, scene.camera, times)
    size = (result["width"], result["height"])
    trajectory = Trajectory(path.camera_to_world, scale_intrinsics(path.intrinsics, path.size, size), times, *size)
    return Shot(f"{reference.name} asked", result["fps"], trajectory, np.full(len(times), np.nan))


def replayed_raw(asked: Any, path: Any) -> Any:
    """Replay a path unit for unit from the same start: what happens without calibration."""
    from parascale.camera import View
    from parascale.parallax.realise import realise

    path = getattr(path, "trajectory", path)
    start = asked.trajectory.view(0)
    anchor = View(start.camera_to_world, start.intrinsics, start.width, start.height)
    return replace(asked, name="raw", trajectory=realise(path, anchor, [1.0] * (len(path) - 1)), frames=None)


def measured(shot: Any, scene: Any) -> Any:
    """Measure a path's depth by Cycles at full resolution; where no surface is left in view, the last depth stands."""
    import numpy as np

    from parascale.blender.render import z_medians
    from parascale.parallax.gains import fill_gaps

    seen = z_medians(scene, shot.trajectory, range(len(shot)), shot.trajectory.size)
    return replace(shot, median_depth=fill_gaps(seen, np.nan))


def parascale(*arguments: object) -> dict[str, Any]:
    """Run a command of the package in a process of its own and return what it prints."""
    command = [str(PARASCALE), *map(str, arguments), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr)
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


def draw(folder: Path, clip: Path, summary: dict[str, Any]) -> None:
    """Draw the report in a process of its own: Blender's Python has no Matplotlib."""
    title = (
        f"Asked P against the reference: PCE {summary['pce_asked']:.3f}     "
        f"realised against asked: {summary['pce_realised']:.3f}     uncalibrated: {summary['pce_raw']:.1f}"
    )
    shots = [str(folder / f"{name}.shot.json") for name in ("reference", "asked", "realised")]
    videos = [str(clip), str(folder / "result.mp4")]
    command = [sys.executable, "-m", "parascale.evaluation.report", *shots, *videos, str(folder / "report.png"), title]
    subprocess.run(command, check=True)


def tell(summary: dict[str, Any], asked: Any, folder: Path) -> None:
    """Print P asked against P realised, for raw and closed-loop."""
    from parascale.files.shot_file import read_shot

    shots = {name: read_shot(folder / f"{name}.shot.json") for name in ("reference", "raw", "realised")}
    print("\nParallax Number at   first    middle   last frame    mean |ln| against")
    rows = (
        ("reference", shots["reference"], ""),
        ("raw, asked", shots["raw"], f"the reference: {summary['pce_raw']:.3f}"),
        ("closed-loop, asked", asked, f"the reference: {summary['pce_asked']:.3f}"),
        ("closed-loop, realised", shots["realised"], f"what was asked: {summary['pce_realised']:.3f}"),
    )
    for name, shot, error in rows:
        p = shot.parallax_number
        print(f"  {name:22} {p[0]:<9.4g}{p[len(p) // 2]:<9.4g}{p[-1]:<14.4g}{error}")


if __name__ == "__main__":
    sys.exit(main())
