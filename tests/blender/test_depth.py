import bpy
import numpy as np
import pytest
from mathutils import Matrix, Vector

from parascale.blender.camera import view_of_camera
from parascale.blender.depth import FILLS, HIDES, LIVE_GRID, ReprojectedDepth, SceneDepth, mark_helper
from parascale.blender.render import z_pass
from parascale.blender.scenes.parts import sphere


@pytest.fixture
def ahead(camera):
    """The camera at the origin, looking along +y."""
    camera.rotation_euler.x = np.pi / 2
    return camera


def measure(depth, scene, camera, step=0):
    view = view_of_camera(scene, camera)
    return depth(view.camera_to_world, view.intrinsics, view.size, step)


def ray_cast_depth(scene, camera, samples):
    """The same depths by Blender's own `scene.ray_cast`."""
    view = view_of_camera(scene, camera)
    graph = bpy.context.evaluated_depsgraph_get()
    pose, found = view.camera_to_world, []
    for pixel in samples.pixels:
        ray = np.append((pixel - view.intrinsics[2:]) / view.intrinsics[:2], 1.0)
        hit, place, *_ = scene.ray_cast(graph, Vector(pose[:3, 3]), Vector(pose[:3, :3] @ ray))
        found.append((np.array(place) - pose[:3, 3]) @ pose[:3, 2] if hit else np.nan)
    return np.array(found)


def fill(scene, add_mesh):
    """Something of everything that shows: modifiers, curves, text, instances, geometry nodes, deep hierarchies."""
    rng = np.random.default_rng(3)
    ball = sphere(0.8, 24, 12)
    for k in range(12):
        item = add_mesh(f"Ball {k}", ball.vertices.tolist(), ball.faces)
        item.location = (rng.uniform(-4, 4), rng.uniform(4, 14), rng.uniform(-2, 2))
        item.scale = rng.uniform(0.4, 1.4, 3)
        item.rotation_euler = rng.uniform(0, 6, 3)
    bpy.data.objects["Ball 0"].modifiers.new("Subsurf", "SUBSURF").levels = 2
    curve = bpy.data.curves.new("Curve", "CURVE")
    curve.dimensions, curve.bevel_depth = "3D", 0.3
    spline = curve.splines.new("POLY")
    spline.points.add(2)
    for point, place in zip(spline.points, [(-3, 6, -1), (0, 5, 1), (3, 7, 0)], strict=True):
        point.co = (*place, 1)
    text = bpy.data.curves.new("Text", "FONT")
    text.body, text.extrude, text.size = "ParaScale", 0.2, 2.0
    for data in (curve, text):
        scene.collection.objects.link(bpy.data.objects.new(data.name, data))
    bpy.data.objects["Text"].matrix_world = Matrix.Translation((-4, 9, 1.5)) @ Matrix.Rotation(np.pi / 2, 4, "X")
    group = bpy.data.collections.new("Group")
    add_mesh("In group", ball.vertices.tolist(), ball.faces, group)
    for x in (-2, 2):
        empty = bpy.data.objects.new(f"Instancer {x}", None)
        empty.instance_type, empty.instance_collection, empty.location = "COLLECTION", group, (x, 4, -1.2)
        scene.collection.objects.link(empty)
    bpy.context.view_layer.update()


def test_depth_agrees_with_ray_cast_over_all_kinds_of_objects(scene, ahead, add_mesh):
    fill(scene, add_mesh)
    samples = measure(SceneDepth(scene), scene, ahead)
    truth = ray_cast_depth(scene, ahead, samples)
    np.testing.assert_array_equal(samples.hit, np.isfinite(truth))
    assert 0.2 < samples.hit.mean() < 0.95
    np.testing.assert_allclose(samples.depth[samples.hit], truth[samples.hit], rtol=1e-4)


