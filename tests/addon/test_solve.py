"""A clip becomes the reference, solved by the backend."""

import importlib
import runpy
import time
from collections.abc import Iterator
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
def test_pictures_are_solved_at_the_rate_that_is_given(desk: bpy.types.Scene, tmp_path: Path) -> None:
    from parascale.blender.render import render_still
    from parascale.files.shot_file import shot_from_json

    folder = tmp_path / "pictures"
    folder.mkdir()
    for number in range(12):
        desk.camera.location.x = 0.5 - 0.03 * number
        render_still(desk, folder / f"slide.{number:04d}.png", (480, 270))
    fov = np.degrees(desk.camera.data.angle_x)
    solved = bpy.ops.parascale.solve_clip(filepath=str(folder / "slide.0003.png"), fov=fov, fps=12.5)
    assert solved == {"FINISHED"}
    shot = shot_from_json(bpy.context.scene.parascale.reference.parascale.text.as_string())
    assert shot.fps == 12.5
    np.testing.assert_allclose(shot.trajectory.times, np.arange(12) / 12.5)


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


def two_shots(folder: Path) -> Path:
    """A folder of pictures of two shots, six frames each: a dark pattern and a bright one that slide past."""
    from bl_ext.user_default.parascale.jobs.thumbnails import encode_png

    folder.mkdir()
    rng = np.random.default_rng(0)
    for shot, size in enumerate((8, 20)):
        coarse = rng.integers(110 * shot, 110 * shot + 140, (240 // size + 1, 340 // size + 1, 3), np.uint8)
        wide = np.kron(coarse, np.ones((size, size, 1), np.uint8))
        for frame in range(6):
            picture = np.ascontiguousarray(wide[:240, 2 * frame : 2 * frame + 320])
            (folder / f"{6 * shot + frame:04d}.png").write_bytes(encode_png(picture))
    return folder


def take(steps: Iterator[object]) -> None:
    """Take steps as a window does, beside the user."""
    from bl_ext.user_default.parascale import tasks

    task = tasks.Task("Retry", steps, lambda: None)  # type: ignore[arg-type]
    tasks.start(task)
    end = time.monotonic() + 240
    while tasks.current() is task and time.monotonic() < end:
        tasks._advance(task)


@pytest.mark.timeout(600)
def test_a_shot_is_shown_and_chosen_beside_the_user(scene: bpy.types.Scene, tmp_path: Path) -> None:
    import imbuf
    from bl_ext.user_default.parascale import registration, tasks
    from bl_ext.user_default.parascale.jobs import job_list, journal, session
    from bl_ext.user_default.parascale.steps import Call

    with pytest.raises(RuntimeError, match="Pictures holds 2 shots"):
        bpy.ops.parascale.solve_clip(filepath=str(two_shots(tmp_path / "pictures")))
    (refused,) = session.current().newest_jobs(1)
    assert refused.shots == ["0:6", "6:12"]

    # Each shot has a picture of its own, in the clip's proportions: the dark one, then the bright one.
    shades = []
    for number in range(2):
        path = journal.picture_of_shot(refused, number)
        picture = imbuf.load(str(path))
        assert picture.size[0] / picture.size[1] == pytest.approx(320 / 240, rel=0.02)
        image = bpy.data.images.load(str(path))
        shades.append(float(np.mean(image.pixels[:])))
    assert shades[1] > shades[0] + 0.2

    job_list.choose(refused)
    retry = next(cls for cls in registration.CLASSES if getattr(cls, "bl_idname", "") == "parascale.retry_job")
    call = Call({"job_id": refused.id, "shot": "6:12"}, lambda levels, text: None, is_task=True)
    take(retry.steps(bpy.context, call))
    assert tasks.trouble() == ""
    (chosen,) = session.current().newest_jobs(1)
    assert chosen is not refused
    assert (chosen.request["start"], chosen.request["end"]) == (6, 12)
    bpy.ops.parascale.poll_jobs(wait=True)

    bpy.ops.parascale.forget_job(job_id=refused.id)
    assert not list(journal.folder().glob(f"{refused.id}*"))


def test_a_refused_clip_shows_why(scene: bpy.types.Scene, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.jobs import journal, session

    folder = tmp_path / "noise"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for frame in range(4):
        picture = bpy.data.images.new("noise", 160, 96)
        picture.pixels.foreach_set(rng.random(160 * 96 * 4, np.float32))
        picture.filepath_raw, picture.file_format = str(folder / f"{frame:04d}.png"), "PNG"
        picture.save()
    with pytest.raises(RuntimeError, match="Too little to follow"):
        bpy.ops.parascale.solve_clip(filepath=str(folder))
    (refused,) = session.current().newest_jobs(1)
    assert shown_in_reference_panel(scene) == [("parascale.show_why", refused.id)]
    assert bpy.ops.parascale.show_why(job_id=refused.id) == {"FINISHED"}
    # However often it is pressed, the file holds one picture.
    assert bpy.ops.parascale.show_why(job_id=refused.id) == {"FINISHED"}
    (image,) = (image for image in bpy.data.images if image.name.startswith("Why "))
    assert image.packed_file is not None
    assert image.size[0] >= 160
    # The picture stays with the file that it was shown in; the list's is gone with the job.
    bpy.ops.parascale.forget_job(job_id=refused.id)
    assert not list(journal.folder().glob(f"{refused.id}*"))
    with pytest.raises(RuntimeError, match="is no picture of why"):
        bpy.ops.parascale.show_why(job_id=refused.id)
    assert shown_in_reference_panel(scene) == []


def shown_in_reference_panel(scene: bpy.types.Scene) -> list[tuple[str, str]]:
    """Draw the panel of the reference; return the operators that it gives a job to."""
    buttons: list[tuple[str, SimpleNamespace]] = []

    class Drawn:
        def __getattr__(self, name: str) -> object:
            return lambda *given, **named: self

        def operator(self, name: str, **shown: object) -> SimpleNamespace:
            buttons.append((name, SimpleNamespace()))
            return buttons[-1][1]

    panel = importlib.import_module("bl_ext.user_default.parascale.panels.reference").PARASCALE_PT_reference
    panel.draw(SimpleNamespace(layout=Drawn()), bpy.context)
    return [(name, button.job_id) for name, button in buttons if hasattr(button, "job_id")]


def test_no_operator_works_by_another_one() -> None:
    # Beside the user an operator that works in steps refuses to start while another does: here it would refuse itself.
    operators = Path(importlib.import_module("bl_ext.user_default.parascale.operators").__file__ or "").parent
    for path in operators.glob("*.py"):
        assert "bpy.ops.parascale" not in path.read_text().split('"""', 2)[2], path.name


def shown_in_menu() -> tuple[list[str], list[SimpleNamespace]]:
    """Draw the menu of shots; return its lines and what each gives its operator."""
    texts, buttons = [], []

    def operator(name: str, text: str, **icon: object) -> SimpleNamespace:
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
