"""However one clip is written, its Parallax Number comes out the same, or the file is refused in a sentence."""

from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from footage_variants import VARIANTS, Picture, Variant

from parascale.errors import InputError
from parascale.parallax.shot import Shot
from parascale.solve import solve

FOCAL = 400.0


@pytest.fixture(scope="module")
def clip(rendered: ModuleType) -> list[Picture]:
    """24 pictures of a dolly down a street, where the median depth is steady; interlaced video wants 4 n rows."""
    camera = rendered.Camera(rendered.street(), (480, 272), FOCAL)
    return [camera.picture(pose)[0] for pose in rendered.move("dolly-in", 24, 0.6)]


@pytest.fixture(scope="module")
def clean(clip: Sequence[Picture], tmp_path_factory: pytest.TempPathFactory) -> Shot:
    path = Variant("clean", ".mkv", "ffv1", "yuv444p").write(clip, tmp_path_factory.mktemp("clean"))
    return solve(path, focal=FOCAL, threads=1)


def marked(variant: Variant) -> object:
    """Repeated pictures are refused today: right would be to leave them out."""
    fault = [pytest.mark.xfail(raises=InputError, strict=True)] if variant.repeats > 1 else []
    return pytest.param(variant, id=variant.name, marks=fault)


@pytest.mark.slow
@pytest.mark.parametrize("variant", [marked(variant) for variant in VARIANTS])
def test_p_is_that_of_the_clean_clip(variant: Variant, clip: list[Picture], clean: Shot, tmp_path: Path) -> None:
    shot = solve(variant.write(clip, tmp_path), focal=FOCAL, threads=1)
    assert len(shot) == len(clean)
    width, height = clean.trajectory.size
    assert abs(shot.trajectory.width - width) <= 1
    assert abs(shot.trajectory.height - height) <= 1
    # Solved from other pixels, the two differ by the noise of both.
    floor = float(clean.quality["noise_floor"]) + float(shot.quality["noise_floor"])
    np.testing.assert_allclose(shot.parallax_number, clean.parallax_number, atol=floor)
    assert shot.trajectory.times[0] == pytest.approx(0, abs=0.02)
