"""A photo as a scene: the surface its depth map shows, as an ordinary textured mesh before a camera."""

from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix
from numpy.typing import ArrayLike, NDArray

from parascale.blender.camera import apply_lens
from parascale.blender.depth import FILLS, HIDES
from parascale.blender.untyped import image_size, shader_tree, untyped
from parascale.errors import InputError
from parascale.media.orientation import UPRIGHT, to_stored_coordinates, upright_size
from parascale.projection.continued import continued_surface, without_gaps
from parascale.projection.mesh import CUT_RATIO, Mesh, build_mesh, inverse_depth
from parascale.types import Array, DepthMap

# More vertices make Blender slow and show no more: pixels are left out where a map has more.
MAX_PIXELS = 1_100_000
ASPECT_TOLERANCE = 0.02

# A camera that stands upright and looks along +y, the way Blender's front views do.
_FRONT = Matrix([[1.0, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]])


@dataclass(frozen=True)
class DepthProxy:
    """What stands for a photo in a scene.

    Attributes
    ----------
    surface : bpy.types.Object
        The mesh, in the depth map's unit; whatever measures a scene measures it.
    behind : bpy.types.Object
        Its child: what the photo does not show, continued behind what is near and beyond the border. Measured only
        where the surface is not seen.
    unmeasured : bpy.types.Object or None
        Its child: what the map did not measure, at the depth of what is next to it. It hides what is behind it, and is
        not measured. None where all was.
    camera : bpy.types.Object
        The photo's camera, at the world's origin unless placed elsewhere.
    """

    surface: bpy.types.Object
    behind: bpy.types.Object
    unmeasured: bpy.types.Object | None
    camera: bpy.types.Object


@dataclass(frozen=True)
class _Photo:
    """How a photo stands: the size of the upright one, and how it is stored."""

    size: tuple[int, int]
    orientation: int

    def uv_of(self, places: Array) -> NDArray[np.float32]:
        """UV of places in pixels (N, 2) of the upright photo."""
        stored = to_stored_coordinates(places / np.asarray(self.size, np.float64), self.orientation)
        uv: NDArray[np.float32] = np.stack([stored[:, 0], 1 - stored[:, 1]], axis=1).astype(np.float32)
        return uv


def create_depth_proxy(
    scene: bpy.types.Scene,
    image: bpy.types.Image,
    depth_map: DepthMap,
    intrinsics: ArrayLike,
    *,
    name: str = "Photo",
    orientation: int = UPRIGHT,
) -> DepthProxy:
    """Put a photo into a scene, as the surface its depth map shows, and make its camera the scene's.

    The surface is cut where the depth jumps; sky gets none. A second one stands behind it, see
    `parascale.projection.continued`, and what the map did not measure is a third, so that a camera that moves measures
    what the backend measures. The render size becomes the photo's, without which its camera would not frame it.

    Parameters
    ----------
    scene : bpy.types.Scene
    image : bpy.types.Image
        The photo, as its file stores it: Blender turns none.
    depth_map : (h, w) floating
        z-depth of the upright photo, of any resolution; as `parascale.projection.mesh.inverse_depth` takes it.
    intrinsics : (4,) array
        fx, fy, cx, cy in pixels of the upright photo.
    name : str
        Of the objects.
    orientation : int
        As `parascale.media.orientation.orientation_of` tells it; the surface lays the photo upright.

    Raises
    ------
    InputError
        Where photo and map have another shape, or the map holds no positive depth.
    """
    width, height = upright_size(image_size(image), orientation)
    rows, columns = depth_map.shape if depth_map.ndim == 2 else (0, 0)
    if min(width, height, rows, columns) < 2 or abs(np.log(width / height * rows / columns)) > ASPECT_TOLERANCE:
        raise InputError(
            f"the photo is {width}x{height} but its depth map {columns}x{rows}: give a map of the photo's shape"
        )
    lens = np.asarray(intrinsics, np.float64)
    inverse = inverse_depth(depth_map)
    photo = _Photo((width, height), orientation)
    mesh, gaps = _surface_meshes(name, inverse, lens, photo)
    beyond = _behind_mesh(f"{name} Behind", inverse, lens, photo)
    material = _unlit(name, image)
    for made in filter(None, (mesh, beyond, gaps)):
        made.materials.append(material)
    surface = bpy.data.objects.new(name, mesh)
    behind = _child(surface, beyond, FILLS)
    unmeasured = None if gaps is None else _child(surface, gaps, HIDES)
    for item in filter(None, (surface, behind, unmeasured)):
        scene.collection.objects.link(item)
    camera_data = bpy.data.cameras.new(f"{name} Camera")
    camera = bpy.data.objects.new(f"{name} Camera", camera_data)
    surface.matrix_world = camera.matrix_world = _FRONT
    scene.collection.objects.link(camera)
    scene.render.resolution_x, scene.render.resolution_y = width, height
    scene.render.resolution_percentage = 100
    scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
    apply_lens(camera_data, scene, lens, width, height)
    _show_all(camera_data, mesh)
    scene.camera = camera
    return DepthProxy(surface, behind, unmeasured, camera)


