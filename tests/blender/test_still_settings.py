"""The still that is sent shows the scene's look, whatever the scene is set up to write, and where."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from parascale.blender.camera import trajectory_of_camera
from parascale.blender.render import render_still, z_pass
from parascale.blender.scene_state import at_frame

SIZE = (64, 36)

# What is the look itself: the picture follows it.
LOOK = re.compile(
    r"view_settings\.(view_transform|look|exposure|gamma|use_curve_mapping|use_white_balance|white_balance_\w+)"
    r"|render\.(use_simplify|simplify_\w+|engine|use_high_quality_normals|hair_\w+|use_freestyle|line_thickness\w*)"
)


def properties(owner: Any) -> Iterator[Any]:
    for item in owner.bl_rna.properties:
        plain = item.type in {"BOOLEAN", "INT", "FLOAT", "ENUM", "STRING"}
        if plain and not item.is_readonly and not getattr(item, "is_array", False):
            yield item


def other_values(owner: Any, item: Any) -> list[Any]:
    """A few values that a setting does not have now."""
    now = getattr(owner, item.identifier)
    if item.type == "BOOLEAN":
        return [not now]
    if item.type == "ENUM":
        if item.is_enum_flag:
            return []
        return [choice.identifier for choice in item.enum_items if choice.identifier != now][:6]
    if item.type == "STRING":
        return ["elsewhere"]
    low, high = item.soft_min, item.soft_max
    if item.type == "INT":
        return [value for value in (low, min(high, max(low, now * 2 or 3))) if value != now]
    return [value for value in (low + 0.25 * (min(high, low + 8) - low), min(high, now + 0.5)) if value != now]


def owners(scene: Any) -> dict[str, Any]:
    render = scene.render
    found = {
        "scene": scene,
        "render": render,
        "image_settings": render.image_settings,
        "view_settings": scene.view_settings,
        "display_settings": scene.display_settings,
        "output_view_settings": render.image_settings.view_settings,
        "output_display_settings": render.image_settings.display_settings,
        "stereo": render.image_settings.stereo_3d_format,
        "ffmpeg": render.ffmpeg,
        "view_layer": scene.view_layers[0],
        "shading": scene.display.shading,
        "display": scene.display,
        "cycles": scene.cycles,
        "eevee": scene.eevee,
    }
    return {name: owner for name, owner in found.items() if owner is not None}


@pytest.fixture
def stage(scene, camera, add_wall) -> Any:
    """Two walls of other brightness beside each other, and nothing above them."""
    camera.rotation_euler.x = np.pi / 2
    add_wall(distance=5, half=1.0)
    near = add_wall(distance=4, half=0.4)
    near.location.x += 0.9
    scene.frame_set(3)
    return scene


def still(stage: Any, folder: Path, **options: Any) -> np.ndarray:
    path = render_still(stage, folder / "still.png", SIZE, **options)
    image = bpy.data.images.load(str(path))
    try:
        assert tuple(image.size) == SIZE
        assert image.depth in {24, 32}
        return np.array(image.pixels[:]).reshape(*SIZE[::-1], 4)[..., :3]
    finally:
        bpy.data.images.remove(image)


@pytest.mark.parametrize(
    "owner_name",
    [
        "scene",
        "render",
        "image_settings",
        "view_settings",
        "display_settings",
        "output_view_settings",
        "output_display_settings",
        "stereo",
        "ffmpeg",
        "view_layer",
        "shading",
        "display",
        "cycles",
        "eevee",
    ],
)
def test_no_setting_but_the_look_changes_the_still(stage, tmp_path, owner_name) -> None:
    plain = still(stage, tmp_path)
    wrong = []
    owner = owners(stage).get(owner_name)
    if owner is None:
        pytest.skip(f"this Blender has no {owner_name}")
    for item in properties(owner):
        name = f"{owner_name}.{item.identifier}"
        if LOOK.fullmatch(name) or name == "shading.type":  # which the interface has for viewports only
            continue
        before = getattr(owner, item.identifier)
        if item.type == "ENUM" and not before:
            continue  # it was never set, and could not be set back
        for value in other_values(owner, item):
            try:
                setattr(owner, item.identifier, value)
            except (TypeError, ValueError, AttributeError):
                continue
            try:
                if np.abs(still(stage, tmp_path) - plain).max() > 0.02:
                    wrong.append(f"{name} = {value}")
            except Exception as error:
                wrong.append(f"{name} = {value}: {error!r}")
            finally:
                setattr(owner, item.identifier, before)
    assert not wrong


def stamped(scene: Any) -> None:
    scene.render.use_stamp, scene.render.use_stamp_note = True, True
    scene.render.stamp_note_text, scene.render.stamp_font_size = "A NOTE", 30
    scene.render.stamp_background = (1, 0, 0, 1)


def cropped(scene: Any) -> None:
    render = scene.render
    render.use_border, render.use_crop_to_border = True, True
    render.border_min_x, render.border_max_x, render.border_max_y = 0.5, 0.75, 0.5


def stereo(scene: Any) -> None:
    scene.render.use_multiview, scene.render.views_format = True, "STEREO_3D"
    scene.render.image_settings.views_format = "STEREO_3D"
    scene.render.image_settings.stereo_3d_format.display_mode = "ANAGLYPH"


def overridden_colours(scene: Any) -> None:
    settings = scene.render.image_settings
    settings.color_management = "OVERRIDE"
    settings.view_settings.view_transform, settings.view_settings.exposure = "Raw", 2.0
    settings.view_settings.use_curve_mapping = True
    settings.view_settings.curve_mapping.curves[3].points.new(0.4, 0.7)
    settings.view_settings.curve_mapping.update()


def writes(file_format: str, depth: str, mode: str = "RGB") -> Any:
    def change(scene: Any) -> None:
        settings = scene.render.image_settings
        if hasattr(settings, "media_type"):
            settings.media_type = "VIDEO" if file_format == "FFMPEG" else "IMAGE"
        settings.file_format, settings.color_mode = file_format, mode
        if depth:
            settings.color_depth = depth

    return change


def anamorphic(scene: Any) -> None:
    scene.render.pixel_aspect_x, scene.render.pixel_aspect_y = 1.0, 2.0


def small_and_elsewhere(scene: Any) -> None:
    scene.render.resolution_percentage, scene.render.filepath = 10, "//nowhere/####"
    scene.render.use_overwrite, scene.render.use_placeholder = False, True


def bound_to_marker(scene: Any) -> None:
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    other.location.z = 5
    scene.collection.objects.link(other)
    for frame in (1, 3, 9):
        camera, scene.timeline_markers.new("Cut", frame=frame).camera = scene.camera, other
        scene.camera = camera


def layers_off(scene: Any) -> None:
    empty = scene.view_layers.new("Empty")
    for child in empty.layer_collection.children:
        child.exclude = True
    scene.view_layers[0].use = False


def xray(scene: Any) -> None:
    shading = scene.display.shading
    shading.show_xray, shading.xray_alpha, shading.show_object_outline, shading.use_dof = True, 0.1, True, True


def other_display(name: str) -> Any:
    def change(scene: Any) -> None:
        try:
            scene.display_settings.display_device = name
        except TypeError:
            pytest.skip(f"this Blender has no display {name}")

    return change


CHANGES = {
    "burned metadata": stamped,
    "a border that is cropped to": cropped,
    "an anaglyph": stereo,
    "colours overridden for the output": overridden_colours,
    "EXR, half": writes("OPEN_EXR", "16"),
    "EXR, float": writes("OPEN_EXR", "32", "RGBA"),
    "PNG, 16 bits": writes("PNG", "16"),
    "TIFF, 16 bits": writes("TIFF", "16"),
    "grey JPEG": writes("JPEG", "8", "BW"),
    "a video": writes("FFMPEG", ""),
    "anamorphic pixels": anamorphic,
    "a percentage, and placeholders elsewhere": small_and_elsewhere,
    "a camera bound to a marker": bound_to_marker,
    "view layers that are not rendered": layers_off,
    "x-ray shading": xray,
    "a P3 display": other_display("Display P3"),
    "a Rec.1886 display": other_display("Rec.1886"),
    "a PQ display": other_display("Rec.2100-PQ"),
    "an HLG display": other_display("Rec.2100-HLG"),
}


def plain_state(scene: Any) -> dict[str, object]:
    found = {
        f"{name}.{item.identifier}": getattr(owner, item.identifier)
        for name, owner in owners(scene).items()
        for item in properties(owner)
        if item.identifier != "use_nodes"
    }
    curves = scene.render.image_settings.view_settings.curve_mapping.curves if "Raw" in found.values() else ()
    found["curves"] = [tuple(point.location) for curve in curves for point in curve.points]
    markers = [(marker.frame, marker.camera) for marker in scene.timeline_markers]
    return found | {"camera": scene.camera, "markers": markers, "layers": [layer.use for layer in scene.view_layers]}


@pytest.mark.parametrize("name", CHANGES)
def test_settings_that_work_together_change_neither_the_still_nor_are_they_changed(stage, tmp_path, name) -> None:
    plain = still(stage, tmp_path)
    CHANGES[name](stage)
    before = plain_state(stage)
    found = still(stage, tmp_path)
    assert np.abs(found - plain).max() <= 0.02
    assert plain_state(stage) == before


@pytest.mark.parametrize("name", CHANGES)
def test_settings_that_work_together_leave_the_depth_of_cycles_alone(stage, name) -> None:
    plain = z_pass(stage, stage.camera, 3, SIZE)
    CHANGES[name](stage)
    before = plain_state(stage)
    np.testing.assert_array_equal(z_pass(stage, stage.camera, 3, SIZE), plain)
    assert plain_state(stage) == before


@pytest.mark.parametrize(
    ("owner", "setting", "value"),
    [
        ("view_settings", "exposure", 1.5),
        ("view_settings", "gamma", 2.0),
        ("view_settings", "view_transform", "False Color"),
    ],
)
def test_the_still_follows_the_look(stage, tmp_path, owner, setting, value) -> None:
    stage.render.engine = "CYCLES"
    stage.cycles.samples, stage.cycles.device = 1, "CPU"
    stage.world = bpy.data.worlds.new("World")
    stage.world.color = (0.2, 0.2, 0.2)
    plain = still(stage, tmp_path, engine=None)
    setattr(getattr(stage, owner), setting, value)
    assert np.abs(still(stage, tmp_path, engine=None) - plain).max() > 0.05


def test_a_scene_of_workbench_keeps_its_own_shading(stage, tmp_path) -> None:
    stage.render.engine = "BLENDER_WORKBENCH"
    shading = stage.display.shading
    shading.light, shading.color_type, shading.single_color = "FLAT", "SINGLE", (0.9, 0.1, 0.1)
    red = still(stage, tmp_path, engine=None)[18, 32]
    assert red[0] > 1.5 * red[1]


def test_going_to_frames_leaves_the_scene_its_camera(stage) -> None:
    bound_to_marker(stage)
    camera = stage.camera
    trajectory_of_camera(stage, camera, np.arange(5) / 24)
    assert stage.camera == camera
    assert stage.frame_current == 3
    with at_frame(stage) as go_to:
        go_to(9)
        assert stage.camera == camera
    assert stage.camera == camera
    assert [marker.camera.name for marker in stage.timeline_markers] == ["Other"] * 3
