"""Every panel, drawn onto a layout that knows what Blender has: properties, operators, menus and icons."""

import importlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import bpy
import pytest

MANUAL = Path(__file__).parents[2] / "docs" / "manual"
ICONS = set(bpy.types.UILayout.bl_rna.functions["prop"].parameters["icon"].enum_items.keys())


class Layout:
    """What a panel draws on: refuses what Blender would refuse, and keeps all text, and what can be set or pressed."""

    def __init__(self, texts: list[str], controls: list[str] | None = None) -> None:
        object.__setattr__(self, "texts", texts)
        object.__setattr__(self, "controls", [] if controls is None else controls)

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in bpy.types.UILayout.bl_rna.properties, f"a layout has no {name}"

    def _child(self, **_: Any) -> "Layout":
        return Layout(self.texts, self.controls)

    row = column = box = split = grid_flow = _child

    def _icon(self, icon: str) -> None:
        assert icon in ICONS, f"there is no icon {icon}"

    def label(self, text: str = "", icon: str = "NONE") -> None:
        self._icon(icon)
        self.texts.append(text)

    def separator(self) -> None:
        pass

    def prop(self, data: Any, name: str, text: str = "", icon: str = "NONE", **_: Any) -> None:
        self._icon(icon)
        if name.startswith('["'):
            assert name[2:-2] in data
            return
        assert name in data.bl_rna.properties, f"{data} has no {name}"
        described = data.bl_rna.properties[name]
        assert described.description, f"{name} has no tooltip"
        self.texts.append(text or described.name)
        self.controls.append(described.name)

    def operator(self, name: str, text: str = "", icon: str = "NONE", **_: Any) -> Any:
        self._icon(icon)
        group, _, function = name.partition(".")
        assert function in dir(getattr(bpy.ops, group)), f"there is no operator {name}"
        known = getattr(getattr(bpy.ops, group), function).get_rna_type()
        assert known.description, f"{name} has no tooltip"
        self.texts.append(text or known.name)
        if group == "parascale":
            self.controls.append(known.name if text.startswith(known.name) else text or known.name)
        return SimpleNamespace(**dict.fromkeys(known.properties.keys()))

    def operator_menu_enum(self, name: str, choice: str, text: str = "", icon: str = "NONE") -> None:
        operator = self.operator(name, text, icon)
        assert hasattr(operator, choice)

    def popover(self, name: str, **_: Any) -> None:
        assert hasattr(bpy.types, name)

    def menu(self, name: str, **_: Any) -> None:
        assert hasattr(bpy.types, name)

    def template_list(self, kind: str, _id: str, data: Any, items: str, active: Any, index: str, **_: Any) -> None:
        lister = getattr(bpy.types, kind)
        for item in getattr(data, items):
            lister.draw_item(SimpleNamespace(), bpy.context, self, data, item, 0, active, index, 0, 0)

    def template_icon(self, icon: int, **_: Any) -> None:
        assert icon > 0

    def progress(self, factor: float, text: str) -> None:
        assert 0 <= factor <= 1
        self.texts.append(text)


def panels(extension: ModuleType) -> Iterator[type]:
    found = importlib.import_module(f"{extension.__name__}.registration")
    return (cls for cls in found.CLASSES if issubclass(cls, bpy.types.Panel))


def draw(extension: ModuleType, name: str = "") -> list[str]:
    """Draw all panels that show, or the one of a name, and return their texts."""
    texts: list[str] = []
    for cls in panels(extension):
        if (name and cls.__name__ != name) or (hasattr(cls, "poll") and not cls.poll(bpy.context)):
            continue
        panel = SimpleNamespace(layout=Layout(texts))
        for part in ("draw_header", "draw_header_preset", "draw"):
            if part in vars(cls):
                getattr(cls, part)(panel, bpy.context)
    return texts


