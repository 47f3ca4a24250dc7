from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import Json, print_json


def metrics(
    shot: Annotated[Path, typer.Argument(help="The shot to evaluate.")],
    reference: Annotated[Path, typer.Argument(help="The shot to compare with.")],
    json: Json = False,
) -> None:
    """Compare two shots: PCE, felt error, rotation and translation error."""
    from parascale.files.shot_file import read_shot
    from parascale.parallax.metrics import compare

    result = compare(read_shot(shot), read_shot(reference)).as_json()
    if json:
        print_json(result)
    else:
        print_metrics(result)


def print_metrics(result: Mapping[str, object]) -> None:
    """Print metrics, one a line."""
    for key, value in result.items():
        print(f"{key:16} {'-' if value is None else format(value, '.4g')}")
