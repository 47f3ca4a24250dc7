from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from numpy.typing import NDArray

from parascale.cli.common import DepthScale, Json, print_notes, progress_bar
from parascale.cli.jobs import Connect, KeysFolder
from parascale.cli.result import fetch, print_fetched
from parascale.errors import InputError

if TYPE_CHECKING:
    from parascale.link.client import Client
    from parascale.link.requests import Scalar
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
    connect: Connect = None,
    keys: KeysFolder = None,
    json: Json = False,
) -> None:
    """Generate a video along a shot; starts a backend of its own where none runs and none is named."""
    from parascale.files.shot_file import read_shot
    from parascale.link.requests import GenerationRequest
    from parascale.parallax.gauge import to_unit_depth

    path = read_shot(shot)
    request = GenerationRequest(
        shot=path if path.unit == "unit-depth" else to_unit_depth(path),
        generator=generator,
        image=_read_image(image),
        depth_map=None if depth_map is None else _unit_depth_map(depth_map, path, depth_scale),
        prompt=prompt,
        seed=seed,
        parameters=dict(_setting(text) for text in parameter or ()),
    )
    with _client(connect, keys) as client:
        job = client.submit(request)
        try:
            with progress_bar() as progress:
                status = client.wait(job, progress)
        except KeyboardInterrupt:
            client.cancel(job)
            raise
        if status.state != "done":
            raise InputError(f"job {job[:8]} {status.state}: {status.message}")
        fetched = fetch(client, job, output)
    print_fetched(fetched, json)


@contextmanager
def _client(address: str | None, keys: Path | None) -> Iterator["Client"]:
    from parascale.link.local import connect, start_backend

    if address is not None:
        with connect(address, keys) as client:
            yield client
        return
    backend = start_backend()
    try:
        with backend.connect() as client:
            yield client
    finally:
        backend.stop()


def _read_image(path: Path) -> NDArray[np.uint8]:
    import av

    try:
        with av.open(path) as container:
            return np.asarray(next(container.decode(video=0)).to_ndarray(format="rgb24"), np.uint8)
    except (OSError, ValueError, IndexError, StopIteration, av.FFmpegError) as error:
        raise InputError(f"{path} is no image that can be read: take a PNG or JPEG file") from error


def _unit_depth_map(path: Path, shot: "Shot", scale: float | None) -> NDArray[np.float32]:
    """Divide the map by what the shot is divided by; where that is done already, by its own median."""
    from parascale.projection.depth_file import read_depth_map

    file = read_depth_map(path, scale)
    print_notes(file.warnings)
    depth = file.depth
    seen = np.isfinite(depth) & (depth > 0)
    unit = np.median(depth[seen]) if shot.unit == "unit-depth" else shot.median_depth[0]
    return np.asarray(depth / unit, np.float32)


def _setting(text: str) -> tuple[str, "Scalar"]:
    import json

    name, equals, value = text.partition("=")
    if not equals or not name:
        raise InputError(f"{text!r} sets nothing: write NAME=VALUE")
    try:
        parsed = json.loads(value)
    except ValueError:
        return name, value
    return name, parsed if isinstance(parsed, bool | int | float | str) else value
