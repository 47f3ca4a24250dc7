"""The evaluation on one small move, in real scenes, from pixels to rows."""

import math
import re
from collections import Counter
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest

from parascale.camera import Trajectory
from parascale.errors import InputError
from parascale.evaluation import faithfulness
from parascale.evaluation.faithfulness import evaluate, stamp_of
from parascale.evaluation.methods import METHODS
from parascale.evaluation.plan import DEFAULT_METHODS, MOVES, REGIMES, RENDER, SCENES, Plan, quick, scales_of
from parascale.evaluation.results import Row, read_rows, write_rows
from parascale.evaluation.stages import clip_file, film_reference, open_stage
from parascale.evaluation.studies import run_studies
from parascale.media.frames import read_frames
from parascale.media.video_writer import VideoWriter
from parascale.parallax.shot import Shot

bpy = pytest.importorskip("bpy")


def test_the_scenes_and_moves_are_those_there_are() -> None:
    from parascale.blender.scenes.moves import MOVES as ANIMATED
    from parascale.blender.scenes.scenes_by_name import BUILDERS

    assert list(BUILDERS) == list(SCENES)
    assert set(ANIMATED) == set(MOVES)
    assert set(DEFAULT_METHODS) < set(METHODS)
    # Every scale to every scale, between two scenes of each.
    assert Counter(map(scales_of, REGIMES)) == dict.fromkeys(product(set(SCENES.values()), repeat=2), 2)
    assert len(set(REGIMES)) == 2 * 4**2


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"regimes": ["moon-desk"]}, "no scene 'moon'"),
        ({"regimes": ["desk"]}, "write REFERENCE-TARGET"),
        ({"methods": ["felt", "magic"]}, "no method 'magic'"),
        ({"moves": ["jump"]}, "no move 'jump'"),
    ],
)
def test_what_is_unknown_is_refused_with_what_there_is(given: dict, told: str) -> None:
    with pytest.raises(InputError, match=told):
        Plan(**given)


def test_a_quick_plan_is_a_part_of_the_whole_and_leaves_what_was_asked_for() -> None:
    whole = Plan()
    part = quick(whole)
    for name in ("regimes", "methods", "moves"):
        assert set(getattr(part, name)) < set(getattr(whole, name))
    asked = quick(Plan(regimes=("room-desk", "desk-room"), methods=("felt",), moves=("arc",)))
    assert asked.moves == ("arc",)
    assert asked.regimes == ("room-desk", "desk-room")
    assert asked.methods == ("felt",)
    assert asked.frames < whole.frames


@pytest.mark.slow
def test_one_move_from_pixels_to_rows(tmp_path: Path) -> None:
    methods = ("closed-loop", "static", "raw")
    plan = Plan(["room-desk"], methods, ["dolly in"], RENDER, frames=17, size=(480, 270))
    told: list[float] = []
    rows = evaluate(plan, tmp_path, None, lambda part, phase: told.append(part))
    assert told == sorted(told)
    closed, static, raw = rows
    assert [row.key for row in rows] == [("room-desk", "dolly in", method) for method in methods]
    assert closed.pce < 0.05
    assert static.pce > 3 * closed.pce
    # Theorem 1: uncalibrated, P is off by the ratio of the depths; the steps themselves are solved to half a percent.
    assert raw.scale_gap == pytest.approx(raw.depth_gap, abs=0.03)
    assert closed.rot_err < 0.1
    # The rendered desk, solved again, does what the solved reference does.
    assert closed.video_pce < 0.08
    assert closed.above_floor == 1
    assert closed.video_rot < 0.2
    assert closed.asked_pce < 0.08
    assert closed.asked_trans < 5

    # What is there is not done again; what is added is.
    clip = tmp_path / "references" / "room-dolly-in.mp4"
    before = clip.stat().st_mtime_ns, (tmp_path / "results.json").read_bytes()
    assert [row.key for row in evaluate(plan, tmp_path, None, lambda part, phase: None)] == [row.key for row in rows]
    assert (clip.stat().st_mtime_ns, (tmp_path / "results.json").read_bytes()) == before


@pytest.mark.slow
def test_a_clip_that_cannot_be_solved_is_a_row_that_says_so(tmp_path: Path) -> None:
    # Three frames are too few for a path.
    plan = Plan(["desk-desk"], ["static"], ["truck"], frames=3, size=(160, 96))
    (row,) = evaluate(plan, tmp_path, None, lambda part, phase: None)
    assert isinstance(row, Row)
    assert row.reason.startswith("not solved: ")
    assert math.isnan(row.pce)


@pytest.mark.slow
def test_a_clip_of_which_frames_are_left_out_is_not_solved_whole(tmp_path: Path) -> None:
    plan = Plan(["desk-desk"], ["static"], ["truck"], frames=24, size=(320, 192))

    def report(part: float, phase: str) -> None:
        """Nobody listens."""

    assert film_reference("desk", "truck", plan, tmp_path, report).solved is not None
    clip = clip_file(tmp_path, "desk", "truck")
    pictures = [frame.picture for frame in read_frames(clip)]
    clip.with_suffix(".solved.shot.json").unlink()
    with VideoWriter(clip, 320, 192, 16) as writer:
        for number, picture in enumerate(pictures):
            writer.write((picture * min(1.0, (23 - number) / 8)).astype(np.uint8))
    faded = film_reference("desk", "truck", plan, tmp_path, report)
    assert faded.solved is None
    told = r"not solved whole, \d\d of 24 frames: .* fades: its dark frames \d\d to 23 are left out"
    assert re.fullmatch(told, faded.reason)


