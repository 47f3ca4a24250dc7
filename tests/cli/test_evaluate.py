"""The evaluation as a user types it."""

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from parascale.cli.advice import install_line

Run = Callable[..., subprocess.CompletedProcess[str]]

pytest.importorskip("bpy")


@pytest.mark.slow
def test_an_evaluation_leaves_a_report_a_picture_and_its_rows(parascale: Run, tmp_path: Path) -> None:
    out = tmp_path / "out"
    regime = ("--regimes", "room-desk", "--methods", "closed-loop,raw", "--quick")
    asked = ("evaluate", "-o", out, *regime, "-g", "preview")
    done = parascale(*asked, "--json")
    told = json.loads(done.stdout)
    assert told["rows"] == 4
    assert told["pce"]["closed-loop"] < 0.03
    assert told["pce"]["raw"] > 0.5
    assert told["video_pce"]["closed-loop"] < 0.1
    assert Path(told["comparison"]).read_bytes().startswith(b"\x89PNG")
    assert len(list((out / "videos").glob("*-closed-loop/*.mp4"))) == 4
    # Blender's own lines go to a file.
    assert "EGL" not in done.stderr
    assert (out / "blender.log").stat().st_size > 0

    # Asked again, nothing is made again, and the tables are printed.
    before = (out / "results.json").read_bytes()
    printed = parascale(*asked).stdout
    assert printed == (out / "tables.md").read_text()
    assert "| closed-loop |" in printed
    assert (out / "results.json").read_bytes() == before

    # Results without videos do not belong with these.
    refused = parascale("evaluate", "-o", out, *regime, code=3)
    assert "choose another folder" in refused.stderr
    assert (out / "results.json").read_bytes() == before


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (
            ("--regimes", "desk-moon"),
            "no scene 'moon': take one of cosmos, valley, street, court, room,",
        ),
        (("--methods", "best"), "no method 'best'"),
        (("--moves", "arc, jump"), "no move 'jump': take one of arc, dolly in,"),
        (("-g", "nothing"), "no generator 'nothing': take one of render, "),
        (("--fvd", "i3d.pt"), "--fvd and --clip measure videos: name who makes them by --generator"),
        (("-g", "render", "--fvd", "i3d.pt"), "i3d.pt is not a TorchScript network"),
    ],
)
def test_what_is_unknown_is_one_sentence(parascale: Run, tmp_path: Path, options: tuple, told: str) -> None:
    done = parascale("evaluate", "-o", tmp_path / "out", *options, code=3)
    assert told in done.stderr
    assert not (tmp_path / "out").exists()


def test_without_blender_it_is_said_what_to_install(parascale: Run, tmp_path: Path, monkeypatch) -> None:
    # A package in front of it that is none.
    (tmp_path / "sitecustomize.py").write_text("import sys\nsys.modules['bpy'] = None\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    done = parascale("evaluate", "-o", tmp_path / "out", code=3)
    assert f"{install_line('bpy')}\n" in done.stderr
