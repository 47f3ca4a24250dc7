"""What is measured is what the camera would render, and a fingerprint tells whether it is the same."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from parascale.blender.depth import SceneDepth
from parascale.blender.scene_state import depsgraph_of, view_layer_of
from parascale.blender.surfaces import UNMEASURED, fingerprint_surfaces, hidden_from_viewport
from parascale.blender.untyped import shader_tree


def nearest() -> float:
    """Distance along +y from the origin to the first surface that counts: 5 for the pane, 9 for the wall behind."""
    bpy.context.view_layer.update()
    return SceneDepth(bpy.context.scene).nearest_hit((0, 0, 0), (0, 1, 0), 100)


def shaded(item: Any, shader: str, socket: str = "Surface", **values: Any) -> Any:
    """Give an object a material of one shader."""
    material = bpy.data.materials.new(shader)
    tree = shader_tree(material)
    tree.nodes.clear()
    node, output = tree.nodes.new(shader), tree.nodes.new("ShaderNodeOutputMaterial")
    for name, value in values.items():
        node.inputs[name.replace("_", " ")].default_value = value
    tree.links.new(node.outputs[0], output.inputs[socket])
    item.data.materials.append(material)
    return material


def in_a_collection(item: Any, **settings: Any) -> Any:
    group = bpy.data.collections.new("Group")
    bpy.context.scene.collection.children.link(group)
    bpy.context.scene.collection.objects.unlink(item)
    group.objects.link(item)
    for name, value in settings.items():
        setattr(group, name, value)
    return group


def excluded(item: Any) -> None:
    in_a_collection(item)[UNMEASURED] = True


def indirect_only(item: Any) -> None:
    group = in_a_collection(item)
    bpy.context.view_layer.layer_collection.children[group.name].indirect_only = True


def mixed(item: Any, factor: float) -> None:
    material = shaded(item, "ShaderNodeMixShader", Factor=factor) if bpy.app.version >= (5, 0, 0) else None
    material = material or shaded(item, "ShaderNodeMixShader", Fac=factor)
    tree = material.node_tree
    mix = next(node for node in tree.nodes if node.type == "MIX_SHADER")
    for kind, socket in (("ShaderNodeBsdfTransparent", 1), ("ShaderNodeBsdfDiffuse", 2)):
        tree.links.new(tree.nodes.new(kind).outputs[0], mix.inputs[socket])


NOT_RENDERED: dict[str, Callable[[Any], Any]] = {
    "hide_render": lambda item: setattr(item, "hide_render", True),
    "collection that does not render": lambda item: in_a_collection(item, hide_render=True),
    "collection seen indirectly only": indirect_only,
    "no camera ray": lambda item: setattr(item, "visible_camera", False),
    "wire of no material": lambda item: setattr(item, "display_type", "WIRE"),
    "bounds of no material": lambda item: setattr(item, "display_type", "BOUNDS"),
    "transparent": lambda item: shaded(item, "ShaderNodeBsdfTransparent"),
    "glass": lambda item: shaded(item, "ShaderNodeBsdfGlass"),
    "clear principled": lambda item: shaded(item, "ShaderNodeBsdfPrincipled", Transmission_Weight=1.0),
    "alpha 0": lambda item: shaded(item, "ShaderNodeBsdfPrincipled", Alpha=0.0),
    "mostly transparent mix": lambda item: mixed(item, 0.1),
    "fog": lambda item: shaded(item, "ShaderNodeVolumeScatter", "Volume"),
    "chosen by the user": excluded,
}
RENDERED: dict[str, Callable[[Any], Any]] = {
    "plain": lambda item: None,
    "principled": lambda item: shaded(item, "ShaderNodeBsdfPrincipled"),
    "emission": lambda item: shaded(item, "ShaderNodeEmission"),
    "bounds for speed": lambda item: (setattr(item, "display_type", "BOUNDS"), shaded(item, "ShaderNodeBsdfDiffuse")),
    "mostly solid mix": lambda item: mixed(item, 0.9),
}


@pytest.mark.parametrize("case", NOT_RENDERED)
def test_what_does_not_render_is_not_measured(scene: Any, add_wall: Callable[..., Any], case: str) -> None:
    add_wall(distance=9)
    pane = add_wall("Pane", 5, half=1)
    assert nearest() == pytest.approx(5)
    NOT_RENDERED[case](pane)
    assert nearest() == pytest.approx(9)


@pytest.mark.parametrize("case", RENDERED)
def test_what_renders_is_measured(scene: Any, add_wall: Callable[..., Any], case: str) -> None:
    add_wall(distance=9)
    RENDERED[case](add_wall("Pane", 5, half=1))
    assert nearest() == pytest.approx(5)


def test_each_face_counts_by_its_own_material(scene: Any, add_mesh: Callable[..., Any], add_wall: Callable[..., Any]):
    add_wall(distance=9)
    corners = [(x, 5, z) for z in (-1, 1) for x in (-1, 0, 1)]
    window = add_mesh("Window", corners, [(0, 1, 4, 3), (1, 2, 5, 4)])
    shaded(window, "ShaderNodeBsdfDiffuse")
    shaded(window, "ShaderNodeBsdfGlass")
    window.data.polygons[1].material_index = 1
    bpy.context.view_layer.update()
    depth = SceneDepth(scene)
    assert depth.nearest_hit((-0.5, 0, 0), (0, 1, 0), 100) == pytest.approx(5)
    assert depth.nearest_hit((0.5, 0, 0), (0, 1, 0), 100) == pytest.approx(9)


def test_instances_of_a_collection_that_is_not_in_the_view_layer_are_measured(
    scene: Any, add_wall: Callable[..., Any]
) -> None:
    wall = add_wall(distance=5)
    group = bpy.data.collections.new("Library")
    scene.collection.objects.unlink(wall)
    group.objects.link(wall)
    shown = bpy.data.objects.new("Instance", None)
    shown.instance_type, shown.instance_collection = "COLLECTION", group
    scene.collection.objects.link(shown)
    assert nearest() == pytest.approx(5)
    shown.hide_render = True
    assert nearest() is None


def test_what_renders_though_the_viewport_hides_it_is_told(scene: Any, add_wall: Callable[..., Any]) -> None:
    hidden, away = add_wall("Hidden"), add_wall("Away")
    hidden.hide_set(True)
    away.hide_set(True)
    away.hide_render = True
    assert hidden_from_viewport(view_layer_of(scene)) == ["Hidden"]


CHANGES: dict[str, Callable[[Any], Any]] = {
    "moved": lambda item: setattr(item.location, "y", 6.0),
    "reshaped": lambda item: setattr(item.data.vertices[0].co, "x", -49.0),
    "hidden": lambda item: item.hide_set(True),
    "not rendered": lambda item: setattr(item, "hide_render", True),
    "glass": lambda item: shaded(item, "ShaderNodeBsdfGlass"),
    "subdivided": lambda item: setattr(item.modifiers.new("Subdivide", "SUBSURF"), "levels", 1),
}


@pytest.mark.parametrize("change", CHANGES)
def test_fingerprint_is_another_where_a_surface_is(scene: Any, add_wall: Callable[..., Any], change: str) -> None:
    wall = add_wall()
    bpy.context.view_layer.update()
    before = fingerprint_surfaces(depsgraph_of(scene))
    assert before[1] == 2
    CHANGES[change](wall)
    wall.data.update()
    bpy.context.view_layer.update()
    assert fingerprint_surfaces(depsgraph_of(scene))[0] != before[0]


def test_fingerprint_is_the_same_in_a_file_opened_again(
    scene: Any, add_wall: Callable[..., Any], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    for number in range(20):
        wall = add_wall(f"Wall {number}", distance=float(rng.uniform(2, 9)))
        wall.rotation_euler, wall.scale = rng.uniform(-3, 3, 3), rng.uniform(0.1, 3, 3)
        wall.parent = scene.objects.get(f"Wall {number - 1}")
    bpy.context.view_layer.update()
    before = fingerprint_surfaces(depsgraph_of(scene))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "walls.blend"))
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "walls.blend"))
    assert fingerprint_surfaces(depsgraph_of(bpy.context.scene)) == before