def test_dense_depth_agrees_with_cycles(scene, ahead, add_mesh):
    """An independent renderer, pixel centres included: half a pixel off would show as percents on the balls."""
    fill(scene, add_mesh)
    ours, truth = SceneDepth(scene).dense(view_of_camera(scene, ahead)), z_pass(scene, ahead, 1, (320, 192))
    assert ours.shape == truth.shape == (192, 320)
    assert ours.dtype == np.float32
    agree = np.isfinite(ours) == np.isfinite(truth)
    assert agree.mean() > 0.999
    error = np.abs(ours / truth - 1)[np.isfinite(ours) & np.isfinite(truth)]
    assert np.median(error) < 1e-5
    assert np.percentile(error, 99) < 1e-3


def test_depth_is_along_the_optical_axis(scene, ahead, add_wall):
    add_wall(distance=5)
    samples = measure(SceneDepth(scene), scene, ahead)
    assert samples.hit.all()
    np.testing.assert_allclose(samples.depth, 5, rtol=1e-6)
    assert len(samples.depth) == 64 * 36


def test_live_grid_has_a_quarter_of_the_rays(scene, ahead, add_wall):
    add_wall()
    assert len(measure(SceneDepth(scene, LIVE_GRID), scene, ahead).depth) == 32 * 18


def test_empty_scene_hits_nothing(scene, ahead):
    samples = measure(SceneDepth(scene), scene, ahead)
    assert not samples.hit.any()
    assert np.isnan(samples.depth).all()


@pytest.mark.parametrize(
    "how", ["hide_set", "hide_viewport", "exclude", "helper", "ignore", "no faces", "parent ignored"]
)
def test_what_does_not_count_is_looked_through(scene, ahead, add_wall, add_mesh, how):
    near, _ = add_wall("Near", 2), add_wall("Far", 7)
    ignore = []
    if how == "hide_set":
        near.hide_set(True)
    elif how == "hide_viewport":
        near.hide_viewport = True
    elif how == "exclude":
        group = bpy.data.collections.new("Group")
        scene.collection.children.link(group)
        scene.collection.objects.unlink(near)
        group.objects.link(near)
        bpy.context.view_layer.layer_collection.children["Group"].exclude = True
    elif how == "helper":
        mark_helper(near)
    elif how == "ignore":
        ignore = [near]
    elif how == "no faces":
        bpy.data.objects.remove(near)
        add_mesh("Cloud", np.random.default_rng(0).uniform(-1, 1, (500, 3)).tolist(), [])
    elif how == "parent ignored":
        group = bpy.data.collections.new("Group")
        scene.collection.objects.unlink(near)
        group.objects.link(near)
        empty = bpy.data.objects.new("Instancer", None)
        empty.instance_type, empty.instance_collection = "COLLECTION", group
        scene.collection.objects.link(empty)
        ignore = [empty]
    np.testing.assert_allclose(measure(SceneDepth(scene, ignore=ignore), scene, ahead).depth, 7, rtol=1e-6)


def test_surfaces_of_a_role_hide_without_counting_or_count_where_nothing_else_is(scene, ahead, add_wall):
    near, far = add_wall("Near", 2, half=0.4), add_wall("Far", 7, half=2)
    whole = measure(SceneDepth(scene), scene, ahead)
    near[HIDES] = True
    hidden = measure(SceneDepth(scene), scene, ahead)
    assert np.array_equal(hidden.hit, np.isclose(whole.depth, 7, rtol=1e-5))
    assert 0 < hidden.hit.sum() < whole.hit.sum()
    # Nearer than the wall, and yet seen only beside it, not where something hides.
    filling = add_wall("Filling", 4)
    filling[FILLS] = True
    filled = measure(SceneDepth(scene), scene, ahead)
    assert np.array_equal(filled.hit, hidden.hit | ~whole.hit)
    np.testing.assert_array_equal(filled.depth[hidden.hit], whole.depth[hidden.hit])
    np.testing.assert_allclose(filled.depth[~whole.hit], 4, rtol=1e-6)
    # Of what a measurement is not about, it neither counts nor hides.
    assert np.array_equal(measure(SceneDepth(scene, subject=[far]), scene, ahead).hit, hidden.hit)


