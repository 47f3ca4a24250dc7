"""The extension as Blender has it after installing the zip."""

import os
from pathlib import Path
from types import ModuleType

import bpy
import pytest


def test_parascale_is_the_one_in_the_extension(extension: ModuleType) -> None:
    import parascale

    resources = Path(os.environ["BLENDER_USER_RESOURCES"])
    assert Path(str(parascale.__file__)).is_relative_to(resources / "extensions")


def test_operators_stand_under_their_own_name(extension: ModuleType) -> None:
    wanted = ["import_shot", "solve_clip", "measure", "create_camera", "rebuild", "generate", "submit", "poll_jobs"]
    wanted += ["insert_result", "cancel_job", "test_backend", "start_backend", "stop_backend"]
    assert not set(wanted) - set(dir(bpy.ops.parascale))


def test_disabling_and_enabling_again_leaves_a_working_addon(extension: ModuleType) -> None:
    for _ in range(2):
        bpy.ops.preferences.addon_disable(module=extension.__name__)
        assert not hasattr(bpy.types.Scene, "parascale")
        bpy.ops.preferences.addon_enable(module=extension.__name__)
    assert bpy.context.scene.parascale.generator == "preview"
    # An error class imported twice would not be caught, and come out as a traceback.
    with pytest.raises(RuntimeError, match=r"Error: [^\n]*nowhere[^\n]*\n$"):
        bpy.ops.parascale.import_shot(filepath="/nowhere/flight.json")