def _child(surface: bpy.types.Object, mesh: bpy.types.Mesh, role: str) -> bpy.types.Object:
    child = bpy.data.objects.new(mesh.name, mesh)
    child.parent = surface
    child[role] = True
    return child


def _surface_meshes(
    name: str, inverse: Array, lens: Array, photo: _Photo
) -> tuple[bpy.types.Mesh, bpy.types.Mesh | None]:
    """Make what the map measured, and what it did not."""
    step = max(1, int(np.ceil(np.sqrt(inverse.size / MAX_PIXELS))))
    thinned = inverse[step // 2 :: step, step // 2 :: step]
    # Thinned rows and columns do not quite cover the photo: they stand for so much of it.
    covered = [length * step / full for length, full in zip(thinned.shape[::-1], inverse.shape[::-1], strict=True)]
    size = photo.size[0] * covered[0], photo.size[1] * covered[1]
    unmeasured = np.isnan(thinned).reshape(-1)
    if not unmeasured.any():
        return _textured_mesh(name, build_mesh(thinned, size, CUT_RATIO**step), lens, photo), None
    whole = build_mesh(without_gaps(thinned), size, CUT_RATIO**step)
    measured, gaps = (Mesh(whole.vertices, whole.quads[kept]) for kept in (~unmeasured, unmeasured))
    # Beside the sky it is sky.
    shown = bool((gaps.vertices[:, 2] > 0)[gaps.quads].all(axis=1).any())
    hidden = _textured_mesh(f"{name} Unmeasured", gaps, lens, photo) if shown else None
    return _textured_mesh(name, measured, lens, photo), hidden


def _textured_mesh(name: str, found: Mesh, lens: Array, photo: _Photo) -> bpy.types.Mesh:
    """Make a mesh on which every corner shows its own place in the photo."""
    mesh, kept = _mesh(name, found, lens)
    _lay_photo(mesh, photo.uv_of(found.vertices[:, :2])[_corners(found.quads[kept])])
    return mesh


def _behind_mesh(name: str, inverse: Array, lens: Array, photo: _Photo) -> bpy.types.Mesh:
    """Every quad takes the one colour of the pixel that is continued there."""
    found = continued_surface(inverse, photo.size)
    mesh, kept = _mesh(name, found.mesh, lens)
    _lay_photo(mesh, np.repeat(photo.uv_of(found.origins[kept]), 4, axis=0))
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
    if not used.all():
        vertices, quads = vertices[used], (np.cumsum(used) - 1)[quads]
    depth = 1 / vertices[:, 2]
    places = np.empty((len(vertices), 3), np.float32)
    places[:, 0] = (vertices[:, 0] - lens[2]) / lens[0] * depth
    places[:, 1] = (lens[3] - vertices[:, 1]) / lens[1] * depth
    places[:, 2] = -depth
    mesh = bpy.data.meshes.new(name)
    if not len(quads):
        return mesh, kept  # it has no attributes to be filled
    mesh.vertices.add(len(vertices))
    mesh.loops.add(4 * len(quads))
    mesh.polygons.add(len(quads))
    # Attributes are copied whole; `vertices` and `loops` go through every item's accessor, which takes 0.6 s.
    layers = untyped(mesh.attributes)
    layers["position"].data.foreach_set("vector", places.reshape(-1))
    layers[".corner_vert"].data.foreach_set("value", _corners(quads))
    mesh.polygons.foreach_set("loop_start", np.arange(0, 4 * len(quads), 4, dtype=np.int32))
    mesh.update(calc_edges=True)
    return mesh, kept


def _corners(quads: NDArray[np.int64] | NDArray[np.uint32]) -> NDArray[np.int32]:
    """Vertex indices of all corners (4 M,), counter-clockwise as the camera sees them."""
    return np.ascontiguousarray(quads[:, ::-1], np.int32).reshape(-1)


def _lay_photo(mesh: bpy.types.Mesh, places: NDArray[np.float32]) -> None:
    """Lay the photo over a mesh by the UV of all its corners."""
    texture = untyped(mesh.uv_layers.new(name="Photo"))
    texture.uv.foreach_set("vector", places.reshape(-1))


def _unlit(name: str, image: bpy.types.Image) -> bpy.types.Material:
    material = bpy.data.materials.new(name)
    tree = shader_tree(material)
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
