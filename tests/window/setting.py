"""The desk in the window: the zip installed, the view through the scene's camera, our tab open."""

from typing import Any

import bpy as typed_bpy
from tests.window.driver import MODULE, SHARE, Steps, area_of, click, part, pause, region_of, told, until, window

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy


def open_tab() -> Steps:
    """Set the desk up and open our tab, without anything in it yet."""
    install()
    yield from show_view()
    yield from choose_tab()


def calibrate_by_example() -> Steps:
    """Calibrate a camera by an example move, which stands for the solve of the clip."""
    scene = bpy.context.scene
    shot = part("scene.example_moves").example_shot("truck")[0:33]
    part("scene.reference_camera").adopt_reference(scene, shot, clip=SHARE / "clips" / "street.mp4")
    with bpy.context.temp_override(window=window(), area=area_of("VIEW_3D")):
        bpy.ops.parascale.create_camera("EXEC_DEFAULT")
    yield from until(lambda: scene.parascale.camera is not None, "the calibrated camera")


def install() -> None:
    """Install the small zip, and open the desk; the backend runs already, outside."""
    install_zip("abi3" if bpy.app.version >= (5, 1) else "cp311")
    build_scene()
    # The preferences want to know how to start a backend all the same.
    bpy.context.preferences.addons[MODULE].preferences.executable = str(SHARE / "parascale")


def install_zip(variant: str) -> None:
    """Install a zip as a user does."""
    (path,) = SHARE.glob(f"parascale-*-{variant}.zip")
    bpy.ops.extensions.package_install_files(filepath=str(path), repo="user_default", enable_on_install=True)


def build_scene() -> None:
    """Open the desk with the scene's own camera in it."""
    from parascale.blender.scenes.desk import build_desk

    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    scene = bpy.context.scene
    build_desk(scene)
    scene.render.fps, scene.render.fps_base = 24, 1.0
    scene.render.resolution_x, scene.render.resolution_y = 832, 480
    scene.frame_end = 121
    bpy.ops.wm.save_as_mainfile(filepath=str(SHARE / "desk.blend"))


def show_view() -> Steps:
    """Look through the scene's camera, the sidebar open, its tab not chosen yet."""
    area = area_of("VIEW_3D")
    space = area.spaces.active
    space.shading.type, space.shading.color_type = "SOLID", "TEXTURE"
    space.overlay.show_floor = False
    space.region_3d.view_perspective = "CAMERA"
    space.region_3d.view_camera_zoom = 14.0
    space.region_3d.view_camera_offset = (0.09, 0.0)
    space.show_region_ui = True
    yield from until(lambda: region_of(area, "UI").width > 50, "the sidebar")
    yield from pause(1.0)


def choose_tab() -> Steps:
    """Click the tabs at the sidebar's edge one below another until ours is open."""
    region = region_of(area_of("VIEW_3D"), "UI")
    x = region.x + region.width - 8
    for y in range(region.y + region.height - 30, region.y + 30, -28):
        yield from click((x, y))
        if region.active_panel_category == "ParaScale":
            told["clicks"].append({"button": "tab", "at": [x, y]})
            return
    raise LookupError("no tab ParaScale")
