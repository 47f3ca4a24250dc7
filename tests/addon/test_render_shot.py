"""The move rendered with the scene's own engine, in a Blender of its own."""

from pathlib import Path

import bpy
import numpy as np
import pytest


def test_a_module_says_that_it_has_no_program_to_render_with(calibrated: bpy.types.Object) -> None:
    if not bpy.app.module:
        pytest.skip("this is a program")
    with pytest.raises(RuntimeError, match="use Blender itself"):
        bpy.ops.parascale.render_shot()


@pytest.mark.skipif(bpy.app.module, reason="a module has no program to render with")
def test_render_becomes_a_strip_and_leaves_the_scene_alone(calibrated: bpy.types.Object, tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.render.engine, scene.frame_end = "BLENDER_WORKBENCH", 250
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    before = scene.render.filepath, scene.frame_end, scene.render.image_settings.file_format
    for number in (1, 2):
        assert bpy.ops.parascale.render_shot() == {"FINISHED"}
        strips = list(scene.sequence_editor.strips)
        assert len(strips) == number
        path = Path(bpy.path.abspath(strips[-1].filepath))
        assert path.parent == tmp_path / "parascale"
        assert path.is_file()
    assert len({strip.filepath for strip in strips}) == 2
    assert strips[0].right_handle - strips[0].left_handle == 25
    assert (scene.render.filepath, scene.frame_end, scene.render.image_settings.file_format) == before


@pytest.mark.skipif(bpy.app.module, reason="a module has no program to render with")
def test_first_picture_rendered_beside_is_the_one_rendered_here(calibrated: bpy.types.Object, tmp_path: Path) -> None:
    from bl_ext.user_default.parascale.scene import pictures, render_beside

    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    here = pictures.render_frame(scene, calibrated, 5, (96, 54), None)
    steps = render_beside.render_beside(scene, calibrated, 5, (96, 54), 0.5)
    try:
        while True:
            next(steps)
    except StopIteration as end:
        beside = end.value
    assert np.abs(here.astype(int) - beside.astype(int)).mean() < 1
