"""Live: a camera that answers while a slider moves, as far as there is time for it."""

import time

import bpy
import numpy as np

from parascale.blender.depth import LIVE_GRID
from parascale.blender.keyframes import keyed_frames
from parascale.errors import InputError

from ..settings import settings_of_object
from .calibrated_camera import rebuild_draft
from .geometry import KeptGeometry, kept_geometry
from .staleness import moving_of, surfaces_changed
from .start import start_of_camera

# Longest answer to a slider, beyond which Rebuild does the work. It is aimed lower: answers vary by a quarter.
MAX_SECONDS = 0.15
TARGET_SECONDS = 0.12
# Grid of rays, and frames from one look to the next: the first that the budget has time for.
Pace = tuple[tuple[int, int], int]
PACES: tuple[Pace, ...] = ((LIVE_GRID, 1), (LIVE_GRID, 2), (LIVE_GRID, 4), ((24, 14), 4), ((16, 9), 4))

# What a frame of an answer takes beside its look, and what its report looks at again.
_FRAME_SECONDS = 0.0004
_LOOKED_AGAIN = 1.2
_PROBES = 2
# Of what the coarsest pace takes, what is left of it after every slider move that got no answer: it is tried again in
# the end, since it may have been the machine that was busy.
_FADES = 0.97


def rebuild_on_change(owner: bpy.types.ID) -> None:
    """Answer a changed setting of a calibrated camera, at once where that is quick."""
    scene = bpy.context.scene
    if scene is None or not isinstance(owner, bpy.types.Object):
        return
    if settings_of_object(owner).role != "CAMERA" or owner.name not in scene.objects:
        return
    try:
        # An animated scene is never answered by a draft, and changed surfaces wait for Rebuild.
        waits = bool(moving_of(owner)) or surfaces_changed(scene, owner)
        kept = None if waits else kept_geometry(scene, settings_of_object(owner).calibration)
        pace = None if kept is None else _find_pace(scene, owner, kept)
        if kept is None or pace is None:
            return
        # The thread's own time: what other programs take of the processor says nothing about this scene.
        begin = time.thread_time()
        rebuild_draft(scene, owner, kept.depth, every=pace[1], kept=kept.strengths)
    except InputError:
        return  # The camera stays stale, and Rebuild says why.
    # Half the old value: one answer that was held up rules out no pace.
    kept.frame_seconds[pace] = (kept.frame_seconds[pace] + (time.thread_time() - begin) / _count_looks(owner)) / 2


def _find_pace(scene: bpy.types.Scene, camera: bpy.types.Object, kept: KeptGeometry) -> Pace | None:
    """Set the kept geometry to as many rays as the budget has time for; None where Rebuild has to do it."""
    for pace in PACES:
        kept.depth.grid, every = pace
        if pace not in kept.frame_seconds:
            kept.frame_seconds[pace] = _FRAME_SECONDS + _LOOKED_AGAIN * _look_seconds(scene, camera, kept) / every
        limit = MAX_SECONDS if pace == PACES[-1] else TARGET_SECONDS
        if _count_looks(camera) * kept.frame_seconds[pace] <= limit:
            return pace
    kept.frame_seconds[PACES[-1]] *= _FADES
    return None


def _count_looks(camera: bpy.types.Object) -> int:
    """How often an answer looks at the scene: at least once."""
    settings = settings_of_object(camera).calibration
    frames = max(len(keyed_frames(camera)), settings.retimed_frames if settings.retiming != "NONE" else 1)
    # An optimised path is walked once more, one of a smoothed gain until that settles.
    looks = frames * ((4 if settings.smooth > 0 else 1) + (settings.solver == "optimise"))
    # A lens that keeps the subject's size is found by walking once without it, and twice with it.
    return 3 * looks if settings.size == "lens" else looks


def _look_seconds(scene: bpy.types.Scene, camera: bpy.types.Object, kept: KeptGeometry) -> float:
    """Return what a look at the scene takes: the quickest of a few."""
    depth = kept.depth
    if depth.grid not in kept.look_seconds:
        first = np.array([settings_of_object(camera).calibration.frame_start], np.float64)
        view = start_of_camera(scene, camera, first).view

        def look() -> float:
            begin = time.thread_time()
            depth(view.camera_to_world, view.intrinsics, view.size, 0)
            return time.thread_time() - begin

        look()  # which lays out the rays
        kept.look_seconds[depth.grid] = min(look() for _ in range(_PROBES))
    return kept.look_seconds[depth.grid]
