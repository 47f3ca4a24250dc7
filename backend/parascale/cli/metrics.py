from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, open_shot, print_json, print_notes


def metrics(
    shot: Annotated[Path, typer.Argument(help="The shot to evaluate.")],
    reference: Annotated[Path, typer.Argument(help="The shot to compare with.")],
    json: JsonOption = False,
) -> None:
    """Compare two shots: PCE, felt error, rotation and translation error.

    Example: parascale metrics desk.shot.json walk.shot.json
    """
    from parascale.parallax.metrics import compare

    sides = open_shot(shot), open_shot(reference)
    found = compare(*sides)
    if found.frames < (shorter := min(map(len, sides))):
        print_notes([f"only {found.frames} of {shorter} frames are at the same times: retime one to the other's rate"])
    result = found.as_json()
    if json:
        print_json(result)
    else:
        print_metrics(result)


def print_metrics(result: Mapping[str, object]) -> None:
    """Print metrics, one a line."""
    for key, value in result.items():
        print(f"{key:16} {'-' if value is None else format(value, '.4g')}")
