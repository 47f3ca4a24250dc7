"""Scenes as people keep them: the first picture, the depth and P are those of the scene that is rendered.

The files and their right values are `../shared/cases` beside the checkout, or PARASCALE_CASES.
"""

import importlib
import json
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

    def build(name: str) -> Any:
        bpy.ops.wm.open_mainfile(filepath=str(CASES / name / "scene.blend"))
        scene = bpy.context.scene
        scene.camera = bpy.data.objects["Camera"]
        bpy.ops.parascale.import_shot(filepath=str(CASES / name / "flight.shot.json"))
        bpy.ops.parascale.create_camera()
        return build_request(scene.camera)

    return build


def build_request(camera: bpy.types.Object) -> Any:
    """Build the request that would be sent for a calibrated camera."""
    request = importlib.import_module("bl_ext.user_default.parascale.request")
    scene = bpy.context.scene
    asked = request.Asked(long_side=320, workbench=True)
    steps = request.build(scene, camera, request.timing_of(scene, camera, asked), asked)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


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
    # Of the median that the shot's own unit stands for.
    assert float(np.nanmedian(made.depth_map)) == pytest.approx(1.0, rel=0.02)
    # Cycles' median depth.
    assert median_depth_of(scene) == pytest.approx(6.83, rel=0.02)
    gain = [curve for curve in curves_of(scene.camera) if "parascale_gain" in curve.data_path]
    assert gain[0].evaluate(scene.frame_start) == pytest.approx(6.83, rel=0.1)


def curves_of(item: bpy.types.Object) -> Any:
    from parascale.blender.keyframes import fcurves

    return fcurves(item)


def median_depth_of(scene: bpy.types.Scene) -> float:
    bpy.ops.parascale.measure()
    return float(scene.parascale.measured_depth)


def test_where_markers_bind_cameras_the_calibrated_one_is_shown(request_of: Any) -> None:
    request_of("camera_bound_to_marker")
    scene = bpy.context.scene
    camera = scene.parascale.camera
    scene.frame_set(scene.frame_start + 1)
    assert scene.camera == camera
    warnings = json.loads(camera.parascale.report)["warnings"]
    assert not any("marker" in warning for warning in warnings)


def test_a_picture_of_16_bits_is_no_linear_light(extension: ModuleType, tmp_path: Path) -> None:
    pictures = importlib.import_module(f"{extension.__name__}.request")
    folder = CASES / "png16_first_picture"
    if not folder.is_dir():
        pytest.skip(f"no cases at {CASES}: set PARASCALE_CASES")
    found = pictures.read_picture(folder / "first16.png")
    seen = pictures.read_picture(folder / "first_as_seen.png")
    assert np.abs(found.astype(int) - seen).max() <= 1


def test_a_scene_that_stretches_time_is_refused_with_what_to_set(request_of: Any) -> None:
    with pytest.raises(RuntimeError, match=r"stretches time.*100 to 200.*set both to 100"):
        request_of("time_stretched_scene")
    scene = bpy.context.scene
    scene.render.frame_map_new = 100
    bpy.ops.parascale.create_camera()
    camera = scene.camera
    p = np.asarray(build_request(camera).shot.parallax_number)
    # The reference goes 0.02 sideways and 0.01 ahead a frame, at its unit depth.
    np.testing.assert_allclose(p[:3], 0.02 * np.hypot(1, 0.5), rtol=0.05)
    # Stretched afterwards, the same keys would ask for half the move.
    scene.render.frame_map_new = 200
    for run in (lambda: build_request(camera), bpy.ops.parascale.rebuild, bpy.ops.parascale.bake):
        with pytest.raises((RuntimeError, ValueError), match="stretches time"):
            run()


def test_a_picture_in_tiles_is_refused_by_its_kind(extension: ModuleType) -> None:
    pictures = importlib.import_module(f"{extension.__name__}.request")
    path = CASES / "heic_tiles" / "photo.heic"
    if not path.is_file():
        pytest.skip(f"no cases at {CASES}: set PARASCALE_CASES")
    before = len(bpy.data.images)
    with pytest.raises(ValueError, match="HEIC"):
        pictures.read_picture(path)
    assert len(bpy.data.images) == before


def test_scene_linear_light_is_shown_as_the_command_line_shows_it(extension: ModuleType) -> None:
    pictures = importlib.import_module(f"{extension.__name__}.request")
    folder = CASES / "exr_first_picture"
    if not folder.is_dir():
        pytest.skip(f"no cases at {CASES}: set PARASCALE_CASES")
    found, seen = (pictures.read_picture(folder / name) for name in ("first.exr", "first_as_seen.png"))
    assert np.abs(found.astype(int) - seen).max() <= 1
