"""P of an evaluation's paths, drawn over the reference's P and over time."""

from collections.abc import Callable
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from parascale.evaluation import path_plots
from parascale.evaluation.plan import Plan
from parascale.evaluation.results import Row
from parascale.evaluation.stages import path_file, true_file
from parascale.files.shot_file import write_shot
from parascale.parallax.shot import Shot


@pytest.fixture
def drawn(tmp_path: Path, truck: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Figure]:
    """Two rows of a path whose P lies between 2.5 and 12 thousandths, drawn by a function of the module."""
    rows = [Row("desk-room", "truck", method, pce=0.1) for method in ("closed-loop", "static")]
    shot = truck()
    poses = np.array(shot.trajectory.camera_to_world)
    poses[:, 0, 3] = np.cumsum(np.linspace(0.0012, 0.012, 9))
    path = replace(shot.trajectory, camera_to_world=poses)
    write_shot(replace(shot, trajectory=path), true_file(tmp_path, "desk", "truck"))
    for row in rows:
        write_shot(replace(shot, trajectory=path), path_file(tmp_path, row.key))
    kept: list[Figure] = []
    monkeypatch.setattr(path_plots, "save_figure", lambda figure, *_: kept.append(figure))

    def draw(function: Callable[..., object]) -> Figure:
        function(rows, tmp_path, tmp_path / "picture.png")
        FigureCanvasAgg(kept[-1]).draw()
        return kept[-1]

    return draw


def test_what_stands_at_the_axes_does_not_overlap(drawn: Callable[..., Figure]) -> None:
    for axes in drawn(path_plots.draw_realised).axes:
        labels = [each for which in ("major", "minor") for each in axes.xaxis.get_ticklabels(which=which)]
        low, high = axes.get_xlim()
        shown = [each for each in labels if each.get_text() and low <= each.get_position()[0] <= high]
        assert len(shown) >= 2
        boxes = [each.get_window_extent() for each in shown]
        assert not any(one.overlaps(other) for one, other in combinations(boxes, 2))


def test_p_is_realised_on_the_diagonal_and_what_lies_beyond_is_shown_at_the_edge(
    tmp_path: Path, truck: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Row("desk-room", "truck", method, pce=0.1) for method in ("closed-loop", "shot", "static", "raw")]
    write_shot(truck(0.01), true_file(tmp_path, "desk", "truck"))
    for row, step in zip(rows, (0.01, 0.0, 0.5, 0.5), strict=True):
        write_shot(truck(step), path_file(tmp_path, row.key))
    kept: list[Figure] = []
    monkeypatch.setattr(path_plots, "save_figure", lambda figure, *_: kept.append(figure))
    path_plots.draw_realised(rows, tmp_path, tmp_path / "picture.png")
    exact, resting, beyond, raw = kept[0].axes
    for axes in (exact, resting, beyond):
        assert axes.get_xlim() == axes.get_ylim()
    for axes, marker in ((exact, "."), (resting, "v"), (beyond, "^"), (raw, ".")):
        (drawn,) = [line for line in axes.lines if line.get_marker() != "None" and len(line.get_ydata())]
        assert drawn.get_marker() == marker
        low, high = axes.get_ylim()
        assert all(low < value < high for value in drawn.get_ydata())
    assert [text.get_text() for text in kept[0].legends[0].get_texts()] == ["target human/room"]


def test_profiles_say_what_they_are_drawn_over(drawn: Callable[..., Figure]) -> None:
    figure = drawn(path_plots.draw_profiles)
    assert (figure.get_supxlabel(), figure.get_supylabel()) == ("seconds", "Parallax Number, a frame")


def test_profiles_of_an_even_p_stay_below_the_edge(
    tmp_path: Path, truck: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    row = Row("desk-room", "truck", "static", pce=0.1)
    for file in (true_file(tmp_path, "desk", "truck"), path_file(tmp_path, row.key)):
        write_shot(truck(), file)
    kept: list[Figure] = []
    monkeypatch.setattr(path_plots, "save_figure", lambda figure, *_: kept.append(figure))
    path_plots.draw_profiles([row], tmp_path, tmp_path / "picture.png")
    (axes,) = kept[0].axes
    highest = max(line.get_ydata().max() for line in axes.lines)
    assert highest < 0.97 * axes.get_ylim()[1] < 1.2 * highest


def test_profiles_name_their_lines_where_the_first_cell_was_not_measured(
    tmp_path: Path, truck: Callable[..., Shot], monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [Row("desk-room", "arc", "static", reason="not solved"), Row("desk-room", "truck", "static", pce=0.1)]
    write_shot(truck(), true_file(tmp_path, "desk", "truck"))
    write_shot(truck(), path_file(tmp_path, rows[1].key))
    kept: list[Figure] = []
    monkeypatch.setattr(path_plots, "save_figure", lambda figure, *_: kept.append(figure))
    path_plots.draw_profiles(rows, tmp_path, tmp_path / "picture.png")
    assert [text.get_text() for text in kept[0].legends[0].get_texts()] == ["reference", "static"]


def test_pictures_of_the_worst_stand_side_by_side(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [Row("desk-room", move, "closed-loop", pce=0.1, crossings=0, nearest=0.01) for move in ("dolly out", "arc")]
    kept: list[Figure] = []
    monkeypatch.setattr(path_plots, "save_figure", lambda figure, *_: kept.append(figure))
    for side in ("_reference_pictures", "_path_pictures"):
        monkeypatch.setattr(path_plots, side, lambda *_: [np.zeros((48, 83, 3), np.uint8)] * 3)
    assert path_plots.draw_worst(rows, Plan(), tmp_path, tmp_path / "worst.png")
    FigureCanvasAgg(kept[0]).draw()
    line = kept[0].axes[:6]
    lefts = [axes.get_window_extent().x0 for axes in line]
    assert np.diff(lefts) == pytest.approx(np.diff(lefts).mean(), rel=0.02)
    # What stands above a line hides none of the line before.
    above, below = (kept[0].axes[number] for number in (0, 6))
    (title,) = below.texts
    assert title.get_window_extent().y1 < above.get_window_extent().y0
