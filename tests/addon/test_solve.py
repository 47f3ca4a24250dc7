"""A clip becomes the reference, solved by the backend."""

import runpy
from pathlib import Path

import bpy
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("backend")

FRAMES, FPS = 24, 24.0


@pytest.mark.slow
def test_clip_is_solved_and_its_parallax_number_is_the_scenes(desk: bpy.types.Scene, tmp_path: Path) -> None:
    from parascale.blender.camera import trajectory_of_camera
    from parascale.blender.depth import SceneDepth
    from parascale.blender.render import render_clip
    from parascale.parallax.number import median_depth, parallax_number

    camera = desk.camera
    for frame, x in ((1, 0.5), (FRAMES, 0.1)):
        camera.location.x = x
        camera.keyframe_insert("location", frame=frame)
    clip = render_clip(desk, tmp_path / "slide.mp4", (480, 270), (1, FRAMES + 1), FPS)
    true = trajectory_of_camera(desk, camera, np.arange(FRAMES) / FPS)
    depth = SceneDepth(desk)
    looks = zip(true.camera_to_world, true.intrinsics, range(FRAMES), strict=True)
    median = [median_depth(depth(pose, intrinsics, true.size, t)) for pose, intrinsics, t in looks]
    asked = parallax_number(true, median)

    fov = np.degrees(camera.data.angle_x)
    bpy.ops.ed.undo_push(message="before")
    # What is there after an undo is what undo can give back.
    bpy.ops.ed.undo_push(message="again")
    bpy.ops.ed.undo()
    values = runpy.run_path(str(Path(__file__).with_name("test_undo.py")))
    before = values["everything"]()
    assert bpy.ops.parascale.solve_clip("EXEC_DEFAULT", True, filepath=str(clip), fov=fov) == {"FINISHED"}
    bpy.ops.ed.undo()
    assert values["difference"](before, values["everything"]()) == []
    bpy.ops.ed.redo()

    reference = bpy.context.scene.parascale.reference
    (behind,) = reference.data.background_images
    assert reference.data.show_background_images
    assert bpy.path.abspath(behind.clip.filepath) == str(clip)
    assert behind.clip.frame_start == bpy.context.scene.frame_start

    from parascale.files.shot_file import shot_from_json

    shot = shot_from_json(reference.parascale.text.as_string())
    assert len(shot) == FRAMES
    fast = asked > 0.3 * asked.max()
    assert np.median(np.abs(np.log(shot.parallax_number / asked)[fast])) < 0.1


def test_file_that_is_no_video_is_refused_in_one_sentence(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video at all")
    count = len(bpy.data.objects)
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.parascale.solve_clip(filepath=str(clip))
    assert len(str(caught.value).strip().splitlines()) == 1
    assert len(bpy.data.objects) == count


def test_clip_that_is_not_there_is_refused(scene: bpy.types.Scene, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale import session

    with pytest.raises(RuntimeError, match=r"clip\.mp4"):
        bpy.ops.parascale.solve_clip(filepath=str(tmp_path / "clip.mp4"))
    # A job that was never handed over is not waited for.
    assert session.newest_jobs(1)[0].state == "failed"
    assert session.current().waiting() == []
