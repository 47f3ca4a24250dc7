"""Record3D's metadata: quaternion x y z w and centre in metres, ARKit's axes (OpenGL's), K column by column.

The poses are relative to the first one, so that the direction of gravity, which ARKit knows, is not in the file.
"""

from pathlib import Path

from parascale.errors import InputError
from parascale.files.format import Format, register
from parascale.files.json_text import parse_number, parse_numbers, parse_table, read_json
from parascale.files.matrices import OPENGL, frame_location, from_parts, rotations_from_quaternions
from parascale.files.note import Note
from parascale.files.raw_trajectory import FormatDefaults, RawTrajectory
from parascale.files.sample import Sample
from parascale.types import Array, Json

_FILES = ("metadata.json", "metadata")


def read_record3d(path: Path) -> RawTrajectory:
    """Read metadata, or the folder it lies in.

    Raises
    ------
    InputError
        Where the file is not such JSON: with the frame.
    """
    path = next((path / name for name in _FILES if (path / name).is_file()), path)
    document = read_json(path)
    document = document if isinstance(document, dict) else {}
    rows = parse_table(document.get("poses"), 7, f'{path}, "poses"')
    rotations = rotations_from_quaternions(rows[:, [3, 0, 1, 2]], str(path), frame_location)
    width, height = (parse_number(document.get(key), f'{path}, "{key}"') for key in ("w", "h"))
    if min(width, height) < 1:
        raise InputError(f"{path}: the picture size {width:g}x{height:g} is not positive")
    fps = document.get("fps")
    times = document.get("frameTimestamps")
    known = isinstance(times, list) and len(times) == len(rows)
    return RawTrajectory(
        from_parts(rotations, rows[:, 4:]) @ OPENGL,
        lens=_parse_lens(document, len(rows), str(path)),
        note=Note(size=(int(width), int(height)), fps=None if fps is None else parse_number(fps, f'{path}, "fps"')),
        times=parse_numbers(times, (len(rows),), f'{path}, "frameTimestamps"') if known else None,
    )


def _parse_lens(document: dict[str, Json], count: int, source: str) -> Array | None:
    listed = document.get("perFrameIntrinsicCoeffs")
    if isinstance(listed, list) and len(listed) == count:
        return parse_table(listed, 4, f'{source}, "perFrameIntrinsicCoeffs"')
    if document.get("K") is None:
        return None
    k = parse_numbers(document["K"], (9,), f'{source}, "K"')
    return k[[0, 4, 6, 7]] if k[6] or k[7] else k[[0, 4, 2, 5]]


def _recognise(sample: Sample) -> bool:
    if sample.path.is_dir():
        return any((sample.path / name).is_file() for name in _FILES)
    return sample.text.lstrip().startswith("{") and sample.has_key("poses") and not sample.has_key("frames")


register(
    Format(
        name="record3d",
        description="Record3D metadata",
        suffix=".json",
        lens="each frame",
        time="exact",
        read=read_record3d,
        write=None,
        recognise=_recognise,
        defaults=FormatDefaults(size=(720, 960), fps=30, unit="m"),
        unit=False,
        metric=True,
    )
)
