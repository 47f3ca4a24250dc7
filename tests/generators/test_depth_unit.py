"""A depth map in another unit than its shot: a warning from 1.5 times, refused from 8 times."""

import dataclasses
import json

import numpy as np
import pytest
from comfyui_server import PICTURES, Recorded, play_recording

from parascale.errors import InputError
from parascale.generators import GENERATORS


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home"))


def warnings_of(request, tmp_path) -> str:
    return " ".join(GENERATORS[request.generator].generate(request, tmp_path).summary["warnings"])


@pytest.mark.parametrize("name", ["preview", "comfyui", "wan-vace", "wan-fun-camera"])
def test_a_depth_map_of_another_unit_is_said_or_refused(name, make_request, tmp_path, request) -> None:
    centres = np.zeros((9, 3))
    centres[:, 2] = np.linspace(0, 0.4, 9)
    asked = dataclasses.replace(make_request(centres, 48, 32), generator=name)
    with play_recording() as server:
        if name == "comfyui":
            Recorded.frames = 9
            workflow = tmp_path / "workflow.json"
            workflow.write_text(json.dumps(PICTURES))
            asked = dataclasses.replace(asked, parameters={"server": server, "workflow": str(workflow)})
        elif name != "preview":
            pytest.importorskip("torch")
            asked = request.getfixturevalue("ask")(name)
        for factor, said in ((1.2, False), (3.0, True)):
            times = dataclasses.replace(asked, depth_map=asked.depth_map * np.float32(factor))
            told = "the median of the depth map is 3 times the depth of the shot"
            assert (told in warnings_of(times, tmp_path)) == said
    with pytest.raises(InputError, match="the map is in another unit or of another picture"):
        dataclasses.replace(asked, depth_map=asked.depth_map * np.float32(20))