def test_a_video_that_cannot_be_solved_is_told_from_one_that_was_not_made(tmp_path: Path) -> None:
    scene = open_stage("desk", (160, 96))
    start = scene.anchor
    poses = np.tile(start.camera_to_world, (3, 1, 1))
    poses[:, 0, 3] += [0, 0.01, 0.02]
    path = Shot("three", 16, Trajectory(poses, start.intrinsics, np.arange(3) / 16, 160, 96), np.ones(3), unit="m")
    row, plan = Row("desk-desk", "truck", "raw", pce=0.1), Plan(generator=RENDER, frames=3, size=(160, 96))
    job = faithfulness._Job(plan, tmp_path, None)
    made = faithfulness._with_video(job, row, path, path, scene)
    assert made.reason.startswith("its video cannot be solved: ")
    assert list(tmp_path.rglob("*.mp4"))
    odd = faithfulness._Job(replace(plan, size=(161, 96)), tmp_path, None)
    assert faithfulness._with_video(odd, row, path, path, scene).reason.startswith("no video was made: ")
    assert made.pce == row.pce


def test_two_runs_into_one_folder_lose_nothing_of_each_other(tmp_path: Path) -> None:
    # Refused before anything is rendered: MotionMaster takes no path, and a clip of three frames is not solved.
    plan = Plan(["desk-desk"], ["motionmaster"], ["truck"], frames=3, size=(160, 96))
    stamp = stamp_of(plan)

    def interfere(part: float, phase: str) -> None:
        if not read_rows(tmp_path, stamp):
            write_rows(tmp_path, stamp, [Row("room-desk", "arc", "raw", pce=1.0)])

    evaluate(plan, tmp_path, None, interfere)
    assert {row.key for row in read_rows(tmp_path, stamp)} == {
        ("room-desk", "arc", "raw"),
        ("desk-desk", "truck", "motionmaster"),
    }


def test_what_an_interrupted_run_leaves_is_not_taken_for_another_plan_s(tmp_path: Path) -> None:
    class Stopped(Exception):
        pass

    def stop(part: float, phase: str) -> None:
        raise Stopped

    small, large = (Plan(["desk-desk"], ["raw"], ["truck"], frames=frames, size=(160, 96)) for frames in (3, 5))
    with pytest.raises(Stopped):
        evaluate(small, tmp_path, None, stop)
    with pytest.raises(InputError, match="frames: 3 there, 5 here"):
        evaluate(large, tmp_path, None, stop)


def test_rows_of_another_program_are_refused_with_what_to_do_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = Plan(["desk-desk"], ["motionmaster"], ["truck"], frames=3, size=(160, 96))
    write_rows(tmp_path, stamp_of(plan), [Row("desk-desk", "truck", "motionmaster", reason="held")])
    before = (tmp_path / "results.json").read_bytes()
    (row,) = evaluate(plan, tmp_path, None, lambda part, phase: None)
    assert row.reason == "held"
    monkeypatch.setattr(faithfulness, "fingerprint_of", lambda *modules: "another")
    with pytest.raises(
        InputError, match=r"program: \w{12} there, another here\): choose another folder, or remove this"
    ):
        evaluate(plan, tmp_path, None, lambda part, phase: None)
    assert (tmp_path / "results.json").read_bytes() == before


def test_references_that_no_results_stamp_are_refused_with_their_folder(tmp_path: Path) -> None:
    plan = Plan(["desk-desk"], ["motionmaster"], ["truck"], frames=3, size=(160, 96))
    evaluate(plan, tmp_path, None, lambda part, phase: None)
    (tmp_path / "results.json").unlink()
    with pytest.raises(InputError, match=rf"{tmp_path} holds references .*: choose another folder, or remove this"):
        evaluate(plan, tmp_path, None, lambda part, phase: None)
    assert not (tmp_path / "results.json").exists()


@pytest.mark.slow
def test_the_same_plan_gives_the_same_bytes(tmp_path: Path) -> None:
    plan = Plan(["room-desk"], ["closed-loop", "scale-calib", "shot"], ["dolly in"], RENDER, frames=17, size=(480, 270))
    written = []
    for name in ("one", "two"):
        evaluate(plan, tmp_path / name, None, lambda part, phase: None)
        run_studies(plan, tmp_path / name, lambda part, phase: None)
        files = [file for file in (tmp_path / name).rglob("*") if file.suffix in (".json", ".csv")]
        written.append({str(file.relative_to(tmp_path / name)): file.read_bytes() for file in files})
    assert len(written[0]) == 8
    assert [name for name in written[0] if written[0][name] != written[1].get(name)] == []
