"""A driven camera: its strength is taken frame by frame, and is stale where its driver changes, not with the frame."""

import bpy
import numpy as np
import pytest

STRENGTH = '["parascale_strength"]'


def stale(camera: bpy.types.Object) -> str:
    from bl_ext.user_default.parascale.scene.staleness import reason_stale

    return reason_stale(bpy.context.scene, camera)


def stale_at(camera: bpy.types.Object, frames: tuple[int, ...] = (1, 12, 25)) -> list[str]:
    reasons = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        reasons.append(stale(camera))
    return reasons


def asked(camera: bpy.types.Object) -> np.ndarray:
    from parascale.blender.keyframes import fcurves

    (curve,) = (curve for curve in fcurves(camera) if curve.data_path == '["parallax_number"]')
    return np.array([point.co.y for point in curve.keyframe_points])


def read(driver: bpy.types.Driver, source: bpy.types.ID, path: str) -> None:
    """Have a driver give what a property is, and 1 / 50 a frame."""
    variable = driver.variables.new()
    variable.name, variable.type = "value", "SINGLE_PROP"
    if isinstance(source, bpy.types.Scene):
        variable.targets[0].id_type = "SCENE"
    variable.targets[0].id, variable.targets[0].data_path = source, path
    driver.expression = "value + frame / 50"


def empty(name: str) -> bpy.types.Object:
    item = bpy.data.objects.new(name, None)
    bpy.context.scene.collection.objects.link(item)
    return item


def test_a_driven_strength_is_taken_frame_by_frame(calibrated: bpy.types.Object) -> None:
    """As a keyed one is; which frame is shown says nothing, neither of the path nor of whether it is stale."""
    scene = bpy.context.scene
    bpy.ops.parascale.apply_preset(preset="verbatim")
    bpy.ops.parascale.rebuild()
    before = asked(calibrated)
    driver = calibrated.driver_add(STRENGTH).driver
    driver.expression = "0.5 + frame / 50"
    scene.frame_set(13)
    assert stale(calibrated) == "strength changed"
    bpy.ops.parascale.rebuild()
    assert scene.frame_current == 13
    frames = np.arange(1, 1 + len(before))
    assert np.allclose(asked(calibrated), (0.5 + frames / 50) * before, rtol=1e-3)
    assert stale_at(calibrated) == ["", "", ""]
    driver.expression = "0.25 + frame / 50"
    bpy.context.view_layer.update()
    assert set(stale_at(calibrated)) == {"strength changed"}


@pytest.mark.parametrize("how", ["disabled", "excluded", "hidden", "in a disabled collection"])
def test_a_driven_strength_is_taken_frame_by_frame_of_a_camera_that_is_not_shown(
    calibrated: bpy.types.Object, how: str
) -> None:
    """Nothing evaluates it there, and its strength stays that of the frame that was shown last."""
    scene = bpy.context.scene
    calibrated.driver_add(STRENGTH).driver.expression = "frame / 50"
    group = bpy.data.collections.new("Cameras")
    scene.collection.children.link(group)
    for holder in calibrated.users_collection:
        holder.objects.unlink(calibrated)
    group.objects.link(calibrated)
    bpy.ops.parascale.rebuild()
    before = asked(calibrated)
    other = bpy.data.objects.new("Other", bpy.data.cameras.new("Other"))
    scene.collection.objects.link(other)
    for marker in scene.timeline_markers:
        marker.camera = other
    scene.camera = other
    calibrated.hide_set(how == "hidden")
    calibrated.hide_viewport, group.hide_viewport = how == "disabled", how == "in a disabled collection"
    bpy.context.view_layer.layer_collection.children["Cameras"].exclude = how == "excluded"
    for frame in (20, 3):
        scene.frame_set(frame)
        bpy.ops.parascale.rebuild()
        assert np.allclose(asked(calibrated), before)
        assert (scene.camera, scene.frame_current) == (other, frame)


