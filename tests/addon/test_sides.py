"""What the two sides are compared by, and when: statistics, timing, start, several cameras, lenses."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest
from mathutils import Vector

FRAMES = range(1, 26)


def asked(camera: bpy.types.Object, name: str = "parallax_number") -> np.ndarray:
    from parascale.blender.keyframes import fcurves

    (curve,) = (curve for curve in fcurves(camera) if curve.data_path == f'["{name}"]')
    return np.array([point.co.y for point in curve.keyframe_points])


def centres(camera: bpy.types.Object, frames: Any) -> np.ndarray:
    scene = bpy.context.scene
    found = []
    for frame in frames:
        scene.frame_set(frame)
        found.append(np.array(camera.matrix_world.translation))
    return np.array(found)


def keyed(camera: bpy.types.Object) -> list[float]:
    from parascale.blender.keyframes import keyed_frames

    return keyed_frames(camera).tolist()


def test_subject_is_compared_with_the_box_of_the_reference(calibrated: bpy.types.Object) -> None:
    scene = bpy.context.scene
    box = scene.objects["Box 0"]
    box.location = (0, 3, 1.1)
    bpy.context.view_layer.update()
    box.select_set(True)
    assert bpy.ops.parascale.use_selected() == {"FINISHED"}
    settings = calibrated.parascale.calibration
    # Around the nearer things at depth 0.5.
    settings.reference_box = (0.4, 0.4, 0.6, 0.6)
    bpy.ops.parascale.rebuild()
    # The camera's first step, counted in the depth of the box, is the reference's counted in 0.5.
    steps = np.linalg.norm(np.diff(centres(calibrated, FRAMES), axis=0), axis=1)
    front = 3 - 0.5  # along y, which the camera looks along, tilted up from it by a little
    depth = front * np.cos(np.pi / 2 - 1.45)
    reference_step = 0.02 * np.hypot(1, 0.5) * 16 / 24
    assert steps[0] / depth == pytest.approx(reference_step / 0.5, rel=0.03)


def test_subject_without_points_or_objects_is_refused(stage: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    stage.parascale.calibration.statistic = "OBJECTS"
    with pytest.raises(RuntimeError, match="no points"):
        bpy.ops.parascale.create_camera()
    with pytest.raises(RuntimeError, match="No subject is chosen"):
        bpy.ops.parascale.measure()
    bpy.ops.object.select_all(action="DESELECT")
    with pytest.raises(RuntimeError, match="Nothing with a surface is selected"):
        bpy.ops.parascale.use_selected()


def test_focus_distance_is_counted_on_both_sides(calibrated: bpy.types.Object) -> None:
    scene = bpy.context.scene
    calibrated.data.dof.focus_distance = 8.0
    scene.parascale.reference.data.dof.focus_distance = 2.0
    calibrated.parascale.calibration.statistic = "FOCUS"
    bpy.ops.parascale.rebuild()
    steps = np.linalg.norm(np.diff(centres(calibrated, FRAMES), axis=0), axis=1)
    reference_steps = 0.02 * np.hypot(1, 0.5) * 16 / 24
    assert np.allclose(steps, reference_steps * 8.0 / 2.0, rtol=1e-3)


def test_focus_follows_its_object_as_the_camera_moves(calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale.scene.picking import focus_on, point_on_ray
    from mathutils import Vector

    scene = bpy.context.scene
    place = point_on_ray(scene, "TARGET", Vector((-1.5, 0, 0.5)), Vector((0, 1, 0)))
    assert np.allclose(place, (-1.5, 3.5, 0.5), atol=1e-4)
    focus_on(bpy.context, "TARGET", place)
    nearest = point_on_ray(scene, "REFERENCE", scene.parascale.reference.location, Vector((0, 1, 0)))
    assert nearest.y == pytest.approx(0.5, abs=1e-5)
    focus_on(bpy.context, "REFERENCE", nearest)
    assert calibrated.parascale.calibration.statistic == "FOCUS"
    bpy.ops.parascale.rebuild()
    gain = asked(calibrated, "parascale_gain")
    # Both sides' focus comes nearer, by the same share of it: the gain stays what it is at the start.
    assert np.allclose(gain, gain[0], rtol=0.02)
    with pytest.raises(ValueError, match="no surface under the cursor"):
        point_on_ray(scene, "TARGET", Vector((0, 0, 5)), Vector((0, 0, 1)))


def test_clicked_surfaces_are_counted_on_both_sides_and_leave_the_focus_alone(calibrated: bpy.types.Object) -> None:
    bpy.ops.parascale.apply_preset(preset="verbatim")
    scene = bpy.context.scene
    shown = scene.parascale.reference
    # Along the camera's axis, 6 units of the scene away, and 1.5 of the reference's.
    place = calibrated.parent.matrix_world @ Vector((0.4, 0.1, -6.0))
    assert bpy.ops.parascale.pick_surface(side="TARGET", place=place) == {"FINISHED"}
    with pytest.raises(RuntimeError, match="No point of the reference is picked"):
        bpy.ops.parascale.rebuild()
    scene.frame_set(scene.frame_start)
    assert bpy.ops.parascale.pick_surface(side="REFERENCE", place=shown.matrix_world @ Vector((0, 0, -1.5))) == {
        "FINISHED"
    }
    settings = calibrated.parascale.calibration
    assert settings.statistic == "SURFACE"
    assert calibrated.data.dof.focus_object is None
    assert shown.data.dof.focus_object is None
    bpy.ops.parascale.rebuild()
    steps = np.linalg.norm(np.diff(centres(calibrated, FRAMES), axis=0), axis=1)
    assert steps[0] == pytest.approx(0.02 * np.hypot(1, 0.5) * 16 / 24 * 6.0 / 1.5, rel=1e-4)
    # Both come nearer by the same share: the gain stays what it is.
    gain = asked(calibrated, "parascale_gain")
    assert np.allclose(gain, gain[0], rtol=1e-4)

    from bl_ext.user_default.parascale.scene.staleness import reason_stale

    mark = settings.target_place
    mark.location.z += 0.1
    bpy.context.view_layer.update()
    assert reason_stale(scene, calibrated) == "surface changed"
    count = len(scene.objects)
    bpy.ops.parascale.pick_surface(side="TARGET", place=place)
    assert settings.target_place == mark
    assert len(scene.objects) == count


def test_gain_stays_within_its_limits(calibrated: bpy.types.Object) -> None:
    # Things at depth 0.5 among those at 1: by their box alone the gain has to change.
    settings = calibrated.parascale.calibration
    free = asked(calibrated, "parascale_gain")
    assert np.abs(np.log(free / free[0])).max() > 0.01
    settings.max_gain_change, settings.max_gain_step = 0.01, 0.002
    bpy.ops.parascale.rebuild()
    held = np.log(asked(calibrated, "parascale_gain"))
    # The curves hold float32.
    assert np.abs(held - held[0]).max() <= 0.01 + 1e-6
    assert np.abs(np.diff(held)).max() <= 0.002 + 1e-6


@pytest.mark.parametrize(("fps", "base"), [(24, 1.0), (30, 1.001), (25, 1.0), (12, 1.0)])
def test_seconds_are_matched_at_every_frame_rate(
    stage: bpy.types.Scene, shot_file: Callable[..., Path], fps: int, base: float
) -> None:
    bpy.ops.parascale.apply_preset(preset="verbatim")
    stage.render.fps, stage.render.fps_base = fps, base
    bpy.ops.parascale.import_shot(filepath=str(shot_file(count=33, fps=16.0)))
    bpy.ops.parascale.create_camera()
    # 32 steps of 1/16 s are two seconds.
    assert len(keyed(stage.camera)) == int(2.0 * fps / base + 1e-6) + 1
    assert json.loads(stage.camera.parascale.report)["pce"] < 1e-6


def test_frames_are_matched_one_to_one_from_the_start_frame(
    stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    stage.frame_start = 101
    bpy.ops.parascale.import_shot(filepath=str(shot_file(count=9)))
    settings = stage.parascale.calibration
    assert settings.frame_start == 101
    settings.timing, settings.frame_start = "FRAMES", 120
    bpy.ops.parascale.create_camera()
    assert keyed(stage.camera) == list(range(120, 129))


@pytest.mark.parametrize("mode", ["keep-path", "keep-felt-speed", "even"])
def test_retiming_is_marched_again(calibrated: bpy.types.Object, mode: str) -> None:
    bpy.ops.parascale.apply_preset(preset="verbatim")
    before = asked(calibrated)
    settings = calibrated.parascale.calibration
    settings.retiming, settings.retimed_frames = mode, 49
    bpy.ops.parascale.rebuild()
    after = asked(calibrated)
    assert keyed(calibrated) == list(range(1, 50))
    factor = 1.0 if mode == "keep-felt-speed" else 0.5
    assert np.median(after) == pytest.approx(factor * np.median(before), rel=0.05)
    assert json.loads(calibrated.parascale.report)["pce"] < 1e-6


def test_cameras_stand_side_by_side_each_with_its_own_settings(
    stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    source = stage.camera
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.create_camera()
    first = stage.camera
    first.parascale.strength = 0.5
    stage.camera = source
    bpy.ops.parascale.create_camera()
    second = stage.parascale.camera
    assert second != first
    assert second.name != first.name
    second.parascale.calibration.method = "global"
    second.parascale.strength = 2.0
    bpy.ops.parascale.rebuild()
    stage.parascale.camera = first
    bpy.ops.parascale.rebuild()
    assert first.parascale.calibration.method == "closed-loop"
    assert np.linalg.norm(centres(second, [25])[0] - centres(second, [1])[0]) > 2 * np.linalg.norm(
        centres(first, [25])[0] - centres(first, [1])[0]
    )


def test_deleting_the_calibrated_camera_leaves_a_working_tab(calibrated: bpy.types.Object) -> None:
    scene = bpy.context.scene
    bpy.data.objects.remove(calibrated)
    assert scene.parascale.camera is None
    assert not bpy.ops.parascale.rebuild.poll()
    scene.camera = scene.objects["Camera"]
    assert bpy.ops.parascale.create_camera() == {"FINISHED"}


def test_camera_unlinked_from_the_scene_is_said(calibrated: bpy.types.Object) -> None:
    for collection in list(calibrated.users_collection):
        collection.objects.unlink(calibrated)
    with pytest.raises(RuntimeError, match="no collection of this scene"):
        bpy.ops.parascale.rebuild()


def test_collection_switched_off_is_said_and_stops_no_bake(calibrated: bpy.types.Object) -> None:
    bpy.context.view_layer.layer_collection.children["ParaScale"].exclude = True
    for operator in (bpy.ops.parascale.select_anchor, bpy.ops.parascale.show_curves):
        with pytest.raises(RuntimeError, match=r"^Error: .* is switched off in this view layer: tick its collection"):
            operator()
    assert bpy.ops.parascale.bake() == {"FINISHED"}
    assert bpy.context.scene.camera.name.endswith("Baked")


def test_copied_lens_zooms_and_is_given_back(stage: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    from parascale.camera import Trajectory
    from parascale.files.shot_file import read_shot, write_shot
    from parascale.parallax.shot import Shot

    path = shot_file()
    shot = read_shot(path)
    lens = np.tile([300.0, 300.0, 160.0, 90.0], (len(shot), 1))
    lens[:, :2] = np.linspace(300, 450, len(shot))[:, None]
    moved = Trajectory(shot.trajectory.camera_to_world, lens, shot.trajectory.times, 320, 180)
    write_shot(Shot("zoom", 16.0, moved, shot.median_depth, "unit-depth"), path)
    bpy.ops.parascale.import_shot(filepath=str(path))
    stage.camera.data.lens = 50.0
    bpy.ops.parascale.create_camera()
    camera = stage.camera
    camera.parascale.calibration.lens = "copy"
    bpy.ops.parascale.rebuild()
    # 36 mm of sensor over 320 pixels.
    for frame, focal in ((1, 300), (25, 450)):
        stage.frame_set(frame)
        assert camera.data.lens == pytest.approx(focal * 36 / 320, rel=1e-5)
    camera.parascale.calibration.lens = "keep"
    bpy.ops.parascale.rebuild()
    for frame in (1, 25):
        stage.frame_set(frame)
        assert camera.data.lens == 50.0


def test_start_from_the_viewport_is_refused_where_there_is_none(
    stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    from bl_ext.user_default.parascale.scene.start import viewports

    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    stage.parascale.start_from = "VIEWPORT"
    areas = list(viewports(bpy.context))
    if areas:
        assert bpy.ops.parascale.create_camera() == {"FINISHED"}
        assert np.allclose(
            np.array(stage.camera.parent.matrix_world), np.array(areas[0].region_3d.view_matrix.inverted()), atol=1e-4
        )
    else:
        with pytest.raises(RuntimeError, match="start from the scene camera"):
            bpy.ops.parascale.create_camera()


def test_measure_shows_near_middle_and_far(stage: bpy.types.Scene) -> None:
    bpy.ops.parascale.measure()
    state = stage.parascale
    assert 0 < state.measured_near < state.measured_depth < state.measured_far
    assert 0.3 < state.measured_cover < 0.8


def test_presets_keep_the_settings(stage: bpy.types.Scene) -> None:
    current = stage.parascale.current
    current.method, current.smooth = "felt", 3.0
    assert bpy.ops.parascale.add_preset(name="Smooth felt") == {"FINISHED"}
    try:
        current.method, current.smooth = "raw", 0.0
        (path,) = (Path(folder) / "Smooth_felt.py" for folder in bpy.utils.preset_paths("parascale/calibration"))
        bpy.ops.script.execute_preset(filepath=str(path), menu_idname="PARASCALE_MT_presets")
        assert (current.method, current.smooth) == ("felt", 3.0)
    finally:
        path.unlink()
