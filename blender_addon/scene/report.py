"""What a calibration found, as it is kept on the camera: JSON, which survives a missing add-on."""

import dataclasses
import json
import re
from collections.abc import Sequence
from typing import NotRequired, TypedDict, cast

import bpy
import numpy as np

from parascale.parallax.calibrate import Calibration
from parascale.parallax.calibration_report import CalibrationReport
from parascale.parallax.subject import SubjectTrack
from parascale.parallax.verdict import judge
from parascale.types import Array

from ..settings import settings_of_object
from .calibration_inputs import CalibrationInputs


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
    clip_frames: NotRequired[list[int]]
    reference_parallax: NotRequired[list[float | None]]
    verdict: NotRequired[list[tuple[str, str]]]
    subjects: NotRequired[dict[str, list[list[list[float] | None]]]]


def note_report(camera: bpy.types.Object, result: Calibration, inputs: CalibrationInputs, notes: Sequence[str]) -> None:
    """Keep the report on a camera, in frames of the scene: what the calibration found, what it left out, and notes."""
    surroundings, reference, frames = inputs.surroundings, inputs.reference, inputs.reference.frames
    centres = result.shot.trajectory.centres
    nearest = surroundings.nearest_surface(centres)
    closest = int(np.argmin(nearest))
    report = in_scene_frames(result.report, frames)
    crossed = [(int(frames[step]), name) for step, name in surroundings.crossed_objects(centres)]
    # The objects are named here.
    verdict = [list(line) for line in judge(dataclasses.replace(report, crossings=()))]
    if crossed:
        frame, name = crossed[0]
        verdict.insert(0, ["bad", f"The camera passes through {name} at frame {frame}."])
    hidden = f"Not measured, as the viewport hides it although it renders: {_named(inputs.hidden)}."
    found = {
        "verdict": verdict,
        "warnings": [*report.warnings, *notes, *([hidden] if inputs.hidden else [])],
        "nearest_surface": float(nearest[closest]) if np.isfinite(nearest[closest]) else None,
        "nearest_surface_frame": int(frames[closest]),
        "clip_frames": reference.clip_frames.tolist(),
        "reference_parallax": [None if np.isnan(p) else round(p, 9) for p in reference.shot.parallax_number.tolist()],
        "crossings": [frame for frame, _ in crossed],
        "subjects": {
            "reference": [_track(subject) for subject in result.reference_subjects],
            "target": [_track(subject) for subject in result.shot.subjects],
        },
    }
    settings_of_object(camera).report = json.dumps(report.as_json() | found)


def in_scene_frames(report: CalibrationReport, frames: Array) -> CalibrationReport:
    """Give a report whose frames, in its sentences too, are those of the scene."""

    def moved(value: object) -> object:
        if isinstance(value, tuple):
            return tuple(int(frames[step]) for step in value)
        return None if value is None else int(frames[cast("int", value)])

    names = [item.name for item in dataclasses.fields(report)]
    changed = {name: moved(getattr(report, name)) for name in names if name.endswith(("_frame", "_frames"))}
    changed |= {name: moved(getattr(report, name)) for name in ("crossings", "frames_without_surface")}

    def told(found: re.Match[str]) -> str:
        return re.sub(r"\d+", lambda step: str(int(frames[int(step[0])])), found[0])

    warnings = tuple(re.sub(r"in frames [\d, -]+:", told, text) for text in report.warnings)
    return dataclasses.replace(report, **changed, warnings=warnings)  # type: ignore[arg-type]


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _track(subject: SubjectTrack) -> list[list[float] | None]:
    rows = subject.centre.tolist()
    return [None if np.isnan(row[0]) else [round(value, 5) for value in row] for row in rows]


def report_of_camera(camera: bpy.types.Object) -> CameraReport | None:
    """Return the report on a camera; None where it was never built."""
    text = settings_of_object(camera).report
    return cast("CameraReport", json.loads(text)) if text else None


def number(value: float | None, digits: int = 3) -> str:
    """Write a figure as people read it."""
    if value is None:
        return "unknown"
    return f"{value:.{digits}g}" if abs(value) >= 1e-4 else "0"
