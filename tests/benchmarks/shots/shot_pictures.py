"""Contact sheets of carried shots: a row a method, with the first, middle and last frame and the subject's place."""

import tempfile
from collections.abc import Mapping
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix
from PIL import Image, ImageDraw

from parascale.blender.camera import blender_from_opencv
from parascale.blender.render import render_still
from parascale.parallax.calibrate import Calibration

SIZE = (320, 180)


def contact_sheet(scene: bpy.types.Scene, results: Mapping[str, Calibration], path: Path) -> None:
    """Render three frames of every result; a ring shows where the subject should stand, a dot where it does."""
    sheet = Image.new("RGB", (3 * SIZE[0], len(results) * (SIZE[1] + 16)), "white")
    draw = ImageDraw.Draw(sheet)
    for row, (name, result) in enumerate(results.items()):
        top = row * (SIZE[1] + 16)
        report = result.report
        draw.text((4, top + 2), f"{name}: held {report.subject_held:.2f}, PCE {report.pce:.3f}", "black")
        count = len(result.shot)
        for column, frame in enumerate((0, count // 2, count - 1)):
            sheet.paste(_picture(scene, result, frame), (column * SIZE[0], top + 16))
    sheet.save(path)


def _picture(scene: bpy.types.Scene, result: Calibration, frame: int) -> Image.Image:
    camera = scene.camera
    assert camera is not None
    before = camera.matrix_world.copy()
    scene.frame_set(1 + frame)
    camera.matrix_world = Matrix(blender_from_opencv(result.shot.trajectory.camera_to_world[frame]).tolist())
    with tempfile.TemporaryDirectory() as folder:
        picture = Image.open(render_still(scene, Path(folder) / "frame.png", SIZE)).convert("RGB")
    camera.matrix_world = before
    draw = ImageDraw.Draw(picture)
    for tracks, radius, colour in ((result.reference_subjects, 9, "yellow"), (result.shot.subjects, 3, "red")):
        for track in tracks[:1]:
            if track.in_frame[frame]:
                x, y = track.centre[frame] * SIZE[0] + np.array(SIZE) / 2
                draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=colour, width=2)
    return picture
