"""A result video as a strip that lasts as long as the shot, whatever the two frame rates."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import bpy

from parascale.blender.untyped import untyped
from parascale.errors import InputError
from parascale.types import Json

# Custom property of a strip: what was asked of the generator, as JSON.
REQUEST = "parascale_request"
MAX_CHANNELS = 128
# The colour space of pictures that were made by a view transform on an sRGB display.
_FILMED = {
    "AgX": "AgX Base sRGB",
    "Filmic": "Filmic sRGB",
    "Khronos PBR Neutral": "Khronos PBR Neutral sRGB",
    "Standard": "sRGB",
}


def insert_strip(
    scene: bpy.types.Scene, path: Path, frame_start: int, *, fps: float, request: Mapping[str, Json]
) -> bpy.types.MovieStrip:
    """Place a movie so that it lasts frames / its own fps, on a free channel.

    The scene's frame rate and view transform stay as they are; the strip's colour space undoes that transform, as the
    pictures have it already. It becomes the active strip. Where the scene had no sequencer,
    ``render.use_sequencer`` is switched off, so that rendering still renders the scene.

    Parameters
    ----------
    scene : bpy.types.Scene
    path : Path
        A movie file.
    frame_start : int
        Scene frame of the movie's first picture.
    fps : float
        The shot's frame rate, which the file must say too.
    request : mapping
        JSON values kept on the strip (`request_of`).

    Raises
    ------
    InputError
        Where the movie is missing, cannot be read or says another rate, or where no channel is free.
    """
    if not path.is_file():
        raise InputError(f"there is no movie at {path}")
    text = json.dumps(dict(request))
    made = not has_sequencer(scene)
    strip = _add_movie(scene, path, frame_start)
    if abs(strip.fps - fps) > 0.01 * fps:
        rate = strip.fps
        strips_of(scene).remove(strip)
        raise InputError(f"{path.name} says {rate:g} frames a second where the shot has {fps:g}")
    _move_to_free_channel(scene, strip)
    strip[REQUEST] = text
    _show_as_filmed(scene, strip)
    make_active(scene, strip)
    if made:
        scene.render.use_sequencer = False
    return strip


def request_of(strip: bpy.types.Strip) -> dict[str, Json] | None:
    """Return what was asked of the generator for this strip; None where it is not ours."""
    text = strip.get(REQUEST)
    return None if text is None else dict(json.loads(text))


def has_sequencer(scene: bpy.types.Scene) -> bool:
    """Whether the scene already has an edit."""
    return scene.sequence_editor is not None and len(strips_of(scene)) > 0


def strips_of(scene: bpy.types.Scene) -> bpy.types.StripsTopLevel:
    """Return the scene's top-level strips, the sequence editor made where it is missing."""
    editor = untyped(scene.sequence_editor or scene.sequence_editor_create())
    strips: bpy.types.StripsTopLevel = editor.strips if hasattr(editor, "strips") else editor.sequences
    return strips


def span(strip: bpy.types.Strip) -> tuple[int, int]:
    """First frame that a strip shows, and the frame after its last."""
    if hasattr(strip, "left_handle"):
        return int(strip.left_handle), int(strip.right_handle)
    return int(strip.frame_final_start), int(strip.frame_final_end)


def sequencer_scene(context: bpy.types.Context, fallback: bpy.types.Scene) -> bpy.types.Scene:
    """Return the scene that the workspace edits, where this Blender has such a thing and it is set."""
    return getattr(context.workspace, "sequencer_scene", None) or fallback


def make_active(scene: bpy.types.Scene, strip: bpy.types.Strip) -> None:
    """Make a strip the selected and active one."""
    for other in strips_of(scene):
        other.select = other == strip
    untyped(scene.sequence_editor).active_strip = strip


def edit_where_unset(scene: bpy.types.Scene) -> None:
    """Have every workspace edit a scene that edits none yet, where this Blender has such a thing."""
    for workspace in bpy.data.workspaces:
        if hasattr(workspace, "sequencer_scene") and workspace.sequencer_scene is None:
            workspace.sequencer_scene = scene


def _show_as_filmed(scene: bpy.types.Scene, strip: bpy.types.MovieStrip) -> None:
    """Give a strip the colour space that the scene's view transform turns back into the pictures as they are."""
    view = untyped(scene.view_settings).view_transform
    with suppress(TypeError):  # a colour configuration of the user's own has other names
        untyped(strip.colorspace_settings).name = _FILMED.get(view, "sRGB")


def _add_movie(scene: bpy.types.Scene, path: Path, frame_start: int) -> bpy.types.MovieStrip:
    before = {strip.name for strip in strips_of(scene)}
    options = {"move_strips": False} if bpy.app.version >= (5, 0, 0) else {}
    top = max((strip.channel for strip in strips_of(scene)), default=0)
    if top >= MAX_CHANNELS:
        raise InputError(f"the sequencer of {scene.name!r} has no channel above {MAX_CHANNELS}: move a strip down")
    with _sequencer_context(scene):
        # Of Blender's ways to add a movie, the operator alone keeps its own rate in every line: keys added to
        # `retiming_keys` end 4.5 and 5.0.
        try:
            untyped(bpy.ops.sequencer).movie_strip_add(
                filepath=str(path),
                relative_path=False,
                frame_start=frame_start,
                channel=top + 1,
                replace_sel=False,
                overlap=True,
                fit_method="FIT",
                sound=False,
                adjust_playback_rate=True,
                use_framerate=False,
                set_view_transform=False,
                **options,
            )
        except RuntimeError as error:
            raise InputError(f"{path} is not a movie that Blender can read") from error
    added: bpy.types.MovieStrip = untyped(next(strip for strip in strips_of(scene) if strip.name not in before))
    return added


@contextmanager
def _sequencer_context(scene: bpy.types.Scene) -> Iterator[None]:
    windows = list(bpy.data.window_managers[0].windows)
    window = bpy.context.window or (windows[0] if windows else None)
    if window is None:
        raise InputError("this Blender session has no window to insert a strip through: open a file saved with one")
    areas = list(window.screen.areas)
    area = next((a for a in areas if a.type == "SEQUENCE_EDITOR"), None) or min(
        areas, key=lambda a: a.type == "VIEW_3D"
    )
    # The operator adds to the scene that the workspace edits, and before 5.0 to the one that the window shows.
    owner, name = (window.workspace, "sequencer_scene") if bpy.app.version >= (5, 0, 0) else (window, "scene")
    kind, edited = area.type, getattr(owner, name)
    try:
        area.type = "SEQUENCE_EDITOR"
        setattr(owner, name, scene)
        region = next(r for r in area.regions if r.type == "WINDOW")
        with bpy.context.temp_override(window=window, area=area, region=region):
            yield
    finally:
        area.type = kind
        setattr(owner, name, edited)


def _move_to_free_channel(scene: bpy.types.Scene, strip: bpy.types.MovieStrip) -> None:
    """Put a strip right above those it overlaps, so that it is the one that shows."""
    start, end = span(strip)
    others = [other for other in strips_of(scene) if other.name != strip.name]
    under = [other.channel for other in others if span(other)[0] < end and span(other)[1] > start]
    strip.channel = max(under, default=0) + 1
