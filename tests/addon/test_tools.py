"""Retime, export, bake and compare, on calibrated cameras and on any other."""

import json
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest


def matrices(camera: bpy.types.Object, frames: range) -> np.ndarray:
    scene = bpy.context.scene
    found = []
    for frame in frames:
        scene.frame_set(frame)
        found.append(np.array(camera.matrix_world))
    return np.array(found)


@pytest.fixture
def dolly(stage: bpy.types.Scene) -> bpy.types.Object:
    """The scene's own camera, moved by three keys over 25 frames, zooming."""
    camera = stage.camera
    stage.frame_end = 25
    for frame, x in ((1, 0.0), (9, 0.2), (25, 1.6)):
        camera.location.x = x
        camera.keyframe_insert("location", frame=frame)
    for frame, lens in ((1, 50.0), (25, 70.0)):
        camera.data.lens = lens
        camera.data.keyframe_insert("lens", frame=frame)
    return camera


def reopened_without_us(another_blender: Callable[..., str], path: Path, camera: str, frames: range) -> np.ndarray:
    code = f"""
import bpy, json
bpy.ops.wm.open_mainfile(filepath={str(path)!r})
assert not hasattr(bpy.types.Scene, "parascale")
scene, camera, rows = bpy.context.scene, bpy.data.objects[{camera!r}], []
for frame in range({frames.start}, {frames.stop}):
    scene.frame_set(frame)
    rows.append([list(row) for row in camera.matrix_world])
print("FOUND", json.dumps([rows, scene.camera == camera, camera.parent is None]))
"""
    output = another_blender(code, path.parent / "without")
    (line,) = (line for line in output.splitlines() if line.startswith("FOUND "))
    rows, active, free = json.loads(line.removeprefix("FOUND "))
    assert active
    assert free
    return np.array(rows)


def test_baked_camera_plays_the_same_without_the_addon(
    calibrated: bpy.types.Object, another_blender: Callable[..., str], tmp_path: Path
) -> None:
    frames = range(1, 26)
    calibrated.delta_location = (0.1, 0.2, 0.3)
    swing = calibrated.constraints.new("LIMIT_ROTATION")
    swing.use_limit_x, swing.min_x, swing.max_x = True, 1.4, 1.5
    before = matrices(calibrated, frames)
    assert bpy.ops.parascale.bake() == {"FINISHED"}
    baked = bpy.context.scene.camera
    assert baked != calibrated
    assert calibrated.hide_render
    assert not calibrated.visible_get()
    assert not any(baked.lock_location)
    assert not any(curve.lock for curve in _curves(baked))
    path = tmp_path / "baked.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    assert np.abs(reopened_without_us(another_blender, path, baked.name, frames) - before).max() < 1e-5


def test_any_camera_is_baked_with_its_zoom(dolly: bpy.types.Object) -> None:
    scene = bpy.context.scene
    before = matrices(dolly, range(1, 26))
    scene.frame_set(13)
    lens = dolly.data.lens
    bpy.ops.parascale.bake()
    baked = scene.camera
    assert np.abs(matrices(baked, range(1, 26)) - before).max() < 1e-5
    scene.frame_set(13)
    assert baked.data.lens == pytest.approx(lens, rel=1e-6)
    assert baked.data != dolly.data


@pytest.mark.parametrize(("mode", "count"), [("keep-path", 49), ("even", 49), ("reverse", 25), ("ping-pong", 49)])
def test_any_camera_is_retimed_as_a_copy(dolly: bpy.types.Object, mode: str, count: int) -> None:
    before = matrices(dolly, range(1, 26))
    assert bpy.ops.parascale.retime(mode=mode, frames=49) == {"FINISHED"}
    copy = bpy.context.scene.camera
    assert copy != dolly
    assert np.array_equal(matrices(dolly, range(1, 26)), before)
    after = matrices(copy, range(1, count + 1))[:, :3, 3]
    own = before[:, :3, 3]
    ends = {"reverse": (own[-1], own[0]), "ping-pong": (own[0], own[0])}.get(mode, (own[0], own[-1]))
    assert np.allclose(after[[0, -1]], ends, atol=1e-5)
    if mode == "even":
        steps = np.linalg.norm(np.diff(after, axis=0), axis=1)
        assert steps.max() < 1.5 * steps.min()


