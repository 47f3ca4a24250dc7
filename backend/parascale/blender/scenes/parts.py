"""What the scenes are built of: shapes with coordinates in metres, textured materials, placing."""

from dataclasses import dataclass, field

import bpy
import numpy as np
from mathutils import Matrix, Vector
from numpy.typing import ArrayLike

from parascale.blender.untyped import shader_tree, untyped
from parascale.types import Array

Point = tuple[float, float, float]


@dataclass(eq=False)
class Shape:
    """Vertices (N, 3) and polygons; with ``smooth`` shaded as a curved surface, ``uv`` (loops, 2) or mapped by box."""

    vertices: Array
    faces: list[list[int]]
    smooth: bool = False
    uv: Array | None = None

    def moved(self, location: ArrayLike = (0, 0, 0), turn: float = 0.0, tilt: float = 0.0) -> "Shape":
        """Return the shape tilted about x, turned about z (radians), then moved."""
        matrix = np.array(Matrix.Rotation(turn, 3, "Z") @ Matrix.Rotation(tilt, 3, "X"))
        return Shape(self.vertices @ matrix.T + np.asarray(location), self.faces, self.smooth, self.uv)


def join_shapes(shapes: list[Shape]) -> Shape:
    """Make one shape of several; box mapping counts for all."""
    faces: list[list[int]] = []
    start = 0
    for shape in shapes:
        faces += [[index + start for index in face] for face in shape.faces]
        start += len(shape.vertices)
    return Shape(np.concatenate([shape.vertices for shape in shapes]), faces, any(shape.smooth for shape in shapes))


