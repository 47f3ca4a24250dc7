"""An evaluation spread over a cluster gives what one machine alone gives."""

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ray_nodes import ENVIRONMENT, Nodes, two_nodes

from parascale.errors import InputError
from parascale.evaluation.plan import Plan
from parascale.extras import is_installed

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="keeps the nodes in a network of their own"),
    pytest.mark.skipif(not is_installed("bpy"), reason="needs Blender as a Python module"),
    pytest.mark.skipif(not is_installed("ray"), reason="needs Ray: the extra `cluster`"),
]
# Three frames are not solved, so that rows come at once; all else is as in a long run.
PLAN = Plan(["desk-desk"], ["static"], ["truck", "arc"], frames=3, size=(160, 96))


@pytest.fixture
def nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Nodes]:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    with contextlib.ExitStack() as stack:
        try:
            yield stack.enter_context(two_nodes(tmp_path, gpus=0))
        except PermissionError as error:
            pytest.skip(f"needs a network namespace of its own: {error.strerror}")


def test_rows_are_those_of_one_machine_byte_by_byte(nodes: Nodes, tmp_path: Path) -> None:
    from parascale.evaluation.faithfulness import evaluate
    from parascale.evaluation.spread import spread

    told: list[float] = []
    rows = spread(PLAN, tmp_path / "spread", nodes.address, lambda part, _phase: told.append(part))
    assert [row.key for row in rows] == [("desk-desk", move, "static") for move in PLAN.moves]
    evaluate(PLAN, tmp_path / "alone", None, lambda _part, _phase: None)
    for name in ("results.json", "results.csv"):
        assert (tmp_path / "spread" / name).read_bytes() == (tmp_path / "alone" / name).read_bytes()
    spread_files, files = (
        sorted(str(file.relative_to(tmp_path / run)) for file in (tmp_path / run).rglob("*") if file.is_file())
        for run in ("spread", "alone")
    )
    assert spread_files == files
    # What is there is not asked for again: no cluster is needed.
    spread(PLAN, tmp_path / "spread", "nowhere:1", lambda _part, _phase: None)


def test_a_generator_that_is_asked_is_not_spread(tmp_path: Path) -> None:
    from parascale.evaluation.spread import spread

    with pytest.raises(InputError, match="made by one backend"):
        spread(Plan(generator="preview"), tmp_path, "local", lambda _part, _phase: None)
