"""Generators: each is one file that registers itself, known everywhere without importing what it needs."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import parascale
from parascale.generators import GENERATORS

DOCS = Path(__file__).parents[2] / "docs" / "generators.md"

GENERATOR = """
from parascale.generators.generator import Generator, register
from parascale.link.messages import Trained
from parascale.link.request import JobResult


@register
class Still(Generator):
    name = "still"
    scale_class = "C"
    requirements = ()
    trained = Trained(fps=12.0, frame_step=2, best_frames=5, max_frames=9)

    def describe(self):
        return ()

    def generate(self, request, directory, progress=None, cancelled=None):
        return JobResult({}, {})
"""

CLIENT = """
import sys
from pathlib import Path

from parascale.link.local import start_backend

backend = start_backend(state=Path(sys.argv[1]) / "state")
with backend.connect() as client:
    (still,) = [known for known in client.hello().generators if known.name == "still"]
    print(still.scale_class, still.trained)
backend.stop()
"""


def test_every_generator_answers_to_its_own_name() -> None:
    assert "preview" in GENERATORS
    for name, generator in GENERATORS.items():
        assert generator.name == name
        assert generator.scale_class in {"A", "B", "C", "D"}
        assert len({parameter.name for parameter in generator.describe()}) == len(generator.describe())


def test_the_manual_has_a_row_for_every_generator() -> None:
    table = DOCS.read_text().partition("| generator | model |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `([\w-]+)` \|", table, re.M)) == set(GENERATORS)


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from parascale.generators import GENERATORS; "
        "[(g.scale_class, g.requirements, g.describe()) for g in GENERATORS.values()]; "
        "heavy = {'numba', 'av', 'cv2', 'scipy', 'torch', 'diffusers', 'transformers', 'PIL', 'zmq'}; "
        "assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_one_file_adds_a_generator(tmp_path: Path) -> None:
    package = tmp_path / "with_still" / "parascale"
    shutil.copytree(Path(parascale.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    (package / "generators" / "still.py").write_text(GENERATOR)
    (package / "generators" / "profiles" / "still.json").write_text(
        (package / "generators" / "profiles" / "preview.json").read_text().replace("preview", "still")
    )
    environment = os.environ | {"PYTHONPATH": str(package.parent), "XDG_STATE_HOME": str(tmp_path / "home")}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, *arguments], env=environment, capture_output=True, text=True, check=False
        )

    told = run("-c", CLIENT, str(tmp_path))
    assert (
        told.stdout.strip()
        == "C Trained(fps=12.0, frame_step=2, best_frames=5, max_frames=9, long_side=0, splits=False)"
    ), told.stderr
    assert "generator still: ready, needs no weights" in run("-m", "parascale.cli", "doctor").stdout
    refused = run("-m", "parascale.cli", "probe", "-g", "none", "-o", str(tmp_path / "none.json"))
    assert refused.returncode == 3
    assert re.search(r"take one of .*\bstill\b", refused.stderr)
