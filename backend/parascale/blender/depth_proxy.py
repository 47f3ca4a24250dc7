"""A photo as a scene: the surface its depth map shows, as an ordinary textured mesh before a camera."""

from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import ArrayLike, NDArray

from parascale.blender.camera import apply_lens
from parascale.errors import InputError
from parascale.projection.continued import continued_surface
from parascale.projection.mesh import CUT_RATIO, Mesh, build_mesh, inverse_depth

Array = NDArray[np.float64]

# More vertices make Blender slow and show no more: pixels are left out where a map has more.
MAX_PIXELS = 1_100_000
ASPECT_TOLERANCE = 0.02

# A camera that stands upright and looks along +y, the way Blender's front views do.
_UPRIGHT = np.array([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


@dataclass(frozen=True)
class DepthProxy:
    """What stands for a photo in a scene.

    Attributes
    ----------
    surface : bpy.types.Object
        The mesh, in the depth map's unit; whatever measures a scene measures it.
    behind : bpy.types.Object
        Its child: what the photo does not show, continued behind what is near and beyond the border.
    camera : bpy.types.Object
        The photo's camera, at the world's origin unless placed elsewhere.
    """

    surface: bpy.types.Object
    behind: bpy.types.Object
    camera: bpy.types.Object


def create_depth_proxy(
    scene: bpy.types.Scene,
    image: bpy.types.Image,
    depth_map: NDArray[Any],
    intrinsics: ArrayLike,
    *,
    name: str = "Photo",
    matrix_world: ArrayLike = _UPRIGHT,
) -> DepthProxy:
    """Put a photo into a scene, as the surface its depth map shows, and make its camera the scene's.

    The surface is cut where the depth jumps; sky and what was not measured get none. A second one stands behind it, see
    `parascale.projection.continued`, so that a camera that moves measures what the backend measures. The render size
    becomes the photo's, without which its camera would not frame it.

    Parameters
    ----------
    scene : bpy.types.Scene
    image : bpy.types.Image
        The photo.
    depth_map : (h, w) floating
        z-depth, of any resolution; as `parascale.projection.mesh.inverse_depth` takes it.
    intrinsics : (4,) array
        fx, fy, cx, cy in pixels of ``image``.
    name : str
        Of the objects.
    matrix_world : (4, 4) array
        Where the camera stands, Blender's axes.

    Raises
    ------
    InputError
        Where photo and map have another shape, or the map holds no positive depth.
    """
    width, height = _image_size(image)
    rows, columns = depth_map.shape if depth_map.ndim == 2 else (0, 0)
    if min(width, height, rows, columns) < 2 or abs(np.log(width / height * rows / columns)) > ASPECT_TOLERANCE:
        raise InputError(
            f"the photo is {width}x{height} but its depth map {columns}x{rows}: give a map of the photo's shape"
        )
    lens = np.asarray(intrinsics, np.float64)
    world = Matrix(np.asarray(matrix_world, np.float64).tolist())
    inverse = inverse_depth(depth_map)
    material = _unlit(name, image)
    mesh = _surface_mesh(name, inverse, lens, (width, height))
    beyond = _behind_mesh(f"{name} Behind", inverse, lens, (width, height))
    mesh.materials.append(material)
    beyond.materials.append(material)
    surface = bpy.data.objects.new(name, mesh)
    behind = bpy.data.objects.new(f"{name} Behind", beyond)
    behind.parent = surface
    camera_data = bpy.data.cameras.new(f"{name} Camera")
    camera = bpy.data.objects.new(f"{name} Camera", camera_data)
    surface.matrix_world = camera.matrix_world = world
    for item in (surface, behind, camera):
        scene.collection.objects.link(item)
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
    apply_lens(camera_data, scene, lens, width, height)
    _show_all(camera_data, mesh)
    scene.camera = camera
    return DepthProxy(surface, behind, camera)


def _image_size(image: bpy.types.Image) -> tuple[int, int]:
    size: Any = image.size
    return int(size[0]), int(size[1])


def _surface_mesh(name: str, inverse: Array, lens: Array, size: tuple[int, int]) -> bpy.types.Mesh:
    step = max(1, int(np.ceil(np.sqrt(inverse.size / MAX_PIXELS))))
    thinned = inverse[step // 2 :: step, step // 2 :: step]
    # Thinned rows and columns do not quite cover the photo: they stand for so much of it.
    covered = [length * step / full for length, full in zip(thinned.shape[::-1], inverse.shape[::-1], strict=True)]
    found = build_mesh(thinned, (size[0] * covered[0], size[1] * covered[1]), CUT_RATIO**step)
    mesh, kept = _mesh(name, found, lens)
    _lay_photo(mesh, _in_photo(found.vertices[:, :2], size)[_corners(found.quads[kept])])
    return mesh


def _behind_mesh(name: str, inverse: Array, lens: Array, size: tuple[int, int]) -> bpy.types.Mesh:
    """Every quad takes the one colour of the pixel that is continued there."""
    found = continued_surface(inverse, size)
    mesh, kept = _mesh(name, found.mesh, lens)
    _lay_photo(mesh, np.repeat(_in_photo(found.origins[kept], size), 4, axis=0))
    return mesh


def _mesh(name: str, found: Mesh, lens: Array) -> tuple[bpy.types.Mesh, NDArray[np.bool_]]:
    """Quads in the camera's axes (x right, y up, looking along -z), without those at infinity; and which were kept."""
    vertices, quads = found.vertices, found.quads
    kept = np.ones(len(quads), bool)
    at_hand = vertices[:, 2] > 0
    if not at_hand.all():
        kept = at_hand[quads].all(axis=1)
        quads = quads[kept]
        used = np.zeros(len(vertices), bool)
        used[quads] = True
        vertices, quads = vertices[used], (np.cumsum(used) - 1)[quads]
    depth = 1 / vertices[:, 2]
    places = np.empty((len(vertices), 3), np.float32)
    places[:, 0] = (vertices[:, 0] - lens[2]) / lens[0] * depth
    places[:, 1] = (lens[3] - vertices[:, 1]) / lens[1] * depth
    places[:, 2] = -depth
    mesh = bpy.data.meshes.new(name)
    mesh.vertices.add(len(vertices))
    mesh.loops.add(4 * len(quads))
    mesh.polygons.add(len(quads))
    # Attributes are copied whole; `vertices` and `loops` go through every item's accessor, which takes 0.6 s.
    layers: Any = mesh.attributes
    layers["position"].data.foreach_set("vector", places.reshape(-1))
    layers[".corner_vert"].data.foreach_set("value", _corners(quads))
    mesh.polygons.foreach_set("loop_start", np.arange(0, 4 * len(quads), 4, dtype=np.int32))
    mesh.update(calc_edges=True)
    return mesh, kept


def _corners(quads: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """Vertex indices of all corners (4 M,), counter-clockwise as the camera sees them."""
    return np.ascontiguousarray(quads[:, ::-1], np.int32).reshape(-1)


def _in_photo(places: Array, size: tuple[int, int]) -> NDArray[np.float32]:
    """UV of places in pixels (N, 2)."""
    uv: NDArray[np.float32] = np.stack([places[:, 0] / size[0], 1 - places[:, 1] / size[1]], axis=1).astype(np.float32)
    return uv


def _lay_photo(mesh: bpy.types.Mesh, places: NDArray[np.float32]) -> None:
    """Lay the photo over a mesh by the UV of all its corners."""
    texture: Any = mesh.uv_layers.new(name="Photo")
    texture.uv.foreach_set("vector", places.reshape(-1))


def _unlit(name: str, image: bpy.types.Image) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    tree: Any = material.node_tree
    tree.nodes.clear()
    picture, light = tree.nodes.new("ShaderNodeTexImage"), tree.nodes.new("ShaderNodeEmission")
    out = tree.nodes.new("ShaderNodeOutputMaterial")
    picture.image, picture.extension = image, "EXTEND"
    picture.location, light.location, out.location = (-500, 0), (-200, 0), (0, 0)
    tree.links.new(picture.outputs["Color"], light.inputs["Color"])
    tree.links.new(light.outputs["Emission"], out.inputs["Surface"])
    return material


def _show_all(camera: bpy.types.Camera, mesh: bpy.types.Mesh) -> None:
    """Move the clipping planes so that the whole surface shows, and room to move stays."""
    depths = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", depths)
    near, far = -float(depths[2::3].max()), -float(depths[2::3].min())
    camera.clip_start = min(camera.clip_start, near / 100)
    camera.clip_end = max(camera.clip_end, 10 * far)
