"""Which surfaces of a scene count: those its camera would render, and what they are at a moment, as a fingerprint."""

import hashlib
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from parascale.blender.keyframes import fcurves
from parascale.blender.untyped import has_property, untyped
from parascale.types import Array

# Custom property of objects that ParaScale puts into a scene to show something; they are never measured.
HELPER = "parascale_helper"
# And of a collection whose objects the user wants left out.
UNMEASURED = "parascale_unmeasured"

# Alpha and transmission beyond which a surface shows what is behind it rather than itself.
SEE_THROUGH_ABOVE = 0.5

_SHADERS_SEEN_THROUGH = {"BSDF_TRANSPARENT", "BSDF_GLASS", "BSDF_REFRACTION"}
_WIRED = ("WIRE", "BOUNDS")


class Triangles(NamedTuple):
    """Triangles of a mesh, in its own axes: vertices (N, 3), corners (M, 3)."""

    vertices: Array
    corners: NDArray[np.int32]


def measured_instances(
    depsgraph: bpy.types.Depsgraph, ignore: Collection[str] = ()
) -> Iterator[bpy.types.DepsgraphObjectInstance]:
    """Yield the mesh instances of an evaluated scene that its camera would render, among what the viewport shows.

    Left out are objects and collections that do not render or that no camera sees (Ray Visibility), our own helpers,
    what is in a collection marked `UNMEASURED`, what is shown as wire or bounds and has no material (the cutters of
    modifiers), and the objects whose full names are ignored, with all they instance.
    """
    rendered, ignored = (
        _rendered_names(untyped(depsgraph).view_layer),
        {*ignore, *_unmeasured_names(untyped(depsgraph).scene)},
    )
    for instance in depsgraph.object_instances:
        owners = owners_of(instance)
        if owners[0].type != "MESH" or any(has_property(owner, HELPER) for owner in owners):
            continue
        if not all(owner.visible_camera for owner in owners) or names_of(instance) & ignored:
            continue
        if _renders(instance, rendered):
            yield instance


def owners_of(instance: bpy.types.DepsgraphObjectInstance) -> list[bpy.types.Object]:
    """Return the object that is shown, and the one that instances it where there is one."""
    return [item for item in (instance.object, instance.parent) if item is not None]


def names_of(instance: bpy.types.DepsgraphObjectInstance) -> set[str]:
    """Full names of an instance's owners."""
    return {name_of(item) for item in owners_of(instance)}


def name_of(evaluated: bpy.types.ID) -> str:
    """Full name of the datablock that was evaluated."""
    return str(untyped(evaluated).original.name_full)


class MeshReader:
    """Reads the opaque triangles of evaluated objects, each mesh once."""

    def __init__(self) -> None:
        self._read: dict[tuple[int, tuple[bool, ...]], Triangles] = {}

    def triangles(self, item: bpy.types.Object) -> Triangles:
        """Triangles that show a surface; those whose material is seen through are left out."""
        seen_through = self.seen_through(item)
        key = (untyped(item.data).as_pointer(), seen_through)
        if key not in self._read:
            self._read[key] = _opaque_triangles(untyped(item.data), seen_through)
        return self._read[key]

    @staticmethod
    def seen_through(item: bpy.types.Object) -> tuple[bool, ...]:
        """Whether each material of an object is seen through."""
        return tuple(is_seen_through(material) for material in _materials(item))


def is_seen_through(material: bpy.types.Material | None) -> bool:
    """Whether a surface of a material shows what is behind it: glass, transparent ones, volumes without a surface."""
    tree = None if material is None else untyped(material).node_tree
    if tree is None or (bpy.app.version < (5, 0, 0) and not untyped(material).use_nodes):
        return False
    output = tree.get_output_node("ALL")
    if output is None:
        return False
    surface = output.inputs["Surface"]
    if not surface.is_linked:
        return bool(output.inputs["Volume"].is_linked)
    return _shader_is_seen_through(surface)


def hidden_from_viewport(layer: bpy.types.ViewLayer) -> list[str]:
    """Names of the objects with a surface that render although the view layer, which is measured, hides them."""
    unseen = [item for item in layer.objects if not item.visible_get(view_layer=layer)]
    # Of thousands of objects few are hidden: the others are asked for nothing else.
    rendered = _rendered_names(layer) if unseen else set()
    return [
        item.name
        for item in unseen
        if item.type in ("MESH", "CURVE", "SURFACE", "FONT", "META")
        and item.name_full in rendered
        and not (item.hide_render or has_property(item, HELPER))
        and item.visible_camera
    ]


def fingerprint_surfaces(depsgraph: bpy.types.Depsgraph, moving: Collection[str] = ()) -> tuple[str, int]:
    """Fingerprint of the surfaces that count, and how many triangles they have.

    It is the same after the file is saved and opened again, or a change is undone. Of the objects whose full names are
    moving, which differ from frame to frame, the keys count instead.
    """
    reader, shapes = MeshReader(), dict[tuple[int, tuple[bool, ...]], bytes]()
    parts, count = [], 0
    for instance in measured_instances(depsgraph):
        item = untyped(instance.object)
        if names_of(instance) & set(moving):
            parts.append(_digest(_keys(item.original)))
            continue
        key = (item.data.as_pointer(), reader.seen_through(item))
        if key not in shapes:
            found = reader.triangles(item)
            shapes[key] = _digest(found.vertices.astype(np.float32).tobytes(), found.corners.tobytes())
        count += len(reader.triangles(item).corners)
        parts.append(_digest(shapes[key], _rounded(np.array(instance.matrix_world, np.float32))))
    return _digest(*sorted(parts)).hex(), count


