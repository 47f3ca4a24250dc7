from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from parascale.cli.common import Json, print_json
from parascale.parallax.shot import Shot


def info(
    shot: Annotated[Path, typer.Argument(help="A shot file.")],
    json: Json = False,
) -> None:
    """Tell what a shot holds: frames, motion, Parallax Number, depth, quality."""
    from parascale.files.shot_file import read_shot

    (print_json if json else print_description)(describe(read_shot(shot)))


def describe(shot: Shot) -> dict[str, Any]:
    """Gather what people ask about a shot as JSON values."""
    seconds = float(shot.trajectory.times[-1] - shot.trajectory.times[0])
    return {
        "name": shot.name,
        "motion_class": shot.motion_class,
        "frames": len(shot),
        "seconds": seconds,
        "fps": shot.fps,
        "size": list(shot.trajectory.size),
        "focal": shot.trajectory.intrinsics[0, :2].tolist(),
        "unit": shot.unit,
        "metres_per_unit": shot.metres_per_unit,
        "parallax_number": shot.parallax_number.tolist(),
        "median_depth": shot.median_depth.tolist(),
        "quality": dict(shot.quality),
        "provenance": dict(shot.provenance),
    }


def print_description(description: dict[str, Any]) -> None:
    """Print `describe`'s values as a small table."""
    from rich.console import Console
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    name, frames, seconds = description["name"], description["frames"], description["seconds"]
    table.add_row("shot", f"{name}: {frames} frames, {seconds:.2f} s at {description['fps']:g} a second")
    table.add_row("motion", description["motion_class"])
    width, height = description["size"]
    table.add_row("camera", f"{width}x{height}, focal length {description['focal'][0]:.1f} px")
    table.add_row("Parallax Number", _spread(description["parallax_number"], "a frame"))
    table.add_row("median depth", _spread(description["median_depth"], description["unit"]))
    for key, value in description["quality"].items():
        if not isinstance(value, list | dict):
            table.add_row(key.replace("_", " "), f"{value:.4g}" if isinstance(value, float) else str(value))
    if "output" in description:
        table.add_row("written", description["output"])
    Console().print(table)


def _spread(values: list[float], unit: str) -> str:
    finite = np.asarray(values, np.float64)
    finite = finite[np.isfinite(finite)]
    if not len(finite):
        return "none"
    return f"{np.median(finite):.4g} {unit} (from {finite.min():.4g} to {finite.max():.4g})"
