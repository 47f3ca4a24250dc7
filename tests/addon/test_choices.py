"""The menus of the settings are the tables of the package: one row more is one choice more."""

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
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


def test_presets_are_those_of_the_package_and_new_cameras_start_from_its_default(
    scene: bpy.types.Scene, calibrated: bpy.types.Object
) -> None:
    from bl_ext.user_default.parascale.settings.presets import find_preset

    from parascale.parallax.settings import DEFAULT_PRESET, PRESETS, Settings

    shown = bpy.ops.parascale.apply_preset.get_rna_type().properties["preset"]
    assert shown.enum_items.keys() == [*PRESETS]
    assert [item.description for item in shown.enum_items] == [choice.description for choice, _ in PRESETS.values()]
    settings = calibrated.parascale.calibration
    assert find_preset(settings).name == DEFAULT_PRESET == find_preset(scene.parascale.calibration).name
    for name in PRESETS:
        assert bpy.ops.parascale.apply_preset(preset=name) == {"FINISHED"}
        kept = Settings.preset(name)
        assert find_preset(settings).name == name
        assert (settings.method, settings.lens, settings.horizon) == (kept.method, kept.lens, kept.horizon)
        assert (settings.framing, settings.keep_clear) == (kept.framing, kept.clearance is None)
        assert settings.max_jump == pytest.approx(kept.max_jump or 0.0)
    for name, value in (("size", "dolly"), ("framing", 0.5)):
        assert bpy.ops.parascale.apply_preset(preset="verbatim") == {"FINISHED"}
        assert find_preset(settings).name == "verbatim"
        setattr(settings, name, value)
        assert find_preset(settings) is None


def append(path: Path, name: str) -> None:
    with bpy.data.libraries.load(str(path)) as (_, here):
        here.objects = [name]


def enable_again(path: Path, name: str) -> None:
    module = "bl_ext.user_default.parascale"
    bpy.ops.preferences.addon_disable(module=module)
    bpy.ops.wm.open_mainfile(filepath=str(path))
    bpy.ops.preferences.addon_enable(module=module)
    from bl_ext.user_default.parascale.settings.presets import keep_earlier_settings

    # A Blender without a window runs no timers.
    if bpy.app.timers.is_registered(keep_earlier_settings):
        keep_earlier_settings()


@pytest.mark.parametrize(
    "bring",
    [lambda path, _: bpy.ops.wm.open_mainfile(filepath=str(path)), append, enable_again],
    ids=["opened", "appended", "open before the add-on is enabled"],
)
def test_cameras_of_earlier_files_keep_what_they_had(
    calibrated: bpy.types.Object, tmp_path: Path, bring: Callable[[Path, str], object]
) -> None:
    # A file from before there was framing stores nothing of it.
    for name in ("framing", "horizon", "keep_clear", "max_jump"):
        assert calibrated.parascale.calibration.is_property_set(name)
        calibrated.parascale.calibration.property_unset(name)
    calibrated.parascale.calibration.method = "static"
    name = calibrated.name
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "earlier.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    bring(tmp_path / "earlier.blend", name)
    settings = bpy.data.objects[name].parascale.calibration
    assert (settings.framing, settings.horizon, settings.keep_clear, settings.max_jump) == (0.0, "free", False, 0.0)
    assert settings.method == "static"
    # The next camera of that file starts as any new one does.
    assert bpy.context.scene.parascale.calibration.framing == 1.0
