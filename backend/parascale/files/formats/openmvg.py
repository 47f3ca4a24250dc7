"""OpenMVG's sfm_data.json: world-to-camera rotations and centres, OpenCV axes; views without a pose are left out."""

from pathlib import Path

import numpy as np

from parascale.errors import InputError, Notice
from parascale.files.cameras import choose_pictures, name_size
from parascale.files.distortion import common_distortion, name_distortion
from parascale.files.format import Format, register
from parascale.files.json_text import parse_number, parse_numbers, read_json
from parascale.files.matrices import from_parts
from parascale.files.note import Note
from parascale.files.raw_trajectory import RawTrajectory
from parascale.types import Array, Json

JsonObject = dict[str, Json]

# The coefficients of each kind of distortion, in the file's order.
_DISTORTION = {
    "disto_k1": ("k1",),
    "disto_k3": ("k1", "k2", "k3"),
    "disto_t2": ("k1", "k2", "k3", "p1", "p2"),
    "fisheye": ("k1", "k2", "k3", "k4"),
}


def read_openmvg(path: Path, camera: str | None = None) -> RawTrajectory:
    """Read one camera of sfm_data.json; frames in the order of their pictures' names.

    Raises
    ------
    InputError
        Where the file is not such JSON, no view has a pose, pictures are spherical, or there is no such camera.
    """
    document = read_json(path)
    document = document if isinstance(document, dict) else {}
    views = [_unwrap(view) for _, view in _list_pairs(document, "views", str(path))]
    lenses = dict(_list_pairs(document, "intrinsics", str(path)))
    poses = dict(_list_pairs(document, "extrinsics", str(path)))
    posed = [view for view in views if view.get("id_pose") in poses and view.get("id_intrinsic") in lenses]
    if not posed:
        raise InputError(f"{path}: no view has a pose and a lens; export the reconstruction with its extrinsics")
    names = ["/".join(filter(None, (str(view.get("local_path", "")), str(view.get("filename", ""))))) for view in posed]
    wheres = [f"{path}, view {name}" for name in names]
    parts = [_parse_lens(lenses[view["id_intrinsic"]], where) for view, where in zip(posed, wheres, strict=True)]
    sizes = [size for size, _, _ in parts]
    order, notices = choose_pictures(names, camera, str(path), [name_size(size) for size in sizes])
    if len(posed) < len(views):
        notices = (*notices, Notice(f"{len(views) - len(posed)} of {len(views)} views have no pose and are left out"))
    distortion, varying = common_distortion([parts[index][2] for index in order])
    rotations, centres = [], []
    for index in order:
        pose = poses[posed[index]["id_pose"]]
        rotations.append(parse_numbers(pose.get("rotation"), (3, 3), f'{wheres[index]}, "rotation"').T)
        centres.append(parse_numbers(pose.get("center"), (3,), f'{wheres[index]}, "center"'))
    return RawTrajectory(
        from_parts(np.array(rotations), np.array(centres)),
        lambda frame: f"view {names[order[frame]]}",
        lens=np.array([parts[index][1] for index in order]),
        note=Note(size=sizes[order[0]]),
        pictures=[names[index] for index in order],
        distortion=distortion,
        notices=notices + varying,
    )


def _list_pairs(document: JsonObject, key: str, source: str) -> list[tuple[Json, JsonObject]]:
    listed = document.get(key)
    if not isinstance(listed, list):
        raise InputError(f'{source} has no list of "{key}": not an sfm_data.json of OpenMVG')
    pairs = [item for item in listed if isinstance(item, dict)]
    return [(item.get("key"), value) for item in pairs if isinstance(value := item.get("value"), dict)]


def _unwrap(value: JsonObject) -> JsonObject:
    """Content of a value as the serialiser wraps it."""
    wrapper = value.get("ptr_wrapper")
    data = wrapper.get("data") if isinstance(wrapper, dict) else None
    data = data if isinstance(data, dict) else {}
    inner = data.get("value0")
    return data | inner if isinstance(inner, dict) else data


def _parse_lens(value: JsonObject, where: str) -> tuple[tuple[int, int], Array, JsonObject | None]:
    kind = str(value.get("polymorphic_name", ""))
    lens = _unwrap(value)
    if "spherical" in kind or lens.get("focal_length") is None:
        raise InputError(f"{where}: the lens is {kind or 'unknown'}, and only a perspective or fisheye one can be read")
    size = [parse_number(lens.get(key), f'{where}, "{key}"') for key in ("width", "height")]
    focal = parse_number(lens["focal_length"], f'{where}, "focal_length"')
    middle = parse_numbers(lens.get("principal_point"), (2,), f'{where}, "principal_point"')
    distortion: JsonObject | None = None
    for key, names in _DISTORTION.items():
        if lens.get(key) is not None:
            numbers = parse_numbers(lens[key], (len(names),), f'{where}, "{key}"').tolist()
            values = dict(zip(names, numbers, strict=True))
            distortion = {"model": "OPENCV_FISHEYE", **values} if key == "fisheye" else name_distortion(values)
    return (int(size[0]), int(size[1])), np.array([focal, focal, *middle]), distortion


register(
    Format(
        name="openmvg",
        description="OpenMVG sfm_data.json",
        suffix=".json",
        lens="each frame",
        time="even",
        read=read_openmvg,
        write=None,
        recognise=lambda sample: sample.has_key("sfm_data_version"),
        precedence=2,
        cameras=True,
        unit=False,
    )
)
