"""Scenes as animators have them: what is measured, what is followed, what is refused."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy
import numpy as np
import pytest


@pytest.fixture
def wall(scene: bpy.types.Scene) -> bpy.types.Scene:
    """A camera 7 above a floor that fills its view."""
    bpy.ops.mesh.primitive_plane_add(size=200, location=(0, 0, 0))
    bpy.context.object.name = "Floor"
    bpy.ops.object.camera_add(location=(0, 0, 7))
    scene.camera = bpy.context.object
    return scene


def measured() -> float:
    bpy.ops.parascale.measure()
    return float(bpy.context.scene.parascale.measured_depth)


def add_sheet(height: float) -> bpy.types.Object:
    bpy.ops.mesh.primitive_plane_add(size=200, location=(0, 0, height))
    return bpy.context.object


@contextmanager
def in_view_layer() -> Iterator[None]:
    yield
    bpy.context.view_layer.update()


def test_instances_modifiers_and_geometry_nodes_are_seen(wall: bpy.types.Scene) -> None:
    sheet = add_sheet(0)
    with in_view_layer():
        hidden = bpy.data.collections.new("Asset")
        hidden.objects.link(sheet)
        wall.collection.objects.unlink(sheet)
        instancer = bpy.data.objects.new("Instance", None)
        instancer.instance_type, instancer.instance_collection = "COLLECTION", hidden
        instancer.location.z = 2
        wall.collection.objects.link(instancer)
    assert measured() == pytest.approx(5.0, rel=1e-5)
    other = add_sheet(3)
    with in_view_layer():
        move = other.modifiers.new("Raise", "DISPLACE")
        move.mid_level, move.strength = 0.0, 1.0
    assert measured() == pytest.approx(3.0, rel=1e-5)
    nodes = bpy.data.node_groups.new("Raise", "GeometryNodeTree")
    nodes.interface.new_socket("Geometry", in_out="INPUT", socket_type="NodeSocketGeometry")
    nodes.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    raised = nodes.nodes.new("GeometryNodeTransform")
    raised.inputs["Translation"].default_value = (0, 0, 1.5)
    nodes.links.new(nodes.nodes.new("NodeGroupInput").outputs[0], raised.inputs["Geometry"])
    nodes.links.new(raised.outputs[0], nodes.nodes.new("NodeGroupOutput").inputs[0])
    with in_view_layer():
        other.modifiers.new("Nodes", "NODES").node_group = nodes
    assert measured() == pytest.approx(1.5, rel=1e-5)


@pytest.mark.parametrize("how", ["hide", "disable", "exclude"])
def test_hidden_and_excluded_objects_are_looked_through(wall: bpy.types.Scene, how: str) -> None:
    sheet = add_sheet(2)
    if how == "hide":
        sheet.hide_set(True)
    elif how == "disable":
        sheet.hide_viewport = True
    else:
        collection = bpy.data.collections.new("Away")
        wall.collection.children.link(collection)
        collection.objects.link(sheet)
        wall.collection.objects.unlink(sheet)
        bpy.context.view_layer.layer_collection.children["Away"].exclude = True
    assert measured() == pytest.approx(7.0, rel=1e-5)


def test_linked_library_is_measured_and_its_camera_followed(
    wall: bpy.types.Scene, shot_file: Callable[..., Path], tmp_path: Path
) -> None:
    sheet = add_sheet(2)
    sheet.name = "Linked Sheet"
    library = tmp_path / "library.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(library), copy=True)
    bpy.data.objects.remove(sheet)
    shot = shot_file()
    with bpy.data.libraries.load(str(library), link=True) as (_, wanted):
        wanted.objects = ["Linked Sheet", "Camera"]
    for item in wanted.objects:
        wall.collection.objects.link(item)
    bpy.context.view_layer.update()
    assert measured() == pytest.approx(5.0, rel=1e-5)
    wall.camera = next(item for item in wanted.objects if item.type == "CAMERA")
    assert wall.camera.library is not None
    bpy.ops.parascale.import_shot(filepath=str(shot))
    assert bpy.ops.parascale.create_camera() == {"FINISHED"}
    assert wall.camera.library is None
    assert wall.camera.data.library is None
    override = wanted.objects[0].override_create()
    wall.collection.objects.link(override)
    override.location.z = 4
    bpy.context.view_layer.update()
    assert bpy.ops.parascale.rebuild() == {"FINISHED"}


def test_scene_scale_is_said_in_metres_and_changes_no_parallax(
    wall: bpy.types.Scene, shot_file: Callable[..., Path], tmp_path: Path
) -> None:
    from parascale.files.shot_file import read_shot

    wall.unit_settings.scale_length = 0.01
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.create_camera()
    assert json.loads(wall.camera.parascale.report)["pce"] < 1e-6
    bpy.ops.parascale.export_path(filepath=str(tmp_path / "out.shot.json"))
    shot = read_shot(tmp_path / "out.shot.json")
    assert shot.unit == "arbitrary"
    assert shot.metres_per_unit == pytest.approx(0.01)
    assert shot.median_depth[0] == pytest.approx(7.0, rel=1e-4)


@pytest.mark.parametrize(
    ("fit", "size", "aspect"),
    [("VERTICAL", (180, 320), (1.0, 1.0)), ("AUTO", (180, 320), (1.0, 1.0)), ("HORIZONTAL", (320, 180), (2.0, 1.0))],
)
def test_odd_cameras_start_where_they_stand_and_keep_their_lens(
    wall: bpy.types.Scene, shot_file: Callable[..., Path], fit: str, size: tuple[int, int], aspect: tuple[float, float]
) -> None:
    from parascale.blender.camera import view_of_camera

    source = wall.camera
    wall.render.resolution_x, wall.render.resolution_y = size
    wall.render.pixel_aspect_x, wall.render.pixel_aspect_y = aspect
    source.data.sensor_fit, source.data.shift_x, source.data.shift_y = fit, 0.1, -0.05
    carrier = bpy.data.objects.new("Carrier", None)
    wall.collection.objects.link(carrier)
    carrier.rotation_euler, carrier.scale = (0.2, 0.1, 0.3), (2.0, 2.0, 2.0)
    source.parent = carrier
    bpy.context.view_layer.update()
    before = view_of_camera(wall, source)
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.create_camera()
    wall.frame_set(1)
    after = view_of_camera(wall, wall.camera)
    assert np.allclose(after.camera_to_world, before.camera_to_world, atol=1e-5)
    assert np.allclose(after.intrinsics, before.intrinsics, rtol=1e-6)
    assert json.loads(wall.camera.parascale.report)["pce"] < 1e-6


def test_constrained_camera_starts_where_the_constraint_puts_it(
    wall: bpy.types.Scene, shot_file: Callable[..., Path]
) -> None:
    target = bpy.data.objects.new("Target", None)
    target.location = (2, 1, 0)
    wall.collection.objects.link(target)
    wall.camera.constraints.new("TRACK_TO").target = target
    bpy.context.view_layer.update()
    before = np.array(wall.camera.matrix_world)
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    bpy.ops.parascale.create_camera()
    wall.frame_set(1)
    assert len(wall.camera.constraints) == 0
    assert np.allclose(np.array(wall.camera.matrix_world), before, atol=1e-5)


def test_empty_scene_says_that_it_shows_no_surface(scene: bpy.types.Scene) -> None:
    bpy.ops.object.camera_add()
    scene.camera = bpy.context.object
    with pytest.raises(RuntimeError, match="sees no surface"):
        bpy.ops.parascale.measure()


def test_points_without_faces_are_no_surface(scene: bpy.types.Scene) -> None:
    # What a Gaussian splat is to us: it shows, and no ray meets it.
    mesh = bpy.data.meshes.new("Splats")
    mesh.vertices.add(100)
    mesh.vertices.foreach_set("co", np.random.default_rng(0).uniform(-1, 1, 300).astype(np.float32))
    splats = bpy.data.objects.new("Splats", mesh)
    splats.location.z = -5
    scene.collection.objects.link(splats)
    bpy.ops.object.camera_add()
    scene.camera = bpy.context.object
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="sees no surface"):
        bpy.ops.parascale.measure()


def test_appended_camera_brings_its_settings_and_its_reference(
    wall: bpy.types.Scene, shot_file: Callable[..., Path], tmp_path: Path
) -> None:
    bpy.ops.parascale.import_shot(filepath=str(shot_file()))
    wall.parascale.calibration.method = "global"
    bpy.ops.parascale.create_camera()
    name = wall.camera.name
    path = tmp_path / "from.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_empty=True)
    with bpy.data.libraries.load(str(path)) as (_, wanted):
        wanted.objects = [name]
    (camera,) = wanted.objects
    assert camera.parascale.calibration.method == "global"
    assert camera.parascale.reference.parascale.text.as_string().startswith("{")
    scene = bpy.context.scene
    for item in (camera, camera.parent, camera.parascale.reference):
        scene.collection.objects.link(item)
    bpy.ops.mesh.primitive_plane_add(size=200)
    scene.parascale.camera = camera
    assert bpy.ops.parascale.rebuild() == {"FINISHED"}