def test_the_next_step_shows_in_an_empty_file(extension: ModuleType, scene: bpy.types.Scene, backend: None) -> None:
    texts = draw(extension)
    assert "Start here: drop a clip on the view" in " ".join(texts)
    assert "Create Calibrated Camera" in texts
    assert "Try an Example Move" in texts


def test_without_a_backend_the_next_step_is_to_choose_one(
    extension: ModuleType, scene: bpy.types.Scene, preferences: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    preferences.executable = ""
    monkeypatch.setenv("PATH", "")
    said = " ".join(draw(extension, "PARASCALE_PT_reference"))
    assert "Start here: choose a backend, which solves clips" in said
    assert "drop a clip" not in said
    assert "Choose a Backend" in said
    # What needs none is there too.
    assert "Try an Example Move" in said


@pytest.mark.parametrize("shots", [[], ["0:6", "6:12"]])
def test_a_refused_clip_is_shown_in_its_file_until_a_reference_is_made(
    extension: ModuleType,
    stage: bpy.types.Scene,
    shot_file: Callable[..., Path],
    refused_clip: Callable[..., Any],
    backend: None,
    tmp_path: Path,
    shots: list[str],
) -> None:
    said = "noise holds 2 shots: choose one" if shots else "Too little to follow"

    def is_shown() -> bool:
        # A narrow sidebar breaks the line.
        return said in " ".join(draw(extension, "PARASCALE_PT_reference"))

    for bring in (
        lambda: bpy.ops.parascale.import_shot(filepath=str(shot_file())),
        bpy.ops.parascale.use_camera,
        lambda: bpy.ops.parascale.use_example(move="arc"),
    ):
        refused_clip(shots=shots)
        assert is_shown()
        assert bring() == {"FINISHED"}
        assert not is_shown()

    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "refused.blend"))
    refused_clip(shots=shots)
    assert is_shown()
    bpy.ops.wm.read_homefile(use_empty=True)
    texts = draw(extension, "PARASCALE_PT_reference")
    assert "Start here: drop a clip on the view" in " ".join(texts)
    assert not is_shown()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "refused.blend"))
    assert is_shown()


def test_the_tab_speaks_of_the_reference_that_its_camera_is_pointed_to(
    extension: ModuleType, calibrated: bpy.types.Object
) -> None:
    state = bpy.context.scene.parascale
    first = state.reference
    assert bpy.ops.parascale.use_example(move="arc") == {"FINISHED"}
    second = state.reference
    assert second != first
    calibrated.parascale.reference = first
    assert state.reference == first
    calibrated.parascale.reference = second
    assert state.reference == second
    # Of another camera than the tab's it says nothing.
    state.camera = None
    calibrated.parascale.reference = first
    assert state.reference == second


