"""A fresh, empty Blender for every test; runs with `parascale` installed or with `backend` on PYTHONPATH."""

import os
import tempfile
from types import ModuleType

import pytest

# An empty folder of its own, named before the first import of bpy: a user's add-ons and settings play no part.
os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="parascale-test-"))

bpy = pytest.importorskip("bpy")


@pytest.fixture(autouse=True)
def empty_blender() -> ModuleType:
    bpy.ops.wm.read_homefile(use_empty=True)
    return bpy


@pytest.fixture
def scene():
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y, scene.render.resolution_percentage = 320, 192, 100
    return scene


@pytest.fixture
def camera(scene):
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    return camera


@pytest.fixture
def add_mesh(scene):
    """Add an object of given vertices and faces to the scene."""

    def add(name: str, vertices, faces, collection=None):
        mesh = bpy.data.meshes.new(name)
        mesh.from_pydata(vertices, [], faces)
        item = bpy.data.objects.new(name, mesh)
        (collection or scene.collection).objects.link(item)
        return item

    return add


@pytest.fixture
def add_wall(add_mesh):
    """Add a square wall across the y axis at a distance, 2 ``half`` wide."""

    def add(name: str = "Wall", distance: float = 5.0, half: float = 50.0):
        corners = [(-half, 0, -half), (half, 0, -half), (half, 0, half), (-half, 0, half)]
        item = add_mesh(name, corners, [(0, 1, 2, 3)])
        item.location.y = distance
        return item

    return add
