"""The library of moves: assets with pictures, calibrated where they are dropped; one's own shot becomes one."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest


@pytest.fixture
def library(extension: ModuleType) -> Path:
    from bl_ext.user_default.parascale.scene.move_library import library_folder

    for path in library_folder().glob("*.blend"):
        path.unlink()
    return Path(library_folder())


def drop(scene: bpy.types.Scene, path: Path) -> bpy.types.Object:
    """Append the asset of a file to the scene, as a drop on the viewport does, and let the timer see it."""
    from bl_ext.user_default.parascale.jobs import timer

    # As the drop does it: what makes it an asset stays behind.
    with bpy.data.libraries.load(str(path), assets_only=True) as (there, here):
        assert len(there.objects) == 1
        here.objects = there.objects
    (item,) = here.objects
    item.asset_clear()
    scene.collection.objects.link(item)
    bpy.context.view_layer.objects.active = item
    item.location = (7.0, 7.0, 7.0)
    timer.on_timer()
    return item


def counts() -> dict[str, int]:
    return {
        name: len(getattr(bpy.data, name)) for name in ("objects", "cameras", "texts", "actions", "meshes", "images")
    }


def test_the_twelve_moves_become_assets_with_pictures(stage: bpy.types.Scene, library: Path) -> None:
    from bl_ext.user_default.parascale.scene.example_moves import MOVES

    before = counts()
    assert bpy.ops.parascale.add_moves() == {"FINISHED"}
    assert counts() == before
    assert stage.parascale.reference is None
    assert sorted(path.stem for path in library.glob("*.blend")) == sorted(
        bpy.path.clean_name(move.label) for move in MOVES.values()
    )
    listed = [Path(known.path) for known in bpy.context.preferences.filepaths.asset_libraries]
    assert listed.count(library) == 1
    # Pressed again, it lists nothing twice.
    bpy.ops.parascale.add_moves()
    listed = [Path(known.path) for known in bpy.context.preferences.filepaths.asset_libraries]
    assert listed.count(library) == 1

    pictures = []
    for path in sorted(library.glob("*.blend")):
        with bpy.data.libraries.load(str(path), assets_only=True) as (there, here):
            here.objects = there.objects
        (item,) = here.objects
        assert item.asset_data.description
        pixels = np.array(item.preview.image_pixels_float).reshape(-1, 4)
        assert tuple(item.preview.image_size) == (256, 256)
        assert pixels[:, :3].std() > 0.02
        pictures.append(pixels[:, :3].ravel())
        bpy.data.objects.remove(item)
    # No two look alike.
    assert all(np.abs(one - other).max() > 0.1 for i, one in enumerate(pictures) for other in pictures[:i])


def test_a_move_dropped_on_the_viewport_is_calibrated(stage: bpy.types.Scene, library: Path) -> None:
    bpy.ops.parascale.add_moves()
    start = stage.camera
    item = drop(stage, library / f"{bpy.path.clean_name('Dolly In')}.blend")
    assert stage.parascale.reference == item
    assert item.asset_data is None
    assert stage.camera == stage.parascale.camera != start
    assert stage.camera.parascale.reference == item
    from bl_ext.user_default.parascale.scene.report import report_of_camera

    assert report_of_camera(stage.camera)["pce"] < 1e-3
    # The keys decide where it stands, not where it was dropped.
    stage.frame_set(stage.frame_start + 1)
    assert item.matrix_world.translation.length < 1.0


def test_taking_up_a_dropped_move_is_one_undo_step(stage: bpy.types.Scene, library: Path) -> None:
    bpy.ops.parascale.add_moves()
    path = library / f"{bpy.path.clean_name('Arc')}.blend"
    with bpy.data.libraries.load(str(path), assets_only=True) as (there, here):
        here.objects = there.objects
    stage.collection.objects.link(here.objects[0])
    for message in ("drop", "again"):
        bpy.ops.ed.undo_push(message=message)
    assert bpy.ops.parascale.take_up_moves("EXEC_DEFAULT", True) == {"FINISHED"}
    assert bpy.context.scene.parascale.reference.name == "Arc"
    bpy.ops.ed.undo()
    assert bpy.context.scene.parascale.reference is None
    assert bpy.data.objects["Arc"].asset_data is not None


def test_a_shot_of_ones_own_becomes_an_asset(
    stage: bpy.types.Scene, library: Path, shot_file: Callable[..., Path]
) -> None:
    from bl_ext.user_default.parascale.scene.reference_camera import shot_of_reference

    bpy.ops.parascale.import_shot(filepath=str(shot_file(name="my walk")))
    reference = stage.parascale.reference
    before, shot = counts(), shot_of_reference(reference)
    assert bpy.ops.parascale.save_as_asset() == {"FINISHED"}
    assert counts() == before
    assert stage.parascale.reference == reference
    (path,) = library.glob("*.blend")
    item: Any = drop(stage, path)
    taken = shot_of_reference(item)
    assert np.array_equal(taken.trajectory.camera_to_world, shot.trajectory.camera_to_world)
    assert taken.name == "my walk"


def test_an_asset_has_its_shots_name_whatever_the_file_holds(stage: bpy.types.Scene, library: Path) -> None:
    mine = bpy.data.objects.new("Arc", None)
    bpy.ops.parascale.use_example(move="arc")
    bpy.ops.parascale.save_as_asset()
    assert mine.name == "Arc"
    (path,) = library.glob("*.blend")
    with bpy.data.libraries.load(str(path), assets_only=True) as (there, _):
        assert there.objects == ["Arc"]


def test_no_other_shot_of_the_same_name_is_replaced(
    stage: bpy.types.Scene, library: Path, shot_file: Callable[..., Path]
) -> None:
    from bl_ext.user_default.parascale.scene.reference_camera import shot_of_reference

    # Names that make one file's name, and one that the library's own moves have.
    for name, step in (("my walk", 0.02), ("my/walk", 0.02), ("my walk", 0.03), ("Arc", 0.02)):
        bpy.ops.parascale.import_shot(filepath=str(shot_file(name=name, step=step)))
        # The same one again is still one asset.
        for _ in range(2):
            assert bpy.ops.parascale.save_as_asset() == {"FINISHED"}
    bpy.ops.parascale.add_moves()
    bpy.ops.parascale.add_moves()
    assert len(bpy.data.libraries) == 0
    held: dict[str, str] = {}
    for path in library.glob("*.blend"):
        with bpy.data.libraries.load(str(path), assets_only=True) as (there, here):
            here.objects = there.objects
        (item,) = here.objects
        held[item.name] = shot_of_reference(item).name
        bpy.data.objects.remove(item)
    mine = {name: shot for name, shot in held.items() if "walk" in name or "Arc" in name}
    assert mine == {
        "my walk": "my walk",
        "my/walk 2": "my/walk",
        "my walk 3": "my walk",
        "Arc": "Arc",
        "Arc 2": "Arc",
    }
    assert len(held) == 16


def test_a_dropped_move_that_cannot_be_taken_up_ends_no_polling(stage: bpy.types.Scene, library: Path) -> None:
    from bl_ext.user_default.parascale.jobs import timer

    bpy.ops.parascale.use_example(move="arc")
    broken = stage.parascale.reference
    broken.parascale.text = None
    broken["parascale_unused_move"] = True
    bpy.context.view_layer.objects.active = broken
    for _ in range(2):
        assert timer.on_timer() == timer.INTERVAL_SECONDS


def test_other_files_are_imported_as_ever(stage: bpy.types.Scene, library: Path) -> None:
    from bl_ext.user_default.parascale.jobs import timer

    bpy.ops.parascale.use_example(move="arc")
    reference = stage.parascale.reference
    path = library / "other.blend"
    cube = bpy.data.objects.new("Cube", None)
    bpy.data.libraries.write(str(path), {cube})
    with bpy.data.libraries.load(str(path)) as (there, here):
        here.objects = there.objects
    stage.collection.objects.link(here.objects[0])
    bpy.context.view_layer.objects.active = here.objects[0]
    timer.on_timer()
    assert stage.parascale.reference == reference
    assert stage.parascale.camera is None
