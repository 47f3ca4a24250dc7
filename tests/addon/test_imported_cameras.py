"""Cameras of other tools' files, brought in by Blender's own importers and taken by Use Active Camera.

The files and their true paths are those of tests/fixtures/cameras, which says how they were made.
"""

import json
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

FILES = Path(__file__).parents[1] / "fixtures" / "cameras"
# Files played by their seconds, at the scene's frames: the first of these.
BY_SECONDS = {"gltf_30": 0}
IMPORTERS = {
    "usda": ["wm.usd_import"],
    "usdc": ["wm.usd_import"],
    "abc": ["wm.alembic_import"],
    "fbx": ["wm.fbx_import", "import_scene.fbx"],
    "gltf": ["import_scene.gltf"],
}
CASES = [
    pytest.param(file, importer, truth, id=f"{truth.name[:-11]}-{importer}")
    for file in sorted(FILES.iterdir())
    for importer in IMPORTERS.get(file.suffix[1:], [])
    for truth in sorted(FILES.glob(f"{file.stem}.*truth.json"))
    if not (file.name == "fbx_text.fbx" and importer == "import_scene.fbx")  # which says that it reads no ASCII
]


def read_by(importer: str, file: Path) -> None:
    module, name = importer.split(".")
    operator = getattr(getattr(bpy.ops, module), name)
    if name not in dir(getattr(bpy.ops, module)):
        pytest.skip(f"this Blender is built without {importer}")
    assert operator(filepath=str(file)) == {"FINISHED"}


def make_active(name: str) -> None:
    bpy.context.view_layer.objects.active = bpy.data.objects[name]


def reference_shot() -> Any:
    from parascale.files.shot_file import shot_from_json

    return shot_from_json(bpy.context.scene.parascale.reference.parascale.text.as_string())


