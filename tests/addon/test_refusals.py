"""What operators report where something is wrong: in Blender's terms, without an option of the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

Write = Callable[..., Path]

BROKEN_FILES = {
    "empty.json": "{}",
    "no-json.json": "not json",
    "broken.shot.json": '{"format": "parascale-shot"}',
    "words.txt": "neither poses nor anything else\n",
    "short.txt": "0 0 0 1 0 0 0 1\n1 0 0\n",
    "sheared.txt": "0 1 0 0 0 0 2 0 0 0 0 1 0\n" * 2,
    "transforms.json": '{"frames": []}',
    "frames.json": json.dumps({"frame0": {"cam01": "[1 0 0]"}}),
    "broken.npz": "no archive",
    "one.chan": "1 0 0 0 0 0 0 50\n1 0 0 0 0 0 0 50\n",
}
NEEDED = ("measure", "create_camera", "rebuild", "add_time_curve", "key_strength", "select_anchor", "use_selected")
NEEDED += ("bake", "retime", "export_path", "show_curves", "compare_methods", "compare_shots", "use_camera")
NEEDED += ("estimate_depth",)


def refuse(operator: str, **given: Any) -> None:
    with pytest.raises(RuntimeError) as caught:
        getattr(bpy.ops.parascale, operator)(**given)
    said = str(caught.value).strip()
    assert "--" not in said, said
    assert len(said.splitlines()) == 1, said


@pytest.mark.parametrize("name", BROKEN_FILES)
def test_a_broken_file_is_refused(scene: bpy.types.Scene, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text(BROKEN_FILES[name])
    refuse("import_shot", filepath=str(path))


def test_a_file_that_cannot_be_read_as_asked_is_refused(
    scene: bpy.types.Scene, tmp_path: Path, shot_file: Write
) -> None:
    from parascale.files.shot_file import read_shot
    from parascale.files.trajectory_file import write_trajectory

    refuse("import_shot")
    refuse("import_shot", filepath=str(tmp_path))
    refuse("import_shot", filepath=str(tmp_path / "missing.txt"))
    write_trajectory(read_shot(shot_file()), tmp_path / "path.txt", "tum")
    refuse("import_shot", filepath=str(tmp_path / "path.txt"), format="nerfstudio")
    write_trajectory(read_shot(shot_file()), tmp_path / "path.json", "recammaster")
    refuse("import_shot", filepath=str(tmp_path / "path.json"), camera="cam99")


@pytest.mark.parametrize("operator", NEEDED)
def test_an_empty_scene_lacks_what_an_operator_needs(scene: bpy.types.Scene, operator: str) -> None:
    refuse(operator)


@pytest.mark.parametrize("operator", ["insert_result", "cancel_job", "forget_job"])
def test_a_job_that_is_not_there_is_refused(scene: bpy.types.Scene, operator: str) -> None:
    refuse(operator, job_id="f" * 32)


def test_a_scene_that_cannot_be_measured_is_refused(stage: bpy.types.Scene, shot_file: Write, tmp_path: Path) -> None:
    bpy.ops.parascale.import_shot(filepath=str(shot_file(median_depth=np.full(17, np.nan))))
    refuse("create_camera")
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    settings = stage.parascale.calibration
    for statistic in ("OBJECTS", "SURFACE"):
        settings.statistic = statistic
        refuse("create_camera")
        refuse("measure")
    settings.statistic = "FRAME"
    settings.method = "metric"
    refuse("create_camera")
    settings.method = "closed-loop"
    stage.camera.rotation_euler.x = np.pi
    refuse("measure")
    refuse("use_camera")
    stage.camera.data.type = "ORTHO"
    refuse("create_camera")
    refuse("export_path", filepath=str(tmp_path / "path.txt"), format="tum")


def test_a_camera_that_lost_its_inputs_is_refused(calibrated: bpy.types.Object, tmp_path: Path) -> None:
    refuse("export_path")
    refuse("export_path", filepath=str(tmp_path / "missing" / "path.txt"), format="tum")
    refuse("export_path", filepath=str(tmp_path / "path.npz"), format="wan-fun-latents", size=(13, 7))
    calibrated.parascale.text = None
    calibrated.parascale.reference.parascale.text = None
    refuse("rebuild")
    calibrated.parascale.reference = None
    refuse("compare_methods")
    refuse("compare_shots")
    calibrated.parent = None
    refuse("rebuild")


def test_a_photo_that_cannot_be_placed_is_refused(scene: bpy.types.Scene, tmp_path: Path) -> None:
    photo = scene.parascale.photo
    photo.picture, photo.source = str(tmp_path / "missing.png"), "CONSTANT"
    refuse("estimate_depth")
    (tmp_path / "words.txt").write_text("no picture")
    photo.picture = str(tmp_path / "words.txt")
    refuse("estimate_depth")
    photo.source, photo.depth_path = "FILE", str(tmp_path / "words.txt")
    refuse("estimate_depth")


def test_a_clip_that_cannot_be_solved_is_refused(scene: bpy.types.Scene, backend: None, tmp_path: Path) -> None:
    (tmp_path / "clip.mp4").write_bytes(b"no video")
    refuse("solve_clip", filepath=str(tmp_path / "clip.mp4"))
    refuse("solve_clip", filepath=str(tmp_path / "missing.mp4"))
    refuse("solve_clip", filepath=str(tmp_path))
    refuse("solve_clip", filepath=str(tmp_path / "clip.mp4"), start=5, end=2)
    refuse("solve_clip", filepath=str(tmp_path / "clip.mp4"), depth_model="depth-pro")


def test_what_had_to_be_assumed_is_said_with_the_field_that_changes_it(
    scene: bpy.types.Scene, tmp_path: Path, shot_file: Write, capfd: pytest.CaptureFixture[str]
) -> None:
    from parascale.files.shot_file import read_shot
    from parascale.files.trajectory_file import write_trajectory

    write_trajectory(read_shot(shot_file()), tmp_path / "poses.txt", "kitti")
    bpy.ops.parascale.import_shot(filepath=str(tmp_path / "poses.txt"))
    said = capfd.readouterr().out
    warnings = [line for line in said.splitlines() if line.startswith("Warning: ")]
    for field in ("Picture Size", "Field of View", "Frame Rate", "Median Depth"):
        assert any(field in line for line in warnings), said
    assert "--" not in said


def test_a_camera_without_keys_is_rebuilt_before_anything_else(calibrated: bpy.types.Object) -> None:
    calibrated.animation_data_clear()
    for operator in ("add_time_curve", "render_shot", "submit", "generate"):
        with pytest.raises(RuntimeError, match="lost its keys: press Rebuild"):
            getattr(bpy.ops.parascale, operator)()
    assert bpy.ops.parascale.rebuild() == {"FINISHED"}
    assert bpy.ops.parascale.add_time_curve() == {"FINISHED"}


def test_what_another_file_holds_is_not_changed_in_vain(
    calibrated: bpy.types.Object, tmp_path: Path, shot_file: Write
) -> None:
    path, name = tmp_path / "shot.blend", calibrated.name
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True)
    scene: Any = bpy.context.scene
    with bpy.data.libraries.load(str(path), link=True) as (_, here):
        here.collections = ["ParaScale"]
    scene.collection.children.link(here.collections[0])
    bpy.context.view_layer.update()
    camera: Any = bpy.data.objects[name, str(path)]
    scene.parascale.camera, scene.parascale.reference = camera, camera.parascale.reference
    bpy.context.view_layer.objects.active = camera
    for operator in ("rebuild", "retime", "add_time_curve", "key_strength", "anchor_to_view"):
        with pytest.raises(RuntimeError, match="make it local"):
            getattr(bpy.ops.parascale, operator)()
    # What is new goes into a collection of this file, beside the linked one of the same name.
    assert bpy.ops.parascale.import_shot(filepath=str(shot_file())) == {"FINISHED"}
    assert bpy.ops.parascale.save_as_asset() == {"FINISHED"}
    (group,) = scene.parascale.reference.users_collection
    assert group.is_editable
    assert group.name.startswith("ParaScale")
    assert bpy.ops.parascale.bake() == {"FINISHED"}
