"""Twelve example moves, and references made of others."""

import json
from typing import Any

import bpy
import numpy as np
import pytest


def reference() -> Any:
    from bl_ext.user_default.parascale.scene.reference_camera import shot_of_reference

    return shot_of_reference(bpy.context.scene.parascale.reference)


def moves() -> list[str]:
    return ["dolly-in", "pull-back", "truck", "crane-up", "orbit", "arc", "handheld-walk", "drone-reveal", "vertigo",
            "push-and-tilt", "whip", "slow-drift"]  # fmt: skip


@pytest.mark.parametrize("move", moves())
def test_example_move_is_calibrated(stage: bpy.types.Scene, move: str) -> None:
    assert bpy.ops.parascale.use_example(move=move) == {"FINISHED"}
    shot = reference()
    assert np.isfinite(shot.median_depth).all()
    assert shot.median_depth[0] == pytest.approx(1.0, abs=0.1)
    # Upright throughout: the camera's own right stays level.
    assert np.abs(shot.trajectory.rotations[:, 1, 0]).max() < 1e-9
    stage.parascale.calibration.method = "global"
    assert bpy.ops.parascale.create_camera() == {"FINISHED"}
    assert json.loads(stage.camera.parascale.report)["pce"] is not None


def test_there_are_as_many_examples_as_the_manual_names(extension: object) -> None:
    from bl_ext.user_default.parascale.scene.example_moves import MOVES

    assert list(MOVES) == moves()


def test_vertigo_keeps_the_subjects_size(stage: bpy.types.Scene) -> None:
    bpy.ops.parascale.use_example(move="vertigo")
    shot = reference()
    size = shot.trajectory.intrinsics[:, 0] / shot.median_depth
    assert np.allclose(size, size[0], rtol=1e-6)


def test_mirrored_twice_is_the_same(stage: bpy.types.Scene) -> None:
    bpy.ops.parascale.use_example(move="arc")
    first = reference()
    bpy.ops.parascale.edit_reference(edit="MIRROR")
    assert reference().trajectory.centres[-1, 0] == pytest.approx(-first.trajectory.centres[-1, 0])
    assert np.allclose(reference().parallax_number, first.parallax_number)
    bpy.ops.parascale.edit_reference(edit="MIRROR")
    assert np.allclose(reference().trajectory.camera_to_world, first.trajectory.camera_to_world)


def test_hold_stands_still_where_the_timeline_stands(stage: bpy.types.Scene) -> None:
    bpy.ops.parascale.use_example(move="truck")
    count = len(reference())
    stage.frame_set(stage.frame_start + 48)
    assert bpy.ops.parascale.edit_reference(edit="HOLD", amount=1.0) == {"FINISHED"}
    held = reference()
    assert len(held) == pytest.approx(count + 24, abs=1)
    still = np.linalg.norm(np.diff(held.trajectory.centres, axis=0), axis=1) < 1e-9
    assert still[50:70].all()
    assert not still[20:45].any()


def test_joining_needs_another_reference(stage: bpy.types.Scene) -> None:
    bpy.ops.parascale.use_example(move="truck")
    first = stage.parascale.reference
    with pytest.raises(RuntimeError, match="choose one under Other"):
        bpy.ops.parascale.edit_reference(edit="STITCH")
    bpy.ops.parascale.use_example(move="dolly-in")
    assert bpy.ops.parascale.edit_reference(edit="STITCH", other=first.name, amount=0.5) == {"FINISHED"}
    assert len(reference()) > 150


@pytest.mark.parametrize("edit", ["SMOOTH", "SHAKE", "LEVEL"])
def test_shake_is_taken_out_or_scaled(stage: bpy.types.Scene, edit: str) -> None:
    bpy.ops.parascale.use_example(move="handheld-walk")
    before = reference()
    assert bpy.ops.parascale.edit_reference(edit=edit, amount=0.0) == {"FINISHED"}
    rough = [np.abs(np.diff(shot.trajectory.centres, n=3, axis=0)).max() for shot in (before, reference())]
    assert rough[1] < 0.5 * rough[0] if edit != "LEVEL" else rough[1] == pytest.approx(rough[0])


def test_the_shake_of_another_reference_is_taken(stage: bpy.types.Scene) -> None:
    from parascale import retime

    bpy.ops.parascale.use_example(move="handheld-walk")
    handheld, shake = stage.parascale.reference, retime.separate(reference()).shake_parallax
    bpy.ops.parascale.use_example(move="truck")
    still = retime.separate(reference()).shake_parallax
    assert bpy.ops.parascale.edit_reference(edit="TAKE_SHAKE", other=handheld.name) == {"FINISHED"}
    taken = retime.separate(reference()).shake_parallax
    assert still.mean() < 0.1 * shake.mean()
    assert taken.mean() == pytest.approx(shake[: len(taken)].mean(), rel=0.15)


def test_the_anchor_stands_for_the_current_frame(calibrated: bpy.types.Object) -> None:
    scene = bpy.context.scene
    scene.frame_set(9)
    assert bpy.ops.parascale.match_here() == {"FINISHED"}
    bpy.ops.parascale.rebuild()
    away = calibrated.matrix_world.translation - calibrated.parent.matrix_world.translation
    assert away.length < 1e-4


def test_the_anchor_is_put_where_the_viewport_looks_from(calibrated: bpy.types.Object) -> None:
    area = next(area for area in bpy.context.screen.areas if area.type == "VIEW_3D")
    view = area.spaces.active.region_3d
    with bpy.context.temp_override(area=area):
        view.view_perspective = "PERSP"
        assert bpy.ops.parascale.anchor_to_view() == {"FINISHED"}
        bpy.context.view_layer.update()
        there = np.array(view.view_matrix.inverted())
        assert np.array(calibrated.parent.matrix_world) == pytest.approx(there, abs=1e-4)
        view.view_perspective = "ORTHO"
        with pytest.raises(RuntimeError, match="orthographic"):
            bpy.ops.parascale.anchor_to_view()
        view.view_perspective = "PERSP"
