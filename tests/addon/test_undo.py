"""Undo gives everything back, and nothing an animator does while a job runs loses the job or the file."""

import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

# What belongs to the window and not to the file.
APART = {"window_managers", "screens", "workspaces", "all_ids"}

# Counts of who looks, ids of the session, pictures made in passing, and how attributes lie in memory.
NO_VALUES = {"rna_type", "users", "session_uid", "original", "is_evaluated", "preview", "tag", "storage_type"}


def everything() -> dict[str, Any]:
    """Names and RNA values of all datablocks, down to their structs and collections."""
    found: dict[str, Any] = {}
    for name in dir(bpy.data):
        collection = getattr(bpy.data, name, None)
        if name in APART or not isinstance(collection, bpy.types.bpy_prop_collection):
            continue
        for item in collection:
            read(item, f"{name}[{item.name_full}]", found, 0)
    return found


def read(struct: Any, path: str, found: dict[str, Any], depth: int) -> None:
    found[path] = type(struct).__name__
    for described in struct.bl_rna.properties:
        if described.identifier in NO_VALUES:
            continue
        try:
            value = getattr(struct, described.identifier)
        except (AttributeError, RuntimeError):
            continue
        read_value(described, value, f"{path}.{described.identifier}", found, depth)
    if isinstance(struct, bpy.types.ID):
        # In 4.5 what an add-on registers lies among them; it has been read as what it is.
        for key in set(struct.keys()) - set(struct.bl_rna.properties.keys()):
            value = struct[key]
            found[f"{path}[{key!r}]"] = str(value.to_dict() if hasattr(value, "to_dict") else value)


def read_value(described: Any, value: Any, path: str, found: dict[str, Any], depth: int) -> None:
    if described.type == "COLLECTION":
        for index, item in enumerate(value):
            read_struct(item, f"{path}[{index}]", found, depth)
    elif described.type == "POINTER":
        read_struct(value, path, found, depth)
    elif getattr(described, "is_array", False):
        found[path] = np.array(value).ravel().tolist()
    else:
        found[path] = value


def read_struct(value: Any, path: str, found: dict[str, Any], depth: int) -> None:
    if isinstance(value, bpy.types.ID):
        found[path] = value.name_full
    elif value is not None and depth < 4:
        read(value, path, found, depth + 1)


