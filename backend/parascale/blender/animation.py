"""When a camera moves, and at what rate the file was recorded that moves it."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import bpy

from parascale.blender.keyframes import fcurves
from parascale.blender.scene_state import frame_rate
from parascale.blender.tracking import reconstructed_frames, tracking_of
from parascale.blender.untyped import untyped
from parascale.errors import InputError
from parascale.files.alembic_file import read_sample_times
from parascale.files.usd_layer import read_layer_time

Span = tuple[float, float]

# The span of what a file holds and does not move.
STILL: Span = (0.0, 0.0)
USD_SUFFIXES = {".usd", ".usda", ".usdc", ".usdz"}
# What of an object or a camera changes its view; keys of visibility or focus do not.
OBJECT_PATHS = ("location", "rotation", "scale", "delta_", "constraints", "pose.")
LENS_PATHS = ("lens", "shift_", "sensor_", "angle")


class UnknownSpanError(Exception):
    """Something moves the camera whose beginning and end cannot be known."""


@dataclass(frozen=True)
class Recording:
    """The file that moves a camera: its name, its frames a second, and the scene's frames it spans, as far as known.

    ``step`` is how many frames of the scene pass from one of the file's to the next.
    """

    name: str
    rate: float | None
    span: Span | None
    step: float = 1.0


def span_of_move(scene: bpy.types.Scene, camera_object: bpy.types.Object) -> Span | None:
    """First and last frame of what moves a camera, which rests before and after.

    Counted are keys, actions and strips of the camera, its lens, its parents and the targets of its constraints, and
    files that say when they begin and end. None where nothing moves it, or something whose end is not known: drivers,
    modifiers of curves, physics.
    """
    try:
        spans = [span for item in _movers(camera_object) for span in _spans(scene, item)]
    except UnknownSpanError:
        return None
    return (min(span[0] for span in spans), max(span[1] for span in spans)) if spans else None


def recording_of(scene: bpy.types.Scene, camera_object: bpy.types.Object) -> Recording | None:
    """Return the file that a camera's motion is played from; None where there is none, as keys are the scene's own.

    A USD file and the movie of a solved clip are played frame by frame whatever the scene's rate is, an Alembic file by
    its seconds.
    """
    clip = tracking_of(camera_object)
    if clip is not None and clip.source == "MOVIE" and clip.fps > 0:
        return Recording(clip.name, float(clip.fps), None)
    found = [_recording(scene, constraint) for item in _parents(camera_object) for constraint in item.constraints]
    moving = [recording for recording in found if recording is not None and recording.span != STILL]
    # Of a camera and its parents the one that is sampled most often.
    return max(moving, key=lambda recording: recording.rate or 0, default=None)


def has_unread_zoom(camera_object: bpy.types.Object) -> bool:
    """Whether a camera may zoom in its Alembic file and not in this Blender, which reads the first lens alone."""
    if bpy.app.version >= (5, 2) or fcurves(untyped(camera_object.data)):
        return False
    files = [_cache_file(constraint) for item in _parents(camera_object) for constraint in item.constraints]
    return any(Path(file.filepath).suffix.lower() == ".abc" for file in files if file is not None)


def _parents(item: bpy.types.Object) -> Iterator[bpy.types.Object]:
    """Yield an object and all above it."""
    above: bpy.types.Object | None = item
    while above is not None:
        yield above
        above = above.parent


def _movers(camera_object: bpy.types.Object) -> list[bpy.types.ID]:
    """List the datablocks whose animation moves a camera or its lens."""
    found: dict[bpy.types.ID, None] = {}
    waiting: list[bpy.types.Object] = [camera_object]
    while waiting:
        item = waiting.pop()
        if item in found:
            continue
        found[item] = None
        if (item.parent is not None and item.parent_type not in {"OBJECT", "BONE"}) or item.rigid_body is not None:
            raise UnknownSpanError
        waiting += [item.parent] if item.parent is not None else []
        if item.pose is not None and any(bone.constraints for bone in item.pose.bones):
            raise UnknownSpanError
        for constraint in _acting(item):
            target = getattr(constraint, "target", None)
            waiting += [target] if target is not None else []
            if constraint.type == "FOLLOW_PATH" and target is not None:
                found[untyped(target.data)] = None
            if constraint.type == "ARMATURE":
                raise UnknownSpanError
    found[untyped(camera_object.data)] = None
    return list(found)


def _acting(item: bpy.types.Object) -> list[bpy.types.Constraint]:
    return [constraint for constraint in item.constraints if not constraint.mute]


def _spans(scene: bpy.types.Scene, item: bpy.types.ID) -> Iterator[Span]:
    """Yield the spans of what animates one datablock."""
    if isinstance(item, bpy.types.Object):
        yield from _constraint_spans(scene, item)
    animation = untyped(item).animation_data
    if animation is None:
        return
    if len(animation.drivers):
        raise UnknownSpanError
    for curve in fcurves(item):
        if _moves_view(item, curve):
            if len(curve.modifiers) or curve.extrapolation != "CONSTANT":
                raise UnknownSpanError
            first, last = untyped(curve.range())
            yield first, last
    tracks = [track for track in animation.nla_tracks if not track.mute] if animation.use_nla else []
    for strip in itertools.chain.from_iterable(track.strips for track in tracks):
        if not strip.mute:
            yield strip.frame_start, strip.frame_end


def _constraint_spans(scene: bpy.types.Scene, item: bpy.types.Object) -> Iterator[Span]:
    """Yield the spans of the files and clips that an object follows."""
    for constraint in _acting(item):
        if constraint.type == "TRANSFORM_CACHE":
            recording = _recording(scene, constraint)
            if recording is None or recording.span is None:
                raise UnknownSpanError
            if recording.span != STILL:
                yield recording.span
    clip = tracking_of(item)
    if clip is not None:
        yield reconstructed_frames(clip)


def _moves_view(item: bpy.types.ID, curve: bpy.types.FCurve) -> bool:
    """Whether a curve can change what a camera sees: one key alone holds still."""
    paths = {bpy.types.Object: OBJECT_PATHS, bpy.types.Camera: LENS_PATHS}.get(type(item), ("",))
    return not curve.mute and len(curve.keyframe_points) > 1 and curve.data_path.startswith(paths)


def _cache_file(constraint: bpy.types.Constraint) -> bpy.types.CacheFile | None:
    cache: bpy.types.CacheFile | None = None
    if constraint.type == "TRANSFORM_CACHE" and not constraint.mute:
        cache = untyped(constraint).cache_file
    return cache


def _recording(scene: bpy.types.Scene, constraint: bpy.types.Constraint) -> Recording | None:
    """Return the USD or Alembic file that a constraint plays by its own time."""
    cache = _cache_file(constraint)
    # Played by curves or a frame of the animator's, or a file a frame, it has no time of its own.
    if cache is None or cache.override_frame or cache.is_sequence:
        return None
    path = Path(bpy.path.abspath(cache.filepath, library=cache.library))
    if path.suffix.lower() == ".abc":
        return _alembic_recording(scene, path, constraint)
    if path.suffix.lower() not in USD_SUFFIXES:
        return None
    try:
        time = read_layer_time(path)
    except (InputError, OSError):
        return Recording(path.name, None, None)
    if time.start is None or time.end is None or time.end <= time.start:
        return Recording(path.name, time.rate, None)
    return Recording(path.name, time.rate, (time.start + cache.frame_offset, time.end + cache.frame_offset))


def _alembic_recording(scene: bpy.types.Scene, path: Path, constraint: bpy.types.Constraint) -> Recording:
    """Return the Alembic samples that move what a constraint follows, at their frames of the scene."""
    try:
        times = read_sample_times(path, untyped(constraint).object_path)
    except (InputError, OSError):
        return Recording(path.name, None, None)
    if times is None:
        return Recording(path.name, None, STILL)
    rate, offset = frame_rate(scene), untyped(constraint).cache_file.frame_offset
    span = times.first * rate + offset, times.last * rate + offset
    return Recording(path.name, times.rate, span, rate / times.rate)
