from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, open_shot, print_json, progress_bar
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot


def verify(
    video: Annotated[Path, typer.Argument(help="The generated video.")],
    against: Annotated[Path, typer.Option(help="The requested shot.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the solved shot to this file.")] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Mask video, white where the video is made up: a preview's hole mask.")
    ] = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Solve a generated video and compare its Parallax Number with the request."""
    from parascale.cli.child import run_in_child
    from parascale.cli.metrics import print_metrics
    from parascale.evaluation.verify import verify as verify_video

    check_outputs("verify", output_of("shot", output), (video, against, masks), overwrite=overwrite)
    with progress_bar() as progress:
        verification = run_in_child(verify_video, video, open_shot(against), masks=masks, progress=progress)
    if output is not None:
        save_shot(verification.shot, output, "verify")
    result = verification.metrics.as_json()
    if json:
        print_json(result)
    else:
        print_metrics(result)
