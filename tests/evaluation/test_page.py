"""The report in one page: complete, asking for nothing from outside, and alive in a real browser."""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from parascale.camera import Trajectory
from parascale.cli import app
from parascale.errors import InputError
from parascale.evaluation.page import Side, write_page
from parascale.files.shot_file import write_shot
from parascale.media.video_writer import VideoWriter
from parascale.parallax.shot import Shot

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def walk(name: str, step: float = 0.02, **facts: object) -> Shot:
    poses = np.tile(np.eye(4), (17, 1, 1))
    poses[:, 0, 3] = np.arange(17) * step
    path = Trajectory(poses, np.array([90.0, 90, 48, 32]), np.arange(17) / 16, 96, 64)
    return Shot(name, 16, path, np.full(17, 2.0), **facts)  # type: ignore[arg-type]


@pytest.fixture
def video(tmp_path: Path) -> Path:
    """Return a film whose every frame has a grey of its own."""
    path = tmp_path / "walk.mp4"
    with VideoWriter(path, 96, 64, 16) as film:
        for number in range(17):
            film.write(np.full((64, 96, 3), 10 * number + 20, np.uint8))
    return path


@pytest.fixture
def page(tmp_path: Path, video: Path) -> Path:
    told = [["bad", "The camera passes <b>through</b> a wall.</script>"], ["good", "The motion is felt."]]
    asked = walk("desk", 0.03, quality={"verdict": told}, provenance={"source": "desk.blend"})
    path = tmp_path / "report.html"
    write_page([Side(walk("walk", quality={"noise_floor": 1e-3}), video), Side(asked, video)], path)
    return path


def data_of(page: Path) -> dict:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_page_holds_both_sides_and_what_they_are_worth(page: Path) -> None:
    data = data_of(page)
    assert [side["name"] for side in data["sides"]] == ["walk", "desk"]
    assert [len(side["pictures"]) for side in data["sides"]] == [17, 17]
    assert data["sides"][0]["p"] == pytest.approx([0.01] * 16)
    measures = dict(data["measures"])
    assert measures["Scale gap, ln"] == [None, pytest.approx(np.log(1.5))]
    assert data["sides"][1]["verdict"][0] == ["bad", "The camera passes <b>through</b> a wall.</script>"]


def test_the_page_asks_for_nothing_from_outside(page: Path) -> None:
    text = page.read_text()
    assert "http" not in text.replace("http-equiv", "")
    assert "default-src 'none'" in text


def test_a_video_of_another_shot_is_refused(tmp_path: Path, video: Path) -> None:
    late = Shot("late", 16, walk("w").trajectory, np.full(17, 2.0), frames=np.arange(5, 22))
    with pytest.raises(InputError, match="ends before frame 17"):
        write_page([Side(late, video)], tmp_path / "no.html")
    assert not (tmp_path / "no.html").exists()


def test_the_command_gives_each_video_to_the_shot_before_it(tmp_path: Path, video: Path) -> None:
    write_shot(walk("a"), tmp_path / "one.shot.json")
    write_shot(walk("a"), tmp_path / "two.shot.json")
    page = tmp_path / "out.html"
    arguments = ["report", *(str(tmp_path / name) for name in ("one.shot.json", "two.shot.json")), str(video)]
    assert CliRunner().invoke(app, [*arguments, "-o", str(page)]).exit_code == 0
    assert [(side["name"], len(side["pictures"])) for side in data_of(page)["sides"]] == [("one", 0), ("two", 17)]
    # What it wrote it may write again; what somebody else wrote stays.
    assert CliRunner().invoke(app, [*arguments, "-o", str(page)]).exit_code == 0
    page.write_text("<html>mine</html>")
    assert CliRunner().invoke(app, [*arguments, "-o", str(page)]).exit_code != 0
    assert page.read_text() == "<html>mine</html>"


@pytest.fixture
def browse(tmp_path: Path) -> Callable[..., str]:
    """Return a function that opens a page in a real browser and gives what stands there after a while."""
    if CHROMIUM is None:
        pytest.skip("no Chromium here: apt-get install chromium")

    def browse(page: Path, place: str = "", script: str = "", width: int = 1200) -> str:
        tried = tmp_path / "tried.html"
        tried.write_text(page.read_text().replace("</body>", f"<script>{script}</script></body>"))
        alone = ["--headless=new", "--no-sandbox", "--disable-gpu", f"--user-data-dir={tmp_path / 'chrome'}"]
        asked = [f"--window-size={width},900", "--virtual-time-budget=1500", "--dump-dom", f"{tried.as_uri()}{place}"]
        command = [CHROMIUM, *alone, *asked]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout

    return browse


def shown(dom: str) -> list[str]:
    return re.findall(r'<img src="(data:image/jpeg;base64,[^"]{40,})"', dom)


@pytest.mark.slow
def test_the_slider_moves_both_sides_and_play_plays(page: Path, browse: Callable[..., str]) -> None:
    pictures = data_of(page)["sides"][0]["pictures"]
    assert shown(browse(page)) == [pictures[0]] * 2
    moved = browse(page, script="get('slider').value = 500; get('slider').dispatchEvent(new Event('input'))")
    assert shown(moved) == [pictures[8]] * 2
    assert "frame 8, P 0.01, 0.16 a second" in moved
    assert "The camera passes &lt;b&gt;through&lt;/b&gt; a wall.&lt;/script&gt;" in moved
    played = re.search(r'data-time="([\d.]+)"', browse(page, "#play"))
    assert played
    assert float(played[1]) > 0


@pytest.mark.slow
def test_the_page_is_no_wider_than_a_telephone(page: Path, browse: Callable[..., str]) -> None:
    script = "document.body.dataset.wide = document.documentElement.scrollWidth - window.innerWidth"
    found = re.search(r'data-wide="(-?\d+)"', browse(page, script=script, width=500))
    assert found
    assert int(found[1]) <= 0
