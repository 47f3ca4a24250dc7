"""Compare Shots: pictures of three ways beside each other, kept in the file, and nothing else of it changed."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest
from mathutils import Vector


def state_of(scene: bpy.types.Scene) -> dict[str, object]:
    """What a comparison must leave alone."""
    from parascale.blender.keyframes import fcurves

    render = scene.render
    names = [item.identifier for item in render.bl_rna.properties if item.type in ("INT", "FLOAT", "ENUM", "STRING")]
    curves = [[tuple(point.co) for point in curve.keyframe_points] for curve in fcurves(scene.camera)]
    return {
        "objects": sorted(item.name for item in bpy.data.objects),
        "cameras": sorted(item.name for item in bpy.data.cameras),
        "actions": sorted(item.name for item in bpy.data.actions),
        "camera": scene.camera.name,
        "frame": (scene.frame_current, scene.frame_subframe),
        "render": {name: str(getattr(render, name)) for name in names},
        "keys": curves,
        "report": scene.camera.parascale.report,
        "inputs": scene.camera.parascale.inputs,
        "settings": str({name: getattr(scene.camera.parascale.calibration, name) for name in ("framing", "method")}),
        "markers": [(marker.name, marker.camera) for marker in scene.timeline_markers],
    }


def pixels_of(image: bpy.types.Image) -> np.ndarray:
    width, height = image.size
    pixels = np.empty(width * height * 4, np.float32)
    image.pixels.foreach_get(pixels)
    return pixels.reshape(height, width, 4)[::-1]


def kept_of(scene: bpy.types.Scene) -> "object":
    from bl_ext.user_default.parascale.scene.shot_comparison import kept_comparison

    return kept_comparison(scene, scene.camera)


def test_three_ways_are_shown_beside_each_other_and_the_scene_stays(calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale.panels.compare import words

    scene = bpy.context.scene
    scene.frame_set(7)
    before = state_of(scene)
    assert bpy.ops.parascale.compare_shots() == {"FINISHED"}
    assert state_of(scene) == before
    kept = kept_of(scene)
    assert [way["label"] for way in kept.ways] == ["Verbatim", "Framed", "Global"]
    assert kept.frames == (1, 13, 25)
    assert not kept.outdated
    assert words(kept.ways[0]).startswith("Verbatim: subject held ")
    assert ", PCE 0, RotErr 0.0°" in words(kept.ways[0])
    # What is framed is what the camera's own settings gave.
    report = json.loads(calibrated.parascale.report)
    assert kept.ways[1]["rot_err"] == pytest.approx(report["rot_err"], rel=1e-4)
    assert kept.ways[1]["subject_held"] == report["subject_held"] == 1
    assert kept.ways[2]["pce"] == pytest.approx(report["pce_global"], rel=0.2)
    sheet = pixels_of(kept.image)
    assert sheet.shape == (3 * 180 + 8, 3 * 320 + 8, 4)
    if folder := os.environ.get("PARASCALE_PICTURES"):
        kept.image.save(filepath=str(Path(folder) / "compared.png"))
    cells = [
        [sheet[184 * row : 184 * row + 180, 324 * column : 324 * column + 320] for column in range(3)]
        for row in range(3)
    ]
    for row in cells:
        # Each shows something, and the camera moves.
        assert all(cell.std() > 0.02 for cell in row)
        assert np.abs(row[0] - row[2]).mean() > 0.005
    # All start alike, but for the mark of the subject.
    assert np.abs(cells[0][0] - cells[2][0]).max() < 0.02
    assert np.abs(cells[0][2] - cells[1][2]).mean() > 0.002


def test_a_comparison_is_one_undo_step_and_can_be_made_again(calibrated: bpy.types.Object) -> None:
    name = calibrated.name
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.parascale.compare_shots("EXEC_DEFAULT", True) == {"FINISHED"}
    first = pixels_of(kept_of(bpy.context.scene).image).copy()
    bpy.data.objects[name].parascale.strength = 2.0
    bpy.ops.ed.undo_push(message="stronger")
    assert kept_of(bpy.context.scene).outdated
    assert bpy.ops.parascale.compare_shots("EXEC_DEFAULT", True) == {"FINISHED"}
    assert len([image for image in bpy.data.images if "Compared" in image.name]) == 1
    second = pixels_of(kept_of(bpy.context.scene).image).copy()
    assert np.abs(second - first).max() > 0.1
    bpy.ops.ed.undo()
    assert np.array_equal(pixels_of(kept_of(bpy.context.scene).image), first)
    bpy.ops.ed.undo()
    bpy.ops.ed.undo()
    assert kept_of(bpy.context.scene) is None
    assert not [image for image in bpy.data.images if "Compared" in image.name]


def test_a_comparison_stays_in_the_file(calibrated: bpy.types.Object, tmp_path: Path) -> None:
    bpy.ops.parascale.compare_shots()
    before, ways = pixels_of(kept_of(bpy.context.scene).image).copy(), kept_of(bpy.context.scene).ways
    path = tmp_path / "compared.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.open_mainfile(filepath=str(path))
    kept = kept_of(bpy.context.scene)
    assert np.array_equal(pixels_of(kept.image), before)
    assert kept.ways == ways
    assert not kept.outdated


def test_a_cancelled_comparison_leaves_nothing(calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale.scene.shot_comparison import compare_shots

    scene = bpy.context.scene
    before = state_of(scene)
    # While a path is made, and while pictures are drawn.
    for begin, end in ((0.0, 0.6), (0.6, 1.0)):
        steps = compare_shots(scene, scene.camera)
        fractions = []
        for fraction, _phase in steps:
            fractions.append(fraction)
            if begin < fraction < end:
                break
        else:
            pytest.fail(f"no step lies between {begin} and {end}")
        assert fractions == sorted(fractions)
        steps.close()
        assert state_of(scene) == before
        assert kept_of(scene) is None


def test_a_way_that_is_refused_says_so_in_its_place(
    calibrated: bpy.types.Object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bl_ext.user_default.parascale.panels.compare import words
    from bl_ext.user_default.parascale.scene import shot_comparison

    from parascale.errors import InputError

    carry = shot_comparison.calibrate_beside

    def refuse(inputs):
        if inputs.options.method == "global":
            raise InputError("frame 0 has no depth")
        return (yield from carry(inputs))

    monkeypatch.setattr(shot_comparison, "calibrate_beside", refuse)
    assert bpy.ops.parascale.compare_shots() == {"FINISHED"}
    kept = kept_of(bpy.context.scene)
    assert words(kept.ways[2]) == "Global: frame 0 has no depth"
    assert np.ptp(pixels_of(kept.image)[-150:, :, :3]) == 0


def test_a_moving_carrier_and_a_moving_scene_are_seen_at_their_frames(
    stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    """The start camera rides on a train: what is drawn is what the scene shows through the camera itself."""
    from bl_ext.user_default.parascale.scene.pictures import render_frame

    train = bpy.data.objects.new("Train", None)
    stage.collection.objects.link(train)
    for frame, x in ((1, 0.0), (25, 4.0)):
        train.location.x = x
        train.keyframe_insert("location", frame=frame)
        box = bpy.data.objects["Box 1"]
        box.location.z = x / 8
        box.keyframe_insert("location", frame=frame)
    stage.frame_set(1)
    stage.camera.parent = train
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.create_camera()
    bpy.ops.parascale.compare_shots()
    sheet = pixels_of(kept_of(stage).image)
    for column, frame in enumerate((1, 13, 25)):
        seen = render_frame(stage, stage.camera, frame, (320, 180), "BLENDER_WORKBENCH")
        drawn = sheet[184:364, 324 * column : 324 * column + 320, :3] * 255
        # But for the marks of the subject.
        marked = sum(np.abs(drawn - mark).max(axis=2) < 1 for mark in ((255, 220, 0), (230, 30, 30))) > 0
        assert 300 < marked.sum() < 1500
        assert np.mean(np.abs(drawn - seen).max(axis=2)[~marked] > 3) < 0.001


def test_a_comparison_of_a_stale_camera_is_new(calibrated: bpy.types.Object) -> None:
    """The comparison is made from the scene as it is now: whether the camera was rebuilt since says nothing of it."""
    from bl_ext.user_default.parascale.scene.staleness import reason_stale

    scene = bpy.context.scene
    box = bpy.data.objects["Box 1"]
    box.location.z += 1
    scene.camera["parascale_strength"] = 0.7
    bpy.context.view_layer.update()
    assert reason_stale(scene, calibrated)
    bpy.ops.parascale.compare_shots()
    assert not kept_of(scene).outdated
    bpy.ops.parascale.rebuild()
    assert not kept_of(scene).outdated
    box.location.z += 1
    bpy.context.view_layer.update()
    assert kept_of(scene).outdated
    bpy.ops.parascale.compare_shots()
    assert not kept_of(scene).outdated


def test_verbatim_takes_nothing_but_method_strength_and_lens_of_the_camera(calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale.scene.shot_comparison import _options_of_ways

    from parascale.parallax.settings import Settings

    own = Settings.preset(
        "shot",
        method="static",
        strength=0.5,
        lens="copy",
        anchor_frame=3,
        smooth=2.0,
        max_gain_change=0.1,
        max_gain_step=0.1,
        size_budget=0.5,
        strength_along=0.5,
        strength_across=2.0,
    )
    ways = _options_of_ways(own)
    shown = {name: options.as_json() for name, options in ways.items()}
    wanted = Settings.verbatim("static", strength=0.5, lens="copy", anchor_frame=3).as_json()
    assert shown == {"Verbatim": wanted, "Framed": own.as_json(), "Global": wanted | {"method": "global"}}


def test_what_is_not_measured_is_seen_at_its_frame_too(calibrated: bpy.types.Object) -> None:
    """A walker in Leave Out hides the view at the last frame alone."""
    scene = bpy.context.scene
    left_out = bpy.data.collections.new("Left Out")
    scene.collection.children.link(left_out)
    scene.parascale.unmeasured = left_out
    bpy.ops.mesh.primitive_cube_add(size=1)
    walker = bpy.context.object
    for group in walker.users_collection:
        group.objects.unlink(walker)
    left_out.objects.link(walker)
    scene.frame_set(25)
    near = calibrated.matrix_world @ Vector((0, 0, -1.5))
    for frame, place in ((24, near + Vector((0, 0, 100))), (25, near)):
        walker.location = place
        walker.keyframe_insert("location", frame=frame)
    scene.frame_set(1)
    bpy.ops.parascale.compare_shots()
    with_walker = pixels_of(kept_of(scene).image).copy()
    bpy.data.objects.remove(walker)
    bpy.ops.parascale.compare_shots()
    without = pixels_of(kept_of(scene).image)
    changed = [np.abs(with_walker - without)[184:364, 324 * column :][:, :320].mean() for column in range(3)]
    assert changed[0] == changed[1] == 0
    assert changed[2] > 0.02


def test_each_camera_has_its_comparison_whatever_its_name(calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale.scene.shot_comparison import kept_comparison

    scene = bpy.context.scene
    bpy.ops.parascale.compare_shots()
    first = kept_comparison(scene, calibrated).image
    calibrated.name = "Renamed"
    assert kept_comparison(scene, calibrated).image == first
    twin = calibrated.copy()
    scene.collection.objects.link(twin)
    scene.parascale.camera = scene.camera = twin
    bpy.ops.parascale.compare_shots()
    second = kept_comparison(scene, twin).image
    assert second != first == kept_comparison(scene, calibrated).image
    # One that the user keeps stays.
    second.use_fake_user = True
    bpy.ops.parascale.compare_shots()
    third = kept_comparison(scene, twin).image
    assert third != second
    assert second.name in bpy.data.images
    bpy.ops.parascale.compare_shots()
    assert len([image for image in bpy.data.images if "Compared" in image.name]) == 3


@pytest.mark.parametrize("last", [False, True])
def test_the_users_own_render_stays(calibrated: bpy.types.Object, tmp_path: Path, last: bool) -> None:
    """It is in the first slot, or in the last."""
    scene = bpy.context.scene
    scene.render.engine = "BLENDER_WORKBENCH"
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 64, 36, 100
    bpy.ops.render.render()
    result = next(image for image in bpy.data.images if image.type == "RENDER_RESULT")
    if last:
        result.render_slots.active_index = len(result.render_slots) - 1
        bpy.ops.render.render()

    def shown(name: str) -> np.ndarray:
        result.save_render(str(tmp_path / name))
        image = bpy.data.images.load(str(tmp_path / name))
        pixels = pixels_of(image)
        bpy.data.images.remove(image)
        return pixels

    before, slot = shown("before.png"), result.render_slots.active_index
    bpy.ops.parascale.compare_shots()
    assert result.render_slots.active_index == slot
    assert np.array_equal(shown("after.png"), before)