def box(size: ArrayLike, chamfer: float = 0.0) -> Shape:
    """Box that stands on z = 0, centred in x and y, its edges cut by ``chamfer`` metres."""
    half = np.asarray(size, np.float64) / 2
    corners = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], np.float64)
    sides = [[0, 1, 3, 2], [4, 6, 7, 5], [0, 4, 5, 1], [2, 3, 7, 6], [0, 2, 6, 4], [1, 5, 7, 3]]
    lift = np.array([0, 0, half[2]])
    if chamfer <= 0:
        return Shape(corners * half + lift, sides)
    # Three vertices at each corner, one drawn back along each axis but one; faces, edges and corners between them.
    cut = min(chamfer, 0.45 * half.min() * 2)
    vertices = np.concatenate([corners * (half - cut * (1 - np.eye(3)[axis])) for axis in range(3)])
    faces = [[(s // 2) * 8 + corner for corner in side] for s, side in enumerate(sides)]
    for s, side in enumerate(sides):
        for t, other in enumerate(sides[s + 1 :], s + 1):
            edge = [corner for corner in side if corner in other]
            if len(edge) == 2:
                a, b = edge
                faces.append([(s // 2) * 8 + a, (s // 2) * 8 + b, (t // 2) * 8 + b, (t // 2) * 8 + a])
    faces += [[corner, 8 + corner, 16 + corner] for corner in range(8)]
    return Shape(vertices + lift, faces)


def lathe(profile: ArrayLike, segments: int = 32, smooth: bool = True) -> Shape:
    """Revolve a profile (N, 2) of radius and height about z; radius 0 closes an end."""
    outline = np.asarray(profile, np.float64)
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    vertices = np.concatenate([np.column_stack([ring * max(r, 1e-6), np.full(segments, z)]) for r, z in outline])
    faces = [
        [row * segments + i, row * segments + (i + 1) % segments, (row + 1) * segments + (i + 1) % segments,
         (row + 1) * segments + i]
        for row in range(len(outline) - 1)
        for i in range(segments)
    ]  # fmt: skip
    return Shape(vertices, faces, smooth)


def tube(path: ArrayLike, radius: float | Array, segments: int = 12) -> Shape:
    """Round bar along a path (N, 3), its ends closed."""
    points = np.asarray(path, np.float64)
    radii = np.broadcast_to(radius, len(points))
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.cross(along, [0.31, 0.17, 0.93])
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    up = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, segments, endpoint=False)
    ring = np.cos(angle)[None, :, None] * side[:, None] + np.sin(angle)[None, :, None] * up[:, None]
    vertices = (points[:, None] + radii[:, None, None] * ring).reshape(-1, 3)
    body = lathe(np.zeros((len(points), 2)), segments).faces
    caps = [list(range(segments)), list(range(len(vertices) - segments, len(vertices)))]
    return Shape(vertices, body + caps, smooth=True)


def sheet(size: tuple[float, float], cells: tuple[int, int] = (1, 1), heights: Array | None = None) -> Shape:
    """Flat or wavy sheet in x and y, centred, one texture over all of it; heights are (ny + 1, nx + 1)."""
    nx, ny = cells
    u, v = np.meshgrid(np.linspace(0, 1, nx + 1), np.linspace(0, 1, ny + 1))
    z = np.zeros_like(u) if heights is None else heights
    vertices = np.stack([(u - 0.5) * size[0], (v - 0.5) * size[1], z], axis=-1).reshape(-1, 3)
    corner = np.add.outer(np.arange(ny) * (nx + 1), np.arange(nx)).ravel()
    faces = np.stack([corner, corner + 1, corner + nx + 2, corner + nx + 1], axis=1)
    uv = np.stack([u, v], axis=-1).reshape(-1, 2)[faces.ravel()]
    return Shape(vertices, faces.tolist(), heights is not None, uv)


def sphere(radius: float, segments: int = 48, rings: int = 24) -> Shape:
    """Globe of quads, one texture around all of it."""
    u, v = np.meshgrid(np.linspace(0, 1, segments + 1), np.linspace(0, 1, rings + 1))
    grid = sheet((1, 1), (segments, rings))
    longitude, latitude = 2 * np.pi * u.ravel(), np.pi * (v.ravel() - 0.5)
    flat = np.cos(latitude)
    directions = np.stack([flat * np.cos(longitude), flat * np.sin(longitude), np.sin(latitude)], axis=1)
    return Shape(directions * radius, grid.faces, True, grid.uv)


@dataclass
class Builder:
    """Puts shapes into a scene, each under its own name, with materials made once."""

    scene: bpy.types.Scene
    rng: np.random.Generator
    materials: dict[str, bpy.types.Material] = field(default_factory=dict)
    meshes: dict[str, bpy.types.Mesh] = field(default_factory=dict)

    def material(self, name: str, picture: Array) -> str:
        """Make a material of a picture (H, W, 3) in sRGB 0 .. 1, packed into the file; return its name."""
        height, width = picture.shape[:2]
        image = bpy.data.images.new(name, width, height)
        pixels = np.ones((height, width, 4), np.float32)
        pixels[..., :3] = picture
        untyped(image.pixels).foreach_set(pixels.ravel())
        image.pack()
        material = bpy.data.materials.new(name)
        tree = shader_tree(material)
        texture = tree.nodes.new("ShaderNodeTexImage")
        texture.image = image
        shader = next(node for node in tree.nodes if node.type == "BSDF_PRINCIPLED")
        shader.inputs["Roughness"].default_value = 0.8
        tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
        tree.nodes.active = texture
        untyped(material).diffuse_color = [*picture.mean(axis=(0, 1)).tolist(), 1.0]
        self.materials[name] = material
        return name

    def place(
        self,
        name: str,
        shape: Shape,
        material: str,
        location: ArrayLike = (0, 0, 0),
        *,
        turn: float = 0.0,
        tilt: float = 0.0,
        tile: float = 1.0,
    ) -> bpy.types.Object:
        """Add an object; box-mapped shapes repeat their texture every ``tile`` metres."""
        return self.instance(name, self.mesh(name, shape, material, tile), location, turn=turn, tilt=tilt)

    def mesh(self, name: str, shape: Shape, material: str, tile: float = 1.0) -> bpy.types.Mesh:
        """Make a mesh that several objects can share."""
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(shape.vertices.tolist(), [], shape.faces)
        if shape.smooth:
            mesh.polygons.foreach_set("use_smooth", np.ones(len(mesh.polygons), bool))
        uv = _box_mapping(mesh, tile, self.rng.random(2)) if shape.uv is None else shape.uv
        untyped(mesh.uv_layers.new(name="UVMap")).data.foreach_set("uv", np.ascontiguousarray(uv, np.float32).ravel())
        mesh.materials.append(self.materials[material])
        mesh.update()
        return mesh

    def instance(
        self,
        name: str,
        mesh: bpy.types.Mesh,
        location: ArrayLike = (0, 0, 0),
        *,
        turn: float = 0.0,
        tilt: float = 0.0,
        scale: float = 1.0,
    ) -> bpy.types.Object:
        """Add an object that shows a mesh."""
        item = bpy.data.objects.new(name, mesh)
        item.location = np.asarray(location, np.float64).tolist()
        item.rotation_euler = (tilt, 0.0, turn)
        item.scale = (scale, scale, scale)
        self.scene.collection.objects.link(item)
        return item

    def camera(
        self,
        location: Point,
        target: Point,
        *,
        lens: float = 35.0,
        clip: tuple[float, float] = (0.01, 100.0),
        focus: float | None = None,
    ) -> None:
        """Add the scene's camera, looking at a point; moves turn about what lies at its focus, or that point."""
        data = bpy.data.cameras.new("Camera")
        data.lens, data.clip_start, data.clip_end = lens, *clip
        towards = Vector(target) - Vector(location)
        untyped(data.dof).focus_distance = towards.length if focus is None else focus
        camera = bpy.data.objects.new("Camera", data)
        camera.location = location
        camera.rotation_mode = "QUATERNION"
        camera.rotation_quaternion = towards.to_track_quat("-Z", "Y")
        self.scene.collection.objects.link(camera)
        self.scene.camera = camera

    def sun(self, direction: Point, strength: float = 3.0) -> None:
        """Add sunlight that travels along a direction, for renderers that use lights."""
        data = bpy.data.lights.new("Sun", "SUN")
        data.energy = strength  # type: ignore[attr-defined]  # of SunLight; the stubs return Light
        light = bpy.data.objects.new("Sun", data)
        light.rotation_mode = "QUATERNION"
        light.rotation_quaternion = Vector(direction).to_track_quat("-Z", "Y")
        self.scene.collection.objects.link(light)

    def backdrop(self, colour: Point) -> None:
        """Set the colour of what no surface covers, and show colours as they were painted."""
        world = bpy.data.worlds.new("World")
        world.color = colour
        if world.node_tree is not None:
            for node in untyped(world.node_tree).nodes:
                if node.type == "BACKGROUND":
                    node.inputs["Color"].default_value = (*colour, 1.0)
        self.scene.world = world
        untyped(self.scene.view_settings).view_transform = "Standard"


def _box_mapping(mesh: bpy.types.Mesh, tile: float, offset: Array) -> Array:
    """Project every face along its largest normal axis, in metres over ``tile``."""
    count = len(mesh.loops)
    index = np.empty(count, np.int32)
    mesh.loops.foreach_get("vertex_index", index)
    co = np.empty(len(mesh.vertices) * 3, np.float32)
    mesh.vertices.foreach_get("co", co)
    normal = np.empty(len(mesh.polygons) * 3, np.float32)
    mesh.polygons.foreach_get("normal", normal)
    total = np.empty(len(mesh.polygons), np.int32)
    mesh.polygons.foreach_get("loop_total", total)
    axis = np.repeat(np.abs(normal.reshape(-1, 3)).argmax(axis=1), total)
    across = np.array([[1, 2], [0, 2], [0, 1]])[axis]
    points = co.reshape(-1, 3)[index].astype(np.float64)
    return np.take_along_axis(points, across, axis=1) / tile + offset