def animate(item, how, scene):
    """Move the wall from 5 to 10 between frames 1 and 11, one way or another."""
    if how == "keys":
        for frame, y in ((1, 5.0), (11, 10.0)):
            item.location.y = y
            item.keyframe_insert("location", index=1, frame=frame)
    elif how == "driver":
        item.location.y = 0
        item.driver_add("location", 1).driver.expression = "4.5 + frame / 2"
    elif how == "parent":
        parent = bpy.data.objects.new("Parent", None)
        scene.collection.objects.link(parent)
        item.parent, item.location.y = parent, 5
        animate(parent, "keys", scene)
        item.location.y = 0
    elif how == "shape key":
        item.location.y = 5
        item.shape_key_add(name="Basis")
        key = item.shape_key_add(name="Back")
        for point in key.data:
            point.co.y += 5
        for frame, value in ((1, 0.0), (11, 1.0)):
            key.value = value
            key.keyframe_insert("value", frame=frame)
    elif how == "instancer":
        group = bpy.data.collections.new("Group")
        scene.collection.objects.unlink(item)
        group.objects.link(item)
        item.location.y = 0
        empty = bpy.data.objects.new("Instancer", None)
        empty.instance_type, empty.instance_collection = "COLLECTION", group
        scene.collection.objects.link(empty)
        animate(empty, "keys", scene)


@pytest.mark.parametrize("how", ["keys", "driver", "parent", "shape key", "instancer"])
def test_moving_geometry_is_measured_at_its_own_frame(scene, ahead, add_wall, how):
    animate(add_wall("Wall", 5), how, scene)
    still = add_wall("Still", 1.0, 0.05)
    still.location.x = 0.1
    scene.frame_set(4)
    depth = SceneDepth(scene, frames=np.arange(1, 12))
    assert depth.animated
    ends = [np.median(measure(depth, scene, ahead, step).depth) for step in (0, 10, 0)]
    np.testing.assert_allclose(ends, [5, 10, 5], rtol=1e-5)
    assert np.nanmin(measure(depth, scene, ahead, 10).depth) == pytest.approx(1.0, rel=1e-5)
    assert scene.frame_current == 4


@pytest.mark.parametrize("room", [0, 2, 1_000_000])
def test_what_moves_is_gathered_once_a_frame_as_long_as_there_is_room(scene, ahead, add_wall, monkeypatch, room):
    """A march looks at every frame several times; a wall is two triangles."""
    animate(add_wall("Wall", 5), "keys", scene)
    add_wall("Still", 1.0, 0.05).location.x = 0.1
    monkeypatch.setattr("parascale.blender.depth.KEPT_TRIANGLES", room)
    depth = SceneDepth(scene, frames=np.arange(1, 12))
    gathered = []
    gather = SceneDepth._gather
    monkeypatch.setattr(
        SceneDepth, "_gather", lambda self, moving: gathered.append(moving) or gather(self, moving=moving)
    )
    asked = [0, 1, 2, 0, 1, 2]
    seen = [np.median(measure(depth, scene, ahead, step).depth) for step in asked]
    assert len(gathered) == {0: 6, 2: 5, 1_000_000: 3}[room]
    fresh = [np.median(measure(SceneDepth(scene, frames=[1 + step]), scene, ahead, 0).depth) for step in range(3)]
    assert len(set(fresh)) == 3
    np.testing.assert_array_equal(seen, fresh * 2)
    steps = np.zeros((3, 3))
    assert np.array_equal(depth.nearest_points(steps), [depth.nearest_point(steps[step], step) for step in range(3)])


def test_moving_camera_and_lights_leave_a_scene_static(scene, ahead, add_wall):
    add_wall()
    light = bpy.data.objects.new("Light", bpy.data.lights.new("Light", "POINT"))
    scene.collection.objects.link(light)
    for item in (ahead, light):
        item.keyframe_insert("location", frame=1)
        item.location.x = 3
        item.keyframe_insert("location", frame=20)
    assert not SceneDepth(scene, frames=[1, 2, 3]).animated


def test_without_frames_the_scene_is_measured_as_it_stands(scene, ahead, add_wall):
    animate(add_wall(), "keys", scene)
    scene.frame_set(6)
    samples = measure(SceneDepth(scene), scene, ahead, 0)
    np.testing.assert_allclose(samples.depth, 7.5, rtol=1e-4)


