"""A report made by a backend, of what a client has at hand."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.link.client import Client
from parascale.link.kinds.report import ReportRequest
from parascale.media.video_writer import VideoWriter
from parascale.parallax.shot import Points, Shot

SIZE = (64, 48)


def make_shot(name: str, step: float) -> Shot:
    poses = np.tile(np.eye(4), (6, 1, 1))
    poses[:, 0, 3] = step * np.arange(6)
    path = Trajectory(poses, [60.0, 60.0, 32.0, 24.0], np.arange(6) / 8, *SIZE)
    return Shot(name, 8.0, path, np.full(6, 2.0), motion_class="general")


def make_video(path: Path, shade: int) -> Path:
    with VideoWriter(path, *SIZE, 8.0) as film:
        for _ in range(6):
            film.write(np.full((SIZE[1], SIZE[0], 3), shade, np.uint8))
    return path


def document_of(page: Path) -> Any:
    text = page.read_text()
    found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_a_report_holds_both_sides_with_their_pictures(client: Client, tmp_path: Path) -> None:
    points = Points(np.array([[0.0, 0.0, 2.0], [0.5, 0.0, 2.0]], np.float32), np.full((2, 3), 128, np.uint8))
    reference = replace(make_shot("walk", 0.02), points=points)
    result = replace(make_shot("desk", 0.03), quality={"verdict": [["bad", "Passes through Wall at 20."]]})
    films = make_video(tmp_path / "walk.mp4", 60), make_video(tmp_path / "desk.mp4", 200)
    job = client.submit(ReportRequest(reference, result, *films))
    status = client.wait(job)
    assert (status.state, status.message) == ("done", "")
    told = document_of(client.fetch(job, tmp_path).files["page"])
    assert [side["name"] for side in told["sides"]] == ["walk", "desk"]
    assert [len(side["pictures"]) for side in told["sides"]] == [6, 6]
    assert [len(side["points"]) for side in told["sides"]] == [2, 0]
    assert told["sides"][1]["verdict"] == [["bad", "Passes through Wall at 20."]]
    assert all(base64.b64decode(side["pictures"][0].split(",")[1])[:2] == b"\xff\xd8" for side in told["sides"])
    # P of 0.03 / 2 against 0.02 / 2.
    pce = next(values for name, values in told["measures"] if name.startswith("PCE"))
    assert pce[1] == pytest.approx(np.log(1.5), abs=1e-6)


def test_a_reference_alone_is_a_report_and_a_short_film_one_sentence(client: Client, tmp_path: Path) -> None:
    alone = client.submit(ReportRequest(make_shot("walk", 0.02)))
    longer = replace(make_shot("walk", 0.02), frames=np.arange(3, 9))
    short = client.submit(ReportRequest(longer, clip=make_video(tmp_path / "walk.mp4", 60)))
    assert client.wait(alone).state == "done"
    status = client.wait(short)
    assert status.state == "failed"
    assert status.message.startswith("walk.mp4 ends before frame 6 of its shot")


def test_films_of_one_name_make_a_report(client: Client, tmp_path: Path) -> None:
    (tmp_path / "results").mkdir()
    films = make_video(tmp_path / "video.mp4", 60), make_video(tmp_path / "results" / "Video.mp4", 200)
    job = client.submit(ReportRequest(make_shot("walk", 0.02), make_shot("desk", 0.03), *films))
    assert client.wait(job).state == "done"
    sides = document_of(client.fetch(job, tmp_path).files["page"])["sides"]
    assert sides[0]["pictures"][0] != sides[1]["pictures"][0]


def test_a_backend_that_knows_no_such_jobs_is_called_older(client: Client) -> None:
    # Made after the kinds were listed: this backend is the older one.
    class Later(ReportRequest):
        kind = "later"

    with pytest.raises(InputError, match="the backend is older and knows no later jobs: install ParaScale anew there"):
        client.submit(Later(make_shot("walk", 0.02)))


def test_what_is_no_report_is_refused() -> None:
    arrays = dict(ReportRequest(make_shot("walk", 0.02)).pack().arrays)
    for wrong in ({"positions": np.zeros((2, 3), np.float32)}, {"other": np.zeros(1, np.uint8)}):
        with pytest.raises(InputError):
            ReportRequest.unpack({}, arrays | wrong, {})
    with pytest.raises(InputError, match="no result"):
        ReportRequest.unpack({}, arrays, {"video": [Path("a.mp4")]})
    with pytest.raises(InputError, match="no other files"):
        ReportRequest.unpack({}, arrays, {"other": [Path("a.mp4")]})
    flat = {"positions": np.zeros((2, 2), np.float32), "colours": np.zeros((2, 2), np.uint8)}
    with pytest.raises(InputError, match="points"):
        ReportRequest.unpack({}, arrays | flat, {})
