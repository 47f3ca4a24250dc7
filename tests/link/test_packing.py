"""Requests taken apart and put together again."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from parascale.errors import InputError
from parascale.files.shot_file import shot_to_json
from parascale.link.arrays import describe, from_frames, to_frames
from parascale.link.kinds import KINDS
from parascale.link.kinds.generate import GenerationRequest
from parascale.link.kinds.solve import SolveRequest
from parascale.link.kinds.verify import VerifyRequest
from parascale.link.request import Request
from parascale.parallax.shot import Shot


def travel(request: Request) -> Request:
    packed = request.pack()
    arrays = from_frames(describe(packed.arrays), [bytes(frame) for frame in to_frames(packed.arrays)])
    files: dict[str, list[Path]] = {}
    for info, path in packed.files:
        files.setdefault(info.role, []).append(path)
    return KINDS[request.kind].unpack(packed.fields, arrays, files)


def test_a_generation_request_survives(generation: GenerationRequest) -> None:
    back = travel(generation)
    assert isinstance(back, GenerationRequest)
    assert back.depth_map is not None
    assert generation.depth_map is not None
    assert np.array_equal(back.image, generation.image)
    assert back.depth_map.tobytes() == generation.depth_map.tobytes()
    assert shot_to_json(back.shot) == shot_to_json(generation.shot)
    for name in ("generator", "prompt", "seed", "parameters"):
        assert getattr(back, name) == getattr(generation, name)


def test_a_picture_without_depth_survives(generation: GenerationRequest) -> None:
    back = travel(dataclasses.replace(generation, depth_map=None))
    assert isinstance(back, GenerationRequest)
    assert back.depth_map is None


def test_a_solve_request_survives(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.write_bytes(b"not read")
    for request in (
        SolveRequest(clip, focal=500.0, start=3, end=84, fps=12.5),
        SolveRequest(clip, depth_model="depth-pro"),
    ):
        assert travel(request) == request


def test_a_folder_of_images_is_sent_whole_and_nothing_else_of_it(tmp_path: Path) -> None:
    for name in ("f2.png", "f10.PNG", "f1.jpg", "notes.txt", ".hidden.png"):
        (tmp_path / name).write_bytes(name.encode())
    packed = SolveRequest(tmp_path).pack()
    assert {info.name for info, _ in packed.files} == {"f2.png", "f10.PNG", "f1.jpg"}
    assert travel(SolveRequest(tmp_path)) == SolveRequest(tmp_path)


def test_a_verify_request_survives(tmp_path: Path, shot: Shot) -> None:
    video = tmp_path / "v.mp4"
    video.write_bytes(b"")
    back = travel(VerifyRequest(video, shot))
    assert isinstance(back, VerifyRequest)
    assert back.video == video
    assert shot_to_json(back.shot) == shot_to_json(shot)


@pytest.mark.parametrize("name", ["missing.mp4", "empty"])
def test_what_cannot_be_sent_is_one_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=name):
        SolveRequest(tmp_path / name).pack()


def test_missing_and_unknown_arrays_are_refused(generation: GenerationRequest) -> None:
    packed = generation.pack()
    arrays = dict(packed.arrays)
    with pytest.raises(InputError, match="unknown array 'more'"):
        GenerationRequest.unpack(packed.fields, arrays | {"more": np.zeros(1)}, {})
    del arrays["image"]
    with pytest.raises(InputError, match="lacks the array image"):
        GenerationRequest.unpack(packed.fields, arrays, {})


def test_arrays_of_another_type_are_refused(generation: GenerationRequest) -> None:
    packed = generation.pack()
    with pytest.raises(InputError, match="uint8"):
        GenerationRequest.unpack(packed.fields, {**packed.arrays, "image": np.zeros((2, 2, 3))}, {})


def test_unknown_fields_are_refused(generation: GenerationRequest) -> None:
    packed = generation.pack()
    with pytest.raises(InputError, match="unknown field 'more'"):
        GenerationRequest.unpack(packed.fields | {"more": 1}, packed.arrays, {})


def test_a_solve_request_needs_its_one_file(tmp_path: Path) -> None:
    fields = SolveRequest(_clip(tmp_path)).pack().fields
    for files in ({}, {"video": [tmp_path]}, {"reference": [tmp_path, tmp_path]}):
        with pytest.raises(InputError, match="needs one file"):
            SolveRequest.unpack(fields, {}, files)


def _clip(folder: Path) -> Path:
    clip = folder / "a.mp4"
    clip.write_bytes(b"x")
    return clip
