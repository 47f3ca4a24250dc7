from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import Json, print_json, progress_bar


def verify(
    video: Annotated[Path, typer.Argument(help="The generated video.")],
    against: Annotated[Path, typer.Option(help="The requested shot.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the solved shot to this file.")] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Mask video, white where the video is made up: a preview's hole mask.")
    ] = None,
    json: Json = False,
) -> None:
    """Solve a generated video and compare its Parallax Number with the request."""
    from parascale.cli.child import run_in_child
    from parascale.cli.metrics import print_metrics
    from parascale.evaluation.verify import verify as verify_video
    from parascale.files.shot_file import read_shot, write_shot

    with progress_bar() as progress:
        verification = run_in_child(verify_video, video, read_shot(against), masks=masks, progress=progress)
    if output is not None:
        write_shot(verification.shot, output)
    result = verification.metrics.as_json()
    if json:
        print_json(result)
    else:
        print_metrics(result)
