"""cameras.json of 3D Gaussian Splatting: centre, camera-to-world rotation in OpenCV axes, focal lengths in pixels."""

from pathlib import Path

import numpy as np

from parascale.errors import InputError
from parascale.files.cameras import choose_pictures, name_size
from parascale.files.disk import replace_files
from parascale.files.format import Format, register
from parascale.files.json_text import format_json_rows, parse_number, parse_numbers, read_json
from parascale.files.matrices import from_parts
from parascale.files.note import Note
from parascale.files.picture_names import name_pictures
from parascale.files.raw_trajectory import RawTrajectory
from parascale.parallax.shot import Shot
from parascale.types import Json


def read_splat_cameras(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read one camera of cameras.json; frames in the order of their pictures' names.

    Raises
    ------
    InputError
        Where the file is not such JSON: with the frame. Where there is no camera of that name.
    """
    listed = read_json(path)
    frames = [frame for frame in listed if isinstance(frame, dict)] if isinstance(listed, list) else []
    if not frames:
        raise InputError(f"{path} is not a list of cameras of 3D Gaussian Splatting")
    names = [str(frame.get("img_name") or frame.get("id", "")) for frame in frames]
    sizes = [_parse_size(frame, f"{path}, frame {index}") for index, frame in enumerate(frames)]
    order, notices = choose_pictures(names, camera, str(path), [name_size(size) for size in sizes])
    width, height = sizes[order[0]]
    rotations, centres, lens = [], [], []
    for index in order:
        frame, where = frames[index], f"{path}, frame {index}"
        rotations.append(parse_numbers(frame.get("rotation"), (3, 3), f'{where}, "rotation"'))
        centres.append(parse_numbers(frame.get("position"), (3,), f'{where}, "position"'))
        focal = [parse_number(frame.get(key), f'{where}, "{key}"') for key in ("fx", "fy")]
        # Some forks write the principal point, too.
        middle = [parse_number(frame.get(key, half), where) for key, half in (("cx", width / 2), ("cy", height / 2))]
        lens.append(focal + middle)
    return RawTrajectory(
        from_parts(np.array(rotations), np.array(centres)),
        lambda frame: f"frame {order[frame]}",
        lens=np.array(lens),
        note=Note(size=(width, height)),
        pictures=[names[index] for index in order],
        notices=notices,
    )


def write_splat_cameras(shot: Shot, path: Path) -> None:
    """Write cameras.json; pictures are named frame_000000 and so on."""
    trajectory = shot.trajectory
    assert shot.frames is not None
    columns = (
        name_pictures(shot.frames),
        trajectory.centres.tolist(),
        trajectory.rotations.tolist(),
        trajectory.intrinsics.tolist(),
    )
    rows = [
        {
            "id": index,
            "img_name": name.removesuffix(".png"),
            "width": trajectory.width,
            "height": trajectory.height,
            "position": centre,
            "rotation": rotation,
            "fy": lens[1],
            "fx": lens[0],
        }
        for index, (name, centre, rotation, lens) in enumerate(zip(*columns, strict=True))
    ]
    replace_files({path: format_json_rows(rows).encode()})


def _parse_size(frame: dict[str, Json], where: str) -> tuple[int, int]:
    width, height = (parse_number(frame.get(key), f'{where}, "{key}"') for key in ("width", "height"))
    if min(width, height) < 1 or not (width.is_integer() and height.is_integer()):
        raise InputError(f"{where}: the picture size {width:g}x{height:g} is not two positive whole numbers")
    return int(width), int(height)


register(
    Format(
        name="splat-cameras",
        description="cameras.json of 3D Gaussian Splatting",
        suffix=".json",
        lens="focal lengths",
        time="even",
        read=read_splat_cameras,
        write=write_splat_cameras,
        recognise=lambda sample: sample.has_key("img_name") and sample.has_key("rotation"),
        precedence=1,
        cameras=True,
        unit=False,
    )
)