def difference(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return sorted(
        f"{key}: {before.get(key)!r} -> {after.get(key)!r}"
        for key in before.keys() | after.keys()
        if before.get(key) != after.get(key)
    )


def operators(shot: Path, refused: str) -> dict[str, Callable[[], Any]]:
    """Every operator of ours that is undone, called with its undo flag; a job that was refused has the id given."""
    ops, flag = bpy.ops.parascale, ("EXEC_DEFAULT", True)
    return {
        "import_shot": lambda: ops.import_shot(*flag, filepath=str(shot)),
        "use_example": lambda: ops.use_example(*flag, move="arc"),
        "edit_reference": lambda: ops.edit_reference(*flag, edit="MIRROR"),
        "use_camera": lambda: ops.use_camera(*flag),
        "measure": lambda: ops.measure(*flag),
        "create_camera": lambda: ops.create_camera(*flag),
        "rebuild": lambda: ops.rebuild(*flag),
        "use_selected": lambda: ops.use_selected(*flag),
        "add_time_curve": lambda: ops.add_time_curve(*flag),
        "key_strength": lambda: ops.key_strength(*flag),
        "select_anchor": lambda: ops.select_anchor(*flag),
        "pick_focus": lambda: ops.pick_focus(*flag, side="TARGET", place=(-1.5, 3.5, 0.5)),
        "pick_surface": lambda: ops.pick_surface(*flag, side="TARGET", place=(1.5, 5.5, 0.5)),
        "pick_subject": lambda: ops.pick_subject(*flag, side="TARGET", place=(1.5, 5.5, 0.5)),
        "anchor_to_view": lambda: ops.anchor_to_view(*flag),
        "match_here": lambda: ops.match_here(*flag),
        "apply_preset": lambda: ops.apply_preset(*flag, preset="verbatim"),
        "retime": lambda: ops.retime(*flag, mode="reverse"),
        "bake": lambda: ops.bake(*flag),
        "show_curves": lambda: ops.show_curves(*flag),
        "compare_methods": lambda: ops.compare_methods(*flag),
        "compare_shots": lambda: ops.compare_shots(*flag),
        "show_why": lambda: ops.show_why(*flag, job_id=refused),
    }


def test_undo_gives_every_value_back(
    calibrated: bpy.types.Object, shot_file: Callable[..., Path], refused_clip: Callable[..., Any]
) -> None:
    shot = shot_file(name="second", count=5)
    scene = bpy.context.scene
    scene.frame_end = 5
    scene.objects["Box 0"].select_set(True)
    bpy.context.view_layer.objects.active = calibrated
    # What Rebuild is to change.
    calibrated.parent.location.z += 0.1
    bpy.context.view_layer.update()
    undone = {
        f"parascale.{cls.bl_idname.partition('.')[2]}"
        for cls in _operator_classes()
        if "UNDO" in getattr(cls, "bl_options", ())
    }
    called = operators(shot, refused_clip().id)
    # Those that need a backend or a drop are undone in tests of their own.
    elsewhere = {"parascale.render_shot", "parascale.solve_clip", "parascale.estimate_depth", "parascale.insert_result"}
    elsewhere.add("parascale.take_up_moves")
    assert undone - elsewhere == {f"parascale.{name}" for name in called}
    bpy.ops.ed.undo_push(message="before")
    # What is there after an undo is what undo can give back.
    bpy.ops.ed.undo_push(message="again")
    bpy.ops.ed.undo()
    for name, call in called.items():
        before = everything()
        assert len(before) > 5000
        assert call() == {"FINISHED"}, name
        if name not in {"measure", "select_anchor"}:
            assert difference(before, everything()), f"{name} changed nothing"
        bpy.ops.ed.undo()
        assert difference(before, everything()) == [], name


def test_what_is_not_undone_changes_no_value(
    calibrated: bpy.types.Object, backend: None, backend_stopped_at_the_end: None, tmp_path: Path
) -> None:
    scene = bpy.context.scene
    scene.parascale.long_side, scene.parascale.workbench = 64, True
    bpy.ops.parascale.submit()
    before = everything()
    bpy.ops.parascale.export_path(filepath=str(tmp_path / "out.shot.json"), format="parascale-shot")
    bpy.ops.parascale.submit()
    bpy.ops.parascale.poll_jobs(wait=True)
    changed = difference(before, everything())
    # The scene holds the id of its last job, and nothing else of it.
    assert all(".job_id:" in line for line in changed), changed


@pytest.mark.slow
def test_no_sequence_of_events_during_a_job_loses_it(
    stage: bpy.types.Scene,
    shot_file: Callable[..., Path],
    backend: None,
    backend_stopped_at_the_end: None,
    tmp_path: Path,
) -> None:
    from bl_ext.user_default.parascale.jobs import session, timer

    bpy.ops.parascale.import_shot(filepath=str(shot_file(count=5)))
    bpy.ops.parascale.create_camera()
    stage.parascale.long_side, stage.parascale.workbench = 64, True
    start = tmp_path / "start.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(start))
    seeds = [int(os.environ["PARASCALE_SEED"])] if "PARASCALE_SEED" in os.environ else range(50)
    for seed in seeds:
        print(f"seed {seed}")
        rng = random.Random(seed)
        bpy.ops.wm.open_mainfile(filepath=str(start))
        bpy.ops.ed.undo_push(message="opened")
        bpy.ops.parascale.submit()
        job = session.current().jobs[bpy.context.scene.parascale.job_id]
        for _ in range(rng.randint(2, 6)):
            rng.choice(EVENTS)(tmp_path)
        bpy.ops.parascale.poll_jobs(wait=True)
        timer.on_timer()
        assert job.state in {"fetched", "used"}, f"seed {seed}: {job.state} {job.message}"
        assert Path(job.files["video"]).is_file(), f"seed {seed}"
        assert bpy.ops.parascale.insert_result("EXEC_DEFAULT", True, job_id=job.id) == {"FINISHED"}, f"seed {seed}"
        session.current().forget(job)


def _save(folder: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "other.blend"), copy=False)


def _reload(_folder: Path) -> None:
    if bpy.data.filepath:
        bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
        bpy.ops.ed.undo_push(message="opened")


def _undo(_folder: Path) -> None:
    if bpy.ops.ed.undo.poll():
        bpy.ops.ed.undo()


def _redo(_folder: Path) -> None:
    if bpy.ops.ed.redo.poll():
        bpy.ops.ed.redo()


def _delete_scene(_folder: Path) -> None:
    bpy.ops.scene.new(type="EMPTY")
    bpy.data.scenes.remove(next(scene for scene in bpy.data.scenes if scene != bpy.context.scene))
    bpy.ops.ed.undo_push(message="scene deleted")


def _delete_camera(_folder: Path) -> None:
    camera = bpy.context.scene.parascale.camera
    if camera is not None:
        bpy.data.objects.remove(camera)
        bpy.ops.ed.undo_push(message="camera deleted")


def _new_file(_folder: Path) -> None:
    bpy.ops.wm.read_homefile(use_empty=True)


def _slide(_folder: Path) -> None:
    camera = bpy.context.scene.parascale.camera
    if camera is not None:
        camera.parascale.strength *= 1.1
        bpy.ops.ed.undo_push(message="slider")


def _tick(_folder: Path) -> None:
    from bl_ext.user_default.parascale.jobs import timer

    timer.on_timer()


EVENTS = (_save, _reload, _undo, _redo, _delete_scene, _delete_camera, _new_file, _slide, _tick, _tick)


def _operator_classes() -> list[Any]:
    import importlib

    found = importlib.import_module("bl_ext.user_default.parascale.registration")
    return [cls for cls in found.CLASSES if issubclass(cls, bpy.types.Operator)]
