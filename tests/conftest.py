"""What all tests share: the real data, where it is at hand."""

import os
from pathlib import Path

import pytest

TESTDATA = Path(os.environ.get("PARASCALE_TESTDATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def testdata() -> Path:
    """Return the folder of real clips and trajectories; the test skips where it is absent."""
    if not TESTDATA.is_dir():
        pytest.skip(f"no real data at {TESTDATA}: set PARASCALE_TESTDATA")
    return TESTDATA
