"""The geometry of the scene: gathered once and kept while its surfaces stay as they are.

So a slider's rebuild falls into its own undo step. What a camera was built from is kept in the file as a fingerprint of
the surfaces: neither undo nor another Blender loses it.
"""

import time
from dataclasses import dataclass, field

import bpy

from parascale.blender.depth import SceneDepth
from parascale.blender.scene_state import depsgraph_of
from parascale.blender.surfaces import HELPER, fingerprint_surfaces
from parascale.types import Array

from ..settings.calibration import CalibrationSettings

# Larger scenes are gathered by Rebuild alone: a slider would have to wait for it.
MAX_TRIANGLES_OF_SLIDERS = 300_000
# Where a fingerprint takes longer, it waits until nothing has changed for a while.
_QUICK_SECONDS = 0.02
_QUIET_SECONDS = 0.4

_SAY_WHAT_SHOWS = (bpy.types.Mesh, bpy.types.Material, bpy.types.NodeTree, bpy.types.Scene, bpy.types.Collection)
_WITHOUT_SURFACE = ("CAMERA", "LIGHT", "SPEAKER", "ARMATURE", "LIGHT_PROBE")

# Animated strengths by their frames, by camera and the fingerprint of what they are made from.
KeptStrengths = dict[str, dict[bytes, Array]]


@dataclass
class KeptGeometry:
    """Geometry, the fingerprint and the subject of what it was gathered from, and how long it takes to measure."""

    depth: SceneDepth
    fingerprint: str
    subject: tuple[str, ...]
    # Of one frame of an answer, by pace (see `live`), and of one look through a grid of rays.
    frame_seconds: dict[tuple[tuple[int, int], int], float] = field(default_factory=dict)
    look_seconds: dict[tuple[int, int], float] = field(default_factory=dict)
    strengths: KeptStrengths = field(default_factory=dict)


@dataclass
class _Known:
    """The fingerprint of a scene's surfaces, apart from what moves, and how many triangles they have."""

    moving: frozenset[str]
    fingerprint: str
    triangles: int
    seconds: float
    # When something changed since, which may be no surface; None where nothing did.
    changed: float | None = None


_kept: dict[str, KeptGeometry] = {}
_known: dict[str, _Known] = {}


def keep_geometry(scene: bpy.types.Scene, settings: CalibrationSettings, depth: SceneDepth, fingerprint: str) -> None:
    """Keep geometry for the next rebuild, where it does not move."""
    kept = _kept.get(scene.name)
    if kept is None or kept.depth is not depth:
        _kept.pop(scene.name, None)
        if not depth.animated:
            _kept[scene.name] = KeptGeometry(depth, fingerprint, _subject_of(settings))


def kept_geometry(scene: bpy.types.Scene, settings: CalibrationSettings) -> KeptGeometry | None:
    """Return geometry of the surfaces as they are now, gathered where that is quick; None where Rebuild has to."""
    now = fingerprint_of(scene)
    kept = _kept.get(scene.name)
    if kept is not None and kept.fingerprint == now and kept.subject == _subject_of(settings):
        # After an undo the scene is another one in memory.
        kept.depth.scene = scene
        return kept
    if _known[scene.name].triangles > MAX_TRIANGLES_OF_SLIDERS:
        return None
    depth = SceneDepth(scene, subject=settings.measured_objects())
    keep_geometry(scene, settings, depth, now)
    return _kept.get(scene.name)


def fingerprint_of(scene: bpy.types.Scene, moving: frozenset[str] = frozenset(), *, at_once: bool = True) -> str:
    """Fingerprint of a scene's surfaces; where it is not wanted at once, that of a moment ago while they change."""
    known = _known.get(scene.name)
    if known is not None and known.moving == moving:
        if known.changed is None:
            return known.fingerprint
        is_quiet = time.monotonic() - known.changed > _QUIET_SECONDS
        if not (at_once or is_quiet or known.seconds < _QUICK_SECONDS):
            return known.fingerprint
    begin = time.perf_counter()
    fingerprint, triangles = fingerprint_surfaces(depsgraph_of(scene), moving)
    _known[scene.name] = _Known(moving, fingerprint, triangles, time.perf_counter() - begin)
    return fingerprint


def is_unsettled() -> bool:
    """Whether a fingerprint waits for the end of a change."""
    return any(known.changed is not None for known in _known.values())


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]  # the stubs say nothing of it
def _on_depsgraph(scene: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    known = _known.get(scene.name)
    if known is not None and any(_may_change_surface(update) for update in depsgraph.updates):
        known.changed = time.monotonic()


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]
def _on_undo(*_: object) -> None:
    _known.clear()


@bpy.app.handlers.persistent  # type: ignore[untyped-decorator]
def forget(*_: object) -> None:
    """Forget what was kept: it belongs to another file."""
    _kept.clear()
    _known.clear()


HANDLERS = (
    (bpy.app.handlers.depsgraph_update_post, _on_depsgraph),
    (bpy.app.handlers.undo_post, _on_undo),
    (bpy.app.handlers.redo_post, _on_undo),
    (bpy.app.handlers.load_post, forget),
)


def _may_change_surface(update: bpy.types.DepsgraphUpdate) -> bool:
    item = update.id
    if isinstance(item, bpy.types.Object):
        if item.type in _WITHOUT_SURFACE or item.get(HELPER) is not None:
            return False
        return item.type != "EMPTY" or item.instance_type != "NONE"
    # Which objects are shown and rendered is kept in scenes and collections.
    return isinstance(item, _SAY_WHAT_SHOWS)


def _subject_of(settings: CalibrationSettings) -> tuple[str, ...]:
    chosen = settings.subject_objects if settings.statistic == "OBJECTS" else []
    return tuple(item.name_full for item in chosen)
