from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import Json, print_json, print_notes


def export(
    shot: Annotated[Path, typer.Argument(help="A shot file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File or folder to write.")],
    format: Annotated[str, typer.Option("--format", help="Output format; `parascale formats` lists them.")],  # noqa: A002 - the option's name
    size: Annotated[
        str | None, typer.Option(help="Picture size such as 832x480; scaled to cover it, then cropped.")
    ] = None,
    fps: Annotated[float | None, typer.Option(help="Resample to this frame rate.")] = None,
    frames: Annotated[int | None, typer.Option(help="Resample the whole move to this many frames.")] = None,
    json: Json = False,
) -> None:
    """Export a shot as a camera path for another tool, or as a generator's conditioning tensor."""
    from parascale.cli.size import parse_size
    from parascale.conditioning.tensor_file import find_tensor_format, write_tensor
    from parascale.files.fit import resample, resize_to_cover
    from parascale.files.shot_file import read_shot
    from parascale.files.trajectory_file import find_format, write_trajectory

    tensor = find_tensor_format(format)
    step = find_format(format).frame_step if tensor is None else tensor.step
    wanted = parse_size(size)
    fitted = resample(read_shot(shot), frames, fps, step)
    fitted = fitted if wanted is None else resize_to_cover(fitted, wanted)
    warnings = write_trajectory(fitted, output, format) if tensor is None else write_tensor(fitted, output, tensor)
    print_notes(warnings)
    written = {
        "format": format,
        "frames": len(fitted),
        "fps": fitted.fps,
        "size": list(fitted.trajectory.size),
        "unit": fitted.unit,
        "warnings": warnings,
        "output": str(output),
    }
    if json:
        print_json(written)
    else:
        width, height = fitted.trajectory.size
        print(f"{output}: {len(fitted)} frames at {fitted.fps:g} a second, {width}x{height}, as {format}")
