"""Moves as assets: each a reference camera with its shot and a picture, in a file of a folder that Blender lists.

An asset that is dropped on a viewport becomes the scene's reference.
"""

from collections.abc import Iterable
from itertools import chain, count
from pathlib import Path

import bpy
import numpy as np

from parascale.blender.untyped import untyped
from parascale.parallax.shot import Shot

from ..settings import settings_of_object, settings_of_scene
from ..settings.preferences import ADDON
from .move_pictures import picture_of_move
from .objects import link_object
from .reference_camera import adopt_reference, text_of_shot

LIBRARY = "ParaScale Moves"
# Custom property of a move that waits to be taken up: Blender drops what makes an object an asset when it is appended.
UNUSED = "parascale_unused_move"


def library_folder() -> Path:
    """Return the folder of the user's moves, made where there is none."""
    return Path(bpy.utils.extension_path_user(ADDON, path="moves", create=True))


def register_library() -> None:
    """Have Blender list the folder among its asset libraries."""
    folder = library_folder()
    libraries = untyped(bpy.context).preferences.filepaths.asset_libraries
    if not any(Path(known.path) == folder for known in libraries):
        made = libraries.new(name=LIBRARY, directory=str(folder))
        made.import_method = "APPEND"


def write_assets(scene: bpy.types.Scene, shots: Iterable[tuple[Shot, str, Path | None]]) -> list[Path]:
    """Write shots, each with what is said of it and its clip, as assets of the library; return their files.

    Nothing stays in the open file. The same shot replaces its asset; where another has its name, it gets a number.
    """
    written = []
    for shot, description, clip in shots:
        path, name = _place(shot)
        before = settings_of_scene(scene).reference
        known = {kind: {*getattr(bpy.data, kind)} for kind in _KINDS}
        frame_start = settings_of_scene(scene).calibration.frame_start
        # The asset has that name, whatever this file holds by it.
        taken = bpy.data.objects.get((name, None))
        try:
            adopt_reference(scene, shot, clip)
            camera = settings_of_scene(scene).reference
            assert camera is not None  # made just now
            camera.rename(name, mode="ALWAYS")
            camera[UNUSED] = True
            _mark(camera, shot, description)
            bpy.data.libraries.write(str(path), {camera}, path_remap="ABSOLUTE", fake_user=True)
            written.append(path)
        finally:
            settings_of_scene(scene).reference = before
            settings_of_scene(scene).calibration.frame_start = frame_start
            for kind in _KINDS:
                bpy.data.batch_remove([item for item in getattr(bpy.data, kind) if item not in known[kind]])
            if taken is not None:
                taken.name = name
    return written


def _place(shot: Shot) -> tuple[Path, str]:
    """Return the file and the name of a shot's asset: those it has, else the first that no other shot has."""
    names = chain([shot.name], (f"{shot.name} {number}" for number in count(2)))
    places = ((library_folder() / f"{bpy.path.clean_name(name)}.blend", name) for name in names)
    return next((path, name) for path, name in places if not path.exists() or _holds(path, shot))


def _holds(path: Path, shot: Shot) -> bool:
    """Whether a file of the library holds a shot; what cannot be read may be anything."""
    before = {*bpy.data.texts, *bpy.data.libraries}
    try:
        with untyped(bpy.data).libraries.load(str(path)) as (there, here):
            here.texts = there.texts
        return any(text.as_string() == text_of_shot(shot) for text in here.texts)
    except OSError:
        return False
    finally:
        bpy.data.batch_remove([item for item in (*bpy.data.texts, *bpy.data.libraries) if item not in before])


# Of what a reference is made: objects before what they show.
_KINDS = ("objects", "cameras", "meshes", "actions", "texts", "images", "movieclips", "collections")


def _mark(camera: bpy.types.Object, shot: Shot, description: str) -> None:
    asset = untyped(camera)
    asset.asset_mark()
    asset.asset_data.description = description
    asset.asset_data.author = "ParaScale"
    for tag in ("camera move", shot.motion_class):
        asset.asset_data.tags.new(tag, skip_if_exists=True)
    picture = picture_of_move(shot)
    preview = asset.preview_ensure()
    preview.image_size = picture.shape[1::-1]
    # Blender's pictures begin at the bottom.
    preview.image_pixels_float.foreach_set((picture[::-1].astype(np.float32) / 255).ravel())


def dropped_references(scene: bpy.types.Scene) -> list[bpy.types.Object]:
    """Return the moves in a scene that were dropped from the library and not taken up yet."""
    return [item for item in scene.objects if is_dropped(item)]


def take_up(scene: bpy.types.Scene, camera: bpy.types.Object) -> None:
    """Make a dropped move the scene's reference: no asset of this file, and where its keys put it."""
    del camera[UNUSED]
    if camera.asset_data is not None:
        untyped(camera).asset_clear()
    for group in [*camera.users_collection]:
        group.objects.unlink(camera)
    link_object(scene, camera)
    points = settings_of_object(camera).points
    if points is not None and points.name not in scene.objects:
        link_object(scene, points)
    state = settings_of_scene(scene)
    state.reference = camera
    state.calibration.frame_start = scene.frame_start


def is_dropped(item: bpy.types.Object | None) -> bool:
    """Whether an object is a move that waits to be taken up."""
    return item is not None and bool(item.get(UNUSED)) and item.library is None
