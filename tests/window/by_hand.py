"""What only a window can do: clicks on surfaces, the viewport's picture, the clip behind a camera, pictures of jobs."""

import shutil
from pathlib import Path
from typing import Any

import bpy as typed_bpy
import numpy as np
from bpy_extras import view3d_utils
from mathutils import Vector
from tests.window.driver import SHARE, Steps, area_of, click, mouse, part, pause, region_of, told, until, window
from tests.window.shots import choose_a_shot

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def try_the_rest() -> Steps:
    """Do them one after another; the camera is calibrated and has a result."""
    behind_the_camera()
    # There the camera stays where it is, whatever it is measured by.
    bpy.context.scene.frame_set(bpy.context.scene.frame_start)
    yield from pick("surface", "TARGET", 0.3, 0.4)
    yield from pick("surface", "REFERENCE", 0.3, 0.55)
    yield from pick("focus", "TARGET", 0.4, 0.4)
    yield from give_up_picking()
    yield from viewport_picture()
    yield from pictures_of_jobs()
    yield from choose_a_shot()
    bpy.context.scene.frame_set(40)
    bpy.context.scene.parascale.current.statistic = "FRAME"
    camera = bpy.context.scene.parascale.camera
    camera.data.dof.focus_object = None
    with bpy.context.temp_override(window=window(), area=area_of("VIEW_3D")):
        bpy.ops.parascale.rebuild("EXEC_DEFAULT")


def behind_the_camera() -> None:
    """Say what lies behind the reference's camera."""
    camera = bpy.context.scene.parascale.reference.data
    (behind,) = camera.background_images
    told["behind"] = {
        "shown": camera.show_background_images,
        "file": Path(bpy.path.abspath(behind.clip.filepath)).name,
        "size": list(behind.clip.size),
        "frames": behind.clip.frame_duration,
        "start": behind.clip.frame_start,
    }


def pick(what: str, side: str, across: float, up: float) -> Steps:
    """Click a place of the view after the operator has been started, and say where the mark came to stand."""
    scene = bpy.context.scene
    settings = scene.parascale.current
    area = area_of("VIEW_3D")
    region = region_of(area, "WINDOW")
    at = region.x + int(across * region.width), region.y + int(up * region.height)
    mouse("MOUSEMOVE", "NOTHING", at)
    yield from pause(0.2)
    start_picking(what, side)
    yield from click(at)

    def mark() -> Any:
        if what == "focus":
            return scene.parascale.camera.data.dof.focus_object
        return settings.target_place if side == "TARGET" else settings.reference_place

    yield from until(mark, f"the mark of {what} {side}")
    place = mark().matrix_world.translation
    seen = view3d_utils.location_3d_to_region_2d(region, area.spaces.active.region_3d, place)
    told.setdefault("picked", []).append(
        {
            "what": what,
            "side": side,
            "pixels_off": (seen - Vector((at[0] - region.x, at[1] - region.y))).length,
            "from_surface": from_points(place) if side == "REFERENCE" else from_scene(place),
            "statistic": settings.statistic,
        }
    )


def from_scene(place: Any) -> float:
    """Distance of a place to the nearest surface of the scene."""
    from parascale.blender.depth import SceneDepth

    return float(SceneDepth(bpy.context.scene).nearest_surface([place])[0])


def from_points(place: Any) -> float:
    """Distance of a place to the nearest point of the reference."""
    points = bpy.context.scene.parascale.reference.parascale.points
    return min((points.matrix_world @ vertex.co - place).length for vertex in points.data.vertices)


def start_picking(what: str, side: str) -> None:
    """Start the operator as its button does."""
    area = area_of("VIEW_3D")
    with bpy.context.temp_override(window=window(), area=area, region=region_of(area, "WINDOW")):
        getattr(bpy.ops.parascale, f"pick_{what}")("INVOKE_DEFAULT", side=side)


def give_up_picking() -> Steps:
    """Press Esc instead of a place: everything stays."""
    count = len(bpy.data.objects)
    start_picking("surface", "TARGET")
    yield from until(lambda: window().modal_operators, "the picking")
    for value in ("PRESS", "RELEASE"):
        mouse("ESC", value, (400, 500))
        yield from pause(0.2)
    yield from until(lambda: not window().modal_operators, "the end of the picking")
    told["objects_of_given_up"] = len(bpy.data.objects) - count


def viewport_picture() -> Steps:
    """Send the same move twice, with a rendered picture and with the viewport's, and keep both pictures."""
    scene = bpy.context.scene
    state = scene.parascale
    space = area_of("VIEW_3D").spaces.active
    before = space.region_3d.view_perspective, space.overlay.show_overlays, scene.render.filepath
    for picture in ("RENDER", "VIEWPORT"):
        state.picture = picture
        bpy.ops.parascale.submit("EXEC_DEFAULT")
        kept = part("jobs.journal").folder() / f"{state.job_id}.png"
        shutil.copy(kept, SHARE / f"first-{picture.lower()}.png")
        yield from pause(0.5)
    state.picture = "RENDER"
    after = space.region_3d.view_perspective, space.overlay.show_overlays, scene.render.filepath
    told["view_is_as_before"] = before == after
    jobs = part("jobs.session").current().jobs
    yield from until(lambda: jobs[state.job_id].state == "used", "the second strip")


def pictures_of_jobs() -> Steps:
    """Show a sketch as a job's picture, another one after it, then its video."""
    thumbnails, session = part("jobs.thumbnails"), part("jobs.session")
    job = part("jobs.journal").Job("0" * 32, "generate", "pictures", 0.0)
    shades = []
    for shade in (60, 200):
        picture = np.zeros((54, 96, 3), np.uint8)
        picture[..., 0] = shade
        thumbnails.save_picture(job, picture)
        thumbnails.save_sketch(job, encoded(picture))
        thumbnails.icon_of(job)
        yield from pause(1.5)

        def shown(wanted: float = shade / 255) -> bool:
            return abs(red_of(thumbnails, f"IMAGE {job.id}") - wanted) < 0.02

        yield from until(shown, f"a sketch of shade {shade}")
        shades.append(shade)
    told["sketches"] = shades
    done = session.current().jobs[bpy.context.scene.parascale.job_id]
    thumbnails.icon_of(done)
    yield from until(lambda: red_of(thumbnails, f"MOVIE {done.id}"), "the picture of the video")
    told["video_picture"] = list(thumbnails._previews[f"MOVIE {done.id}"].image_size)


def encoded(picture: Any) -> str:
    """PNG of a picture in Base64, as a backend sends it."""
    import base64

    return base64.b64encode(part("jobs.thumbnails").encode_png(picture)).decode()


def red_of(thumbnails: Any, key: str) -> float:
    """Mean red of an icon, 0 .. 1; 0 while there is none."""
    preview = thumbnails._previews[key]
    pixels = np.array(preview.image_pixels_float).reshape(-1, 4)
    shown = pixels[pixels[:, 3] > 0.5]
    return float(shown[:, 0].mean()) if len(shown) else 0.0