def test_headers_carry_the_state_in_28_characters(
    extension: ModuleType, stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    bpy.ops.parascale.import_shot(filepath=str(shot_file(name="a_city_flight_that_goes_on_and_on")))
    headers = [text for text in draw(extension) if text.startswith(("Reference:", "Tools:"))]
    assert headers == ["Reference: a_city_flight_th…", "Tools: Camera"]


@pytest.mark.parametrize(
    ("statistic", "picture"), [("FRAME", "RENDER"), ("OBJECTS", "VIEWPORT"), ("FOCUS", "FILE"), ("SURFACE", "FILE")]
)
def test_every_panel_draws_with_a_calibrated_camera(
    extension: ModuleType, calibrated: bpy.types.Object, statistic: str, picture: str
) -> None:
    scene = bpy.context.scene
    scene.objects["Box 0"].select_set(True)
    bpy.ops.parascale.use_selected()
    for side in ("TARGET", "REFERENCE"):
        bpy.ops.parascale.pick_surface(side=side, place=(0, 9, 0))
    scene.parascale.current.statistic = statistic
    scene.parascale.picture = picture
    bpy.ops.parascale.measure()
    bpy.ops.parascale.compare_methods()
    bpy.ops.parascale.key_strength()
    texts = draw(extension)
    assert any(text.startswith("PCE ") for text in texts)
    assert "Closed Loop" in texts


@pytest.mark.parametrize("by", ["nothing", "keys", "driver"])
def test_a_strength_that_is_animated_is_shown_as_the_property_that_is(
    extension: ModuleType, calibrated: bpy.types.Object, by: str
) -> None:
    """The slider beside would have no effect: the next frame takes it back."""
    if by == "keys":
        bpy.ops.parascale.key_strength()
    elif by == "driver":
        calibrated.driver_add('["parascale_strength"]').driver.expression = "frame / 20"
    assert ("Strength" in draw(extension, "PARASCALE_PT_calibrate")) == (by == "nothing")


def test_manual_has_a_page_for_every_panel_and_names_all_that_can_be_set_or_pressed(
    extension: ModuleType, calibrated: bpy.types.Object
) -> None:
    scene = bpy.context.scene
    index = (MANUAL / "index.md").read_text()
    for cls in panels(extension):
        name = cls.__name__.removeprefix("PARASCALE_PT_")
        if name == "presets":
            continue  # a menu of the panel Calibrate
        page = (MANUAL / f"{name}.md").read_text()
        assert f"({name}.md)" in index
        assert f"](../images/manual/{name}.png)" in page
        for statistic in ("FRAME", "OBJECTS", "FOCUS", "SURFACE"):
            scene.parascale.current.statistic = statistic
            layout = Layout([])
            if not hasattr(cls, "poll") or cls.poll(bpy.context):
                cls.draw(SimpleNamespace(layout=layout), bpy.context)
            assert [control for control in layout.controls if control not in page] == [], name


def test_manual_shows_pictures_that_are_there() -> None:
    shown = set()
    for page in MANUAL.glob("*.md"):
        for path in re.findall(r"\]\(([^)#:]+)", page.read_text()):
            assert (MANUAL / path).is_file(), f"{page.name} names {path}"
            shown.add((MANUAL / path).resolve())
    assert set((MANUAL.parent / "images" / "manual").resolve().iterdir()) <= shown


def test_result_says_where_the_path_passes_through_geometry(
    extension: ModuleType, stage: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    # A screen beside the camera, seen edge on: it hides nothing, and the path sideways goes through it.
    # (By closed loop it would slow down before it, as everything does that comes near.)
    bpy.ops.parascale.apply_preset(preset="verbatim")
    stage.parascale.calibration.method = "static"
    bpy.ops.mesh.primitive_plane_add(size=6, location=(1.2, 1, 1.6), rotation=(0, 1.5708, 0))
    bpy.ops.parascale.import_shot(filepath=str(shot_file(step=0.05)))
    bpy.ops.parascale.create_camera()
    assert "The camera passes through Plane at frame" in " ".join(draw(extension))


def test_stale_camera_says_why(extension: ModuleType, calibrated: bpy.types.Object) -> None:
    assert "Rebuild" in draw(extension)
    calibrated.parent.location.x += 0.1
    bpy.context.view_layer.update()
    assert "Rebuild: anchor changed" in draw(extension)
    bpy.ops.parascale.rebuild()
    assert "Rebuild" in draw(extension)


def test_every_class_of_ours_reads_well_in_search(extension: ModuleType) -> None:
    for cls in importlib.import_module(f"{extension.__name__}.registration").CLASSES:
        if not issubclass(cls, bpy.types.Operator):
            continue
        assert cls.bl_label[0].isupper(), cls
        assert cls.__doc__, cls
        assert not cls.__doc__.endswith("."), cls


def test_preferences_draw(extension: ModuleType, preferences: Any) -> None:
    texts: list[str] = []

    class Drawn:
        layout = Layout(texts)
        bl_rna = preferences.bl_rna
        address = "tcp://gpu-box:5571"

    type(preferences).draw(Drawn(), bpy.context)
    assert "Copy Install Command" in texts
