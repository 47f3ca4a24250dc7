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
from parascale.evaluation.comparison_plot import draw_comparison
from parascale.evaluation.page import Side, write_page
from parascale.evaluation.plan import SCENES
from parascale.evaluation.results import Row
from parascale.evaluation.table_page import write_table_page
from parascale.evaluation.tables import make_tables, summary
from parascale.files.shot_file import write_shot
from parascale.media.video_writer import VideoWriter
from parascale.parallax.shot import Shot
from parascale.parallax.subject import SubjectTrack, Up

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
def composed(tmp_path: Path, video: Path) -> Path:
    """Return a report on a shot that knows its subject and up, and on one of which a fifth was made up."""
    masks = tmp_path / "masks.mp4"
    with VideoWriter(masks, 96, 64, 16) as film:
        for number in range(17):
            mask = np.zeros((64, 96, 3), np.uint8)
            mask[:, : 96 * number // 80] = 255
            film.write(mask)
    centre = np.full((17, 2), 0.25)
    centre[12:] = np.nan
    facts = {"subjects": (SubjectTrack("vase", centre),), "up": Up(np.array([0.0, -1.0, 0.0]), 1.0, "said")}
    path = tmp_path / "composed.html"
    write_page([Side(walk("walk", **facts), video), Side(walk("desk"), video, masks=masks)], path)
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


def test_the_page_tells_subject_horizon_and_what_is_made_up(composed: Path) -> None:
    data = data_of(composed)
    reference, result = data["sides"]
    assert reference["subjects"][0]["name"] == "vase"
    assert reference["subjects"][0]["centre"][11:13] == [[0.25, 0.25], None]
    # Up is -y: directions of y = 0 are level, the middle of the picture.
    assert reference["horizon"][0] == pytest.approx([0, -96 / 90, 0])
    assert (result["horizon"], result["subjects"], reference["made_up"]) == (None, [], [])
    assert result["made_up"] == pytest.approx([number * 96 // 80 / 96 for number in range(17)], abs=0.02)
    measures = dict(data["measures"])
    assert measures["Subject in the picture, share of the frames"] == [pytest.approx(12 / 17), None]
    assert measures["Roll against the horizon, degrees, at most"] == [pytest.approx(0), None]
    assert measures["Picture made up, %, at most"] == [None, pytest.approx(20, abs=2)]


def test_masks_of_another_video_are_refused(tmp_path: Path, video: Path) -> None:
    short = tmp_path / "short.mp4"
    with VideoWriter(short, 96, 64, 16) as film:
        film.write(np.zeros((64, 96, 3), np.uint8))
    with pytest.raises(InputError, match="ends before frame 1 of its video"):
        write_page([Side(walk("w"), video, masks=short)], tmp_path / "no.html")


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
    # Its clock is the browser's, which a busy machine holds up: three looks at it are given here. At its end it begins
    # again, at 0.
    clock = "const asked = []; requestAnimationFrame = each => asked.push(each); last = null; now = 0;"
    looks = "const seen = [1000, 1250, 9000].map(time => { tick(time); return now; });"
    played = browse(page, "#play", script=f"{clock} {looks} document.body.dataset.seen = [...seen, asked.length];")
    assert 'data-seen="0,0.25,0,3"' in played
    assert 'id="play">Pause<' in played


@pytest.mark.slow
def test_subject_horizon_and_what_is_made_up_are_drawn(composed: Path, page: Path, browse: Callable[..., str]) -> None:
    # What a canvas shows besides nothing: its pixels that are not clear.
    count = (
        "[...get(id).getContext('2d').getImageData(0, 0, get(id).width, get(id).height).data].filter(Boolean).length"
    )
    over = (
        "const marked = [...document.querySelectorAll('.frame canvas')].map(canvas => [...canvas.getContext('2d')"
        ".getImageData(0, 0, canvas.width, canvas.height).data].filter(Boolean).length);"
        f"const id = 'holes'; document.body.dataset.marked = JSON.stringify([...marked, {count}])"
    )
    dom = browse(composed, script=over)
    (found,) = re.findall(r'data-marked="([^"]+)"', dom)
    assert all(pixels > 50 for pixels in json.loads(found))
    assert "White line: the horizon. Rings: vase; dashed, its place in the reference." in dom
    assert "% made up" in browse(composed, "#1")
    # Where nobody knows, nothing of it stands there.
    plain = browse(page)
    assert "Picture made up" not in re.sub(r"(?s)<script.*?</script>", "", plain)
    assert "White line" not in re.sub(r"(?s)<script.*?</script>", "", plain)


@pytest.mark.slow
def test_a_line_is_wide_where_another_runs_over_it_alone(page: Path, video: Path, browse: Callable[..., str]) -> None:
    script = (
        "const widths = [], plain = curve; curve = (...given) => { widths.push(given[6]); plain(...given); };"
        "drawPlot(); document.body.dataset.widths = widths"
    )
    assert 'data-widths="6,2"' in browse(page, script=script)
    write_page([Side(walk("walk"), video)], page)
    assert 'data-widths="2"' in browse(page, script=script)


@pytest.mark.slow
def test_the_page_is_no_wider_than_a_telephone(page: Path, browse: Callable[..., str]) -> None:
    script = "document.body.dataset.wide = document.documentElement.scrollWidth - window.innerWidth"
    found = re.search(r'data-wide="(-?\d+)"', browse(page, script=script, width=500))
    assert found
    assert int(found[1]) <= 0


def test_an_evaluation_is_readable_at_phone_width(browse: Callable[..., str], tmp_path: Path) -> None:
    rows = [Row(f"{a}-{b}", "arc", "closed-loop", pce=0.01) for a in SCENES for b in SCENES]
    picture = tmp_path / "wide.png"
    draw_comparison(rows, picture)
    page = tmp_path / "evaluation.html"
    write_table_page(make_tables(rows), {"comparison": picture}, summary(rows), page)
    # The page forbids scripts: the browser that measures it lets one in.
    page.write_text(page.read_text().replace("default-src 'none'", "script-src 'unsafe-inline'; default-src 'none'"))
    told = "document.title = [document.documentElement.scrollWidth, innerWidth, document.images[0].naturalWidth].join()"
    found = re.search(r"<title>(\d+),(\d+),(\d+)</title>", browse(page, script=told, width=500))
    assert found
    scrolled, inner, drawn = map(int, found.groups())
    # Tables scroll inside themselves.
    assert scrolled <= inner
    assert drawn > inner


def test_p_of_the_subject_stands_beside_that_of_the_frame(tmp_path: Path) -> None:
    subject = SubjectTrack("vase", np.zeros((17, 2)), depth=np.full(17, 4.0))
    write_page([Side(walk("walk", subjects=(subject,))), Side(walk("desk"))], tmp_path / "page.html")
    (row,) = (values for title, values in data_of(tmp_path / "page.html")["measures"] if title.startswith("P of the"))
    assert row == [pytest.approx(0.02 / 4), None]
