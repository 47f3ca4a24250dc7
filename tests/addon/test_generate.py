"""From the calibrated camera to a strip in the sequencer, through a real backend in another process."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture
def ready(desk: bpy.types.Scene, shot_file: Callable[..., Path]) -> bpy.types.Scene:
    """The desk with a calibrated camera of 17 frames at 16 a second, and small quick pictures asked for."""
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.create_camera()
    desk.parascale.long_side = 160
    desk.parascale.workbench = True
    return desk


def strips(scene: bpy.types.Scene) -> list[bpy.types.Strip]:
    editor = scene.sequence_editor
    return list(editor.strips if hasattr(editor, "strips") else editor.sequences)


def test_result_stands_as_a_strip_at_its_place_and_speed(ready: bpy.types.Scene) -> None:
    from parascale.blender.strips import request_of, span

    assert bpy.ops.parascale.generate() == {"FINISHED"}
    (strip,) = strips(ready)
    start, end = span(strip)
    assert start == 1
    # 17 frames at 16 a second last 25.5 frames at 24 a second.
    assert end - start in (25, 26)
    asked = request_of(strip)
    assert asked["generator"] == "preview"
    assert asked["frames"] == 17
    assert asked["fps"] == 16
    assert len(asked["parallax_number"]) == 16
    assert asked["result"]["frames"] == 17
    assert ready.render.fps == 24
    assert not ready.render.use_sequencer


def test_asked_parallax_number_is_the_references(ready: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    from parascale.blender.strips import request_of
    from parascale.files.shot_file import read_shot
    from parascale.parallax.metrics import pce

    bpy.ops.parascale.generate()
    asked = request_of(strips(ready)[0])["parallax_number"]
    assert pce(np.array(asked), read_shot(shot_file()).parallax_number) < 5e-3


def test_result_lies_beside_the_file_and_plays_without_the_addon(
    ready: bpy.types.Scene, another_blender: Callable[..., str]
) -> None:
    blend = Path(bpy.data.filepath)
    bpy.ops.parascale.generate()
    (strip,) = strips(ready)
    assert strip.filepath.startswith("//parascale")
    bpy.ops.wm.save_mainfile()
    code = f"""
import bpy, json, os
bpy.ops.wm.open_mainfile(filepath={str(blend)!r})
scene = bpy.context.scene
camera = scene.camera
poses = []
for frame in range(1, 26):
    scene.frame_set(frame)
    poses.append([list(row) for row in camera.matrix_world])
editor = scene.sequence_editor
strip = list(editor.strips if hasattr(editor, "strips") else editor.sequences)[0]
path = bpy.path.abspath(strip.filepath)
print("FOUND", json.dumps([poses, os.path.isfile(path), strip.frame_final_duration, hasattr(scene, "parascale")]))
"""
    output = another_blender(code, blend.parent / "without")
    (line,) = (line for line in output.splitlines() if line.startswith("FOUND "))
    poses, there, length, addon = json.loads(line.removeprefix("FOUND "))
    assert not addon
    assert there
    assert length in (25, 26)
    here = []
    for frame in range(1, 26):
        ready.frame_set(frame)
        here.append(np.array(ready.camera.matrix_world))
    assert np.allclose(poses, here, atol=1e-6)
    assert np.linalg.norm(here[-1][:3, 3] - here[0][:3, 3]) > 0.05


def test_submitted_job_can_be_followed_and_inserted_by_a_script(ready: bpy.types.Scene) -> None:
    assert bpy.ops.parascale.submit() == {"FINISHED"}
    assert strips(ready) == [] if ready.sequence_editor else True
    assert ready.parascale.job_id
    bpy.ops.parascale.poll_jobs(wait=True)
    assert bpy.ops.parascale.insert_result() == {"FINISHED"}
    assert len(strips(ready)) == 1


def test_unsaved_file_keeps_its_results_in_a_temporary_folder(
    scene: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    bpy.ops.mesh.primitive_plane_add(size=100, location=(0, 0, 0))
    bpy.ops.object.camera_add(location=(0, 0, 7))
    scene.camera = bpy.context.object
    scene.parascale.long_side, scene.parascale.workbench = 128, True
    bpy.ops.parascale.import_shot(filepath=str(shot_file(count=5)))
    bpy.ops.parascale.create_camera()
    bpy.ops.parascale.generate()
    assert Path(strips(scene)[0].filepath).is_file()


def test_undo_of_the_insertion_leaves_camera_and_job(ready: bpy.types.Scene) -> None:
    bpy.ops.parascale.submit()
    bpy.ops.parascale.poll_jobs(wait=True)
    camera = ready.camera.name
    bpy.ops.ed.undo_push()
    bpy.ops.parascale.insert_result("EXEC_DEFAULT", True)
    assert len(strips(bpy.context.scene)) == 1
    bpy.ops.ed.undo()
    scene = bpy.context.scene
    assert scene.sequence_editor is None or not strips(scene)
    assert scene.camera.name == camera
    assert bpy.ops.parascale.insert_result("EXEC_DEFAULT", True) == {"FINISHED"}


@pytest.mark.timeout(600)
def test_timer_brings_the_result_in_by_itself(ready: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale.jobs import session, timer

    bpy.ops.parascale.submit()
    job = session.current().jobs[ready.parascale.job_id]
    # Timers never fire while Python runs; what they call does the same.
    end = time.monotonic() + 240
    while job.state != "used" and time.monotonic() < end:
        timer.on_timer()
        time.sleep(0.01)
    assert job.state == "used", job.message
    assert len(strips(bpy.context.scene)) == 1


def test_result_of_a_scene_that_is_gone_is_not_lost(ready: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale.jobs import session

    bpy.ops.parascale.submit()
    job = session.current().jobs[ready.parascale.job_id]
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.parascale.poll_jobs(wait=True)
    assert Path(job.files["video"]).is_file()
    assert bpy.ops.parascale.insert_result(job_id=job.id) == {"FINISHED"}
    assert len(strips(bpy.context.scene)) == 1


def test_timer_leaves_the_results_of_other_files_alone(ready: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale.jobs import session, timer

    bpy.ops.parascale.submit()
    job = session.current().jobs[ready.parascale.job_id]
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.parascale.poll_jobs(wait=True)
    for _ in range(3):
        timer.on_timer()
    assert job.state == "fetched"
    assert bpy.context.scene.sequence_editor is None or not strips(bpy.context.scene)
