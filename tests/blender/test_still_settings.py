"""The still that is sent shows the scene's look, whatever the scene is set up to write, and where."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from parascale.blender.render import render_still

SIZE = (64, 36)

# What is the look itself: the picture follows it.
LOOK = re.compile(
    r"view_settings\.(view_transform|look|exposure|gamma|use_curve_mapping|use_white_balance|white_balance_\w+)"
    r"|display_settings\.(display_device|emulation)"
    r"|render\.(use_simplify|simplify_\w+|engine|use_high_quality_normals|hair_\w+|use_freestyle|line_thickness\w*)"
    r"|sequencer_colorspace_settings\.name"
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


def still(stage: Any, folder: Path) -> np.ndarray:
    path = render_still(stage, folder / "still.png", SIZE)
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
        if LOOK.fullmatch(name):
            continue
        before = getattr(owner, item.identifier)
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
