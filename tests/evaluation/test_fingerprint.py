"""The fingerprint of the program changes with what decides a figure, and with nothing else."""

import re
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from parascale.evaluation import fingerprint
from parascale.evaluation.faithfulness import stamp_of
from parascale.evaluation.fingerprint import fingerprint_of, sources_of
from parascale.evaluation.plan import RENDER, Plan
from parascale.generators.profile import own_profile, profile_of, profile_to_json

ROWS = "parascale.evaluation.faithfulness"


def forget() -> None:
    fingerprint_of.cache_clear()
    sources_of.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the program, which may be changed."""
    copy = tmp_path / "parascale"
    shutil.copytree(fingerprint._ROOT, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(fingerprint, "_ROOT", copy)
    forget()
    yield copy
    forget()


def change(path: Path) -> None:
    path.write_text(path.read_text() + "\nCHANGED = True\n")
    fingerprint_of.cache_clear()


def test_it_changes_with_what_decides_a_row(package: Path) -> None:
    known = [fingerprint_of(ROWS)]
    version, in_a_function = "__init__.py", "blender/render.py"
    for file in (version, in_a_function, "blender/scenes/desk.py", "evaluation/methods.py", "solve/pipeline.py"):
        change(package / file)
        known.append(fingerprint_of(ROWS))
        assert known[-1] not in known[:-1], file


def test_it_stays_with_what_only_shows_rows(package: Path) -> None:
    before = fingerprint_of(ROWS)
    for file in ("evaluation/tables.py", "evaluation/path_plots.py", "cli/voice.py", "service/pool.py"):
        change(package / file)
        assert fingerprint_of(ROWS) == before, file


@pytest.mark.parametrize("library", fingerprint.LIBRARIES)
def test_it_changes_with_a_library_that_measures(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known, before = fingerprint._version_of, fingerprint_of(ROWS)
    monkeypatch.setattr(fingerprint, "_version_of", lambda name: "9" if name == library else known(name))
    fingerprint_of.cache_clear()
    assert fingerprint_of(ROWS) != before
    monkeypatch.undo()
    fingerprint_of.cache_clear()
    assert fingerprint_of(ROWS) == before


def test_the_libraries_are_those_that_the_package_asks_for() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    listed = {need for extra in pyproject["optional-dependencies"].values() for need in extra}
    named = {re.split("[<>=]", need)[0] for need in (*listed, *pyproject["dependencies"])}
    assert {*fingerprint.LIBRARIES, *fingerprint.GENERATOR_LIBRARIES} <= named


@pytest.mark.parametrize("library", fingerprint.GENERATOR_LIBRARIES)
def test_a_library_that_a_generator_runs_on_is_part_of_its_stamp(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plain, asked = stamp_of(Plan(generator=RENDER)), stamp_of(Plan(generator="preview"))
    known = fingerprint._version_of
    monkeypatch.setattr(fingerprint, "_version_of", lambda name: "9" if name == library else known(name))
    assert stamp_of(Plan(generator=RENDER)) == plain
    changed = stamp_of(Plan(generator="preview"))
    assert {name for name in asked if asked[name] != changed[name]} == {"libraries"}


def test_the_profile_of_a_generator_is_part_of_its_stamp() -> None:
    plain, asked = stamp_of(Plan(generator=RENDER)), stamp_of(Plan(generator="preview"))
    own = own_profile("preview")
    own.parent.mkdir(parents=True)
    own.write_text(profile_to_json(replace(profile_of("preview"), units_per_depth=2.5)))
    assert stamp_of(Plan(generator=RENDER)) == plain
    changed = stamp_of(Plan(generator="preview"))
    assert {name for name in asked if asked[name] != changed[name]} == {"profile"}


def test_the_generator_of_a_plan_is_part_of_its_stamp() -> None:
    stamps = [stamp_of(Plan(generator=generator)) for generator in (None, RENDER, "preview")]
    assert stamps[0]["program"] == stamps[1]["program"] != stamps[2]["program"]