@pytest.mark.parametrize("by", ["driver", "keys"])
def test_a_strength_whose_property_is_gone_is_one(calibrated: bpy.types.Object, by: str) -> None:
    """Its driver and keys outlive it, and have nothing to animate."""
    from bl_ext.user_default.parascale.settings import settings_of_object

    bpy.ops.parascale.rebuild()
    before = asked(calibrated)
    if by == "driver":
        calibrated.driver_add(STRENGTH).driver.expression = "3.0"
    else:
        calibrated["parascale_strength"] = 3.0
        calibrated.keyframe_insert(STRENGTH, frame=1)
    del calibrated["parascale_strength"]
    bpy.ops.parascale.rebuild()
    assert np.allclose(asked(calibrated), before)
    assert settings_of_object(calibrated).strength == 1.0
    assert stale(calibrated) == ""
    calibrated["parascale_strength"] = 1.0
    assert stale(calibrated) == "strength changed"


def test_a_driver_below_zero_stands_still(calibrated: bpy.types.Object) -> None:
    bpy.ops.parascale.apply_preset(preset="verbatim")
    calibrated.driver_add(STRENGTH).driver.expression = "frame / 10 - 1"
    bpy.ops.parascale.rebuild()
    still = asked(calibrated) == 0
    assert still[:10].all()
    assert not still[10:].any()


@pytest.mark.parametrize("of", ["object", "scene", "driven", "world", "active scene"])
def test_a_strength_that_reads_a_property_is_stale_where_that_changes(calibrated: bpy.types.Object, of: str) -> None:
    scene = bpy.context.scene
    handle = empty("Handle")
    owner: bpy.types.ID = {"object": handle, "driven": handle, "scene": scene, "active scene": scene}.get(of) or (
        bpy.data.worlds.new("World")
    )
    owner["speed"] = 0.5
    driver = calibrated.driver_add(STRENGTH).driver
    if of == "driven":
        handle["share"] = 0.0
        read(handle.driver_add('["share"]').driver, handle, '["speed"]')
        read(driver, handle, '["share"]')
    elif of == "active scene":
        variable = driver.variables.new()
        variable.name, variable.type = "value", "CONTEXT_PROP"
        variable.targets[0].context_property, variable.targets[0].data_path = "ACTIVE_SCENE", '["speed"]'
        driver.expression = "value + frame / 50"
    elif of == "world":
        variable = driver.variables.new()
        variable.name = "value"
        variable.targets[0].id_type = "WORLD"
        variable.targets[0].id, variable.targets[0].data_path = owner, '["speed"]'
        driver.expression = "value + frame / 50"
    else:
        read(driver, owner, '["speed"]')
    bpy.context.view_layer.update()
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]
    owner["speed"] = 1.0
    owner.update_tag()
    bpy.context.view_layer.update()
    assert set(stale_at(calibrated)) == {"strength changed"}
    owner["speed"] = 0.5
    owner.update_tag()
    bpy.context.view_layer.update()
    assert stale_at(calibrated) == ["", "", ""]


def test_the_active_scene_of_a_driver_is_that_of_the_camera_whichever_is_open(calibrated: bpy.types.Object) -> None:
    from bl_ext.user_default.parascale.scene.staleness import reason_stale

    scene, other = bpy.context.scene, bpy.data.scenes.new("Other")
    scene["speed"], other["speed"] = 0.5, 2.0
    driver = calibrated.driver_add(STRENGTH).driver
    variable = driver.variables.new()
    variable.name, variable.type = "value", "CONTEXT_PROP"
    variable.targets[0].context_property, variable.targets[0].data_path = "ACTIVE_SCENE", '["speed"]'
    driver.expression = "value"
    bpy.context.view_layer.update()
    bpy.ops.parascale.rebuild()
    bpy.context.window.scene = other
    assert reason_stale(scene, calibrated) == ""
    scene["speed"] = 1.0
    assert reason_stale(scene, calibrated) == "strength changed"


PATHS = {
    "world": 'node_tree.nodes["Background"].inputs[1].default_value',
    "lens": "data.lens",
    "letter": "location.x",
    "number": "location[0]",
    "quaternion": "rotation_quaternion.x",
    "group": '["group"]["speed"]',
}


def holder_of(of: str) -> tuple[bpy.types.ID, bpy.types.bpy_struct, str, int]:
    """Make a datablock, with what one of the paths leads to from it: holder, property, and index or -1."""
    if of == "world":
        world = bpy.data.worlds.new("World")
        if world.node_tree is None:
            world.use_nodes = True
        return world, world.node_tree.nodes["Background"].inputs[1], "default_value", -1
    if of == "lens":
        camera = bpy.data.objects.new("Handle", bpy.data.cameras.new("Handle"))
        bpy.context.scene.collection.objects.link(camera)
        return camera, camera.data, "lens", -1
    handle = empty("Handle")
    if of == "group":
        handle["group"] = {"speed": 1.0}
        return handle, handle, PATHS[of], -1
    handle.rotation_mode = "QUATERNION"
    return (handle, handle, "rotation_quaternion", 1) if of == "quaternion" else (handle, handle, "location", 0)


