from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, open_shot, print_json, progress_bar
from parascale.cli.output import Overwrite, check_outputs, output_of, save_shot
from parascale.cli.page import OpenPage, ReportPage, page_of, write_report


def verify(
    video: Annotated[Path, typer.Argument(help="The generated video.")],
    against: Annotated[Path, typer.Option(help="The requested shot.")],
    output: Annotated[Path | None, typer.Option("-o", "--output", help="Write the solved shot to this file.")] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Mask video, white where the video is made up: a preview's hole mask.")
    ] = None,
    report: ReportPage = None,
    show: OpenPage = False,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Solve a generated video and compare its Parallax Number with the request.

    Example: parascale verify desk.mp4 --against desk.shot.json
    """
    from parascale.cli.child import run_in_child
    from parascale.cli.metrics import print_metrics
    from parascale.evaluation.verify import verify as verify_video

    report = page_of(report, video, show=show)
    outputs = [*output_of("shot", output), *output_of("page", report)]
    check_outputs("verify", outputs, (video, against, masks), overwrite=overwrite)
    asked = open_shot(against)
    with progress_bar() as progress:
        verification = run_in_child(verify_video, video, asked, masks=masks, progress=progress)
    if output is not None:
        save_shot(verification.shot, output, "verify")
    if report is not None:
        write_report([(asked, None), (verification.shot, video)], report, show=show)
    result = verification.metrics.as_json()
    if json:
        print_json(result)
    else:
        print_metrics(result)