def test_path_through_a_wall_is_noticed_at_its_step(scene, add_wall):
    add_wall(distance=5)
    depth = SceneDepth(scene)
    centres = np.stack([np.zeros(10), np.linspace(0, 9, 10) + 0.5, np.zeros(10)], axis=1)
    assert depth.crossings(centres) == [4]
    np.testing.assert_allclose(depth.nearest_surface(centres)[:6], [4.5, 3.5, 2.5, 1.5, 0.5, 0.5], rtol=1e-6)
    assert depth.crossings(np.zeros((5, 3))) == []


def test_nearest_hit_reaches_as_far_as_asked(scene, add_wall):
    add_wall(distance=5)
    depth = SceneDepth(scene)
    assert depth.nearest_hit((0, 0, 0), (0, 2, 0), 6) == pytest.approx(5)
    assert depth.nearest_hit((0, 0, 0), (0, 2, 0), 4) is None
    assert depth.nearest_hit((0, 0, 0), (0, 0, 0), 4) is None


def test_nearest_surface_of_an_empty_scene_is_infinitely_far(scene):
    assert np.isinf(SceneDepth(scene).nearest_surface([(0, 0, 0)])).all()


def test_scene_that_is_not_open_is_measured(add_wall):
    other = bpy.data.scenes.new("Other")
    wall = add_wall(distance=3)
    bpy.context.scene.collection.objects.unlink(wall)
    other.collection.objects.link(wall)
    assert SceneDepth(other).nearest_hit((0, 0, 0), (0, 1, 0), 10) == pytest.approx(3)


def test_subject_alone_is_hit_and_the_rest_hides_it(scene, ahead, add_wall):
    far, near = add_wall("Far", 9), add_wall("Near", 5, half=0.3)
    bpy.context.view_layer.update()
    whole = measure(SceneDepth(scene), scene, ahead)
    subject = measure(SceneDepth(scene, subject=[far]), scene, ahead)
    assert 0 < (~subject.hit).sum() < len(subject.hit)
    assert np.array_equal(subject.hit, np.isclose(whole.depth, 9, rtol=1e-5))
    only_near = measure(SceneDepth(scene, subject=[near]), scene, ahead)
    assert np.array_equal(only_near.hit, ~subject.hit)


@pytest.mark.parametrize(("every", "looks"), [(1, 9), (2, 5), (4, 3)])
def test_between_sparing_looks_the_surface_is_seen_from_where_the_camera_is(scene, ahead, add_wall, every, looks):
    add_wall(distance=20)
    asked = []

    class Counting(SceneDepth):
        def __call__(self, *arguments):
            asked.append(arguments[3])
            return super().__call__(*arguments)

    view, sparing = view_of_camera(scene, ahead), ReprojectedDepth(Counting(scene, LIVE_GRID), every)
    for frame in range(9):
        pose = view.camera_to_world.copy()
        pose[:3, 3] += pose[:3, 2] * 0.5 * frame
        samples = sparing(pose, view.intrinsics, view.size, frame)
        assert samples.hit.all()
        assert np.allclose(samples.depth, 20 - 0.5 * frame, rtol=1e-5)
        assert (samples.pixels >= 0).all()
        assert (samples.pixels < view.size).all()
    assert len(asked) == looks


def test_sparing_looks_are_taken_anew_where_nothing_is_known(scene, ahead, add_wall):
    add_wall(distance=20)
    view, sparing = view_of_camera(scene, ahead), ReprojectedDepth(SceneDepth(scene, LIVE_GRID), 4)
    assert sparing(view.camera_to_world, view.intrinsics, view.size, 0).hit.all()
    away = view.camera_to_world.copy()
    away[:3, 3] += away[:3, 2] * 30
    # Behind the wall, and at a frame that does not follow.
    assert not sparing(away, view.intrinsics, view.size, 1).hit.any()
    assert not sparing(away, view.intrinsics, view.size, 2).hit.any()
    assert sparing(view.camera_to_world, view.intrinsics, view.size, 7).hit.all()
