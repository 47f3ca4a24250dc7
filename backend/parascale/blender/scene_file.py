"""A .blend file as the target of a calibration."""

from pathlib import Path

import bpy

from parascale.blender.camera import view_of_camera
from parascale.blender.camera_track import clip_range
from parascale.blender.depth import SceneDepth
from parascale.blender.scene_state import metres_per_unit, unit_of
from parascale.blender.subject_point import subject_point
from parascale.errors import InputError
from parascale.parallax.composition import TargetFacts
from parascale.parallax.target import Target
from parascale.types import Array

WORLD_UP = (0.0, 0.0, 1.0)


def scene_target(path: Path, camera_name: str | None = None, subject: str | None = None) -> Target:
    """Open a .blend file and describe its scene as a target.

    Parameters
    ----------
    path : Path
        The file; it replaces what is open.
    camera_name : str or None
        The camera object to start from; where None the scene's own at its start frame.
    subject : str or None
        The object to hold in the picture; where None what stands at the place of the reference's subject.

    Returns
    -------
    Target
        In world units of the scene; the anchor is the camera at the scene's start frame.

    Raises
    ------
    InputError
        Where the file cannot be opened, or has no such camera or object.
    """
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path.absolute()), use_scripts=False)
    except RuntimeError as error:
        raise InputError(f"{path} cannot be opened: {' '.join(str(error).split())}") from error
    scene = bpy.context.scene
    assert scene is not None
    scene.frame_set(scene.frame_start)
    # Which a marker may have bound.
    camera = scene.camera if camera_name is None else scene.objects.get(camera_name)
    if camera is None:
        cameras = [item.name for item in scene.objects if item.type == "CAMERA"]
        missing = ("active camera" if camera_name is None else f"camera {camera_name!r}") if cameras else "camera"
        raise InputError(f"{path} has no {missing}", "blend-camera" if cameras else "", cameras)
    depth = SceneDepth(scene, clip=clip_range(scene, camera))
    points: tuple[Array, ...] = ()
    if subject is not None:
        item = scene.objects.get(subject)
        if item is None:
            raise InputError(f"{path} has no object {subject!r} to hold in the picture")
        points = (subject_point(scene, item),)
    facts = TargetFacts(WORLD_UP, points, depth)
    return Target(depth, view_of_camera(scene, camera), unit_of(scene), metres_per_unit(scene), facts)
