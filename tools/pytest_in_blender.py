"""Run pytest inside Blender: blender --background --python tools/pytest_in_blender.py -- ARGUMENTS."""

import os
import sys

import pytest

status = int(pytest.main(sys.argv[sys.argv.index("--") + 1 :]))
sys.stdout.flush()
sys.stderr.flush()
# Blender would go on to its end with a status of its own.
os._exit(status)
