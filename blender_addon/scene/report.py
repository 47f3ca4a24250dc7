"""What a calibration found, as it is kept on the camera: JSON, which survives a missing add-on."""

import json
from typing import NotRequired, TypedDict, cast

import bpy
import numpy as np

from parascale.blender.depth import SceneDepth
from parascale.blender.scene_state import bound_cameras
from parascale.parallax.calibrate import Calibration
from parascale.types import Array

from ..settings import settings_of_object


class CameraReport(TypedDict):
    """The report on a calibrated camera (see `parascale.parallax.calibration_report`); None where undefined."""

    pce: float | None
    pce_global: float | None
    felt_error: float | None
    gain_range: tuple[float | None, float | None]
    largest_jump: float | None
    subject_drift: float | None
    loop_closure: float | None
    warnings: list[str]
    nearest_surface: float | None
    # Cameras of older versions lack these.
    nearest_surface_frame: NotRequired[int]
    crossings: NotRequired[list[int]]


def note_report(camera: bpy.types.Object, result: Calibration, surroundings: SceneDepth, frames: Array) -> None:
    """Keep the report on a camera: what the calibration found, how near the path comes to surfaces, what hides it."""
    centres = result.shot.trajectory.centres
    nearest = surroundings.nearest_surface(centres)
    closest = int(np.argmin(nearest))
    report = result.report.as_json()
    others = [(frame, bound) for frame, bound in bound_cameras(surroundings.scene) if bound != camera]
    warnings = [
        f"A marker at frame {frame} binds {bound.name}: playing and rendering the scene show that camera there, not "
        f"{camera.name}."
        for frame, bound in others[:1]
    ]
    found = {
        "warnings": [*cast("list[str]", report["warnings"]), *warnings],
        "nearest_surface": float(nearest[closest]) if np.isfinite(nearest[closest]) else None,
        "nearest_surface_frame": int(frames[closest]),
        "crossings": [int(frames[step]) for step in surroundings.crossings(centres)],
    }
    settings_of_object(camera).report = json.dumps(report | found)


def report_of_camera(camera: bpy.types.Object) -> CameraReport | None:
    """Return the report on a camera; None where it was never built."""
    text = settings_of_object(camera).report
    return cast("CameraReport", json.loads(text)) if text else None


def number(value: float | None, digits: int = 3) -> str:
    """Write a figure as people read it."""
    if value is None:
        return "unknown"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 else "0"
