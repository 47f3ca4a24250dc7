"""Scenes as people keep them: the first picture, the depth and P are those of the scene that is rendered.

The files and their right values are `../shared/cases` beside the checkout, or PARASCALE_CASES.
"""

import importlib
import os
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

CASES = Path(os.environ.get("PARASCALE_CASES", Path(__file__).parents[3] / "shared" / "cases"))
PLAIN_MEAN = 116.1


@pytest.fixture
def request_of(extension: ModuleType) -> Any:
    """Open a case's scene, create the calibrated camera of its flight, and build the request that would be sent."""
    if not CASES.is_dir():
        pytest.skip(f"no cases at {CASES}: set PARASCALE_CASES")
    request = importlib.import_module(f"{extension.__name__}.request")

    def build(name: str) -> Any:
        bpy.ops.wm.open_mainfile(filepath=str(CASES / name / "scene.blend"))
        scene = bpy.context.scene
        scene.camera = bpy.data.objects["Camera"]
        bpy.ops.parascale.import_shot(filepath=str(CASES / name / "flight.shot.json"))
        bpy.ops.parascale.create_camera()
        camera = scene.camera
        asked = request.Asked(long_side=320, workbench=True)
        steps = request.build(scene, camera, request.timing_of(scene, camera, asked), asked)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return end.value

    return build


@pytest.mark.parametrize("name", ["anamorphic_pixels", "burned_metadata", "camera_bound_to_marker"])
def test_the_first_picture_is_that_of_the_plain_scene(name: str, request_of: Any) -> None:
    made = request_of(name)
    assert made.image.mean() == pytest.approx(PLAIN_MEAN, abs=1.0)


def test_an_output_of_float_pixels_does_not_darken_the_first_picture(request_of: Any) -> None:
    made = request_of("output_is_exr")
    np.testing.assert_allclose(made.image[100, 100], 183, atol=2)


def test_surfaces_outside_the_clip_range_are_not_measured(request_of: Any) -> None:
    made = request_of("camera_clips_a_wall")
    scene = bpy.context.scene
    # Cycles' median depth, over the depth that the shot's own unit stands for.
    assert float(np.nanmedian(made.depth_map)) == pytest.approx(1.0, rel=0.02)
    camera = scene.camera
    first = camera.animation_data.action
    assert first is not None
    assert median_depth_of(scene) == pytest.approx(6.83, rel=0.02)


def median_depth_of(scene: bpy.types.Scene) -> float:
    bpy.ops.parascale.measure()
    return float(scene.parascale.measured_depth)


def test_a_picture_of_16_bits_is_no_linear_light(extension: ModuleType, tmp_path: Path) -> None:
    pictures = importlib.import_module(f"{extension.__name__}.request")
    folder = CASES / "png16_first_picture"
    found = pictures.read_picture(folder / "first16.png")
    seen = pictures.read_picture(folder / "first_as_seen.png")
    assert np.abs(found.astype(int) - seen).max() <= 1


def test_a_scene_that_stretches_time_is_keyed_in_stretched_time_or_said(request_of: Any) -> None:
    made = request_of("time_stretched_scene")
    p = np.asarray(made.shot.parallax_number)
    np.testing.assert_allclose(p[1:-1], np.median(p), rtol=0.05)
