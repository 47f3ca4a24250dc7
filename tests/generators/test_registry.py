import subprocess
import sys

from parascale.generators.registry import generators


def test_every_generator_answers_to_its_own_name() -> None:
    known = generators()
    assert "preview" in known
    for name, generator in known.items():
        assert generator.name == name
        assert generator.scale_class in {"A", "B", "C", "D"}
        assert len({parameter.name for parameter in generator.describe()}) == len(generator.describe())


def test_listing_imports_nothing_heavy() -> None:
    code = (
        "import sys; from parascale.generators.registry import generators; "
        "[(g.scale_class, g.requirements, g.describe()) for g in generators().values()]; "
        "heavy = {'numba', 'av', 'cv2', 'scipy', 'torch', 'diffusers', 'transformers', 'PIL', 'zmq'}; "
        "assert not heavy & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
