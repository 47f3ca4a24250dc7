"""The job list: parameters from the schema, retry, insert again, generate again, and what goes wrong."""

import struct
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("backend")


@pytest.fixture
def ready(calibrated: bpy.types.Object) -> bpy.types.Scene:
    """The small scene with a calibrated camera, and small quick pictures asked for."""
    scene = bpy.context.scene
    scene.parascale.long_side, scene.parascale.workbench = 64, True
    return scene


def strips(scene: bpy.types.Scene) -> list[Any]:
    editor = scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips if hasattr(editor, "strips") else editor.sequences)


def last_job(scene: bpy.types.Scene) -> Any:
    from bl_ext.user_default.parascale.jobs import session

    return session.current().jobs[scene.parascale.job_id]


def test_parameters_of_every_generator_are_drawn_from_its_schema(ready: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale.jobs import session
    from bl_ext.user_default.parascale.settings import generators

    bpy.ops.parascale.test_backend()
    welcome = session.current().connection.welcome
    assert {known.name for known in welcome.generators} >= {"preview", "wan-fun-camera"}
    for generator in welcome.generators:
        group = generators.parameters_of(ready, generator.name)
        assert (group is None) == (not generator.parameters)
        values = generators.parameter_values(ready, generator.name)
        for parameter in generator.parameters:
            described = group.bl_rna.properties[parameter.name]
            assert described.description == parameter.description.rstrip(".")
            # What the panel sends is what the backend takes.
            parameter.check(values[parameter.name])
            if parameter.kind == "float":
                assert values[parameter.name] == pytest.approx(parameter.default)
            else:
                assert values[parameter.name] == parameter.default
            if parameter.maximum is not None:
                setattr(group, parameter.name, type(parameter.default)(parameter.maximum * 2 + 1))
                assert getattr(group, parameter.name) == pytest.approx(parameter.maximum)


def test_scale_erasing_generator_says_that_calibration_has_no_effect(ready: bpy.types.Scene) -> None:
    import importlib

    from bl_ext.user_default.parascale.settings import generators

    from parascale.link.messages import GeneratorInfo

    panel = importlib.import_module("bl_ext.user_default.parascale.panels.generate")
    before = tuple(generators._generators.values())
    said: list[str] = []

    class Layout:
        def column(self, align: bool = False) -> "Layout":
            return self

        def label(self, text: str, icon: str) -> None:
            said.append(text)

    try:
        generators.register_generators((GeneratorInfo("lingbot-world", "C", (), ()),))
        panel._draw_class(Layout(), "lingbot-world")
    finally:
        generators.register_generators(before)
    assert "calibration has no effect" in " ".join(said)


def test_unknown_generator_is_refused_with_those_there_are(ready: bpy.types.Scene) -> None:
    ready.parascale.generator = "dream-machine"
    with pytest.raises(RuntimeError, match=r"no generator 'dream-machine': choose one of .*preview"):
        bpy.ops.parascale.submit()


def test_jobs_are_listed_newest_first_and_outside_of_undo(ready: bpy.types.Scene) -> None:
    bpy.ops.ed.undo_push()
    bpy.ops.parascale.submit()
    first = ready.parascale.job_id
    bpy.ops.parascale.submit()
    second = ready.parascale.job_id
    bpy.ops.parascale.poll_jobs(wait=True)
    bpy.ops.ed.undo_push()
    bpy.ops.ed.undo()
    manager = bpy.context.window_manager
    assert [item.job_id for item in manager.parascale_jobs][:2] == [second, first]
    assert manager.parascale_job == 0


def test_failed_insertion_is_a_failed_job_and_can_be_inserted_again(ready: bpy.types.Scene) -> None:
    bpy.ops.parascale.submit()
    bpy.ops.parascale.poll_jobs(wait=True)
    job = last_job(ready)
    video = Path(job.files["video"])
    hidden = video.rename(video.with_suffix(".away"))
    with pytest.raises(RuntimeError, match="no movie"):
        bpy.ops.parascale.insert_result()
    assert job.state == "failed"
    assert "no movie" in job.message
    hidden.rename(video)
    assert bpy.ops.parascale.insert_result() == {"FINISHED"}
    assert job.state == "used"
    assert len(strips(ready)) == 1


def test_retry_asks_for_the_same_again(ready: bpy.types.Scene) -> None:
    ready.parascale.seed, ready.parascale.prompt = 5, "a desk"
    bpy.ops.parascale.submit()
    old = last_job(ready)
    ready.parascale.seed, ready.parascale.prompt, ready.parascale.long_side = 6, "", 128
    assert bpy.ops.parascale.retry_job(job_id=old.id) == {"FINISHED"}
    new = last_job(ready)
    assert new.id != old.id
    assert new.request == old.request
    assert new.request["asked"]["long_side"] == 64
    bpy.ops.parascale.poll_jobs(wait=True)


def test_strip_can_be_generated_again_with_its_settings(ready: bpy.types.Scene) -> None:
    from parascale.blender.strips import request_of

    ready.parascale.seed = 9
    bpy.ops.parascale.generate()
    (strip,) = strips(ready)
    ready.sequence_editor.active_strip = strip
    ready.parascale.seed = 1
    assert bpy.ops.parascale.generate_again() == {"FINISHED"}
    bpy.ops.parascale.poll_jobs(wait=True)
    bpy.ops.parascale.insert_result()
    assert len(strips(ready)) == 2
    assert [request_of(strip)["seed"] for strip in strips(ready)] == [9, 9]


def test_strip_whose_camera_is_gone_is_refused(ready: bpy.types.Scene) -> None:
    bpy.ops.parascale.generate()
    ready.sequence_editor.active_strip = strips(ready)[0]
    bpy.data.objects.remove(ready.parascale.camera)
    with pytest.raises(RuntimeError, match="not in this file any more"):
        bpy.ops.parascale.generate_again()
    ready.sequence_editor.active_strip = None
    with pytest.raises(RuntimeError, match="not a result of ParaScale"):
        bpy.ops.parascale.generate_again()


def test_forgotten_job_leaves_the_list_and_its_video(ready: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale.jobs import journal

    bpy.ops.parascale.submit()
    job = last_job(ready)
    with pytest.raises(RuntimeError, match="or cancel it first"):
        bpy.ops.parascale.forget_job(job_id=job.id)
    bpy.ops.parascale.poll_jobs(wait=True)
    assert bpy.ops.parascale.forget_job(job_id=job.id) == {"FINISHED"}
    assert job.id not in journal.load()
    assert Path(job.files["video"]).is_file()
    assert job.id not in [item.job_id for item in bpy.context.window_manager.parascale_jobs]


def test_picture_comes_from_a_file_cut_to_shape(ready: bpy.types.Scene, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.jobs import thumbnails
    from bl_ext.user_default.parascale.scene import pictures

    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :, 0] = np.arange(64)[:, None] * 4
    (tmp_path / "first.png").write_bytes(thumbnails.encode_png(picture))
    read = pictures.read_picture(tmp_path / "first.png")
    assert np.array_equal(read, picture)
    cut = pictures.cut_to_shape(read, (320, 180))
    assert cut.shape == (36, 64, 3)
    assert cut[0, 0, 0] == 4 * 14
    ready.parascale.picture, ready.parascale.picture_path = "FILE", str(tmp_path / "first.png")
    assert bpy.ops.parascale.generate() == {"FINISHED"}
    ready.parascale.picture_path = str(tmp_path / "missing.png")
    with pytest.raises(RuntimeError, match="no picture that Blender can read"):
        bpy.ops.parascale.generate()


def test_viewport_picture_is_refused_without_a_window(ready: bpy.types.Scene) -> None:
    ready.parascale.picture = "VIEWPORT"
    with pytest.raises(RuntimeError, match="take the render instead"):
        bpy.ops.parascale.submit()


def test_thumbnail_is_a_true_png(ready: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale.jobs import journal

    bpy.ops.parascale.submit()
    data = (journal.folder() / f"{ready.parascale.job_id}.png").read_bytes()
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    length = struct.unpack(">I", data[8:12])[0]
    assert zlib.crc32(data[12 : 16 + length]) == struct.unpack(">I", data[16 + length : 20 + length])[0]
    bpy.ops.parascale.poll_jobs(wait=True)


def test_sketch_of_a_running_job_becomes_its_picture(ready: bpy.types.Scene) -> None:
    from bl_ext.user_default.parascale.jobs import journal, session, thumbnails

    from parascale.link.messages import JobStatus

    bpy.ops.parascale.submit()
    job = last_job(ready)
    path = journal.folder() / f"{job.id}.png"
    first, written = path.read_bytes(), int(path.stat().st_mtime)
    sketch = thumbnails.encode_png(np.full((12, 16, 3), (200, 30, 60), np.uint8))
    told = JobStatus(job.id, "generate", "x", "running", True, 0.5, "", "", 0.0, 0.0, None, b64encode(sketch).decode())
    session.current().update_job(job, told)
    assert path.read_bytes() == sketch != first
    assert int(path.stat().st_mtime) > written
    assert job.id in thumbnails._outdated
    assert job.fraction == 0.5
    session.current().update_job(job, replace(told, sketch="no Base64"))
    assert path.read_bytes() == sketch
    bpy.ops.parascale.poll_jobs(wait=True)
    session.current().forget(job)
    assert not path.exists()


def test_video_has_the_frames_its_model_takes(ready: bpy.types.Scene, shot_file: Callable[..., Path]) -> None:
    from bl_ext.user_default.parascale.jobs import session
    from bl_ext.user_default.parascale.scene import generation

    for _ in session.current().connect():  # the backend says what its generators were trained at
        pass

    def laid_out(generator: str, **asked: Any) -> tuple[int, float, float]:
        timing = generation.choose_frame_times(
            ready, ready.parascale.camera, generation.GenerationSettings(generator, **asked)
        )
        return len(timing.times), timing.fps, timing.times[-1]

    # One second of the reference.
    assert laid_out("easyanimate-camera") == (9, 8.0, 1.0)
    assert laid_out("motionmaster") == (9, 8.0, 1.0)
    bpy.ops.parascale.import_shot(filepath=str(shot_file(count=65)))
    ready.camera = ready.objects["Camera"]
    bpy.ops.parascale.create_camera()
    # Four seconds: all of them, in the 16 frames that it makes best.
    assert laid_out("motionmaster") == (16, 15 / 4, 4.0)
    assert laid_out("motionmaster", frames=32)[:2] == (32, 8.0)
    with pytest.raises(ValueError, match="at most 32 frames, and 33 are asked for"):
        laid_out("motionmaster", frames=33)
    assert laid_out("easyanimate-camera") == (33, 8.0, 4.0)


def test_job_is_found_again_after_closing_and_opening_the_file(ready: bpy.types.Scene, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.jobs import timer

    path = tmp_path / "shot.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.parascale.submit()
    bpy.ops.wm.save_mainfile()
    job = last_job(ready)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.parascale.poll_jobs(wait=True)
    timer.on_timer()
    assert job.state == "fetched"
    bpy.ops.wm.open_mainfile(filepath=str(path))
    timer.on_timer()
    assert job.state == "used"
    (strip,) = strips(bpy.context.scene)
    assert strip.filepath.startswith("//parascale")


def test_time_left_is_told_from_how_far_it_has_come(extension: object) -> None:
    from bl_ext.user_default.parascale.jobs.journal import Job

    job = Job(id="0" * 32, kind="generate", title="x", created=0.0, state="running", started=100.0, fraction=0.25)
    assert job.seconds_left(110.0) == pytest.approx(30.0)
    job.fraction = 0.0
    assert job.seconds_left(110.0) is None


def test_address_of_another_machine_needs_its_keys(
    preferences: Any, calibrated: bpy.types.Object, shot_file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    if bpy.ops.parascale.stop_backend.poll():
        bpy.ops.parascale.stop_backend()
    from bl_ext.user_default.parascale.jobs import session

    session.current().connection.close()
    preferences.address = "tcp://203.0.113.9:5571"
    try:
        expected = "name the folder of its keys" if bpy.app.online_access else "allow it in Preferences"
        with pytest.raises(RuntimeError, match=expected):
            bpy.ops.parascale.test_backend()
    finally:
        preferences.address = ""
