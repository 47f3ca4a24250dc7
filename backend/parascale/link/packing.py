"""Requests as what travels: fields, arrays and files; and back."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from parascale.errors import InputError
from parascale.files.shot_file import shot_from_json, shot_to_json
from parascale.link.arrays import Arrays
from parascale.link.codec import build
from parascale.link.messages import DepthFields, FileInfo, GenerationFields, JobKind, SolveFields, VerifyFields
from parascale.link.requests import DepthRequest, GenerationRequest, Request, SolveRequest, VerifyRequest
from parascale.link.transfer import describe_file
from parascale.media.suffixes import image_files
from parascale.parallax.shot import Shot


@dataclass(frozen=True, eq=False)
class Packed:
    """A request taken apart."""

    kind: JobKind
    label: str
    fields: dict[str, Any]
    arrays: Arrays
    files: tuple[tuple[FileInfo, Path], ...]


def pack(request: Request) -> Packed:
    """Take a request apart; its files are read once, for their hashes.

    Raises
    ------
    InputError
        Where a file cannot be read or a folder holds no images.
    """
    if isinstance(request, GenerationRequest):
        return _pack_generation(request)
    if isinstance(request, SolveRequest):
        return _pack_solve(request)
    if isinstance(request, DepthRequest):
        fields = asdict(DepthFields(request.model))
        return Packed("depth", f"depth {Path(request.model).name}", fields, {"image": request.image}, ())
    video = describe_file("video", request.video)
    label = f"verify {request.video.name}"
    return Packed("verify", label, asdict(VerifyFields()), _shot_array(request.shot), ((video, request.video),))


def unpack(kind: JobKind, fields: Mapping[str, Any], arrays: Arrays, files: Mapping[str, list[Path]]) -> Request:
    """Put a request together.

    Parameters
    ----------
    kind : "solve", "depth", "generate" or "verify"
    fields, arrays : mapping
        As `pack` left them.
    files : mapping of str to list of Path
        Where the files of each role are now.

    Raises
    ------
    InputError
        Where something is missing, too much, or no valid request.
    """
    if kind == "generate":
        return _unpack_generation(build(GenerationFields, dict(fields), "generate"), arrays, files)
    if kind == "solve":
        return _unpack_solve(build(SolveFields, dict(fields), "solve"), arrays, files)
    if kind == "depth":
        return _unpack_depth(build(DepthFields, dict(fields), "depth"), arrays, files)
    build(VerifyFields, dict(fields), "verify")
    _expect(kind, arrays, {"shot"})
    return VerifyRequest(_one(kind, files, "video"), _shot_from(arrays, kind))


def _pack_generation(request: GenerationRequest) -> Packed:
    fields = GenerationFields(request.generator, request.prompt, request.seed, dict(request.parameters))
    arrays = {**_shot_array(request.shot), "image": request.image}
    if request.depth_map is not None:
        arrays["depth_map"] = request.depth_map
    return Packed("generate", f"{request.generator} {request.shot.name}", asdict(fields), arrays, ())


def _pack_solve(request: SolveRequest) -> Packed:
    folder = request.reference.is_dir()
    paths = image_files(request.reference) if folder else [request.reference]
    fields = SolveFields(folder, request.focal, request.fov, request.start, request.end, request.depth_model)
    files = tuple((describe_file("reference", path), path) for path in paths)
    return Packed("solve", f"solve {request.reference.name}", asdict(fields), {}, files)


def _unpack_generation(fields: GenerationFields, arrays: Arrays, files: Mapping[str, list[Path]]) -> Request:
    _expect("generate", arrays, {"shot", "image"}, {"depth_map"})
    if files:
        raise InputError("a generate request takes no files")
    image, depth_map = arrays["image"], arrays.get("depth_map")
    if image.dtype != np.uint8 or (depth_map is not None and depth_map.dtype != np.float32):
        raise InputError("a generate request needs a uint8 image and a float32 depth map")
    return GenerationRequest(
        shot=_shot_from(arrays, "generate"),
        generator=fields.generator,
        image=np.asarray(image, np.uint8),
        depth_map=None if depth_map is None else np.asarray(depth_map, np.float32),
        prompt=fields.prompt,
        seed=fields.seed,
        parameters=fields.parameters,
    )


def _unpack_solve(fields: SolveFields, arrays: Arrays, files: Mapping[str, list[Path]]) -> Request:
    _expect("solve", arrays, set())
    if fields.folder:
        references = files.get("reference", [])
        if not references or set(files) != {"reference"}:
            raise InputError("a solve request needs its images and no other files")
        reference = references[0].parent
    else:
        reference = _one("solve", files, "reference")
    return SolveRequest(reference, fields.focal, fields.fov, fields.start, fields.end, fields.depth_model)


def _unpack_depth(fields: DepthFields, arrays: Arrays, files: Mapping[str, list[Path]]) -> Request:
    _expect("depth", arrays, {"image"})
    if files:
        raise InputError("a depth request takes no files")
    image = arrays["image"]
    if image.dtype != np.uint8:
        raise InputError("a depth request needs a uint8 image")
    return DepthRequest(np.asarray(image, np.uint8), fields.model)


def _shot_array(shot: Shot) -> dict[str, Any]:
    return {"shot": np.frombuffer(shot_to_json(shot).encode(), np.uint8)}


def _shot_from(arrays: Arrays, kind: str) -> Shot:
    try:
        text = arrays["shot"].tobytes().decode()
    except UnicodeDecodeError as error:
        raise InputError(f"the shot of a {kind} request is not UTF-8") from error
    return shot_from_json(text, f"the shot of a {kind} request")


def _expect(kind: str, arrays: Arrays, needed: set[str], optional: set[str] | None = None) -> None:
    for name in needed - set(arrays):
        raise InputError(f"a {kind} request lacks the array {name}")
    for name in set(arrays) - needed - (optional or set()):
        raise InputError(f"a {kind} request has an unknown array {name[:40]!r}")


def _one(kind: str, files: Mapping[str, list[Path]], role: str) -> Path:
    if set(files) != {role} or len(files[role]) != 1:
        raise InputError(f"a {kind} request needs one file, its {role}")
    return files[role][0]
