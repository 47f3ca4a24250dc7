"""The geometry of the scene: gathered once and kept while its surfaces stay as they are.

So a slider's rebuild falls into its own undo step, and a camera built before the surfaces changed is known as stale.
"""

from dataclasses import dataclass, field

import bpy

from parascale.blender.depth import HELPER, SceneDepth
from parascale.blender.scene_state import view_layer_of

from ..settings import CalibrationSettings

_WITHOUT_SURFACE = ("CAMERA", "LIGHT", "SPEAKER", "ARMATURE", "LIGHT_PROBE")


@dataclass
class KeptGeometry:
    """Geometry, the names of what it was gathered from, and how long it takes to measure."""

    depth: SceneDepth
    objects: tuple[str, ...]
    # Of one frame of an answer, by pace (see `live`), and of one look through a grid of rays.
    frame_seconds: dict[tuple[tuple[int, int], int], float] = field(default_factory=dict)
    look_seconds: dict[tuple[int, int], float] = field(default_factory=dict)


_kept: dict[str, KeptGeometry] = {}
_revisions: dict[str, int] = {}
_built_at: dict[str, int] = {}


def keep_geometry(scene: bpy.types.Scene, settings: CalibrationSettings, depth: SceneDepth) -> None:
    """Keep geometry for the next rebuild, where it does not move."""
    kept = _kept.get(scene.name)
    if kept is None or kept.depth is not depth:
        _kept.pop(scene.name, None)
        if not depth.animated:
            _kept[scene.name] = KeptGeometry(depth, _objects_of(scene, settings))


def kept_geometry(scene: bpy.types.Scene, settings: CalibrationSettings) -> KeptGeometry | None:
    """Return the kept geometry; None where there is none, or it was gathered from other objects."""
    kept = _kept.get(scene.name)
    return kept if kept is not None and kept.objects == _objects_of(scene, settings) else None


def note_surfaces(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Note that a camera was built from the surfaces as they are now."""
    _built_at[camera.name] = _revisions.get(scene.name, 0)


def surfaces_changed(scene: bpy.types.Scene, camera: bpy.types.Object) -> bool:
    """Whether a surface of the scene changed since a camera was built, as far as this Blender saw it."""
    revision = _revisions.get(scene.name, 0)
    return _built_at.setdefault(camera.name, revision) != revision


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]  # the stubs say nothing of it
def _on_depsgraph(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    for update in depsgraph.updates:
        item = update.id
        moved = update.is_updated_geometry or update.is_updated_transform
        if moved and isinstance(item, bpy.types.Object) and _may_show_surface(item):
            _revisions[scene.name] = _revisions.get(scene.name, 0) + 1
            _kept.pop(scene.name, None)
            return


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]
def forget(*_: object) -> None:
    """Forget what was kept: it belongs to another file, or to another state of this one."""
    _kept.clear()
    _built_at.clear()


HANDLERS = (
    (bpy.app.handlers.depsgraph_update_post, _on_depsgraph),
    (bpy.app.handlers.undo_post, forget),
    (bpy.app.handlers.redo_post, forget),
    (bpy.app.handlers.load_post, forget),
)


def _may_show_surface(item: bpy.types.Object) -> bool:
    if item.type in _WITHOUT_SURFACE or item.get(HELPER) is not None:
        return False
    return item.type != "EMPTY" or item.instance_type != "NONE"


def _objects_of(scene: bpy.types.Scene, settings: CalibrationSettings) -> tuple[str, ...]:
    """Names of the objects that geometry is gathered from: those visible, and the subject."""
    layer = view_layer_of(scene)
    shown = [
        item
        for item in layer.objects
        if _may_show_surface(item) and item.visible_camera and item.visible_get(view_layer=layer)
    ]
    subject = [item.name_full for item in settings.subject_objects] if settings.statistic == "OBJECTS" else []
    return (*(item.name_full for item in shown), "|", *subject)
