"""Open Report: a page of the reference beside the camera, with the film that was made along it."""

import json
import re
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

pytestmark = pytest.mark.usefixtures("backend")


def last_page(kind: str = "report") -> Any:
    """What the page of the newest report says."""
    from bl_ext.user_default.parascale.jobs import session

    job = session.current().newest_jobs(1)[0]
    assert (job.kind, job.state) == (kind, "used")
    text = Path(job.files["page"]).read_text(encoding="utf-8")
    found = re.search(r'<script[^>]*type="application/json"[^>]*>(.*?)</script>', text, re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_report_shows_both_sides_as_they_are(calibrated: bpy.types.Object, tmp_path: Path) -> None:
    scene = bpy.context.scene
    scene.parascale.long_side, scene.parascale.workbench = 64, True
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert bpy.ops.parascale.open_report() == {"FINISHED"}
    reference, result = last_page()["sides"]
    assert (reference["name"], result["name"]) == ("flight", calibrated.name)
    assert len(reference["points"]) > 10
    assert result["pictures"] == []
    verdict = json.loads(calibrated.parascale.report)["verdict"]
    assert [line for line in verdict if line not in result["verdict"]] == []

    # With a video, the camera is taken at the times of its pictures.
    scene.parascale.frames, scene.parascale.fps = 9, 8.0
    bpy.ops.parascale.generate()
    calibrated.parascale.calibration.frame_start = 3
    bpy.ops.parascale.open_report()
    told = last_page()
    _, result = told["sides"]
    assert len(result["pictures"]) == 9
    np.testing.assert_allclose(result["times"], np.arange(9) / 8, atol=1e-9)


def test_an_outdated_camera_says_so_in_its_report(calibrated: bpy.types.Object) -> None:
    calibrated.parent.location.x += 0.1
    bpy.context.view_layer.update()
    bpy.ops.parascale.open_report()
    _, result = last_page()["sides"]
    assert any("anchor changed" in text for _, text in result["verdict"])


def test_a_report_is_made_again_from_the_list(calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale.jobs import session

    bpy.ops.parascale.open_report()
    first = session.current().newest_jobs(1)[0]
    assert bpy.ops.parascale.retry_job(job_id=first.id) == {"FINISHED"}
    assert session.current().newest_jobs(1)[0] is not first
    assert last_page()["sides"][1]["name"] == calibrated.name


def test_a_report_of_a_reference_from_pictures_shows_none_of_it(
    calibrated: bpy.types.Object, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    picture = bpy.data.images.new("picture", 32, 18)
    picture.file_format = "PNG"
    for frame in range(17):
        picture.filepath_raw = str(tmp_path / f"{frame:04}.png")
        picture.save()
    calibrated.parascale.reference.parascale.film = bpy.data.images.load(str(tmp_path / "0000.png"))
    assert bpy.ops.parascale.open_report() == {"FINISHED"}
    assert last_page()["sides"][0]["pictures"] == []
    assert "0000.png is a picture and no video" in capfd.readouterr().out
