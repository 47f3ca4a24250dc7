"""What a calibration is worth, in plain words, for a user who looks at no figure."""

import math
from collections.abc import Iterator
from typing import Literal, get_args

from parascale.parallax.calibration_report import CalibrationReport

Severity = Literal["bad", "warning", "good", "note"]
Verdict = tuple[tuple[Severity, str], ...]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # in the order in which they are told

# A share of frames in which the subject is held, degrees of roll, mean ln P'/P, mean degrees of rotation, ln s.
WELL_HELD, BARELY_HELD = 0.95, 0.6
MAX_ROLL, BAD_ROLL = 1.0, 5.0
SMALL_PCE, LARGE_PCE = 0.05, 0.3
# Of P, in percent: less is rounding to a viewer.
SMALLEST_TOLD = 0.1
# Factors of P counted in the subject's depth: less than the first is the same, more than the second another motion.
SUBJECT_MOTION, OTHER_MOTION = 0.05, 3.0
MAX_TURN = 10.0
MAX_JUMP, BAD_JUMP = 0.05, 0.5


def judge(report: CalibrationReport) -> Verdict:
    """Say what a viewer would see, the worst first."""
    found = [*_motion(report), *_subject(report), *_horizon(report), *_surfaces(report), *_path(report)]
    return tuple(sorted(found, key=lambda each: SEVERITIES.index(each[0])))


def _motion(report: CalibrationReport) -> Iterator[tuple[Severity, str]]:
    if math.isnan(report.pce):
        return
    factor = math.exp(min(report.pce, 20.0))
    if report.pce <= SMALL_PCE:
        error = 100 * (factor - 1)
        told = f"{error:.1g}" if error >= SMALLEST_TOLD else f"less than {SMALLEST_TOLD}"
        yield "good", f"The motion is felt as in the reference: its Parallax Number is off by {told} %."
    else:
        severity: Severity = "warning" if report.pce <= LARGE_PCE else "bad"
        yield severity, f"The motion is felt otherwise: its Parallax Number is off by a factor of {factor:.2g}."
    if report.standing_frames:
        frames = frame_ranges(report.standing_frames)
        yield "bad", f"The camera stands still in frames {frames}, close to a surface."


def _subject(report: CalibrationReport) -> Iterator[tuple[Severity, str]]:
    share = report.subject_held
    if math.isnan(share):
        yield "note", "No subject is held: the reference keeps none in its picture, or the target shows nothing there."
        return
    text = f"The subject stands where the reference holds its own in {100 * share:.0f} % of the frames"
    if share >= WELL_HELD:
        yield "good", f"{text}."
    else:
        yield ("warning" if share >= BARELY_HELD else "bad"), f"{text}, the rest of the time it is out of its place."
    if not math.isnan(report.subject_pce):
        factor = math.exp(min(report.subject_pce, 20.0))
        same = factor < 1 + SUBJECT_MOTION
        grade: Severity = "good" if same else "note" if factor <= OTHER_MOTION else "warning"
        told = "as in the reference" if same else f"off by a factor of {factor:.2g}"
        yield grade, f"Counted in the subject's own depth, the motion is {told}."
    if report.hurried_frames:
        frames = frame_ranges(report.hurried_frames)
        yield (
            "warning",
            f"The camera passes so close to the subject that it cannot turn fast enough in frames {frames}.",
        )


def _horizon(report: CalibrationReport) -> Iterator[tuple[Severity, str]]:
    if math.isnan(report.roll_error):
        return
    if report.roll_error <= MAX_ROLL:
        yield "good", "The horizon is as level as in the reference."
    else:
        severity: Severity = "warning" if report.roll_error <= BAD_ROLL else "bad"
        yield severity, f"The horizon tilts by up to {report.roll_error:.0f} degrees more than in the reference."


def _surfaces(report: CalibrationReport) -> Iterator[tuple[Severity, str]]:
    if report.crossings:
        yield "bad", f"The camera passes through a surface in frames {frame_ranges(report.crossings)}."
    if report.held_back_frames:
        yield "warning", f"The camera is held back by a surface in frames {frame_ranges(report.held_back_frames)}."
    if report.bent_frames:
        frames, most = frame_ranges(report.bent_frames), math.ceil(report.largest_bend)
        yield "warning", f"The path is bent around a surface in frames {frames}, by up to {most} degrees."
    if report.last_frame_empty:
        yield "bad", "The last frame shows no surface."
    elif report.frames_without_surface:
        yield "warning", f"Frames {frame_ranges(report.frames_without_surface)} show no surface."


def _path(report: CalibrationReport) -> Iterator[tuple[Severity, str]]:
    jump = report.largest_jump
    if jump > MAX_JUMP:
        severity: Severity = "warning" if jump <= BAD_JUMP else "bad"
        factor = math.exp(min(jump, 20.0))
        yield severity, f"The speed jumps by a factor of {factor:.2g} at frame {report.largest_jump_frame}."
    if report.rot_err > MAX_TURN:
        yield (
            "warning",
            f"The camera turns otherwise than the reference's, by {report.rot_err:.0f} degrees in the mean.",
        )


def frame_ranges(frames: tuple[int, ...]) -> str:
    """Frame numbers as people write them: "3", "0-4, 9"."""
    runs: list[list[int]] = []
    for frame in frames:
        if runs and frame == runs[-1][-1] + 1:
            runs[-1].append(frame)
        else:
            runs.append([frame])
    return ", ".join(str(run[0]) if len(run) == 1 else f"{run[0]}-{run[-1]}" for run in runs)
