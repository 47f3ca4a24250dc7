"""The scenes by name, two of each scale, from the largest to the smallest."""

from collections.abc import Callable, Mapping

import bpy

from parascale.blender.scenes.bench import build_bench
from parascale.blender.scenes.cosmos import build_cosmos
from parascale.blender.scenes.court import build_court
from parascale.blender.scenes.desk import build_desk
from parascale.blender.scenes.kitchen import build_kitchen
from parascale.blender.scenes.room import build_room
from parascale.blender.scenes.street import build_street
from parascale.blender.scenes.valley import build_valley

Build = Callable[[bpy.types.Scene], bpy.types.Scene]

BUILDERS: dict[str, Build] = {
    "cosmos": build_cosmos,
    "valley": build_valley,
    "street": build_street,
    "court": build_court,
    "room": build_room,
    "kitchen": build_kitchen,
    "desk": build_desk,
    "bench": build_bench,
}


def open_scene(name: str, size: tuple[int, int], builders: Mapping[str, Build] = BUILDERS) -> bpy.types.Scene:
    """Build a scene in place of what is open; its pictures have ``size``, width and height in pixels."""
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    assert scene is not None
    scene.render.resolution_x, scene.render.resolution_y = size
    return builders[name](scene)
