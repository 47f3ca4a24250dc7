"""A photo becomes the target: its depth by a backend, from a file, or stated, and the surface in the scene."""

import importlib
import runpy
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
FAMILIES = ("depth-anything-relative", "depth-anything-metric", "depth-pro", "zoedepth")
SIZE = (100, 60)


@pytest.fixture
def photo(extension: object, tmp_path: Path) -> Path:
    """A smooth coloured picture, 100x60."""
    from bl_ext.user_default.parascale.jobs import thumbnails

    y, x = np.mgrid[0 : SIZE[1], 0 : SIZE[0]]
    channels = [np.sin(x / 17 + y / 11), np.cos(x / 9 - y / 23), np.sin(x * y / 600)]
    path = tmp_path / "photo.png"
    path.write_bytes(thumbnails.encode_png(np.rint(127.5 + 120 * np.stack(channels, axis=-1)).astype(np.uint8)))
    return path


@pytest.fixture
def asked(scene: bpy.types.Scene, photo: Path) -> Any:
    """What the panel asks, with the photo chosen."""
    scene.parascale.photo.picture = str(photo)
    return scene.parascale.photo


@pytest.fixture
def mapped(asked: Any, tmp_path: Path) -> Any:
    """The photo with a map from a file: a wall at 4, and something at 2 before its left half."""
    depth = np.full(SIZE[::-1], 4.0, np.float32)
    depth[10:50, 5:45] = 2.0
    np.save(tmp_path / "depth.npy", depth)
    asked.source, asked.depth_path = "FILE", str(tmp_path / "depth.npy")
    return asked


@pytest.fixture(scope="session")
def turned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos of all orientations, 60x40 as stored, with what the command line reads of each: by the environment that
    has Pillow and PyAV."""
    folder = tmp_path_factory.mktemp("turned")
    code = """
import pathlib, sys
import numpy as np
from PIL import Image
from parascale.media.image_file import read_image

folder = pathlib.Path(sys.argv[1])
y, x = np.mgrid[0:40, 0:60]
picture = np.stack([4 * x, 6 * y, 255 - 2 * x - 3 * y], axis=-1).clip(0, 255).astype(np.uint8)
for orientation in range(1, 9):
    facts = Image.Exif()
    facts[0x112] = orientation
    for kind in ("jpg", "png"):
        path = folder / f"{orientation}.{kind}"
        Image.fromarray(picture).save(path, exif=facts, quality=95, subsampling=0)
        np.save(folder / f"{orientation}.{kind}.npy", read_image(path).image)
