import sys
from itertools import pairwise
from math import ceil, isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import JsonOption, open_shot, print_json

if TYPE_CHECKING:
    from parascale.parallax.shot import Shot
    from parascale.parallax.subject import SubjectTrack, Up

MAX_COLUMNS = 56
MAX_RANGES = 6
BARS, PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.:-=+*#"


def info(
    shot: Annotated[Path, typer.Argument(help="A shot file.")],
    json: JsonOption = False,
) -> None:
    """Show a shot's frames, motion, Parallax Number, depth and quality.

    Example: parascale info walk.shot.json
    """
    print_shot(open_shot(shot), json=json)


def print_shot(shot: "Shot", *, json: bool, output: Path | None = None, **more: object) -> None:
    """Print what people ask about a shot, as JSON with ``more`` values in it or as a small table."""
    if json:
        print_json(describe(shot) | ({} if output is None else {"output": str(output)}) | more)
    else:
        _print_table(shot, output)


def describe(shot: "Shot") -> dict[str, object]:
    """Gather what people ask about a shot as JSON values."""
    from parascale.types import to_json_values

    return {
        "name": shot.name,
        "motion_class": shot.motion_class,
        "frames": len(shot),
        "seconds": _seconds(shot),
        "fps": shot.fps,
        "size": list(shot.trajectory.size),
        "focal": shot.trajectory.intrinsics[0, :2].tolist(),
        "unit": shot.unit,
        "metres_per_unit": shot.metres_per_unit,
        "parallax_number": shot.parallax_number.tolist(),
        "parallax_number_per_second": to_json_values(shot.parallax_number * shot.fps),
        "calibration": calibration_of(shot),
        "parallax_sigma": None if shot.parallax_sigma is None else to_json_values(shot.parallax_sigma),
        "noise_floor": shot.noise_floor if "noise_floor" in shot.quality else None,
        "median_depth": shot.median_depth.tolist(),
        "subjects": [_describe_subject(shot, subject) for subject in shot.subjects],
        "up": None if shot.up is None else _describe_up(shot.up),
        "distortion": None if shot.distortion is None else dict(shot.distortion),
        "quality": dict(shot.quality),
        "provenance": dict(shot.provenance),
    }


def _range(value: object) -> str:
    """Word a value, or the least and the most of what changes from frame to frame."""
    return f"{min(value):.4g} to {max(value):.4g}" if isinstance(value, list) else str(value)


def _print_table(shot: "Shot", output: Path | None) -> None:
    rows = [
        ("shot", f"{shot.name}: {len(shot)} frames, {_seconds(shot):.2f} s at {shot.fps:g} a second"),
        ("motion", shot.motion_class),
    ]
    width, height = shot.trajectory.size
    rows.append(("camera", f"{width}x{height}, focal length {shot.trajectory.intrinsics[0, 0]:.1f} px"))
    if shot.distortion is not None:
        rows.append(("distortion", ", ".join(f"{key} {_range(value)}" for key, value in shot.distortion.items())))
    steps: list[float] = shot.parallax_number.tolist()
    floor, whose = _floor_of(shot)
    rows += _calibration_rows(shot)
    if any(map(isfinite, steps)):
        rows += [
            ("Parallax Number", _spread(steps, "a frame")),
            ("", _spread([step * shot.fps for step in steps], "a second")),
            *_error_rows(shot),
            ("", draw_steps(steps, floor or 0.0, BARS if _can_print(BARS) else PLAIN_BARS)),
            ("noise floor", _floor(steps, floor, whose)),
        ]
    else:
        rows.append(("Parallax Number", "none: the depth is not known"))
    rows.append(("median depth", _spread(shot.median_depth.tolist(), shot.unit)))
    if shot.metres_per_unit is not None and shot.unit != "m":
        rows.append(("", _spread((shot.median_depth * shot.metres_per_unit).tolist(), "m")))
    rows += _composition_rows(shot)
    for key, value in shot.quality.items():
        if key not in ("noise_floor", "subject_source") and value != "" and not isinstance(value, list | dict | None):
            rows.append((key.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value)))
    if output is not None:
        rows.append(("written", str(output)))
    # Never cut and never wrapped: a terminal does that where it has to, and a path is copied whole.
    column = max(len(name) for name, _ in rows) + 1
    for name, value in rows:
        print(f"{name:{column}} {value}".rstrip())


def _describe_subject(shot: "Shot", subject: "SubjectTrack") -> dict[str, object]:
    """Gather a subject's track as JSON values; P of the subject where its depth is known."""
    from parascale.types import to_json_values

    return {
        "name": subject.name,
        "frames_in_frame": int(subject.in_frame.sum()),
        "centre": to_json_values(subject.centre),
        "size": None if subject.size is None else to_json_values(subject.size),
        "depth": None if subject.depth is None else to_json_values(subject.depth),
        "parallax_number": None if subject.depth is None else to_json_values(shot.parallax_of(subject)),
    }


def _describe_up(up: "Up") -> dict[str, object]:
    return {"direction": up.direction.tolist(), "confidence": up.confidence, "source": up.source}


