"""What operators need before they run: each function returns what is missing, as Blender's tooltip shows it, or ""."""

from parascale.blender.keyframes import curve_of, driven_paths, keyed_frames

from ..jobs import session
from ..jobs.connection import has_link
from ..jobs.results import active_request, result_strips
from ..scene.cameras import calibrated_camera, chosen_camera, reason_linked, selected_cameras
from ..scene.objects import selected_surfaces
from ..settings import STRENGTH, TIME, settings_of_object, settings_of_scene
from ..stubs import Context


def needs_chosen_camera(context: Context) -> str:
    """Need a camera to take a move from."""
    if chosen_camera(context):
        return ""
    several = len(selected_cameras(context)) > 1
    return (
        f"{'Several cameras are selected' if several else 'No camera'}: make one the active object or the scene camera"
    )


def needs_own_camera(context: Context) -> str:
    """Need a camera to work on that is not a reference's."""
    camera = chosen_camera(context)
    if camera is not None and settings_of_object(camera).role == "REFERENCE":
        return "This is a reference camera: choose the calibrated one, or one of your own"
    return needs_chosen_camera(context)


def needs_scene_camera(context: Context) -> str:
    """Need a scene camera."""
    return "" if context.scene.camera else "No scene camera: add one where the move starts"


def needs_reference(context: Context) -> str:
    """Need a reference."""
    known = settings_of_scene(context.scene).reference is not None
    return "" if known else "No reference: solve a clip, import a shot or use a camera"


def needs_reference_and_start(context: Context) -> str:
    """Need a reference, and a camera to start from where it is not the viewport."""
    if missing := needs_reference(context):
        return missing
    return "" if settings_of_scene(context.scene).start_from == "VIEWPORT" else needs_scene_camera(context)


def needs_calibrated_camera(context: Context) -> str:
    """Need a calibrated camera in the scene."""
    camera = settings_of_scene(context.scene).camera
    if camera is None:
        return "No calibrated camera: create one first"
    return "" if camera.name in context.scene.objects else "The calibrated camera is in no collection of this scene"


def needs_local_camera(context: Context) -> str:
    """Need the calibrated camera to be of this file: what is changed of a linked one is not saved."""
    return reason_linked(calibrated_camera(context.scene))


def needs_keys(context: Context) -> str:
    """Need the calibrated camera to have its keys."""
    keyed = keyed_frames(calibrated_camera(context.scene))
    return "" if len(keyed) else "The calibrated camera has lost its keys: press Rebuild"


def needs_anchor(context: Context) -> str:
    """Need the calibrated camera to have its anchor."""
    return "" if calibrated_camera(context.scene).parent else "The camera has lost its anchor: parent it to one"


def needs_no_time_curve(context: Context) -> str:
    """Need the calibrated camera to have no curve of its own for time."""
    curve = curve_of(calibrated_camera(context.scene), TIME)
    return "It has one already: edit it in the Graph Editor" if curve else ""


def needs_undriven_strength(context: Context) -> str:
    """Need the calibrated camera's strength to have no driver, which would hide keys of it."""
    driven = f'["{STRENGTH}"]' in driven_paths(calibrated_camera(context.scene))
    return "The strength is driven, which hides keys of it: remove the driver" if driven else ""


def needs_selected_surface(context: Context) -> str:
    """Need a selected object that shows a surface."""
    return "" if selected_surfaces(context) else "Nothing with a surface is selected: select the objects of the subject"


def needs_photo(context: Context) -> str:
    """Need a photo, and its depth map or a backend."""
    photo = settings_of_scene(context.scene).photo
    if not photo.picture:
        return "No photo: choose one above"
    if photo.source == "FILE" and not photo.depth_path:
        return "No depth map: choose one above"
    return needs_backend(context) if photo.source == "MODEL" else ""


def needs_result_strip(context: Context) -> str:
    """Need an active strip that is a result."""
    made = "generator" in (active_request(context) or {})
    return "" if made else "The active strip is not a result of ParaScale"


def needs_result(context: Context) -> str:
    """Need a result in the sequencer."""
    return "" if result_strips(context) else "No result yet: generate one first"


def needs_backend(_context: Context) -> str:
    """Need a backend that can be reached."""
    if not has_link():
        return "This build of ParaScale has no link to a backend: install the one for your Blender"
    return "" if session.has_backend() else "No backend: set it in Preferences"


def needs_closed_connection(_context: Context) -> str:
    """Need that no backend is connected."""
    return "A backend is connected already: press Disconnect first" if session.current().connection.is_open else ""


def needs_connection(_context: Context) -> str:
    """Need that a backend is connected."""
    return "" if session.current().connection.client is not None else "No backend is connected"