@pytest.mark.parametrize("by", ["value", "keys", "driver"])
@pytest.mark.parametrize("of", PATHS)
def test_a_strength_that_reads_through_a_path_is_stale_where_what_that_leads_to_changes(
    calibrated: bpy.types.Object, of: str, by: str
) -> None:
    """Not with the frame, where that is keyed or driven."""
    handle, holder, name, index = holder_of(of)

    def animate(rate: float) -> None:
        if by == "driver":
            holder.driver_add(name, index).driver.expression = f"frame * {rate}"
            return
        for frame in (1, 25):
            handle_value(holder, name, index, frame * rate)
            if by == "keys":
                holder.keyframe_insert(name, index=index, frame=frame)

    animate(1 / 50)
    driver = calibrated.driver_add(STRENGTH).driver
    variable = driver.variables.new()
    variable.name = "value"
    variable.targets[0].id_type = "WORLD" if of == "world" else "OBJECT"
    variable.targets[0].id, variable.targets[0].data_path = handle, PATHS[of]
    driver.expression = "value / 10"
    bpy.context.view_layer.update()
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]
    animate(1 / 20)
    bpy.context.view_layer.update()
    assert set(stale_at(calibrated)) == {"strength changed"}


def handle_value(holder: bpy.types.bpy_struct, name: str, index: int, value: float) -> None:
    """Set what a path leads to."""
    if name.startswith("["):
        holder["group"]["speed"] = value
    elif index < 0:
        setattr(holder, name, value)
    else:
        getattr(holder, name)[index] = value


@pytest.mark.parametrize("kind", ["TRANSFORMS", "LOC_DIFF"])
def test_a_strength_that_reads_a_place_is_stale_where_what_carries_that_moves(
    calibrated: bpy.types.Object, kind: str
) -> None:
    root, middle, child = (empty(name) for name in ("Root", "Middle", "Child"))
    middle.parent, child.parent = root, middle
    driver = calibrated.driver_add(STRENGTH).driver
    variable = driver.variables.new()
    variable.name, variable.type = "place", kind
    variable.targets[0].id = child
    if kind == "LOC_DIFF":
        variable.targets[1].id = empty("Other")
    driver.expression = "1 + place"
    bpy.context.view_layer.update()
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]
    root.location.x = 0.5
    bpy.context.view_layer.update()
    assert set(stale_at(calibrated)) == {"strength changed"}
    bpy.ops.parascale.rebuild()
    for frame in (1, 25):
        root.location.x = frame / 50
        root.keyframe_insert("location", frame=frame)
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]


def test_a_strength_that_reads_a_bone_is_stale_where_that_or_one_above_is_posed(calibrated: bpy.types.Object) -> None:
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.scene.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    upper, lower = (rig.data.edit_bones.new(name) for name in ("Upper", "Lower"))
    upper.tail, lower.head, lower.tail = (0, 0, 1), (0, 0, 1), (0, 0, 2)
    lower.parent = upper
    bpy.ops.object.mode_set(mode="OBJECT")
    driver = calibrated.driver_add(STRENGTH).driver
    variable = driver.variables.new()
    variable.name, variable.type = "place", "TRANSFORMS"
    variable.targets[0].id, variable.targets[0].bone_target = rig, "Lower"
    driver.expression = "1 + place"
    for name in ("Upper", "Lower"):
        bpy.context.view_layer.update()
        bpy.ops.parascale.rebuild()
        assert stale_at(calibrated) == ["", "", ""]
        rig.pose.bones[name].location.x = 0.5
        assert set(stale_at(calibrated)) == {"strength changed"}
    for frame in (1, 25):
        rig.pose.bones["Lower"].location.x = frame / 50
        rig.pose.bones["Lower"].keyframe_insert("location", frame=frame)
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]


