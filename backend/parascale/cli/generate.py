from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parascale.cli.common import DepthScale, Json, print_notes, progress_bar
from parascale.cli.jobs import Connect, KeysFolder
from parascale.cli.metrics import print_metrics
from parascale.cli.result import print_fetched
from parascale.cli.run import run_job
from parascale.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from parascale.link.requests import GenerationRequest, Scalar
    from parascale.parallax.shot import Shot


def generate(
    shot: Annotated[Path, typer.Argument(help="The calibrated shot to follow.")],
    generator: Annotated[
        str, typer.Option("--generator", "-g", help="Which generator; `parascale doctor` lists them.")
    ],
    image: Annotated[Path, typer.Option(help="The picture the first camera of the shot sees.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="The video to write.")],
    depth_map: Annotated[Path | None, typer.Option(help="The picture's z-depth: EXR, 16-bit PNG, .npy, .npz.")] = None,
    depth_scale: DepthScale = None,
    prompt: Annotated[str, typer.Option(help="What is to be seen.")] = "",
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same video.")] = 0,
    parameter: Annotated[list[str] | None, typer.Option("--set", help="NAME=VALUE of the generator's own.")] = None,
    sketch: Annotated[
        Path | None, typer.Option(help="A PNG that shows the video, small, as it comes into being.")
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Solve the video again: P asked against realised.")] = False,
    second_pass: Annotated[
        bool, typer.Option("--second-pass", help="Where they differ by over 15 %, generate again, corrected.")
    ] = False,
    connect: Connect = None,
    keys: KeysFolder = None,
    json: Json = False,
) -> None:
    """Generate a video along a shot; starts a backend of its own where none runs and none is named."""
    from parascale.files.shot_file import read_shot
    from parascale.link.requests import GenerationRequest
    from parascale.media.image_file import read_image
    from parascale.parallax.gauge import to_unit_depth

    path = read_shot(shot)
    picture = read_image(image)
    print_notes(picture.warnings)
    request = GenerationRequest(
        shot=path if path.unit == "unit-depth" else to_unit_depth(path),
        generator=generator,
        image=picture.image,
        depth_map=None if depth_map is None else unit_depth_map(depth_map, path, depth_scale),
        prompt=prompt,
        seed=seed,
        parameters=dict(setting(text) for text in parameter or ()),
    )
    fetched = run_job(request, output, connect, keys, sketch)
    told: dict[str, Any] = {}
    if verify or second_pass:
        told["verification"], gain = _verified(output, request, fetched)
        if gain is not None and not second_pass:
            print_notes([f"--second-pass generates again with the path times {gain:.2f}"])
        elif gain is not None:
            told["corrected"] = _corrected(output, request, gain, connect, keys)
    print_fetched(fetched | told, json)
    if not json:
        for part in (told, told.get("corrected", {})):
            print_metrics(part.get("verification") or {})


def _verified(
    video: Path, request: "GenerationRequest", fetched: dict[str, Any]
) -> tuple[Mapping[str, object] | None, float | None]:
    """Hold a video against what was asked, and say how they differ; a video that cannot be solved is kept.

    Returns
    -------
    metrics : dict or None
        None where the video cannot be solved.
    gain : float or None
        What the path would have to be multiplied by; None where it is right, or where that would change nothing.
    """
    from parascale.evaluation.verify import correction
    from parascale.evaluation.verify import verify as verify_video
    from parascale.generators.profile import profile_of

    masks = fetched["files"].get("hole_mask")
    try:
        with progress_bar() as progress:
            found = verify_video(video, request.shot, masks=masks and Path(masks), progress=progress)
    except InputError as error:
        print_notes([f"{video} was generated, but not verified: {error}"])
        return None, None
    gain = correction(found.metrics)
    if gain is not None:
        print_notes([f"the Parallax Number of {video.name} is {1 / gain:.2f} times what was asked"])
        if profile_of(request.generator).scale_class == "C":
            print_notes([f"{request.generator} erases the path's scale: another gain would change nothing"])
            gain = None
    return found.metrics.as_json(), gain


def _corrected(
    output: Path, request: "GenerationRequest", gain: float, connect: str | None, keys: Path | None
) -> dict[str, Any]:
    """Generate again beside the first video, its path multiplied by a gain, and verify against the path asked for."""
    from parascale.evaluation.verify import second_pass

    video = output.with_name(f"{output.stem}.corrected{output.suffix}")
    fetched = run_job(second_pass(request, gain), video, connect, keys)
    metrics, _ = _verified(video, request, fetched)
    return fetched | {"gain": gain, "verification": metrics}


def unit_depth_map(path: Path, shot: "Shot", scale: float | None) -> "NDArray[np.float32]":
    """Divide the map by what the shot is divided by; where that is done already, by its own median."""
    import numpy as np

    from parascale.media.depth_file import read_depth_map

    file = read_depth_map(path, scale)
    print_notes(file.warnings)
    depth = file.depth
    seen = np.isfinite(depth) & (depth > 0)
    unit = np.median(depth[seen]) if shot.unit == "unit-depth" else shot.median_depth[0]
    return np.asarray(depth / unit, np.float32)


def setting(text: str) -> tuple[str, "Scalar"]:
    """Read NAME=VALUE; a value that is no JSON number or truth is a text."""
    import json

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"{text!r} sets nothing: write NAME=VALUE")
    try:
        parsed = json.loads(value)
    except ValueError:
        return name, value
    return name, parsed if isinstance(parsed, bool | int | float | str) else value
