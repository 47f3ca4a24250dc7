"""A subject followed by a backend on a shot that is solved already."""

from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.files.shot_file import read_shot
from parascale.link.client import Client
from parascale.link.kinds.subject import SubjectRequest
from parascale.media.frames import open_frames
from parascale.parallax.shot import Shot
from parascale.parallax.subject_box import SubjectBox

CLIP = "clips/street_walk_generated.mp4"


def shot_of(clip: Path, frames: range) -> Shot:
    info = open_frames(clip).info
    lens = np.array([1000.0, 1000.0, info.width / 2, info.height / 2])
    path = Trajectory(
        np.tile(np.eye(4), (len(frames), 1, 1)), lens, np.arange(len(frames)) / 16, info.width, info.height
    )
    return Shot("walk", 16.0, path, np.ones(len(frames)), motion_class="static", frames=np.array(frames))


@pytest.mark.realdata
def test_boxes_are_handed_over_at_their_frames(client: Client, testdata: Path, tmp_path: Path) -> None:
    boxes = (SubjectBox("boy", 430, 85, 185, 615), SubjectBox("tree", 780, 210, frame=10))
    job = client.submit(SubjectRequest(testdata / CLIP, shot_of(testdata / CLIP, range(20)), boxes))
    status = client.wait(job)
    assert (status.state, status.message) == ("done", "")
    boy, tree = read_shot(client.fetch(job, tmp_path).files["shot"]).subjects
    assert (boy.name, tree.name) == ("boy", "tree")
    assert np.flatnonzero(boy.in_frame).tolist() == list(range(10))
    assert tree.in_frame[10:].all()
    # The boy is 615 of 720 pixels high in a picture 1280 wide, and left of its middle.
    assert boy.size is not None
    assert boy.size[0] == pytest.approx(615 / 1280)
    np.testing.assert_allclose(boy.centre[0], [(430 + 92.5 - 640) / 1280, (85 + 307.5 - 360) / 1280], atol=1e-9)


@pytest.mark.realdata
@pytest.mark.parametrize(
    ("box", "said"),
    [
        (SubjectBox("boy", 430, 85, 185, 615, frame=33), "frame 33, which is not in the shot"),
        (SubjectBox("boy", 5000, 85), "not in the picture"),
    ],
)
def test_a_box_elsewhere_fails_in_one_sentence(client: Client, testdata: Path, box: SubjectBox, said: str) -> None:
    status = client.wait(client.submit(SubjectRequest(testdata / CLIP, shot_of(testdata / CLIP, range(4)), (box,))))
    assert status.state == "failed"
    assert said in status.message
