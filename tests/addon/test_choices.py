"""The menus of the settings are the tables of the package: one row more is one choice more."""

import importlib
from dataclasses import replace
from types import ModuleType

import bpy
import pytest


def test_menus_show_the_tables(scene: bpy.types.Scene) -> None:
    from parascale.parallax.lens import LENSES
    from parascale.parallax.methods import METHODS
    from parascale.retime.modes import MODES

    shown = scene.parascale.calibration.bl_rna.properties
    assert shown["method"].enum_items.keys() == [*METHODS]
    assert shown["lens"].enum_items.keys() == [*LENSES]
    assert shown["retiming"].enum_items.keys() == ["NONE", *MODES]
    assert [item.description for item in shown["method"].enum_items] == [row.description for row in METHODS.values()]


def test_one_more_gain_method_is_one_more_choice(extension: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    from bl_ext.user_default.parascale.settings import choices

    from parascale.parallax.methods import METHODS

    monkeypatch.setitem(
        METHODS, "twice", replace(METHODS["raw"], name="twice", label="Twice", description="Two for one")
    )
    try:
        assert importlib.reload(choices).METHODS[-1] == ("twice", "Twice", "Two for one")
    finally:
        monkeypatch.undo()
        importlib.reload(choices)