def _rendered_names(layer: bpy.types.ViewLayer) -> set[str]:
    """Full names of the objects in the collections of a view layer that render."""
    found: set[str] = set()
    # A scene that was never open has no state of its view layer: all of its collections show.
    root = untyped(layer).layer_collection
    waiting: list[Any] = [untyped(layer.id_data).collection if root is None else root]
    while waiting:
        each = waiting.pop()
        collection = each if root is None else each.collection
        if collection.hide_render or (root is not None and (each.exclude or each.indirect_only)):
            continue
        found.update(item.name_full for item in collection.objects)
        waiting.extend(each.children)
    return found


def _unmeasured_names(scene: bpy.types.Scene) -> set[str]:
    marked = [each for each in scene.collection.children_recursive if each.get(UNMEASURED)]
    return {item.name_full for each in marked for item in each.all_objects}


def _renders(instance: bpy.types.DepsgraphObjectInstance, rendered: Collection[str]) -> bool:
    item, parent = untyped(instance.object), instance.parent
    base = item if parent is None else parent
    if name_of(base) not in rendered or base.hide_render:
        return False
    if parent is None:
        if item.is_instancer and not item.show_instancer_for_render:
            return False
    elif parent.instance_type == "COLLECTION" and item.hide_render:
        return False
    return item.display_type not in _WIRED or any(_materials(item))


def _materials(item: bpy.types.Object) -> list[bpy.types.Material | None]:
    own = [slot.material if slot.link == "OBJECT" else None for slot in item.material_slots]
    of_mesh = list(untyped(item.data).materials)
    own += [None] * (len(of_mesh) - len(own))
    return [mine or (of_mesh[index] if index < len(of_mesh) else None) for index, mine in enumerate(own)]


def _shader_is_seen_through(socket: Any, depth: int = 0) -> bool:
    """Whether the shader that a socket is linked to is seen through; groups and mixes are followed."""
    if not socket.is_linked or depth > 16:
        return False
    link = socket.links[0]
    node = link.from_node
    if node.type == "GROUP" and node.node_tree is not None:
        inside = next((each for each in node.node_tree.nodes if each.type == "GROUP_OUTPUT"), None)
        inner = inside.inputs.get(link.from_socket.name) if inside is not None else None
        return inner is not None and _shader_is_seen_through(inner, depth + 1)
    if node.type == "MIX_SHADER":
        first, second = (_shader_is_seen_through(each, depth + 1) for each in node.inputs[1:3])
        share = node.inputs[0]
        if share.is_linked or first == second:
            return first and second
        return first if share.default_value < 0.5 else second
    if node.type in ("ADD_SHADER", "REROUTE"):
        return all(_shader_is_seen_through(each, depth + 1) for each in node.inputs)
    return node.type in _SHADERS_SEEN_THROUGH or (node.type == "BSDF_PRINCIPLED" and _principled_is_clear(node))


def _principled_is_clear(node: Any) -> bool:
    transmission, alpha = node.inputs["Transmission Weight"], node.inputs["Alpha"]
    if not transmission.is_linked and transmission.default_value > SEE_THROUGH_ABOVE:
        return True
    return not alpha.is_linked and alpha.default_value < 1 - SEE_THROUGH_ABOVE


def _opaque_triangles(mesh: bpy.types.Mesh, seen_through: tuple[bool, ...]) -> Triangles:
    vertices = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", vertices)
    corners = np.empty(len(mesh.loop_triangles) * 3, np.int32)
    mesh.loop_triangles.foreach_get("vertices", corners)
    triangles = corners.reshape(-1, 3)
    if any(seen_through):
        material = np.empty(len(triangles), np.int32)
        mesh.loop_triangles.foreach_get("material_index", material)
        # An index beyond the last material shows the last one.
        triangles = triangles[~np.array(seen_through)[np.clip(material, 0, len(seen_through) - 1)]]
    return Triangles(vertices.reshape(-1, 3).astype(np.float64), triangles)


def _keys(item: bpy.types.ID) -> bytes:
    points = [(point.co, point.handle_left, point.handle_right) for c in fcurves(item) for point in c.keyframe_points]
    return np.array(points, np.float32).tobytes()


def _rounded(values: NDArray[np.float32]) -> bytes:
    """Bytes of numbers without their last bits, which differ from one evaluation to another."""
    return bytes(((np.ascontiguousarray(values + np.float32(0)).view(np.int32) + 8) & ~15).tobytes())


def _digest(*parts: bytes) -> bytes:
    found = hashlib.blake2b(digest_size=8)
    for part in parts:
        found.update(part)
    return found.digest()