def _composition_rows(shot: "Shot") -> list[tuple[str, str]]:
    """Tell what the shot looks at, when, and which way is up in it."""
    rows = []
    for subject in shot.subjects:
        rows.append((f"subject {subject.name}".replace("subject subject", "subject"), _ranges(shot, subject)))
        if subject.depth is not None:
            rows.append(("P of the subject", _spread(shot.parallax_of(subject).tolist(), "a frame")))
    if not shot.subjects and shot.quality.get("subject_source") == "none":
        rows.append(("subject", "none: the camera holds nothing; point at one with parascale subject"))
    if shot.up is not None:
        x, y, z = shot.up.direction
        rows.append(("up", f"{x:.3f}, {y:.3f}, {z:.3f} from {shot.up.source}, confidence {shot.up.confidence:.1f}"))
    return rows


def _calibration_rows(shot: "Shot") -> list[tuple[str, str]]:
    """Tell how a shot was calibrated, from what, and to what."""
    found = calibration_of(shot)
    if found is None:
        return []
    kept = "" if found["verbatim"] else ", with subject, horizon and clearance kept"
    strength = found["strength"]
    asked = f" at {strength:g} times the P" if isinstance(strength, float) and strength != 1 else ""
    return [
        ("calibrated", f"by {found['method']}{asked}{kept}"),
        ("reference", str(found["reference"])),
        ("target", f"depth {found['target_depth']:.4g} {shot.unit} where it starts"),
    ]


def calibration_of(shot: "Shot") -> dict[str, object] | None:
    """Gather method, strength, reference and the target's first depth; None where a shot was not calibrated."""
    kept = shot.provenance.get("calibration")
    if not isinstance(kept, dict):
        return None
    reference = ("reference", "reference_digest", "reference_noise_floor")
    known = ("method", "strength", "lens", *reference, "target_depth")
    verbatim = not kept.get("framing") and kept.get("horizon") == "free" and kept.get("clearance") == 0
    return {name: kept.get(name) for name in known} | {"verbatim": verbatim}


def _ranges(shot: "Shot", subject: "SubjectTrack") -> str:
    """Frames of the source in which a subject is in frame, as ranges."""
    frames, inside = shot.frames.tolist() if shot.frames is not None else [], subject.in_frame.tolist()
    runs: list[list[int]] = []
    for index, (frame, known) in enumerate(zip(frames, inside, strict=True)):
        if known and index and inside[index - 1]:
            runs[-1][1] = frame
        elif known:
            runs.append([frame, frame])
    if not runs:
        return "never in frame"
    listed = ", ".join(f"{first} to {last}" for first, last in runs[:MAX_RANGES])
    more = f" and {len(runs) - MAX_RANGES} more" if len(runs) > MAX_RANGES else ""
    return f"in frame in {sum(inside)} of {len(inside)} frames: {listed}{more}"


def _can_print(text: str) -> bool:
    try:
        text.encode(sys.stdout.encoding or "ascii")
    except UnicodeEncodeError:
        return False
    return True


def _seconds(shot: "Shot") -> float:
    return float(shot.trajectory.times[-1] - shot.trajectory.times[0])


def draw_steps(steps: list[float], floor: float, bars: str = BARS) -> str:
    """Draw P over time as a row of bars, lowest first in ``bars``; a space is below the noise floor, ? has no depth."""
    columns = min(len(steps), MAX_COLUMNS)
    edges = [round(column * len(steps) / columns) for column in range(columns + 1)] if columns else []
    means = [_mean(steps[first:last]) for first, last in pairwise(edges)]
    top = max((mean for mean in means if mean is not None), default=0.0)
    return "".join("?" if mean is None else _bar(mean, floor, top, bars) for mean in means)


def _mean(values: list[float]) -> float | None:
    finite = [value for value in values if isfinite(value)]
    return sum(finite) / len(finite) if finite else None


def _bar(value: float, floor: float, top: float, bars: str) -> str:
    if value <= floor:
        return " "
    return bars[max(ceil(value / top * len(bars) - 1e-9), 1) - 1]


def _floor_of(shot: "Shot") -> tuple[float | None, str]:
    """Give a shot's noise floor, of a calibrated one its reference's, and whose it is."""
    if "noise_floor" in shot.quality:
        return shot.noise_floor, ""
    floor = (calibration_of(shot) or {}).get("reference_noise_floor")
    return (float(floor), ", of the reference") if isinstance(floor, int | float) else (None, "")


def _floor(steps: list[float], floor: float | None, whose: str) -> str:
    if floor is None:
        return "none: not solved from pixels"
    below = sum(step <= floor for step in steps)
    told = f"{below} of {len(steps)} steps lie below it and cannot be told from rest" if below else "all steps above it"
    return f"{floor:.4g} a frame{whose}: {told}"


def _error_rows(shot: "Shot") -> list[tuple[str, str]]:
    """P with its error: of the median step and of the least certain one."""
    if shot.parallax_sigma is None:
        return []
    from statistics import median

    known = [
        (float(p), float(sigma))
        for p, sigma in zip(shot.parallax_number, shot.parallax_sigma, strict=True)
        if isfinite(p) and isfinite(sigma)
    ]
    if not known:
        return []
    middle = f"P {median(p for p, _ in known):.4g} +- {median(sigma for _, sigma in known):.2g}"
    shares = [sigma / p for p, sigma in known if p > 0]
    share = f", {median(shares):.2g} of P in the median step, {max(shares):.2g} at worst" if shares else ""
    return [("error of P", f"{middle} (one sigma){share}")]


def _spread(values: list[float], unit: str) -> str:
    from statistics import median

    finite = [value for value in values if isfinite(value)]
    if not finite:
        return "none"
    return f"{median(finite):.4g} {unit} (from {min(finite):.4g} to {max(finite):.4g})"
