import sys
from pathlib import Path

import bpy
import numpy as np
import pytest

from parascale.blender.render import render_clip
from parascale.blender.strips import has_sequencer, insert_strip, request_of, sequencer_scene, span, strips_of
from parascale.errors import InputError

FRAMES, FPS, BITS = 81, 16, 7


@pytest.fixture(scope="session")
def movie(tmp_path_factory) -> Path:
    """A movie of 81 frames at 16 fps whose frame k shows k as seven black or white bars, made by Blender itself."""
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.data.type, camera.data.ortho_scale, camera.location.z = "ORTHO", 7.0, 5.0
    scene.collection.objects.link(camera)
    scene.camera = camera
    for bit in range(BITS):
        mesh = bpy.data.meshes.new("Bar")
        x = bit - 3.5
        mesh.from_pydata([(x, -3, 0), (x + 1, -3, 0), (x + 1, 3, 0), (x, 3, 0)], [], [(0, 1, 2, 3)])
        bar = bpy.data.objects.new("Bar", mesh)
        scene.collection.objects.link(bar)
        for frame in range(FRAMES):
            bar.hide_render = not frame >> bit & 1
            bar.keyframe_insert("hide_render", frame=frame)
    scene.world = bpy.data.worlds.new("Black")
    scene.world.color = (0, 0, 0)
    scene.view_settings.view_transform = "Standard"
    return render_clip(scene, tmp_path_factory.mktemp("movie") / "indexed.mp4", (112, 64), (0, FRAMES), FPS, "OFF")


def shown_index(scene, frame, folder) -> int:
    """Which frame of the movie the sequencer shows."""
    scene.frame_set(frame)
    scene.render.filepath = str(folder / "shown.png")
    scene.render.image_settings.file_format = "PNG"
    bpy.ops.render.render(write_still=True)
    image = bpy.data.images.load(scene.render.filepath)
    pixels = np.array(image.pixels[:]).reshape(image.size[1], image.size[0], 4)
    bpy.data.images.remove(image)
    row = pixels[len(pixels) // 2, :, 0]
    return sum(1 << bit for bit in range(BITS) if row[int((bit + 0.5) * len(row) / BITS)] > 0.3)


@pytest.fixture
def edit(scene):
    scene.render.resolution_x, scene.render.resolution_y = 112, 64
    scene.render.fps = 24
    return scene


def test_strip_lasts_as_long_as_its_movie(edit, movie):
    start, end = span(insert_strip(edit, movie, 10, fps=FPS, request={}))
    assert start == 10
    assert end - start in (121, 122)  # 81 frames at 16 a second are 121.5 at 24


@pytest.mark.slow
def test_result_frame_k_shows_at_shot_time_k(edit, movie, tmp_path):
    insert_strip(edit, movie, 10, fps=FPS, request={})
    edit.render.use_sequencer = True
    for frame in (10, 11, 13, 16, 19, 40, 70, 100, 127, 130):
        wanted = (frame - 10) * FPS / 24
        assert abs(shown_index(edit, frame, tmp_path) - wanted) <= 0.7, f"at scene frame {frame}"


@pytest.mark.slow
def test_saved_file_plays_without_us(edit, movie, tmp_path):
    insert_strip(edit, movie, 10, fps=FPS, request={"prompt": "a desk"})
    edit.render.use_sequencer = True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "edit.blend"))
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "parascale"}
    try:
        bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "edit.blend"))
        assert [shown_index(bpy.context.scene, frame, tmp_path) for frame in (10, 40, 130)] == [0, 20, 80]
    finally:
        sys.modules.update(hidden)


@pytest.mark.parametrize(("rate", "base"), [(24, 1.0), (16, 1.0), (30, 1.001), (60, 1.0)])
def test_scene_settings_are_left_alone(edit, movie, rate, base):
    edit.render.fps, edit.render.fps_base = rate, base
    edit.view_settings.view_transform = "AgX"
    before = (edit.frame_start, edit.frame_end, edit.render.resolution_x, bpy.context.workspace.name)
    areas = [area.type for area in bpy.context.window.screen.areas]
    start, end = span(insert_strip(edit, movie, 1, fps=FPS, request={}))
    assert end - start == pytest.approx(FRAMES / FPS * rate / base, abs=1)
    assert (edit.render.fps, edit.render.fps_base) == (rate, pytest.approx(base))
    assert edit.view_settings.view_transform == "AgX"
    assert (edit.frame_start, edit.frame_end, edit.render.resolution_x, bpy.context.workspace.name) == before
    assert [area.type for area in bpy.context.window.screen.areas] == areas
    if hasattr(bpy.context.workspace, "sequencer_scene"):
        assert bpy.context.workspace.sequencer_scene is None


