"""References from files of any format and from cameras of the scene."""

import json
import math
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest


def reference_shot() -> "object":
    from parascale.files.shot_file import shot_from_json

    return shot_from_json(bpy.context.scene.parascale.reference.parascale.text.as_string())


@pytest.mark.parametrize("name", ["wan-fun", "nerfstudio", "csv", "chan", "colmap", "recammaster", "tum"])
def test_file_of_another_tool_becomes_the_reference(
    scene: bpy.types.Scene, shot_file: Callable[..., Path], tmp_path: Path, name: str
) -> None:
    from parascale.files.shot_file import read_shot
    from parascale.files.trajectory_file import find_format, write_trajectory

    shot = read_shot(shot_file())
    known = find_format(name)
    path = tmp_path / f"other{known.suffix}"
    write_trajectory(shot, path, name)
    assert bpy.ops.parascale.import_shot(filepath=str(path), depth=1.0) == {"FINISHED"}
    found = reference_shot()
    assert len(found) == len(shot)
    assert found.provenance["format"] == name
    if not known.depth:
        assert np.allclose(found.median_depth, 1.0)


def test_format_is_told_by_content_and_not_by_name(
    scene: bpy.types.Scene, shot_file: Callable[..., Path], tmp_path: Path
) -> None:
    # A file handler of Blender's sees no more than ".json".
    path = tmp_path / "dropped.json"
    path.write_bytes(shot_file().read_bytes())
    assert bpy.ops.parascale.import_shot(filepath=str(path)) == {"FINISHED"}
    assert reference_shot().name == "flight"
    path.write_text(json.dumps({"name": "a glTF perhaps", "asset": {"version": "2.0"}}))
    with pytest.raises(RuntimeError, match=r"is not a shot file, and of no other format.*: choose one under Format"):
        bpy.ops.parascale.import_shot(filepath=str(path))


def test_cameras_of_a_file_are_named_with_the_field_that_chooses_one(
    scene: bpy.types.Scene, shot_file: Callable[..., Path], tmp_path: Path
) -> None:
    from dataclasses import replace

    from parascale.files.shot_file import read_shot
    from parascale.files.trajectory_file import write_trajectory

    shot = read_shot(shot_file())
    for name in ("pan left", "zoom in"):
        write_trajectory(replace(shot, name=name), tmp_path / "poses", "pose-folder")
    with pytest.raises(RuntimeError, match=r"no camera 'dolly': choose another under Camera \(pan left, zoom in\)"):
        bpy.ops.parascale.import_shot(filepath=str(tmp_path / "poses"), camera="dolly")


def test_cameras_of_a_file_are_offered_as_a_menu(scene: bpy.types.Scene, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.operators.reference import offered_cameras

    frames = [
        {"file_path": f"{name}/{index:04d}.png", "transform_matrix": [[1, 0, 0, index], [0, 1, 0, 0], [0, 0, 1, 0]]}
        for name, count in (("left", 3), ("right", 5))
        for index in range(count)
    ]
    path = tmp_path / "transforms.json"
    path.write_text(json.dumps({"w": 64, "h": 48, "fl_x": 50, "frames": frames}))
    assert bpy.ops.parascale.import_shot(filepath=str(path)) == {"FINISHED"}
    assert len(reference_shot()) == 5
    assert offered_cameras("") == ["left", "right"]
    assert offered_cameras("RI") == ["right"]
    assert bpy.ops.parascale.import_shot(filepath=str(path), camera="left") == {"FINISHED"}
    assert len(reference_shot()) == 3
    assert offered_cameras("") == ["left", "right"]


def test_missing_depth_is_said_and_refused_when_it_is_needed(
    stage: bpy.types.Scene, shot_file: Callable[..., Path], tmp_path: Path
) -> None:
    from parascale.files.shot_file import read_shot
    from parascale.files.trajectory_file import write_trajectory

    path = tmp_path / "path.txt"
    write_trajectory(read_shot(shot_file()), path, "wan-fun")
    bpy.ops.parascale.import_shot(filepath=str(path))
    with pytest.raises(RuntimeError, match="knows no depth: import it again"):
        bpy.ops.parascale.create_camera()
    stage.parascale.calibration.method = "raw"
    assert bpy.ops.parascale.create_camera() == {"FINISHED"}


def test_points_are_shown_and_measured_by_nothing(calibrated: bpy.types.Object) -> None:
    from parascale.blender.depth import HELPER

    points = bpy.context.scene.parascale.reference.parascale.points
    assert len(points.data.polygons) == 0
    assert HELPER in points
    assert points.hide_render


def test_active_camera_is_sampled_with_its_constraints_and_parents(stage: bpy.types.Scene) -> None:
    from parascale.blender.camera import trajectory_of_camera
    from parascale.camera.rotations import geodesic_angle

    target = stage.objects["Box 3"]
    carrier = bpy.data.objects.new("Carrier", None)
    stage.collection.objects.link(carrier)
    for frame, x in ((1, 0.0), (25, 3.0)):
        carrier.location.x = x
        carrier.keyframe_insert("location", frame=frame)
    camera = stage.camera
    camera.parent = carrier
    camera.constraints.new("TRACK_TO").target = target
    stage.frame_end = 25
    assert bpy.ops.parascale.use_camera() == {"FINISHED"}
    found = reference_shot()
    true = trajectory_of_camera(stage, camera, np.arange(25) / 24)
    assert np.allclose(found.trajectory.camera_to_world, true.camera_to_world, atol=1e-6)
    turned = geodesic_angle(found.trajectory.rotations[0], found.trajectory.rotations[-1])
    assert turned > math.radians(5)
    assert np.isfinite(found.median_depth).all()
    assert found.fps == 24
    # Carried over to the scene it comes from, it is the same move again.
    stage.parascale.start_from = "CAMERA"
    bpy.ops.parascale.create_camera()
    made = trajectory_of_camera(stage, stage.camera, np.arange(25) / 24)
    assert np.allclose(made.centres, true.centres, atol=1e-3)


def test_camera_that_sees_nothing_is_no_reference(scene: bpy.types.Scene) -> None:
    with pytest.raises(RuntimeError, match="No camera"):
        bpy.ops.parascale.use_camera()
    bpy.ops.object.camera_add()
    scene.frame_end = 5
    with pytest.raises(RuntimeError, match="sees no surface"):
        bpy.ops.parascale.use_camera()
    assert scene.parascale.reference is None


@pytest.mark.parametrize("kind", ["ORTHO", "PANO"])
def test_camera_without_perspective_is_refused_by_every_tool(stage: bpy.types.Scene, kind: str) -> None:
    stage.camera.data.type = kind
    for operator in (bpy.ops.parascale.use_camera, bpy.ops.parascale.bake, bpy.ops.parascale.measure):
        with pytest.raises(RuntimeError, match="set its type to Perspective"):
            operator()


def test_menus_and_file_handlers_lead_to_the_operators(extension: object) -> None:
    shot, clip = bpy.types.PARASCALE_FH_shot, bpy.types.PARASCALE_FH_clip
    assert shot.bl_import_operator == "parascale.import_shot"
    assert shot.bl_file_extensions == ".json"
    assert clip.bl_import_operator == "parascale.solve_clip"
    for menu in (bpy.types.TOPBAR_MT_file_import, bpy.types.TOPBAR_MT_file_export):
        assert [draw for draw in menu.draw._draw_funcs if draw.__module__.endswith("parascale.panels")]