def test_a_strength_that_reads_the_frame_of_the_scene_is_not_stale_by_it(calibrated: bpy.types.Object) -> None:
    read(calibrated.driver_add(STRENGTH).driver, bpy.context.scene, "frame_current")
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]


@pytest.mark.parametrize("name", ["frame_end", "frame_step", "frame_preview_start"])
def test_a_strength_that_reads_the_range_of_the_scene_is_stale_where_that_changes(
    calibrated: bpy.types.Object, name: str
) -> None:
    scene = bpy.context.scene
    read(calibrated.driver_add(STRENGTH).driver, scene, name)
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]
    setattr(scene, name, getattr(scene, name) + 5)
    assert set(stale_at(calibrated)) == {"strength changed"}


def test_drivers_that_go_in_circles_are_followed_once(calibrated: bpy.types.Object) -> None:
    handle = empty("Handle")
    handle["a"], handle["b"] = 0.5, 0.5
    read(handle.driver_add('["a"]').driver, handle, '["b"]')
    read(handle.driver_add('["b"]').driver, handle, '["a"]')
    read(calibrated.driver_add(STRENGTH).driver, handle, '["a"]')
    bpy.context.view_layer.update()
    assert stale(calibrated) == "strength changed"


@pytest.mark.parametrize("how", ["keys", "interpolation", "extrapolation", "modifier", "of the modifier", "muted"])
def test_a_strength_is_stale_where_the_curve_of_its_driver_changes(calibrated: bpy.types.Object, how: str) -> None:
    """A driver's F-curve maps what its expression gives to the strength."""
    curve = calibrated.driver_add(STRENGTH)
    curve.driver.expression = "frame / 50"
    # Older Blenders make a modifier in place of keys.
    for modifier in curve.modifiers:
        curve.modifiers.remove(modifier)
    for value in (0.0, 1.0):
        curve.keyframe_points.insert(value, value).interpolation = "LINEAR"
    curve.extrapolation = "LINEAR"
    if how == "of the modifier":
        curve.modifiers.new("GENERATOR")
    bpy.context.view_layer.update()
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]
    if how == "keys":
        curve.keyframe_points[1].co.y = 3.0
    elif how == "interpolation":
        curve.keyframe_points[0].interpolation = "CONSTANT"
    elif how == "extrapolation":
        curve.extrapolation = "CONSTANT"
    elif how == "muted":
        curve.mute = True
    else:
        modifier = curve.modifiers[0] if curve.modifiers else curve.modifiers.new("GENERATOR")
        modifier.coefficients = (0.0, 3.0)
    calibrated.update_tag()
    bpy.context.view_layer.update()
    assert set(stale_at(calibrated)) == {"strength changed"}


@pytest.mark.parametrize("how", ["interpolation", "modifier"])
def test_a_keyed_strength_is_stale_where_its_curve_is_bent(calibrated: bpy.types.Object, how: str) -> None:
    from parascale.blender.keyframes import curve_of

    bpy.ops.parascale.key_strength()
    calibrated["parascale_strength"] = 2.0
    calibrated.keyframe_insert(STRENGTH, frame=20)
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]
    curve = curve_of(calibrated, "parascale_strength")
    if how == "modifier":
        curve.modifiers.new("NOISE")
    else:
        curve.keyframe_points[0].interpolation = "CONSTANT"
    assert set(stale_at(calibrated)) == {"strength changed"}


def test_a_muted_driver_lets_the_keys_play(calibrated: bpy.types.Object) -> None:
    """They are taken, may be made, and make the camera stale."""
    scene = bpy.context.scene
    bpy.ops.parascale.apply_preset(preset="verbatim")
    bpy.ops.parascale.rebuild()
    before = asked(calibrated)
    for frame, strength in ((1, 1.0), (25, 3.0)):
        calibrated["parascale_strength"] = strength
        calibrated.keyframe_insert(STRENGTH, frame=frame)
    calibrated.driver_add(STRENGTH).mute = True
    calibrated.data.driver_add("lens").mute = True
    scene.frame_set(13)
    bpy.ops.parascale.rebuild()
    assert asked(calibrated)[12] == pytest.approx(2.0 * before[12], rel=1e-3)
    assert stale_at(calibrated) == ["", "", ""]
    scene.frame_set(13)
    calibrated["parascale_strength"] = 5.0
    assert bpy.ops.parascale.key_strength() == {"FINISHED"}
    assert set(stale_at(calibrated)) == {"strength changed"}
    calibrated.parascale.calibration.lens = "copy"
    bpy.ops.parascale.rebuild()