@pytest.fixture
def default_file(extension: object) -> bpy.types.Scene:
    """The file that Blender opens with, its cube removed: a lamp and a camera of its own, frames 1 to 250 at 24."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y = 320, 180
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    return bpy.context.scene


@pytest.mark.parametrize(("file", "importer", "truth"), CASES)
def test_camera_of_another_tools_file_has_its_true_path(
    default_file: bpy.types.Scene, file: Path, importer: str, truth: Path
) -> None:
    read_by(importer, file)
    name = truth.name.split(".")[1]
    if name != "truth":
        make_active(name)
    assert bpy.ops.parascale.use_camera() == {"FINISHED"}
    assert reference_shot().up.direction.tolist() == [0, 0, 1]
    shot, true = reference_shot(), json.loads(truth.read_text())
    rows, frames = np.array(true["camera_to_world_3x4_and_focal_length_over_width"]), np.array(true["frames"])
    resampled = file.stem in BY_SECONDS
    assert shot.fps == pytest.approx(24 if resampled else true["fps"])
    start = BY_SECONDS[file.stem] / 24 if resampled else np.ceil(frames[0]) / true["fps"]
    assert len(shot) == pytest.approx(np.ptp(frames) * shot.fps / true["fps"] + 1, abs=1)
    # Both at the moments that they share: a file's samples may lie between frames.
    seconds, found = frames / true["fps"], start + shot.trajectory.times
    index, row = np.nonzero(np.abs(found[:, None] - seconds) < 1e-5)
    assert len(index) >= 3
    assert resampled or len(shot) != len(frames) or len(index) == len(frames)
    if file.suffix == ".abc":
        assert len(index) == len(shot)
    pose, rotations = rows[row, :12].reshape(-1, 3, 4), shot.trajectory.rotations
    np.testing.assert_allclose(shot.trajectory.centres[index], pose[:, :, 3], atol=2e-6)
    np.testing.assert_allclose(rotations[index], pose[:, :, :3], atol=1e-6)
    np.testing.assert_allclose(rotations @ rotations.swapaxes(1, 2), np.eye(3)[None].repeat(len(shot), 0), atol=1e-9)
    lens = shot.trajectory.intrinsics[index] / (shot.trajectory.width, shot.trajectory.width, *shot.trajectory.size)
    if not (file.stem == "abc_zoom" and bpy.app.version < (5, 2)):
        np.testing.assert_allclose(lens[:, 0], rows[row, 12], rtol=1e-6)
    np.testing.assert_allclose(lens[:, 2:], np.tile(true["principal_point"], (len(lens), 1)), atol=1e-6)


def test_a_files_own_rate_and_frames_are_kept_and_said(
    default_file: bpy.types.Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    read_by("wm.usd_import", FILES / "usd_two.usdc")
    make_active("main")
    # As after another import, or in a scene of another length.
    default_file.frame_start, default_file.frame_end = 1, 250
    bpy.ops.parascale.use_camera()
    said = capfd.readouterr().out
    assert "usd_two.usdc has 30 frames a second, the scene 24: the reference keeps the file's" in said
    assert "main: 13 frames at 30 a second" in said
    assert "frames 1 to 13, where it moves (the scene's range is 1 to 250)" in said
    before = reference_shot().trajectory.centres
    bpy.data.cache_files["usd_two.usdc"].frame_offset = 100
    bpy.ops.parascale.use_camera()
    assert "frames 101 to 113, where it moves" in capfd.readouterr().out
    np.testing.assert_allclose(reference_shot().trajectory.centres, before, atol=1e-6)


def test_an_alembic_file_is_taken_at_its_own_samples(
    default_file: bpy.types.Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    read_by("wm.alembic_import", FILES / "abc_30.abc")
    default_file.frame_start, default_file.frame_end = 1, 250
    bpy.ops.parascale.use_camera()
    said = capfd.readouterr().out
    assert "abc_30.abc has 30 frames a second, the scene 24: the reference keeps the file's" in said
    assert "cam: 16 frames at 30 a second" in said
    whole = reference_shot().trajectory.centres
    bpy.data.cache_files["abc_30.abc"].frame_offset = 100
    bpy.ops.parascale.use_camera()
    np.testing.assert_allclose(reference_shot().trajectory.centres, whole, atol=2e-6)
    bpy.data.cache_files["abc_30.abc"].frame_offset = 0
    # A piece of the move: the file's samples in the scene's range.
    default_file.frame_start, default_file.frame_end = 4, 8
    bpy.ops.parascale.use_camera()
    np.testing.assert_allclose(reference_shot().trajectory.centres, whole[4:10], atol=2e-6)


def test_a_rate_that_cannot_be_read_is_said(
    default_file: bpy.types.Scene, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "moved.usda"
    path.write_bytes((FILES / "usd_group.usda").read_bytes())
    read_by("wm.usd_import", path)
    path.unlink()
    bpy.ops.parascale.use_camera()
    assert "frame rate of moved.usda could not be read: the scene's 24 a second was taken" in capfd.readouterr().out


def test_a_zoom_that_blender_does_not_read_is_said(
    default_file: bpy.types.Scene, capfd: pytest.CaptureFixture[str]
) -> None:
    read_by("wm.alembic_import", FILES / "abc_zoom.abc")
    bpy.ops.parascale.use_camera()
    said = "takes an Alembic camera's lens from its first frame" in capfd.readouterr().out
    assert said == (bpy.app.version < (5, 2))


def test_several_cameras_that_were_just_imported_are_a_choice(default_file: bpy.types.Scene) -> None:
    read_by("wm.usd_import", FILES / "usd_two.usdc")
    assert not bpy.ops.parascale.use_camera.poll()
    with pytest.raises(RuntimeError, match="Several cameras are selected: make one the active object"):
        bpy.ops.parascale.use_camera()


@pytest.mark.parametrize(
    ("name", "sentence"),
    [("flat", "is an orthographic camera, which has no parallax"), ("sheared", "is mirrored or sheared")],
)
def test_a_camera_that_has_no_parallax_is_refused(default_file: bpy.types.Scene, name: str, sentence: str) -> None:
    read_by("wm.usd_import", FILES / "usd_refused.usda")
    make_active(name)
    with pytest.raises(RuntimeError, match=sentence):
        bpy.ops.parascale.use_camera()


def test_a_camera_comes_back_from_blenders_own_gltf(stage: bpy.types.Scene, tmp_path: Path) -> None:
    camera = stage.camera
    for frame, x in ((11, 0.0), (31, 2.0)):
        camera.location.x = x
        camera.rotation_euler.z = 0.1 * x
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_euler", frame=frame)
    from parascale.blender.camera import trajectory_of_camera

    stage.frame_start, stage.frame_end = 11, 31
    before = trajectory_of_camera(stage, camera, np.arange(21) / 24)
    path = tmp_path / "own.gltf"
    bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLTF_SEPARATE", export_cameras=True)
    bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    scene.render.fps, scene.render.resolution_x, scene.render.resolution_y = 24, 320, 180
    read_by("import_scene.gltf", path)
    assert bpy.ops.parascale.use_camera() == {"FINISHED"}
    after = reference_shot().trajectory
    assert len(after) == len(before)
    np.testing.assert_allclose(after.centres, before.centres, atol=1e-5)
    np.testing.assert_allclose(after.rotations, before.rotations, atol=1e-5)
    np.testing.assert_allclose(after.intrinsics, before.intrinsics, rtol=1e-5)


EXPORTERS = {
    "fbx": ("export_scene.fbx", {"bake_anim_simplify_factor": 0.0}),
    "gltf": ("export_scene.gltf", {"export_cameras": True, "export_format": "GLTF_SEPARATE"}),
    "usdc": ("wm.usd_export", {"export_animation": True}),
    "abc": ("wm.alembic_export", {"start": 1, "end": 24}),
}


@pytest.mark.parametrize(
    ("suffix", "importer"), [(suffix, importer) for suffix in EXPORTERS for importer in IMPORTERS[suffix]]
)
def test_a_camera_of_blenders_own_exporters_has_its_true_path(
    default_file: bpy.types.Scene, suffix: str, importer: str, tmp_path: Path
) -> None:
    scene, camera = default_file, bpy.data.objects["Camera"]
    bpy.data.objects.remove(bpy.data.objects["Light"])  # which 5.0's own FBX importer breaks on
    bpy.ops.mesh.primitive_plane_add(size=100, location=(0, 0, -1))
    scene.frame_start, scene.frame_end = 1, 24
    camera.rotation_mode = "XYZ"
    for frame in (1, 9, 17, 24):
        along = (frame - 1) / 23
        camera.location = 4 - 3 * along, -6 + along**2, 2 + along
        camera.rotation_euler = 1.2, 0.1 * along, 0.5 * along
        camera.keyframe_insert("location", frame=frame)
        camera.keyframe_insert("rotation_euler", frame=frame)
    camera.data.lens = 35
    scene.camera = camera

    module, name = EXPORTERS[suffix][0].split(".")
    exporter, path = getattr(getattr(bpy.ops, module), name), tmp_path / f"moved.{suffix}"
    if name not in dir(getattr(bpy.ops, module)):
        pytest.skip(f"this Blender is built without {EXPORTERS[suffix][0]}")
    assert exporter(filepath=str(path), **EXPORTERS[suffix][1]) == {"FINISHED"}
    assert bpy.ops.parascale.use_camera() == {"FINISHED"}
    true = reference_shot()

    bpy.ops.wm.read_homefile(use_factory_startup=True)
    for item in list(bpy.data.objects):
        bpy.data.objects.remove(item)
    bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y = 320, 180
    before = {*bpy.data.objects}
    read_by(importer, path)
    (brought,) = (item for item in {*bpy.data.objects} - before if item.type == "CAMERA")
    make_active(brought.name)
    assert bpy.ops.parascale.use_camera() == {"FINISHED"}
    shot = reference_shot()
    assert (len(shot), shot.fps) == (len(true), true.fps)
    np.testing.assert_allclose(shot.trajectory.centres, true.trajectory.centres, atol=1e-4)
    np.testing.assert_allclose(shot.trajectory.rotations, true.trajectory.rotations, atol=1e-4)
    np.testing.assert_allclose(shot.trajectory.intrinsics, true.trajectory.intrinsics, rtol=1e-4)


def test_a_camera_that_first_looks_along_z_says_nothing_of_up(extension: object) -> None:
    from bl_ext.user_default.parascale.scene.sampling import up_of_world

    # As a tracked clip's camera stands whose constraint was made keys.
    assert up_of_world(np.eye(4)) is None
    level = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]], np.float64)
    found = up_of_world(level)
    assert found is not None
    assert found.direction.tolist() == [0, 0, 1]