def test_request_is_kept_on_the_strip(edit, movie):
    request = {"prompt": "naïve “quotes”", "seed": 7, "parallax_number": [0.01, 0.02], "depth": None}
    strip = insert_strip(edit, movie, 1, fps=FPS, request=request)
    assert request_of(strip) == request


def test_strips_of_others_carry_no_request(edit, movie):
    assert request_of(strips_of(edit).new_movie("Theirs", str(movie), 1, 1)) is None


def test_scene_still_renders_where_we_made_its_sequencer(edit, movie):
    assert not has_sequencer(edit)
    insert_strip(edit, movie, 1, fps=FPS, request={})
    assert not edit.render.use_sequencer


def test_edit_that_was_there_goes_on_rendering(edit, movie):
    strips_of(edit).new_movie("Theirs", str(movie), 1, 1)
    insert_strip(edit, movie, 1, fps=FPS, request={})
    assert edit.render.use_sequencer


def test_channel_is_free_and_on_top(edit, movie):
    theirs = strips_of(edit).new_movie("Theirs", str(movie), 3, 20)
    first = insert_strip(edit, movie, 10, fps=FPS, request={})
    second = insert_strip(edit, movie, 50, fps=FPS, request={})
    alone = insert_strip(edit, movie, 500, fps=FPS, request={})
    assert (theirs.channel, first.channel, second.channel, alone.channel) == (3, 4, 5, 1)
    assert [span(strip)[0] for strip in (theirs, first, second, alone)] == [20, 10, 50, 500]


def test_scene_that_is_not_open_gets_the_strip(edit, movie):
    other = bpy.data.scenes.new("Other")
    insert_strip(other, movie, 1, fps=FPS, request={})
    assert len(strips_of(other)) == 1
    assert not has_sequencer(edit)
    assert bpy.context.scene == edit


def test_missing_and_broken_movies_are_refused(edit, tmp_path):
    with pytest.raises(InputError, match="there is no movie"):
        insert_strip(edit, tmp_path / "none.mp4", 1, fps=FPS, request={})
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"not a movie")
    with pytest.raises(InputError, match="not a movie that Blender can read"):
        insert_strip(edit, broken, 1, fps=FPS, request={})
    assert len(strips_of(edit)) == 0


def test_movie_of_another_rate_is_refused(edit, movie):
    with pytest.raises(InputError, match="says 16 frames a second where the shot has 24"):
        insert_strip(edit, movie, 1, fps=24, request={})
    assert len(strips_of(edit)) == 0


def test_workspaces_own_sequencer_scene_comes_first(edit):
    other = bpy.data.scenes.new("Other")
    assert sequencer_scene(bpy.context, edit) == edit
    if hasattr(bpy.context.workspace, "sequencer_scene"):
        bpy.context.workspace.sequencer_scene = other
        assert sequencer_scene(bpy.context, edit) == other


def test_result_shows_the_colours_it_was_made_in_whatever_the_view(edit, movie, tmp_path):
    rows = {}
    for view in ("Standard", "AgX", "Filmic"):
        edit.view_settings.view_transform = view
        strip = insert_strip(edit, movie, 1, fps=FPS, request={})
        assert edit.sequence_editor.active_strip == strip
        edit.render.use_sequencer = True
        # Picture 63 shows six light bars.
        edit.frame_set(96)
        edit.render.filepath = str(tmp_path / "shown.png")
        edit.render.image_settings.file_format = "PNG"
        bpy.ops.render.render(write_still=True)
        image = bpy.data.images.load(edit.render.filepath)
        rows[view] = np.array(image.pixels[:]).reshape(64, 112, 4)[32, :, 0]
        bpy.data.images.remove(image)
        assert edit.view_settings.view_transform == view
    assert rows["Standard"][8] > 0.8
    assert all(np.abs(row - rows["Standard"]).max() < 0.02 for row in rows.values())
