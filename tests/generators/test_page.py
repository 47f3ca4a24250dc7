"""docs/generators.md says of every generator class, unit, length, settings, and of all weights memory and licence."""

import re
from pathlib import Path

import pytest

from parascale.generators import GENERATORS
from parascale.weights.catalogue import CATALOGUE, DEPTH_MODELS

PAGE = (Path(__file__).parents[2] / "docs" / "generators.md").read_text()


def table(head: str) -> dict[str, list[str]]:
    """Give a table's rows by every name in their first cell, cells below the head's titles."""
    lines = PAGE[PAGE.index(f"\n{head}") :].lstrip().split("\n\n")[0].splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]
    assert all(len(row) == len(lines[0].strip("|").split(" | ")) for row in rows), rows
    return {name: row for row in rows for name in re.findall(r"`([^`]+)`", row[0])}


@pytest.mark.parametrize(
    "head",
    ["| generator | model | class |", "| generator | `units_per_depth` |", "| generator | frames | a second |"],
)
def test_every_generator_has_its_row(head) -> None:
    rows = table(head)
    assert set(rows) == set(GENERATORS)
    assert all(all(row) for row in rows.values())


def test_every_generators_class_is_its_own() -> None:
    for name, row in table("| generator | model | class |").items():
        assert GENERATORS[name].scale_class in re.split(r"\W+", row[2]), name


def test_every_models_settings_have_a_source_and_are_its_defaults() -> None:
    rows = table("| generator | steps, guidance |")
    assert set(rows) == set(GENERATORS) - {"preview"}
    for name, row in rows.items():
        assert row[-1]
        given = {parameter.name: parameter.default for parameter in GENERATORS[name].describe()}
        steps, guidance = row[1].split(", ")
        assert float(steps) == given["steps"]
        if "guidance" in given:
            assert float(guidance) == given["guidance"]


def test_every_models_length_is_what_it_was_trained_at() -> None:
    for name, row in table("| generator | frames | a second |").items():
        trained = GENERATORS[name].trained
        if trained.best_frames:
            assert re.match(r"\d+", row[1])[0] == str(trained.best_frames)
        if trained.fps:
            assert re.match(r"\d+", row[2])[0] == f"{trained.fps:g}"


def test_all_weights_have_memory_and_licence() -> None:
    rows = table("| weights | hub | memory")
    alone = {"umt5-xxl", "wan2.1-vae", "wan2.2-vae", "wan2.1-clip"}
    wanted = {weights.name: weights for weights in CATALOGUE if weights.name not in {*DEPTH_MODELS, *alone}}
    assert set(rows) == set(wanted)
    for name, row in rows.items():
        assert wanted[name].licence in row[-1]
        assert wanted[name].repository in row[1] or "..." in row[1]
    assert all(f"`{name}`" in PAGE for name in alone)
