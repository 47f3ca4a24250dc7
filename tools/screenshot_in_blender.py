"""What `screenshot_addon.py` runs inside Blender: the desk, a calibrated camera, a result, the tab, the picture."""

import os
import subprocess
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import bpy as typed_bpy
import numpy as np

# The stubs know no operators of ours, and call all that a window brings optional.
bpy: Any = typed_bpy

SHARE = Path("/share/screenshot")
MODULE = "bl_ext.user_default.parascale"
PATIENCE = 120.0


def install() -> None:
    """Install the extension as a user would, and open the desk."""
    (path,) = SHARE.glob("parascale-*-abi3.zip")
    bpy.ops.extensions.package_install_files(filepath=str(path), repo="user_default", enable_on_install=True)
    from parascale.blender.scenes.desk import build_desk

    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    scene = bpy.context.scene
    build_desk(scene)
    scene.render.resolution_x, scene.render.resolution_y = 832, 480
    scene.frame_end = 121
    scene.parascale.workbench = True


def start_calibration() -> None:
    """Import the shot and begin to create the camera, as the button does."""
    shot = SHARE / "reference.shot.json"
    if not shot.exists():
        write_flight(shot)
    bpy.ops.parascale.import_shot(filepath=str(shot))
    bpy.ops.parascale.create_camera("INVOKE_DEFAULT")


def write_flight(path: Path) -> None:
    """Write a shot that rises and swings around what lies ahead."""
    from parascale.camera import Trajectory
    from parascale.files.shot_file import write_shot
    from parascale.parallax.shot import Shot

    count, fps = 81, 16.0
    angle = np.linspace(0, 0.6, count)
    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 0] = poses[:, 2, 2] = np.cos(angle)
    poses[:, 0, 2], poses[:, 2, 0] = -np.sin(angle), np.sin(angle)
    poses[:, :3, 3] = np.stack([np.sin(angle), -0.1 * angle, 1 - np.cos(angle)], axis=1)
    path_of_camera = Trajectory(poses, np.array([700.0, 700.0, 416.0, 240.0]), np.arange(count) / fps, 832, 480)
    write_shot(Shot("city_flight", fps, path_of_camera, np.ones(count), "unit-depth"), path)


def view() -> Any:
    """Return the 3D View's area."""
    return next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")


def sidebar() -> Any:
    """Return the region the tab is in."""
    return next(region for region in view().regions if region.type == "UI")


def show() -> None:
    """Look at the desk with its textures, the sidebar open."""
    space = view().spaces.active
    space.show_region_ui = True
    space.shading.type = "SOLID"
    space.shading.color_type = "TEXTURE"
    space.overlay.show_floor = False
    space.region_3d.view_perspective = "CAMERA"
    space.region_3d.view_camera_zoom = 14.0
    space.region_3d.view_camera_offset = (0.09, 0.0)
    bpy.ops.object.select_all(action="DESELECT")
    bpy.context.scene.frame_set(40)


def tab_chosen() -> bool:
    """Switch to our tab; Blender lets us once it has drawn the sidebar."""
    view().tag_redraw()
    try:
        sidebar().active_panel_category = "ParaScale"
    except AttributeError:
        return False
    return True


def until(reached: Callable[[], bool]) -> Iterator[None]:
    """Wait for a condition."""
    end = time.monotonic() + PATIENCE
    while not reached():
        if time.monotonic() > end:
            raise TimeoutError("the window never came that far")
        yield


def pause(seconds: float) -> Iterator[None]:
    """Let the window redraw."""
    end = time.monotonic() + seconds
    yield from until(lambda: time.monotonic() > end)


def steps() -> Iterator[None]:
    """Do everything in its order, between redraws."""
    install()
    yield from pause(1.0)
    start_calibration()
    scene = bpy.context.scene
    yield from until(lambda: scene.parascale.camera is not None)
    show()
    yield from until(lambda: sidebar().width > 1)
    bpy.context.preferences.addons[MODULE].preferences.executable = "/share/screenshot/parascale"
    bpy.ops.parascale.generate("INVOKE_DEFAULT")
    yield from until(lambda: scene.sequence_editor is not None and len(scene.sequence_editor.strips) > 0)
    yield from until(tab_chosen)
    yield from pause(4.0)
    subprocess.run(["import", "-window", "root", str(SHARE / "screen.png")], check=True)


def advance() -> float | None:
    """Take the next step from a timer; quit at the end, with status 3 where something is wrong."""
    try:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=view()):
            next(running)
    except StopIteration:
        bpy.ops.wm.quit_blender()
        return None
    except Exception:  # a timer's exception would only be printed
        traceback.print_exc()
        os._exit(3)
    return 0.2


bpy.context.preferences.view.show_splash = False
running = steps()
bpy.app.timers.register(advance, first_interval=1.0)
