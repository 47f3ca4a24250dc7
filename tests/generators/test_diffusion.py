import pytest

pytest.importorskip("torch", reason="the generation extra is not installed: pip install 'parascale[generate]'")

from parascale.generators.registry import generators
from parascale.generators.video import read_video

NAMES = ("wan-fun-camera", "recammaster", "wan-vace", "easyanimate-camera")


@pytest.fixture
def film(ask, tmp_path):
    """Generate, and return the film's pixels."""

    def run(generator, **how):
        request = ask(generator, **how)
        result = generators()[generator].generate(request, tmp_path)
        return read_video(result.files["video"], 99).astype(int)

    return run


@pytest.mark.parametrize("name", NAMES)
def test_a_film_has_the_shots_frames_and_size(name, film) -> None:
    assert film(name).shape == (9, 32, 48, 3)
