from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from parascale.cli.common import DepthScale, JsonOption, open_shot, print_notes, progress_bar
from parascale.cli.jobs import Connect, KeysFolder
from parascale.cli.metrics import print_metrics
from parascale.cli.numbers import MOST_SEED, number
from parascale.cli.output import Output, Overwrite, check_outputs, output_of, stem_of, unused_name
from parascale.cli.page import OpenPage, ReportPage, page_of, write_report
from parascale.cli.result import place_beside, print_fetched, print_made_up
from parascale.cli.run import client_of, run_job
from parascale.errors import InputError
from parascale.files.disk import is_stream

if TYPE_CHECKING:
    from parascale.link.kinds.generate import GenerationRequest
    from parascale.link.messages import Trained
    from parascale.link.parameters import Scalar
    from parascale.parallax.shot import Shot


def generate(
    shot: Annotated[Path, typer.Argument(help="The calibrated shot to follow.")],
    generator: Annotated[str, typer.Option("--generator", "-g", help="Generator; `parascale doctor` lists them.")],
    image: Annotated[Path, typer.Option(help="Picture seen by the first camera of the shot.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="The video to write; default: NAME.mp4 here, or NAME-2.")
    ] = None,
    depth_map: Annotated[Path | None, typer.Option(help="The picture's z-depth: EXR, 16-bit PNG, .npy, .npz.")] = None,
    depth_scale: DepthScale = None,
    prompt: Annotated[str, typer.Option(help="Text prompt.")] = "",
    seed: Annotated[int, number("The same seed gives the same video.", least=0, most=MOST_SEED)] = 0,
    parameter: Annotated[list[str] | None, typer.Option("--set", help="Generator parameter, NAME=VALUE.")] = None,
    sketch: Annotated[
        Path | None, typer.Option(help="Write a small preview of the running generation to this PNG.")
    ] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Solve the video and compare its P with the request.")
    ] = False,
    second_pass: Annotated[
        bool,
        typer.Option("--second-pass", help="If P differs by over 15 %, generate again, corrected."),
    ] = False,
    fps: Annotated[
        float | None, number("Frame rate of the video; default: what the generator was trained at.", above=0)
    ] = None,
    report: ReportPage = None,
    show: OpenPage = False,
    connect: Connect = None,
    keys: KeysFolder = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Generate a video along a shot; without --connect, starts a temporary backend.

    Example: parascale generate desk.shot.json -g preview --image desk.png --depth-map desk.exr -o desk.mp4

    The shot is resampled to the frame rate that the generator was trained at. Longer shots than it was trained on are
    made in parts, or in fewer frames a second.
    """
    from parascale.generators import find_generator
    from parascale.link.kinds.generate import GenerationRequest
    from parascale.media.depth_file import read_depth_map
    from parascale.media.image_file import read_image
    from parascale.parallax.gauge import compare_depth, to_unit_depth, unit_depth_map

    output = output or unused_name(stem_of(shot), ".mp4")
    report = page_of(report, output, show=show)
    outputs = [*_videos(output, second_pass=second_pass), *output_of("picture", sketch), *output_of("page", report)]
    check_outputs("generate", outputs, (shot, image, depth_map), overwrite=overwrite)
    if (verify or second_pass or report) and is_stream(output):
        raise InputError(f"{output} keeps no video, so that it could not be verified or shown: name a file")
    if connect is None:
        find_generator(generator)
    parameters = dict(setting(text) for text in parameter or ())
    path = _at_rate_of(generator, open_shot(shot), parameters, fps, connect, keys)
    picture = read_image(image)
    print_notes(picture.warnings)
    file = None if depth_map is None else read_depth_map(depth_map, depth_scale)
    if file is not None:
        print_notes(file.warnings)
        print_notes(() if path.unit == "unit-depth" else compare_depth(file.depth, path))
    request = GenerationRequest(
        shot=path if path.unit == "unit-depth" else to_unit_depth(path),
        generator=generator,
        image=picture.image,
        depth_map=None if file is None else unit_depth_map(file.depth, path),
        prompt=prompt,
        seed=seed,
        parameters=parameters,
    )
    fetched = run_job(request, output, "generate", connect, keys, sketch=sketch, overwrite=overwrite)
    found: dict[str, object] = {}
    measured, realised = [], None
    if verify or second_pass:
        metrics, gain, realised = _verify(output, request, fetched)
        measured, found["verification"] = [metrics], metrics
        if gain is not None and not second_pass:
            print_notes([f"--second-pass generates again with the path times {gain:.2f}"])
        elif gain is not None:
            metrics, found["corrected"] = _correct(output, request, gain, connect, keys, overwrite=overwrite)
            measured.append(metrics)
    print_fetched(fetched | found, json)
    if not json:
        for metrics in measured:
            print_metrics(metrics or {})
        print_made_up(fetched)
    if report is not None:
        asked = [(request.shot, None)] if realised else []
        write_report([*asked, (realised or request.shot, output)], report, show=show)


def _videos(output: Path, *, second_pass: bool) -> list[Output]:
    """Give the videos that are written: a stream takes one."""
    videos = [output]
    if not is_stream(output):
        videos += [_corrected(output)] * second_pass
        videos += [place_beside(video, "hole_mask", ".mp4") for video in videos]
    return [each for video in videos for each in output_of("video", video)]


def _at_rate_of(
    generator: str,
    shot: "Shot",
    parameters: "Mapping[str, Scalar]",
    fps: float | None,
    connect: str | None,
    keys: Path | None,
) -> "Shot":
    """Resample a shot to the frames that a generator was trained on, and say so."""
    from parascale.retime import fit_to_training

    trained = _trained(generator, parameters, connect, keys)
    best = 0 if trained.splits or fps is not None else trained.best_frames
    fitted = fit_to_training(shot, fps or trained.fps, best)
    if fitted is not shot:
        why = "" if fps is not None else f", as {generator} was trained; --fps sets another rate"
        print_notes([f"{len(shot)} frames at {shot.fps:.5g} fps became {len(fitted)} at {fitted.fps:.5g} fps{why}"])
    return fitted


def _trained(generator: str, parameters: "Mapping[str, Scalar]", connect: str | None, keys: Path | None) -> "Trained":
    """Return what a generator was trained at: one that is not installed here is asked for at its backend."""
    from parascale.generators import GENERATORS
    from parascale.link.messages import Trained
    from parascale.link.parameters import resolve_parameters

    known = GENERATORS.get(generator)
    if known is not None:
        return known.trained_at(resolve_parameters(known.describe(), parameters))
    with client_of(connect, keys) as client:
        return {info.name: info.trained for info in client.hello().generators}.get(generator, Trained())


def _verify(
    video: Path, request: "GenerationRequest", fetched: dict[str, object]
) -> tuple[Mapping[str, object] | None, float | None, "Shot | None"]:
    """Compare a video with its request; a video that cannot be solved is kept.

    Returns
    -------
    metrics : dict or None
        None where the video cannot be solved.
    gain : float or None
        What the path would have to be multiplied by; None where it is right, or where that would change nothing.
    shot : Shot or None
        The video, solved.
    """
    from parascale.cli.child import keep_terminating
    from parascale.evaluation.verify import correction
    from parascale.evaluation.verify import verify as verify_video
    from parascale.generators.profile import profile_of

    keep_terminating()
    files = fetched["files"]
    masks = Path(files["hole_mask"]) if isinstance(files, dict) and "hole_mask" in files else None
    try:
        with progress_bar() as progress:
            found = verify_video(video, request.shot, masks=masks, progress=progress)
    except InputError as error:
        print_notes([f"{video} was generated, but not verified: {error}"])
        return None, None, None
    gain = correction(found.metrics)
    if gain is not None:
        print_notes([f"the Parallax Number of {video.name} is {1 / gain:.2f} times what was asked"])
        if profile_of(request.generator).scale_class == "C":
            print_notes([f"{request.generator} erases the path's scale: another gain would change nothing"])
            gain = None
    return found.metrics.as_json(), gain, found.shot


def _correct(
    output: Path, request: "GenerationRequest", gain: float, connect: str | None, keys: Path | None, *, overwrite: bool
) -> tuple[Mapping[str, object] | None, dict[str, object]]:
    """Generate again beside the first video, its path multiplied by a gain, and verify against the path asked for."""
    from parascale.evaluation.verify import second_pass

    video = _corrected(output)
    fetched = run_job(second_pass(request, gain), video, "generate", connect, keys, overwrite=overwrite)
    metrics, *_ = _verify(video, request, fetched)
    return metrics, fetched | {"gain": gain, "verification": metrics}


def _corrected(output: Path) -> Path:
    return output.with_name(f"{output.stem}.corrected{output.suffix}")


def setting(text: str) -> tuple[str, "Scalar"]:
    """Parse NAME=VALUE; a value that is not a JSON number or boolean is text."""
    import json

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"--set expects NAME=VALUE, got {text!r}")
    try:
        parsed = json.loads(value)
    except ValueError:
        return name, value
    return name, parsed if isinstance(parsed, bool | int | float | str) else value
