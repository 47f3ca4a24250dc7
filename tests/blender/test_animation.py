"""When a camera moves: the span of its keys and of all that moves it, and None where nobody knows."""

import bpy
import pytest

from parascale.blender.animation import recording_of, span_of_move


def key(item, path, *frames, value=1.0):
    for frame in frames:
        current = getattr(item, path)
        if isinstance(current, float):
            setattr(item, path, value + frame)
        else:
            getattr(item, path)[0] = value + frame
        item.keyframe_insert(path, frame=frame)


@pytest.fixture
def carrier(scene):
    carrier = bpy.data.objects.new("Carrier", None)
    scene.collection.objects.link(carrier)
    return carrier


def test_span_is_that_of_keys_of_camera_lens_parents_and_targets(scene, camera, carrier):
    assert span_of_move(bpy.context.scene, camera) is None
    key(camera, "location", 10, 20)
    assert span_of_move(bpy.context.scene, camera) == (10, 20)
    key(camera.data, "lens", 15, 30)
    assert span_of_move(bpy.context.scene, camera) == (10, 30)
    camera.parent = carrier
    key(carrier, "rotation_euler", 5, 12)
    assert span_of_move(bpy.context.scene, camera) == (5, 30)
    target = bpy.data.objects.new("Target", None)
    scene.collection.objects.link(target)
    key(target, "location", 1.5, 99)
    camera.constraints.new("TRACK_TO").target = target
    assert span_of_move(bpy.context.scene, camera) == (1.5, 99)
    camera.constraints[0].mute = True
    assert span_of_move(bpy.context.scene, camera) == (5, 30)


def test_what_moves_nothing_has_no_part_in_it(camera):
    key(camera, "location", 10, 20)
    key(camera, "rotation_euler", 3)
    camera.hide_render = True
    camera.keyframe_insert("hide_render", frame=1)
    camera.keyframe_insert("hide_render", frame=200)
    key(camera.data.dof, "focus_distance", 1, 200)
    assert span_of_move(bpy.context.scene, camera) == (10, 20)


def test_an_action_in_a_strip_counts_where_the_strip_stands(camera):
    key(camera, "location", 10, 20)
    animation = camera.animation_data
    action, slot = animation.action, animation.action_slot
    strip = animation.nla_tracks.new().strips.new("move", 40, action)
    strip.action_slot = slot
    animation.action = None
    assert span_of_move(bpy.context.scene, camera) == (40, 50)


def modifier(camera, carrier):
    from parascale.blender.keyframes import fcurves

    fcurves(camera)[0].modifiers.new("CYCLES")


def extrapolation(camera, carrier):
    from parascale.blender.keyframes import fcurves

    fcurves(camera)[0].extrapolation = "LINEAR"


def driver(camera, carrier):
    camera.driver_add("location", 2).driver.expression = "frame"


def vertices(camera, carrier):
    camera.parent = bpy.data.objects.new("Waves", bpy.data.meshes.new("Waves"))
    camera.parent_type = "VERTEX"


def file(camera, carrier):
    camera.parent = carrier
    carrier.constraints.new("TRANSFORM_CACHE")


@pytest.mark.parametrize("endless", [modifier, extrapolation, driver, vertices, file])
def test_a_move_whose_end_nobody_knows_has_no_span(camera, carrier, endless):
    key(camera, "location", 10, 20)
    endless(camera, carrier)
    assert span_of_move(bpy.context.scene, camera) is None


def test_keys_have_the_scenes_rate(camera):
    key(camera, "location", 10, 20)
    assert recording_of(bpy.context.scene, camera) is None
