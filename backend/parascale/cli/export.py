from pathlib import Path
from typing import Annotated

import typer

from parascale.cli.common import JsonOption, open_shot, print_json, print_notes
from parascale.cli.numbers import MOST_FPS, MOST_FRAMES, number, parse_size
from parascale.cli.output import Overwrite, check_outputs, output_of, trajectory_output


def export(
    shot: Annotated[Path, typer.Argument(help="A shot file.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="File or folder to write.")],
    format: Annotated[str, typer.Option("--format", help="Output format; `parascale formats` lists them.")],  # noqa: A002 - the option's name
    size: Annotated[
        str | None, typer.Option(help="Picture size such as 832x480; scaled to cover it, then cropped.")
    ] = None,
    fps: Annotated[float | None, number("Resample to this frame rate.", most=MOST_FPS)] = None,
    frames: Annotated[int | None, number("Resample the whole move to this many frames.", most=MOST_FRAMES)] = None,
    overwrite: Overwrite = False,
    json: JsonOption = False,
) -> None:
    """Export a shot as a camera path for another tool, or as a generator's conditioning tensor.

    Example: parascale export desk.shot.json --format colmap -o desk
    """
    from parascale.conditioning.tensor_file import find_tensor_format, write_tensor
    from parascale.files.fit import resample, resize_to_cover
    from parascale.files.trajectory_file import find_format, write_trajectory

    tensor = find_tensor_format(format)
    step = find_format(format).frame_step if tensor is None else tensor.step
    wanted = parse_size(size)
    fitted = resample(open_shot(shot), frames, fps, step)
    fitted = fitted if wanted is None else resize_to_cover(fitted, wanted)

    def write(path: Path) -> tuple[str, ...]:
        return write_trajectory(fitted, path, format) if tensor is None else write_tensor(fitted, path, tensor)

    suffix = find_format(format).suffix if tensor is None else ""
    outputs = [trajectory_output(output, format, suffix, write)] if tensor is None else output_of("tensor", output)
    check_outputs("export", outputs, [shot], overwrite=overwrite)
    warnings = write(output)
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
