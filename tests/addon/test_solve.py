"""A clip becomes the reference, solved by the backend."""

import importlib
import runpy
from pathlib import Path
from types import SimpleNamespace

import bpy
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("backend")

FRAMES, FPS = 24, 24.0


def slide(desk: bpy.types.Scene, folder: Path) -> Path:
    """A clip of a camera that slides along the desk."""
    from parascale.blender.render import render_clip

    for frame, x in ((1, 0.5), (FRAMES, 0.1)):
        desk.camera.location.x = x
        desk.camera.keyframe_insert("location", frame=frame)
    return render_clip(desk, folder / "slide.mp4", (480, 270), (1, FRAMES + 1), FPS)


@pytest.mark.slow
def test_clip_is_solved_and_its_parallax_number_is_the_scenes(desk: bpy.types.Scene, tmp_path: Path) -> None:
    from parascale.blender.camera import trajectory_of_camera
    from parascale.blender.depth import SceneDepth
    from parascale.parallax.number import median_depth, parallax_number

    clip, camera = slide(desk, tmp_path), desk.camera
    true = trajectory_of_camera(desk, camera, np.arange(FRAMES) / FPS)
    depth = SceneDepth(desk)
    looks = zip(true.camera_to_world, true.intrinsics, range(FRAMES), strict=True)
    median = [median_depth(depth(pose, intrinsics, true.size, t)) for pose, intrinsics, t in looks]
    asked = parallax_number(true, median)

    fov = np.degrees(camera.data.angle_x)
    # A backend that is heard of for the first time brings the settings of its generators.
    bpy.ops.parascale.test_backend()
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


@pytest.mark.slow
def test_depth_of_the_clip_comes_from_a_model_where_one_is_named(
    desk: bpy.types.Scene, models: dict[str, Path], tmp_path: Path
) -> None:
    from bl_ext.user_default.parascale.jobs import session

    from parascale.files.shot_file import shot_from_json

    clip, fov = slide(desk, tmp_path), np.degrees(desk.camera.data.angle_x)
    model = str(models["depth-anything-metric"])
    assert bpy.ops.parascale.solve_clip(filepath=str(clip), fov=fov, depth_model=model) == {"FINISHED"}
    shot = shot_from_json(bpy.context.scene.parascale.reference.parascale.text.as_string())
    assert shot.provenance["depth_model"] == model
    assert shot.quality["dense_against_tracks"] > 0.01
    (job,) = session.current().newest_jobs(1)
    assert (job.state, job.request["depth_model"]) == ("used", model)


@pytest.mark.slow
def test_one_of_several_shots_is_chosen_and_solved(desk: bpy.types.Scene, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.jobs import job_list, session

    from parascale.blender.render import render_clip
    from parascale.files.shot_file import shot_from_json

    desk.camera.rotation_mode = "XYZ"
    ahead = desk.camera.rotation_euler.copy()
    for frame, x, turn in ((1, 0.5, 0.0), (12, 0.3, 0.0), (13, 0.3, 1.2), (FRAMES, 0.1, 1.2)):
        desk.camera.location.x = x
        desk.camera.rotation_euler = (ahead.x, ahead.y, ahead.z + turn)
        for channel in ("location", "rotation_euler"):
            desk.camera.keyframe_insert(channel, frame=frame)
    clip = render_clip(desk, tmp_path / "cut.mp4", (480, 270), (1, FRAMES + 1), FPS)
    fov = np.degrees(desk.camera.data.angle_x)
    with pytest.raises(RuntimeError, match=r"holds 2 shots: choose one under Start and End: 0:12, 12:24"):
        bpy.ops.parascale.solve_clip(filepath=str(clip), fov=fov)
    (job,) = session.current().newest_jobs(1)
    assert (job.state, job.shots) == ("failed", ["0:12", "12:24"])
    job_list.choose(job)
    texts, buttons = shown_in_menu()
    assert texts == ["Shot 1: frames 0 to 11", "Shot 2: frames 12 to 23"]
    assert [(button.job_id, button.shot) for button in buttons] == [(job.id, "0:12"), (job.id, "12:24")]
    assert bpy.ops.parascale.retry_job(job_id=job.id, shot=job.shots[0]) == {"FINISHED"}
    shot = shot_from_json(bpy.context.scene.parascale.reference.parascale.text.as_string())
    assert len(shot) == 12
    (solved,) = session.current().newest_jobs(1)
    assert (solved.state, solved.request["start"], solved.request["end"], solved.shots) == ("used", 0, 12, [])


def shown_in_menu() -> tuple[list[str], list[SimpleNamespace]]:
    """Draw the menu of shots; return its lines and what each gives its operator."""
    texts, buttons = [], []

    def operator(name: str, text: str, icon: str) -> SimpleNamespace:
        assert name == "parascale.retry_job"
        texts.append(text)
        buttons.append(SimpleNamespace())
        return buttons[-1]

    menu = importlib.import_module("bl_ext.user_default.parascale.panels.reference").PARASCALE_MT_shots
    menu.draw(SimpleNamespace(layout=SimpleNamespace(operator=operator)), bpy.context)
    return texts, buttons


def test_missing_weights_are_named_with_their_command_before_a_clip_is_solved(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    from bl_ext.user_default.parascale.jobs import session

    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"never read")
    with pytest.raises(RuntimeError, match=r"Copy Fetch Command .* \(depth-pro\)"):
        bpy.ops.parascale.solve_clip(filepath=str(clip), depth_model="depth-pro")
    # Once they are there, it can be asked for again from the list of jobs.
    (job,) = session.current().newest_jobs(1)
    assert (job.kind, job.state) == ("solve", "failed")
    with pytest.raises(RuntimeError, match=r"Copy Fetch Command .* \(depth-pro\)"):
        bpy.ops.parascale.retry_job(job_id=job.id)
    assert not bpy.data.objects


def test_depth_models_are_suggested_and_none_is_taken_unasked(extension: object) -> None:
    from bl_ext.user_default.parascale.operators.reference import suggest_depth_models

    from parascale.weights.catalogue import DEPTH_MODELS

    named = bpy.ops.parascale.solve_clip.get_rna_type().properties["depth_model"]
    assert named.default == ""
    assert "aligned to the solved points" in named.description
    assert suggest_depth_models(None, bpy.context, "") == list(DEPTH_MODELS)
    assert "depth-pro" in suggest_depth_models(None, bpy.context, "Depth")
    assert suggest_depth_models(None, bpy.context, "zoe") == ["zoedepth"]


def test_file_that_is_no_video_is_refused_in_one_sentence(scene: bpy.types.Scene, tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"no video at all")
    count = len(bpy.data.objects)
    with pytest.raises(RuntimeError) as caught:
        bpy.ops.parascale.solve_clip(filepath=str(clip))
    assert len(str(caught.value).strip().splitlines()) == 1
    assert len(bpy.data.objects) == count


def test_clip_that_is_not_there_is_refused(scene: bpy.types.Scene, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.jobs import session

    with pytest.raises(RuntimeError, match=r"clip\.mp4"):
        bpy.ops.parascale.solve_clip(filepath=str(tmp_path / "clip.mp4"))
    # A job that was never handed over is not waited for.
    assert session.current().newest_jobs(1)[0].state == "failed"
    assert session.current().pending_jobs() == []