def test_calibrated_camera_is_retimed_in_place(calibrated: bpy.types.Object) -> None:
    assert bpy.ops.parascale.retime(mode="keep-path", frames=40) == {"FINISHED"}
    assert bpy.context.scene.camera == calibrated
    assert calibrated.parascale.calibration.retimed_frames == 40
    assert json.loads(calibrated.parascale.report)["pce"] < 1e-6


def written_formats() -> list[str]:
    from bl_ext.user_default.parascale.scene.files import WRITE_FORMATS

    return [name for name, *_ in WRITE_FORMATS]


@pytest.mark.slow
def test_every_format_is_written_in_frames_its_tool_takes(calibrated: bpy.types.Object, tmp_path: Path) -> None:
    from parascale.files.formats import FORMATS
    from parascale.files.trajectory_file import read_trajectory

    rates = {known.name: known.rate for known in FORMATS.values() if known.rate is not None}
    for name in written_formats():
        path = tmp_path / f"out-{name}"
        size = (64, 32) if name == "wan-fun-latents" else (0, 0)
        assert bpy.ops.parascale.export_path(filepath=str(path), format=name, size=size) == {"FINISHED"}
        assert path.exists(), name
        if name in rates:
            assert rates[name].fits(read_trajectory(path, name).shot), name


def test_exported_shot_says_what_the_camera_does(calibrated: bpy.types.Object, tmp_path: Path) -> None:
    from parascale.blender.camera import trajectory_of_camera
    from parascale.files.shot_file import read_shot

    path = tmp_path / "out.shot.json"
    bpy.ops.parascale.export_path(filepath=str(path), format="parascale-shot")
    shot = read_shot(path)
    true = trajectory_of_camera(bpy.context.scene, calibrated, np.arange(25) / 24)
    assert np.allclose(shot.trajectory.camera_to_world, true.camera_to_world, atol=1e-9)
    assert shot.unit == "m"
    assert np.isfinite(shot.median_depth).all()


def test_export_tells_what_the_format_cannot_hold(calibrated: bpy.types.Object, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.scene.files import write_path

    from parascale.files.shot_file import read_shot

    bpy.ops.parascale.export_path(filepath=str(tmp_path / "a.shot.json"), format="parascale-shot")
    said = write_path(read_shot(tmp_path / "a.shot.json"), tmp_path / "a.chan", "chan")
    assert any("frame rate" in line or "vertical field of view" in line or "depth" in line for line in said)


def test_reference_camera_is_no_camera_to_work_on(calibrated: bpy.types.Object) -> None:
    scene = bpy.context.scene
    bpy.context.view_layer.objects.active = scene.parascale.reference
    for operator in (bpy.ops.parascale.bake, bpy.ops.parascale.retime):
        with pytest.raises(RuntimeError, match="reference camera"):
            operator()


def test_methods_are_compared_without_touching_a_key(calibrated: bpy.types.Object) -> None:
    before = matrices(calibrated, range(1, 26))
    assert bpy.ops.parascale.compare_methods() == {"FINISHED"}
    rows = {row["method"]: row for row in json.loads(bpy.context.scene.parascale.comparison)}
    assert rows["closed-loop"]["pce"] < 1e-6 < rows["static"]["pce"]
    assert "felt parallax" in rows["felt"]["reason"]
    assert "metres" in rows["metric"]["reason"]
    assert np.array_equal(matrices(calibrated, range(1, 26)), before)


def test_curves_are_chosen_for_the_graph_editor(calibrated: bpy.types.Object) -> None:
    assert bpy.ops.parascale.show_curves() == {"FINISHED"}
    chosen = {curve.data_path for curve in _curves(calibrated) if curve.select and not curve.hide}
    assert chosen == {'["parallax_number"]', '["parascale_gain"]'}


def test_overlay_colours_the_path_by_its_parallax_number(calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale.overlay import path as overlay

    shown = overlay.layout_path(calibrated)
    true = matrices(calibrated, range(1, 26))[:, :3, 3]
    assert np.allclose(shown.path, true, atol=1e-5)
    assert shown.colours.shape == (25, 4)
    assert 0 < shown.low < shown.high
    # The ghost starts there too and goes the same way; the closed loop has bent the path by its gains alone.
    assert np.allclose(shown.ghost[0], true[0], atol=1e-5)
    towards = [path[-1] - path[0] for path in (shown.ghost, true)]
    assert np.dot(*towards) / np.prod([np.linalg.norm(way) for way in towards]) > 0.999


def _curves(camera: bpy.types.Object) -> list[bpy.types.FCurve]:
    from parascale.blender.keyframes import fcurves

    return fcurves(camera)