"""
    subprocess.run([ROOT / ".venv" / "bin" / "python", "-c", code, folder], check=True)
    return folder


def helpers_of(name: str) -> dict[str, Any]:
    """What another file of tests defines."""
    return runpy.run_path(str(Path(__file__).with_name(name)))


def drawn() -> list[str]:
    """What the panel writes."""
    texts: list[str] = []
    panel = importlib.import_module("bl_ext.user_default.parascale.panels.calibrate").PARASCALE_PT_photo
    panel.draw(type("Panel", (), {"layout": helpers_of("test_panels.py")["Layout"](texts)}), bpy.context)
    return texts


@pytest.mark.slow
@pytest.mark.parametrize("family", FAMILIES)
def test_depth_is_estimated_by_the_backend_and_the_surface_appears(
    scene: bpy.types.Scene, asked: Any, models: dict[str, Path], backend: None, family: str
) -> None:
    from bl_ext.user_default.parascale.jobs import session
    from bl_ext.user_default.parascale.scene import photo

    from parascale.blender.camera import view_of_camera

    asked.model = str(models[family])
    assert bpy.ops.parascale.estimate_depth() == {"FINISHED"}
    (job,) = session.current().newest_jobs(1)
    assert (job.kind, job.title, job.state) == ("depth", "photo", "used")
    # What the model puts at infinity, with what touches it, gets no surface.
    shown = len(asked.surface.data.polygons) / (SIZE[0] * SIZE[1])
    assert 0.8 < shown <= photo.depth_of_photo(scene).cover
    assert family == "depth-anything-relative" or shown == 1
    assert scene.camera == asked.camera
    view = view_of_camera(scene, scene.camera)
    assert view.size == SIZE
    # Depth Pro sees its own field of view, which these weights put at 60 degrees; of the others 50 is assumed.
    angle = 60 if family == "depth-pro" else 50
    assert view.intrinsics[0] == pytest.approx(50 / np.tan(np.radians(angle / 2)), rel=1e-3)
    found = photo.depth_of_photo(scene)
    assert found.relative == (family == "depth-anything-relative")
    assert [found.near, found.median, found.far] == pytest.approx(
        [job.summary["percentiles"][p] for p in ("10", "50", "90")]
    )
    bpy.ops.parascale.measure()
    assert scene.parascale.measured_depth == pytest.approx(found.median, rel=0.15 if found.relative else 0.03)
    texts = drawn()
    assert "Known to ±10%: P ×0.91 to ×1.11" in texts


@pytest.mark.slow
def test_metres_become_units_of_the_scene(
    scene: bpy.types.Scene, asked: Any, models: dict[str, Path], backend: None
) -> None:
    from bl_ext.user_default.parascale.jobs import session
    from bl_ext.user_default.parascale.scene import photo

    scene.unit_settings.scale_length = 0.01
    asked.model = str(models["zoedepth"])
    bpy.ops.parascale.estimate_depth()
    (job,) = session.current().newest_jobs(1)
    assert photo.depth_of_photo(scene).median == pytest.approx(100 * job.summary["percentiles"]["50"])


def test_missing_weights_are_named_with_their_command(scene: bpy.types.Scene, asked: Any, backend: None) -> None:
    from bl_ext.user_default.parascale.jobs import session

    asked.model = "depth-pro"
    count = len(bpy.data.objects)
    with pytest.raises(RuntimeError, match=r"Copy Fetch Command .* \(depth-pro\)"):
        bpy.ops.parascale.estimate_depth()
    assert len(bpy.data.objects) == count
    assert not bpy.data.images.get("photo.png")
    # Once they are there, it can be asked for again from the list of jobs.
    (job,) = session.current().newest_jobs(1)
    assert job.state == "failed"
    asked.picture, asked.model, asked.source = "", "", "CONSTANT"
    with pytest.raises(RuntimeError, match=r"Copy Fetch Command .* \(depth-pro\)"):
        bpy.ops.parascale.retry_job(job_id=job.id)
    assert (asked.source, asked.model) == ("MODEL", "depth-pro")


@pytest.mark.slow
def test_cancelling_stops_the_job_and_changes_nothing(
    scene: bpy.types.Scene, asked: Any, models: dict[str, Path], backend: None
) -> None:
    from bl_ext.user_default.parascale.jobs import session
    from bl_ext.user_default.parascale.steps import Call

    cls = importlib.import_module("bl_ext.user_default.parascale.operators.calibrate").PARASCALE_OT_estimate_depth
    asked.model = str(models["depth-pro"])
    names = {item.name for kind in (bpy.data.objects, bpy.data.images, bpy.data.meshes) for item in kind}
    steps = cls.steps(bpy.context, Call({}, lambda *_: None))
    while not (jobs := session.current().pending_jobs()):
        next(steps)
    steps.close()
    bpy.ops.parascale.poll_jobs(wait=True)
    assert jobs[0].state in {"cancelled", "fetched"}
    assert names == {item.name for kind in (bpy.data.objects, bpy.data.images, bpy.data.meshes) for item in kind}
    session.current().forget(jobs[0])


@pytest.mark.slow
def test_estimate_that_arrives_later_is_put_into_its_file(
    scene: bpy.types.Scene, asked: Any, models: dict[str, Path], backend: None, tmp_path: Path
) -> None:
    from bl_ext.user_default.parascale.jobs import session, timer
    from bl_ext.user_default.parascale.scene import photo

    from parascale.link.kinds.depth import DepthRequest

    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "desk.blend"))
    bpy.ops.parascale.test_backend()
    picture = Path(asked.picture)
    request = DepthRequest(photo.read_photo(picture), str(models["zoedepth"]))
    record = {"picture": str(picture), "model": str(models["zoedepth"]), "fov": 40.0}
    job = session.new_job(request, "photo", scene, record)
    session.current().submit(job, request)
    bpy.ops.wm.read_homefile(use_empty=True)
    bpy.ops.parascale.poll_jobs(wait=True)
    timer.on_timer()
    assert (job.state, len(bpy.data.objects)) == ("fetched", 0)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "desk.blend"))
    timer.on_timer()
    assert job.state == "used"
    assert bpy.context.scene.camera.data.angle_x == pytest.approx(np.radians(40), rel=1e-4)


def test_map_from_a_file_needs_no_backend(scene: bpy.types.Scene, mapped: Any) -> None:
    mapped.fov = 60
    assert bpy.ops.parascale.estimate_depth() == {"FINISHED"}
    assert len(mapped.surface.data.polygons) == SIZE[0] * SIZE[1]
    bpy.ops.parascale.measure()
    assert scene.parascale.measured_depth == pytest.approx(4.0)
    assert "Depth 2 m / 4 m / 4 m" in drawn()
    # The picture that a video starts from is the photo itself, not a render of it.
    assert (scene.parascale.picture, scene.parascale.picture_path) == ("FILE", mapped.picture)


def test_photo_is_a_target_from_calibration_to_video(
    scene: bpy.types.Scene, mapped: Any, shot_file: Callable[..., Path], backend: None
) -> None:
    bpy.ops.parascale.estimate_depth()
    bpy.ops.parascale.import_shot(filepath=str(shot_file(count=9, step=0.03)))
    bpy.ops.parascale.create_camera()
    camera = scene.parascale.camera
    scene.frame_set(1)
    # 1.5 % of the depth, the reference's first step of (0.03, 0, 0.015) over its depth of 1.
    assert camera["parallax_number"] == pytest.approx(np.hypot(0.03, 0.015) * 16 / 24, rel=0.02)
    assert any(text.startswith("Here P ") for text in drawn())
    scene.parascale.long_side = 64
    assert bpy.ops.parascale.generate() == {"FINISHED"}


def test_undo_gives_every_value_back(scene: bpy.types.Scene, mapped: Any) -> None:
    helpers = helpers_of("test_undo.py")
    bpy.ops.ed.undo_push(message="before")
    # What is there after an undo is what undo can give back.
    bpy.ops.ed.undo_push(message="again")
    bpy.ops.ed.undo()
    before = helpers["everything"]()
    assert bpy.ops.parascale.estimate_depth("EXEC_DEFAULT", True) == {"FINISHED"}
    assert len(bpy.data.objects) == 3
    bpy.ops.ed.undo()
    assert helpers["difference"](before, helpers["everything"]()) == []


def test_second_depth_of_a_photo_replaces_the_first_where_it_stands(scene: bpy.types.Scene, mapped: Any) -> None:
    bpy.ops.parascale.estimate_depth()
    mapped.surface.location.z = mapped.camera.location.z = 1.5
    bpy.context.view_layer.update()
    mapped.source, mapped.distance = "CONSTANT", 3.0
    assert bpy.ops.parascale.estimate_depth() == {"FINISHED"}
    assert len(bpy.data.objects) == 3
    assert mapped.surface.location.z == mapped.camera.location.z == 1.5
    bpy.ops.parascale.measure()
    assert scene.parascale.measured_depth == pytest.approx(3.0, rel=1e-4)


def test_surface_of_another_photo_is_hidden_and_not_measured(
    scene: bpy.types.Scene, mapped: Any, tmp_path: Path
) -> None:
    bpy.ops.parascale.estimate_depth()
    first = mapped.surface
    other = tmp_path / "other.png"
    other.write_bytes(Path(mapped.picture).read_bytes())
    mapped.picture, mapped.source, mapped.distance = str(other), "CONSTANT", 9.0
    bpy.ops.parascale.estimate_depth()
    assert all(item.hide_viewport for item in (first, *first.children))
    bpy.ops.parascale.measure()
    assert scene.parascale.measured_depth == pytest.approx(9.0, rel=1e-4)


def test_map_of_another_shape_is_refused_and_nothing_made(scene: bpy.types.Scene, mapped: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "depth.npy", np.ones((80, 80), np.float32))
    with pytest.raises(RuntimeError, match="The photo is 100x60 but its depth map 80x80"):
        bpy.ops.parascale.estimate_depth()
    assert not bpy.data.objects
    np.save(tmp_path / "depth.npy", np.zeros(SIZE[::-1], np.float32))
    with pytest.raises(RuntimeError, match="no positive depth"):
        bpy.ops.parascale.estimate_depth()


@pytest.mark.parametrize(
    ("earlier", "depth", "said"),
    [
        (None, 4.0, []),
        (None, 4000.0, ["median depth of 4,000 m", "set Scale"]),
        (None, 0.004, ["median depth of 0.004 m"]),
        (4.0, 6.0, []),
        (4.0, 40.0, ["10 times as deep", "40 instead of 4"]),
        (4.0, 0.4, ["0.1 times as deep"]),
    ],
)
def test_a_map_in_another_unit_is_said(
    scene: bpy.types.Scene,
    mapped: Any,
    photo: Path,
    tmp_path: Path,
    earlier: float | None,
    depth: float,
    said: list[str],
) -> None:
    from bl_ext.user_default.parascale.scene import photo as photos

    if earlier is not None:
        np.save(tmp_path / "earlier.npy", np.full(SIZE[::-1], earlier, np.float32))
        photos.place_file(scene, photo, tmp_path / "earlier.npy", 0, 0)
    np.save(tmp_path / "depth.npy", np.full(SIZE[::-1], depth, np.float32))
    _, doubts = photos.place_file(scene, photo, tmp_path / "depth.npy", 0, 0)
    assert len(doubts) == bool(said)
    assert all(part in doubts[0] for part in said)
    # In the unit that was meant, nothing is said of it.
    _, doubts = photos.place_file(scene, photo, tmp_path / "depth.npy", 4 / depth, 0)
    assert doubts == ()


def test_it_says_what_is_missing(scene: bpy.types.Scene, photo: Path) -> None:
    with pytest.raises(RuntimeError, match="No photo: choose one"):
        bpy.ops.parascale.estimate_depth()
    scene.parascale.photo.picture = str(photo)
    scene.parascale.photo.source = "FILE"
    with pytest.raises(RuntimeError, match="No depth map: choose one"):
        bpy.ops.parascale.estimate_depth()
    scene.parascale.photo.source = "CONSTANT"
    scene.parascale.photo.picture = str(photo.with_name("missing.png"))
    with pytest.raises(RuntimeError, match="no picture that Blender can read"):
        bpy.ops.parascale.estimate_depth()
    assert not bpy.data.objects
    assert not bpy.data.images


def test_large_photo_is_averaged_down(extension: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from bl_ext.user_default.parascale.jobs import thumbnails
    from bl_ext.user_default.parascale.scene import photo

    monkeypatch.setattr(photo, "MAX_PIXELS", 10_000)
    picture = np.zeros((200, 196, 3), np.uint8)
    picture[::2] = 200
    path = tmp_path / "large.png"
    path.write_bytes(thumbnails.encode_png(picture))
    small = photo.read_photo(path)
    assert small.shape == (100, 98, 3)
    assert (small == 100).all()


@pytest.mark.parametrize("kind", ["jpg", "png"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_photo_has_the_pixels_that_the_command_line_reads(
    extension: object, turned: Path, kind: str, orientation: int
) -> None:
    from bl_ext.user_default.parascale.scene import photo, pictures

    path = turned / f"{orientation}.{kind}"
    wanted = np.load(turned / f"{path.name}.npy").astype(int)
    assert wanted.shape == ((60, 40, 3) if orientation > 4 else (40, 60, 3))
    for read in (photo.read_photo(path), pictures.read_picture(path)):
        assert read.shape == wanted.shape
        # Decoders of JPEG round differently.
        assert np.abs(read - wanted).max() <= (0 if kind == "png" else 6)


@pytest.mark.parametrize("orientation", [1, 6, 7])
def test_turned_photo_stands_upright_in_the_scene_and_stays_so(
    scene: bpy.types.Scene, turned: Path, tmp_path: Path, orientation: int
) -> None:
    from parascale.blender.camera import view_of_camera

    asked = scene.parascale.photo
    path = turned / f"{orientation}.jpg"
    wanted = np.load(turned / f"{path.name}.npy").astype(int)
    size = wanted.shape[1::-1]
    # As `parascale depth` makes it of the same photo.
    np.save(tmp_path / "depth.npy", np.full(wanted.shape[:2], 4.0, np.float32))
    asked.picture, asked.source, asked.depth_path, asked.fov = str(path), "FILE", str(tmp_path / "depth.npy"), 60
    for _ in range(2):
        assert bpy.ops.parascale.estimate_depth() == {"FINISHED"}
    assert len(bpy.data.objects) == 3
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "desk.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "desk.blend"))
    opened = bpy.context.scene
    view = view_of_camera(opened, opened.camera)
    assert view.size == size
    assert view.intrinsics[0] == pytest.approx(size[0] / 2 / np.tan(np.radians(30)), rel=1e-3)
    # The file itself, linked and not touched, by the places that the surface's corners have in it.
    image = bpy.data.images[path.name]
    assert image.packed_file is None
    assert Path(bpy.path.abspath(image.filepath)).samefile(path)
    stored = np.array(image.pixels[:], np.float32).reshape(40, 60, 4)[..., :3] * 255
    mesh = opened.parascale.photo.surface.data
    at = np.empty(len(mesh.loops) * 2, np.float32)
    mesh.uv_layers[0].uv.foreach_get("vector", at)
    column, row = np.floor(at.reshape(-1, 4, 2).mean(axis=1) * [60, 40]).astype(int).T
    # Quads come row by row, from the top left.
    assert np.abs(stored[row, column].reshape(wanted.shape) - wanted).max() <= 6
    assert bpy.ops.parascale.estimate_depth() == {"FINISHED"}
    assert len(bpy.data.objects) == 3


def test_wall_of_a_turned_photo_has_its_shape(scene: bpy.types.Scene, turned: Path) -> None:
    from bl_ext.user_default.parascale.scene import generation

    asked = scene.parascale.photo
    asked.picture, asked.source = str(turned / "8.jpg"), "CONSTANT"
    assert bpy.ops.parascale.estimate_depth() == {"FINISHED"}
    assert (scene.render.resolution_x, scene.render.resolution_y) == (40, 60)
    # A video starts from the photo as it stands.
    chosen = generation.GenerationSettings.from_scene(scene)
    assert chosen.picture == "FILE"
    first = generation.read_given_picture(scene, (40, 60), chosen)
    assert np.abs(first - np.load(turned / "8.jpg.npy").astype(int)).max() <= 6