def test_a_muted_driver_of_an_anchor_lets_its_keys_play(calibrated: bpy.types.Object) -> None:
    """As one of the anchor's own channels, which a muted driver leaves as they are."""
    anchor = calibrated.parent
    anchor.driver_add("location", 0).mute = True
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]
    anchor.location.x += 0.1
    bpy.context.view_layer.update()
    assert set(stale_at(calibrated)) == {"anchor changed"}


@pytest.mark.parametrize("path", ["clip_end", "sensor_width"])
@pytest.mark.parametrize("by", ["driver", "keys"])
def test_a_lens_that_changes_along_the_move_is_not_stale_by_the_frame_shown(
    calibrated: bpy.types.Object, path: str, by: str
) -> None:
    data = calibrated.data
    value = getattr(data, path)
    if by == "driver":
        data.driver_add(path).driver.expression = f"{value} + frame"
    else:
        for frame in (1, 25):
            setattr(data, path, value + frame)
            data.keyframe_insert(path, frame=frame)
    bpy.context.scene.frame_set(1)
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]


@pytest.mark.parametrize("by", ["driver", "keys"])
@pytest.mark.parametrize(("fit", "path"), [("AUTO", "sensor_width"), ("VERTICAL", "sensor_height")])
def test_no_lens_is_keyed_on_a_sensor_that_is_animated(
    calibrated: bpy.types.Object, fit: str, path: str, by: str
) -> None:
    """The focal length that a picture needs is that of one sensor: it was that of the frame shown."""
    data = calibrated.data
    data.sensor_fit = fit
    if by == "driver":
        data.driver_add(path).driver.expression = "36 + frame"
    else:
        for frame, width in ((1, 36.0), (25, 72.0)):
            setattr(data, path, width)
            data.keyframe_insert(path, frame=frame)
    calibrated.parascale.calibration.lens = "copy"
    for frame in (1, 25):
        bpy.context.scene.frame_set(frame)
        with pytest.raises(RuntimeError, match=r"sensor is animated.*Lens to Keep"):
            bpy.ops.parascale.rebuild()
    calibrated.parascale.calibration.lens = "keep"
    bpy.ops.parascale.rebuild()


def test_a_lens_is_keyed_where_the_animated_side_of_the_sensor_does_not_count(calibrated: bpy.types.Object) -> None:
    calibrated.data.keyframe_insert("sensor_height", frame=1)
    calibrated.parascale.calibration.lens = "copy"
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]


@pytest.mark.parametrize("name", ["strength", "calibration.framing", "calibration.smooth", "calibration.keep_clear"])
def test_what_is_one_value_for_a_whole_shot_takes_neither_keys_nor_drivers(
    calibrated: bpy.types.Object, name: str
) -> None:
    """So that no setting depends on the frame that is shown. The strength is animated as a property of the camera."""
    for animate in (calibrated.driver_add, calibrated.keyframe_insert):
        with pytest.raises(TypeError, match="not animatable"):
            animate(f"parascale.{name}")


def test_a_driven_strength_takes_no_keys(calibrated: bpy.types.Object) -> None:
    """A driver would hide them."""
    calibrated.driver_add(STRENGTH).driver.expression = "frame / 20"
    with pytest.raises(RuntimeError, match="remove the driver"):
        bpy.ops.parascale.key_strength()
    calibrated.driver_remove(STRENGTH)
    assert bpy.ops.parascale.key_strength() == {"FINISHED"}


@pytest.mark.parametrize("keyed", [False, True])
def test_a_driven_time_is_refused(calibrated: bpy.types.Object, keyed: bool) -> None:
    """Its keys alone are read, and a driver would change the fingerprint and not the path."""
    if keyed:
        bpy.ops.parascale.add_time_curve()
    else:
        calibrated["parascale_time"] = 0.5
    calibrated.driver_add('["parascale_time"]').driver.expression = "frame / 30"
    with pytest.raises(RuntimeError, match="time of flight Camera is driven"):
        bpy.ops.parascale.rebuild()
    calibrated.driver_remove('["parascale_time"]')
    bpy.ops.parascale.rebuild()
    assert stale_at(calibrated) == ["", "", ""]
